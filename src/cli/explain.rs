//! `explain`: why a test is unstable and what to do, streamed, every sentence cited.

use std::io::Write;
use std::path::Path;

use futures::StreamExt;
use futures::stream::BoxStream;

use super::model::ModelArgs;
use super::open::{self, StoreArgs};
use super::{DataFormat, Outcome, note, print};
use crate::ask;
use crate::config::ProjectFile;
use crate::explain::connect::connect;
use crate::explain::{Event, Finished, Options, explain, shown_prompt};
use crate::index::edge::Access;
use crate::report;
use crate::risk::why::Reasons;

/// Prompt tokens that `--show-prompt` allows where no model says otherwise.
const SHOWN_BUDGET: u32 = 700;

/// Explain why a test is unstable and what to do, every sentence cited
#[derive(clap::Args)]
pub(super) struct Args {
    /// Node id (`tests/test_lock.py::TestLock::test_expires`), or its end where that is unique
    test: String,
    /// The repository, where several have such a test
    #[arg(long)]
    repo: Vec<String>,
    #[command(flatten)]
    model: ModelArgs,
    /// Tell why the test has its risk: what moved it, nearest outcomes, findings; asks no model
    #[arg(long, conflicts_with = "show_prompt")]
    risk: bool,
    /// Print the prompt that the model would get, and stop
    #[arg(long)]
    show_prompt: bool,
    #[arg(long, value_enum, default_value = "text")]
    format: DataFormat,
    #[command(flatten)]
    store: StoreArgs,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let near = Path::new(".");
    let project = ProjectFile::nearest(near)?;
    open::block_on(async {
        let opened = open::open(&args.store, &project, near, Access::Existing).await?;
        let test = super::find::test(&opened.store, &args.test, &args.repo).await?;
        if args.risk {
            let reasons = Reasons::of(&test.assessment);
            return print(&match args.format {
                DataFormat::Text => report::reasons(&reasons),
                DataFormat::Json => serde_json::to_string_pretty(&reasons)?,
            });
        }
        let (evidence, retrieval_ms) = ask::evidence(&opened.store, &opened.embedder, test).await?;
        if args.show_prompt {
            let prompt = shown_prompt(&evidence, SHOWN_BUDGET)?;
            return print(&report::prompt(&prompt));
        }
        let model = connect(&args.model.settings(&project)).await?;
        let assessment = evidence.target.assessment.clone();
        if args.format == DataFormat::Text {
            print(&report::explanation_head(&assessment))?;
            if let Some(model) = &model {
                note(&format!("asking {} …", model.name()));
            }
        }
        let options = Options { retrieval_ms, ..Options::default() };
        show(explain(evidence, model, options), args.format).await
    })?;
    Ok(Outcome::Clean)
}

/// Prints an answer: sentences as they are verified, or the whole object at the end.
pub(super) async fn show(mut events: BoxStream<'static, Event>, format: DataFormat) -> anyhow::Result<()> {
    while let Some(event) = events.next().await {
        match (&event, format) {
            (Event::Verification { text, citations, kept: true, .. }, DataFormat::Text) => {
                print(&report::sentence(text, citations))?;
                std::io::stdout().flush()?;
            }
            (Event::Done(finished), DataFormat::Text) => print(&report::answer_end(finished))?,
            (Event::Done(finished), DataFormat::Json) => print(&match &**finished {
                Finished::Explanation(explanation) => serde_json::to_string_pretty(explanation)?,
                Finished::Reply(reply) => serde_json::to_string_pretty(reply)?,
            })?,
            (Event::Error { message }, _) => note(&format!("flakydetector: {message}")),
            _ => {}
        }
    }
    Ok(())
}

//! `explain`: why a test is unstable and what to do, streamed, every sentence cited.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;

use super::hunt::{RunArgs, rerun};
use super::model::ModelArgs;
use super::open::{self, StoreArgs};
use super::{DataFormat, Outcome, mend, note, print, risk_model};
use crate::ask;
use crate::config::ProjectFile;
use crate::explain::connect::connect;
use crate::explain::model::ChatModel;
use crate::explain::{Event, Finished, Options, explain, shown_prompt};
use crate::hunt::{Rerun, RerunVerdict};
use crate::index::IndexedTest;
use crate::index::edge::Access;
use crate::propose::{Proposal, ProposeError, example, propose};
use crate::report;
use crate::risk::Assessment;
use crate::risk::why::Reasons;
use crate::scan::ScanRequest;
use crate::search::by_name;
use crate::smells::Selection;
use crate::source;

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
    /// Propose a patch, by the rule or by the model, and check it; in the project's folder. Nothing is run without --run
    #[arg(long, conflicts_with_all = ["risk", "show_prompt"])]
    fix: bool,
    /// With --fix: write the patch where it is verified
    #[arg(long, requires = "fix")]
    write: bool,
    #[command(flatten)]
    run: RunArgs,
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
        let test = by_name(&opened.store, &args.test, &args.repo).await?;
        if args.risk {
            let reasons = Reasons::of(&test.assessment);
            return print(&match args.format {
                DataFormat::Text => report::reasons(&reasons),
                DataFormat::Json => serde_json::to_string_pretty(&reasons)?,
            });
        }
        let fixes = open::known_fixes(&args.store, &project, near, &opened.embedder).await;
        let (evidence, examples, retrieval_ms) =
            ask::evidence(&opened.store, &opened.embedder, fixes.as_ref().map(|fixes| &fixes.store), test)
                .await?;
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
        let answer = explain(evidence, model.clone(), options);
        if !args.fix {
            return show(answer, args.format).await;
        }
        let wanted = || proposed(&project, &assessment, &examples, model);
        with_fix(args, &project, answer, wanted).await
    })?;
    Ok(Outcome::Clean)
}

/// A mended version of the test in the project around the current folder.
async fn proposed(
    project: &ProjectFile,
    test: &Assessment,
    examples: &[IndexedTest],
    model: Option<Arc<dyn ChatModel>>,
) -> Result<Proposal, ProposeError> {
    let root = source::project_root(Path::new("."));
    let request = ScanRequest {
        paths: vec![root],
        repo: Some(test.repo.clone()),
        selection: Selection { select: vec![], ignore: project.ignore.clone() },
        ..ScanRequest::default()
    };
    let risk = Arc::new(risk_model(None).map_err(|error| ProposeError::Model(error.to_string()))?);
    propose(request, risk, &test.id, examples.iter().filter_map(example).collect(), model).await
}

/// Prints an answer with the patch after it, and writes the patch where that is wanted.
async fn with_fix<F, P>(
    args: &Args,
    project: &ProjectFile,
    mut events: BoxStream<'static, Event>,
    wanted: F,
) -> anyhow::Result<()>
where
    F: FnOnce() -> P,
    P: Future<Output = Result<Proposal, ProposeError>>,
{
    let mut last = None;
    if args.format == DataFormat::Json {
        while let Some(event) = events.next().await {
            if let Event::Done(finished) = event {
                last = Some(*finished);
            }
        }
    } else {
        show(events, args.format).await?;
        note("looking for a fix …");
    }
    let mut proposal = wanted().await;
    if let Some(proposal) = proposal.as_mut().ok().filter(|_| args.run.wanted()) {
        try_by_running(args, project, proposal).await?;
    }
    match (&proposal, last) {
        (_, Some(Finished::Explanation(mut explanation))) => {
            match &proposal {
                Ok(proposal) => explanation.fix = Some(proposal.fix.clone()),
                Err(error) => explanation.fix_note = Some(error.to_string()),
            }
            print(&serde_json::to_string_pretty(&explanation)?)?;
        }
        (Ok(proposal), _) => print(&report::fix(&proposal.fix))?,
        (Err(error), _) => print(&format!("\nNo fix: {error}"))?,
    }
    if !args.write {
        return Ok(());
    }
    let proposal = proposal?;
    anyhow::ensure!(proposal.fix.verified, "the patch is not verified, so it was not written");
    let says_no = |run: &Rerun| matches!(run.verdict, RerunVerdict::StillUnstable | RerunVerdict::Broken);
    anyhow::ensure!(
        !proposal.fix.run.as_deref().is_some_and(says_no),
        "running says no, so the patch was not written"
    );
    let path = source::project_root(Path::new(".")).join(&proposal.file);
    mend::replace(&path, &proposal.bytes, &proposal.after)
        .map_err(|reason| anyhow::anyhow!("{} {reason}", proposal.file))?;
    note(&format!("{} is mended", proposal.file));
    Ok(())
}

/// Runs the test before and after, where the check of the patch found nothing wrong.
async fn try_by_running(args: &Args, project: &ProjectFile, proposal: &mut Proposal) -> anyhow::Result<()> {
    if !proposal.fix.verified {
        note("the patch is not verified, so nothing was run");
        return Ok(());
    }
    let Some(bytes) = source::encode(&proposal.bytes, &proposal.after) else {
        anyhow::bail!("the encoding of {} cannot hold the patch, so nothing was run", proposal.file);
    };
    let (test, file) = (proposal.test.clone(), proposal.file.clone());
    proposal.fix.run = Some(Box::new(rerun(&args.run, project, &test, file, bytes).await?));
    Ok(())
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

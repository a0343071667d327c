//! `chat`: questions in a conversation, answered from what the index holds.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use futures::StreamExt;

use super::model::ModelArgs;
use super::open::{self, FilterArgs, StoreArgs};
use super::{Outcome, note, print};
use crate::ask;
use crate::config::ProjectFile;
use crate::explain::chat::chat;
use crate::explain::connect::connect;
use crate::explain::prompt::Turn;
use crate::explain::{Event, Finished, Options};
use crate::index::edge::Access;
use crate::report;

/// Ask about root causes; one question a line, `exit` or end of input ends it
#[derive(clap::Args)]
pub(super) struct Args {
    /// A single question; without one, questions are read from standard input
    question: Option<String>,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    store: StoreArgs,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let near = Path::new(".");
    let project = ProjectFile::nearest(near)?;
    open::block_on(async {
        let opened = open::open(&args.store, &project, near, Access::Existing).await?;
        let model = connect(&args.model.settings(&project)).await?;
        let mut history: Vec<Turn> = vec![];
        loop {
            let Some(question) = next_question(args.question.as_deref(), history.is_empty())? else { break };
            let (material, retrieval_ms) =
                ask::material(&opened.store, &opened.embedder, &history, &question, &args.filter.filter())
                    .await?;
            let options = Options { retrieval_ms, ..Options::default() };
            let mut events =
                chat(history.clone(), question.clone(), material.clone(), model.clone(), options);
            let mut said = String::new();
            while let Some(event) = events.next().await {
                match event {
                    Event::Verification { text, citations, kept: true, .. } => {
                        print(&report::sentence(&text, &citations))?;
                    }
                    Event::Error { message } => note(&format!("flakydetector: {message}")),
                    Event::Done(finished) => {
                        print(&report::answer_end(&finished))?;
                        if let Finished::Reply(reply) = *finished {
                            said = reply.said;
                        }
                    }
                    _ => {}
                }
            }
            history.push(Turn { question: Some(question), material, answer: said });
        }
        Ok(())
    })?;
    Ok(Outcome::Clean)
}

fn next_question(only: Option<&str>, is_first: bool) -> anyhow::Result<Option<String>> {
    if let Some(only) = only {
        return Ok(is_first.then(|| only.to_owned()));
    }
    let mut input = std::io::stdin().lock();
    loop {
        if std::io::stdin().is_terminal() {
            write!(std::io::stderr(), "> ")?;
            std::io::stderr().flush()?;
        }
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 || matches!(line.trim(), "exit" | "quit") {
            return Ok(None);
        }
        if !line.trim().is_empty() {
            return Ok(Some(line.trim().to_owned()));
        }
    }
}

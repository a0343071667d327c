//! `mcp`: the same verbs for coding agents, over standard input and output.

use std::path::Path;
use std::sync::Arc;

use super::model::ModelArgs;
use super::open::{self, StoreArgs};
use super::{Outcome, risk_model};
use crate::config::ProjectFile;
use crate::index::edge::Access;
use crate::mcp::{self, Agent, Shelf};
use crate::source;

/// Serve scan, search, similar, explain, fix, patterns and rule to a coding agent (MCP over stdio)
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    model: ModelArgs,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let near = Path::new(".");
    let project = ProjectFile::nearest(near)?;
    let agent = Agent {
        risk: Arc::new(risk_model(None)?),
        model: args.model.settings(&project),
        project: source::project_root(near),
        open: opener(args.store.clone(), project),
    };
    open::block_on(mcp::serve(agent))?;
    Ok(Outcome::Clean)
}

/// Opens the index anew for each call, so that other commands get at it in between.
fn opener(store: StoreArgs, project: ProjectFile) -> mcp::Open {
    Arc::new(move || {
        let (store, project) = (store.clone(), project.clone());
        Box::pin(async move {
            let near = Path::new(".");
            let opened = open::open(&store, &project, near, Access::Existing).await?;
            let fixes = open::known_fixes(&store, &project, near, &opened.embedder).await;
            let fixes = fixes.map(|fixes| fixes.store);
            Ok(Shelf { store: opened.store, fixes, embedder: opened.embedder })
        })
    })
}

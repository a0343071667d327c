//! `doctor`: what is installed, reachable and missing, and how to mend it.

use std::path::Path;

use super::model::ModelArgs;
use super::open::{self, StoreArgs};
use super::{Outcome, print};
use crate::config::ProjectFile;
use crate::explain::connect::connect;
use crate::index::edge::Access;
use crate::index::embedder::MiniLm;
use crate::index::{Embedder, holder, models};
use crate::risk::RiskModel;
use crate::smells;

/// Say what is installed, reachable and missing, and how to mend it
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
    let mut lines =
        vec![format!("flakydetector {}: {} rules", env!("CARGO_PKG_VERSION"), smells::RULES.len())];
    let mut broken = false;
    let mut line = |name: &str, state: Result<String, String>, is_needed: bool| {
        broken |= is_needed && state.is_err();
        let mark = if state.is_ok() {
            "ok"
        } else if is_needed {
            "missing"
        } else {
            "none"
        };
        lines.push(format!("{mark:<8}{name}: {}", state.unwrap_or_else(|text| text)));
    };
    let risk = RiskModel::built_in().map(|model| {
        let text = |key: &str| model.card[key].to_string().trim_matches('"').to_owned();
        format!("{}, trained {} on {} tests", text("recipe"), text("date"), text("tests"))
    });
    line("risk model", risk.map_err(|error| error.to_string()), true);
    let embedding =
        MiniLm::load().and_then(|model| model.warm()).map(|_| format!("in {}", models::folder().display()));
    let has_embedding = embedding.is_ok();
    line("embedding model", embedding.map_err(|error| error.to_string()), true);
    let (folder, url) = open::place(&args.store, &project, near);
    let place = url.unwrap_or_else(|| folder.display().to_string());
    let store = match holder::read(&folder) {
        Some(holder) => Ok(format!("{place}, held by {holder}")),
        None if !has_embedding => Err(format!("{place} was not opened without the embedding model")),
        None => open::block_on(async {
            let opened = open::open(&args.store, &project, near, Access::Existing).await?;
            let count = opened.store.count(Default::default()).await?;
            Ok(format!("{place}, {count} tests"))
        })
        .map_err(|error| format!("{error:#}")),
    };
    line("store", store, false);
    let settings = args.model.settings(&project);
    let chat = open::block_on(async { Ok(connect(&settings).await?) });
    let chat = match chat {
        Ok(None) if settings.none => Err("none is wanted; explanations rest on the evidence alone".to_owned()),
        Ok(Some(model)) => Ok(model.name().to_owned()),
        Ok(None) => Err("no Ollama answers; explanations rest on the evidence alone until one does (ollama serve), or name a server with --llm-url".to_owned()),
        Err(error) => Err(format!("{error:#}")),
    };
    line("chat model", chat, false);
    print(&lines.join("\n"))?;
    Ok(if broken { Outcome::Found } else { Outcome::Clean })
}

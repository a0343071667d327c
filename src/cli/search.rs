//! `search`: tests by what people ask in their own words.

use std::path::Path;

use super::open::{self, FilterArgs, StoreArgs};
use super::{DataFormat, Outcome, print};
use crate::config::ProjectFile;
use crate::index::edge::Access;
use crate::report;
use crate::search::search;

/// Most hits that can be asked for.
pub(super) const MAX_LIMIT: u32 = 1_000;

/// Find tests in your own words: "similar async Redis flakes"
#[derive(clap::Args)]
pub(super) struct Args {
    query: String,
    #[command(flatten)]
    filter: FilterArgs,
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_LIMIT)))]
    limit: u32,
    #[arg(long, value_enum, default_value = "text")]
    format: DataFormat,
    #[command(flatten)]
    store: StoreArgs,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    anyhow::ensure!(
        !args.query.trim().is_empty(),
        "the query is empty; say what you look for, such as \"async Redis flakes\""
    );
    let near = Path::new(".");
    let project = ProjectFile::nearest(near)?;
    let answer = open::block_on(async {
        let opened = open::open(&args.store, &project, near, Access::Existing).await?;
        let filter = args.filter.filter();
        Ok(search(&opened.store, &opened.embedder, &args.query, &filter, args.limit as usize).await?)
    })?;
    print(&match args.format {
        DataFormat::Text => report::hits(&answer),
        DataFormat::Json => serde_json::to_string_pretty(&answer)?,
    })?;
    Ok(Outcome::Clean)
}

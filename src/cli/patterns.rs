//! `patterns`: what repeats across teams and repositories.

use std::path::Path;

use super::open::{self, FilterArgs, StoreArgs};
use super::{DataFormat, Outcome, print};
use crate::config::ProjectFile;
use crate::index::edge::Access;
use crate::patterns::patterns;
use crate::report;

/// Show what repeats across teams and repositories
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    filter: FilterArgs,
    #[arg(long, value_enum, default_value = "text")]
    format: DataFormat,
    #[command(flatten)]
    store: StoreArgs,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let near = Path::new(".");
    let project = ProjectFile::nearest(near)?;
    let found = open::block_on(async {
        let opened = open::open(&args.store, &project, near, Access::Existing).await?;
        Ok(patterns(&opened.store, &args.filter.filter()).await?)
    })?;
    print(&match args.format {
        DataFormat::Text => report::patterns(&found),
        DataFormat::Json => serde_json::to_string_pretty(&found)?,
    })?;
    Ok(Outcome::Clean)
}

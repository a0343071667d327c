//! `similar`: tests like one test.

use std::path::Path;

use super::open::{self, FilterArgs, StoreArgs};
use super::{DataFormat, Outcome, print};
use crate::config::ProjectFile;
use crate::index::edge::Access;
use crate::report;
use crate::search::{Target, by_name, similar};

/// Find tests like one test, by meaning and by structure
#[derive(clap::Args)]
pub(super) struct Args {
    /// Node id (`tests/test_lock.py::TestLock::test_expires`), or its end where that is unique
    test: String,
    /// Only tests of other repositories
    #[arg(long)]
    other_repos: bool,
    #[command(flatten)]
    filter: FilterArgs,
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[arg(long, value_enum, default_value = "text")]
    format: DataFormat,
    #[command(flatten)]
    store: StoreArgs,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let near = Path::new(".");
    let project = ProjectFile::nearest(near)?;
    let answer = open::block_on(async {
        let opened = open::open(&args.store, &project, near, Access::Existing).await?;
        let test = by_name(&opened.store, &args.test, &args.filter.repo).await?;
        let target = Target::Stored(test.point_id());
        // the repository named is the test's own, not a condition on what is like it
        let mut filter = args.filter.filter();
        filter.repos.clear();
        Ok(similar(&opened.store, &opened.embedder, target, &filter, args.other_repos, args.limit as usize)
            .await?)
    })?;
    print(&match args.format {
        DataFormat::Text => report::hits(&answer),
        DataFormat::Json => serde_json::to_string_pretty(&answer)?,
    })?;
    Ok(Outcome::Clean)
}

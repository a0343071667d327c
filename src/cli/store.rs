//! `store`: the memory as one file, and back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::open::{self, FIXES, StoreArgs, TESTS};
use super::{Outcome, note};
use crate::config::ProjectFile;
use crate::index::VectorStore;
use crate::index::backup::{Backup, Counts, backup};
use crate::index::edge::Access;
use crate::index::store::Filter;

/// Write the index to a file, or bring it back; from the embedded store to a server too
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Write all that the store remembers to one file
    Backup {
        file: PathBuf,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Bring back what a backup holds, into the embedded store or a server
    Restore {
        file: PathBuf,
        /// Also where tests are in the store already, which the backup then replaces
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        store: StoreArgs,
    },
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let near = Path::new(".");
    let project = ProjectFile::nearest(near)?;
    open::block_on(async {
        match &args.verb {
            Verb::Backup { file, store } => write(file, store, &project, near).await,
            Verb::Restore { file, replace, store } => bring_back(file, *replace, store, &project, near).await,
        }
    })?;
    Ok(Outcome::Clean)
}

async fn write(file: &Path, args: &StoreArgs, project: &ProjectFile, near: &Path) -> anyhow::Result<()> {
    let tests = open::open(args, project, near, Access::Existing).await?;
    let fixes = open::known_fixes(args, project, near, &tests.embedder).await;
    let mut collections: Vec<(&str, Arc<dyn VectorStore>)> = vec![(TESTS, tests.store.clone())];
    collections.extend(fixes.map(|fixes| (FIXES, fixes.store)));
    let counts = backup(&collections, tests.embedder.id(), file).await?;
    note(&format!("wrote {} of {} to {}", told(&counts), tests.place, file.display()));
    Ok(())
}

async fn bring_back(
    file: &Path,
    replace: bool,
    args: &StoreArgs,
    project: &ProjectFile,
    near: &Path,
) -> anyhow::Result<()> {
    let embedder = open::embedder().await?;
    let found = Backup::open(file, embedder.id())?;
    let access = if replace { Access::Anew } else { Access::Create };
    let tests = open::open(args, project, near, access).await?;
    let known = tests.store.count(Filter::default()).await?;
    anyhow::ensure!(
        known == 0,
        "there are {known} tests in {} already; --replace puts the backup in their place",
        tests.place
    );
    let mut collections = vec![(TESTS, tests.store.clone())];
    if found.counts.contains_key(FIXES) {
        collections.push((FIXES, open::fixes(args, project, near, &embedder, access).await?.store));
    } else if replace {
        open::erase_fixes(args, project, near).await?;
    }
    for (name, store) in collections {
        found.restore(name, &store, &|done| tracing::info!("{done} of {name}")).await?;
        store.publish().await?;
    }
    note(&format!("brought {} from {} to {}", told(&found.counts), file.display(), tests.place));
    Ok(())
}

fn told(counts: &Counts) -> String {
    let of = |name: &str| counts.get(name).copied().unwrap_or_default();
    match of(FIXES) {
        0 => format!("{} tests", of(TESTS)),
        fixes => format!("{} tests and {fixes} mended ones", of(TESTS)),
    }
}

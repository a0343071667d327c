//! What several commands open: the store, the embedding model, and the runtime they need. The arguments that say
//! which are here too.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::ProjectFile;
use crate::index::edge::{Access, EdgeStore};
use crate::index::embedder::MiniLm;
use crate::index::holder;
use crate::index::qdrant::{Layout, QdrantStore};
use crate::index::served::ServedStore;
use crate::index::store::{Filter, StoreError};
use crate::index::{Embedder, VectorStore};
use crate::smells::{Cause, Severity};
use crate::source;

/// The collection on a Qdrant server.
pub(super) const TESTS: &str = "tests";
/// That of mended tests; in an embedded store a folder of its own.
pub(super) const FIXES: &str = "fixes";

/// Which store
#[derive(clap::Args, Clone, Debug, Default)]
pub(super) struct StoreArgs {
    /// Folder of the embedded store; `.flakydetector` in the project otherwise [env: FLAKYDETECTOR_STORE]
    // the variables are read below: a flag for one kind of store wins over the variable for the other
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// A Qdrant server or cluster instead of the embedded store (gRPC, port 6334) [env: QDRANT_URL]
    #[arg(long, value_name = "URL", conflicts_with = "store")]
    pub qdrant_url: Option<String>,
}

/// Conditions on tests
#[derive(clap::Args, Clone, Debug, Default)]
pub(super) struct FilterArgs {
    /// Only tests with a finding of this cause (repeatable)
    #[arg(long)]
    pub cause: Vec<Cause>,
    /// Only tests of this severity (repeatable)
    #[arg(long)]
    pub severity: Vec<Severity>,
    /// Only tests of this repository (repeatable)
    #[arg(long)]
    pub repo: Vec<String>,
    /// Only tests of this team (repeatable)
    #[arg(long)]
    pub team: Vec<String>,
}

impl FilterArgs {
    pub(super) fn filter(&self) -> Filter {
        Filter {
            causes: self.cause.clone(),
            severities: self.severity.clone(),
            repos: self.repo.clone(),
            teams: self.team.clone(),
            ..Filter::default()
        }
    }
}

/// An open store and the model that its vectors were made with.
pub(super) struct Opened {
    pub store: Arc<dyn VectorStore>,
    pub embedder: Arc<dyn Embedder>,
    /// The embedded store, where this process holds it.
    pub edge: Option<EdgeStore>,
    /// Where it is, in words.
    pub place: String,
}

/// Opens what the arguments, else the project file at or above `near`, name.
pub(super) async fn open(
    args: &StoreArgs,
    project: &ProjectFile,
    near: &Path,
    access: Access,
) -> anyhow::Result<Opened> {
    let (folder, url) = place(args, project, near);
    // whether there is a store is told before a model of 23 MB is read
    let known_missing = url.is_none() && access == Access::Existing && !folder.join("shard").is_dir();
    if known_missing {
        let path = folder.display().to_string();
        return Err(StoreError::Missing { path }.into());
    }
    let embedder = embedder().await?;
    collection((folder, url), TESTS, embedder, access, &project.qdrant).await
}

/// The model that the text is embedded with.
pub(super) async fn embedder() -> anyhow::Result<Arc<dyn Embedder>> {
    Ok(Arc::new(tokio::task::spawn_blocking(MiniLm::load).await??))
}

/// The collection of mended tests beside the store.
pub(super) async fn fixes(
    args: &StoreArgs,
    project: &ProjectFile,
    near: &Path,
    embedder: &Arc<dyn Embedder>,
    access: Access,
) -> anyhow::Result<Opened> {
    let (folder, url) = place(args, project, near);
    collection((folder.join(FIXES), url), FIXES, embedder.clone(), access, &project.qdrant).await
}

/// The collection of mended tests, where there is one that can be read.
pub(super) async fn known_fixes(
    args: &StoreArgs,
    project: &ProjectFile,
    near: &Path,
    embedder: &Arc<dyn Embedder>,
) -> Option<Opened> {
    match fixes(args, project, near, embedder, Access::Existing).await {
        Ok(opened) => Some(opened),
        Err(error) => {
            tracing::debug!("no mended tests: {error}");
            None
        }
    }
}

/// Opens one collection: on the server where one is named, in its folder, or through the process that serves it.
async fn collection(
    (folder, url): (PathBuf, Option<String>),
    name: &str,
    embedder: Arc<dyn Embedder>,
    access: Access,
    layout: &Layout,
) -> anyhow::Result<Opened> {
    if let Some(url) = url {
        let store = Arc::new(QdrantStore::open(&url, name, embedder.id(), access, layout).await?);
        return Ok(Opened { store, embedder, edge: None, place: url });
    }
    match EdgeStore::open(&folder, embedder.id(), access).await {
        Ok(edge) => Ok(Opened {
            store: Arc::new(edge.clone()),
            embedder,
            edge: Some(edge),
            place: folder.display().to_string(),
        }),
        // who holds it would go on with the old one
        Err(locked @ StoreError::Locked { .. }) if access != Access::Anew => {
            let Some(holder) = holder::read(&folder) else { return Err(locked.into()) };
            let Some(store) = ServedStore::open(&holder, name, embedder.id()).await? else {
                return Err(locked.into());
            };
            let place = format!("{} ({holder})", folder.display());
            Ok(Opened { store: Arc::new(store), embedder, edge: None, place })
        }
        Err(error) => Err(error.into()),
    }
}

/// Removes the mended tests and how far the history was looked through.
pub(super) async fn erase_fixes(args: &StoreArgs, project: &ProjectFile, near: &Path) -> anyhow::Result<()> {
    let (folder, url) = place(args, project, near);
    if let Some(url) = url {
        QdrantStore::erase(&url, FIXES).await?;
    } else {
        EdgeStore::erase(&folder.join(FIXES))?;
        let _ = std::fs::remove_dir_all(folder.join("mined"));
    }
    Ok(())
}

/// The folder of the embedded store, and the server that is to be used instead: as the flags say, else the environment,
/// else the project file.
pub(super) fn place(args: &StoreArgs, project: &ProjectFile, near: &Path) -> (PathBuf, Option<String>) {
    place_from(args, project, near, |name| std::env::var(name).ok())
}

fn place_from(
    args: &StoreArgs,
    project: &ProjectFile,
    near: &Path,
    variable: impl Fn(&str) -> Option<String>,
) -> (PathBuf, Option<String>) {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let from_variables = || (variable("FLAKYDETECTOR_STORE").map(PathBuf::from), variable("QDRANT_URL"));
    let levels = [
        (args.store.clone(), args.qdrant_url.clone().filter(|url| !url.is_empty())),
        from_variables(),
        (project.store.clone(), project.qdrant_url.clone()),
    ];
    // the first that names either decides which it is
    let url =
        levels.iter().find(|(store, url)| store.is_some() || url.is_some()).and_then(|(_, url)| url.clone());
    let folder = levels.into_iter().find_map(|(store, _)| store);
    (folder.unwrap_or_else(|| source::project_root(near).join(".flakydetector")), url)
}

/// Runs what is asynchronous.
pub(super) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_project() {
        let store = || Some(PathBuf::from("/flag"));
        let url = |host: &str| Some(format!("http://{host}"));
        let (none, by_store) = (StoreArgs::default(), StoreArgs { store: store(), qdrant_url: None });
        let by_url = StoreArgs { store: None, qdrant_url: url("flag") };
        let project = ProjectFile { qdrant_url: url("project"), ..ProjectFile::default() };
        let server = |name: &str| (name == "QDRANT_URL").then(|| "http://variable".to_owned());
        let folder = |name: &str| (name == "FLAKYDETECTOR_STORE").then(|| "/variable".to_owned());
        let at = |args: &StoreArgs, variable: &dyn Fn(&str) -> Option<String>| {
            place_from(args, &project, Path::new("."), variable)
        };
        assert_eq!(at(&by_store, &server), (PathBuf::from("/flag"), None));
        assert_eq!(at(&by_url, &folder).1, url("flag"));
        assert_eq!(at(&none, &server).1, url("variable"));
        assert_eq!(at(&none, &folder), (PathBuf::from("/variable"), None));
        assert_eq!(at(&none, &|_| None).1, url("project"));
    }
}

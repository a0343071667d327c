//! `index --mine-fixes`: how tests were mended here before, out of the history, into the collection of fixes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::note;
use crate::fixes::{Pair, Walk, walk};
use crate::index::document::Mended;
use crate::index::sync::add;
use crate::index::{Embedder, IndexedTest, VectorStore};
use crate::report::count;
use crate::source;
use crate::source::history::git_dir;

/// A run looks no further back than this; the next one goes on.
const LONGEST: Duration = Duration::from_secs(120);

/// How far earlier runs came.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Reached {
    /// Where the first walk began.
    newest: Option<String>,
    /// The oldest commit that was looked at, where there are older ones.
    rest: Option<String>,
}

/// Looks at what is new since the last run, then further back, `most` commits in all, and remembers what it finds.
pub(super) async fn mine(
    near: &Path,
    repo: &str,
    folder: &Path,
    most: usize,
    store: &Arc<dyn VectorStore>,
    embedder: &Arc<dyn Embedder>,
) -> anyhow::Result<()> {
    let root = source::project_root(near);
    let (git_dir, is_shallow) = git_dir(&root).with_context(|| {
        format!("{} is in no git repository, so there is no history to mine", root.display())
    })?;
    let place = state_file(folder, repo);
    let state: Reached =
        std::fs::read(&place).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let (name, started) = (repo.to_owned(), Instant::now());
    let (walk, reached) =
        tokio::task::spawn_blocking(move || look(&git_dir, &name, state, most, started)).await??;
    let pairs = walk.pairs.len();
    add(store, embedder, walk.pairs.into_iter().map(point).collect()).await?;
    if let Some(folder) = place.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot write {}", folder.display()))?;
    }
    source::replace(&place, &serde_json::to_vec(&reached)?)
        .with_context(|| format!("cannot write {}", place.display()))?;
    let more = match (&reached.rest, is_shallow) {
        (Some(_), _) => "; older ones are left, the next run goes on",
        (None, true) => "; the clone is shallow, 'git fetch --unshallow' brings the rest",
        (None, false) => "",
    };
    note(&format!(
        "mined {}: {} ({:.1} s){more}",
        count(walk.commits, "commit", "commits"),
        count(pairs, "mended test", "mended tests"),
        started.elapsed().as_secs_f64()
    ));
    Ok(())
}

fn look(
    git_dir: &Path,
    repo: &str,
    mut state: Reached,
    most: usize,
    started: Instant,
) -> Result<(Walk, Reached), source::git::GitError> {
    let goes_on = |_: usize| started.elapsed() < LONGEST;
    let newest = source::history::commit(git_dir, "HEAD");
    let mut found = walk(git_dir, repo, ("HEAD", state.newest.as_deref()), most, &goes_on)?;
    match (&state.newest, found.rest.take()) {
        // older than what is new are those that an earlier run left
        (Some(_), None) => {
            if let Some(rest) = state.rest.clone()
                && let Some(parent) = source::history::commit(git_dir, &format!("{rest}^"))
                && found.commits < most
            {
                let older = walk(git_dir, repo, (&parent, None), most - found.commits, &goes_on)?;
                found.commits += older.commits;
                found.pairs.extend(older.pairs);
                state.rest = older.rest;
            } else if found.commits < most {
                state.rest = None;
            }
            state.newest = newest;
        }
        // so much is new that it was not all looked at: what is left is looked at again with the old
        (_, rest) => {
            state.rest = rest;
            state.newest = newest;
        }
    }
    Ok((found, state))
}

/// A mended test as it is stored: what it was, found by what was wrong with it.
fn point(pair: Pair) -> IndexedTest {
    let Pair { commit, date, author, before, after, codes } = pair;
    let mut assessment = before.assessment;
    assessment.findings.retain(|finding| codes.contains(&finding.code));
    for finding in &mut assessment.findings {
        finding.fix = None;
    }
    assessment.summarize();
    let mended = Mended { commit, date, author, test: assessment.id.clone(), codes, after };
    IndexedTest::of_fix(assessment, before.source, mended)
}

fn state_file(folder: &Path, repo: &str) -> PathBuf {
    folder.join("mined").join(format!("{}.json", repo.replace(['/', '\\'], "+")))
}

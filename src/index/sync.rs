//! Brings the store in line with a repository: what changed is embedded and stored, what is gone is removed.
//! A kill at any moment loses at most one batch, and the next run completes it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;
use uuid::Uuid;

use super::document::IndexedTest;
use super::embedder::{EmbedError, Embedder};
use super::meaning::Meaning;
use super::store::{Filter, Point, StoreError, VectorStore};
use super::structure;

/// Tests embedded and stored at once.
const BATCH: usize = 256;
/// Tests read at once.
const PAGE: usize = 1_000;
/// So many written points are worth an optimisation; below that queries are fast without.
const WORTH_OPTIMIZING: usize = 20_000;

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Tests stored so far, of those that changed.
    pub done: usize,
    /// Tests that changed.
    pub total: usize,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SyncReport {
    pub added: usize,
    pub updated: usize,
    pub unchanged: usize,
    pub removed: usize,
}

/// Why a run ended early. What was reported as done before is kept.
#[derive(Debug, Error)]
pub enum SyncError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Embed(#[from] EmbedError),
}

/// Makes `tests` all that the store knows of `repo`, or of it under the files and folders `within`, where any are named.
/// `progress` is called before the first batch and after each.
pub async fn sync(
    store: &Arc<dyn VectorStore>,
    embedder: &Arc<dyn Embedder>,
    repo: &str,
    tests: Vec<IndexedTest>,
    within: &[String],
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<SyncReport, SyncError> {
    let mut gone = store.hashes(repo).await?;
    let mut report = SyncReport::default();
    // one id may come twice, where a file defines a test again: the last definition is the one that runs
    let tests: HashMap<Uuid, IndexedTest> = tests.into_iter().map(|test| (test.point_id(), test)).collect();
    let mut changed = Vec::new();
    for (id, test) in tests {
        match gone.remove(&id) {
            Some(hash) if hash == test.content_hash => report.unchanged += 1,
            known => changed.push((id, known.is_some(), test)),
        }
    }
    changed.sort_by_key(|(id, _, _)| *id);

    let total = changed.len();
    let (mut done, mut since_optimized) = (0, 0);
    let mut meaning = Meaning::new(embedder);
    progress(Progress { done, total });
    let mut batches = changed.into_iter();
    let mut next = async |meaning: &mut Meaning| -> Result<Option<(Vec<Point>, usize)>, SyncError> {
        let batch: Vec<_> = batches.by_ref().take(BATCH).collect();
        let known = batch.iter().filter(|(_, known, _)| *known).count();
        if batch.is_empty() { Ok(None) } else { Ok(Some((points(store, meaning, batch).await?, known))) }
    };
    let mut ready = next(&mut meaning).await?;
    while let Some((points, known)) = ready {
        let count = points.len();
        // the next batch is embedded while this one is written
        let (stored, following) = futures::join!(store.upsert(points), next(&mut meaning));
        stored?;
        report.updated += known;
        report.added += count - known;
        done += count;
        since_optimized += count;
        if since_optimized >= WORTH_OPTIMIZING {
            store.optimize().await?;
            since_optimized = 0;
        }
        progress(Progress { done, total });
        ready = following?;
    }
    if !within.is_empty() && !gone.is_empty() {
        let known = under(store, repo, within).await?;
        gone.retain(|id, _| known.contains(id));
    }
    report.removed = gone.len();
    store.delete(gone.into_keys().collect()).await?;
    if total > WORTH_OPTIMIZING / 4 && since_optimized > 0 {
        store.optimize().await?;
    }
    Ok(report)
}

/// Stores tests beside what is there; those of the same ids are replaced.
///
/// # Errors
/// The store or the embedding model fail; whole batches before that are kept.
pub async fn add(
    store: &Arc<dyn VectorStore>,
    embedder: &Arc<dyn Embedder>,
    tests: Vec<IndexedTest>,
) -> Result<(), SyncError> {
    let mut meaning = Meaning::new(embedder);
    let mut left: Vec<_> = tests.into_iter().map(|test| (test.point_id(), true, test)).collect();
    while !left.is_empty() {
        let batch: Vec<_> = left.drain(..left.len().min(BATCH)).collect();
        store.upsert(points(store, &mut meaning, batch).await?).await?;
    }
    Ok(())
}

/// The points of a repository's tests under these files and folders.
async fn under(
    store: &Arc<dyn VectorStore>,
    repo: &str,
    within: &[String],
) -> Result<HashSet<Uuid>, StoreError> {
    let filter = Filter::of_repo(repo);
    let inside = |file: &str| {
        within.iter().any(|path| {
            file.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    let (mut out, mut from) = (HashSet::new(), None);
    loop {
        let page = store.scroll(filter.clone(), from, PAGE).await?;
        let tests = page.tests.iter().filter(|test| inside(&test.assessment.file));
        out.extend(tests.map(IndexedTest::point_id));
        from = page.next;
        if from.is_none() {
            return Ok(out);
        }
    }
}

/// The points of a batch. A test whose document is still the same keeps its vector: a new risk or a moved line
/// is not worth an embedding.
async fn points(
    store: &Arc<dyn VectorStore>,
    meaning: &mut Meaning,
    batch: Vec<(Uuid, bool, IndexedTest)>,
) -> Result<Vec<Point>, SyncError> {
    let known = batch.iter().filter(|(_, known, _)| *known).map(|(id, _, _)| *id).collect();
    let mut stored: HashMap<Uuid, Point> =
        store.points(known).await?.into_iter().map(|point| (point.id, point)).collect();
    let vectors: Vec<Option<Vec<f32>>> = batch
        .iter()
        .map(|(id, _, test)| {
            let same = |stored: &Point| stored.test.document == test.document;
            stored.remove(id).filter(same).map(|stored| stored.text)
        })
        .collect();
    let changed: Vec<&IndexedTest> = batch
        .iter()
        .zip(&vectors)
        .filter(|(_, vector)| vector.is_none())
        .map(|((_, _, test), _)| test)
        .collect();
    let mut fresh = meaning.of(&changed).await?.into_iter();
    Ok(batch
        .into_iter()
        .zip(vectors)
        .map(|((id, _, test), vector)| Point {
            id,
            text: vector.or_else(|| fresh.next()).unwrap_or_default(),
            structure: structure::vector(&test.assessment.features),
            terms: test.terms(),
            test,
        })
        .collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::index::edge::{Access, EdgeStore};
    use crate::index::fuse::HybridQuery;
    use crate::index::meaning::of_test;
    use crate::index::samples::{sample, unstable};
    use crate::index::store::{Filter, TEXT_DIMENSIONS};
    use crate::smells::Cause;

    /// Counts what it is asked for. Its vectors are good for nothing but telling texts apart.
    struct Counting {
        texts: Mutex<usize>,
        /// Refuses from this text on.
        until: usize,
    }

    impl Embedder for Counting {
        fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
            let mut count = self.texts.lock().unwrap();
            *count += texts.len();
            if *count > self.until {
                return Err(EmbedError::Failed { action: "embed", reason: "enough".to_string() });
            }
            Ok(texts.iter().map(|text| vector(text)).collect())
        }

        fn id(&self) -> &str {
            "counting"
        }
    }

    fn vector(text: &str) -> Vec<f32> {
        let mut vector = vec![0.0; TEXT_DIMENSIONS];
        vector[text.bytes().map(usize::from).sum::<usize>() % TEXT_DIMENSIONS] = 1.0;
        vector
    }

    fn counting(until: usize) -> (Arc<Counting>, Arc<dyn Embedder>) {
        let embedder = Arc::new(Counting { texts: Mutex::new(0), until });
        (embedder.clone(), embedder)
    }

    async fn store(folder: &std::path::Path) -> Arc<dyn VectorStore> {
        Arc::new(EdgeStore::open(folder, "counting", Access::Create).await.unwrap())
    }

    fn many(count: usize) -> Vec<IndexedTest> {
        (0..count).map(|n| sample("a", &format!("t.py::test_{n}"))).collect()
    }

    async fn run(
        store: &Arc<dyn VectorStore>,
        embedder: &Arc<dyn Embedder>,
        tests: Vec<IndexedTest>,
    ) -> SyncReport {
        sync(store, embedder, "a", tests, &[], &|_| {}).await.unwrap()
    }

    #[tokio::test]
    async fn only_what_changed_is_embedded_and_what_is_gone_leaves() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let (count, embedder) = counting(usize::MAX);
        let mut tests = many(5);
        let report = run(&store, &embedder, tests.clone()).await;
        assert_eq!(report, SyncReport { added: 5, ..SyncReport::default() });
        // five names, and what all share
        assert_eq!(*count.texts.lock().unwrap(), 6);

        let report = run(&store, &embedder, tests.clone()).await;
        assert_eq!(report, SyncReport { unchanged: 5, ..SyncReport::default() });
        assert_eq!(*count.texts.lock().unwrap(), 6);

        tests[1] = unstable("a", "t.py::test_1", Cause::Time, "def test_1():\n    now()\n");
        tests.pop();
        tests.push(sample("a", "t.py::test_new"));
        let report = run(&store, &embedder, tests).await;
        assert_eq!(report, SyncReport { added: 1, updated: 1, unchanged: 3, removed: 1 });
        // two names, what they share, and what is unstable about one
        assert_eq!(*count.texts.lock().unwrap(), 10);
        assert_eq!(store.count(Filter::default()).await.unwrap(), 5);
    }

    #[tokio::test]
    async fn a_new_risk_is_stored_without_a_new_embedding() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let (count, embedder) = counting(usize::MAX);
        run(&store, &embedder, many(1)).await;
        let before = store.get(many(1)[0].point_id()).await.unwrap().unwrap();

        let mut assessment = before.test.assessment.clone();
        assessment.risk = 0.9;
        let moved = IndexedTest::new(assessment, before.test.source.clone());
        assert_eq!(run(&store, &embedder, vec![moved]).await.updated, 1);
        let after = store.get(before.id).await.unwrap().unwrap();
        assert_eq!((after.test.assessment.risk, after.text), (0.9, before.text));
        assert_eq!(*count.texts.lock().unwrap(), 2);
    }

    #[tokio::test]
    async fn other_repositories_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let (_, embedder) = counting(usize::MAX);
        run(&store, &embedder, many(2)).await;
        sync(&store, &embedder, "b", vec![sample("b", "t.py::test_0")], &[], &|_| {}).await.unwrap();
        assert_eq!(run(&store, &embedder, Vec::new()).await.removed, 2);
        assert_eq!(store.count(Filter::default()).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_run_that_broke_off_keeps_its_batches_and_the_next_completes_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let tests = many(BATCH + 10);
        let (_, breaking) = counting(BATCH + 1);
        let error = sync(&store, &breaking, "a", tests.clone(), &[], &|_| {}).await.unwrap_err();
        assert!(matches!(error, SyncError::Embed(_)));
        assert_eq!(store.count(Filter::default()).await.unwrap(), BATCH);

        let (count, embedder) = counting(usize::MAX);
        let report = run(&store, &embedder, tests).await;
        assert_eq!((report.added, report.unchanged), (10, BATCH));
        assert_eq!(*count.texts.lock().unwrap(), 11);
    }

    #[tokio::test]
    async fn each_test_gets_the_vector_of_its_own_document_and_progress_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let (_, embedder) = counting(usize::MAX);
        let told = Mutex::new(Vec::new());
        let mut tests = many(BATCH + 3);
        // a test that is defined twice counts once, and the last definition wins
        let again = unstable("a", "t.py::test_0", Cause::Network, "def test_0():\n    connect()\n");
        tests.push(again.clone());
        sync(&store, &embedder, "a", tests, &[], &|progress| told.lock().unwrap().push(progress))
            .await
            .unwrap();
        let total = BATCH + 3;
        let expected = [0, BATCH, total].map(|done| Progress { done, total });
        assert_eq!(*told.lock().unwrap(), expected);
        assert_eq!(store.get(again.point_id()).await.unwrap().unwrap().test, again);
        let own = of_test(&embedder, &again).await.unwrap();
        let query =
            HybridQuery { text: Some(own.clone()), weights: [1.0; 3], limit: 1, ..HybridQuery::default() };
        let scored = query.best(&*store).await.unwrap();
        assert_eq!(scored[0].test, again);
        let stored = store.get(again.point_id()).await.unwrap().unwrap().text;
        assert!(own.iter().zip(&stored).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}

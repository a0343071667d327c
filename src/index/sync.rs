//! Brings the store in line with a repository: what changed is embedded and stored, what is gone is removed.
//! A kill at any moment loses at most one batch, and the next run completes it.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;
use uuid::Uuid;

use super::document::IndexedTest;
use super::embedder::{EmbedError, Embedder};
use super::store::{Point, StoreError, VectorStore};
use super::structure;

/// Tests embedded and stored at once.
const BATCH: usize = 256;
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

/// Makes `tests` all that the store knows of `repo`. `progress` is called before the first batch and after each.
pub async fn sync(
    store: &Arc<dyn VectorStore>,
    embedder: &Arc<dyn Embedder>,
    repo: &str,
    tests: Vec<IndexedTest>,
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
    // of like length together, the longest first: little is padded, and the end of the wait does not drag
    changed.sort_by(|a, b| b.2.document.len().cmp(&a.2.document.len()).then(a.0.cmp(&b.0)));

    let total = changed.len();
    let (mut done, mut since_optimized) = (0, 0);
    progress(Progress { done, total });
    while !changed.is_empty() {
        let batch: Vec<_> = changed.drain(..changed.len().min(BATCH)).collect();
        let known = batch.iter().filter(|(_, known, _)| *known).count();
        let count = batch.len();
        let points = points(store, embedder, batch).await?;
        store.upsert(points).await?;
        report.updated += known;
        report.added += count - known;
        done += count;
        since_optimized += count;
        if since_optimized >= WORTH_OPTIMIZING {
            store.optimize().await?;
            since_optimized = 0;
        }
        progress(Progress { done, total });
    }
    report.removed = gone.len();
    store.delete(gone.into_keys().collect()).await?;
    if total > WORTH_OPTIMIZING / 4 && since_optimized > 0 {
        store.optimize().await?;
    }
    Ok(report)
}

/// The points of a batch. A test whose document is still the same keeps its vector: a new risk or a moved line
/// is not worth an embedding.
async fn points(
    store: &Arc<dyn VectorStore>,
    embedder: &Arc<dyn Embedder>,
    batch: Vec<(Uuid, bool, IndexedTest)>,
) -> Result<Vec<Point>, SyncError> {
    let mut vectors: Vec<Option<Vec<f32>>> = Vec::with_capacity(batch.len());
    for (id, known, test) in &batch {
        let stored = if *known { store.get(*id).await? } else { None };
        vectors.push(stored.filter(|stored| stored.test.document == test.document).map(|stored| stored.text));
    }
    let texts: Vec<String> = batch
        .iter()
        .zip(&vectors)
        .filter(|(_, vector)| vector.is_none())
        .map(|((_, _, test), _)| test.document.clone())
        .collect();
    let mut fresh = embed(embedder, texts).await?.into_iter();
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

/// Embeds `texts` where blocking is allowed.
pub async fn embed(embedder: &Arc<dyn Embedder>, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let embedder = embedder.clone();
    match tokio::task::spawn_blocking(move || embedder.embed(&texts)).await {
        Ok(result) => result,
        Err(error) => Err(EmbedError::Failed { action: "embed", reason: error.to_string() }),
    }
}

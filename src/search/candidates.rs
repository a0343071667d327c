//! What several rankings bring together.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::twins::distinct;
use crate::index::IndexedTest;
use crate::index::fuse::fuse;
use crate::index::store::{Ranked, StoreError, VectorStore};

/// Where a test stands: its score in the fused rankings, and its BM25 score, 0 where it is not among the first by words.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) fused: f32,
    pub(super) bm25: f32,
}

/// The tests that fit one filter, fused.
pub(super) type Placed = Vec<(Uuid, Place)>;

/// Fuses weighted rankings of what fits one filter; `by_words` says which of them is BM25.
pub(super) fn place(rankings: &[(f32, &Ranked)], by_words: Option<&Ranked>, limit: usize) -> Placed {
    let bm25: HashMap<Uuid, f32> = by_words.into_iter().flatten().copied().collect();
    let placed = fuse(rankings, limit).into_iter();
    placed
        .map(|(id, fused)| (id, Place { fused, bm25: bm25.get(&id).copied().unwrap_or_default() }))
        .collect()
}

/// Candidates of several filters, each with its best place.
#[derive(Default)]
pub(super) struct Candidates {
    places: HashMap<Uuid, Place>,
    read: HashMap<Uuid, IndexedTest>,
}

impl Candidates {
    /// Reads those of `placed` from the store that are not known yet, all at once.
    pub(super) async fn read<'p>(
        &mut self,
        store: &Arc<dyn VectorStore>,
        placed: impl IntoIterator<Item = &'p Placed>,
    ) -> Result<(), StoreError> {
        let ids = placed.into_iter().flatten().map(|(id, _)| *id);
        let mut unknown: Vec<Uuid> = ids.filter(|id| !self.read.contains_key(id)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        self.read.extend(store.tests(unknown).await?);
        Ok(())
    }

    /// Takes in what was [read](Candidates::read).
    pub(super) fn add(&mut self, placed: Vec<Placed>) {
        for (id, place) in placed.into_iter().flatten().filter(|(id, _)| self.read.contains_key(id)) {
            let known = self.places.entry(id).or_default();
            *known = Place { fused: known.fused.max(place.fused), bm25: known.bm25.max(place.bm25) };
        }
    }

    /// Whether less than `limit` are left when copies are folded.
    pub(super) fn are_fewer_than(&self, limit: usize) -> bool {
        distinct(self.tests().map(|(_, test)| test)) < limit
    }

    /// The highest BM25 score.
    pub(super) fn most_bm25(&self) -> f32 {
        self.places.values().map(|place| place.bm25).fold(0.0, f32::max)
    }

    pub(super) fn tests(&self) -> impl Iterator<Item = (Uuid, &IndexedTest)> {
        self.places.keys().map(|id| (*id, &self.read[id]))
    }

    /// By the score that `score` makes of each; equal ones by repository and id.
    pub(super) fn rank(
        mut self,
        score: impl Fn(Uuid, Place, &IndexedTest) -> f32,
    ) -> Vec<(IndexedTest, f32)> {
        let mut ranked: Vec<(IndexedTest, f32)> = self
            .places
            .into_iter()
            .filter_map(|(id, place)| {
                let test = self.read.remove(&id)?;
                let score = score(id, place, &test);
                Some((test, score))
            })
            .collect();
        let key = |test: &IndexedTest| (test.assessment.repo.clone(), test.assessment.id.clone());
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| key(&a.0).cmp(&key(&b.0))));
        ranked
    }
}

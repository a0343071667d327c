//! What several queries to the store bring together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use uuid::Uuid;

use super::twins::distinct;
use crate::index::IndexedTest;
use crate::index::store::Scored;

/// Candidates of several queries, each with its best score.
#[derive(Default)]
pub(super) struct Candidates {
    found: HashMap<Uuid, Scored>,
}

impl Candidates {
    pub(super) fn add(&mut self, found: Vec<Scored>) {
        for scored in found {
            match self.found.entry(scored.test.point_id()) {
                Entry::Occupied(mut known) => {
                    let known = known.get_mut();
                    (known.score, known.bm25) = (known.score.max(scored.score), known.bm25.max(scored.bm25));
                }
                Entry::Vacant(free) => {
                    free.insert(scored);
                }
            }
        }
    }

    /// Whether less than `limit` are left when copies are folded.
    pub(super) fn are_fewer_than(&self, limit: usize) -> bool {
        distinct(self.found.values().map(|scored| &scored.test)) < limit
    }

    /// The highest BM25 score.
    pub(super) fn most_bm25(&self) -> f32 {
        self.found.values().map(|scored| scored.bm25).fold(0.0, f32::max)
    }

    pub(super) fn tests(&self) -> impl Iterator<Item = (Uuid, &IndexedTest)> {
        self.found.iter().map(|(id, scored)| (*id, &scored.test))
    }

    pub(super) fn merge(&mut self, other: Candidates) {
        self.add(other.found.into_values().collect());
    }

    /// By the score that `score` makes of each; equal ones by repository and id.
    pub(super) fn rank(self, score: impl Fn(Uuid, &Scored) -> f32) -> Vec<(IndexedTest, f32)> {
        let mut ranked: Vec<(IndexedTest, f32)> = self
            .found
            .into_iter()
            .map(|(id, scored)| {
                let score = score(id, &scored);
                (scored.test, score)
            })
            .collect();
        let key = |test: &IndexedTest| (test.assessment.repo.clone(), test.assessment.id.clone());
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| key(&a.0).cmp(&key(&b.0))));
        ranked
    }
}

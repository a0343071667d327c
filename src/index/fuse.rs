//! Several rankings into one, the same for every store, so that results do not depend on where tests lie.

use std::collections::HashMap;

use uuid::Uuid;

use super::document::IndexedTest;
use super::store::{Filter, Near, Ranked, Ranking, StoreError, Terms, VectorStore};

/// How quickly a rank loses worth: the k of reciprocal rank fusion, as in the paper.
const K: f32 = 60.0;

/// How deep each ranking is read for `limit` results: what one ranking puts late, another may put first.
pub fn depth(limit: usize) -> usize {
    (limit * 3 / 2).max(100)
}

/// Weighted reciprocal rank fusion: each ranking gives `weight / (60 + rank)`, rank counted from one.
/// The sum is divided by what the first of all rankings would get, so scores lie between 0 and 1.
/// Equal scores are ordered by id, so that the same store gives the same answer.
pub fn fuse(rankings: &[(f32, &Ranked)], limit: usize) -> Ranked {
    let best: f32 = rankings.iter().map(|(weight, _)| weight / (K + 1.0)).sum();
    let mut scores: HashMap<Uuid, f32> = HashMap::new();
    for (weight, ids) in rankings {
        for (rank, (id, _)) in ids.iter().enumerate() {
            *scores.entry(*id).or_default() += weight / (K + 1.0 + rank as f32);
        }
    }
    let mut fused: Vec<(Uuid, f32)> =
        scores.into_iter().map(|(id, score)| (id, if best > 0.0 { score / best } else { 0.0 })).collect();
    fused.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    fused.truncate(limit);
    fused
}

/// Rankings to fuse by reciprocal rank; each present vector is one ranking.
#[derive(Clone, Debug, Default)]
pub struct HybridQuery {
    pub text: Option<Vec<f32>>,
    pub terms: Option<Terms>,
    pub structure: Option<Vec<f32>>,
    /// Weights of text, terms and structure in the fusion.
    pub weights: [f32; 3],
    pub filter: Filter,
    pub limit: usize,
}

impl HybridQuery {
    /// The `limit` best, best first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn best(self, store: &(impl VectorStore + ?Sized)) -> Result<Vec<Scored>, StoreError> {
        let HybridQuery { text, terms, structure, weights, filter, limit } = self;
        let terms = terms.filter(|terms| !terms.indices.is_empty());
        let nears = [text.map(Near::Text), terms.map(Near::Terms), structure.map(Near::Structure)];
        let (mut kept, mut rankings) = (Vec::new(), Vec::new());
        for (weight, near) in weights.into_iter().zip(nears) {
            if let Some(near) = near.filter(|_| weight > 0.0) {
                kept.push(weight);
                rankings.push(Ranking { near, filter: filter.clone(), depth: depth(limit) });
            }
        }
        if rankings.is_empty() {
            return Ok(Vec::new());
        }
        let ranked = store.rank(rankings).await?;
        let weighted: Vec<(f32, &Ranked)> = kept.into_iter().zip(&ranked).collect();
        let fused = fuse(&weighted, limit);
        let tests = store.tests(fused.iter().map(|(id, _)| *id).collect()).await?;
        let mut tests: HashMap<Uuid, IndexedTest> = tests.into_iter().collect();
        let scored =
            fused.into_iter().filter_map(|(id, score)| Some(Scored { score, test: tests.remove(&id)? }));
        Ok(scored.collect())
    }
}

/// A stored test and its fused score (higher is better).
#[derive(Clone, Debug)]
pub struct Scored {
    pub score: f32,
    pub test: IndexedTest,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ids(numbers: &[u128]) -> Ranked {
        numbers.iter().map(|number| (Uuid::from_u128(*number), 0.0)).collect()
    }

    fn order(fused: &[(Uuid, f32)]) -> Vec<u128> {
        fused.iter().map(|(id, _)| id.as_u128()).collect()
    }

    #[test]
    fn agreement_beats_one_first_place() {
        let fused = fuse(&[(1.0, &ids(&[1, 2, 3])), (1.0, &ids(&[4, 2, 5]))], 10);
        assert_eq!(fused[0].0.as_u128(), 2);
        assert_eq!(fused.len(), 5);
    }

    #[test]
    fn weights_decide_between_rankings() {
        assert_eq!(order(&fuse(&[(1.0, &ids(&[1])), (2.0, &ids(&[2]))], 2)), [2, 1]);
        assert_eq!(order(&fuse(&[(2.0, &ids(&[1])), (1.0, &ids(&[2]))], 2)), [1, 2]);
    }

    #[test]
    fn first_everywhere_scores_one_and_ties_go_by_id() {
        let fused = fuse(&[(1.0, &ids(&[3, 1])), (0.5, &ids(&[3, 2]))], 10);
        assert!((fused[0].1 - 1.0).abs() < 1e-6);
        assert_eq!(order(&fuse(&[(1.0, &ids(&[9])), (1.0, &ids(&[8]))], 10)), [8, 9]);
    }

    #[test]
    fn nothing_fused_is_nothing() {
        assert!(fuse(&[], 10).is_empty());
        assert!(fuse(&[(0.0, &ids(&[1]))], 10).iter().all(|(_, score)| *score == 0.0));
    }
}

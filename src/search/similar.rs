//! Tests like one test: in meaning, in words and in structure, and unstable for the same reason.

use std::sync::Arc;

use uuid::Uuid;

use super::SearchError;
use super::candidates::{Candidates, Placed, place};
use super::facets::Facets;
use super::hit::{Hit, SearchAnswer, describe};
use super::plan::{Wanted, rankings};
use super::twins::fold;
use crate::index::meaning::{embed, of_test};
use crate::index::store::{Filter, Near, Ranked, Terms, VectorStore};
use crate::index::{Embedder, IndexedTest, structure, terms};

/// Weights of meaning, words and structure in the fusion.
const WEIGHTS: [f32; 3] = [1.0, 0.6, 0.6];
/// What sharing all causes is worth, beside the fused score of at most 1.
const SAME_CAUSES: f32 = 0.6;
/// Candidates for each hit wanted.
const CANDIDATES: usize = 4;

/// What others are compared with.
#[derive(Clone, Debug)]
pub enum Target {
    /// A test in the store.
    Stored(Uuid),
    /// A test that was scanned, but need not be stored.
    Scanned(Box<IndexedTest>),
    /// Code as it was pasted; nothing else is known of it.
    Code(String),
}

/// At most `limit` tests like `target`, which is not among them; with `other_repos_only`, none of its repository.
/// The answer's query is the target's id, or nothing where code was pasted.
pub async fn similar(
    store: &Arc<dyn VectorStore>,
    embedder: &Arc<dyn Embedder>,
    target: Target,
    filter: &Filter,
    other_repos_only: bool,
    limit: usize,
) -> Result<SearchAnswer, SearchError> {
    let like = Like::new(store, embedder, target).await?;
    let mut filter = filter.clone();
    if let Some(test) = &like.test {
        filter.not_ids.push(test.point_id());
        if other_repos_only {
            filter.not_repos.push(test.assessment.repo.clone());
        }
    }
    let mut filters = vec![filter];
    if let Some(test) = like.test.as_ref().filter(|test| !test.assessment.causes.is_empty()) {
        let same_causes = Filter { causes: test.assessment.causes.clone(), ..Filter::default() };
        let mut filter = filters[0].clone();
        filter.and.push(same_causes);
        filters.push(filter);
    }
    let nears = like.nears();
    let wanted: Vec<Wanted> = filters.into_iter().map(|filter| (filter, limit * CANDIDATES)).collect();
    let asked = nears.iter().flat_map(|(_, near)| rankings(&wanted, near));
    let ranked = store.rank(asked.collect()).await?;
    let placed: Vec<Placed> = wanted
        .iter()
        .enumerate()
        .map(|(at, (_, limit))| {
            let of_each = ranked.chunks(wanted.len()).map(|ranked| &ranked[at]);
            let weighted: Vec<(f32, &Ranked)> =
                nears.iter().map(|(weight, _)| *weight).zip(of_each).collect();
            place(&weighted, None, *limit)
        })
        .collect();
    let mut found = Candidates::default();
    found.read(store, &placed).await?;
    found.add(placed);
    let ranked = found.rank(|_, place, test| {
        let shared = like.test.as_ref().map_or(0.0, |target| shared_causes(target, test));
        (place.fused + SAME_CAUSES * shared) / (1.0 + SAME_CAUSES)
    });
    let hits = fold(ranked)
        .into_iter()
        .take(limit)
        .map(|folded| {
            let why = like.reasons(&folded.test);
            Hit::new(folded.test, folded.score, why, folded.twins)
        })
        .collect();
    let query = like.test.map(|test| test.assessment.id).unwrap_or_default();
    Ok(SearchAnswer { query, facets: Facets::default(), unmet: Vec::new(), hits })
}

/// The vectors of the target, and the test if it is one.
struct Like {
    text: Vec<f32>,
    terms: Terms,
    structure: Option<Vec<f32>>,
    test: Option<IndexedTest>,
    code: String,
}

impl Like {
    async fn new(
        store: &Arc<dyn VectorStore>,
        embedder: &Arc<dyn Embedder>,
        target: Target,
    ) -> Result<Self, SearchError> {
        match target {
            Target::Stored(id) => {
                let point = store.get(id).await?.ok_or(SearchError::UnknownTest)?;
                Ok(Like {
                    text: point.text,
                    terms: point.terms,
                    structure: Some(point.structure),
                    code: String::new(),
                    test: Some(point.test),
                })
            }
            Target::Scanned(test) => Ok(Like {
                text: of_test(embedder, &test).await?,
                terms: test.terms(),
                structure: Some(structure::vector(&test.assessment.features)),
                code: String::new(),
                test: Some(*test),
            }),
            Target::Code(code) => Ok(Like {
                text: embed(embedder, vec![code.clone()]).await?.pop().unwrap_or_default(),
                terms: terms::document(&code),
                structure: None,
                test: None,
                code,
            }),
        }
    }

    /// What it is ranked by, and what each ranking weighs.
    fn nears(&self) -> Vec<(f32, Near)> {
        let terms = (!self.terms.indices.is_empty()).then(|| Near::Terms(self.terms.clone()));
        let nears = [Some(Near::Text(self.text.clone())), terms, self.structure.clone().map(Near::Structure)];
        WEIGHTS.into_iter().zip(nears).filter_map(|(weight, near)| Some((weight, near?))).collect()
    }

    fn reasons(&self, found: &IndexedTest) -> Vec<String> {
        let mut reasons = Vec::new();
        if let Some(target) = &self.test {
            let (like, found) = (&target.assessment, &found.assessment);
            for cause in like.causes.iter().filter(|cause| found.causes.contains(cause)).take(2) {
                let finding = found.findings.iter().find(|finding| finding.cause == *cause);
                let evidence = finding.map(|finding| format!(": {}", describe(finding))).unwrap_or_default();
                reasons.push(format!("same cause, {cause}{evidence}"));
            }
            let libraries: Vec<&str> = like
                .libraries
                .iter()
                .filter(|library| found.libraries.contains(library))
                .map(String::as_str)
                .collect();
            if !libraries.is_empty() {
                reasons.push(format!("also uses {}", libraries.join(", ")));
            }
            if like.is_async && found.is_async {
                reasons.push("async test".to_string());
            }
        }
        let code = self.test.as_ref().map_or(&self.code, |target| &target.source);
        let words = terms::shared(code, &found.source);
        if !words.is_empty() {
            let quoted: Vec<String> = words.iter().take(5).map(|word| format!("'{word}'")).collect();
            reasons.push(format!("shares {}", quoted.join(", ")));
        }
        if reasons.is_empty() {
            reasons.push("close in meaning".to_string());
        }
        reasons
    }
}

/// The share of the target's causes that `test` has too; 0 where the target has none.
fn shared_causes(target: &IndexedTest, test: &IndexedTest) -> f32 {
    let causes = &target.assessment.causes;
    let shared = causes.iter().filter(|cause| test.assessment.causes.contains(cause)).count();
    if causes.is_empty() { 0.0 } else { shared as f32 / causes.len() as f32 }
}

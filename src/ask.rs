//! The second half of the river in one call: a test or a question ─▶ what is retrieved for it ─▶ an answer.

use std::sync::Arc;
use std::time::Instant;

use crate::explain::evidence::{Evidence, Material, Outcome as SeenOutcome, PastFix, RuleText};
use crate::explain::prompt::Turn;
use crate::fixes::diff;
use crate::index::fuse::{HybridQuery, Scored};
use crate::index::meaning::of_test;
use crate::index::store::Filter;
use crate::index::{Embedder, IndexedTest, VectorStore, point_id};
use crate::risk::Verdict;
use crate::search::{Following, Hit, SearchError, Target, answer, follow, similar};
use crate::smells;

/// Similar tests that stand beside the one in question.
const SIMILAR: usize = 4;
/// Tests retrieved for a question.
const RETRIEVED: usize = 5;
/// Mended tests that stand beside the one in question.
const MENDED: usize = 2;

/// Everything known about a stored test, the mended tests among it as they are stored, and the milliseconds that it took
/// to find.
///
/// # Errors
/// The store or the embedding model fail.
pub async fn evidence(
    store: &Arc<dyn VectorStore>,
    embedder: &Arc<dyn Embedder>,
    fixes: Option<&Arc<dyn VectorStore>>,
    test: IndexedTest,
) -> Result<(Evidence, Vec<IndexedTest>, u64), SearchError> {
    let started = Instant::now();
    let target = Target::Stored(test.point_id());
    let like = similar(store, embedder, target, &Filter::default(), false, SIMILAR).await?;
    let similar = stored(store, like.hits).await?;
    let rules = rules(std::iter::once(&test));
    let outcomes = outcomes(std::iter::once(&test).chain(similar.iter().map(|scored| &scored.test)));
    let mended = mended(fixes, embedder, &test).await;
    let fixes = mended.iter().filter_map(past_fix).collect();
    let evidence = Evidence { target: test, similar, rules, outcomes, fixes };
    Ok((evidence, mended, milliseconds(started)))
}

/// What the index holds for a question after those of `history`, and the milliseconds that it took to find. Where others
/// are asked for, what was shown before is passed over.
///
/// # Errors
/// The store or the embedding model fail.
pub async fn material(
    store: &Arc<dyn VectorStore>,
    embedder: &Arc<dyn Embedder>,
    history: &[Turn],
    question: &str,
    filter: &Filter,
) -> Result<(Material, u64), SearchError> {
    let started = Instant::now();
    let earlier: Vec<&str> = history.iter().filter_map(|turn| turn.question.as_deref()).collect();
    let Following { facets, others } = follow(&earlier, question);
    let shown = || history.iter().flat_map(|turn| &turn.material.tests).map(|test| &test.assessment);
    let known = if others { shown().count() } else { 0 };
    let mut hits = answer(store, embedder, question, facets, filter, RETRIEVED + known).await?.hits;
    if others {
        hits.retain(|hit| shown().all(|test| (&test.repo, &test.id) != (&hit.repo, &hit.id)));
    }
    hits.truncate(RETRIEVED);
    let tests: Vec<IndexedTest> = stored(store, hits).await?.into_iter().map(|hit| hit.test).collect();
    let rules = rules(tests.iter());
    let outcomes = outcomes(tests.iter());
    Ok((Material { tests, rules, outcomes, fixes: vec![] }, milliseconds(started)))
}

/// Tests that were mended of what this one has, the nearest in meaning first. A collection that fails is passed over:
/// an answer without earlier fixes is better than none.
pub async fn mended(
    fixes: Option<&Arc<dyn VectorStore>>,
    embedder: &Arc<dyn Embedder>,
    test: &IndexedTest,
) -> Vec<IndexedTest> {
    let Some(fixes) = fixes.filter(|_| !test.assessment.findings.is_empty()) else { return vec![] };
    let mut codes: Vec<String> =
        test.assessment.findings.iter().map(|finding| finding.code.clone()).collect();
    codes.sort();
    codes.dedup();
    let query = HybridQuery {
        text: of_test(embedder, test).await.ok(),
        terms: Some(test.terms()),
        weights: [1.0, 1.0, 0.0],
        filter: Filter { codes, ..Filter::default() },
        limit: MENDED,
        ..HybridQuery::default()
    };
    match query.best(&**fixes).await {
        Ok(found) => found.into_iter().map(|scored| scored.test).collect(),
        Err(error) => {
            tracing::warn!("the collection of mended tests does not answer: {error}");
            vec![]
        }
    }
}

fn past_fix(test: &IndexedTest) -> Option<PastFix> {
    let mended = test.mended.as_ref()?;
    Some(PastFix {
        id: mended.test.clone(),
        repo: test.assessment.repo.clone(),
        commit: mended.commit.clone(),
        text: diff(&test.assessment.file, &test.source, &mended.after),
    })
}

async fn stored(store: &Arc<dyn VectorStore>, hits: Vec<Hit>) -> Result<Vec<Scored>, SearchError> {
    let mut out = vec![];
    for hit in hits {
        if let Some(point) = store.get(point_id(&hit.repo, &hit.id)).await? {
            out.push(Scored { score: hit.score, test: point.test });
        }
    }
    Ok(out)
}

/// The rules that these tests break, each once, by code.
fn rules<'t>(tests: impl Iterator<Item = &'t IndexedTest>) -> Vec<RuleText> {
    let mut codes: Vec<&str> =
        tests.flat_map(|test| &test.assessment.findings).map(|finding| finding.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
        .into_iter()
        .filter_map(smells::find)
        .map(|rule| RuleText {
            code: rule.code().to_owned(),
            name: rule.name().to_owned(),
            why: rule.section("Why it makes tests unstable"),
            remedy: rule.section("Use instead"),
        })
        .collect()
}

/// What runs of these tests showed, in words; a test that never failed has nothing to tell.
fn outcomes<'t>(tests: impl Iterator<Item = &'t IndexedTest>) -> Vec<SeenOutcome> {
    tests
        .filter_map(|test| {
            let known = test.assessment.outcomes.as_ref()?;
            (known.verdict != Verdict::Stable).then(|| SeenOutcome {
                id: test.assessment.id.clone(),
                repo: test.assessment.repo.clone(),
                text: known.words(),
            })
        })
        .collect()
}

fn milliseconds(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

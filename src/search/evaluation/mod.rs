//! The figures of search on questions whose answers are known: which methods bring the right tests, and how early.
//! Answers are decided by facts of the code (`scripts/label_questions.py`), never by what is measured here.

mod figures;
mod labels;

use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;

pub use figures::{Figures, figures};
pub use labels::{LabelError, Labels, Question, Suite};

use super::{SearchError, Target, search, similar};
use crate::index::fuse::HybridQuery;
use crate::index::meaning::embed;
use crate::index::store::{Filter, VectorStore};
use crate::index::{Embedder, IndexedTest, terms};

/// Hits that count.
pub const FIRST: usize = 10;
/// Questions with fewer answers among the suites asked say little about the first ten.
const FEWEST: usize = 5;
/// Neighbours that count for `similar`.
const NEIGHBOURS: usize = 5;
/// Tests whose neighbours are looked at.
const TARGETS: usize = 300;

/// A way to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Meaning alone.
    Dense,
    /// Words alone.
    Bm25,
    /// Both, by reciprocal rank.
    Hybrid,
    /// Both, with the question read into facets: what `search` does.
    Facets,
}

impl Method {
    pub const ALL: [Method; 4] = [Method::Dense, Method::Bm25, Method::Hybrid, Method::Facets];
}

/// The mean over the questions of one set, asked of one set of suites.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Whether the questions, and the suites, were kept back while ranking was tuned.
    pub questions_kept_back: bool,
    pub suites_kept_back: bool,
    pub questions: usize,
    pub method: Method,
    #[serde(flatten)]
    pub figures: Figures,
}

/// How one question fared.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    pub id: String,
    pub text: String,
    pub suites_kept_back: bool,
    pub relevant: usize,
    /// Precision at ten by method, in the order of [`Method::ALL`].
    pub precision_at_10: Vec<f64>,
    /// What `search` brought that is no answer.
    pub wrong: Vec<String>,
}

/// How often neighbours of other repositories share the cause.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Neighbours {
    pub targets: usize,
    /// Share of the first five with the target's weightiest cause.
    pub same_cause_at_5: f64,
    /// The same for meaning alone.
    pub dense_alone: f64,
    /// The same for tests drawn by chance.
    pub by_chance: f64,
}

/// What `evaluate search` prints.
#[derive(Clone, Debug, Serialize)]
pub struct SearchReport {
    pub tests: usize,
    pub rows: Vec<Row>,
    pub questions: Vec<Asked>,
    pub similar: Neighbours,
}

/// Asks all questions in all ways. The suites are in the store, each as the repository of its name.
///
/// # Errors
/// The store or the embedding model fail.
pub async fn evaluate(
    store: &Arc<dyn VectorStore>,
    embedder: &Arc<dyn Embedder>,
    labels: &Labels,
) -> Result<SearchReport, SearchError> {
    let mut report = SearchReport {
        tests: store.count(Filter::default()).await?,
        rows: Vec::new(),
        questions: Vec::new(),
        similar: neighbours(store, embedder, labels).await?,
    };
    for suites_kept_back in [false, true] {
        let repos = labels.suites(suites_kept_back);
        for questions_kept_back in [false, true] {
            let mut sums = [Figures::default(); 4];
            let mut asked = 0;
            for question in labels.questions.iter().filter(|one| one.kept_back == questions_kept_back) {
                let relevant = labels.answers(question, &repos);
                if relevant.len() < FEWEST {
                    continue;
                }
                asked += 1;
                let filter = Filter { repos: repos.clone(), ..Filter::default() };
                let mut one = Asked {
                    id: question.id.clone(),
                    text: question.text.clone(),
                    suites_kept_back,
                    relevant: relevant.len(),
                    precision_at_10: Vec::new(),
                    wrong: Vec::new(),
                };
                for (method, sum) in Method::ALL.into_iter().zip(&mut sums) {
                    let found = answer(store, embedder, method, &question.text, &filter).await?;
                    let fits: Vec<bool> = found.iter().map(|test| relevant.contains(test)).collect();
                    let figures = figures(&fits, relevant.len(), FIRST);
                    one.precision_at_10.push(figures.precision);
                    sum.add(&figures);
                    if method == Method::Facets {
                        let wrong = found.iter().zip(&fits).filter(|(_, fits)| !**fits);
                        one.wrong = wrong.map(|((repo, id), _)| format!("{repo} {id}")).collect();
                    }
                }
                report.questions.push(one);
            }
            for (method, sum) in Method::ALL.into_iter().zip(sums).filter(|_| asked > 0) {
                let figures = sum.mean(asked);
                report.rows.push(Row {
                    questions_kept_back,
                    suites_kept_back,
                    questions: asked,
                    method,
                    figures,
                });
            }
        }
    }
    Ok(report)
}

/// The first ten by one method, each as repository and id.
async fn answer(
    store: &Arc<dyn VectorStore>,
    embedder: &Arc<dyn Embedder>,
    method: Method,
    text: &str,
    filter: &Filter,
) -> Result<Vec<(String, String)>, SearchError> {
    let name = |test: &IndexedTest| (test.assessment.repo.clone(), test.assessment.id.clone());
    let weights = match method {
        Method::Facets => {
            let found = search(store, embedder, text, filter, FIRST).await?;
            return Ok(found.hits.into_iter().map(|hit| (hit.repo, hit.id)).collect());
        }
        Method::Dense => [1.0, 0.0, 0.0],
        Method::Bm25 => [0.0, 1.0, 0.0],
        Method::Hybrid => [1.0, 1.0, 0.0],
    };
    let query = HybridQuery {
        text: embed(embedder, vec![text.to_owned()]).await?.pop(),
        terms: Some(terms::query(text)),
        structure: None,
        weights,
        filter: filter.clone(),
        limit: FIRST,
    };
    Ok(query.best(&**store).await?.iter().map(|scored| name(&scored.test)).collect())
}

/// Tests of several causes and repositories, evenly picked, and what is nearest to them elsewhere.
async fn neighbours(
    store: &Arc<dyn VectorStore>,
    embedder: &Arc<dyn Embedder>,
    labels: &Labels,
) -> Result<Neighbours, SearchError> {
    let repos: HashSet<String> = labels.suites(false).into_iter().chain(labels.suites(true)).collect();
    let (mut all, mut from) = (Vec::new(), None);
    loop {
        let page = store.scroll(Filter::default(), from, 1_000).await?;
        all.extend(page.tests.into_iter().filter(|test| repos.contains(&test.assessment.repo)));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let unstable: Vec<&IndexedTest> = all.iter().filter(|test| !test.assessment.causes.is_empty()).collect();
    let step = unstable.len().div_ceil(TARGETS).max(1);
    let mut out = Neighbours::default();
    for target in unstable.iter().step_by(step) {
        let cause = target.assessment.causes[0];
        let elsewhere = Filter { not_repos: vec![target.assessment.repo.clone()], ..Filter::default() };
        let stored = Target::Stored(target.point_id());
        let ours = similar(store, embedder, stored, &Filter::default(), true, NEIGHBOURS).await?;
        let same = ours.hits.iter().filter(|hit| hit.causes.first() == Some(&cause)).count();
        let Some(point) = store.get(target.point_id()).await? else { continue };
        let query = HybridQuery {
            text: Some(point.text),
            weights: [1.0, 0.0, 0.0],
            filter: elsewhere,
            limit: NEIGHBOURS,
            ..HybridQuery::default()
        };
        let dense = query.best(&**store).await?;
        let by_meaning =
            dense.iter().filter(|near| near.test.assessment.causes.first() == Some(&cause)).count();
        let others = all.iter().filter(|test| test.assessment.repo != target.assessment.repo);
        let (fit, of) = others.fold((0_u32, 0_u32), |(fit, of), test| {
            (fit + u32::from(test.assessment.causes.first() == Some(&cause)), of + 1_u32)
        });
        out.targets += 1;
        out.same_cause_at_5 += same as f64 / NEIGHBOURS as f64;
        out.dense_alone += by_meaning as f64 / NEIGHBOURS as f64;
        out.by_chance += f64::from(fit) / f64::from(of.max(1));
    }
    let targets = out.targets.max(1) as f64;
    out.same_cause_at_5 /= targets;
    out.dense_alone /= targets;
    out.by_chance /= targets;
    Ok(out)
}

//! A question in plain words, answered: facets decide what may come, meaning and words decide the order.

use std::sync::Arc;

use jiff::Timestamp;

use super::SearchError;
use super::candidates::Candidates;
use super::hit::{Hit, SearchAnswer, reasons};
use super::query::{Facets, read};
use super::twins::fold;
use crate::index::store::{Filter, HybridQuery, VectorStore};
use crate::index::sync::embed;
use crate::index::{Embedder, IndexedTest, terms};
use crate::risk::Verdict;
use crate::smells::Severity;

/// Weights of meaning, words and structure in the fusion. A question has no structure.
const WEIGHTS: [f32; 3] = [1.0, 0.8, 0.0];
/// Candidates for each hit wanted: copies fold together.
const CANDIDATES: usize = 4;

/// Answers `query` with at most `limit` tests that fit `explicit`.
///
/// What the query says explicitly (async, Redis, flaky) is first taken as a condition; where too few tests fit all of
/// it, those that fit most of it follow.
pub async fn search(
    store: &Arc<dyn VectorStore>,
    embedder: &Arc<dyn Embedder>,
    query: &str,
    explicit: &Filter,
    limit: usize,
) -> Result<SearchAnswer, SearchError> {
    let facets = read(query);
    let required = Filter { and: vec![facets.required(Timestamp::now())], ..explicit.clone() };
    let wishes = wishes(&facets);
    let asked = Asked::new(embedder, &facets, query).await?;

    let mut found = Candidates::default();
    if facets.flaky == Some(true) {
        // what runs showed is worth seeing, whatever the rules found
        let seen = Filter { verdicts: vec![Verdict::Flaky], ..Filter::default() };
        let kinds: Vec<Wish> = wishes.iter().filter(|wish| !wish.about_findings).cloned().collect();
        let mut filter = wish_all(&required, &kinds);
        filter.and.push(seen);
        found.add(store.query(asked.query(filter, limit)).await?);
    }
    found.add(store.query(asked.query(wish_all(&required, &wishes), limit)).await?);
    if found.are_fewer_than(limit) && !wishes.is_empty() {
        // all wishes but one, then none
        for left_out in 0..wishes.len() {
            let others: Vec<Wish> = wishes
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != left_out)
                .map(|(_, wish)| wish.clone())
                .collect();
            if !others.is_empty() {
                found.add(store.query(asked.query(wish_all(&required, &others), limit)).await?);
            }
        }
        found.add(store.query(asked.query(required, limit)).await?);
    }
    let ranked = found.rank(|test, score| score_with(&facets, &wishes, test, score));
    let hits = fold(ranked)
        .into_iter()
        .take(limit)
        .map(|folded| {
            let why = reasons(&facets, &folded.test);
            Hit::new(folded.test, folded.score, why, folded.twins)
        })
        .collect();
    Ok(SearchAnswer { query: query.to_string(), facets, hits })
}

/// The vectors of a question.
struct Asked {
    text: Vec<f32>,
    words: String,
}

impl Asked {
    async fn new(embedder: &Arc<dyn Embedder>, facets: &Facets, query: &str) -> Result<Self, SearchError> {
        let words = if facets.text.is_empty() { query.to_string() } else { facets.text.clone() };
        let text = embed(embedder, vec![words.clone()]).await?.pop().unwrap_or_default();
        Ok(Asked { text, words })
    }

    fn query(&self, filter: Filter, limit: usize) -> HybridQuery {
        HybridQuery {
            text: Some(self.text.clone()),
            terms: Some(terms::query(&self.words)),
            structure: None,
            weights: WEIGHTS,
            filter,
            limit: limit * CANDIDATES,
        }
    }
}

/// One thing that the query says explicitly.
#[derive(Clone)]
struct Wish {
    condition: Filter,
    worth: f32,
    /// Whether it asks for what rules found.
    about_findings: bool,
    holds: fn(&Facets, &IndexedTest) -> bool,
}

fn wishes(facets: &Facets) -> Vec<Wish> {
    let mut wishes: Vec<Wish> = Vec::new();
    let mut add = |condition: Filter, worth, holds| {
        let about_findings = !condition.severities.is_empty() || !condition.causes.is_empty();
        wishes.push(Wish { condition, worth, about_findings, holds });
    };
    if facets.is_async.is_some() {
        let condition = Filter { is_async: facets.is_async, ..Filter::default() };
        add(condition, 0.6, |facets, test| facets.is_async == Some(test.assessment.is_async));
    }
    if !facets.libraries.is_empty() {
        let one = |library: &String| Filter { libraries: vec![library.clone()], ..Filter::default() };
        let condition = Filter { and: facets.libraries.iter().map(one).collect(), ..Filter::default() };
        add(condition, 0.8, |facets, test| {
            facets.libraries.iter().all(|library| test.assessment.libraries.contains(library))
        });
    }
    if !facets.codes.is_empty() {
        let condition = Filter { codes: facets.codes.clone(), ..Filter::default() };
        add(condition, 0.8, |facets, test| {
            test.assessment.findings.iter().any(|finding| facets.codes.contains(&finding.code))
        });
    }
    if !facets.causes.is_empty() {
        let condition = Filter { causes: facets.causes.clone(), ..Filter::default() };
        add(condition, 0.8, |facets, test| {
            facets.causes.iter().any(|cause| test.assessment.causes.contains(cause))
        });
    }
    if let Some(verdict) = facets.observed {
        let condition = Filter { verdicts: vec![verdict], ..Filter::default() };
        add(condition, 1.0, |facets, test| {
            test.assessment.outcomes.as_ref().map(|known| known.verdict) == facets.observed
        });
    }
    if facets.proved.is_some() {
        let condition = Filter { proved: facets.proved, ..Filter::default() };
        add(condition, 1.0, |facets, test| {
            let proved = test.assessment.outcomes.as_ref().is_some_and(|known| !known.proofs.is_empty());
            facets.proved == Some(proved)
        });
    }
    let severities = severities(facets);
    if !severities.is_empty() {
        let condition = Filter { severities, ..Filter::default() };
        add(condition, 0.5, severities_hold);
    }
    wishes
}

/// The severities that a query allows: those it names, else all or none by whether it asks for instability.
fn severities(facets: &Facets) -> Vec<Severity> {
    match (facets.severities.is_empty(), facets.flaky) {
        (false, _) => facets.severities.clone(),
        (true, Some(true)) => {
            Severity::ALL.into_iter().filter(|severity| *severity != Severity::None).collect()
        }
        (true, Some(false)) => vec![Severity::None],
        (true, None) => Vec::new(),
    }
}

/// Where instability is asked for, a run that showed it is as good as a finding.
fn severities_hold(facets: &Facets, test: &IndexedTest) -> bool {
    let seen = test.assessment.outcomes.as_ref().is_some_and(|known| known.verdict == Verdict::Flaky);
    let asked = facets.severities.is_empty() && facets.flaky == Some(true);
    severities(facets).contains(&test.assessment.severity) || (asked && seen)
}

/// The fused score with what explicit wishes and topics add, from 0 to 1.
fn score_with(facets: &Facets, wishes: &[Wish], test: &IndexedTest, fused: f32) -> f32 {
    let total: f32 = wishes.iter().map(|wish| wish.worth).sum();
    let held: f32 = wishes.iter().filter(|wish| (wish.holds)(facets, test)).map(|wish| wish.worth).sum();
    let topics = facets.topics.iter().filter(|topic| test.assessment.causes.contains(topic)).count();
    let topic = TOPIC * topics.min(1) as f32;
    // where nothing but facets is asked, all that fit fit equally: the worst are worth seeing first
    let only_facets = facets.remainder.is_empty() && facets.flaky != Some(false);
    let grade = if only_facets { GRADE * severity_grade(test.assessment.severity) } else { 0.0 };
    let seen = if facets.flaky == Some(false) { 0.0 } else { SEEN * seen_grade(test) };
    (fused + held + topic + grade + seen)
        / (1.0 + total + TOPIC + SEEN + if only_facets { GRADE } else { 0.0 })
}

/// What a topic that is also a cause of the test is worth.
const TOPIC: f32 = 0.1;
/// What severity is worth where there is nothing else to go by.
const GRADE: f32 = 0.15;

/// What runs that showed a test unstable are worth.
const SEEN: f32 = 0.2;

/// Proved: 1; seen to pass and fail: 0.75.
fn seen_grade(test: &IndexedTest) -> f32 {
    match &test.assessment.outcomes {
        Some(known) if !known.proofs.is_empty() => 1.0,
        Some(known) if known.verdict == Verdict::Flaky => 0.75,
        _ => 0.0,
    }
}

fn severity_grade(severity: Severity) -> f32 {
    severity as u8 as f32 / 4.0
}

fn wish_all(required: &Filter, wishes: &[Wish]) -> Filter {
    let mut filter = required.clone();
    filter.and.extend(wishes.iter().map(|wish| wish.condition.clone()));
    filter
}

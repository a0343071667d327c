//! Predictions against outcomes: what the rules and the risk said of a repository's tests, and what its runs showed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::history::History;
use super::{Assessment, metrics};
use crate::smells::Severity;

/// Fewer flaky tests than this are no ground for a figure.
const ENOUGH: usize = 3;

/// How often one thing that was said came true.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// A rule's code, or a severity.
    pub said: String,
    /// Tests with an outcome of which it was said.
    pub tests: usize,
    /// Those among them that were seen to be flaky.
    pub flaky: usize,
    /// `flaky / tests`
    pub precision: f64,
    /// `flaky` of all that were seen to be flaky.
    pub recall: f64,
}

/// A test that failed though it looked safe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Missed {
    pub id: String,
    pub severity: Severity,
    /// What the code alone suggests.
    pub risk: f32,
    pub outcomes: String,
}

/// How what was said of a repository compares with what its runs showed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hindsight {
    pub repo: String,
    /// Tests that were scanned.
    pub tests: usize,
    /// Tests with an outcome that says something: never failed, or flaky.
    pub known: usize,
    pub flaky: usize,
    /// Share of flaky tests that any test with an outcome has.
    pub base_rate: f64,
    /// ROC-AUC of the risk from code alone; missing where fewer than three tests are flaky, or none is stable.
    pub auc: Option<f64>,
    pub by_severity: Vec<Score>,
    pub by_rule: Vec<Score>,
    /// Flaky tests of severity low or none, the most often failed first.
    pub missed: Vec<Missed>,
}

/// Compares; the tests carry the risk of the prior, since the adapted one knows the outcomes.
pub fn hindsight(repo: &str, tests: &[&Assessment], history: &History) -> Hindsight {
    let known: Vec<(&Assessment, bool)> =
        tests.iter().filter_map(|test| Some((*test, history.get(&test.id)?.known()?.flaky))).collect();
    let flaky = known.iter().filter(|(_, flaky)| *flaky).count();
    let mut by_severity: BTreeMap<Severity, (usize, usize)> = BTreeMap::new();
    let mut by_rule: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let add = |count: &mut (usize, usize), flaky: bool| {
        count.0 += 1;
        count.1 += usize::from(flaky);
    };
    for (test, is_flaky) in &known {
        add(by_severity.entry(test.severity).or_default(), *is_flaky);
        let codes: BTreeSet<&str> = test.findings.iter().map(|finding| finding.code.as_str()).collect();
        codes.into_iter().for_each(|code| add(by_rule.entry(code).or_default(), *is_flaky));
    }
    let score = |said: String, (tests, hits): (usize, usize)| Score {
        said,
        tests,
        flaky: hits,
        precision: hits as f64 / tests.max(1) as f64,
        recall: hits as f64 / flaky.max(1) as f64,
    };
    let mut missed: Vec<(u32, Missed)> = known
        .iter()
        .filter(|(test, flaky)| *flaky && test.severity <= Severity::Low)
        .filter_map(|(test, _)| {
            let outcomes = history.get(&test.id)?;
            let words = outcomes.observed().map(|observed| observed.words()).unwrap_or_default();
            let row =
                Missed { id: test.id.clone(), severity: test.severity, risk: test.risk, outcomes: words };
            Some((outcomes.failures + outcomes.retried, row))
        })
        .collect();
    missed.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.id.cmp(&b.1.id)));
    let enough = flaky >= ENOUGH && flaky < known.len();
    Hindsight {
        repo: repo.to_owned(),
        tests: tests.len(),
        known: known.len(),
        flaky,
        base_rate: flaky as f64 / known.len().max(1) as f64,
        auc: enough.then(|| order(&known)).flatten(),
        by_severity: by_severity
            .into_iter()
            .rev()
            .map(|(severity, n)| score(severity.to_string(), n))
            .collect(),
        by_rule: by_rule.into_iter().map(|(code, n)| score(code.to_owned(), n)).collect(),
        missed: missed.into_iter().map(|(_, row)| row).collect(),
    }
}

fn order(known: &[(&Assessment, bool)]) -> Option<f64> {
    let scores: Vec<f32> = known.iter().map(|(test, _)| test.risk).collect();
    let labels: Vec<bool> = known.iter().map(|(_, flaky)| *flaky).collect();
    metrics::roc_auc(&scores, &labels)
}

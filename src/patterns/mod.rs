//! What repeats: which rules are broken in which repositories and by which teams, and who has already mended one.
//! Reads the store through its port.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::index::VectorStore;
use crate::index::store::{Filter, StoreError};
use crate::smells::{Cause, Severity};

/// Tests read from the store at once.
const PAGE: usize = 500;
/// Examples shown of each pattern.
const EXAMPLES: usize = 3;

/// One rule and where it is broken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Pattern {
    pub cause: Cause,
    pub code: String,
    pub name: String,
    /// Worst severity of its findings.
    pub severity: Severity,
    /// Tests with at least one finding of it.
    pub tests: usize,
    /// Share of all tests looked at, from 0 to 1.
    pub share: f32,
    pub repos: Vec<String>,
    pub teams: Vec<String>,
    /// Libraries that these tests touch, the most frequent first.
    pub libraries: Vec<String>,
    /// Ids of the riskiest of them.
    pub examples: Vec<String>,
}

/// What repeats among all tests that fit a filter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Patterns {
    /// Tests looked at.
    pub tests: usize,
    pub repos: Vec<String>,
    pub teams: Vec<String>,
    /// The most frequent first.
    pub patterns: Vec<Pattern>,
}

#[derive(Default)]
struct Tally {
    cause: Option<Cause>,
    name: String,
    severity: Severity,
    tests: usize,
    repos: BTreeSet<String>,
    teams: BTreeSet<String>,
    libraries: BTreeMap<String, usize>,
    examples: Vec<(f32, String)>,
}

/// Counts the rules broken over everything in the store that fits.
///
/// # Errors
/// The store cannot be read.
pub async fn patterns(store: &Arc<dyn VectorStore>, filter: &Filter) -> Result<Patterns, StoreError> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let (mut repos, mut teams, mut tests) = (BTreeSet::new(), BTreeSet::new(), 0);
    let mut from = None;
    loop {
        let page = store.scroll(filter.clone(), from, PAGE).await?;
        for test in page.tests {
            let test = test.assessment;
            tests += 1;
            repos.insert(test.repo.clone());
            teams.extend(test.teams.iter().cloned());
            let mut counted = BTreeSet::new();
            for finding in &test.findings {
                let tally = tallies.entry(finding.code.clone()).or_default();
                tally.cause = Some(finding.cause);
                tally.name.clone_from(&finding.name);
                tally.severity = tally.severity.max(finding.severity);
                if !counted.insert(&finding.code) {
                    continue;
                }
                tally.tests += 1;
                tally.repos.insert(test.repo.clone());
                tally.teams.extend(test.teams.iter().cloned());
                tally.examples.push((test.risk, test.id.clone()));
                for library in &test.libraries {
                    *tally.libraries.entry(library.clone()).or_default() += 1;
                }
            }
        }
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let mut patterns: Vec<Pattern> = tallies
        .into_iter()
        .filter_map(|(code, tally)| {
            let mut examples = tally.examples;
            examples.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
            let mut libraries: Vec<(String, usize)> = tally.libraries.into_iter().collect();
            libraries.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            Some(Pattern {
                cause: tally.cause?,
                code,
                name: tally.name,
                severity: tally.severity,
                tests: tally.tests,
                share: tally.tests as f32 / tests.max(1) as f32,
                repos: tally.repos.into_iter().collect(),
                teams: tally.teams.into_iter().collect(),
                libraries: libraries.into_iter().take(5).map(|(name, _)| name).collect(),
                examples: examples.into_iter().take(EXAMPLES).map(|(_, id)| id).collect(),
            })
        })
        .collect();
    patterns.sort_by(|a, b| b.tests.cmp(&a.tests).then_with(|| a.code.cmp(&b.code)));
    Ok(Patterns { tests, repos: repos.into_iter().collect(), teams: teams.into_iter().collect(), patterns })
}

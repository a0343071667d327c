//! Outcomes on their way in: reports ─▶ history ─▶ the stored tests, which then know what runs of them showed.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::index::store::Filter;
use crate::index::sync::{SyncError, SyncReport, sync};
use crate::index::{Embedder, IndexedTest, VectorStore};
use crate::risk::history::{History, Verdict};
use crate::risk::names::{Folded, Names};
use crate::risk::{Place, RiskModel, ScannedTest, junit, share};
use crate::scan::adapt;

/// A report that was read.
#[derive(Clone, Debug)]
pub struct Report {
    hash: String,
    tests: Folded,
    time: Timestamp,
    commit: Option<String>,
}

/// What reports brought.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Taken {
    /// Reports that could be read.
    pub reports: usize,
    /// Those among them that were known already.
    pub known: usize,
    /// Outcomes of tests that were new.
    pub outcomes: usize,
    /// Names in reports that fit no test.
    pub unmatched: BTreeSet<String>,
    /// Tests that are known to be flaky since these reports.
    pub newly_flaky: Vec<String>,
}

/// Reads one report. `time` is when it ran, where the report does not say.
///
/// # Errors
/// It is no JUnit report; the reason in words.
pub fn read(bytes: &[u8], time: impl FnOnce() -> Timestamp, names: &Names) -> Result<Report, String> {
    let run = junit::read(bytes).map_err(|error| error.to_string())?;
    Ok(Report {
        hash: blake3::hash(bytes).to_hex().to_string(),
        time: run.time.unwrap_or_else(time),
        commit: run.commit.clone(),
        tests: names.fold(run),
    })
}

/// Adds reports to a history, in the order of time, so that the same reports give the same history however they were
/// found. `commit` is what ran, where a report does not say.
pub fn take_in(history: &mut History, mut reports: Vec<Report>, commit: Option<&str>) -> Taken {
    let flaky_before = flaky(history);
    let mut taken = Taken { reports: reports.len(), ..Taken::default() };
    reports.sort_by(|a, b| (a.time, &a.hash).cmp(&(b.time, &b.hash)));
    for report in reports {
        let commit = report.commit.as_deref().or(commit);
        if history.add(&report.hash, &report.tests, report.time, commit) {
            taken.outcomes += report.tests.tests.len();
        } else {
            taken.known += 1;
        }
        taken.unmatched.extend(report.tests.unmatched);
    }
    taken.newly_flaky = flaky(history).into_iter().filter(|id| !flaky_before.contains(id)).collect();
    taken
}

fn flaky(history: &History) -> Vec<String> {
    let flaky = |outcomes: &crate::risk::history::Outcomes| outcomes.verdict() == Some(Verdict::Flaky);
    history.tests().filter(|(_, outcomes)| flaky(outcomes)).map(|(id, _)| id.to_owned()).collect()
}

/// Gives the stored tests of a repository what is known of them, and the risk that follows. Nothing is scanned and
/// nothing embedded.
///
/// # Errors
/// The store fails.
pub async fn refresh(
    store: &Arc<dyn VectorStore>,
    embedder: &Arc<dyn Embedder>,
    risk: &RiskModel,
    repo: &str,
    history: &History,
) -> Result<SyncReport, SyncError> {
    let stored = all(store, repo).await?;
    if stored.is_empty() {
        return Ok(SyncReport::default());
    }
    let mut tests = with_places(stored);
    share(&mut tests);
    risk.assess(&mut tests);
    for test in &mut tests {
        let outcomes = history.get(&test.assessment.id);
        test.assessment.outcomes = outcomes.and_then(|outcomes| outcomes.observed());
        test.assessment.neighbours = vec![];
    }
    adapt(&mut tests, history);
    let tests = tests.into_iter().map(IndexedTest::scanned).collect();
    sync(store, embedder, repo, tests, &[], &|_| {}).await
}

/// Every stored test of a repository.
///
/// # Errors
/// The store fails.
pub async fn all(store: &Arc<dyn VectorStore>, repo: &str) -> Result<Vec<IndexedTest>, SyncError> {
    let (mut found, mut from) = (vec![], None);
    loop {
        let filter = Filter::of_repo(repo);
        let page = store.scroll(filter, from, 1_000).await?;
        found.extend(page.tests);
        from = page.next;
        if from.is_none() {
            return Ok(found);
        }
    }
}

/// Stored tests as they were scanned: in the order of their files, each with its place.
fn with_places(mut stored: Vec<IndexedTest>) -> Vec<ScannedTest> {
    let key = |test: &IndexedTest| (test.assessment.file.clone(), test.assessment.line);
    stored.sort_by_cached_key(key);
    stored
        .chunk_by(|a, b| a.assessment.file == b.assessment.file)
        .flat_map(|file| {
            file.iter().enumerate().map(|(position, test)| {
                let place = Place {
                    position: position as f32 / file.len() as f32,
                    tests_in_file: file.len() as f32,
                    lines: test.source.lines().count() as f32,
                    depth: test.assessment.id.matches("::").count().saturating_sub(1) as f32,
                };
                ScannedTest {
                    assessment: test.assessment.clone(),
                    source: test.source.clone(),
                    place,
                    touches: test.touches.clone(),
                    touched: true,
                    leaks: vec![],
                    given: vec![],
                }
            })
        })
        .collect()
}

//! What is remembered of a repository's runs: per test how often it ran, failed and changed, what it said, and what
//! was proved of it. Knows no store and no model.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use super::evidence::Known;
use super::junit::Outcome;
use super::names::Folded;
use crate::smells::Cause;

/// Grows when the file's meaning changes.
const SCHEMA: u32 = 1;
/// So many of a test's last runs are kept one by one; all are counted.
const RUNS: usize = 200;
/// So many shapes of messages are kept, the latest.
const SHAPES: usize = 10;
/// So many proofs are kept, the latest.
const PROOFS: usize = 10;
/// So many messages and proofs go with a test.
const TOLD: usize = 3;

/// Why a history cannot be used.
#[derive(Debug, Error)]
pub enum HistoryError {
    #[error("the history in {path} cannot be read: {reason}; remove it and import the reports again")]
    Unreadable { path: String, reason: String },
    #[error(
        "the history in {path} was written by a newer version (schema {found}, this one reads {SCHEMA}); update flakydetector"
    )]
    Newer { path: String, found: u32 },
    #[error("the history in {path} cannot be written: {reason}; check the folder and its permissions")]
    Unwritable { path: String, reason: String },
}

/// One run of one test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub time: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    pub outcome: Outcome,
}

/// What failures said, numbers, paths and quoted text taken out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Shape {
    pub text: String,
    pub count: u32,
    #[schema(value_type = String)]
    pub last: Timestamp,
}

/// One change under which a test that passes plainly was made to fail, again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Proof {
    /// What was changed: `order:reversed`, `hash-seed:3`.
    pub perturbation: String,
    pub cause: Cause,
    pub failed_with: u32,
    pub tried_with: u32,
    pub failed_without: u32,
    pub tried_without: u32,
    /// Tests that must run before for the failure.
    #[serde(default)]
    pub needs: Vec<String>,
    pub error: String,
    /// A command line that shows it.
    pub reproduce: String,
    #[schema(value_type = String)]
    pub time: Timestamp,
}

/// What is known of a test, in short: it goes with the test wherever the test goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Observed {
    pub verdict: Verdict,
    pub runs: u32,
    pub failures: u32,
    pub retried: u32,
    pub flips: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub last_run: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub last_failure: Option<Timestamp>,
    /// What its failures said, the latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Shape>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
}

impl Observed {
    /// In a sentence: `failed in 3 of 12 runs, last on 2026-11-20: late by # s`.
    pub fn words(&self) -> String {
        let Observed { runs, failures, retried, .. } = self;
        let mut out = match self.proofs.first() {
            Some(proof) => format!(
                "proved unstable: with {} changed it failed in {} of {} tries, without in {} of {}",
                proof.perturbation,
                proof.failed_with,
                proof.tried_with,
                proof.failed_without,
                proof.tried_without
            ),
            None => String::new(),
        };
        if let Some(proof) = self.proofs.first()
            && !proof.needs.is_empty()
            && proof.perturbation != "twice"
        {
            let _ = write!(out, ", after {}", proof.needs.join(", "));
        }
        if *runs > 0 {
            let joint = if out.is_empty() { "" } else { "; " };
            let _ = write!(out, "{joint}failed in {failures} of {runs} runs");
        }
        if *retried > 0 {
            let _ = write!(out, ", passed only on a retry in {retried}");
        }
        if let Some(last) = self.last_failure {
            let _ = write!(out, ", last on {}", last.strftime("%Y-%m-%d"));
        }
        if let Some(message) = self.messages.first() {
            let _ = write!(out, ": {}", message.text);
        }
        out
    }
}

/// What the runs of a test come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Passed and failed without a change between: on a retry, on one commit, back and forth, or in a proof.
    Flaky,
    /// Never failed.
    Stable,
    /// Never passed.
    Broken,
    /// Failed and passed, and a change may be the reason.
    Changed,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Verdict::Flaky => "flaky",
            Verdict::Stable => "stable",
            Verdict::Broken => "broken",
            Verdict::Changed => "changed",
        })
    }
}

/// Everything known of one test.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Runs in which it was not skipped.
    pub runs: u32,
    pub passes: u32,
    pub failures: u32,
    pub skips: u32,
    /// Runs in which it failed first and passed when it was run again; they count as passes too.
    pub retried: u32,
    /// Commits on which it both passed and failed.
    pub mixed_commits: u32,
    /// Changes from passed to failed and back, in the order of time.
    pub flips: u32,
    pub last_run: Option<Timestamp>,
    pub last_failure: Option<Timestamp>,
    pub shapes: Vec<Shape>,
    /// The last runs, oldest first.
    pub recent: Vec<Seen>,
    /// What was shown by running it with one thing changed, the latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
}

impl Outcomes {
    /// Nothing where it was only ever skipped.
    pub fn verdict(&self) -> Option<Verdict> {
        Some(match self {
            _ if !self.proofs.is_empty() => Verdict::Flaky,
            _ if self.retried > 0 || self.mixed_commits > 0 || self.flips > 1 => Verdict::Flaky,
            _ if self.failures == 0 && self.passes > 0 => Verdict::Stable,
            _ if self.passes == 0 && self.failures > 0 => Verdict::Broken,
            _ if self.runs > 0 => Verdict::Changed,
            _ => return None,
        })
    }

    /// What the test teaches about others; a broken or changed one teaches nothing.
    pub fn known(&self) -> Option<Known> {
        match self.verdict()? {
            Verdict::Flaky => Some(Known { flaky: true, runs: self.runs }),
            Verdict::Stable => Some(Known { flaky: false, runs: self.runs }),
            Verdict::Broken | Verdict::Changed => None,
        }
    }

    /// In short; nothing where it was only ever skipped.
    pub fn observed(&self) -> Option<Observed> {
        Some(Observed {
            verdict: self.verdict()?,
            runs: self.runs,
            failures: self.failures,
            retried: self.retried,
            flips: self.flips,
            last_run: self.last_run,
            last_failure: self.last_failure.max(self.proofs.iter().map(|proof| proof.time).max()),
            messages: self.shapes.iter().take(TOLD).cloned().collect(),
            proofs: self.proofs.iter().take(TOLD).cloned().collect(),
        })
    }

    fn add(&mut self, seen: Seen, message: Option<&str>) {
        match seen.outcome {
            Outcome::Skipped => {
                self.skips += 1;
                return;
            }
            Outcome::Passed => self.passes += 1,
            Outcome::Failed => self.failures += 1,
            Outcome::Retried => {
                self.passes += 1;
                self.retried += 1;
            }
        }
        self.runs += 1;
        self.last_run = self.last_run.max(Some(seen.time));
        if seen.outcome != Outcome::Passed {
            self.last_failure = self.last_failure.max(Some(seen.time));
            self.note(&shape(message.unwrap_or_default()), seen.time);
        }
        let place = self.recent.partition_point(|other| other.time <= seen.time);
        self.recent.insert(place, seen);
        if self.recent.len() > RUNS {
            self.recent.remove(0);
        }
        self.flips =
            self.recent.windows(2).filter(|pair| failed(&pair[0]) != failed(&pair[1])).count() as u32;
        let mut commits: BTreeMap<&str, BTreeSet<bool>> = BTreeMap::new();
        for seen in &self.recent {
            if let Some(commit) = &seen.commit {
                commits.entry(commit).or_default().insert(failed(seen));
            }
        }
        self.mixed_commits = commits.values().filter(|ends| ends.len() > 1).count() as u32;
    }

    fn note(&mut self, text: &str, time: Timestamp) {
        match self.shapes.iter_mut().find(|shape| shape.text == text) {
            Some(shape) => {
                shape.count += 1;
                shape.last = shape.last.max(time);
            }
            None => self.shapes.push(Shape { text: text.to_owned(), count: 1, last: time }),
        }
        self.shapes.sort_by(|a, b| b.last.cmp(&a.last).then_with(|| a.text.cmp(&b.text)));
        self.shapes.truncate(SHAPES);
    }
}

fn failed(seen: &Seen) -> bool {
    seen.outcome == Outcome::Failed
}

/// The first line of a message with what differs from run to run taken out.
fn shape(message: &str) -> String {
    let line = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no message");
    let mut out = String::new();
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(open) if c == open => {
                quote = None;
                out.push('…');
                out.push(c);
            }
            Some(_) => {}
            None if matches!(c, '\'' | '"') => {
                quote = Some(c);
                out.push(c);
            }
            None if c.is_ascii_digit() => {
                if !out.ends_with('#') {
                    out.push('#');
                }
            }
            None => out.push(c),
        }
        if out.len() > 200 {
            break;
        }
    }
    out
}

#[derive(Serialize, Deserialize)]
struct File {
    schema: u32,
    repo: String,
    /// Hashes of the reports that were taken in.
    reports: BTreeSet<String>,
    tests: BTreeMap<String, Outcomes>,
}

/// The outcomes of one repository.
#[derive(Clone, Debug, Default)]
pub struct History {
    repo: String,
    reports: BTreeSet<String>,
    tests: BTreeMap<String, Outcomes>,
}

impl History {
    /// What is remembered in `folder` of a repository; empty where nothing is.
    ///
    /// # Errors
    /// The file is damaged, or of a newer version.
    pub fn load(folder: &Path, repo: &str) -> Result<History, HistoryError> {
        let path = file_of(folder, repo);
        let shown = path.display().to_string();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(History { repo: repo.to_owned(), ..History::default() });
            }
            Err(error) => return Err(HistoryError::Unreadable { path: shown, reason: error.to_string() }),
        };
        let unreadable = |error: serde_json::Error| HistoryError::Unreadable {
            path: shown.clone(),
            reason: error.to_string(),
        };
        let value: serde_json::Value = serde_json::from_str(&text).map_err(unreadable)?;
        let found = value["schema"].as_u64().unwrap_or(0) as u32;
        if found > SCHEMA {
            return Err(HistoryError::Newer { path: shown, found });
        }
        let file: File = serde_json::from_value(value).map_err(unreadable)?;
        Ok(History { repo: file.repo, reports: file.reports, tests: file.tests })
    }

    /// Replaces the file in one step, so that a kill leaves the old one or the new one.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), HistoryError> {
        let path = file_of(folder, &self.repo);
        let failed = |error: std::io::Error| HistoryError::Unwritable {
            path: path.display().to_string(),
            reason: error.to_string(),
        };
        let file = File {
            schema: SCHEMA,
            repo: self.repo.clone(),
            reports: self.reports.clone(),
            tests: self.tests.clone(),
        };
        let text = serde_json::to_vec(&file).map_err(|error| failed(error.into()))?;
        std::fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(failed)?;
        let new = path.with_extension("new");
        std::fs::write(&new, text).map_err(failed)?;
        std::fs::rename(&new, &path).map_err(failed)
    }

    /// Node id and outcomes of every test, by id.
    pub fn tests(&self) -> impl Iterator<Item = (&str, &Outcomes)> {
        self.tests.iter().map(|(id, outcomes)| (id.as_str(), outcomes))
    }

    pub fn get(&self, id: &str) -> Option<&Outcomes> {
        self.tests.get(id)
    }

    /// Takes in a report. `hash` tells it from others: one that was taken in before changes nothing, and `false` comes
    /// back.
    pub fn add(&mut self, hash: &str, report: &Folded, time: Timestamp, commit: Option<&str>) -> bool {
        if !self.reports.insert(hash.to_owned()) {
            return false;
        }
        for (id, (outcome, message)) in &report.tests {
            let seen = Seen { time, commit: commit.map(str::to_owned), outcome: *outcome };
            match self.tests.get_mut(id) {
                Some(outcomes) => outcomes.add(seen, message.as_deref()),
                None => self.tests.entry(id.clone()).or_default().add(seen, message.as_deref()),
            }
        }
        true
    }

    /// Takes in runs of tests without a commit: ids, whether they passed, and how often in a row.
    pub fn note_runs<'t>(
        &mut self,
        repo: &str,
        time: Timestamp,
        ended: impl IntoIterator<Item = (&'t str, bool, u32)>,
    ) {
        repo.clone_into(&mut self.repo);
        for (id, passed, times) in ended {
            let outcome = if passed { Outcome::Passed } else { Outcome::Failed };
            let test = self.tests.entry(id.to_owned()).or_default();
            test.add(Seen { time, commit: None, outcome }, None);
            if passed {
                let more = times.saturating_sub(1);
                test.runs += more;
                test.passes += more;
            }
        }
    }

    /// Keeps what was proved of a test; of one perturbation the latest only.
    pub fn prove(&mut self, id: &str, proof: Proof) {
        let proofs = &mut self.tests.entry(id.to_owned()).or_default().proofs;
        proofs.retain(|known| known.perturbation != proof.perturbation);
        proofs.insert(0, proof);
        proofs.truncate(PROOFS);
    }
}

fn file_of(folder: &Path, repo: &str) -> PathBuf {
    let name: String =
        repo.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '+' }).collect();
    folder.join("history").join(format!("{}.json", name.trim_start_matches('.')))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::junit::{Case, Run};
    use super::super::names::Names;
    use super::*;

    fn case(class: &str, name: &str, outcome: Outcome) -> Case {
        Case {
            class: class.to_owned(),
            name: name.to_owned(),
            file: None,
            outcome,
            message: Some("got 3 of '7'".to_owned()),
        }
    }

    fn names() -> Names {
        Names::new(
            [
                "tests/test_a.py::TestA::test_x",
                "tests/test_a.py::test_y",
                "lib/test_b.py::test_y",
                "lib/test_b.py::test_z",
            ]
            .into_iter(),
        )
    }

    fn history() -> History {
        History { repo: "r".to_owned(), ..History::default() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_report_counts_once_and_verdicts_follow() {
        let (names, mut history) = (names(), history());
        let run = |outcome| Run { cases: vec![case("tests.test_a", "test_y", outcome)], ..Run::default() };
        let id = "tests/test_a.py::test_y";
        history.add("1", &names.fold(run(Outcome::Passed)), at(1), Some("c1"));
        assert_eq!(history.get(id).unwrap().verdict(), Some(Verdict::Stable));
        history.add("2", &names.fold(run(Outcome::Failed)), at(2), Some("c2"));
        assert_eq!(history.get(id).unwrap().verdict(), Some(Verdict::Changed));
        let before = history.get(id).unwrap().clone();
        assert!(!history.add("2", &names.fold(run(Outcome::Failed)), at(2), Some("c2")));
        assert_eq!(*history.get(id).unwrap(), before);
        history.add("3", &names.fold(run(Outcome::Passed)), at(3), Some("c2"));
        let now = history.get(id).unwrap();
        assert_eq!((now.verdict(), now.mixed_commits, now.flips, now.runs), (Some(Verdict::Flaky), 1, 2, 3));
        assert_eq!(now.shapes[0].text, "got # of '…'");
        assert_eq!(now.last_failure, Some(at(2)));
    }

    #[test]
    fn the_order_of_import_does_not_matter() {
        let names = names();
        let run = |outcome| Run { cases: vec![case("tests.test_a", "test_y", outcome)], ..Run::default() };
        let all = [(1, Outcome::Passed), (2, Outcome::Failed), (3, Outcome::Passed)];
        let (mut one, mut other) = (history(), history());
        for (second, outcome) in all {
            one.add(&second.to_string(), &names.fold(run(outcome)), at(second), None);
        }
        for (second, outcome) in all.iter().rev() {
            other.add(&second.to_string(), &names.fold(run(*outcome)), at(*second), None);
        }
        assert_eq!(one.tests, other.tests);
    }

    #[test]
    fn parameters_fold_and_a_second_try_is_seen() {
        let (names, mut history) = (names(), history());
        let cases = vec![
            case("tests.test_a.TestA", "test_x[1]", Outcome::Passed),
            case("tests.test_a.TestA", "test_x[2]", Outcome::Failed),
            case("tests.test_a", "test_y", Outcome::Failed),
            case("tests.test_a", "test_y", Outcome::Passed),
            case("nowhere", "test_gone", Outcome::Passed),
        ];
        let folded = names.fold(Run { cases, ..Run::default() });
        history.add("1", &folded, at(1), None);
        assert_eq!(
            (folded.tests.len(), folded.unmatched),
            (2, BTreeSet::from(["nowhere.test_gone".to_owned()]))
        );
        assert_eq!(history.get("tests/test_a.py::TestA::test_x").unwrap().failures, 1);
        assert_eq!(history.get("tests/test_a.py::test_y").unwrap().verdict(), Some(Verdict::Flaky));
    }

    #[test]
    fn it_is_kept_on_disk_and_a_newer_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (names, mut history) = (names(), history());
        let run = Run { cases: vec![case("tests.test_a", "test_y", Outcome::Failed)], ..Run::default() };
        history.add("1", &names.fold(run), at(1), None);
        history.repo = "owner/name".to_owned();
        history.save(folder.path()).unwrap();
        let again = History::load(folder.path(), "owner/name").unwrap();
        assert_eq!((again.tests, again.reports), (history.tests, history.reports));
        let path = file_of(folder.path(), "owner/name");
        std::fs::write(&path, r#"{"schema": 9}"#).unwrap();
        assert!(matches!(
            History::load(folder.path(), "owner/name"),
            Err(HistoryError::Newer { found: 9, .. })
        ));
        std::fs::write(&path, "{").unwrap();
        assert!(matches!(History::load(folder.path(), "owner/name"), Err(HistoryError::Unreadable { .. })));
    }
}

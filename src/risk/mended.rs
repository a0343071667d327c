//! What the rules see of tests that people mended: each test before and after the commit that mended it.
//! Knows nothing of single rules; a finding counts where its cause is the one that the table names.

use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::checkout::{Checkout, Scanner, matching};
use crate::smells::{Cause, Finding};
use crate::source::git;

/// How far, in lines, a finding may stand from what the commit changed and still be about it.
const NEAR: u32 = 3;

/// One line of the table.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Mend {
    pub repo: String,
    /// The commit that mends; its first parent is "before".
    pub commit: String,
    /// The test as it is called before.
    pub test_id: String,
    pub cause: Cause,
    /// What was unstable, in words.
    pub what: String,
}

impl Mend {
    /// The file of the test, before.
    pub fn file(&self) -> &str {
        self.test_id.split("::").next().unwrap_or(&self.test_id)
    }
}

/// Why there is no table.
#[derive(Debug, Error)]
pub enum MendedError {
    #[error("cannot read {path}: {reason}; check the path")]
    Unreadable { path: String, reason: String },
    #[error(
        "{path} is no table of mended tests: it needs the columns repo, commit, test_id, cause, what ({reason})"
    )]
    Columns { path: String, reason: String },
}

/// How the scanner did on one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// A finding of the cause before, fewer or none after.
    Gone,
    /// A finding of the cause before, and as many after.
    Stays,
    /// The test was found, but nothing of the cause on it.
    Missed,
    /// There is no such test before.
    NoTest,
    /// The repository or the commit is not there; the line is not counted.
    NoClone,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Gone => "gone",
            State::Stays => "stays",
            State::Missed => "missed",
            State::NoTest => "no test",
            State::NoClone => "no clone",
        }
    }
}

/// One line with what was found on its test, as `FD101@15`, whatever the cause.
#[derive(Clone, Debug, Serialize)]
pub struct Looked {
    #[serde(flatten)]
    pub mend: Mend,
    pub state: State,
    pub before: Vec<String>,
    /// `None`: the test is no longer there under its name, so that nothing is known to have gone.
    pub after: Option<Vec<String>>,
    /// A finding of the right cause stands within three lines of what the commit changed.
    pub near: bool,
    /// Why there is no test or no clone.
    pub reason: String,
}

/// Counts of lines, over all causes or of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Lines whose repository is there.
    pub rows: usize,
    pub tests_found: usize,
    /// Lines with a finding of the right cause before.
    pub seen: usize,
    /// `seen` as a share of `rows`; 0 without rows.
    pub recall: f64,
    /// Those of `seen` where such a finding stands within three lines of what the commit changed. A long test gets
    /// findings that have nothing to do with the mend; this is the figure without them.
    pub near: usize,
    /// `near` as a share of `rows`.
    pub near_share: f64,
    /// Those of `seen` with fewer findings of that cause after.
    pub gone: usize,
    /// `gone` as a share of `seen`; 0 where nothing was seen.
    pub gone_share: f64,
}

/// What `evaluate findings` prints.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    #[serde(flatten)]
    pub figures: Figures,
    pub by_cause: Vec<(Cause, Figures)>,
    /// All lines, in the order of the table.
    pub tests: Vec<Looked>,
}

/// Reads a table (CSV with a header).
///
/// # Errors
/// The file cannot be read, columns are missing, or a cause is unknown.
pub fn read(path: &Path) -> Result<Vec<Mend>, MendedError> {
    let shown = path.display().to_string();
    let mut reader = csv::Reader::from_path(path)
        .map_err(|error| MendedError::Unreadable { path: shown.clone(), reason: error.to_string() })?;
    reader
        .deserialize()
        .collect::<Result<Vec<Mend>, _>>()
        .map_err(|error| MendedError::Columns { path: shown, reason: error.to_string() })
}

/// Scans the file of each test before and after, with what stands around it.
pub fn look(mends: &[Mend], clones: &Path, scan: &Scanner, progress: &(dyn Fn(&str) + Sync)) -> Report {
    let tests: Vec<Looked> = mends
        .par_iter()
        .map(|mend| {
            let looked = look_at(mend, clones, scan);
            progress(&format!("{} {}: {}", mend.repo, mend.test_id, looked.state.name()));
            looked
        })
        .collect();
    let by_cause = Cause::ALL
        .into_iter()
        .map(|cause| (cause, figures(tests.iter().filter(|test| test.mend.cause == cause))))
        .filter(|(_, figures)| figures.rows > 0)
        .collect();
    Report { figures: figures(tests.iter()), by_cause, tests }
}

fn look_at(mend: &Mend, clones: &Path, scan: &Scanner) -> Looked {
    let looked = |state, before: &[Finding], after: Option<&[Finding]>, reason: String| Looked {
        mend: mend.clone(),
        state,
        before: places(before),
        after: after.map(places),
        near: false,
        reason,
    };
    let git_dir = match git::find_clone(clones, &mend.repo) {
        Ok(git_dir) => git_dir,
        Err(error) => return looked(State::NoClone, &[], None, error.to_string()),
    };
    let (commit, parent) = (mend.commit.trim(), format!("{}^", mend.commit.trim()));
    let before = match findings(mend, &git_dir, &parent, scan) {
        Ok(Ok(before)) => before,
        Ok(Err(reason)) => return looked(State::NoTest, &[], None, reason),
        Err(reason) => return looked(State::NoClone, &[], None, reason),
    };
    let after = findings(mend, &git_dir, commit, scan).ok().and_then(Result::ok);
    let of_cause =
        |findings: &[Finding]| findings.iter().filter(|finding| finding.cause == mend.cause).count();
    let state = match (of_cause(&before), after.as_deref().map(of_cause)) {
        (0, _) => State::Missed,
        (before, Some(after)) if after < before => State::Gone,
        _ => State::Stays,
    };
    let changed = git::changed_lines(&git_dir, &parent, commit, mend.file()).unwrap_or_default();
    let is_near = |finding: &Finding| {
        changed.iter().any(|(first, last)| {
            (first.saturating_sub(NEAR)..=last.saturating_add(NEAR)).contains(&finding.line)
        })
    };
    let near = before.iter().any(|finding| finding.cause == mend.cause && is_near(finding));
    Looked { near, ..looked(state, &before, after.as_deref(), String::new()) }
}

/// The findings on the test at one commit. The inner error: the commit is there, but the test is not.
fn findings(
    mend: &Mend,
    git_dir: &Path,
    sha: &str,
    scan: &Scanner,
) -> Result<Result<Vec<Finding>, String>, String> {
    let file = mend.file();
    let checkout = Checkout::new(git_dir, &mend.repo, sha, &|path| stands_around(path, file))?;
    let path = checkout.path().join(file);
    if !path.is_file() {
        return Ok(Err(format!("no file {file}")));
    }
    Ok(scan(&mend.repo, vec![path]).and_then(|tests| {
        matching(&tests, &mend.test_id)
            .map(|test| test.assessment.findings.clone())
            .ok_or_else(|| "no test of that name".to_owned())
    }))
}

/// Whether a scan of `file` can use `path`: helpers stand beside it or in folders named for tests.
pub fn stands_around(path: &str, file: &str) -> bool {
    let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    !path.ends_with(".py")
        || folder(path) == folder(file)
        || path.split('/').any(|part| part.contains("test") || part == "conftest.py")
}

fn places(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{}@{}", finding.code, finding.line)).collect()
}

fn figures<'t>(tests: impl Iterator<Item = &'t Looked>) -> Figures {
    let mut out = Figures::default();
    for test in tests {
        out.rows += usize::from(test.state != State::NoClone);
        out.tests_found += usize::from(!matches!(test.state, State::NoClone | State::NoTest));
        out.seen += usize::from(matches!(test.state, State::Gone | State::Stays));
        out.near += usize::from(test.near);
        out.gone += usize::from(test.state == State::Gone);
    }
    out.recall = out.seen as f64 / out.rows.max(1) as f64;
    out.near_share = out.near as f64 / out.rows.max(1) as f64;
    out.gone_share = out.gone as f64 / out.seen.max(1) as f64;
    out
}

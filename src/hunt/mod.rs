//! Proof by running: the user's own tests, in the user's own environment, with one thing changed. The only place from
//! which a user's Python is ever run, and only with consent. Knows no store and no prompt.
//!
//! A hunt runs the suite plainly, then in other orders and with what each test's code speaks for changed; what fails
//! then is narrowed to the fewest tests, repeated with and without, and told with a command line that shows it.

mod again;
mod busy;
mod environment;
mod narrow;
mod perturbations;
mod plan;
mod prove;
mod reproduce;
mod runs;
mod worker;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;

use crate::risk::{Assessment, history::Proof};
use crate::smells::Cause;

pub use again::{Patched, Rerun, RerunVerdict, rerun};
pub use environment::Environment;
pub use worker::{CollectError, Stop, write_plugin};

/// What to hunt.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where pytest runs; node ids are relative to it.
    pub root: PathBuf,
    /// What pytest collects, relative to the root; nothing for its own choice.
    pub paths: Vec<String>,
    /// The Python to use; the project's otherwise.
    pub python: Option<PathBuf>,
    pub budget: Duration,
    pub seed: u64,
    /// Test ids that are suspected; `None` for all.
    pub suspects: Option<BTreeSet<String>>,
    /// The one kind of change to try (`order`, `twice`, `clock`); `None` for all.
    pub only: Option<String>,
}

/// Why there was no hunt.
#[derive(Debug, Error)]
pub enum HuntError {
    #[error("{python} cannot be used: {reason}; give another with --python")]
    NoPython { python: String, reason: String },
    #[error(
        "{python} has no pytest; install it there (python -m pip install pytest), or give another Python with --python"
    )]
    NoPytest { python: String },
    #[error("pytest did not get to run the tests; its last words:\n{said}")]
    Start { said: String },
    #[error("pytest found no test to run under {paths}{errors}")]
    NoTests { paths: String, errors: String },
    #[error("no room for temporary files: {0}; free some, or set TMPDIR to another folder")]
    NoRoom(std::io::Error),
    #[error(
        "no test passed in the plain run within {seconds:.0} s; mend what fails first, or give more time with --budget"
    )]
    NothingPasses { seconds: f64 },
}

/// The plain run: everything as the user has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Plain {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
    pub seconds: f64,
    /// Tests that failed already; they are not looked at further.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failing: Vec<String>,
}

/// One run of many tests with one thing changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunSummary {
    pub perturbation: String,
    pub tests: usize,
    pub seconds: f64,
    /// Tests that failed in it and passed plainly.
    pub failed: usize,
}

/// A test that was shown to be unstable.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unstable {
    pub id: String,
    pub repo: String,
    #[serde(flatten)]
    pub proof: Proof,
    /// Tests one of which must run before for it to pass; only for `order:alone`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passes_after: Vec<String>,
    /// Whether `needs` and `passes_after` are as few as can be; time may have been too short.
    pub narrowed: bool,
    /// Node ids with their parameters that failed.
    pub node_ids: Vec<String>,
    /// What the tests share, as far as the code shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Whether the command was run and showed it; missing where no time was left to try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reproduced: Option<bool>,
    /// How many tries of the command showed it, of how many; more than one where it goes by chance.
    pub shown_in: u32,
    pub tried: u32,
    /// Codes of the rules that found something in the test.
    pub findings: Vec<String>,
    /// Runs that narrowing took.
    pub trials: usize,
    /// Seconds from the end of the plain run until it failed first.
    pub seen_after: f64,
}

/// A test that failed once, and not again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unconfirmed {
    pub id: String,
    pub perturbation: String,
    pub error: String,
}

/// What a hunt brought.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Hunted {
    pub plain: Plain,
    pub runs: Vec<RunSummary>,
    /// The surest first.
    pub unstable: Vec<Unstable>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unconfirmed: Vec<Unconfirmed>,
    /// Files that pytest could not collect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<CollectError>,
    /// Whether somebody ended it before its time.
    pub stopped: bool,
    pub seconds: f64,
    /// Every test that was not skipped in the plain run, in its order.
    pub tests: Vec<Tried>,
}

/// What the runs of a hunt did to one test, all its parameters together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tried {
    pub id: String,
    /// Whether it passed plainly.
    pub passed: bool,
    /// Runs of it, with a change or without: those of the parameter that ran most.
    pub runs: u32,
    /// Those of them that failed, of the parameter that failed most.
    pub failed: u32,
}

/// Hunts. `tests` is what a scan found in the project; `say` gets a line of progress now and then.
///
/// # Errors
/// There is no Python with pytest, nothing is collected, or nothing passes.
pub fn hunt(
    request: &Request,
    tests: &[&Assessment],
    stop: &Stop,
    say: &dyn Fn(&str),
) -> Result<Hunted, HuntError> {
    let environment = Environment::find(request.python.as_deref(), &request.root)?;
    let setup = worker::Setup::new(environment, request.root.clone(), request.paths.clone())?;
    let mut runs = runs::Runs::plain(&setup, request, tests, stop, say)?;
    let seen = plan::discover(&mut runs);
    let proved = prove::prove(&mut runs, seen);
    Ok(runs.finish(proved))
}

/// The kinds of change there are.
pub fn kinds() -> Vec<&'static str> {
    ["order", "twice"]
        .into_iter()
        .chain(perturbations::PERTURBATIONS.iter().map(|known| known.name))
        .collect()
}

/// The test that a node id is of: without its parameters.
fn test_of(node: &str) -> &str {
    let after = node.find("::").unwrap_or(0);
    node[after..].find('[').map_or(node, |at| &node[..after + at])
}

/// What a change that showed something says about the cause: what rules found, where it is one that the change can show.
fn cause_of(test: Option<&Assessment>, shows: &[Cause]) -> Cause {
    let found = test.into_iter().flat_map(|test| &test.causes).find(|cause| shows.contains(cause));
    found.or(shows.first()).copied().unwrap_or(Cause::Structure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_no_part_of_a_test() {
        assert_eq!(test_of("tests/test_a.py::TestA::test_b[x-[1]]"), "tests/test_a.py::TestA::test_b");
        assert_eq!(test_of("te[s]ts/test_a.py::test_b"), "te[s]ts/test_a.py::test_b");
        assert_eq!(test_of("test_a.py"), "test_a.py");
    }
}

//! The suite and its runs: who passes plainly, what was run so far, how much time is left. Every run of a hunt goes
//! through here.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::busy::Busy;
use super::perturbations::Change;
use super::worker::{Asked, Ending, Group, Setup, Stop, Worker};
use super::{
    CollectError, HuntError, Hunted, Plain, Request, RunSummary, Tried, Unconfirmed, Unstable, test_of,
};
use crate::risk::Assessment;

/// A test that fails plainly is kept in other orders if it takes so many seconds at most.
const QUICK: f64 = 1.0;
/// A run gets so many times as long as the plain one took, and this much on top.
const PATIENCE: f64 = 5.0;
const LEAST: Duration = Duration::from_secs(15);
/// So few tests are run plainly so often until one passes.
const FEW: usize = 5;
const AGAIN: usize = 3;
/// Share of the budget that the plain run may take, and one test in it: what is slower could not be repeated.
const PLAIN: f64 = 0.5;
const ONE: f64 = 0.15;
/// A run that was begun gets so many seconds, whatever is left.
const BEGUN: f64 = 2.0;

/// A test by its place in the plain order.
pub(super) type Test = usize;

/// How one test ended in one run, and what it said.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ended {
    pub(super) test: Test,
    pub(super) failed: bool,
    pub(super) error: String,
}

/// One suite under the hunt.
pub(super) struct Runs<'a> {
    pub(super) request: &'a Request,
    setup: &'a Setup,
    stop: &'a Stop,
    say: &'a dyn Fn(&str),
    started: Instant,
    /// Seconds until pytest had collected.
    pub(super) collecting: f64,
    /// When the plain run ended.
    pub(super) begun: Instant,
    /// Share of the budget after which a run is cut.
    pub(super) until: f64,
    workers: Vec<(Vec<(String, String)>, Worker)>,
    /// Node ids in the plain order.
    pub(super) ids: Vec<String>,
    by_id: HashMap<String, Test>,
    /// Whether a test passed plainly.
    pub(super) passes: Vec<bool>,
    /// Fails plainly, and lets the others go on.
    fails: Vec<bool>,
    /// Seconds that a test took plainly.
    pub(super) took: Vec<f64>,
    scanned: HashMap<&'a str, &'a Assessment>,
    plain: Plain,
    /// In how many runs a test ran, and in how many it failed.
    ran: Vec<(u32, u32)>,
    errors: Vec<CollectError>,
    summaries: Vec<RunSummary>,
}

impl<'a> Runs<'a> {
    /// Collects, and runs everything plainly.
    pub(super) fn plain(
        setup: &'a Setup,
        request: &'a Request,
        tests: &[&'a Assessment],
        stop: &'a Stop,
        say: &'a dyn Fn(&str),
    ) -> Result<Runs<'a>, HuntError> {
        let started = Instant::now();
        let (worker, collected) = Worker::start(setup, &[], stop)?;
        if collected.ids.is_empty() {
            let told = |error: &CollectError| format!("\n{}: {}", error.id, error.error);
            return Err(HuntError::NoTests {
                paths: if request.paths.is_empty() { ".".to_owned() } else { request.paths.join(" ") },
                errors: collected.errors.iter().map(told).collect(),
            });
        }
        let ids = collected.ids;
        let mut runs = Runs {
            request,
            setup,
            stop,
            say,
            started,
            collecting: started.elapsed().as_secs_f64(),
            begun: Instant::now(),
            until: 1.0,
            workers: vec![(vec![], worker)],
            by_id: ids.iter().cloned().zip(0..).collect(),
            passes: vec![false; ids.len()],
            fails: vec![false; ids.len()],
            took: vec![0.0; ids.len()],
            ran: vec![(0, 0); ids.len()],
            ids,
            scanned: tests.iter().map(|test| (test.id.as_str(), *test)).collect(),
            plain: Plain::default(),
            errors: collected.errors,
            summaries: vec![],
        };
        // one unstable test may fail just now
        let mut tries = if runs.ids.len() <= FEW { AGAIN } else { 1 };
        let until = runs.begun + request.budget.mul_f64(PLAIN);
        loop {
            tries -= 1;
            match runs.run_plain(until) {
                Err(HuntError::NothingPasses { .. })
                    if tries > 0 && runs.fails.contains(&true) && Instant::now() < until =>
                {
                    runs.plain = Plain::default();
                }
                ended => return ended.map(|()| runs),
            }
        }
    }

    /// The plain run. A test that ends the process, or never ends, is a failing one; the others go on without it.
    fn run_plain(&mut self, until: Instant) -> Result<(), HuntError> {
        let mut failing = vec![];
        let mut left: Vec<Test> = (0..self.ids.len()).collect();
        let began = Instant::now();
        while !left.is_empty() {
            let limit = until.saturating_duration_since(Instant::now());
            if limit.is_zero() || self.stop.is_asked() {
                break;
            }
            let each = match (self.ids.len(), left.len()) {
                (_, 1) => limit,
                (..=FEW, _) => limit / 2,
                _ => self.request.budget.mul_f64(ONE),
            };
            let group =
                self.groups(&[], Map::new(), vec![left.clone()], limit, each).pop().unwrap_or_default();
            for test in &group.tests {
                let Some(at) = self.by_id.get(&test.id).copied() else { continue };
                self.took[at] = test.seconds;
                self.passes[at] = test.outcome == Ending::Passed;
                self.fails[at] = test.outcome == Ending::Failed;
                match test.outcome {
                    Ending::Passed => self.plain.passed += 1,
                    Ending::Failed => failing.push(at),
                    Ending::Skipped => self.plain.skipped += 1,
                }
            }
            let ran: Vec<Test> =
                group.tests.iter().filter_map(|test| self.by_id.get(&test.id).copied()).collect();
            left.retain(|test| !ran.contains(test));
            match group.died_in.and_then(|(id, how)| Some((self.by_id.get(&id).copied()?, how))) {
                // with one test left its limit is the run's, and either may be told first
                Some((_, how)) if how == "late" || (how == "stuck" && each >= limit) => {
                    (self.say)(&format!(
                        "the plain run was cut: {} of {} tests did not end",
                        left.len(),
                        self.ids.len()
                    ));
                    break;
                }
                Some((test, how)) => {
                    let what = match how.as_str() {
                        "stuck" => format!("did not end within {:.0} s", each.as_secs_f64()),
                        how => format!("ended the run ({how})"),
                    };
                    (self.say)(&format!("{} {what} and is left out", self.ids[test]));
                    failing.push(test);
                    left.retain(|other| *other != test);
                }
                None if ran.is_empty() => break,
                None => {}
            }
        }
        self.plain.seconds = began.elapsed().as_secs_f64();
        self.plain.failed = failing.len();
        self.plain.failing = failing.iter().map(|test| self.ids[*test].clone()).collect();
        self.begun = Instant::now();
        (self.say)(&format!(
            "plain: {} passed, {} failed, {} skipped ({:.1} s)",
            self.plain.passed, self.plain.failed, self.plain.skipped, self.plain.seconds
        ));
        if self.plain.passed == 0 {
            return Err(HuntError::NothingPasses { seconds: self.plain.seconds });
        }
        Ok(())
    }

    /// What the runs did to each test that was not skipped plainly.
    fn tried(&self) -> Vec<Tried> {
        let mut out: Vec<Tried> = vec![];
        let mut places: HashMap<&str, usize> = HashMap::new();
        let failing: HashSet<&String> = self.plain.failing.iter().collect();
        for (at, id) in self.ids.iter().enumerate() {
            let passed = self.passes[at];
            if !passed && !failing.contains(id) {
                continue;
            }
            let place = *places.entry(test_of(id)).or_insert_with(|| {
                out.push(Tried { id: test_of(id).to_owned(), passed: true, ..Tried::default() });
                out.len() - 1
            });
            let (ran, failed) = self.ran[at];
            let test = &mut out[place];
            test.passed &= passed;
            test.runs = test.runs.max(ran + 1);
            test.failed = test.failed.max(failed + u32::from(!passed));
        }
        out
    }

    /// What a scan says of a test.
    pub(super) fn scanned(&self, test: Test) -> Option<&'a Assessment> {
        self.scanned.get(test_of(&self.ids[test])).copied()
    }

    pub(super) fn setup(&self) -> &'a Setup {
        self.setup
    }

    /// Tests that pass plainly, in the plain order.
    pub(super) fn passing(&self) -> Vec<Test> {
        (0..self.ids.len()).filter(|test| self.passes[*test]).collect()
    }

    /// What runs in another order, in the plain order: the tests that pass, and of those that fail the quick ones, for
    /// they leave things to others too.
    pub(super) fn ordered(&self) -> Vec<Test> {
        let quick = |test: &Test| self.took[*test] > 0.0 && self.took[*test] <= QUICK;
        (0..self.ids.len()).filter(|test| self.passes[*test] || (self.fails[*test] && quick(test))).collect()
    }

    /// Whether the test is one of those that are suspected.
    pub(super) fn is_suspect(&self, test: Test) -> bool {
        self.request.suspects.as_ref().is_none_or(|suspects| suspects.contains(test_of(&self.ids[test])))
    }

    /// Seconds that these tests took plainly.
    pub(super) fn cost(&self, tests: &[Test]) -> f64 {
        tests.iter().map(|test| self.took[*test] + 0.003).sum()
    }

    /// Whether a run of so many seconds ends before this share of the budget is spent.
    pub(super) fn has_time(&self, seconds: f64, share: f64) -> bool {
        let spent = self.started.elapsed().as_secs_f64() + seconds;
        !self.stop.is_asked() && spent <= self.request.budget.as_secs_f64() * share
    }

    pub(super) fn left(&self) -> Duration {
        self.request.budget.saturating_sub(self.started.elapsed())
    }

    pub(super) fn say(&self, line: &str) {
        (self.say)(line);
    }

    /// Runs each list in a process of its own, with a change or without, and gives how its tests ended, in their order.
    pub(super) fn run(
        &mut self,
        lists: &[Vec<Test>],
        change: Option<&Change>,
        control: bool,
    ) -> Vec<Vec<Ended>> {
        let (variables, inside, busy) = match change {
            Some(change) if control => (vec![], change.control.clone(), false),
            Some(change) if change.inside.is_empty() => (change.variables.clone(), Map::new(), change.busy),
            Some(change) => (vec![], change.inside.clone(), change.busy),
            None => (vec![], Map::new(), false),
        };
        let _busy = busy.then(Busy::start);
        let longest = lists.iter().map(|list| self.cost(list)).fold(0.0, f64::max);
        let left = self.request.budget.mul_f64(self.until).saturating_sub(self.started.elapsed());
        let least = Duration::from_secs_f64(longest * 2.0 + BEGUN);
        let limit = Duration::from_secs_f64(longest * PATIENCE).max(LEAST).min(left.max(least));
        let groups = self.groups(&variables, inside, lists.to_vec(), limit, limit);
        let all: Vec<Vec<Ended>> = groups.into_iter().map(|group| self.ended(group)).collect();
        for end in all.iter().flatten() {
            let (ran, failed) = &mut self.ran[end.test];
            *ran += 1;
            *failed += u32::from(end.failed);
        }
        all
    }

    fn ended(&self, group: Group) -> Vec<Ended> {
        let place = |id: &str| self.by_id.get(id).copied();
        let mut out: Vec<Ended> = group
            .tests
            .into_iter()
            .filter(|test| test.outcome != Ending::Skipped)
            .filter_map(|test| {
                let failed = test.outcome == Ending::Failed;
                Some(Ended { test: place(&test.id)?, failed, error: test.error })
            })
            .collect();
        // a run that came too late is cut, and the test that was on says nothing
        let died = group.died_in.filter(|(_, how)| how.starts_with("signal") || how.starts_with("exit"));
        if let Some((test, how)) = died.and_then(|(id, how)| Some((place(&id)?, how))) {
            out.push(Ended { test, failed: true, error: format!("the process ended: {how}") });
        }
        out
    }

    fn groups(
        &mut self,
        variables: &[(String, String)],
        changes: Map<String, Value>,
        lists: Vec<Vec<Test>>,
        limit: Duration,
        each: Duration,
    ) -> Vec<Group> {
        let count = lists.len();
        let name = |list: Vec<Test>| list.into_iter().map(|test| self.ids[test].clone()).collect();
        let asked = Asked { groups: lists.into_iter().map(name).collect(), changes, limit, each };
        let mut worker = match self.workers.iter().position(|(known, _)| known == variables) {
            Some(at) => self.workers.swap_remove(at).1,
            None => match Worker::start(self.setup, variables, self.stop) {
                Ok((worker, _)) => worker,
                Err(error) => {
                    tracing::debug!("no further pytest: {error}");
                    return vec![Group::default(); count];
                }
            },
        };
        let (groups, alive) = worker.run(&asked);
        if alive {
            // one that is not the plain one is seldom wanted again
            self.workers.retain(|(known, _)| known.is_empty());
            self.workers.push((variables.to_vec(), worker));
        }
        groups
    }

    /// Keeps what a run of many tests was.
    pub(super) fn note(&mut self, perturbation: &str, tests: usize, seconds: f64, failed: usize) {
        (self.say)(&format!("{perturbation}: {failed} of {tests} tests failed ({seconds:.1} s)"));
        self.summaries.push(RunSummary {
            perturbation: perturbation.to_owned(),
            tests,
            seconds: (seconds * 1e3).round() / 1e3,
            failed,
        });
    }

    pub(super) fn finish(mut self, (unstable, unconfirmed): (Vec<Unstable>, Vec<Unconfirmed>)) -> Hunted {
        self.plain.seconds = (self.plain.seconds * 1e3).round() / 1e3;
        let tests = self.tried();
        Hunted {
            tests,
            plain: self.plain,
            runs: self.summaries,
            unstable,
            unconfirmed,
            errors: self.errors,
            stopped: self.stop.is_asked(),
            seconds: (self.started.elapsed().as_secs_f64() * 1e3).round() / 1e3,
        }
    }
}

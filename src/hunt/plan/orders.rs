//! The suite in other orders, and its tests with nothing before them: by turns, by what either brought so far.

use std::collections::BTreeSet;
use std::time::Instant;

use super::{How, Order, SHARE, Seen, sight};
use crate::hunt::runs::{Runs, Test};

/// Shuffles that are tried at least, where there is time, and those without news after which no more are.
const SHUFFLES: usize = 16;
const NO_NEWS: usize = 12;
const MOST_SHUFFLES: usize = 60;
/// So many shuffles come before the code of any test is gone by.
const EARLY: usize = 14;
/// So many tests run alone at a time.
const ALONE: usize = 50;

/// What was not tried yet.
pub(super) struct Orders {
    all: Vec<Test>,
    dice: fastrand::Rng,
    /// The next shuffle, and how many there can be.
    number: usize,
    most: usize,
    no_news: usize,
    shuffles: Arm,
    /// Tests to run alone, the riskiest last.
    left: Vec<Test>,
    alone: Arm,
    ran_alone: usize,
    failed_alone: usize,
}

/// What one of two ways cost, and the tests that it was the first to show.
#[derive(Default)]
struct Arm {
    seconds: f64,
    news: usize,
}

impl Arm {
    fn rate(&self) -> f64 {
        (self.news + 1) as f64 / (self.seconds + 1.0)
    }
}

impl Orders {
    pub(super) fn new(runs: &Runs<'_>, all: &[Test], plain: &[Test]) -> Orders {
        let mut left: Vec<Test> = plain.iter().copied().filter(|test| runs.is_suspect(*test)).collect();
        let risk = |test: &Test| runs.scanned(*test).map_or(0.0, |found| found.risk);
        // the first of equals first
        left.reverse();
        left.sort_by(|a, b| risk(a).total_cmp(&risk(b)));
        Orders {
            all: all.to_vec(),
            dice: fastrand::Rng::with_seed(runs.request.seed),
            number: 1,
            most: orders_of(all.len()).min(MOST_SHUFFLES),
            no_news: 0,
            shuffles: Arm::default(),
            left,
            alone: Arm::default(),
            ran_alone: 0,
            failed_alone: 0,
        }
    }

    pub(super) fn reversed(&self, runs: &mut Runs<'_>, seen: &mut Seen) {
        let reversed: Vec<Test> = self.all.iter().rev().copied().collect();
        order(runs, seen, "order:reversed", &reversed);
    }

    /// Whether a further shuffle is one of the first.
    pub(super) fn is_early(&self) -> bool {
        self.number <= EARLY
    }

    /// Whether shuffles still bring something.
    pub(super) fn has_news(&self) -> bool {
        self.number <= SHUFFLES || self.no_news < NO_NEWS
    }

    /// A shuffle, while `more` wants one, or some tests alone, whichever brought more for its time; `false` where
    /// nothing is left to do before this share of the budget is spent.
    pub(super) fn step(
        &mut self,
        runs: &mut Runs<'_>,
        seen: &mut Seen,
        share: f64,
        more: fn(&Orders) -> bool,
    ) -> bool {
        let next = &self.left[self.left.len().saturating_sub(ALONE)..];
        let cost: f64 = next.iter().map(|test| runs.cost(&[*test]) + 0.01).sum();
        let alone = !next.is_empty() && runs.has_time(cost, share);
        let shuffle = self.number <= self.most && more(self) && runs.has_time(runs.cost(&self.all), share);
        match (shuffle, alone) {
            (false, false) => return false,
            (true, false) => self.shuffle(runs, seen),
            (true, true) if self.shuffles.rate() >= self.alone.rate() => self.shuffle(runs, seen),
            _ => self.some_alone(runs, seen),
        }
        true
    }

    pub(super) fn shuffle(&mut self, runs: &mut Runs<'_>, seen: &mut Seen) {
        if self.number > self.most {
            return;
        }
        let mut tests = self.all.clone();
        let name = match self.number % 3 {
            // as people shuffle who keep a module's fixtures together
            2 => {
                let module = |test: Test| runs.ids[test].split("::").next();
                let mut modules: Vec<Vec<Test>> =
                    tests.chunk_by(|a, b| module(*a) == module(*b)).map(<[Test]>::to_vec).collect();
                self.dice.shuffle(&mut modules);
                modules.iter_mut().for_each(|module| self.dice.shuffle(module));
                tests = modules.concat();
                "order:shuffled-by-module"
            }
            _ => {
                self.dice.shuffle(&mut tests);
                "order:shuffled"
            }
        };
        let (began, before) = (Instant::now(), seen.tests());
        order(runs, seen, name, &tests);
        self.number += 1;
        let news = seen.tests() - before;
        self.no_news = if news > 0 { 0 } else { self.no_news + 1 };
        self.shuffles.seconds += began.elapsed().as_secs_f64();
        self.shuffles.news += news;
    }

    fn some_alone(&mut self, runs: &mut Runs<'_>, seen: &mut Seen) {
        let tests: Vec<Test> =
            self.left.split_off(self.left.len().saturating_sub(ALONE)).into_iter().rev().collect();
        let lists: Vec<Vec<Test>> = tests.iter().map(|test| vec![*test]).collect();
        let (began, before) = (Instant::now(), seen.tests());
        for (test, ended) in tests.iter().zip(runs.run(&lists, None, false)) {
            self.ran_alone += 1;
            match ended.last() {
                Some(end) if end.failed => {
                    self.failed_alone += 1;
                    sight(runs, seen, end, How::Alone);
                }
                Some(_) => {
                    seen.pass_alone.insert(*test);
                }
                None => {}
            }
        }
        self.alone.seconds += began.elapsed().as_secs_f64();
        self.alone.news += seen.tests() - before;
    }

    /// Keeps what running tests alone was.
    pub(super) fn note(&self, runs: &mut Runs<'_>) {
        if self.ran_alone > 0 {
            runs.note("order:alone", self.ran_alone, self.alone.seconds, self.failed_alone);
        }
    }
}

/// In how many orders so many tests can run.
fn orders_of(count: usize) -> usize {
    (1..=count).fold(1, usize::saturating_mul)
}

/// One whole run in another order, where there is time for it.
pub(super) fn order(runs: &mut Runs<'_>, seen: &mut Seen, name: &str, tests: &[Test]) {
    if !runs.has_time(runs.cost(tests), SHARE) {
        return;
    }
    let began = Instant::now();
    let ended = runs.run(&[tests.to_vec()], None, false).pop().unwrap_or_default();
    let mut failed = BTreeSet::new();
    for (at, end) in ended.iter().enumerate().filter(|(_, end)| end.failed) {
        failed.insert(end.test);
        let before: Vec<Test> = ended[..at].iter().map(|end| end.test).collect();
        if before.contains(&end.test) {
            sight(runs, seen, end, How::Twice);
        }
        sight(runs, seen, end, How::Order { run: seen.orders.len(), before });
    }
    let count = tests.iter().collect::<BTreeSet<_>>().len();
    runs.note(name, count, began.elapsed().as_secs_f64(), failed.len());
    seen.orders.push(Order { name: name.to_owned(), tests: tests.to_vec(), ended });
}

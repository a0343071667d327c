//! What is run, and in which order: first what shows most in least time, then what the code speaks for, then more
//! shuffles for as long as they show anything.

mod orders;

use std::collections::BTreeSet;
use std::time::Instant;

use super::perturbations::{About, Change, PERTURBATIONS, Perturbation};
use super::runs::{Ended, Runs, Test};
use orders::{Orders, order};

/// Share of the budget after which nothing new is looked for: what was seen wants proof.
const SHARE: f64 = 0.55;
/// And after which what still runs is cut.
const CUT: f64 = 0.6;
/// Before the code of any test is gone by, other orders take no more than this.
const EARLY_SHARE: f64 = 0.3;
/// And after which no single test is looked at for what its code speaks for: other orders want time too.
const DIRECTED_SHARE: f64 = 0.4;
/// So few tests have no orders that want time.
const FEW: usize = 5;
/// So many tests run under one change at a time; the first of them alone, until it is known how long they take.
const CHUNK: usize = 4;
/// So many suspects of one perturbation are tried, the riskiest first.
const DIRECTED: usize = 60;
/// And what goes by chance so often again, where there is time; on few tests more often.
const ROUNDS: u64 = 3;
const ROUNDS_OF_FEW: u64 = 12;
/// On few tests the last of the rounds that come before the whole suite is changed.
const FIRST_ROUNDS: u64 = 1;
/// Seeds that a round uses at most.
const SEEDS: u64 = 10;

/// How a test came to fail.
#[derive(Clone, Debug)]
pub(super) enum How {
    /// In a process of its own, with nothing before it.
    Alone,
    /// When it was run twice.
    Twice,
    /// After these, in this order, in a run of many.
    Order { run: usize, before: Vec<Test> },
    /// With one thing changed, alone.
    Changed { change: Change, shows: &'static [crate::smells::Cause] },
}

/// A failure of a test that passes plainly.
#[derive(Clone, Debug)]
pub(super) struct Sighting {
    pub(super) test: Test,
    pub(super) how: How,
    pub(super) error: String,
    /// Seconds since the end of the plain run.
    pub(super) after: f64,
}

/// A run of many tests in one process.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) name: String,
    pub(super) tests: Vec<Test>,
    /// What ran, in order, and who failed.
    pub(super) ended: Vec<Ended>,
}

/// What was seen, and in which orders tests passed.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) sightings: Vec<Sighting>,
    /// The plain one first.
    pub(super) orders: Vec<Order>,
    /// Tests that pass with nothing before them.
    pub(super) pass_alone: BTreeSet<Test>,
    /// Names of the changes under which the whole suite ran.
    general: BTreeSet<String>,
}

impl Seen {
    /// How many tests failed in any run.
    fn tests(&self) -> usize {
        self.sightings.iter().map(|sighting| sighting.test).collect::<BTreeSet<_>>().len()
    }

    fn knows(&self, test: Test) -> bool {
        self.sightings.iter().any(|sighting| sighting.test == test)
    }
}

/// Looks for tests that fail when something is changed, until there is no news or no time.
pub(super) fn discover(runs: &mut Runs<'_>) -> Seen {
    let mut seen = Seen::default();
    runs.until = CUT;
    let plain = runs.passing();
    let all = runs.ordered();
    let ended = |test: &Test| Ended { test: *test, failed: !runs.passes[*test], error: String::new() };
    let ended = all.iter().map(ended).collect();
    seen.orders.push(Order { name: "plain".to_owned(), tests: all.clone(), ended });
    let only = runs.request.only.clone();
    let wants = |kind: &str| only.as_deref().is_none_or(|only| only == kind);
    // one test has no order
    let mut orders = (wants("order") && all.len() > 1).then(|| Orders::new(runs, &all, &plain));
    if let Some(orders) = &mut orders {
        orders.reversed(runs, &mut seen);
    }
    if wants("twice") {
        let twice: Vec<Test> = all.iter().flat_map(|test| [*test, *test]).collect();
        order(runs, &mut seen, "twice", &twice);
    }
    if let Some(orders) = &mut orders {
        orders.shuffle(runs, &mut seen);
        orders.shuffle(runs, &mut seen);
    }
    // one whole run shows what leans on a seed, and code cannot tell that as well
    general(runs, &mut seen, &plain, |known| known.name == "seed", 1);
    if let Some(orders) = &mut orders {
        while orders.step(runs, &mut seen, EARLY_SHARE, Orders::is_early) {}
    }
    let few = all.len() <= FEW;
    let first = if few { FIRST_ROUNDS } else { 0 };
    (0..=first).for_each(|round| directed(runs, &mut seen, round));
    if let Some(mut orders) = orders {
        while orders.step(runs, &mut seen, SHARE, Orders::has_news) {}
        orders.note(runs);
    }
    general(runs, &mut seen, &plain, |_| true, usize::MAX);
    let rounds = if few { ROUNDS_OF_FEW } else { ROUNDS };
    (first + 1..=rounds).for_each(|round| directed(runs, &mut seen, round));
    runs.until = 1.0;
    seen
}

/// What the code of a test speaks for, on that test alone; in later rounds what goes by chance, with other seeds.
fn directed(runs: &mut Runs<'_>, seen: &mut Seen, round: u64) {
    let few = seen.orders[0].tests.len() <= FEW;
    let share = if round == 0 && !few { DIRECTED_SHARE } else { SHARE };
    let only = runs.request.only.clone();
    let wanted = |known: &&Perturbation| {
        only.as_deref().is_none_or(|only| only == known.name) && (round == 0 || known.chance)
    };
    for perturbation in PERTURBATIONS.iter().filter(wanted) {
        // where there is time for it, what no code speaks for may be so all the same
        let anyway = few && round > FIRST_ROUNDS;
        let suits =
            |test: &Test| runs.scanned(*test).is_some_and(|found| anyway || (perturbation.suits)(found));
        let mut tests: Vec<Test> = runs.passing();
        tests.retain(|test| runs.is_suspect(*test) && suits(test) && !seen.knows(*test));
        let weight = |test: &Test| {
            let found = runs.scanned(*test);
            let sure = |found: &&crate::risk::Assessment| {
                found.findings.iter().any(|finding| perturbation.shows.contains(&finding.cause))
            };
            (found.filter(sure).is_some(), found.map_or(0, |found| found.severity as u8))
        };
        tests.sort_by_key(|test| std::cmp::Reverse(weight(test)));
        tests.truncate(DIRECTED);
        // the same change for many tests is one round, and a process of its own only once
        let mut rounds: Vec<(Change, Vec<Test>)> = vec![];
        for test in tests {
            let Some(found) = runs.scanned(test) else { continue };
            let about = About { test: found, seed: runs.request.seed + SEEDS * round, round };
            for change in (perturbation.changes)(&about) {
                match rounds.iter_mut().find(|(known, _)| *known == change) {
                    Some((_, tests)) => tests.push(test),
                    None => rounds.push((change, vec![test])),
                }
            }
        }
        rounds.sort_by_key(|(_, tests)| std::cmp::Reverse(tests.len()));
        let began = Instant::now();
        let (mut ran, mut failed) = (0, 0);
        for (change, tests) in rounds {
            let tests: Vec<Test> = tests.into_iter().filter(|test| !seen.knows(*test)).collect();
            let (first, others) = tests.split_at(tests.len().min(1));
            let mut slowest = began.elapsed().as_secs_f64() / (ran as f64).max(1.0);
            for chunk in first.chunks(1).chain(others.chunks(CHUNK)) {
                let lists: Vec<Vec<Test>> = chunk.iter().map(|test| vec![*test]).collect();
                let cost: f64 = lists.iter().map(|list| 2.0 * runs.cost(list) + 0.05).sum();
                if !runs.has_time(cost.max(slowest * chunk.len() as f64), share) {
                    break;
                }
                let start = Instant::now();
                let ended = runs.run(&lists, Some(&change), false);
                slowest = slowest.max(start.elapsed().as_secs_f64() / chunk.len() as f64);
                for (test, ended) in chunk.iter().zip(ended) {
                    ran += 1;
                    if let Some(end) = ended.iter().find(|end| end.failed && end.test == *test) {
                        failed += 1;
                        let how = How::Changed { change: change.clone(), shows: perturbation.shows };
                        sight(runs, seen, end, how);
                    }
                }
            }
        }
        if ran > 0 {
            runs.note(perturbation.name, ran, began.elapsed().as_secs_f64(), failed);
        }
    }
}

/// What may be changed around any test, around the whole suite: what code cannot tell. At most so many changes of each
/// kind that is wanted.
fn general(
    runs: &mut Runs<'_>,
    seen: &mut Seen,
    plain: &[Test],
    is_wanted: impl Fn(&Perturbation) -> bool,
    most: usize,
) {
    let Some(found) = plain.iter().find_map(|test| runs.scanned(*test)) else { return };
    let only = runs.request.only.clone();
    let wanted = |known: &&Perturbation| {
        known.general && is_wanted(known) && only.as_deref().is_none_or(|only| only == known.name)
    };
    for perturbation in PERTURBATIONS.iter().filter(wanted) {
        let about = About { test: found, seed: runs.request.seed, round: 0 };
        for change in (perturbation.changes)(&about).into_iter().take(most) {
            if seen.general.contains(&change.name) || !runs.has_time(1.5 * runs.cost(plain), SHARE) {
                continue;
            }
            let began = Instant::now();
            let ended = runs.run(&[plain.to_vec()], Some(&change), false).pop().unwrap_or_default();
            let mut failed = 0;
            for end in ended.iter().filter(|end| end.failed) {
                failed += 1;
                sight(runs, seen, end, How::Changed { change: change.clone(), shows: perturbation.shows });
            }
            runs.note(&change.name, plain.len(), began.elapsed().as_secs_f64(), failed);
            seen.general.insert(change.name);
        }
    }
}

fn sight(runs: &Runs<'_>, seen: &mut Seen, end: &Ended, how: How) {
    if !runs.passes[end.test] || !runs.is_suspect(end.test) {
        return;
    }
    let after = runs.begun.elapsed().as_secs_f64();
    seen.sightings.push(Sighting { test: end.test, how, error: end.error.clone(), after });
}

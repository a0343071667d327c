//! What is run, and in which order: first what shows most in least time, then what the code speaks for, then more
//! shuffles for as long as they show anything.

use std::collections::BTreeSet;
use std::time::Instant;

use super::perturbations::{About, Change, PERTURBATIONS, Perturbation};
use super::runs::{Ended, Runs, Test};

/// Share of the budget after which nothing new is looked for: what was seen wants proof.
const SHARE: f64 = 0.55;
/// And after which no single test is looked at for what its code speaks for: other orders want time too.
const DIRECTED_SHARE: f64 = 0.4;
/// So few tests have no orders that want time.
const FEW: usize = 5;
/// So many tests under one change run before it is known how long they take.
const CHUNK: usize = 4;
/// Shuffles that are tried at least, where there is time, and those without news after which no more are.
const SHUFFLES: usize = 16;
const NO_NEWS: usize = 12;
const MOST_SHUFFLES: usize = 60;
/// So many shuffles come before the code of any test is gone by, where they take no more than this share of the budget.
const EARLY: usize = 14;
const EARLY_SHARE: f64 = 0.2;
/// So many suspects of one perturbation are tried, the riskiest first.
const DIRECTED: usize = 60;
/// And what goes by chance so often again, where there is time.
const ROUNDS: u64 = 3;
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
    let plain = runs.passing();
    let all = runs.ordered();
    let ended = |test: &Test| Ended { test: *test, failed: !runs.passes[*test], error: String::new() };
    let ended = all.iter().map(ended).collect();
    seen.orders.push(Order { name: "plain".to_owned(), tests: all.clone(), ended });
    let mut dice = fastrand::Rng::with_seed(runs.request.seed);

    let only = runs.request.only.clone();
    let wants = |kind: &str| only.as_deref().is_none_or(|only| only == kind);
    // one test has no order
    let orders = wants("order") && all.len() > 1;
    let most = orders_of(all.len()).min(MOST_SHUFFLES);
    if orders {
        let reversed: Vec<Test> = all.iter().rev().copied().collect();
        order(runs, &mut seen, "order:reversed", &reversed);
    }
    if wants("twice") {
        let twice: Vec<Test> = all.iter().flat_map(|test| [*test, *test]).collect();
        order(runs, &mut seen, "twice", &twice);
    }
    let mut number = 3;
    if orders {
        shuffle(runs, &mut seen, &mut dice, 1);
        shuffle(runs, &mut seen, &mut dice, 2);
        alone(runs, &mut seen, &plain);
        while number <= EARLY.min(most) && runs.has_time(runs.cost(&all), EARLY_SHARE) {
            shuffle(runs, &mut seen, &mut dice, number);
            number += 1;
        }
    }
    directed(runs, &mut seen, 0);
    let mut no_news = 0;
    while orders && number <= most && (number <= SHUFFLES || no_news < NO_NEWS) {
        let before = seen.tests();
        if !shuffle(runs, &mut seen, &mut dice, number) {
            break;
        }
        no_news = if seen.tests() > before { 0 } else { no_news + 1 };
        number += 1;
    }
    general(runs, &mut seen, &plain);
    (1..=ROUNDS).for_each(|round| directed(runs, &mut seen, round));
    seen
}

/// In how many orders so many tests can run.
fn orders_of(count: usize) -> usize {
    (1..=count).fold(1, usize::saturating_mul)
}

/// One whole run in another order; `false` where there is no time for it.
fn order(runs: &mut Runs<'_>, seen: &mut Seen, name: &str, tests: &[Test]) -> bool {
    if !runs.has_time(runs.cost(tests), SHARE) {
        return false;
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
    true
}

fn shuffle(runs: &mut Runs<'_>, seen: &mut Seen, dice: &mut fastrand::Rng, number: usize) -> bool {
    let mut tests = runs.ordered();
    let name = match number % 3 {
        // as people shuffle who keep a module's fixtures together
        2 => {
            let module = |runs: &Runs<'_>, test: Test| runs.ids[test].split("::").next().map(str::to_owned);
            let mut modules: Vec<Vec<Test>> =
                tests.chunk_by(|a, b| module(runs, *a) == module(runs, *b)).map(<[Test]>::to_vec).collect();
            dice.shuffle(&mut modules);
            modules.iter_mut().for_each(|module| dice.shuffle(module));
            tests = modules.concat();
            "order:shuffled-by-module"
        }
        _ => {
            dice.shuffle(&mut tests);
            "order:shuffled"
        }
    };
    order(runs, seen, name, &tests)
}

fn alone(runs: &mut Runs<'_>, seen: &mut Seen, plain: &[Test]) {
    let tests: Vec<Test> = plain.iter().copied().filter(|test| runs.is_suspect(*test)).collect();
    each(runs, seen, "order:alone", &tests);
}

/// Many tests, each in a process of its own, as many as there is time for, the riskiest first.
fn each(runs: &mut Runs<'_>, seen: &mut Seen, name: &str, tests: &[Test]) {
    let mut tests = tests.to_vec();
    let risk = |test: &Test| runs.scanned(*test).map_or(0.0, |found| found.risk);
    tests.sort_by(|a, b| risk(b).total_cmp(&risk(a)));
    let began = Instant::now();
    let (mut ran, mut failed) = (0, 0);
    for chunk in tests.chunks(50) {
        let lists: Vec<Vec<Test>> = chunk.iter().map(|test| vec![*test]).collect();
        let cost: f64 = lists.iter().map(|list| runs.cost(list) + 0.01).sum();
        if !runs.has_time(cost, SHARE) {
            break;
        }
        for (test, ended) in chunk.iter().zip(runs.run(&lists, None, false)) {
            ran += 1;
            match ended.last() {
                Some(end) if end.failed => {
                    failed += 1;
                    sight(runs, seen, end, How::Alone);
                }
                Some(_) => {
                    seen.pass_alone.insert(*test);
                }
                None => {}
            }
        }
    }
    if ran > 0 {
        runs.note(name, ran, began.elapsed().as_secs_f64(), failed);
    }
}

/// What the code of a test speaks for, on that test alone; in later rounds what goes by chance, with other seeds.
fn directed(runs: &mut Runs<'_>, seen: &mut Seen, round: u64) {
    let share = if round == 0 && seen.orders[0].tests.len() > FEW { DIRECTED_SHARE } else { SHARE };
    let only = runs.request.only.clone();
    let wanted = |known: &&Perturbation| {
        only.as_deref().is_none_or(|only| only == known.name) && (round == 0 || known.chance)
    };
    for perturbation in PERTURBATIONS.iter().filter(wanted) {
        let suits = |test: &Test| runs.scanned(*test).is_some_and(|found| (perturbation.suits)(found));
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
            let about = About { test: found, seed: runs.request.seed + SEEDS * round };
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
            for chunk in tests.chunks(CHUNK) {
                let lists: Vec<Vec<Test>> = chunk.iter().map(|test| vec![*test]).collect();
                let cost: f64 = lists.iter().map(|list| 2.0 * runs.cost(list) + 0.05).sum();
                let known = began.elapsed().as_secs_f64() / (ran as f64).max(1.0) * chunk.len() as f64;
                if !runs.has_time(cost.max(known), share) {
                    break;
                }
                for (test, ended) in chunk.iter().zip(runs.run(&lists, Some(&change), false)) {
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

/// What may be changed around any test, around the whole suite: what code cannot tell.
fn general(runs: &mut Runs<'_>, seen: &mut Seen, plain: &[Test]) {
    let wanted = |runs: &Runs<'_>, name: &str| runs.request.only.as_deref().is_none_or(|only| only == name);
    let Some(found) = plain.iter().find_map(|test| runs.scanned(*test)) else { return };
    for perturbation in PERTURBATIONS.iter().filter(|known| known.general) {
        let about = About { test: found, seed: runs.request.seed };
        for change in (perturbation.changes)(&about) {
            if !wanted(runs, perturbation.name) || !runs.has_time(1.5 * runs.cost(plain), SHARE) {
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

//! From a failure to a proof: narrowed to the fewest tests, repeated with and without, told with a command that shows it.

mod afresh;
mod whole;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::narrow::fewest;
use super::perturbations::{Change, PERTURBATIONS};
use super::plan::{How, Order, Seen, Sighting};
use super::reproduce::{self, Case};
use super::runs::{Ended, Runs, Test};
use super::{Unconfirmed, Unstable, cause_of, test_of};
use crate::risk::history::Proof;
use crate::smells::Cause;

/// So often a failure is repeated with the change and without.
const TRIES: usize = 3;
/// So often more, where it did not fail every time.
const MORE: usize = 5;
/// And so often where changes of so many kinds made it fail now and then.
const MANY: u32 = 20;
const ANY: usize = 3;
/// Share of the budget that proofs may take; what is left is for trying the commands.
const SHARE: f64 = 0.9;
/// After this nothing is narrowed any more: what was seen wants to be repeated first.
const NARROW_SHARE: f64 = 0.85;
/// Tests that made others fail are tried first on further ones.
const KNOWN: usize = 6;
/// So many orders beside the plain one say that it is none of them.
const ALL: usize = 4;
/// So many sightings of one test are followed up.
const FOLLOWED: usize = 3;

/// Why a test fails now and then whatever is changed.
const BY_CHANCE: [Cause; 5] =
    [Cause::AsyncWait, Cause::Concurrency, Cause::Time, Cause::Randomness, Cause::Network];

/// What narrowing brought, before it is repeated.
struct Candidate {
    perturbation: String,
    cause: Cause,
    /// What is run with the change; the test is the last.
    with: Vec<Test>,
    /// What is run without it.
    without: Vec<Test>,
    change: Option<Change>,
    needs: Vec<Test>,
    passes_after: Vec<Test>,
    narrowed: bool,
    trials: usize,
}

impl Candidate {
    /// What was not narrowed.
    fn whole(perturbation: String, cause: Cause, with: Vec<Test>) -> Candidate {
        Candidate {
            perturbation,
            cause,
            with,
            without: vec![],
            change: None,
            needs: vec![],
            passes_after: vec![],
            narrowed: false,
            trials: 0,
        }
    }
}

/// Follows up what was seen, the cheapest tests first, as far as the time goes.
pub(super) fn prove(runs: &mut Runs<'_>, seen: Seen) -> (Vec<Unstable>, Vec<Unconfirmed>) {
    let mut by_test: BTreeMap<String, Vec<Sighting>> = BTreeMap::new();
    for sighting in seen.sightings {
        by_test.entry(test_of(&runs.ids[sighting.test]).to_owned()).or_default().push(sighting);
    }
    let mut all: Vec<(String, Vec<Sighting>)> = by_test.into_iter().collect();
    for (_, sightings) in &mut all {
        sightings.sort_by_key(|sighting| (rank(&sighting.how), sighting.test));
    }
    // what is proved in a run or two comes before what has to be narrowed
    all.sort_by_key(|(_, sightings)| sightings.first().map(|sighting| rank(&sighting.how)));
    let mut prover = Prover {
        runs,
        orders: seen.orders,
        pass_alone: seen.pass_alone,
        guilty: vec![],
        helpful: vec![],
        repeated: HashMap::new(),
        plain_again: None,
        kinds: kinds(&all),
        said: vec![],
    };
    let (mut unstable, mut unconfirmed) = (vec![], vec![]);
    if !all.is_empty() {
        prover.runs.say(&format!("{} failed in some run; repeating and narrowing", tests(all.len())));
    }
    prover.repeat_whole(&all);
    for (id, sightings) in all {
        let Some(first) = sightings.first() else { continue };
        let followed = if prover.fails_anyhow(first.test) { vec![] } else { prover.distinct(&sightings) };
        let proved = followed
            .into_iter()
            .find_map(|sighting| prover.follow(sighting))
            .or_else(|| sightings.iter().find_map(|sighting| prover.as_repeated(sighting)))
            .or_else(|| prover.afresh(&sightings));
        match proved {
            Some((mut found, case)) => {
                found.node_ids = node_ids(prover.runs, &sightings);
                found.seen_after = sightings.iter().map(|sighting| sighting.after).fold(f64::MAX, f64::min);
                prover.runs.say(&format!("unstable: {id} ({})", found.proof.perturbation));
                unstable.push((found, case));
            }
            None => unconfirmed.push(Unconfirmed {
                id,
                perturbation: prover.name(&first.how).to_owned(),
                error: first.error.clone(),
            }),
        }
    }
    let unstable = unstable
        .into_iter()
        .map(|(mut found, case)| {
            let by_chance = found.proof.perturbation == "rerun"
                || found.proof.failed_with < found.proof.tried_with
                || goes_by_chance(&found.proof.perturbation);
            if let Some((command, shown, tried)) =
                reproduce::try_out(runs.setup(), &case, by_chance, &|| runs.left())
            {
                found.proof.reproduce = command;
                (found.reproduced, found.shown_in, found.tried) = (Some(shown > 0), shown, tried);
            }
            found
        })
        .collect();
    (unstable, unconfirmed)
}

/// Whether a change, by its name (`pauses:threads:1s`), shows now and then what it shows.
fn goes_by_chance(perturbation: &str) -> bool {
    let kind = perturbation.split(':').next().unwrap_or_default();
    PERTURBATIONS.iter().any(|known| known.chance && known.name == kind)
}

/// The order in which sightings are believed: what needs least to be shown first.
fn rank(how: &How) -> usize {
    match how {
        How::Alone => 0,
        How::Twice => 1,
        How::Order { .. } => 2,
        How::Changed { .. } => 3,
    }
}

fn tests(count: usize) -> String {
    format!("{count} {}", if count == 1 { "test" } else { "tests" })
}

fn node_ids(runs: &Runs<'_>, sightings: &[Sighting]) -> Vec<String> {
    let tests: BTreeSet<Test> = sightings.iter().map(|sighting| sighting.test).collect();
    tests.into_iter().map(|test| runs.ids[test].clone()).collect()
}

struct Prover<'r, 'a> {
    runs: &'r mut Runs<'a>,
    orders: Vec<Order>,
    pass_alone: BTreeSet<Test>,
    /// Tests that made others fail, and tests after which others passed; the latest last.
    guilty: Vec<Test>,
    helpful: Vec<Test>,
    /// How often a test failed when a whole run was repeated, and when the plain one was; with the run's number.
    repeated: HashMap<Test, (usize, Count, Count)>,
    /// The plain order once more, in a child.
    plain_again: Option<Vec<Ended>>,
    /// Under how many kinds of change a test failed.
    kinds: HashMap<Test, usize>,
    /// What the suite said as it is, in processes of its own.
    said: Vec<String>,
}

impl Prover<'_, '_> {
    fn name<'h>(&'h self, how: &'h How) -> &'h str {
        match how {
            How::Alone => "order:alone",
            How::Twice => "twice",
            How::Order { run, .. } => &self.orders[*run].name,
            How::Changed { change, .. } => &change.name,
        }
    }

    /// The sightings worth following: the best of each kind, and of orders several.
    fn distinct<'s>(&self, sightings: &'s [Sighting]) -> Vec<&'s Sighting> {
        let mut seen = BTreeSet::new();
        let is_new = |sighting: &&Sighting| seen.insert(self.name(&sighting.how).to_owned());
        sightings.iter().filter(is_new).take(FOLLOWED).collect()
    }

    /// Whether it fails in every order, the plain one too when that is run again: then no order is to blame.
    fn fails_anyhow(&mut self, test: Test) -> bool {
        let fails = |order: &Order| last(&order.ended, test).is_some_and(|end| end.failed);
        if self.orders.len() <= ALL || !self.orders[1..].iter().all(fails) {
            return false;
        }
        let plain = match self.plain_again.take() {
            Some(plain) => plain,
            None => self.runs.run(&[self.orders[0].tests.clone()], None, false).pop().unwrap_or_default(),
        };
        let fails = last(&plain, test).is_some_and(|end| end.failed);
        self.plain_again = Some(plain);
        fails
    }

    fn follow(&mut self, sighting: &Sighting) -> Option<(Unstable, Case)> {
        let test = sighting.test;
        if !self.runs.has_time(0.0, SHARE) {
            return None;
        }
        let candidate = match &sighting.how {
            How::Alone => self.alone(test),
            How::Twice => Candidate {
                perturbation: "twice".to_owned(),
                cause: cause_of(self.runs.scanned(test), &[Cause::SharedState, Cause::Resources]),
                with: vec![test, test],
                without: vec![test],
                change: None,
                needs: vec![test],
                passes_after: vec![],
                narrowed: true,
                trials: 0,
            },
            // one that fails with nothing before it is no victim of others
            How::Order { .. } if !self.passes_alone(test)? => self.alone(test),
            How::Order { run, before } => {
                let name = self.orders[*run].name.clone();
                self.order(test, &name, before)?
            }
            How::Changed { change, shows } => Candidate {
                perturbation: change.name.clone(),
                cause: cause_of(self.runs.scanned(test), shows),
                with: vec![test],
                without: vec![test],
                change: Some(change.clone()),
                needs: vec![],
                passes_after: vec![],
                narrowed: true,
                trials: 0,
            },
        };
        self.repeat(test, candidate, &sighting.error)
    }

    fn passes_alone(&mut self, test: Test) -> Option<bool> {
        Some(self.pass_alone.contains(&test) || !self.last_fails(&[], test, None)?)
    }

    /// A test that fails with nothing before it: which of the tests before lets it pass?
    fn alone(&mut self, test: Test) -> Candidate {
        // what fails plainly leaves things to others too
        let before: Vec<Test> = self.runs.ordered().into_iter().take_while(|other| *other < test).collect();
        let mut trials = 0;
        let mut passes = |prover: &mut Self, some: &[Test]| {
            trials += 1;
            prover.last_fails(some, test, None).map(|fails| !fails)
        };
        let known: Vec<Test> =
            self.helpful.iter().rev().copied().filter(|one| before.contains(one)).take(KNOWN).collect();
        let one = known.into_iter().find(|one| passes(self, &[*one]) == Some(true));
        let (passes_after, narrowed) = match one {
            Some(one) => (vec![one], true),
            None => {
                let near = self.near(test, &before);
                let from = match passes(self, &near) {
                    Some(true) => near,
                    _ => before.clone(),
                };
                fewest(&from, |some| passes(self, some))
            }
        };
        if passes_after.len() == 1 && narrowed {
            self.helpful.extend(&passes_after);
        }
        let without = passes_after.iter().copied().chain([test]).collect();
        Candidate {
            perturbation: "order:alone".to_owned(),
            cause: Cause::SharedState,
            with: vec![test],
            without,
            change: None,
            needs: vec![],
            passes_after: if narrowed { passes_after } else { vec![] },
            narrowed,
            trials,
        }
    }

    /// A test that failed after others: which of them does it take?
    fn order(&mut self, test: Test, name: &str, before: &[Test]) -> Option<Candidate> {
        let mut trials = 0;
        let mut fails = |prover: &mut Self, some: &[Test]| {
            trials += 1;
            prover.last_fails(some, test, None)
        };
        let known: Vec<Test> =
            self.guilty.iter().rev().copied().filter(|one| before.contains(one)).take(KNOWN).collect();
        let one = known.into_iter().find(|one| fails(self, &[*one]) == Some(true));
        let (needs, narrowed) = match one {
            Some(one) => (vec![one], true),
            None => {
                let likely = self.likely(test, before);
                let from = match fails(self, &likely) {
                    Some(true) => likely,
                    None => return None,
                    Some(false) if likely.len() == before.len() => return None,
                    Some(false) => match fails(self, before) {
                        Some(true) => before.to_vec(),
                        _ => return None,
                    },
                };
                fewest(&from, |some| fails(self, some))
            }
        };
        if needs.len() == 1 && !self.guilty.contains(&needs[0]) {
            self.guilty.extend(&needs);
        }
        Some(Candidate {
            perturbation: name.to_owned(),
            cause: Cause::SharedState,
            with: needs.iter().copied().chain([test]).collect(),
            without: vec![test],
            change: None,
            needs,
            passes_after: vec![],
            narrowed,
            trials,
        })
    }

    /// Of the tests before, those that ran before in every order in which it failed and in none in which it passed; all
    /// where none is left.
    fn likely(&self, test: Test, before: &[Test]) -> Vec<Test> {
        let mut left: BTreeSet<Test> = before.iter().copied().collect();
        for order in self.orders.iter().map(|order| &order.ended) {
            let Some(at) = order.iter().position(|end| end.test == test) else { continue };
            let earlier: BTreeSet<Test> = order[..at].iter().map(|end| end.test).collect();
            left.retain(|other| earlier.contains(other) == order[at].failed);
        }
        if left.is_empty() {
            return before.to_vec();
        }
        before.iter().copied().filter(|other| left.contains(other)).collect()
    }

    /// The tests of the same module.
    fn near(&self, test: Test, before: &[Test]) -> Vec<Test> {
        let module = |test: Test| self.runs.ids[test].split("::").next();
        before.iter().copied().filter(|other| module(*other) == module(test)).collect()
    }

    /// Whether the test fails after these; nothing where time is up.
    fn last_fails(&mut self, before: &[Test], test: Test, change: Option<&Change>) -> Option<bool> {
        let list: Vec<Test> = before.iter().copied().chain([test]).collect();
        if !self.runs.has_time(self.runs.cost(&list), NARROW_SHARE) {
            return None;
        }
        let ended = self.runs.run(&[list], change, false).pop().unwrap_or_default();
        Some(last(&ended, test).is_some_and(|end| end.failed))
    }

    /// Repeats with and without. What fails without the change as well, now and then, is unstable without any.
    fn repeat(&mut self, test: Test, candidate: Candidate, error: &str) -> Option<(Unstable, Case)> {
        let mut with = self.count(&candidate.with, test, candidate.change.as_ref(), false, TRIES)?;
        let mut without = self.count(&candidate.without, test, candidate.change.as_ref(), true, TRIES)?;
        // it failed once before, which is why it is asked again
        let now_and_then =
            with.failed < with.tried && (with.failed > 0 || goes_by_chance(&candidate.perturbation));
        if now_and_then || without.failed > 0 && without.failed < without.tried {
            with.add(self.count(&candidate.with, test, candidate.change.as_ref(), false, MORE)?);
            without.add(self.count(&candidate.without, test, candidate.change.as_ref(), true, MORE)?);
        }
        // what fails now and then whatever is changed fails without a change too, if it is asked often enough
        let whatever = self.kinds.get(&test).is_some_and(|kinds| *kinds >= ANY);
        while whatever && with.failed < with.tried && without.failed == 0 && without.tried < MANY {
            let more = self.count(&candidate.without, test, candidate.change.as_ref(), true, TRIES);
            let Some(more) = more.filter(|more| more.tried > 0) else { break };
            without.add(more);
        }
        let plainly = without.failed > 0 && without.failed < without.tried;
        if (with.failed < 2 && !(whatever && plainly)) || (without.failed > 0 && !plainly) {
            return None;
        }
        let (candidate, case) = if plainly {
            let cause = cause_of(self.runs.scanned(test), &BY_CHANCE);
            let case = reproduce::case(self.runs, &[test], test, None);
            (Candidate { perturbation: "rerun".to_owned(), cause, ..candidate }, case)
        } else {
            let case = reproduce::case(self.runs, &candidate.with, test, candidate.change.as_ref());
            (candidate, case)
        };
        Some((self.told(test, candidate, &case, &with, &without, error), case))
    }

    fn told(
        &self,
        test: Test,
        candidate: Candidate,
        case: &Case,
        with: &Count,
        without: &Count,
        error: &str,
    ) -> Unstable {
        let scanned = self.runs.scanned(test);
        let names =
            |tests: &[Test]| tests.iter().map(|test| self.runs.ids[*test].clone()).collect::<Vec<_>>();
        let error = if with.error.is_empty() { error.to_owned() } else { with.error.clone() };
        Unstable {
            id: test_of(&self.runs.ids[test]).to_owned(),
            repo: scanned.map_or_else(String::new, |found| found.repo.clone()),
            state: self.state(&candidate.needs),
            proof: Proof {
                perturbation: candidate.perturbation,
                cause: candidate.cause,
                failed_with: with.failed,
                tried_with: with.tried,
                failed_without: without.failed,
                tried_without: without.tried,
                needs: if candidate.narrowed { names(&candidate.needs) } else { vec![] },
                error,
                reproduce: case.first().to_owned(),
                time: Timestamp::now(),
            },
            passes_after: names(&candidate.passes_after),
            narrowed: candidate.narrowed,
            node_ids: vec![],
            reproduced: None,
            shown_in: 0,
            tried: 0,
            findings: scanned.map_or_else(Vec::new, |found| {
                found.findings.iter().map(|finding| finding.code.clone()).collect()
            }),
            trials: candidate.trials,
            seen_after: 0.0,
        }
    }

    /// What the rules know of what these tests leave behind.
    fn state(&self, needs: &[Test]) -> Option<String> {
        needs.iter().find_map(|test| {
            let found = self.runs.scanned(*test)?;
            let leak = found.findings.iter().find(|finding| finding.cause == Cause::SharedState)?;
            Some(format!("{} line {}: {}", found.id, leak.line, leak.message))
        })
    }

    fn count(
        &mut self,
        list: &[Test],
        test: Test,
        change: Option<&Change>,
        control: bool,
        tries: usize,
    ) -> Option<Count> {
        let lists = vec![list.to_vec(); tries];
        if !self.runs.has_time(self.runs.cost(list) * tries as f64, SHARE) {
            return None;
        }
        let mut count = Count::default();
        for ended in self.runs.run(&lists, change, control) {
            count.see(last(&ended, test));
        }
        Some(count)
    }
}

/// Under how many kinds of change each test failed; all orders are one kind.
fn kinds(all: &[(String, Vec<Sighting>)]) -> HashMap<Test, usize> {
    let mut seen: HashMap<Test, BTreeSet<&str>> = HashMap::new();
    for sighting in all.iter().flat_map(|(_, sightings)| sightings) {
        let kind = match &sighting.how {
            How::Changed { change, .. } => change.name.split(':').next().unwrap_or_default(),
            How::Alone | How::Twice | How::Order { .. } => "order",
        };
        seen.entry(sighting.test).or_default().insert(kind);
    }
    seen.into_iter().map(|(test, kinds)| (test, kinds.len())).collect()
}

/// How the test ended, the last time that it ran.
fn last(ended: &[Ended], test: Test) -> Option<&Ended> {
    ended.iter().rev().find(|end| end.test == test)
}

#[derive(Default)]
struct Count {
    failed: u32,
    tried: u32,
    error: String,
}

impl Count {
    fn see(&mut self, end: Option<&Ended>) {
        let Some(end) = end else { return };
        self.tried += 1;
        if end.failed {
            self.failed += 1;
            self.error.clone_from(&end.error);
        }
    }

    fn add(&mut self, more: Count) {
        self.failed += more.failed;
        self.tried += more.tried;
        if self.error.is_empty() {
            self.error = more.error;
        }
    }
}

//! Whole runs once more: what fails every time in them is proved, though there was no time to narrow it.

use std::collections::BTreeMap;

use super::{BY_CHANCE, Candidate, Count, Prover, SHARE, TRIES, cause_of, last};
use crate::hunt::Unstable;
use crate::hunt::plan::{How, Sighting};
use crate::hunt::reproduce::{self, Case};
use crate::hunt::runs::{Ended, Test};
use crate::smells::Cause;

/// From so many tests on, whole runs are repeated before each test is narrowed.
const MANY: usize = 4;
/// Share of the budget after which no whole run is repeated any more.
const WHOLE_SHARE: f64 = 0.75;

impl Prover<'_, '_> {
    /// Repeats whole runs, the ones in which most tests failed first, where that is cheap beside narrowing each: what
    /// fails every time is proved, whatever time is left for the rest.
    pub(super) fn repeat_whole(&mut self, all: &[(String, Vec<Sighting>)]) {
        let mut open: Vec<(Test, Vec<usize>)> = vec![];
        for sighting in all.iter().flat_map(|(_, sightings)| sightings) {
            let How::Order { run, .. } = &sighting.how else { continue };
            match open.iter_mut().find(|(test, _)| *test == sighting.test) {
                Some((_, in_runs)) => in_runs.push(*run),
                None => open.push((sighting.test, vec![*run])),
            }
        }
        open.retain(|(test, _)| !self.fails_anyhow(*test));
        if open.len() < MANY {
            return;
        }
        let again = TRIES - 1;
        let plain = self.orders[0].tests.clone();
        if !self.runs.has_time(2.0 * again as f64 * self.runs.cost(&plain), SHARE) {
            return;
        }
        let plainly = self.runs.run(&vec![plain; again], None, false);
        while let Some(run) = most_common(&open) {
            let tests = self.orders[run].tests.clone();
            if !self.runs.has_time(again as f64 * self.runs.cost(&tests), WHOLE_SHARE) {
                return;
            }
            let repeated = self.runs.run(&vec![tests; again], None, false);
            for (test, _) in open.extract_if(.., |(_, in_runs)| in_runs.contains(&run)) {
                let mut with = Count { failed: 1, tried: 1, error: String::new() };
                let mut without = Count { failed: 0, tried: 1, error: String::new() };
                repeated.iter().for_each(|ended| with.see(failure(ended, test)));
                plainly.iter().for_each(|ended| without.see(failure(ended, test)));
                self.repeated.insert(test, (run, with, without));
            }
        }
    }

    /// What repeating whole runs proved, for a test that there was no time to narrow.
    pub(super) fn as_repeated(&self, sighting: &Sighting) -> Option<(Unstable, Case)> {
        let test = sighting.test;
        let (run, with, without) = self.repeated.get(&test)?;
        let by_chance = without.failed > 1 && without.failed < without.tried;
        let always = with.tried as usize >= TRIES && with.failed == with.tried && without.failed == 0;
        let shows: &[Cause] = if by_chance { &BY_CHANCE } else { &[Cause::SharedState] };
        let name = if by_chance { "rerun".to_owned() } else { self.orders[*run].name.clone() };
        let cause = cause_of(self.runs.scanned(test), shows);
        let candidate = Candidate::whole(name, cause, self.orders[*run].tests.clone());
        let case = if by_chance {
            reproduce::suite(self.runs, test)
        } else if self.orders[*run].name == "twice" {
            reproduce::case(self.runs, &[test, test], test, None)
        } else {
            reproduce::in_a_crowd(self.runs, test)
        };
        let proved = always || by_chance;
        proved.then(|| (self.told(test, candidate, &case, with, without, &sighting.error), case))
    }
}

/// The test's failure, where it ran more than once; else how it ended.
fn failure(ended: &[Ended], test: Test) -> Option<&Ended> {
    ended.iter().find(|end| end.test == test && end.failed).or_else(|| last(ended, test))
}

/// The run in which most tests failed.
fn most_common(open: &[(Test, Vec<usize>)]) -> Option<usize> {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    open.iter().flat_map(|(_, runs)| runs).for_each(|run| *counts.entry(*run).or_default() += 1);
    counts.into_iter().max_by_key(|(run, count)| (*count, std::cmp::Reverse(*run))).map(|(run, _)| run)
}

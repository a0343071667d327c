//! Processes of their own, where forks of one that has collected tell nothing: what importing makes anew, what stands in
//! files from one process to the next, and what goes by chance.

use super::{BY_CHANCE, Candidate, Count, MORE, Prover, SHARE, TRIES, cause_of};
use crate::hunt::Unstable;
use crate::hunt::plan::{How, Sighting};
use crate::hunt::reproduce::{self, Case};
use crate::hunt::runs::Test;
use crate::smells::Cause;

/// An order of so many tests still makes a command.
const LONGEST: usize = 40;

impl Prover<'_, '_> {
    /// Repeats what failed, and the suite as it is, each time with a pytest of its own.
    pub(super) fn afresh(&mut self, sightings: &[Sighting]) -> Option<(Unstable, Case)> {
        let first = sightings.first()?;
        let suite = reproduce::suite(self.runs, first.test);
        let mut without = self.as_it_is(&suite, TRIES)?;
        if without.failed > 0 {
            without = self.as_it_is(&suite, TRIES + MORE)?;
            let cause = cause_of(self.runs.scanned(first.test), &BY_CHANCE);
            let candidate = Candidate::whole("rerun".to_owned(), cause, vec![first.test]);
            let by_chance = without.failed >= 2 && without.failed < without.tried;
            let told = self.told(first.test, candidate, &suite, &without, &without, &first.error);
            return by_chance.then_some((told, suite));
        }
        for (perturbation, list) in self.lists(sightings) {
            let case = reproduce::case(self.runs, &list, first.test, None);
            let with = self.tries(&case, &list)?;
            if with.failed as usize == TRIES {
                let candidate = Candidate::whole(perturbation, Cause::SharedState, list);
                return Some((self.told(first.test, candidate, &case, &with, &without, &first.error), case));
            }
        }
        None
    }

    /// Alone, and in the orders in which it failed, as far as they make a command.
    fn lists(&self, sightings: &[Sighting]) -> Vec<(String, Vec<Test>)> {
        let mut out = vec![("order:alone".to_owned(), vec![sightings[0].test])];
        out.extend(sightings.iter().filter_map(|sighting| match &sighting.how {
            How::Order { before, .. } if before.len() < LONGEST && !before.contains(&sighting.test) => {
                let list = before.iter().copied().chain([sighting.test]).collect();
                Some((self.name(&sighting.how).to_owned(), list))
            }
            _ => None,
        }));
        out.truncate(3);
        out
    }

    /// How often the test fails when the suite runs as it is, in so many runs; nothing where there is no time for them.
    fn as_it_is(&mut self, suite: &Case, tries: usize) -> Option<Count> {
        while self.said.len() < tries {
            if !self.runs.has_time(self.runs.collecting + self.runs.cost(&self.orders[0].tests), SHARE) {
                return None;
            }
            self.said.push(reproduce::said(self.runs.setup(), suite.first(), self.runs.left())?);
        }
        let fails = |said: &&String| said.lines().any(|line| reproduce::is_failure(line, suite.test()));
        let failed = self.said.iter().filter(fails).count();
        Some(Count { failed: failed as u32, tried: self.said.len() as u32, error: String::new() })
    }

    /// How often the case's simplest command shows it.
    fn tries(&self, case: &Case, list: &[Test]) -> Option<Count> {
        let mut count = Count::default();
        for _ in 0..TRIES {
            if !self.runs.has_time(self.runs.collecting + self.runs.cost(list), SHARE) {
                return None;
            }
            let shown = reproduce::shows(self.runs.setup(), case.first(), case.test(), self.runs.left())?;
            count.tried += 1;
            count.failed += u32::from(shown);
        }
        Some(count)
    }
}

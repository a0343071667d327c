//! Who reads what a test leaves changed. A leak bites whoever reads it; where no other test of the tree does, it is kept
//! as a finding and is not critical.

use rustc_hash::{FxHashMap, FxHashSet};

use super::ScannedTest;
use crate::effects::{READ, RESET, State, Touch, WRITE, working_folder};
use crate::smells::{Finding, Severity};

/// The rules whose finding is that something outlives the test, and that do not ask who reads it themselves.
const LEAKS: [&str; 5] = ["FD602", "FD603", "FD604", "FD606", "FD610"];
/// Of so few tests it says little that none reads it.
const FEW: usize = 20;
/// So many readers are named.
const NAMED: usize = 3;

/// A finding that something outlives the test.
#[derive(Clone, Debug, PartialEq)]
pub struct Leak {
    /// Its place among the findings.
    finding: usize,
    states: Vec<State>,
    /// Whether the state is given another value as a whole, so that who gives it one of his own does not see this one.
    is_given: bool,
}

/// The leaks among some findings; `touches` tells what the code does to state where a finding really stands.
pub fn leaks(findings: &[Finding], touches: impl Fn((usize, u32)) -> Vec<Touch>) -> Vec<Leak> {
    let is_leak = |finding: &Finding| LEAKS.contains(&&*finding.code) && finding.severity >= Severity::High;
    let leaks = findings.iter().enumerate().filter(|(_, finding)| is_leak(finding));
    leaks
        .map(|(place, finding)| {
            // a mock that is counted was called by others
            let how = if finding.code == "FD610" { READ } else { WRITE };
            let mut meant = touches(finding.origin);
            meant.retain(|touch| touch.is(how) && touch.state != working_folder());
            Leak {
                finding: place,
                is_given: meant.iter().all(|touch| touch.is(RESET) && !touch.is(READ)),
                states: meant.into_iter().map(|touch| touch.state).collect(),
            }
        })
        .collect()
}

/// Names the tests that read what others leave changed. `all` says that the tests are those of a whole tree: what none
/// of them reads is medium then.
pub fn hear(tests: &mut [ScannedTest], all: bool) {
    let leaked: FxHashSet<State> =
        tests.iter().flat_map(|test| &test.leaks).flat_map(|leak| &leak.states).copied().collect();
    let mut readers: FxHashMap<State, Vec<(usize, u8)>> = FxHashMap::default();
    if !leaked.is_empty() {
        for (place, test) in tests.iter().enumerate() {
            let reads = |touch: &&Touch| leaked.contains(&touch.state) && touch.is(READ) && !touch.is(RESET);
            for touch in test.touches.iter().filter(reads) {
                readers.entry(touch.state).or_default().push((place, touch.how));
            }
        }
    }
    let few = tests.len() < FEW;
    for place in 0..tests.len() {
        for leak in std::mem::take(&mut tests[place].leaks) {
            let mut hit: Vec<usize> = leak
                .states
                .iter()
                .flat_map(|state| readers.get(state).into_iter().flatten())
                .filter(|(other, how)| *other != place && !(leak.is_given && how & WRITE != 0))
                .map(|(other, _)| *other)
                .collect();
            hit.sort_unstable_by_key(|other| (other.abs_diff(place), *other));
            hit.dedup();
            let named = hit.iter().take(NAMED).map(|other| tests[*other].assessment.id.clone()).collect();
            let assessment = &mut tests[place].assessment;
            let finding = &mut assessment.findings[leak.finding];
            finding.read_by = named;
            if hit.is_empty() && all && !few {
                finding.severity = finding.severity.min(Severity::Medium);
                assessment.summarize();
            }
        }
    }
}

//! What can be changed around a test, one file each: its name, the causes that it can show, the tests that it is worth
//! trying on, and how.

mod clock;
mod folder;
mod hash_seed;
mod limits;
mod listing;
mod load;
mod locale;
mod network;
mod pauses;
mod seeds;
mod terminal;
mod time_zone;

use serde_json::{Map, Value};

use crate::risk::Assessment;
use crate::smells::Cause;

/// Everything beside order and repetition, in the order in which it is tried.
pub(super) const PERTURBATIONS: &[Perturbation] = &[
    hash_seed::HASH_SEED,
    pauses::PAUSES,
    clock::CLOCK,
    time_zone::TIME_ZONE,
    listing::LISTING,
    seeds::SEEDS,
    network::NETWORK,
    load::LOAD,
    folder::FOLDER,
    locale::LOCALE,
    terminal::TERMINAL,
    limits::LIMITS,
];

/// One kind of change.
pub(super) struct Perturbation {
    /// The first part of its changes' names.
    pub(super) name: &'static str,
    /// What it can show, the likeliest first.
    pub(super) shows: &'static [Cause],
    /// Whether a test's code speaks for it.
    pub(super) suits: fn(&Assessment) -> bool,
    /// Whether its changes are the same for every test, so that a whole suite can be run under them.
    pub(super) general: bool,
    /// Whether it goes by chance, so that another try with another seed may show what one did not.
    pub(super) chance: bool,
    /// Its changes for a test.
    pub(super) changes: fn(&About<'_>) -> Vec<Change>,
}

/// What a change may depend on.
pub(super) struct About<'a> {
    pub(super) test: &'a Assessment,
    pub(super) seed: u64,
    /// How often the test was tried with changes of this kind before.
    pub(super) round: u64,
}

/// One thing changed, and the same without it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    /// `clock:year-end`
    pub(super) name: String,
    /// In the process that runs the test.
    pub(super) inside: Map<String, Value>,
    /// The same machinery with nothing changed: what fails with this is no proof.
    pub(super) control: Map<String, Value>,
    /// Environment of a process of its own.
    pub(super) variables: Vec<(String, String)>,
    /// Whether all cores are kept busy meanwhile.
    pub(super) busy: bool,
}

impl Change {
    fn inside(name: String, key: &str, value: Value, control: Option<Value>) -> Change {
        let one = |value: Value| Map::from_iter([(key.to_owned(), value)]);
        Change {
            name,
            inside: one(value),
            control: control.map_or_else(Map::new, one),
            variables: vec![],
            busy: false,
        }
    }

    /// Environment variables that a shell can set as well.
    fn environment(name: String, pairs: &[(&str, &str)]) -> Change {
        let values: Map<String, Value> =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
        let mut change = Change::inside(name, "environment", Value::Object(values), None);
        change.variables =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        change
    }
}

/// Whether rules found something of one of these causes in the test.
fn found(test: &Assessment, causes: &[Cause]) -> bool {
    test.findings.iter().any(|finding| causes.contains(&finding.cause))
}

/// Whether the test has any of these features.
fn has(test: &Assessment, features: &[&str]) -> bool {
    features.iter().any(|name| test.features.get(name).is_some_and(|value| value > 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        for (at, one) in PERTURBATIONS.iter().enumerate() {
            assert!(!one.shows.is_empty(), "{}", one.name);
            assert!(PERTURBATIONS[..at].iter().all(|other| other.name != one.name), "{}", one.name);
        }
    }
}

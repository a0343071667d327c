//! The 42 numbers that describe a test's code: names, order, definitions and schema version stand here once.
//! What is known beside the code (history, neighbours, place in the project) is not hidden in them.

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::named;

/// Changes whenever a name, the order or a definition below changes. The model file carries it too,
/// and a mismatch refuses to load.
pub const SCHEMA: &str = "fd42-1";

/// How many features there are.
pub const COUNT: usize = 42;

/// `(name, definition)` of every feature, in the order of the vector.
pub const DEFINITIONS: [(&str, &str); COUNT] = [
    // 16 counts of what the code does, in the test, its set-up, its fixtures and its helpers
    ("sleeps", "calls that only let time pass"),
    ("awaits", "await expressions"),
    ("timeouts", "calls or constants that bound a wait"),
    ("spawned", "threads, processes, tasks and executors started"),
    ("network_calls", "calls that open a connection and are not mocked"),
    ("clock_reads", "reads of the wall clock or of a timer"),
    ("random_draws", "draws from a random generator"),
    ("global_writes", "writes to module globals, class attributes and imported modules"),
    ("environment_writes", "writes to the environment, the working directory, sys.path or the locale"),
    ("file_operations", "files opened, written, listed or removed"),
    ("processes", "child processes started"),
    ("unordered_uses", "iterations over, or comparisons with, sets and directory listings"),
    ("assertions", "assert statements and assert* calls"),
    ("mocks", "names replaced by mocks, monkeypatch or a mocking library"),
    ("calls", "calls in all"),
    ("statements", "statements of the test itself"),
    // 9 weights: for each cause the sum over findings of severity × confidence
    ("weight_async_wait", "weight of the findings of async wait"),
    ("weight_concurrency", "weight of the findings of concurrency"),
    ("weight_network", "weight of the findings of network and services"),
    ("weight_time", "weight of the findings of date and time"),
    ("weight_randomness", "weight of the findings of randomness"),
    ("weight_shared_state", "weight of the findings of shared state and test order"),
    ("weight_resources", "weight of the findings of files and resources"),
    ("weight_unordered", "weight of the findings of unordered collections"),
    ("weight_structure", "weight of the findings of numbers and structure"),
    // 5 of the fixtures
    ("fixtures", "fixtures the test uses, directly or through others"),
    ("autouse_fixtures", "fixtures that apply without being asked for"),
    ("wide_fixtures", "fixtures of class, module, package or session scope"),
    ("fixtures_with_teardown", "fixtures that yield or add a finalizer"),
    ("setup_statements", "statements in setUp, setup_method, setUpClass and their kin"),
    // 3 derived
    ("finding_density", "findings per line of the test"),
    ("mutation_share", "share of statements that change what outlives the test"),
    ("cause_diversity", "number of different causes among the findings"),
    // 8 of confidence
    ("confidence_max", "highest confidence among the findings"),
    ("confidence_mean", "mean confidence of the findings"),
    ("findings_critical", "findings of severity critical"),
    ("findings_high", "findings of severity high"),
    ("findings_medium", "findings of severity medium"),
    ("findings_low", "findings of severity low"),
    ("resolved_share", "share of calls whose target is known by name"),
    ("mocked_share", "share of outside effects that are mocked"),
    // 1 test smell
    ("cyclomatic_complexity", "1 + branches, loops, handlers and boolean operators of the test"),
];

/// The vector of one test, in the order of [`DEFINITIONS`]. In JSON it is an object by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Features(pub [f32; COUNT]);

impl Features {
    /// The value of the feature called `name`; `None` where there is none.
    pub fn get(&self, name: &str) -> Option<f32> {
        index_of(name).map(|index| self.0[index])
    }
}

/// The position of the feature called `name`.
pub fn index_of(name: &str) -> Option<usize> {
    DEFINITIONS.iter().position(|(known, _)| *known == name)
}

impl Serialize for Features {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(COUNT))?;
        for ((name, _), value) in DEFINITIONS.iter().zip(&self.0) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Features {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        named::values(deserializer, "feature", DEFINITIONS.map(|(name, _)| name)).map(Features)
    }
}

//! `scan --format json`: the contract that other programs read.

use serde_json::{Value, json};

use crate::risk::features;
use crate::scan::{self, Scan};

/// The contract's version; it grows when a field changes its meaning or goes.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// A scan as one JSON object.
///
/// # Errors
/// None in practice: every value can be written.
pub fn json(scan: &Scan) -> serde_json::Result<String> {
    serde_json::to_string(&value(scan))
}

/// A scan as a JSON value.
pub fn value(scan: &Scan) -> Value {
    let counts = |pairs: Vec<(String, usize)>| -> Value {
        Value::Object(pairs.into_iter().map(|(name, count)| (name, json!(count))).collect())
    };
    let tests: Vec<_> = scan.tests.iter().map(|test| &test.assessment).collect();
    json!({
        "schema_version": SCHEMA_VERSION,
        "feature_schema": features::SCHEMA,
        "root": scan.root,
        "tests": tests,
        "errors": scan.errors,
        "summary": {
            "files": scan.files,
            "tests": scan.tests.len(),
            "by_severity": counts(named(scan::by_severity(scan))),
            "by_cause": counts(named(scan::by_cause(scan))),
            "seconds": (scan.seconds * 1e3).round() / 1e3,
        },
    })
}

fn named<T: ToString>(pairs: Vec<(T, usize)>) -> Vec<(String, usize)> {
    pairs.into_iter().map(|(name, count)| (name.to_string(), count)).collect()
}

//! `scan --format json`: the contract that other programs read.

use rayon::prelude::*;
use serde::ser::{Error, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, json};

use crate::risk::{Assessment, Basis, features};
use crate::scan::{self, Applied, Scan};
use crate::source::FileError;

/// The contract's version; it grows when a field changes its meaning or goes.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// A scan as one JSON object.
#[derive(Serialize)]
pub struct ScanReport<'a> {
    schema_version: u32,
    feature_schema: &'static str,
    root: &'a std::path::Path,
    #[serde(serialize_with = "on_all_cores")]
    tests: Vec<&'a Assessment>,
    errors: &'a [FileError],
    summary: Summary,
}

#[derive(Serialize)]
struct Summary {
    files: usize,
    tests: usize,
    by_severity: Map<String, serde_json::Value>,
    by_cause: Map<String, serde_json::Value>,
    /// What the risks rest on: observed outcomes, where there are enough of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    basis: Option<Basis>,
    /// What a baseline took out.
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<Applied>,
    seconds: f64,
}

impl<'a> ScanReport<'a> {
    pub fn new(scan: &'a Scan) -> ScanReport<'a> {
        ScanReport {
            schema_version: SCHEMA_VERSION,
            feature_schema: features::SCHEMA,
            root: &scan.root,
            tests: scan.tests.iter().map(|test| &test.assessment).collect(),
            errors: &scan.errors,
            summary: Summary {
                files: scan.files,
                tests: scan.tests.len(),
                by_severity: counts(scan::by_severity(scan)),
                by_cause: counts(scan::by_cause(scan)),
                basis: scan.basis,
                baseline: scan.baseline,
                seconds: (scan.seconds * 1e3).round() / 1e3,
            },
        }
    }
}

/// Tests turned into text by all cores, some hundred at a time so that they are never in memory as text together.
fn on_all_cores<S: Serializer>(tests: &[&Assessment], to: S) -> Result<S::Ok, S::Error> {
    let mut out = to.serialize_seq(Some(tests.len()))?;
    for some in tests.chunks(512) {
        let texts: Result<Vec<Box<RawValue>>, _> = some.par_iter().map(to_raw_value).collect();
        for text in texts.map_err(Error::custom)? {
            out.serialize_element(&text)?;
        }
    }
    out.end()
}

fn counts<T: ToString>(pairs: Vec<(T, usize)>) -> Map<String, serde_json::Value> {
    pairs.into_iter().map(|(name, count)| (name.to_string(), json!(count))).collect()
}

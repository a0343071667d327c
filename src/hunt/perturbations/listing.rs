//! Folders list their entries in another order, as other file systems do.

use serde_json::json;

use super::{Change, Perturbation, found, has};
use crate::smells::Cause;

pub(super) const LISTING: Perturbation = Perturbation {
    name: "listing",
    shows: &[Cause::Unordered],
    suits: |test| found(test, &[Cause::Unordered]) || has(test, &["unordered_uses", "file_operations"]),
    general: true,
    changes: |about| {
        let change = |number: u64| {
            Change::inside(format!("listing:{number}"), "listing", json!(about.seed + number), None)
        };
        (1..=2).map(change).collect()
    },
};

//! Folders list their entries in another order, as other file systems do.

use serde_json::json;

use super::{Change, Perturbation, found, has};
use crate::smells::Cause;

pub(super) const LISTING: Perturbation = Perturbation {
    name: "listing",
    shows: &[Cause::Unordered],
    suits: |test| found(test, &[Cause::Unordered]) || has(test, &["unordered_uses", "file_operations"]),
    general: true,
    chance: true,
    changes: |about| {
        let change = |seed: u64| Change::inside(format!("listing:{seed}"), "listing", json!(seed), None);
        (about.seed..about.seed + 2).map(change).collect()
    },
};

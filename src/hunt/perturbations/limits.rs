//! Few open files and a shallow stack, as small machines have.

use serde_json::json;

use super::{Change, Perturbation, found};
use crate::smells::Cause;

/// Open files, and calls within calls beside pytest's own.
const FILES: u32 = 64;
const FRAMES: u32 = 500;

pub(super) const LIMITS: Perturbation = Perturbation {
    name: "limits",
    shows: &[Cause::Resources],
    suits: |test| found(test, &[Cause::Resources]),
    general: true,
    chance: false,
    changes: |_| {
        let limit = |name: &str, most: u32| {
            Change::inside(format!("limits:{name}"), "limits", json!({ name: most }), None)
        };
        vec![limit("files", FILES), limit("recursion", FRAMES)]
    },
};

//! Few open files and a shallow stack, as small machines have.

use serde_json::json;

use super::{Change, Perturbation, found};
use crate::smells::Cause;

pub(super) const LIMITS: Perturbation = Perturbation {
    name: "limits",
    shows: &[Cause::Resources],
    suits: |test| found(test, &[Cause::Resources]),
    general: true,
    chance: false,
    changes: |_| vec![Change::inside("limits:files".to_owned(), "limits", json!({ "files": 64 }), None)],
};

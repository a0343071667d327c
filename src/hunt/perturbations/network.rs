//! No network but this machine itself, and every port taken that a test names.

use serde_json::json;

use super::{Change, Perturbation, found, has};
use crate::smells::Cause;

pub(super) const NETWORK: Perturbation = Perturbation {
    name: "network",
    shows: &[Cause::Network],
    suits: |test| found(test, &[Cause::Network]) || has(test, &["network_calls"]),
    general: true,
    chance: false,
    changes: |_| {
        vec![
            Change::inside("network:closed".to_owned(), "network", json!(true), None),
            Change::inside("network:ports-taken".to_owned(), "ports", json!(true), None),
        ]
    },
};

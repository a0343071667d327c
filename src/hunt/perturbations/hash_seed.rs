//! Another hash seed: sets and dictionaries of objects iterate in another order.

use super::{Change, Perturbation, found, has};
use crate::smells::Cause;

/// So many seeds; every one makes a process of its own.
const SEEDS: [&str; 3] = ["1", "2", "3"];

pub(super) const HASH_SEED: Perturbation = Perturbation {
    name: "hash-seed",
    shows: &[Cause::Unordered],
    suits: |test| found(test, &[Cause::Unordered]) || has(test, &["unordered_uses"]),
    general: true,
    chance: false,
    changes: |_| {
        SEEDS
            .iter()
            .map(|seed| Change {
                name: format!("hash-seed:{seed}"),
                variables: vec![("PYTHONHASHSEED".to_owned(), (*seed).to_owned())],
                inside: serde_json::Map::new(),
                control: serde_json::Map::new(),
                busy: false,
            })
            .collect()
    },
};

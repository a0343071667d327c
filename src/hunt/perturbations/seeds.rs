//! Other random numbers, in every generator that is loaded.

use serde_json::json;

use super::{Change, Perturbation, found, has};
use crate::smells::Cause;

pub(super) const SEEDS: Perturbation = Perturbation {
    name: "seed",
    shows: &[Cause::Randomness],
    suits: |test| found(test, &[Cause::Randomness]) || has(test, &["random_draws"]),
    general: true,
    changes: |about| {
        let change =
            |number: u64| Change::inside(format!("seed:{number}"), "seeds", json!(about.seed + number), None);
        (1..=5).map(change).collect()
    },
};

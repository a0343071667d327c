//! Other random numbers, in every generator that is loaded.

use serde_json::json;

use super::{Change, Perturbation, found, has};
use crate::smells::Cause;

pub(super) const SEEDS: Perturbation = Perturbation {
    name: "seed",
    shows: &[Cause::Randomness],
    suits: |test| found(test, &[Cause::Randomness]) || has(test, &["random_draws"]),
    general: true,
    chance: true,
    changes: |about| {
        let change = |seed: u64| Change::inside(format!("seed:{seed}"), "seeds", json!(seed), None);
        (about.seed..about.seed + 5).map(change).collect()
    },
};

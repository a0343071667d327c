//! All cores busy.

use super::{Change, Perturbation, found, has};
use crate::smells::Cause;

pub(super) const LOAD: Perturbation = Perturbation {
    name: "load",
    shows: &[Cause::AsyncWait, Cause::Concurrency, Cause::Time],
    suits: |test| {
        found(test, &[Cause::AsyncWait, Cause::Concurrency, Cause::Time])
            || has(test, &["sleeps", "timeouts", "spawned"])
    },
    general: true,
    chance: true,
    changes: |_| {
        vec![Change {
            name: "load:busy".to_owned(),
            busy: true,
            inside: serde_json::Map::new(),
            control: serde_json::Map::new(),
            variables: vec![],
        }]
    },
};

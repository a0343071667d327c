//! A narrow terminal.

use super::{Change, Perturbation, has};
use crate::smells::Cause;

pub(super) const TERMINAL: Perturbation = Perturbation {
    name: "terminal",
    shows: &[Cause::Structure],
    suits: |test| has(test, &["processes"]),
    general: true,
    chance: false,
    changes: |_| {
        vec![Change::environment("terminal:narrow".to_owned(), &[("COLUMNS", "40"), ("LINES", "10")])]
    },
};

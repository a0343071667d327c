//! Another working folder.

use serde_json::json;

use super::{Change, Perturbation, found, has};
use crate::smells::Cause;

pub(super) const FOLDER: Perturbation = Perturbation {
    name: "folder",
    shows: &[Cause::Resources],
    suits: |test| found(test, &[Cause::Resources]) || has(test, &["file_operations"]),
    general: true,
    chance: false,
    changes: |_| {
        let elsewhere = std::env::temp_dir();
        vec![Change::inside("folder:elsewhere".to_owned(), "folder", json!(elsewhere), None)]
    },
};

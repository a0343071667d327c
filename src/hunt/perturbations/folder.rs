//! Another working folder, and a home in which nothing can be written.

use serde_json::json;

use super::{Change, Perturbation, found, has};
use crate::smells::Cause;

/// A folder in which not even root can write.
const READ_ONLY: &str = if cfg!(target_os = "linux") { "/proc/self" } else { "/dev" };

pub(super) const FOLDER: Perturbation = Perturbation {
    name: "folder",
    shows: &[Cause::Resources],
    suits: |test| found(test, &[Cause::Resources]) || has(test, &["file_operations"]),
    general: true,
    chance: false,
    changes: |_| {
        let elsewhere = std::env::temp_dir();
        vec![
            Change::inside("folder:elsewhere".to_owned(), "folder", json!(elsewhere), None),
            Change::environment("folder:home-read-only".to_owned(), &[("HOME", READ_ONLY)]),
        ]
    },
};

//! # FD701 file-not-closed
//!
//! ## What it detects
//! A file that a test, its set-up or a helper opens and never closes.
//!
//! ## Why it makes tests unstable
//! What was written reaches the disk when the interpreter collects the object, which may be after it is read.
//! On Windows an open file cannot be removed, and every open file counts against the limit of the process.
//!
//! ## Example
//! ```python
//! out = open(tmp_path / "report.csv", "w")
//! export(out)
//! assert read(tmp_path / "report.csv")
//! ```
//!
//! ## Use instead
//! `with`, which closes the file before the next line, or `write_text` and `read_text` of `pathlib`.
//! ```python
//! with open(tmp_path / "report.csv", "w") as out:
//!     export(out)
//! ```
//!
//! ## Known false positives
//! A file that the code under test closes.

use super::paths::{fakes_files, is_writing};
use super::resources::{Fate, fate};
use super::words::is_test_code;
use super::mend::in_with;
use super::{Applicability, Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::sites::Use;

pub(super) struct FileNotClosed;

impl Rule for FileNotClosed {
    fn code(&self) -> &'static str {
        "FD701"
    }

    fn name(&self) -> &'static str {
        "file-not-closed"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            if !matches!(path, "open" | "io.open" | "codecs.open" | "gzip.open") || at.role == Role::Teardown
            {
                continue;
            }
            let mode = site.call.argument(1, "mode").and_then(|mode| mode.as_str()).unwrap_or("r");
            let is_left = match site.used {
                // `open(path).read()`: collected at once, by CPython alone
                Use::Other => fate(test, at, site) != Fate::Closed,
                Use::Argument(start) => is_loaded(at, start),
                Use::Assigned(_) | Use::Dropped => fate(test, at, site) == Fate::LeftOpen,
                _ => false,
            };
            if !is_left || !is_test_code(test, at) || test.mocks.covers(path) || fakes_files(test) {
                continue;
            }
            let is_kept = matches!(site.used, Use::Assigned(_));
            let (severity, message) = match (is_writing(mode), is_kept) {
                (true, true) => (
                    Severity::Medium,
                    "is never closed, so what is written may not be on disk when it is read",
                ),
                (true, false) => (Severity::Low, "is closed only when the interpreter collects it"),
                (false, _) => {
                    (Severity::Low, "is never closed, which leaves the file open for an unknown time")
                }
            };
            report.add_mended(
                at,
                Smell {
                    span: site.expr.span,
                    severity,
                    confidence: 0.85,
                    message: format!("`{}` {message}", test.text(at, site.expr)),
                    help: "open it in a with statement, or use Path.read_text and Path.write_text".to_owned(),
                },
                |mend| in_with(mend, site, Applicability::Safe),
            );
        }
    }
}

/// `json.load(open(path))`: the reader does not close what it is given.
fn is_loaded(at: &Reached<'_, '_>, start: u32) -> bool {
    at.sites.calls.iter().any(|site| {
        site.expr.span.start == start
            && matches!(
                &*site.path,
                "json.load"
                    | "yaml.load"
                    | "yaml.safe_load"
                    | "pickle.load"
                    | "csv.reader"
                    | "csv.DictReader"
                    | "csv.writer"
                    | "toml.load"
                    | "tomllib.load"
                    | "json.dump"
                    | "pickle.dump"
                    | "yaml.dump"
            )
    })
}

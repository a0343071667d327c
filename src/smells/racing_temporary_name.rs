//! # FD713 racing-temporary-name
//!
//! ## What it detects
//! `tempfile.mktemp()` and `os.tempnam()`, which give a name and make no file.
//!
//! ## Why it makes tests unstable
//! Between the name and the file another process can make a file of that name. Nothing removes what the test then
//! writes, so that the next run may find it.
//!
//! ## Example
//! ```python
//! path = tempfile.mktemp()
//! ```
//!
//! ## Use instead
//! A folder that belongs to the test alone: pytest's `tmp_path`, or `tempfile.TemporaryDirectory()`.
//! ```python
//! def test_export(tmp_path):
//!     path = tmp_path / "report.csv"
//! ```
//!
//! ## Known false positives
//! A name in a folder of the test's own (`dir=`), and one whose file is removed at the end, are reported as low.

use super::words::{is_test_code, last};
use super::{Context, Report, Role, Rule, Severity, Smell};

pub(super) struct RacingTemporaryName;

impl Rule for RacingTemporaryName {
    fn code(&self) -> &'static str {
        "FD713"
    }

    fn name(&self) -> &'static str {
        "racing-temporary-name"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            if !matches!(path, "tempfile.mktemp" | "os.tempnam" | "os.tmpnam")
                || test.mocks.covers(path)
                || !is_test_code(test, at)
            {
                continue;
            }
            let in_folder = site.call.argument(2, "dir").is_some();
            let is_removed = removes(test);
            report.add(
                at,
                Smell {
                    span: site.expr.span,
                    severity: if in_folder || is_removed { Severity::Low } else { Severity::Medium },
                    confidence: 0.85,
                    message: format!(
                        "`{path}` gives a name that another process may take before the file is made{}",
                        if is_removed { "" } else { ", and nothing removes the file" }
                    ),
                    help: if test.case.is_unittest {
                        "write into a tempfile.TemporaryDirectory() of the test's own"
                    } else {
                        "write below tmp_path, a folder of the test's own"
                    }
                    .to_owned(),
                },
            );
        }
    }
}

/// Whether something takes a file or folder away where the test ends.
fn removes(test: &Context<'_, '_>) -> bool {
    test.calls().any(|(at, site, path)| {
        let ends = at.role == Role::Teardown || site.at.in_finally || site.at.after_yield;
        let undoes = matches!(last(path), "addCleanup" | "addfinalizer");
        undoes || (ends && matches!(last(path), "remove" | "unlink" | "rmtree" | "removedirs" | "rmdir"))
    })
}

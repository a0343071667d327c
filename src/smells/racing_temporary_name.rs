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

use super::mend::Mend;
use super::paths::moves_all_temporaries;
use super::words::{is_test_code, last};
use super::{Context, Fix, Report, Role, Rule, Severity, Smell};
use crate::python::sites::CallSite;

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
                || moves_all_temporaries(test)
            {
                continue;
            }
            let in_folder = site.call.argument(2, "dir").is_some();
            let is_removed = removes(test);
            report.add_mended(
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
                |mend| if path == "tempfile.mktemp" { in_own_folder(mend, site) } else { None },
            );
        }
    }
}

/// The same name in a folder of the test's own.
fn in_own_folder(mut mend: Mend<'_>, site: &CallSite<'_>) -> Option<Fix> {
    let ending = match site.call.argument(0, "suffix") {
        Some(suffix) => suffix.as_str()?,
        None => "",
    };
    (site.call.args.len() <= 1 && site.call.keyword("dir").is_none()).then_some(())?;
    let name = format!("\"made{ending}\"");
    if let Some(register) = mend.own_cleanup() {
        let folder = mend.free_name("folder")?;
        let [os, shutil, tempfile] = ["os", "shutil", "tempfile"].map(|module| mend.import(module));
        let stmt = mend.statement(site.expr.span)?;
        let lines =
            [format!("{folder} = {}.mkdtemp()", tempfile?), format!("{register}({}.rmtree, {folder})", shutil?)];
        mend.before(stmt, &[&lines[0], &lines[1]])?;
        mend.replace(site.expr.span, format!("{}.path.join({folder}, {name})", os?));
    } else {
        mend.fixture("tmp_path")?;
        mend.replace(site.expr.span, format!("str(tmp_path / {name})"));
    }
    mend.risky("take a name in a folder of the test's own")
}

/// Whether something takes a file or folder away where the test ends.
fn removes(test: &Context<'_, '_>) -> bool {
    test.calls().any(|(at, site, path)| {
        let ends = at.role == Role::Teardown || site.at.in_finally || site.at.after_yield;
        let undoes = matches!(last(path), "addCleanup" | "addfinalizer");
        undoes || (ends && matches!(last(path), "remove" | "unlink" | "rmtree" | "removedirs" | "rmdir"))
    })
}

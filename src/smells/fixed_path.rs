//! # FD703 fixed-path
//!
//! ## What it detects
//! A test that writes to a fixed path in a folder that others share: under `/tmp`, in `tempfile.gettempdir()`, or
//! by a plain name in the working directory.
//!
//! ## Why it makes tests unstable
//! A parallel run, another user or an earlier run that was killed writes the same file. The test then reads what
//! it did not write, or may not write at all.
//!
//! ## Example
//! ```python
//! def test_export():
//!     with open("/tmp/report.csv", "w") as out:
//!         export(out)
//! ```
//!
//! ## Use instead
//! pytest's `tmp_path`, a folder of the test's own; `tempfile.TemporaryDirectory` in unittest.
//! ```python
//! def test_export(tmp_path):
//!     with open(tmp_path / "report.csv", "w") as out:
//!         export(out)
//! ```
//!
//! ## Known false positives
//! A path that only stands for one and is never opened is not reported, nor is a test that changed into a folder
//! of its own or uses a fake file system.

use super::mend::Mend;
use super::paths::{Place, fakes_files, place, writes_to};
use super::words::is_test_code;
use super::{Context, Fix, Report, Role, Rule, Severity, Smell};
use crate::python::ast::Expr;

pub(super) struct FixedPath;

impl Rule for FixedPath {
    fn code(&self) -> &'static str {
        "FD703"
    }

    fn name(&self) -> &'static str {
        "fixed-path"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            if at.role == Role::Teardown || at.is_rare(site.at) || !is_test_code(test, at) {
                continue;
            }
            let Some(target) = writes_to(path, site) else { continue };
            let (severity, where_to) = match place(test, at, target, site.at.order, 0) {
                Some(Place::Shared) => (Severity::Medium, "in a folder that every process shares"),
                Some(Place::Working) if !moves_away(test) => (Severity::Medium, "in the working directory"),
                _ => continue,
            };
            if test.mocks.covers(path) || fakes_files(test) {
                continue;
            }
            report.add_mended(
                at,
                Smell {
                    span: site.expr.span,
                    severity,
                    confidence: 0.85,
                    message: format!(
                        "`{}` is a fixed path {where_to}, which a parallel or earlier run writes too",
                        test.text(at, target)
                    ),
                    help: if test.case.is_unittest {
                        "write into a tempfile.TemporaryDirectory() of the test's own"
                    } else {
                        "write below tmp_path, a folder of the test's own"
                    }
                    .to_owned(),
                },
                |mend| below_tmp_path(mend, target),
            );
        }
    }
}

/// Whether the test works in a folder of its own.
fn moves_away(test: &Context<'_, '_>) -> bool {
    let mut asked = test.reach.iter().flat_map(|at| &at.function.function.params);
    asked.any(|param| param.name.contains("isolated"))
        || test.calls().any(|(_, _, path)| {
            path.ends_with("chdir") || path.ends_with("isolated_filesystem") || path.ends_with(".as_cwd")
        })
}

/// `"/tmp/out.txt"` ─▶ `str(tmp_path / "out.txt")`, wherever the function names it.
fn below_tmp_path(mut mend: Mend<'_>, target: &Expr) -> Option<Fix> {
    let literal = mend.text(target);
    let path = target.as_str()?;
    let name = path.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty() && !name.contains('\\'))?;
    let uses = mend.literals(literal)?;
    // who else names the file would look for it in vain
    if uses.is_empty() || path.ends_with('/') {
        return None;
    }
    mend.fixture("tmp_path")?;
    for span in uses {
        mend.replace(span, format!("str(tmp_path / \"{name}\")"));
    }
    mend.risky("write below tmp_path, a folder of the test's own")
}

//! # FD704 temporary-left-behind
//!
//! ## What it detects
//! A temporary folder or file from `mkdtemp`, `mkstemp` or `NamedTemporaryFile(delete=False)` that nothing
//! removes.
//!
//! ## Why it makes tests unstable
//! Every run leaves its remains. In the end the disk or its quota is full, and tests that search the temporary
//! folder find the files of others.
//!
//! ## Example
//! ```python
//! def test_export():
//!     folder = tempfile.mkdtemp()
//!     export(folder)
//! ```
//!
//! ## Use instead
//! pytest's `tmp_path`, which keeps the last three runs and removes the rest, or `TemporaryDirectory` in a `with`.
//! ```python
//! def test_export(tmp_path):
//!     export(tmp_path)
//! ```
//!
//! ## Known false positives
//! A folder that the code under test removes.

use super::mend::Mend;
use super::paths::moves_all_temporaries;
use super::restored::registers_cleanup;
use super::words::{is_test_code, last};
use super::{Context, Fix, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Call, ExprKind, StmtKind};
use crate::python::sites::{CallSite, Use};

pub(super) struct TemporaryLeftBehind;

impl Rule for TemporaryLeftBehind {
    fn code(&self) -> &'static str {
        "FD704"
    }

    fn name(&self) -> &'static str {
        "temporary-left-behind"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            if at.role == Role::Teardown || !is_kept(path, site.call) || site.used == Use::Returned {
                continue;
            }
            if !is_test_code(test, at) || test.mocks.covers(path) || is_removed(test) || moves_all_temporaries(test) {
                continue;
            }
            report.add_mended(
                at,
                Smell {
                    span: site.expr.span,
                    severity: Severity::Low,
                    confidence: 0.85,
                    message: format!("nothing removes what `{path}` makes, so every run leaves its remains"),
                    help: if test.case.is_unittest {
                        "use tempfile.TemporaryDirectory() with self.addCleanup(folder.cleanup)"
                    } else {
                        "use the tmp_path fixture, or tempfile.TemporaryDirectory() in a with statement"
                    }
                    .to_owned(),
                },
                |mend| removed(mend, site, path),
            );
        }
    }
}

/// Whether a call makes something temporary that stays.
fn is_kept(path: &str, call: &Call) -> bool {
    match path {
        "tempfile.mkdtemp" | "tempfile.mkstemp" => call.keyword("dir").is_none(),
        "tempfile.NamedTemporaryFile" => {
            call.keyword("delete").is_some_and(|delete| matches!(delete.kind, ExprKind::Bool(false)))
                && call.keyword("dir").is_none()
        }
        _ => false,
    }
}

/// Whether anything around the test removes files.
fn is_removed(test: &Context<'_, '_>) -> bool {
    test.calls().any(|(at, site, path)| {
        removes(path)
            || (registers_cleanup(path)
                && site.call.args.iter().any(|argument| {
                    removes(test.text(at, argument)) || !matches!(argument.kind, ExprKind::Attribute { .. })
                }))
    })
}

fn removes(path: &str) -> bool {
    let name = last(path);
    ["rmtree", "remove", "unlink", "rmdir", "delete", "cleanup", "clean_up", "rm_rf", "destroy"]
        .iter()
        .any(|word| name.contains(word))
        || name == "rm"
}

/// `tempfile.mkdtemp()` ─▶ `str(tmp_path)`; in a unittest class its removal is registered.
fn removed(mut mend: Mend<'_>, site: &CallSite<'_>, path: &str) -> Option<Fix> {
    if path != "tempfile.mkdtemp" || site.at.in_nested || site.at.loops > 0 {
        return None;
    }
    if let Some(register) = mend.own_cleanup() {
        let stmt = mend.statement(site.expr.span)?;
        let StmtKind::Assign { targets, value: Some(value), .. } = &stmt.kind else { return None };
        let ([target], true) = (targets.as_slice(), value.span == site.expr.span) else { return None };
        let shutil = mend.import("shutil")?;
        mend.after(stmt, &[&format!("{register}({shutil}.rmtree, {}, ignore_errors=True)", mend.text(target))])?;
        return mend.safe("remove the folder when the test ends");
    }
    mend.fixture("tmp_path")?;
    mend.replace(site.expr.span, "str(tmp_path)");
    mend.risky("use tmp_path, which pytest clears away")
}

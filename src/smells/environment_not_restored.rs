//! # FD603 environment-not-restored
//!
//! ## What it detects
//! A change of `os.environ`, `sys.path`, `sys.modules`, `sys.argv` or the working directory that nothing undoes.
//!
//! ## Why it makes tests unstable
//! These belong to the whole process. Every test that runs later sees the change, so the suite's result depends on
//! the order in which its tests run.
//!
//! ## Example
//! ```python
//! def test_reads_token():
//!     os.environ["TOKEN"] = "x"
//!     assert read_token() == "x"
//! ```
//!
//! ## Use instead
//! pytest's `monkeypatch`, which puts back what was there.
//! ```python
//! def test_reads_token(monkeypatch):
//!     monkeypatch.setenv("TOKEN", "x")
//!     assert read_token() == "x"
//! ```
//!
//! ## Known false positives
//! A change that a library called by the test undoes. A write undone in `finally`, in a teardown, after a
//! fixture's `yield` or by `patch.dict` is not reported.

use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::Span;

pub(super) struct EnvironmentNotRestored;

impl Rule for EnvironmentNotRestored {
    fn code(&self) -> &'static str {
        "FD603"
    }

    fn name(&self) -> &'static str {
        "environment-not-restored"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site) in test.writes() {
            let Some(what) = owned_by_process(&site.path) else { continue };
            if at.role != Role::Teardown && !restores(at, site.at.after_yield, site.at.in_finally) {
                judge(test, report, at, site.span, site.at.order, what);
            }
        }
        for (at, site, path) in test.calls() {
            let what = match path {
                "os.chdir" => "the working directory",
                "os.putenv" | "os.unsetenv" => "os.environ",
                "os.umask" => "the umask",
                "locale.setlocale" => "the locale",
                _ => continue,
            };
            if at.role != Role::Teardown && !restores(at, site.at.after_yield, site.at.in_finally) {
                judge(test, report, at, site.expr.span, site.at.order, what);
            }
        }
    }
}

fn owned_by_process(path: &str) -> Option<&'static str> {
    ["os.environ", "sys.path", "sys.modules", "sys.argv", "sys.stdout", "sys.stderr", "sys.stdin"]
        .into_iter()
        .find(|known| path == *known)
}

fn restores(at: &Reached<'_, '_>, after_yield: bool, in_finally: bool) -> bool {
    in_finally || (after_yield && matches!(at.role, Role::Fixture(_)))
}

fn judge(
    test: &Context<'_, '_>,
    report: &mut Report<'_>,
    at: &Reached<'_, '_>,
    span: Span,
    order: u32,
    what: &str,
) {
    if is_undone(test, at, order, what) {
        return;
    }
    report.add(
        at,
        Smell {
            span,
            severity: if at.role == Role::Test { Severity::Critical } else { Severity::High },
            confidence: 0.85,
            message: format!("{what} is changed and not put back, so tests that run later see the change"),
            help: match what {
                "the working directory" => "use monkeypatch.chdir(tmp_path)",
                "sys.path" => "use monkeypatch.syspath_prepend(path)",
                "os.environ" => "use monkeypatch.setenv(name, value) or mock.patch.dict(os.environ, …)",
                _ => "use monkeypatch.setattr or a fixture that restores the value after its yield",
            }
            .to_owned(),
        },
    );
}

/// Whether something puts the thing back: a `finally`, a teardown, the end of a fixture, or a patch around it.
fn is_undone(test: &Context<'_, '_>, at: &Reached<'_, '_>, order: u32, what: &str) -> bool {
    let module = test.analysis.view(at.function.module).module;
    let key = if what == "the working directory" { "chdir" } else { what };
    let patched = test.mocks.targets.iter().any(|target| what.ends_with(target.as_str()));
    let by_patch = test.calls().any(|(_, site, path)| {
        path.ends_with("patch.dict")
            && site.call.args.first().is_some_and(|arg| {
                module.text(arg.span).contains(key) || arg.as_str().is_some_and(|text| text.contains(key))
            })
    });
    let by_decorator = test.decorators.iter().any(|(path, expr)| {
        path.ends_with("patch.dict")
            && expr.as_call().and_then(|call| call.args.first()).is_some_and(|arg| {
                arg.as_str().is_some_and(|text| text.contains(key)) || module.text(arg.span).contains(key)
            })
    });
    let undo = test.reach.iter().any(|reached| {
        let is_teardown = reached.role == Role::Teardown;
        let same = std::ptr::eq(reached.function.function, at.function.function);
        let is_fixture = matches!(reached.role, Role::Fixture(_));
        let writes = reached.sites.writes.iter().any(|write| {
            owned_by_process(&write.path) == Some(what)
                && (is_teardown
                    || (same && write.at.in_finally)
                    || (is_fixture && write.at.after_yield)
                    || (same
                        && write.at.order > order
                        && write.kind == crate::python::sites::WriteKind::Delete))
        });
        let calls = reached.sites.calls.iter().zip(&reached.paths).any(|(site, path)| {
            (path.ends_with(key) || path.contains("addCleanup") || path.contains("addfinalizer"))
                && (is_teardown
                    || path.contains("addCleanup")
                    || path.contains("addfinalizer")
                    || (same && (site.at.in_finally || (site.at.order > order && !site.at.in_nested)))
                    || (is_fixture && site.at.after_yield))
        });
        writes || calls
    });
    patched || by_patch || by_decorator || undo
}

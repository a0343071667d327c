//! # FD609 patch-never-stopped
//!
//! ## What it detects
//! A `patch(…)` of unittest.mock, a fake of HTTP or AWS (`responses`, `httpretty`, `respx`, `requests-mock`, `moto`) or a
//! stopped clock (`freezegun`, `time-machine`) that is started by a call and for which nothing calls `stop()`.
//!
//! ## Why it makes tests unstable
//! The mock stays in place until the process ends. Later tests meet it instead of the real thing, and which tests
//! are later depends on the order.
//!
//! ## Example
//! ```python
//! def setUp(self):
//!     self.send = mock.patch("shop.mailer.send").start()
//! ```
//!
//! ## Use instead
//! `addCleanup` on the line after the start, or `patch` as decorator or context manager.
//! ```python
//! def setUp(self):
//!     patcher = mock.patch("shop.mailer.send")
//!     self.send = patcher.start()
//!     self.addCleanup(patcher.stop)
//! ```
//!
//! ## Known false positives
//! A `stop` in code that is called by name only. `mock.patch.stopall` anywhere in the test's tear-down counts as
//! stopped.

use super::restored::registers_cleanup;
use super::words::last;
use super::mend::Mend;
use super::origins::root;
use super::{Context, Fix, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::ExprKind;
use crate::python::sites::value_path;
use crate::python::sites::{CallSite, WithSite};

pub(super) struct PatchNeverStopped;

impl Rule for PatchNeverStopped {
    fn code(&self) -> &'static str {
        "FD609"
    }

    fn name(&self) -> &'static str {
        "patch-never-stopped"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            if at.role == Role::Teardown || !(starts_patch(path) || starts_fake(path)) || is_stopped(test) || patches_a_local(at, site)
                // a patch that cannot be started patches nothing
                || at.sites.enclosing_withs(site.at).any(WithSite::expects_failure)
            {
                continue;
            }
            report.add_mended(
                at,
                Smell {
                    span: site.expr.span,
                    // what set-up patches it patches for every test anew
                    severity: if at.role == Role::Test { Severity::Critical } else { Severity::Medium },
                    confidence: 0.9,
                    message:
                        "a patch is started here and never stopped, so tests that run later meet the mock"
                            .to_owned(),
                    help: if test.case.is_unittest {
                        "add self.addCleanup(patcher.stop) right after the start, or use patch as a decorator"
                    } else {
                        "use patch as a context manager or decorator, or pytest-mock's mocker.patch"
                    }
                    .to_owned(),
                },
                |mend| stop(mend, site),
            );
        }
    }
}

/// `mock.patch(…).start`, `patch.object(…).start`, `patch.dict(…).start`
fn starts_patch(path: &str) -> bool {
    let Some(receiver) = path.strip_suffix("().start") else { return false };
    let parts: Vec<&str> = receiver.rsplit('.').take(2).collect();
    matches!(parts.as_slice(), ["patch", ..] | ["object" | "dict" | "multiple", "patch"])
        && !receiver.contains("mocker")
}

/// `responses.start`, `mock_aws().start`, `freeze_time(…).start`
fn starts_fake(path: &str) -> bool {
    matches!(
        path,
        "responses.start"
            | "responses.RequestsMock().start"
            | "httpretty.enable"
            | "respx.start"
            | "requests_mock.Mocker().start"
            | "freezegun.freeze_time().start"
            | "time_machine.travel().start"
    ) || (path.starts_with("moto.mock_") && path.ends_with("().start"))
}

/// `patch.object(app, "name").start()` of an `app` that was made here: patch and object go together.
fn patches_a_local(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let ExprKind::Attribute { value: patcher, .. } = &site.call.func.kind else { return false };
    let made = patcher.as_name().and_then(|name| at.sites.bound(name, site.at.order)).unwrap_or(patcher);
    let patched = made.as_call().and_then(|call| root(call.args.first()?));
    patched.and_then(|name| at.sites.bound(name, site.at.order)).is_some_and(|value| value.as_call().is_some())
}

fn is_stopped(test: &Context<'_, '_>) -> bool {
    // OpenStack's base class stops all patches at the end
    test.case.lineage.iter().any(|owner| {
        let module = test.analysis.view(owner.module).module;
        owner.class.bases.iter().any(|base| value_path(base, module).is_some_and(|path| path.starts_with("oslotest.")))
    }) || test.reach.iter().any(|reached| {
        reached.sites.calls.iter().zip(&reached.paths).any(|(site, path)| {
            matches!(last(path), "stop" | "stopall" | "__exit__" | "disable")
                || (registers_cleanup(path)
                    && site.call.args.iter().any(|argument| test.text(reached, argument).contains("stop")))
        })
    })
}

/// `patcher.start()` and, on the next line, `self.addCleanup(patcher.stop)`
fn stop(mut mend: Mend<'_>, site: &CallSite<'_>) -> Option<Fix> {
    let ExprKind::Attribute { value: patcher, .. } = &site.call.func.kind else { return None };
    let stmt = mend.statement(site.expr.span)?;
    let stop = match &patcher.kind {
        ExprKind::Name(_) | ExprKind::Attribute { .. } => format!("{}.stop", mend.text(patcher)),
        // made and started at once: whoever started all can stop all
        ExprKind::Call(made) => {
            let patch = mend.text(&made.func);
            let patch = [".object", ".multiple"].iter().find_map(|end| patch.strip_suffix(end)).unwrap_or(patch);
            if !patch.ends_with("patch") {
                return None;
            }
            format!("{patch}.stopall")
        }
        _ => return None,
    };
    let register = mend.cleanup()?;
    mend.after(stmt, &[&format!("{register}({stop})")])?;
    mend.safe("stop the patch when the test ends")
}

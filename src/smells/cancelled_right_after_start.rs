//! # FD209 cancelled-right-after-start
//!
//! ## What it detects
//! Work that is handed to a thread, a portal or a loop and cancelled by the next call, followed by an assertion on what
//! the work does, with no wait in between.
//!
//! ## Why it makes tests unstable
//! The cancellation may come before the work has begun: then its `except` and `finally` never run, and the flag that
//! they set stays as it was. It may also come so late that the assertion looks before the flag is set.
//!
//! ## Example
//! ```python
//! future = portal.start_task_soon(serve)
//! future.cancel()
//! assert stopped
//! ```
//!
//! ## Use instead
//! An event that the work sets when it has begun, and one when it has ended.
//! ```python
//! future = portal.start_task_soon(serve)
//! started.wait(10)
//! future.cancel()
//! ended.wait(10)
//! assert stopped
//! ```
//!
//! ## Known false positives
//! Assertions on the future itself (`future.cancelled()`) are not reported.

use super::flow::mentions;
use super::words::{is_spawn, last};
use super::{Context, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{ExprKind, Span};
use crate::python::sites::{CallSite, Use};

pub(super) struct CancelledRightAfterStart;

impl Rule for CancelledRightAfterStart {
    fn code(&self) -> &'static str {
        "FD209"
    }

    fn name(&self) -> &'static str {
        "cancelled-right-after-start"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            for (index, site) in at.sites.calls.iter().enumerate() {
                let Use::Assigned(name) = site.used else { continue };
                if site.at.in_nested || !starts(&at.paths[index]) {
                    continue;
                }
                let mut later = at.sites.calls[index + 1..].iter().filter(|call| !call.at.in_nested);
                let Some(cancel) = later.next().filter(|call| cancels(call, name)) else { continue };
                let next = at.sites.asserts.iter().find(|assert| assert.at.order > cancel.at.order);
                let Some(assert) = next.filter(|assert| !assert.at.in_nested) else { continue };
                let waits = at.sites.calls.iter().any(|call| {
                    cancel.at.order < call.at.order && call.at.order < assert.at.order && !call.at.in_nested
                });
                // `await started`, `await task`
                let module = test.analysis.view(at.function.module).module;
                let awaits = |start: u32, end: u32| module.text(Span { start, end }).contains("await ");
                let has_begun = awaits(site.expr.span.end, cancel.expr.span.start);
                let is_over = awaits(cancel.expr.span.end, assert.span.start);
                if waits || has_begun || is_over || mentions(assert.test, name) || test.mocks.covers("cancel") {
                    continue;
                }
                report.add(
                    at,
                    Smell {
                        span: cancel.expr.span,
                        severity: Severity::Medium,
                        confidence: 0.8,
                        message: format!(
                            "`{}` comes right after the start, so the work may not have begun, and the assertion after \
                             it waits for nothing",
                            test.text(at, cancel.expr)
                        ),
                        help: "wait for an event that the work sets when it has begun, and for its end before the assertion"
                            .to_owned(),
                    },
                );
            }
        }
    }
}

fn starts(path: &str) -> bool {
    is_spawn(path) || matches!(last(path), "start_task_soon" | "submit" | "run_coroutine_threadsafe")
}

fn cancels(call: &CallSite<'_>, name: &str) -> bool {
    matches!(&call.call.func.kind, ExprKind::Attribute { value, attr }
        if &**attr == "cancel" && value.as_name() == Some(name))
}

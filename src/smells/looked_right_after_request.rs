//! # FD115 looked-right-after-request
//!
//! ## What it detects
//! A call that by its name only asks for something (`request_check()`, `schedule_refresh()`, `trigger_sync()`,
//! `start_in_background()`), and an assertion on an object of the same name right after it.
//!
//! ## Why it makes tests unstable
//! Such a call puts a wish in a queue or wakes another thread. When the assertion looks, the wish may not be fulfilled.
//!
//! ## Example
//! ```python
//! monitor.request_check()
//! assert monitor.server_state == "up"
//! ```
//!
//! ## Use instead
//! Wait for the state with a deadline, or for an event that is set when the wish is fulfilled.
//! ```python
//! monitor.request_check()
//! wait_until(lambda: monitor.server_state == "up", timeout=30)
//! ```
//!
//! ## Known false positives
//! A call that does its work at once in spite of its name, and an assertion on the wish itself.

use super::origins::root;
use super::polling::{poll_before, polls_between};
use super::words::last;
use super::{Context, Report, Rule, Severity, Smell, flow};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::{CallSite, Use};

pub(super) struct LookedRightAfterRequest;

impl Rule for LookedRightAfterRequest {
    fn code(&self) -> &'static str {
        "FD115"
    }

    fn name(&self) -> &'static str {
        "looked-right-after-request"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        let at = test.test();
        for site in at.sites.calls.iter().filter(|site| site.used == Use::Dropped && !site.awaited) {
            let Some(receiver) = asks(site) else { continue };
            let Some(assert) = flow::next_look(at, site) else { continue };
            let looks = |expr: &Expr| expr.any(&mut |part| root(part) == Some(receiver));
            // what a `with assertRaises` holds is what is asserted
            let inside = || at.sites.calls.iter().find(|call| call.at.order > assert.at.order + 1);
            let same = looks(assert.test)
                || (test.text(at, assert.test).contains("assertRaises")
                    && inside().is_some_and(|call| looks(&call.call.func)));
            let waits = || polls_between(at, site.at.order, assert.at.order);
            if !same || site.at.in_nested || test.mocks.covers(&site.path) || waits() {
                continue;
            }
            report.add_mended(
                at,
                Smell {
                    span: assert.span,
                    severity: Severity::Low,
                    confidence: 0.4,
                    message: format!(
                        "`{}` only asks for something, by its name, and this assertion looks at once",
                        test.text(at, &site.call.func)
                    ),
                    help: "wait for the state with a deadline, or for an event that is set when it is reached".to_owned(),
                },
                |mend| poll_before(mend, assert.span, test.case.is_async),
            );
        }
    }
}

/// The variable whose method only asks for something.
fn asks<'a>(site: &CallSite<'a>) -> Option<&'a str> {
    let name = last(&site.path);
    let asks = name.starts_with("request_")
        || name.starts_with("schedule_")
        || name.starts_with("trigger_")
        || name.ends_with("_in_background");
    let ExprKind::Attribute { value, .. } = &site.call.func.kind else { return None };
    value.as_name().filter(|name| asks && !matches!(*name, "self" | "cls" | "mock" | "mocker"))
}


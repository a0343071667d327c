//! # FD206 timer-not-cancelled
//!
//! ## What it detects
//! A `threading.Timer` that a test starts and neither cancels nor joins.
//!
//! ## Why it makes tests unstable
//! The timer fires when its time has come, whatever test then runs, and changes or breaks that one.
//!
//! ## Example
//! ```python
//! threading.Timer(5, server.stop).start()
//! assert server.ping() == "pong"
//! ```
//!
//! ## Use instead
//! Keep the timer and cancel it in `finally` or a teardown; `join()` it where its work is wanted.
//! ```python
//! timer = threading.Timer(5, server.stop)
//! timer.start()
//! try:
//!     assert server.ping() == "pong"
//! finally:
//!     timer.cancel()
//! ```
//!
//! ## Known false positives
//! A timer that has certainly fired before the test ends, because the test waits for what it does.

use super::words::last;
use super::{Context, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::Use;

pub(super) struct TimerNotCancelled;

impl Rule for TimerNotCancelled {
    fn code(&self) -> &'static str {
        "FD206"
    }

    fn name(&self) -> &'static str {
        "timer-not-cancelled"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            if path != "threading.Timer" || test.mocks.covers(path) || at.role == Role::Teardown {
                continue;
            }
            // a timer of no time is a thread that runs at once
            let at_once = site.call.argument(0, "interval").and_then(Expr::as_number) == Some(0.0);
            let handed_on = matches!(site.used, Use::Argument(_) | Use::Returned | Use::With);
            let starts = test.calls().any(|(_, _, path)| last(path) == "start");
            if handed_on || at_once || !starts || is_ended(test) {
                continue;
            }
            report.add(
                at,
                Smell {
                    span: site.expr.span,
                    severity: Severity::Medium,
                    confidence: 0.8,
                    message: format!(
                        "`{}` is neither cancelled nor joined, so it can fire in the middle of a later test",
                        test.text(at, site.expr)
                    ),
                    help: "keep the timer, cancel() it in finally or a teardown, and join() it where its work is wanted".to_owned(),
                },
            );
        }
    }
}

fn is_ended(test: &Context<'_, '_>) -> bool {
    let ends = |name: &str| matches!(name, "cancel" | "join");
    test.calls().any(|(_, site, path)| {
        let handed = site
            .call
            .args
            .iter()
            .any(|argument| matches!(&argument.kind, ExprKind::Attribute { attr, .. } if ends(attr)));
        // `channel.cancel(consumer)` ends something else
        let is_timers = last(path) == "join" || site.call.args.is_empty();
        (ends(last(path)) && is_timers && !path.starts_with("str()") && !path.starts_with("os.path")) || handed
    })
}

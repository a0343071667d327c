//! # FD101 sleep-as-synchronization
//!
//! ## What it detects
//! A fixed `time.sleep`, `asyncio.sleep` or the like in a test or a helper, with work going on elsewhere that the
//! test then relies upon, also by the name of a wrapper (`asyncSleep(0.1)`, `page.wait_for_timeout(500)`), between two
//! writes of a helper thread, or as the delay of a `threading.Timer`. Pauses in fixtures and set-up are FD105.
//!
//! ## Why it makes tests unstable
//! The pause is a guess at how long other work takes. On a loaded machine the work takes longer and the assertion
//! after it sees the state from before; on a fast one the time is lost on every run.
//!
//! ## Example
//! ```python
//! worker.start()
//! time.sleep(0.5)
//! assert worker.ready
//! ```
//!
//! ## Use instead
//! Wait for the condition itself: `asyncio.Event` or `threading.Event` with a timeout, or a poll with a deadline.
//! ```python
//! worker.start()
//! assert worker.ready_event.wait(timeout=10)
//! ```
//!
//! ## Known false positives
//! A pause that is itself under test (a cache that expires, a rate limit). Moving the clock with `freezegun` or
//! `time-machine` is steadier there too; where the code speaks of expiry the severity is lower. A pause below a millisecond, which only
//! yields, and a pause inside a poll with a deadline are not reported.

use super::lone_pauses::{delay, is_poll, stands_alone};
use super::polling::poll;
use super::waits_for_work::waits_for_work;
use super::words::{is_sleep, last};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::StmtKind;
use crate::python::for_each_statement;
use crate::python::sites::CallSite;

/// Nobody waits this long for something to happen: it stands for work that is cancelled. In seconds.
const FOR_EVER: f64 = 60.0;

/// Nobody waits for work this briefly: it gives a turn, or keeps two time stamps apart. In seconds.
const MOMENT: f64 = 0.001;

pub(super) struct SleepAsSynchronization;

impl Rule for SleepAsSynchronization {
    fn code(&self) -> &'static str {
        "FD101"
    }

    fn name(&self) -> &'static str {
        "sleep-as-synchronization"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            let kind = match path {
                _ if is_sleep(path) => Kind::Sleep,
                "threading.Timer" => Kind::Timer,
                _ if is_wrapper(test, at, site) => Kind::Wrapper,
                _ => continue,
            };
            if test.mocks.covers(path) || !matches!(at.role, Role::Test | Role::Helper) {
                continue;
            }
            let unit = if last(path) == "wait_for_timeout" { 1e-3 } else { 1.0 };
            let seconds = delay(site).map(|pause| pause * unit);
            if seconds.is_some_and(|seconds| seconds <= MOMENT) || seconds.is_some_and(|seconds| seconds >= FOR_EVER) || is_poll(site.at) {
                continue;
            }
            if at.is_nested || (site.at.in_nested && !orders_writes(at, site)) {
                continue;
            }
            // a watchdog is no pause
            if kind == Kind::Timer && seconds.is_none_or(|seconds| seconds > 5.0) {
                continue;
            }
            let asserted = at.role != Role::Test
                || test.test().sites.asserts.iter().any(|assert| assert.at.order > site.at.order);
            let call = test.text(at, site.expr);
            let stands_alone = asserted && stands_alone(test, at, site);
            let (severity, confidence) = match (asserted, seconds) {
                _ if kind == Kind::Timer || site.at.in_nested => (Severity::Low, 0.5),
                // however slow the machine, nothing that follows is too early
                (true, _) if stands_alone => (Severity::Low, 0.6),
                (true, Some(_)) if kind == Kind::Wrapper => (Severity::Medium, 0.6),
                // a helper pauses for many tests, and not all of them lean on it
                (true, Some(_)) if at.role == Role::Helper => (Severity::Medium, 0.65),
                (true, Some(_)) if !waits_for_work(test, at, site) => (Severity::Medium, 0.65),
                (true, Some(_)) => (Severity::High, 0.85),
                (true, None) => (Severity::Medium, 0.7),
                (false, _) => (Severity::Low, 0.6),
            };
            let may_poll = asserted && !stands_alone && at.role == Role::Test && !site.at.in_nested;
            report.add_mended(
                at,
                Smell {
                    span: site.expr.span,
                    severity,
                    confidence,
                    message: format!(
                        "`{call}` guesses how long other work takes; when the machine is slow, what follows runs too early"
                    ),
                    help: if test.case.is_async {
                        "await the condition itself: an asyncio.Event, asyncio.wait_for on the task, or a poll with a deadline"
                    } else {
                        "wait for the condition itself: a threading.Event with a timeout, join(), or a poll with a deadline"
                    }
                    .to_owned(),
                },
                |mend| if may_poll { poll(mend, site, path) } else { None },
            );
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sleep,
    /// A function of another library, or of the project, that sleeps by its name.
    Wrapper,
    Timer,
}

/// Whether a call that is not in the tree sleeps by its name; what is in the tree is looked into itself.
fn is_wrapper(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let name = last(&site.path);
    let is_pause = name == "wait_for_timeout" || name == "asyncSleep" || name == "sleep" || name.ends_with("_sleep");
    is_pause
        && matches!(site.call.args.as_slice(), [only] if only.as_number().is_some())
        && !test.mocks.covers(&site.path)
        && !test.analysis.links(at.function).iter().any(|(call, _)| {
            at.sites.calls.get(*call).is_some_and(|linked| std::ptr::eq(linked.expr, site.expr))
        })
}

/// A pause inside a function that the test defines simulates slow work, and what waits for it is the test; but
/// between two writes it decides in how many pieces they arrive.
fn orders_writes(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let mut inner = None;
    for_each_statement(&at.function.function.body, &mut |stmt| {
        if let StmtKind::Function(function) = &stmt.kind
            && stmt.span.holds(site.expr.span)
        {
            inner = Some(function);
        }
    });
    let Some(inner) = inner else { return false };
    let writes = |call: &&CallSite<'_>| {
        matches!(last(&call.path), "send" | "sendall" | "send_bytes")
            && inner.span.holds(call.expr.span)
    };
    let (before, after): (Vec<_>, Vec<_>) =
        at.sites.calls.iter().filter(writes).partition(|call| call.at.order < site.at.order);
    !before.is_empty() && !after.is_empty()
}

//! # FD108 turn-of-the-loop
//!
//! ## What it detects
//! `await asyncio.sleep(0)` (or a counted number of them) in a test before an assertion, in place of waiting for what
//! is asserted.
//!
//! ## Why it makes tests unstable
//! It gives other tasks one turn of the event loop. How many turns they need depends on how the code, its libraries,
//! the Python version and the loop (uvloop, eager tasks) happen to schedule; I/O and threads need any number.
//!
//! ## Example
//! ```python
//! asyncio.create_task(consumer.run())
//! await asyncio.sleep(0)
//! assert consumer.started
//! ```
//!
//! ## Use instead
//! Await the thing itself: an `asyncio.Event` that the consumer sets, the task, or `queue.join()`.
//! ```python
//! await asyncio.wait_for(consumer.started_event.wait(), 30)
//! ```
//!
//! ## Known false positives
//! Tests of the scheduling itself, where the number of turns is what is promised.

use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::sites::CallSite;

pub(super) struct TurnOfTheLoop;

impl Rule for TurnOfTheLoop {
    fn code(&self) -> &'static str {
        "FD108"
    }

    fn name(&self) -> &'static str {
        "turn-of-the-loop"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            let gives_turn = match path {
                "asyncio.sleep" => site.call.args.first().and_then(|pause| pause.as_number()) == Some(0.0),
                "trio.lowlevel.checkpoint" | "anyio.lowlevel.checkpoint" => true,
                _ => false,
            };
            if !gives_turn
                || !site.awaited
                || site.at.in_nested
                || site.at.in_while
                || test.mocks.covers(path)
            {
                continue;
            }
            if at.role != Role::Test || !is_followed_by_assertion(at, site) {
                continue;
            }
            report.add(
                at,
                Smell {
                    span: site.expr.span,
                    severity: Severity::Medium,
                    confidence: 0.6,
                    message: format!(
                        "`{}` gives other tasks one turn of the loop; the assertion after it relies on their needing no more",
                        test.text(at, site.expr)
                    ),
                    help: "await what is asserted: the task, queue.join(), or an asyncio.Event under asyncio.wait_for"
                        .to_owned(),
                },
            );
        }
    }
}

/// Whether the next thing that happens is an assertion: no other await stands in between.
fn is_followed_by_assertion(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let next = at.sites.asserts.iter().map(|assert| assert.at.order).find(|order| *order > site.at.order);
    let Some(next) = next else { return false };
    let mut later =
        at.sites.calls.iter().filter(|call| site.at.order < call.at.order && call.at.order < next);
    !later.any(|call| call.awaited && call.path != site.path)
}

//! # FD108 turn-of-the-loop
//!
//! ## What it detects
//! `await asyncio.sleep(0)` (or a counted number of them) in a test before an assertion, in place of waiting for what
//! is asserted; also by the name of a wrapper (`asyncSleep(0)`, `gevent.sleep(0)`), at the end of a helper, and as the
//! `await pilot.pause()` of Textual.
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

use super::lone_pauses::next_assert;
use super::polling::{is_of_pilot, poll};
use super::words::{is_nothing, last, wants_nothing};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Span, Stmt, StmtKind};
use crate::python::for_each_statement;
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
            let zero = || site.call.args.first().and_then(|pause| pause.as_number()) == Some(0.0);
            let name = last(path);
            let gives_turn = match path {
                "asyncio.sleep" => site.awaited && zero(),
                "trio.lowlevel.checkpoint" | "anyio.lowlevel.checkpoint" => site.awaited,
                "gevent.sleep" | "eventlet.sleep" => {
                    zero() || (site.call.args.is_empty() && site.call.keywords.is_empty())
                }
                _ if is_of_pilot(site, "pause") => site.awaited && site.call.args.is_empty(),
                _ => (name.ends_with("sleep") || name.ends_with("Sleep")) && zero(),
            };
            if !gives_turn || site.at.in_while || is_in_poll(test, at, site) || test.mocks.covers(path) {
                continue;
            }
            let ends_helper = || at.role == Role::Helper && !at.sites.calls.iter().any(|call| call.at.order > site.at.order);
            let counted = || name != "checkpoint" && is_given_again(at, site);
            if at.role != Role::Test || site.at.in_nested {
                if !(counted() || !site.at.in_nested && ends_helper()) || !matches!(at.role, Role::Test | Role::Helper) {
                    continue;
                }
            } else if !is_followed_by_assertion(at, site) || stays_as_it_was(at, site) {
                continue;
            }
            let may_poll = at.role == Role::Test && !site.at.in_nested;
            report.add_mended(
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
                |mend| if may_poll { poll(mend, site, path) } else { None },
            );
        }
    }
}

/// Whether the next thing that happens is an assertion: no other await stands in between but what a user would do.
fn is_followed_by_assertion(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let next = at.sites.asserts.iter().map(|assert| assert.at.order).find(|order| *order > site.at.order);
    let Some(next) = next else { return false };
    let mut later =
        at.sites.calls.iter().filter(|call| site.at.order < call.at.order && call.at.order < next);
    let acts = |call: &CallSite<'_>| ["click", "press", "hover"].iter().any(|act| is_of_pilot(call, act));
    !later.any(|call| call.awaited && call.path != site.path && !acts(call))
}

/// `clicked = []`, the turn, `assert clicked == []`: nothing is to have happened yet.
fn stays_as_it_was(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    next_assert(at, site).is_some_and(|next| {
        let began = |name: &str| at.sites.value_of(name, site.at.order).is_some_and(is_nothing);
        wants_nothing(next.test) && next.test.any(&mut |part| part.as_name().is_some_and(began))
    })
}

/// The function around a place that is defined in a block, also in a class in it.
fn innermost_function(block: &[Stmt], place: Span) -> Option<Span> {
    let mut found = None;
    for_each_statement(block, &mut |stmt| match &stmt.kind {
        StmtKind::Function(inner) if stmt.span.holds(place) => {
            found = innermost_function(&inner.body, place).or(Some(inner.span));
        }
        StmtKind::Class(inner) if stmt.span.holds(place) => found = innermost_function(&inner.body, place),
        _ => {}
    });
    found
}

/// Whether the very next call gives a turn again: the turns are counted.
fn is_given_again(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let whole = at.function.function;
    let around = innermost_function(&whole.body, site.expr.span).unwrap_or(whole.span);
    let mut later = at.sites.calls.iter().filter(|call| call.at.order > site.at.order);
    later.next().is_some_and(|next| {
        next.path == site.path && next.call.args.len() == site.call.args.len() && around.holds(next.expr.span)
    })
}

/// `for _ in until_timeout(5):` with a condition that leaves it.
fn is_in_poll(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let mut leaves = false;
    for_each_statement(&at.function.function.body, &mut |stmt| {
        if matches!(stmt.kind, StmtKind::For { .. }) && stmt.span.holds(site.expr.span) {
            let text = test.analysis.view(at.function.module).module.text(stmt.span);
            leaves |= text.lines().any(|line| matches!(line.trim(), "break" | "return"));
        }
    });
    leaves
}

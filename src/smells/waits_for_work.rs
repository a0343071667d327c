//! Whether a pause stands between work that a test started and a look at what came of it.

use std::borrow::Cow;

use super::lone_pauses::{delay, is_poll};
use super::words::{is_sleep, last, starts_work};
use super::{Context, Reached, Role};
use crate::python::ast::{Expr, Span};
use crate::python::sites::{AssertSite, CallSite};

/// So many calls between a pause and an assertion still look at the same thing.
const LITTLE: usize = 3;

/// Whether the pause stands between work that the test started and a look at it: an assertion follows with little
/// between, and nothing that acts. What only keeps two actions apart does so in their times.
pub(super) fn waits_for_work(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let calls = || at.sites.calls.iter().filter(|call| !call.at.in_assert && !std::ptr::eq(*call, site));
    let later =
        at.sites.asserts.iter().filter(|assert| assert.at.order > site.at.order && !assert.at.in_nested);
    let Some(look) = later.min_by_key(|assert| assert.at.order) else { return false };
    let between = || calls().filter(|call| (site.at.order..look.at.order).contains(&call.at.order));
    let before = || at.sites.calls.iter().zip(&at.paths).filter(|(call, _)| call.at.order < site.at.order);
    let starts =
        |(call, path): &(&CallSite<'_>, &Cow<'_, str>)| starts_work(path) && !is_due_first(call, site);
    let Some(started) = before().filter(starts).map(|(call, _)| call.at.order).max() else {
        return false;
    };
    // the test has waited for it already: by name, by asking again and again, by taking what comes
    let has_waited = before().any(|(call, path)| {
        let waits = last(&call.path).starts_with("wait")
            || matches!(last(&call.path), "join" | "gather")
            || (call.call.args.is_empty() && matches!(last(&call.path), "get" | "result" | "recv"))
            || (is_sleep(path) && is_poll(call.at));
        call.at.order > started && waits
    }) || has_awaited(test, at, site);
    at.role == Role::Test
        && !has_waited
        && !does_something(at, look)
        && between().count() <= LITTLE
        // what is awaited, or blocks until something comes, waits for the work itself
        && !between().any(|call| call.awaited || acts(last(&call.path)) || (call.call.args.is_empty() && blocks(last(&call.path))))
        && !is_awaited_first(test, at, site, look)
        && !is_joined_by_its_block(at, site, look)
        && !is_left_before(at, site, look)
}

/// `assert executor.add(node)`: what is asserted is an action, and no look at what came of the work.
fn does_something(at: &Reached<'_, '_>, look: &AssertSite<'_>) -> bool {
    const ACTIONS: [&str; 8] =
        ["add_", "create_", "remove_", "register_", "submit", "insert", "delete_", "send"];
    let acts = |name: &str| ACTIONS.iter().any(|word| name.starts_with(word));
    at.sites.calls.iter().any(|call| look.span.holds(call.expr.span) && acts(last(&call.path)))
}

/// `loop.call_later(0, …)` before `await asyncio.sleep(0.01)`: one loop keeps the order of its timers.
fn is_due_first(call: &CallSite<'_>, pause: &CallSite<'_>) -> bool {
    last(&call.path) == "call_later"
        && pause.awaited
        && delay(call).zip(delay(pause)).is_some_and(|(due, pause)| due < pause)
}

/// Whether the work that was started is waited for before it is looked at.
fn is_awaited_first(
    test: &Context<'_, '_>,
    at: &Reached<'_, '_>,
    site: &CallSite<'_>,
    look: &AssertSite<'_>,
) -> bool {
    let between = Span { start: site.expr.span.end, end: look.span.start.max(site.expr.span.end) };
    let text = test.analysis.view(at.function.module).module.text(between);
    tasks(at).any(|task| text.contains(&format!("await {task}")))
}

/// The names under which work that was started is kept.
fn tasks<'r>(at: &'r Reached<'_, '_>) -> impl Iterator<Item = &'r str> {
    let starts = |value: &Expr| {
        at.sites
            .calls
            .iter()
            .zip(&at.paths)
            .any(|(call, path)| call.expr.span == value.span && starts_work(path))
    };
    at.sites.bindings.iter().filter(move |bound| bound.value.is_some_and(starts)).map(|bound| bound.name)
}

/// `await task` before the pause
fn has_awaited(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let above = Span { start: at.function.function.span.start, end: site.expr.span.start };
    let text = test.analysis.view(at.function.module).module.text(above);
    tasks(at).map(|task| format!("await {task}")).any(|awaits| text.lines().any(|line| line.trim() == awaits))
}

/// Whether the look comes after a `with` block in which the pause stands: what ends the block may wait.
fn is_left_before(at: &Reached<'_, '_>, site: &CallSite<'_>, look: &AssertSite<'_>) -> bool {
    const WAIT_FOR_NOTHING: [&str; 6] = ["patch", "mock.", "lock", "raises", "warns", "suppress"];
    at.sites.enclosing_withs(site.at).any(|with| {
        let path = with.path.to_ascii_lowercase();
        at.sites.enclosing_withs(look.at).all(|other| !std::ptr::eq(with, other))
            && !WAIT_FOR_NOTHING.iter().any(|word| path.contains(word))
    })
}

/// Whether the pause stands in a block that ends when all tasks in it have ended, and the look comes after it.
fn is_joined_by_its_block(at: &Reached<'_, '_>, site: &CallSite<'_>, look: &AssertSite<'_>) -> bool {
    let joins = |path: &str| {
        ["nursery", "taskgroup", "task_group"]
            .iter()
            .any(|word| last(path).to_ascii_lowercase().contains(word))
    };
    let group = at.sites.enclosing_withs(site.at).find(|with| joins(&with.path));
    group.is_some_and(|group| at.sites.enclosing_withs(look.at).all(|with| !std::ptr::eq(with, group)))
}

/// Whether a call by its name, without a limit, comes back only when something came.
fn blocks(name: &str) -> bool {
    matches!(name, "poll" | "get" | "recv" | "receive" | "accept" | "read" | "readline" | "result")
}

/// Whether a call by its name moves something, rather than looking at it.
fn acts(name: &str) -> bool {
    const ACTIONS: [&str; 18] = [
        "cancel",
        "close",
        "stop",
        "shutdown",
        "kill",
        "terminate",
        "put",
        "publish",
        "set",
        "release",
        "join",
        "wait",
        "flush",
        "abort",
        "notify",
        "trigger",
        "advance",
        "disconnect",
    ];
    ACTIONS.contains(&name)
        || ["send", "write", "start", "stop_", "emit", "close_", "fire", "notify_", "set_"]
            .iter()
            .any(|word| name.starts_with(word))
}

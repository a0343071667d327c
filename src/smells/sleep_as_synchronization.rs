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

use std::borrow::Cow;

use super::assertions::{Comparison, comparisons, is_liveness, is_positive};
use super::polling::poll;
use super::words::{is_sleep, last, starts_work, wants_nothing};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind, Span, StmtKind};
use crate::python::for_each_statement;
use crate::python::sites::{AssertSite, At, CallSite};

/// Nobody waits this long for something to happen: it stands for work that is cancelled. In seconds.
const FOR_EVER: f64 = 60.0;

/// Nobody waits for work this briefly: it gives a turn, or keeps two time stamps apart. In seconds.
const MOMENT: f64 = 0.001;

/// So many calls between a pause and an assertion still look at the same thing.
const LITTLE: usize = 3;

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
            let seconds = site.call.args.first().and_then(|argument| argument.as_number()).map(|pause| pause * unit);
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
            let keeps_apart = asserted
                && (site.at.in_finally
                    || (site.awaited && test.mocks.time)
                    || lets_something_expire(test, at, site)
                    || next_wants_nothing(test, at, site)
                    || parts_time_stamps(test, at, site)
                    || is_polled_after(at, site)
                    || next_waits_itself(at, site)
                    || comes_before_in_its_loop(test, at, site)
                    || is_for_recording(at, site)
                    || compares_two_results(at, site));
            let (severity, confidence) = match (asserted, seconds) {
                _ if kind == Kind::Timer || site.at.in_nested => (Severity::Low, 0.5),
                (true, Some(_)) if kind == Kind::Wrapper => (Severity::Medium, 0.6),
                // a helper pauses for many tests, and not all of them lean on it
                (true, Some(_)) if at.role == Role::Helper => (Severity::Medium, 0.65),
                (true, Some(_)) if keeps_apart => (Severity::Medium, 0.6),
                (true, Some(_)) if !waits_for_work(test, at, site) => (Severity::Medium, 0.65),
                (true, Some(_)) => (Severity::High, 0.85),
                (true, None) => (Severity::Medium, 0.7),
                (false, _) => (Severity::Low, 0.6),
            };
            let may_poll = asserted && !keeps_apart && at.role == Role::Test && !site.at.in_nested;
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

/// A pause that lets a lifetime run out: more time does no harm there, but less can come from a coarse clock.
fn lets_something_expire(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    const WORDS: [&str; 11] = ["stale", "grace", "modtime", "mtime", "expir", "ttl", "max_age", "maxage", "lifetime", "age_limit", "time_to_live"];
    let start = at.function.function.span.start;
    let before = Span { start, end: site.expr.span.start };
    let text = test.analysis.view(at.function.module).module.text(before).to_ascii_lowercase();
    WORDS.iter().any(|word| text.contains(word))
}

/// Whether what is asserted next compares times of files or records, which the pause only keeps apart.
fn parts_time_stamps(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    const WORDS: [&str; 8] = ["datetime", "last", "mtime", "modified", "created", "updated_at", "timestamp", "getctime"];
    let mut later = at.sites.asserts.iter().filter(|assert| assert.at.order > site.at.order);
    later.any(|assert| {
        let text = test.text(at, assert.test).to_ascii_lowercase();
        let compares = text.contains(['<', '>']) || text.contains("greater") || text.contains("less") || text.contains("notequal");
        compares && WORDS.iter().any(|word| text.contains(word))
    })
}

/// Whether a loop with pauses of its own follows: it is that which waits.
fn is_polled_after(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let later = at.sites.calls.iter().zip(&at.paths).filter(|(call, _)| call.at.order > site.at.order);
    let mut polls = later.filter(|(call, path)| is_sleep(path) && is_poll(call.at));
    polls.any(|(poll, _)| at.sites.asserts.iter().all(|assert| {
        assert.at.order < site.at.order || assert.at.order > poll.at.order || is_poll(assert.at)
    }))
}

/// `assert wait_for_server(port)`
fn next_waits_itself(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let later = at.sites.asserts.iter().filter(|assert| assert.at.order > site.at.order);
    let Some(next) = later.min_by_key(|assert| assert.at.order) else { return false };
    at.sites.calls.iter().any(|call| {
        next.span.holds(call.expr.span) && last(&call.path).trim_start_matches(':').starts_with("wait_")
    })
}

/// Whether all work of the test's own that the next assertion looks at is coroutines of this loop that only sleep, in all
/// shorter than the test does from its first pause on: one loop keeps the order of its timers.
fn comes_before_in_its_loop(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let later = at.sites.asserts.iter().filter(|assert| assert.at.order > site.at.order);
    let Some(next) = later.min_by_key(|assert| assert.at.order) else { return false };
    let look = test.text(at, next.test);
    let mut inner = vec![];
    for_each_statement(&at.function.function.body, &mut |stmt| {
        if let StmtKind::Function(function) = &stmt.kind {
            inner.push(function);
        }
    });
    let module = test.analysis.view(at.function.module).module;
    inner.retain(|function| function_writes(module.text(function.span), look));
    let slept = |span: Span| {
        let calls = at.sites.calls.iter().zip(&at.paths).filter(|(call, _)| call.awaited && span.holds(call.expr.span));
        calls
            .map(|(call, path)| is_sleep(path).then(|| call.call.args.first().and_then(Expr::as_number)).flatten())
            .sum::<Option<f64>>()
    };
    let pauses = at.sites.calls.iter().zip(&at.paths).filter(|(call, path)| {
        call.awaited && !call.at.in_nested && call.at.order <= site.at.order && is_sleep(path)
    });
    let waited: Option<f64> = pauses.map(|(call, _)| call.call.args.first().and_then(Expr::as_number)).sum();
    site.awaited
        && !inner.is_empty()
        && inner.iter().all(|function| {
            function.is_async && slept(function.span).zip(waited).is_some_and(|(slept, waited)| slept < waited)
        })
}

/// Whether a function's text changes something that an assertion looks at: `counter += 1`, `seen.append(…)`.
fn function_writes(function: &str, look: &str) -> bool {
    let names = look.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|name| name.len() > 1);
    names.into_iter().any(|name| {
        function.lines().any(|line| {
            let rest = line.trim().strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with([' ', '.', '[', '+', '=']))
        })
    })
}

/// `if self.recording:`, when what is replayed otherwise is made anew.
fn is_for_recording(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    at.conditions_of(site.expr.span).iter().any(|condition| {
        condition.dotted().and_then(|parts| parts.last().copied()).is_some_and(|name| name.contains("record"))
    })
}

/// Whether what is asserted next is that nothing happened, or that all is still as it was asserted before.
fn next_wants_nothing(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let (before, later): (Vec<_>, Vec<_>) =
        at.sites.asserts.iter().partition(|assert| assert.at.order < site.at.order);
    later.iter().min_by_key(|assert| assert.at.order).is_some_and(|next| {
        let text = test.text(at, next.test);
        // `wait.until(lambda: calls.value == 2)`, and after the pause `assert calls.value == 2`
        let start = at.function.function.span.start;
        let above = test.analysis.view(at.function.module).module.text(Span { start, end: site.expr.span.start });
        let handed = |one: &Comparison<'_>| format!("{}, {}", test.text(at, one.left), test.text(at, one.right));
        let was_waited_for = (matches!(next.test.kind, ExprKind::Compare { .. }) && above.contains(text))
            || comparisons(next.test).iter().any(|one| one.op == "==" && above.contains(&handed(one)));
        wants_nothing(next.test)
            || is_positive(next.test, &is_alive)
            || is_of_starting(next.test)
            || was_waited_for
            || is_as_before(test, at, site, next)
            || (site.awaited && is_of_cancelling(text, above))
            || before.iter().any(|assert| test.text(at, assert.test) == text)
    })
}

/// `task.cancel()`, the pause, `assert task.cancelled()`: the next turn of the loop delivers it, before any timer.
fn is_of_cancelling(look: &str, above: &str) -> bool {
    look.ends_with(".cancelled()") && above.contains(".cancel()")
}

/// `count = agent.count`, the pause, `assert count == agent.count`: nothing is to have changed.
fn is_as_before(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>, next: &AssertSite<'_>) -> bool {
    let same = |name: &Expr, now: &Expr| {
        let known = name.as_name().and_then(|name| at.sites.bound(name, next.at.order));
        known.is_some_and(|known| known.span.end < site.expr.span.start && test.text(at, known) == test.text(at, now))
    };
    comparisons(next.test)
        .iter()
        .any(|pair| pair.op == "==" && (same(pair.left, pair.right) || same(pair.right, pair.left)))
}

/// `worker.daemon is True`: that stands since the start.
fn is_of_starting(test: &Expr) -> bool {
    test.any(&mut |part| matches!(&part.kind, ExprKind::Attribute { attr, .. } if attr == "daemon"))
}

/// `worker.is_alive()`: what is still on is so however slow the machine.
fn is_alive(part: &Expr) -> bool {
    part.as_call().is_some_and(|call| is_liveness(&call.func))
}

/// Whether the pause stands between work that the test started and a look at it: an assertion follows with little
/// between, and nothing that acts. What only keeps two actions apart does so in their times.
fn waits_for_work(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let calls = || at.sites.calls.iter().filter(|call| !call.at.in_assert && !std::ptr::eq(*call, site));
    let later = at.sites.asserts.iter().filter(|assert| assert.at.order > site.at.order && !assert.at.in_nested);
    let Some(look) = later.min_by_key(|assert| assert.at.order) else { return false };
    let between = || calls().filter(|call| (site.at.order..look.at.order).contains(&call.at.order));
    let before = || at.sites.calls.iter().zip(&at.paths).filter(|(call, _)| call.at.order < site.at.order);
    let starts = |(call, path): &(&CallSite<'_>, &Cow<'_, str>)| starts_work(path) && !is_due_first(call, site);
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
    const ACTIONS: [&str; 8] = ["add_", "create_", "remove_", "register_", "submit", "insert", "delete_", "send"];
    let acts = |name: &str| ACTIONS.iter().any(|word| name.starts_with(word));
    at.sites.calls.iter().any(|call| look.span.holds(call.expr.span) && acts(last(&call.path)))
}

/// `loop.call_later(0, …)` before `await asyncio.sleep(0.01)`: one loop keeps the order of its timers.
fn is_due_first(call: &CallSite<'_>, pause: &CallSite<'_>) -> bool {
    let delay = |site: &CallSite<'_>| site.call.args.first().and_then(Expr::as_number);
    last(&call.path) == "call_later"
        && pause.awaited
        && delay(call).zip(delay(pause)).is_some_and(|(due, pause)| due < pause)
}

/// Whether the work that was started is waited for before it is looked at.
fn is_awaited_first(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>, look: &AssertSite<'_>) -> bool {
    let between = Span { start: site.expr.span.end, end: look.span.start.max(site.expr.span.end) };
    let text = test.analysis.view(at.function.module).module.text(between);
    tasks(at).any(|task| text.contains(&format!("await {task}")))
}

/// The names under which work that was started is kept.
fn tasks<'r>(at: &'r Reached<'_, '_>) -> impl Iterator<Item = &'r str> {
    let starts = |value: &Expr| {
        at.sites.calls.iter().zip(&at.paths).any(|(call, path)| call.expr.span == value.span && starts_work(path))
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
    let joins = |path: &str| ["nursery", "taskgroup", "task_group"].iter().any(|word| last(path).to_ascii_lowercase().contains(word));
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
        "cancel", "close", "stop", "shutdown", "kill", "terminate", "put", "publish", "set", "release", "join", "wait",
        "flush", "abort", "notify", "trigger", "advance", "disconnect",
    ];
    ACTIONS.contains(&name)
        || ["send", "write", "start", "stop_", "emit", "close_", "fire", "notify_", "set_"].iter().any(|word| name.starts_with(word))
}

/// Whether what is asserted next compares what one call gave before the pause with what it gave after: the pause keeps
/// the two apart.
fn compares_two_results(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let made = |expr: &Expr, order: u32| {
        let value = at.sites.value_of(super::origins::root(expr)?, order)?;
        let call = at.sites.calls.iter().find(|call| call.expr.span == value.span || value.span.holds(call.expr.span))?;
        let looks = ["get", "read", "len", "count", "list", "stat"].iter().any(|word| last(&call.path).starts_with(word));
        (!looks).then_some((call.at.order < site.at.order, call.path.as_str()))
    };
    let later = at.sites.asserts.iter().filter(|assert| assert.at.order > site.at.order);
    later.flat_map(|assert| comparisons(assert.test).into_iter().map(move |pair| (pair, assert.at.order))).any(|(pair, order)| {
        match (made(pair.left, order), made(pair.right, order)) {
            (Some((left_before, left)), Some((right_before, right))) => left_before != right_before && left == right,
            _ => false,
        }
    })
}

/// The pause between two looks of a loop that waits for a condition.
fn is_poll(at: At) -> bool {
    at.in_while || at.loops > 0
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

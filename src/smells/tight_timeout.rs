//! # FD102 tight-timeout
//!
//! ## What it detects
//! A wait of two seconds or less that must succeed for the test to pass: `asyncio.wait_for`, `asyncio.timeout`,
//! `anyio.fail_after`, `Event.wait`, `Queue.get`, `Future.result` and their kin; five seconds for a child process. With
//! less confidence, a limit that is handed to the code under test (`timeout=`, `read_timeout=`, `…_timeout_ms=`).
//!
//! ## Why it makes tests unstable
//! A loaded machine can keep a process from running for longer than the limit. The work would have been done right,
//! but the wait gives up first.
//!
//! ## Example
//! ```python
//! result = await asyncio.wait_for(task, timeout=0.1)
//! ```
//!
//! ## Use instead
//! A limit that only a real hang reaches. A wait ends as soon as the condition holds, so a long limit costs nothing
//! when the test passes.
//! ```python
//! result = await asyncio.wait_for(task, timeout=30)
//! ```
//!
//! ## Known false positives
//! A limit that is itself under test. Where the time-out is expected (`pytest.raises`, a handler, `assert not
//! event.wait(0.1)`) nothing is reported.

use super::assertions::{comparisons, is_liveness, is_positive};
use super::flow;
use super::limits::{GivesUp, handed_on, limit};
use super::words::{is_sleep, last, receiver, wants_nothing};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind, Stmt, StmtKind};
use crate::python::for_each_statement;
use crate::python::sites::{AssertSite, CallSite, Use};

pub(super) struct TightTimeout;

impl Rule for TightTimeout {
    fn code(&self) -> &'static str {
        "FD102"
    }

    fn name(&self) -> &'static str {
        "tight-timeout"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        if test.mocks.time {
            return;
        }
        for (at, site, path) in test.calls() {
            if at.role == Role::Teardown || site.at.in_while || asks_again(at, site) {
                continue;
            }
            let known = limit(site, path).map(|(expr, ends, longest)| {
                (flow::seconds(test, at, expr, site.at.order).map(|seconds| (seconds, expr)), ends, longest)
            });
            let found = known.unwrap_or_else(|| (handed_on(test, at, site), GivesUp::Elsewhere, 2.0));
            let (Some((seconds, limit)), gives_up, longest) = found else { continue };
            if !(0.001..=longest).contains(&seconds) || test.mocks.covers(path) || expects_time_out(test, at, site) || is_there(at, site) || is_excused(at, site) {
                continue;
            }
            if gives_up == GivesUp::Quietly && (is_mere_pause(site) || !is_relied_upon(test, at, site)) {
                continue;
            }
            // nothing gets over a network within some milliseconds, so there even a test of time-outs sees another one
            let is_tiny = seconds < 0.01 && at.role == Role::Test;
            if gives_up == GivesUp::Elsewhere && (is_outlasted(at, site, seconds) || is_measured(test, at, site, seconds)) {
                continue;
            }
            if gives_up == GivesUp::Elsewhere && !is_tiny && !must_succeed(test, at, site, seconds) {
                continue;
            }
            let severity = match seconds {
                _ if gives_up == GivesUp::Elsewhere && (seconds > 0.1 || at.role != Role::Test) => Severity::Low,
                _ if gives_up == GivesUp::Elsewhere => Severity::Medium,
                _ if site.at.in_nested || seconds > 1.0 => Severity::Low,
                // a loop that is held up holds up its timers too, so what is ready comes first
                _ if seconds > 0.5 || site.awaited || test.case.is_async || path.starts_with("asyncio.") => Severity::Medium,
                _ => Severity::High,
            };
            report.add_mended(
                at,
                Smell {
                    span: site.expr.span,
                    severity,
                    confidence: match gives_up {
                        GivesUp::Elsewhere if seconds > 0.5 => 0.35,
                        GivesUp::Elsewhere => 0.5,
                        _ if seconds <= 0.5 => 0.85,
                        _ => 0.65,
                    },
                    message: format!(
                        "`{}` gives up after {seconds} s, which a loaded machine can need for work that is done right",
                        last(path)
                    ),
                    help: "allow 10 s or more: a wait ends as soon as its condition holds, so a long limit costs nothing \
                           when the test passes"
                        .to_owned(),
                },
                |mut mend| {
                    let bound = limit.as_name().and_then(|name| at.sites.value_of(name, site.at.order));
                    // what is to run out is waited for
                    let runs_out = gives_up == GivesUp::Elsewhere
                        && at.sites.calls.iter().any(|call| expects(&call.path));
                    // some of the tests that share a fixture wait it out
                    let is_shared = matches!(at.role, Role::Fixture(_)) || site.used == Use::With;
                    let of_fixture = gives_up == GivesUp::Elsewhere && is_shared;
                    // `connect(timeout=SHORT)`, and then `timeout == SHORT`
                    let named = limit.as_name().filter(|_| gives_up == GivesUp::Elsewhere);
                    if named.is_some_and(|name| at.sites.asserts.iter().any(|assert| flow::mentions(assert.test, name))) {
                        return None;
                    }
                    let (longer, message) = match (runs_out, of_fixture) {
                        (true, _) => (0.5, "allow half a second"),
                        (_, true) => (2.5, "allow two seconds and a half"),
                        _ => (10.0, "allow ten seconds"),
                    };
                    let written = bound.unwrap_or(limit);
                    let unit = written.as_number().map_or(1.0, |number| (number / seconds).round());
                    let longer = (longer * unit).to_string();
                    if mend.renumber(&[written], seconds * unit, &longer).is_none() {
                        // `SHORT_TIMEOUT`, `3 * MS`
                        let is_constant = bound.is_none()
                            && matches!(limit.kind, ExprKind::Name(_) | ExprKind::Binary { .. })
                            && flow::seconds(test, at, limit, site.at.order) == Some(seconds);
                        is_constant.then(|| mend.replace(limit.span, longer))?;
                    }
                    mend.risky(message)
                },
            );
        }
    }
}

/// `for _ in range(50):` with a way out: the limit is that of one of many looks.
fn asks_again(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    at.sites.loops.iter().any(|around| {
        around.has_break && around.path == "range()" && around.span.holds(site.expr.span)
    })
}

/// Whether a handler around a wait lets its time-out pass: one of another exception does not, nor one that fails the test.
fn is_excused(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    if !site.at.in_caught {
        return false;
    }
    const OTHERS: [&str; 12] = [
        "TypeError", "ValueError", "KeyError", "AttributeError", "ImportError", "ModuleNotFoundError", "IndexError", "NameError",
        "NotImplementedError", "UnicodeDecodeError", "JSONDecodeError", "KeyboardInterrupt",
    ];
    let mut excused = false;
    for_each_statement(&at.function.function.body, &mut |stmt| {
        if let StmtKind::Try { body, handlers, .. } = &stmt.kind
            && body.iter().any(|inner| inner.span.holds(site.expr.span))
        {
            excused |= handlers.iter().any(|handler| {
                let names: Vec<&str> = handler.types.iter().filter_map(|class| class.dotted()?.last().copied()).collect();
                let is_other = !names.is_empty() && names.iter().all(|name| OTHERS.contains(name));
                !is_other && !handler.body.last().is_some_and(fails)
            });
        }
    });
    excused
}

/// `raise`, `pytest.fail(…)`, `assert False`
fn fails(stmt: &Stmt) -> bool {
    match &stmt.kind {
        StmtKind::Raise(_) => true,
        StmtKind::Assert { test, .. } => matches!(test.kind, ExprKind::Bool(false)),
        StmtKind::Expr(expr) => expr.as_call().and_then(|call| call.func.dotted()).is_some_and(|path| path.last() == Some(&"fail")),
        _ => false,
    }
}

/// `threading.Event().wait(0.2)`: nobody can set it, so it is a pause.
fn is_mere_pause(site: &CallSite<'_>) -> bool {
    matches!(&site.call.func.kind, ExprKind::Attribute { value, .. } if value.as_call().is_some())
        && site.path.ends_with("Event().wait")
}

/// `@task(timeout=0.001)` on a function that pauses for longer: the limit is to pass.
fn is_outlasted(at: &Reached<'_, '_>, site: &CallSite<'_>, seconds: f64) -> bool {
    let mut inner = None;
    for_each_statement(&at.function.function.body, &mut |stmt| {
        if let StmtKind::Function(function) = &stmt.kind
            && function.decorators.iter().any(|decorator| decorator.span.holds(site.expr.span))
        {
            inner = Some(function.span);
        }
    });
    let mut pauses = at.sites.calls.iter().zip(&at.paths).filter(|(_, path)| is_sleep(path));
    pauses.any(|(pause, _)| {
        let lasts = pause.call.args.first().and_then(Expr::as_number).is_some_and(|pause| pause >= seconds);
        lasts && inner.is_some_and(|inner| inner.holds(pause.expr.span))
    })
}

/// `0.9 < elapsed` after a limit of a second: it is to pass.
fn is_measured(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>, seconds: f64) -> bool {
    let is_least = |expr: &Expr| expr.as_number().is_some_and(|least| seconds / 2.0 <= least && least <= seconds);
    at.sites.asserts.iter().filter(|assert| assert.at.order > site.at.order).any(|assert| {
        let text = test.text(at, assert.test);
        ["dur", "elapsed", "delta", "took", "time"].iter().any(|word| text.contains(word))
            && comparisons(assert.test).iter().any(|one| match one.op {
                "<" | "<=" => is_least(one.left),
                ">" | ">=" => is_least(one.right),
                _ => false,
            })
    })
}

/// Whether the test wants the limit to pass.
fn expects_time_out(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let nothing_comes = |assert: &AssertSite<'_>| assert.span.holds(site.expr.span) && wants_nothing(assert.test);
    // `result = task.result(timeout=…)`, `assert result is None`; a future raises instead
    let gave_nothing = |name: &str, assert: &AssertSite<'_>| {
        comparisons(assert.test).iter().any(|compared| {
            compared.op == "is" && compared.left.as_name() == Some(name) && matches!(compared.right.kind, ExprKind::None)
        })
    };
    let runs_out = |name: &str| at.sites.asserts.iter().any(|assert| assert.at.order > site.at.order && gave_nothing(name, assert));
    // of a function that is defined here, and called where a time-out is expected
    let raises_it = || at.sites.withs.iter().any(|with| {
        let text = test.text(at, with.expr);
        expects(text) && text.contains("imeout")
    });
    (site.at.in_nested && raises_it())
        || at.sites.asserts.iter().any(|assert| site.at.in_assert && nothing_comes(assert))
        || matches!(site.used, Use::Assigned(name) if !site.path.contains("submit()") && runs_out(name))
        || at.sites.enclosing_withs(site.at).any(|with| {
        let name = last(&with.path);
        name.contains("raises")
            || name.contains("assertRaises")
            || name.contains("warns")
            || name == "suppress"
    })
}

/// `assert not queue.empty()`, and then `queue.get(timeout=…)`; `event.set()`, and then `event.wait(…)`
fn is_there(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    if was_set(at, site) || was_put(at, site) {
        return true;
    }
    let Some(queue) = site.path.strip_suffix(".get") else { return false };
    at.sites.asserts.iter().any(|assert| {
        let emptied = |part: &Expr| part.as_call().is_some_and(|call| at.sites.calls.iter().any(|other| {
            std::ptr::eq(other.call, call) && other.path.strip_suffix(".empty") == Some(queue)
        }));
        assert.at.order < site.at.order
            && matches!(&assert.test.kind, ExprKind::Unary { op, operand } if op == "not" && emptied(operand))
    })
}

/// Whether the test has set itself what it waits for, and not cleared it since.
fn was_set(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let Some(event) = receiver(site).filter(|_| last(&site.path) == "wait") else { return false };
    let before = at.sites.calls.iter().filter(|call| call.at.order < site.at.order && !call.at.in_nested);
    let mut changes = before.filter(|call| receiver(call) == Some(event)).map(|call| last(&call.path));
    changes.rfind(|method| matches!(*method, "set" | "clear")) == Some("set")
}

/// `queue.put_nowait(1)`, and then `wait_for(queue.get(), 1)`: what is asked for lies there.
fn was_put(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let asked = site.call.args.first().and_then(Expr::as_call).unwrap_or(site.call);
    let ExprKind::Attribute { value, attr } = &asked.func.kind else { return false };
    let Some(queue) = value.as_name().filter(|_| attr.starts_with("get")) else { return false };
    let before = || at.sites.calls.iter().filter(|call| call.at.order < site.at.order && !call.at.in_nested);
    // for a worker, which may put something else
    let is_served = before().any(|call| last(&call.path) == "start");
    let is_put = |call: &CallSite<'_>| {
        receiver(call) == Some(queue) && matches!(last(&call.path), "put" | "put_nowait")
    };
    !is_served && before().any(is_put)
}

/// Whether a call says that something is to go wrong.
fn expects(path: &str) -> bool {
    path.contains("aises") || path.contains("warns") || path.contains("suppress")
}

/// Whether nothing in the test speaks of the limit's passing: it has assertions, and expects no exception.
fn must_succeed(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>, seconds: f64) -> bool {
    let text = test.text(at, site.expr);
    let own = test.test();
    let in_test = at.role == Role::Test;
    let name = &own.function.function.name;
    (in_test || seconds <= 0.5)
        && own.sites.asserts.iter().any(|assert| !in_test || assert.at.order > site.at.order)
        && !own.sites.calls.iter().any(|call| expects(&call.path))
        && !text.contains("Mock")
        && !last(&site.path).starts_with("assert")
        && !name.contains("timeout")
        && !name.contains("time_out")
}

/// Whether a wait that returns quietly must have succeeded: it is asserted, or its thread is asserted upon.
fn is_relied_upon(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    // all is to be as it was asserted before
    let was_asserted = |next: &AssertSite<'_>| {
        let text = test.text(at, next.test);
        at.sites.asserts.iter().any(|one| one.at.order < site.at.order && test.text(at, one.test) == text)
    };
    let span = site.expr.span;
    let contains = |expr: &Expr| expr.span.holds(span);
    let next = at.sites.asserts.iter().map(|assert| assert.at.order).filter(|order| *order > site.at.order).min();
    at.sites.asserts.iter().any(|assert| match site.used {
        Use::Assigned(name) => {
            assert.at.order > site.at.order && is_positive(assert.test, &|part| part.as_name() == Some(name))
        }
        Use::Dropped => {
            let awaits_end = matches!(last(&site.path), "join" | "wait");
            // `started.wait(0.5)`, and then `thread.join()`: it is that which is waited for
            let joins = |call: &CallSite<'_>| {
                last(&call.path) == "join" && (site.at.order + 1..assert.at.order).contains(&call.at.order)
            };
            awaits_end
                && !at.sites.calls.iter().any(joins)
                && Some(assert.at.order) == next
                && !mentions_liveness(assert.test)
                && !was_asserted(assert)
                && (last(&site.path) == "join" || !wants_nothing(assert.test))
        }
        _ => contains(assert.test) && is_positive(assert.test, &|part| part.span == span),
    })
}

/// `assert not thread.is_alive()` after a join is the right look, and the join's limit is what it waits for.
fn mentions_liveness(test: &Expr) -> bool {
    let asks = |part: &Expr| part.as_call().is_some_and(|call| is_liveness(&call.func));
    is_positive(test, &asks) || (matches!(&test.kind, ExprKind::Call(_)) && test.any(&mut |part| is_liveness(part)))
}

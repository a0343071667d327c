//! # FD102 tight-timeout
//!
//! ## What it detects
//! A wait of two seconds or less that must succeed for the test to pass: `asyncio.wait_for`, `asyncio.timeout`,
//! `anyio.fail_after`, `Event.wait`, `Queue.get`, `Future.result` and their kin.
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

use super::flow;
use super::words::last;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::{CallSite, Use};

pub(super) struct TightTimeout;

impl Rule for TightTimeout {
    fn code(&self) -> &'static str {
        "FD102"
    }

    fn name(&self) -> &'static str {
        "tight-timeout"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            let Some((limit, gives_up)) = limit(site, path) else { continue };
            let Some(seconds) = flow::seconds(test, at, limit, site.at.order) else { continue };
            if !(0.001..=2.0).contains(&seconds) || at.role == Role::Teardown || test.mocks.covers(path) {
                continue;
            }
            if test.mocks.time || site.at.in_while || site.at.in_caught || expects_time_out(at, site) {
                continue;
            }
            if gives_up == GivesUp::Quietly && !is_relied_upon(at, site) {
                continue;
            }
            if gives_up == GivesUp::Elsewhere && (seconds > 0.5 || !must_succeed(test, at, site)) {
                continue;
            }
            let severity = match seconds {
                _ if gives_up == GivesUp::Elsewhere && seconds > 0.1 => Severity::Low,
                _ if gives_up == GivesUp::Elsewhere => Severity::Medium,
                _ if site.at.in_nested || seconds > 1.0 => Severity::Low,
                _ if seconds > 0.5 => Severity::Medium,
                _ => Severity::High,
            };
            report.add(
                at,
                Smell {
                    span: site.expr.span,
                    severity,
                    confidence: match gives_up {
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
            );
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum GivesUp {
    /// It raises.
    Loudly,
    /// It returns, and only a later look tells.
    Quietly,
    /// The limit is handed to the code under test.
    Elsewhere,
}

/// What a limit that is handed on is called.
const TIMEOUTS: [&str; 7] = [
    "timeout",
    "timeout_seconds",
    "timeout_s",
    "connect_timeout",
    "read_timeout",
    "request_timeout",
    "connect",
];

/// The time limit of a call that waits, and how it ends when the limit passes.
fn limit<'a>(site: &CallSite<'a>, path: &str) -> Option<(&'a Expr, GivesUp)> {
    use GivesUp::{Elsewhere, Loudly, Quietly};
    let call = site.call;
    let found = match path {
        "asyncio.wait_for" => (call.argument(1, "timeout"), Loudly),
        "asyncio.timeout" | "async_timeout.timeout" => (call.argument(0, "delay"), Loudly),
        "anyio.fail_after" | "trio.fail_after" => (call.argument(0, "delay"), Loudly),
        "threading.Event().wait" | "multiprocessing.Event().wait" => (call.argument(0, "timeout"), Quietly),
        "threading.Condition().wait_for" => (call.argument(1, "timeout"), Quietly),
        "threading.Barrier().wait" => (call.argument(0, "timeout"), Loudly),
        "threading.Thread().join" | "multiprocessing.Process().join" => {
            (call.argument(0, "timeout"), Quietly)
        }
        "asyncio.wait" | "concurrent.futures.wait" => (call.keyword("timeout"), Quietly),
        "concurrent.futures.as_completed" => (call.keyword("timeout"), Loudly),
        "selenium.webdriver.support.ui.WebDriverWait" | "selenium.webdriver.support.wait.WebDriverWait" => {
            (call.argument(1, "timeout"), Loudly)
        }
        _ => match last(path) {
            "get" if is_queue(path) || takes_like_a_queue(site) => (call.argument(1, "timeout"), Loudly),
            "result" if path.contains('.') => (call.argument(0, "timeout"), Loudly),
            "communicate" | "wait_closed" => (call.keyword("timeout"), Loudly),
            "wait" => (call.keyword("timeout"), Quietly),
            // the like of asyncio.timeout in a compatibility layer
            name if site.used == Use::With
                && call.args.len() == 1
                && (name.ends_with("timeout") || name == "fail_after") =>
            {
                (call.args.first(), Loudly)
            }
            _ => {
                let given = TIMEOUTS.iter().find_map(|name| call.keyword(name));
                (given.filter(|_| site.used != Use::Returned), Elsewhere)
            }
        },
    };
    Some((found.0?, found.1))
}

fn is_queue(path: &str) -> bool {
    matches!(
        path,
        "queue.Queue().get"
            | "queue.SimpleQueue().get"
            | "queue.LifoQueue().get"
            | "queue.PriorityQueue().get"
            | "multiprocessing.Queue().get"
            | "multiprocessing.SimpleQueue().get"
    ) || path.strip_suffix(".get").is_some_and(|receiver| {
        let name = last(receiver).to_ascii_lowercase();
        name == "~q" || name.ends_with("queue")
    })
}

/// `get(True, 0.1)` and `get(timeout=0.1)`, which nothing but a queue has.
fn takes_like_a_queue(site: &CallSite<'_>) -> bool {
    match site.call.args.first() {
        Some(first) => matches!(first.kind, ExprKind::Bool(true)),
        None => site.call.keyword("timeout").is_some(),
    }
}

/// Whether the test wants the limit to pass.
fn expects_time_out(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    at.sites.enclosing_withs(site.at).any(|with| {
        let name = last(&with.path);
        name.contains("raises")
            || name.contains("assertRaises")
            || name.contains("warns")
            || name == "suppress"
    })
}

/// Whether nothing in the function speaks of the limit's passing: it has assertions, and expects no exception.
fn must_succeed(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let expects = |path: &str| path.contains("aises") || path.contains("warns") || path.contains("suppress");
    let text = test.text(at, site.expr);
    at.role == Role::Test
        && at.sites.asserts.iter().any(|assert| assert.at.order > site.at.order)
        && !at.sites.calls.iter().any(|call| expects(&call.path))
        && !text.contains("Mock")
        && !last(&site.path).starts_with("assert")
        && !at.function.function.name.contains("timeout")
        && !at.function.function.name.contains("time_out")
}

/// Whether a wait that returns quietly must have succeeded: it is asserted, or its thread is asserted upon.
fn is_relied_upon(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let span = site.expr.span;
    let contains = |expr: &Expr| expr.span.start <= span.start && span.end <= expr.span.end;
    at.sites.asserts.iter().any(|assert| match site.used {
        Use::Assigned(name) => {
            assert.at.order > site.at.order && is_positive(assert.test, &|part| part.as_name() == Some(name))
        }
        Use::Dropped => {
            let awaits_end = matches!(last(&site.path), "join" | "wait");
            awaits_end && assert.at.order > site.at.order && !mentions_liveness(assert.test)
        }
        _ => contains(assert.test) && is_positive(assert.test, &|part| part.span == span),
    })
}

/// Whether an assertion wants the expression that `wanted` recognizes to be true.
fn is_positive(test: &Expr, wanted: &dyn Fn(&Expr) -> bool) -> bool {
    match &test.kind {
        _ if wanted(test) => true,
        ExprKind::Bools(parts) => parts.iter().any(|part| is_positive(part, wanted)),
        ExprKind::Await(inner) => is_positive(inner, wanted),
        ExprKind::Compare { left, rest } => {
            wanted(left) && rest.iter().all(|(op, right)| matches!(&**op, "is" | "==") && right.is_true())
        }
        ExprKind::Call(call) => {
            let is_true =
                matches!(&call.func.kind, ExprKind::Attribute { attr, .. } if &**attr == "assertTrue");
            is_true && call.args.first().is_some_and(|inner| is_positive(inner, wanted))
        }
        _ => false,
    }
}

/// `assert not thread.is_alive()` after a join is the right look, and the join's limit is what it waits for.
fn mentions_liveness(test: &Expr) -> bool {
    matches!(&test.kind, ExprKind::Call(_))
        && test
            .any(&mut |part| matches!(&part.kind, ExprKind::Attribute { attr, .. } if &**attr == "is_alive"))
}

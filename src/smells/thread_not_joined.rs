//! # FD201 thread-not-joined
//!
//! ## What it detects
//! A thread or process that a test, its set-up or a helper starts, while nothing in test or teardown joins one.
//!
//! ## Why it makes tests unstable
//! The thread outlives the test. What it still does falls into the next test, its exception goes unseen, and an
//! assertion can come before its work is done.
//!
//! ## Example
//! ```python
//! worker = threading.Thread(target=fill, args=(cache,))
//! worker.start()
//! ```
//!
//! ## Use instead
//! Join it before the assertions, with a limit, or let a `with ThreadPoolExecutor()` block do so.
//! ```python
//! worker.start()
//! worker.join(timeout=30)
//! assert not worker.is_alive()
//! ```
//!
//! ## Known false positives
//! A thread that another object stops and joins. Daemon threads are reported with a lower severity.

use super::mend::Mend;
use super::origins::root;
use super::restored::is_cleanup;
use super::unguarded_shared_write::nested;
use super::words::last;
use super::{Context, Fix, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Call, Expr, ExprKind, Stmt, StmtKind};
use crate::python::sites::{CallSite, Use};

pub(super) struct ThreadNotJoined;

impl Rule for ThreadNotJoined {
    fn code(&self) -> &'static str {
        "FD201"
    }

    fn name(&self) -> &'static str {
        "thread-not-joined"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        let made: Vec<_> =
            test.calls().filter(|(at, _, path)| makes(path).is_some() && at.role != Role::Teardown).collect();
        if made.is_empty() || test.calls().any(|(_, site, path)| ends_threads(path, site.call)) {
            return;
        }
        let starts = test.calls().any(|(_, _, path)| last(path) == "start");
        for (at, site, path) in made {
            let Some(what) = makes(path) else { continue };
            let handed_on = matches!(site.used, Use::Argument(_) | Use::Returned | Use::With);
            if !starts || handed_on || test.mocks.covers(path) || test.mocks.covers("start") {
                continue;
            }
            let daemon = site.call.keyword("daemon").is_some_and(|value| value.is_true())
                || at
                    .sites
                    .writes
                    .iter()
                    .any(|write| write.path.ends_with(".daemon") || write.path.ends_with("daemon"))
                || test.calls().any(|(_, _, path)| last(path) == "setDaemon");
            let kind = if daemon { format!("daemon {what}") } else { what.to_owned() };
            report.add_mended(
                at,
                Smell {
                    span: site.expr.span,
                    severity: if daemon || site.at.in_nested || is_told_to_end(test, at, site) { Severity::Low } else { Severity::Medium },
                    confidence: if daemon { 0.7 } else { 0.85 },
                    message: format!(
                        "this {kind} is started and never joined, so it runs on beside the assertions and into later tests"
                    ),
                    help: format!("join the {what} with a limit before the assertions (and in teardown), or use `with ThreadPoolExecutor()`"),
                },
                |mend| if path == "threading.Thread" && !daemon { joined(mend, test, at, site) } else { None },
            );
        }
    }
}

/// Joins a thread of the test's own before the assertions with which the test ends.
fn joined(mut mend: Mend<'_>, test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> Option<Fix> {
    let Use::Assigned(name) = site.used else { return None };
    let body = &at.function.function.body;
    let target = site.call.keyword("target").and_then(|target| nested(body, target.as_name()?))?;
    let work = test.analysis.view(at.function.module).module.text(target.span);
    let goes_on = ["while True", "serve", "forever"].iter().any(|word| work.contains(word));
    let asserts = body.iter().rposition(|stmt| !asserts_only(at, stmt)).map_or(0, |last| last + 1);
    let first = body.get(asserts).filter(|first| first.span.start > site.expr.span.end)?;
    (at.role == Role::Test && !site.at.in_nested && site.at.loops == 0 && !goes_on).then_some(())?;
    mend.before(first, &[&format!("{name}.join(timeout=30)")])?;
    mend.risky("let the thread end first")
}

/// Whether a statement asserts and does nothing else.
fn asserts_only(at: &Reached<'_, '_>, stmt: &Stmt) -> bool {
    match &stmt.kind {
        StmtKind::Assert { .. } => true,
        StmtKind::Expr(_) => at.sites.asserts.iter().any(|assert| stmt.span.holds(assert.span)),
        StmtKind::If { .. } => {
            crate::python::blocks(stmt).into_iter().flatten().all(|inner| asserts_only(at, inner))
        }
        _ => false,
    }
}

/// Whether something tells the work to end, or the test hears from it: then it lives on for a moment only.
fn is_told_to_end(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    const STOPS: [&str; 6] = ["stop", "shutdown", "close", "quit", "server_close", "cancel"];
    const HEARS: [&str; 3] = ["get", "wait", "recv"];
    let Some(target) = site.call.keyword("target") else { return false };
    let inner = target.as_name().and_then(|name| nested(&at.function.function.body, name));
    let ends_something = inner.is_some_and(|inner| {
        at.sites.calls.iter().any(|call| {
            inner.span.holds(call.expr.span)
                && call.call.args.iter().any(|handed| matches!(&handed.kind, ExprKind::Attribute { attr, .. } if STOPS.contains(&&**attr)))
        })
    });
    // one that hands over a thing, perhaps after a pause, for which the test then waits
    let hands_over = inner.is_some_and(|inner| {
        let mut own = at.sites.calls.iter().filter(|call| inner.span.holds(call.expr.span));
        own.all(|call| matches!(last(&call.path), "sleep" | "put" | "put_nowait" | "set" | "send"))
            && at.sites.calls.iter().any(|call| {
                let name = last(&call.path);
                call.at.order > site.at.order && ["receive", "recv", "get", "wait", "read", "result"].iter().any(|word| name.contains(word))
            })
    });
    let tells = |call: &CallSite<'_>| {
        let receiver = root(&call.call.func);
        let name = last(&call.path);
        let same_object = receiver.is_some() && receiver == root(target);
        let is_heard = || {
            HEARS.contains(&name)
                && inner.is_some_and(|inner| {
                    at.sites.calls.iter().any(|said| {
                        inner.span.holds(said.expr.span)
                            && matches!(last(&said.path), "put" | "set" | "send")
                            && root(&said.call.func) == receiver
                    })
                })
        };
        call.at.order > site.at.order && ((STOPS.contains(&name) && same_object) || is_heard())
    };
    // a helper that starts is stopped by whoever called it
    let stopped_elsewhere = || {
        at.role != Role::Test
            && test.reach.iter().any(|other| {
                other.sites.calls.iter().any(|call| STOPS.contains(&last(&call.path)) && is_cleanup(other, call.at))
            })
    };
    // `target=self.server.serve`, and somewhere `self.server.close()`
    let owner = |at: &Reached<'_, '_>, expr: &Expr| match &expr.kind {
        ExprKind::Attribute { value, .. } => test.text(at, value).to_owned(),
        _ => String::new(),
    };
    let served = owner(at, target);
    let owner_stopped = || {
        !served.is_empty()
            && served != "self"
            && test.reach.iter().any(|other| {
                other.sites.calls.iter().any(|call| STOPS.contains(&last(&call.path)) && owner(other, &call.call.func) == served)
            })
    };
    owner_stopped() || ends_something || hands_over || at.sites.calls.iter().any(tells) || stopped_elsewhere()
}

fn makes(path: &str) -> Option<&'static str> {
    match path {
        "threading.Thread" => Some("thread"),
        "multiprocessing.Process" | "multiprocessing.get_context().Process" => Some("process"),
        _ => None,
    }
}

/// A join of a thread, or what ends a process, called or handed to a cleanup.
fn ends_threads(path: &str, call: &Call) -> bool {
    const ENDS: [&str; 5] = ["terminate", "kill", "joinall", "join_all", "join_thread"];
    let joins = last(path) == "join" && !path.starts_with("str()") && !path.starts_with("os.path");
    let handed = |argument: &Expr| matches!(&argument.kind, ExprKind::Attribute { attr, .. } if &**attr == "join" || ENDS.contains(&&**attr));
    joins || ENDS.contains(&last(path)) || call.args.iter().any(handed)
}

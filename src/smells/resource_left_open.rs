//! # FD702 resource-left-open
//!
//! ## What it detects
//! A process, server, socket or its file, TLS stream, browser, event loop or pool of workers that a test starts and neither ends nor hands on; a gRPC server that is told to stop and not waited for.
//!
//! ## Why it makes tests unstable
//! It goes on working while later tests run: it holds a port, writes files, prints, takes the processor's time.
//! Tests that come later fail for a reason that is not in them.
//!
//! ## Example
//! ```python
//! def test_starts():
//!     server = subprocess.Popen(["shop", "serve"])
//!     assert server.poll() is None
//! ```
//!
//! ## Use instead
//! `with`, or a fixture that ends it after its `yield`, so that it ends when the assertion fails too.
//! ```python
//! def test_starts():
//!     with subprocess.Popen(["shop", "serve"]) as server:
//!         assert server.poll() is None
//!         server.terminate()
//! ```
//!
//! ## Known false positives
//! Something that ends by itself, or that code called by name only ends.

use super::origins::root;
use super::resources::{Fate, Resource, fate, opens};
use super::words::{expects_failure, is_given_a_fake, is_test_code, last};
use super::mend::{Mend, in_with};
use super::{Applicability, Context, Fix, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind, StmtKind};
use crate::python::sites::{CallSite, Use};

pub(super) struct ResourceLeftOpen;

/// A process whose number lies in a file is ended by that number.
fn is_killed_by_number(test: &Context<'_, '_>) -> bool {
    test.calls().any(|(_, _, path)| matches!(path, "os.kill" | "os.killpg"))
}

impl Rule for ResourceLeftOpen {
    fn code(&self) -> &'static str {
        "FD702"
    }

    fn name(&self) -> &'static str {
        "resource-left-open"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            let Some(resource) = opens(path).filter(|_| matches!(at.role, Role::Test | Role::Helper)) else {
                continue;
            };
            if site.at.in_nested
                || !is_test_code(test, at)
                || test.mocks.covers(path)
                || expects_failure(at, site.at)
                || is_given_a_fake(site.call)
                || is_waited_out(at, site)
                || (resource.what.contains("process") && is_killed_by_number(test))
            {
                continue;
            }
            // who reads from a socket's file does not close it
            let is_read = path.ends_with(".makefile") && matches!(site.used, Use::Assigned(_));
            let is_left = match fate(test, at, site) {
                Fate::LeftOpen => true,
                Fate::Unknown => is_read,
                _ => false,
            };
            if !is_left {
                continue;
            }
            report.add_mended(
                at,
                Smell {
                    span: site.expr.span,
                    severity: match (resource.disturbs && !has_any_port(site), is_read) {
                        (true, _) => Severity::High,
                        (false, false) => Severity::Medium,
                        (false, true) => Severity::Low,
                    },
                    confidence: 0.85,
                    message: format!(
                        "{} from `{path}` is never ended and goes on while later tests run",
                        resource.what
                    ),
                    help: format!(
                        "open it in a with statement or in a fixture that calls {} after its yield",
                        resource.closed_by
                    ),
                },
                |mend| {
                    let is_plain = matches!(path, "socket.socket" | "socket.create_connection" | "socket.create_server");
                    if is_plain || path.ends_with(".makefile") {
                        in_with(mend, site, Applicability::Unsafe)
                    } else {
                        ended(mend, site, &resource)
                    }
                },
            );
        }
        for (at, site, _) in test.calls() {
            let Some(server) = stops_grpc(test, at, site) else { continue };
            report.add_mended(
                at,
                Smell {
                    span: site.expr.span,
                    severity: Severity::Medium,
                    confidence: 0.75,
                    message: format!(
                        "`{server}.stop` of a gRPC server comes back at once, and the server ends while later tests run"
                    ),
                    help: "wait for what stop() returns: `server.stop(None).wait()`, and shut its pool down".to_owned(),
                },
                |mut mend| {
                    mend.insert(site.expr.span.end, ".wait()");
                    mend.risky("wait until the server has stopped")
                },
            );
        }
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            for site in &at.sites.calls {
                let Some(name) = works_as_pool(at, site) else { continue };
                let made = at.sites.value_of(name, site.at.order);
                let Some(pool) = at
                    .sites
                    .calls
                    .iter()
                    .find(|call| made.is_some_and(|made| made.span == call.expr.span))
                    .filter(|pool| opens(&pool.path).is_none() && fate(test, at, pool) == Fate::LeftOpen)
                else {
                    continue;
                };
                report.add_mended(
                    at,
                    Smell {
                        span: pool.expr.span,
                        severity: Severity::Medium,
                        confidence: 0.75,
                        message: format!(
                            "`{name}` is a pool of workers that nothing ends, and they go on while later tests run"
                        ),
                        help: "open it in a with statement, or call terminate() and join() in a finally".to_owned(),
                    },
                    |mend| in_with(mend, pool, Applicability::Unsafe),
                );
            }
        }
    }
}

/// Ends it when the test ends, whatever happens before.
fn ended(mut mend: Mend<'_>, site: &CallSite<'_>, resource: &Resource) -> Option<Fix> {
    // the last that is registered is done first
    let methods: &[&str] = match resource.closed_by {
        "close()" => &["close"],
        "disconnect()" => &["disconnect"],
        "quit()" => &["quit"],
        "terminate() and wait()" => &["wait", "kill"],
        _ => return None,
    };
    let stmt = mend.statement(site.expr.span)?;
    let name = match (&stmt.kind, site.used) {
        (StmtKind::Assign { .. }, Use::Assigned(name)) => name.to_owned(),
        (StmtKind::Expr(whole), Use::Dropped) if whole.span == site.expr.span => {
            let name = mend.free_name(resource.what.rsplit(' ').next()?)?;
            mend.insert(stmt.span.start, format!("{name} = "));
            name
        }
        _ => return None,
    };
    let register = mend.cleanup()?;
    let lines: Vec<String> = methods.iter().map(|method| format!("{register}({name}.{method})")).collect();
    mend.after(stmt, &lines)?;
    mend.risky("end it when the test ends")
}

/// A server on a free port of its own, which nobody else asks.
fn has_any_port(site: &CallSite<'_>) -> bool {
    site.call.args.first().is_some_and(|address| match &address.kind {
        ExprKind::Tuple(parts) => parts.get(1).and_then(Expr::as_number) == Some(0.0),
        _ => false,
    })
}

/// The gRPC server whose `stop` a call is, when nobody waits for it.
fn stops_grpc<'a>(test: &Context<'a, '_>, at: &Reached<'a, '_>, site: &CallSite<'a>) -> Option<String> {
    let ExprKind::Attribute { value, attr } = &site.call.func.kind else { return None };
    if &**attr != "stop" || !matches!(site.used, Use::Dropped) || site.awaited {
        return None;
    }
    let server = value.dotted()?.join(".");
    let made = format!("{server} = grpc.server(");
    let makes = |other: &Reached<'_, '_>| {
        let module = test.analysis.view(other.function.module).module;
        other.function.module == at.function.module && module.text(other.function.function.span).contains(&made)
    };
    test.reach.iter().any(makes).then_some(server)
}

/// `while process.poll() is None:`
fn is_waited_out(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let Use::Assigned(name) = site.used else { return false };
    let asks = |call: &CallSite<'_>| last(&call.path) == "poll" && root(&call.call.func) == Some(name);
    at.sites.loops.iter().any(|site| at.sites.calls.iter().any(|call| site.head.span.holds(call.expr.span) && asks(call)))
}

/// The local on which jobs are started as on a pool, where a parameter or something named for it made that.
fn works_as_pool<'a>(at: &Reached<'a, '_>, site: &CallSite<'a>) -> Option<&'a str> {
    let ExprKind::Attribute { value, attr } = &site.call.func.kind else { return None };
    if !matches!(&**attr, "apply_async" | "map_async" | "imap" | "imap_unordered") {
        return None;
    }
    let name = value.as_name()?;
    let path = at.sites.locals.get(name)?;
    let is_made = path.ends_with("()") && (path.starts_with('@') || last(path).contains("Pool"));
    let is_known = path.starts_with("multiprocessing.") || path.starts_with("concurrent.");
    (is_made && !is_known).then_some(name)
}

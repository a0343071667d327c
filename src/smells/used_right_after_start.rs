//! # FD207 used-right-after-start
//!
//! ## What it detects
//! A server started in a process or thread, and a request or connection to this machine right after it, also from a
//! second thread, with nothing in between that waits for the server to listen.
//!
//! ## Why it makes tests unstable
//! Starting returns at once; listening comes later. Until then the connection is refused, and how long that lasts
//! depends on the machine and its load.
//!
//! ## Example
//! ```python
//! process = subprocess.Popen([sys.executable, "-m", "http.server", "8000"])
//! assert requests.get("http://localhost:8000/").ok
//! ```
//!
//! ## Use instead
//! Bind the socket before the start (`HTTPServer` does so when it is made), or try again with a deadline until the
//! port accepts a connection.
//! ```python
//! deadline = time.monotonic() + 30
//! while not accepts_connections(port):
//!     assert time.monotonic() < deadline, "server did not start"
//!     time.sleep(0.05)
//! ```
//!
//! ## Known false positives
//! A client that itself tries again. A thread that runs `serve_forever` or `handle_request` of a server that is
//! already bound is not reported.

use super::external_connection::connects;
use super::http_not_mocked::url_position;
use super::unguarded_shared_write::nested;
use super::words::last;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::ExprKind;
use crate::python::sites::CallSite;

pub(super) struct UsedRightAfterStart;

impl Rule for UsedRightAfterStart {
    fn code(&self) -> &'static str {
        "FD207"
    }

    fn name(&self) -> &'static str {
        "used-right-after-start"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        if test.mocks.http {
            return;
        }
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            for (site, path) in at.sites.calls.iter().zip(&at.paths) {
                let Some(what) = starts(path) else { continue };
                if site.at.in_nested || test.mocks.covers(path) || is_bound_already(test, at, site) {
                    continue;
                }
                let Some(client) = first_use(at, site) else { continue };
                if client.at.in_caught || client.at.in_nested || client.at.loops > site.at.loops {
                    continue;
                }
                report.add(
                    at,
                    Smell {
                        span: client.expr.span,
                        severity: Severity::High,
                        confidence: 0.8,
                        message: format!(
                            "`{}` comes right after the {what} is started and waits for nothing, so the connection may be refused",
                            test.text(at, &client.call.func)
                        ),
                        help: "wait until the port accepts a connection, with a deadline, or bind the server's socket \
                               before the start"
                            .to_owned(),
                    },
                );
            }
        }
    }
}

fn starts(path: &str) -> Option<&'static str> {
    match path {
        "threading.Thread().start" => Some("thread"),
        "multiprocessing.Process().start" | "subprocess.Popen" => Some("process"),
        _ => None,
    }
}

/// The request that is the very next thing to happen.
fn first_use<'a, 'v>(at: &Reached<'a, 'v>, start: &CallSite<'a>) -> Option<&'v CallSite<'a>> {
    const AT_ONCE: [&str; 7] = ["print", "str", "format", "range", "len", "start", "append"];
    let sites = at.sites;
    let later = sites.calls.iter().zip(&at.paths).filter(|(site, _)| site.at.order > start.at.order);
    for (site, path) in later {
        if url_position(path).is_some() || connects(path) || starts_client(at, site, path) {
            return Some(site);
        }
        if !AT_ONCE.contains(&last(path)) && !path.starts_with("str()") && !path.starts_with("logging.") {
            return None;
        }
    }
    None
}

/// Whether this starts a thread whose function, defined here, sends a request or connects.
fn starts_client(at: &Reached<'_, '_>, site: &CallSite<'_>, path: &str) -> bool {
    if path != "threading.Thread().start" {
        return false;
    }
    let ExprKind::Attribute { value, .. } = &site.call.func.kind else { return false };
    let made = value.as_name().and_then(|name| at.sites.bound(name, site.at.order));
    let target = made.and_then(|made| made.as_call()?.keyword("target")?.as_name());
    let Some(client) = target.and_then(|name| nested(&at.function.function.body, name)) else { return false };
    at.sites.calls.iter().zip(&at.paths).any(|(call, path)| {
        client.span.holds(call.expr.span) && (url_position(path).is_some() || connects(path))
    })
}

/// Whether the thread serves on a socket that was bound before.
fn is_bound_already(test: &Context<'_, '_>, at: &Reached<'_, '_>, start: &CallSite<'_>) -> bool {
    const BOUND: [&str; 5] = ["serve_forever", "handle_request", "accept", "recvfrom", "handle"];
    let mut earlier = at.sites.calls.iter().filter(|site| site.at.order <= start.at.order);
    earlier.any(|site| match last(&site.path) {
        "Thread" => site.call.keyword("target").is_some_and(|target| {
            let target = test.text(at, target);
            BOUND.iter().any(|word| target.contains(word))
        }),
        name => matches!(name, "bind" | "listen" | "create_server" | "getsockname"),
    })
}

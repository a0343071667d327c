//! # FD306 port-released-before-use
//!
//! ## What it detects
//! A socket bound to port 0 (Twisted: `listenTCP(0, …)`) only to learn a free port: the number is read, the socket
//! closed, and the number used later.
//!
//! ## Why it makes tests unstable
//! From the closing on the port belongs to whoever takes it next: a parallel test worker, another process, or an
//! outgoing connection. The server under test then finds it in use.
//!
//! ## Example
//! ```python
//! def free_port():
//!     with socket.socket() as sock:
//!         sock.bind(("", 0))
//!         return sock.getsockname()[1]
//! ```
//!
//! ## Use instead
//! Let the server itself bind port 0 and ask it for its port, or hand it the bound socket; where neither is possible,
//! try again with another port when binding fails.
//! ```python
//! server = HTTPServer(("127.0.0.1", 0), Handler)
//! port = server.server_address[1]
//! ```
//!
//! ## Known false positives
//! A port on which nothing shall listen, to test how a refused connection is handled.

use super::words::{last, receiver};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::{CallSite, Use};

pub(super) struct PortReleasedBeforeUse;

impl Rule for PortReleasedBeforeUse {
    fn code(&self) -> &'static str {
        "FD306"
    }

    fn name(&self) -> &'static str {
        "port-released-before-use"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            for site in at.sites.calls.iter().filter(|site| site.path.ends_with("listenTCP")) {
                let Some(port) = listens_for_a_moment(at, site) else { continue };
                add(report, test, at, site, port);
            }
            for (site, path) in at.sites.calls.iter().zip(&at.paths) {
                if last(path) != "bind" || !binds_any_port(site) || test.mocks.covers(path) {
                    continue;
                }
                let Some(socket) = receiver(site) else { continue };
                if !asks_for_its_name(at, socket) || serves(at, socket) || !is_released(at, site, socket) {
                    continue;
                }
                add(report, test, at, site, socket);
            }
        }
    }
}

fn add(
    report: &mut Report<'_>,
    test: &Context<'_, '_>,
    at: &Reached<'_, '_>,
    site: &CallSite<'_>,
    socket: &str,
) {
    report.add(
        at,
        Smell {
            span: site.expr.span,
            severity: Severity::Medium,
            confidence: 0.85,
            message: format!(
                "the port that `{}` finds is free only until `{socket}` is closed; anything may take it before the \
                 test uses the number",
                test.text(at, site.expr)
            ),
            help: "let the server bind port 0 and ask it for its port, or hand it the bound socket".to_owned(),
        },
    );
}

/// Twisted's `listenTCP(0, …)` whose port number is returned while it stops listening in the same function.
fn listens_for_a_moment<'a>(at: &Reached<'a, '_>, site: &CallSite<'a>) -> Option<&'a str> {
    let Use::Assigned(port) = site.used else { return None };
    let calls = |name: &str| {
        at.sites.calls.iter().any(|call| receiver(call) == Some(port) && last(&call.path) == name)
    };
    let any_port = site.call.args.first().and_then(Expr::as_number) == Some(0.0);
    let is_returned = at.sites.returns.iter().any(|(value, _)| value.as_name() != Some(port));
    (any_port && is_returned && calls("getHost") && calls("stopListening")).then_some(port)
}

/// `bind(("", 0))`
fn binds_any_port(site: &CallSite<'_>) -> bool {
    let Some(address) = site.call.args.first() else { return false };
    matches!(&address.kind, ExprKind::Tuple(parts) if parts.get(1).and_then(Expr::as_number) == Some(0.0))
}

fn asks_for_its_name(at: &Reached<'_, '_>, socket: &str) -> bool {
    at.sites.calls.iter().any(|call| receiver(call) == Some(socket) && last(&call.path) == "getsockname")
}

/// Whether the socket itself is used, so that its port is no mere number.
fn serves(at: &Reached<'_, '_>, socket: &str) -> bool {
    let uses = |name: &str| {
        matches!(
            name,
            "accept" | "connect" | "recvfrom" | "recv" | "sendto" | "makefile" | "setblocking" | "detach"
        )
    };
    let is_it = |expr: &Expr| expr.as_name() == Some(socket);
    at.sites.calls.iter().any(|call| {
        let used = receiver(call) == Some(socket) && uses(last(&call.path));
        let handed =
            call.call.args.iter().any(is_it) || call.call.keywords.iter().any(|(_, value)| is_it(value));
        used || (handed && last(&call.path) != "closing")
    })
}

/// Whether the socket is closed while the number lives on: it is returned, or used after the closing.
fn is_released(at: &Reached<'_, '_>, site: &CallSite<'_>, socket: &str) -> bool {
    let in_with = at.sites.enclosing_withs(site.at).any(|with| with.target == Some(socket));
    let closed =
        at.sites.calls.iter().find(|call| receiver(call) == Some(socket) && last(&call.path) == "close");
    let closes_at = closed.map(|call| call.at.order);
    let early = closed.is_some_and(|call| !call.at.after_yield && !call.at.in_finally);
    let goes_on = at.sites.calls.iter().any(|call| {
        closes_at.is_some_and(|order| call.at.order > order)
            || (in_with
                && !at.sites.enclosing_withs(call.at).any(|with| with.target == Some(socket))
                && call.at.order > site.at.order)
    });
    let returns = !at.sites.returns.is_empty() && (!at.sites.has_yield || early);
    (in_with || early || (closed.is_some() && returns)) && (returns || goes_on)
}

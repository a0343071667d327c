//! # FD302 hard-coded-port
//!
//! ## What it detects
//! A server or socket that a test binds to a fixed port.
//!
//! ## Why it makes tests unstable
//! Another process, a parallel run or the same test a moment ago may hold the port; the test then fails with
//! "address already in use", or talks to somebody else's server.
//!
//! ## Example
//! ```python
//! server = HTTPServer(("localhost", 8080), Handler)
//! ```
//!
//! ## Use instead
//! Port 0, which lets the system choose, and the address that the server then reports; or pytest-asyncio's
//! `unused_tcp_port` fixture.
//! ```python
//! server = HTTPServer(("localhost", 0), Handler)
//! port = server.server_address[1]
//! ```
//!
//! ## Known false positives
//! A port that is only written into a configuration or an expected text and never bound is not reported.

use super::origins::root;
use super::words::{expects_failure, is_given_a_fake, last, says_fake};
use super::mend::Mend;
use super::{Context, Fix, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Call, Expr, ExprKind};
use crate::python::sites::CallSite;

pub(super) struct HardCodedPort;

impl Rule for HardCodedPort {
    fn code(&self) -> &'static str {
        "FD302"
    }

    fn name(&self) -> &'static str {
        "hard-coded-port"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            if at.role == Role::Teardown || !binds(path) || expects_failure(at, site.at) {
                continue;
            }
            if is_fake(test, at, site) || is_never_started(at, site, path) || test.mocks.covers(path) || is_given_a_fake(site.call) {
                continue;
            }
            let Some(port) = port(site.call, path) else { continue };
            let module = test.analysis.view(at.function.module).module;
            let has_fixture = test.decorators.iter().any(|(path, _)| path == "pytest.mark.asyncio")
                || module.source.contains("unused_tcp_port");
            report.add_mended(
                at,
                Smell {
                    span: site.expr.span,
                    severity: Severity::High,
                    confidence: 0.9,
                    message: format!(
                        "`{}` binds the fixed port {port}, which another process or a parallel run may hold",
                        last(path)
                    ),
                    help: "bind port 0 and ask the server for the port it got, or use the unused_tcp_port fixture"
                        .to_owned(),
                },
                |mend| if has_fixture { free(mend, port) } else { None },
            );
        }
    }
}

/// The fixture of pytest-asyncio wherever the test writes the port.
fn free(mut mend: Mend<'_>, port: u32) -> Option<Fix> {
    const FIXTURE: &str = "unused_tcp_port";
    let places = mend.literals(&port.to_string()).filter(|places| !places.is_empty())?;
    mend.fixture(FIXTURE)?;
    places.into_iter().for_each(|place| mend.replace(place, FIXTURE));
    mend.risky("let the system choose a free port")
}

/// A server of pytest-httpserver binds when it is started, or entered by `with`.
fn is_never_started(at: &Reached<'_, '_>, site: &CallSite<'_>, path: &str) -> bool {
    path.starts_with("pytest_httpserver")
        && !at.sites.calls.iter().any(|call| last(&call.path) == "start")
        && !at.sites.withs.iter().any(|with| with.expr.span.holds(site.expr.span))
        && matches!(at.role, Role::Test)
}

/// `DummySocket().bind(…)`, also out of a list of them.
fn is_fake(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let name = root(&site.call.func);
    let made = name.and_then(|name| at.sites.value_of(name, site.at.order));
    made.is_some_and(|value| says_fake(test.text(at, value)))
}

fn binds(path: &str) -> bool {
    matches!(
        last(path),
        "bind"
            | "start_server"
            | "create_server"
            | "HTTPServer"
            | "ThreadingHTTPServer"
            | "TCPServer"
            | "ThreadingTCPServer"
            | "UDPServer"
            | "TCPSite"
            | "run_simple"
            | "make_server"
            | "SimpleXMLRPCServer"
    )
}

/// The fixed port among the arguments: in an address tuple, by name, or after the host.
fn port(call: &Call, path: &str) -> Option<u32> {
    let number = |expr: &Expr| {
        let ExprKind::Number { value, is_float: false } = expr.kind else { return None };
        (1.0..=65535.0).contains(&value).then_some(value as u32)
    };
    if let Some(port) = call.keyword("port") {
        return number(port);
    }
    for argument in &call.args {
        if let ExprKind::Tuple(parts) = &argument.kind
            && let [_, port] | [_, port, _, _] = parts.as_slice()
        {
            return number(port);
        }
    }
    let plain =
        matches!(last(path), "start_server" | "create_server" | "TCPSite" | "run_simple" | "make_server");
    call.args.get(1..).unwrap_or_default().iter().take(2).filter(|_| plain).find_map(number)
}

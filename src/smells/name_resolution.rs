//! # FD304 name-resolution
//!
//! ## What it detects
//! A test that asks the name system: `socket.gethostbyname`, `getaddrinfo`, `getfqdn`, `dns.resolver` and the like,
//! for a name other than this machine's loopback.
//!
//! ## Why it makes tests unstable
//! The answer depends on the network, the resolver, the search domain and the hosts file; containers and build
//! machines often have none, and a slow resolver takes seconds.
//!
//! ## Example
//! ```python
//! assert socket.gethostbyname("example.com")
//! ```
//!
//! ## Use instead
//! `monkeypatch.setattr(socket, "getaddrinfo", …)` with a fixed answer, or an address that needs no resolver.
//! ```python
//! monkeypatch.setattr(socket, "gethostbyname", lambda name: "192.0.2.1")
//! ```
//!
//! ## Known false positives
//! A resolver that runs within the test on 127.0.0.1.

use super::network::{is_this_machine, literal, severity};
use super::{Context, Report, Role, Rule, Severity, Smell};
use crate::python::ast::ExprKind;

pub(super) struct NameResolution;

impl Rule for NameResolution {
    fn code(&self) -> &'static str {
        "FD304"
    }

    fn name(&self) -> &'static str {
        "name-resolution"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            if !resolves(path) || site.at.in_nested || at.role == Role::Teardown || test.mocks.covers(path) {
                continue;
            }
            // a resolver that asks a server of the test's own
            if at.sites.calls.iter().any(|made| made.call.keyword("configure").is_some_and(|value| matches!(value.kind, ExprKind::Bool(false)))) {
                continue;
            }
            let argument = site.call.args.first();
            let host = argument.and_then(|argument| literal(test, at, site, argument));
            let own_name =
                argument.is_some_and(|argument| test.text(at, argument).ends_with("gethostname()"));
            let (asked, severity) = match host {
                Some(host) if is_this_machine(host) || host.is_empty() || is_address(host) => continue,
                Some(host) => (host, severity(test, at, site).milder()),
                None if own_name || (path == "socket.getfqdn" && argument.is_none()) => {
                    ("this machine's own name", Severity::Medium)
                }
                None => continue,
            };
            report.add(
                at,
                Smell {
                    span: site.expr.span,
                    severity,
                    confidence: 0.85,
                    message: format!(
                        "`{}` asks the name system for {asked}; the answer, and whether one comes, depends on the network",
                        test.text(at, &site.call.func)
                    ),
                    help: "patch the lookup with monkeypatch.setattr and a fixed answer, or use 127.0.0.1".to_owned(),
                },
            );
        }
    }
}

fn resolves(path: &str) -> bool {
    matches!(
        path,
        "socket.gethostbyname"
            | "socket.gethostbyname_ex"
            | "socket.gethostbyaddr"
            | "socket.getaddrinfo"
            | "socket.getfqdn"
            | "dns.resolver.resolve"
            | "dns.resolver.query"
            | "dns.resolver.Resolver().resolve"
            | "dns.resolver.Resolver().query"
            | "asyncio.get_event_loop().getaddrinfo"
            | "asyncio.get_running_loop().getaddrinfo"
            | "anyio.getaddrinfo"
    )
}

fn is_address(host: &str) -> bool {
    host.contains("::") || host.parse::<std::net::IpAddr>().is_ok()
}

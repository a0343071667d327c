//! # FD308 port-by-chance
//!
//! ## What it detects
//! A port drawn from a random generator.
//!
//! ## Why it makes tests unstable
//! The number may be taken: by another test, another worker, or one of the thousands of ports that the system itself
//! hands out. The more tests run at once, the sooner two draw the same.
//!
//! ## Example
//! ```python
//! port = random.randint(10000, 60000)
//! server = serve(port)
//! ```
//!
//! ## Use instead
//! Port 0, which lets the system choose one that is free, and the address that the server then reports.
//! ```python
//! server = serve(0)
//! port = server.server_address[1]
//! ```
//!
//! ## Known false positives
//! A number that is only written into a message or a configuration and never bound.

use super::{Context, Report, Role, Rule, Severity, Smell, flow};
use crate::python::ast::Expr;
use crate::python::sites::{CallSite, Use};

pub(super) struct PortByChance;

impl Rule for PortByChance {
    fn code(&self) -> &'static str {
        "FD308"
    }

    fn name(&self) -> &'static str {
        "port-by-chance"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            let draws = matches!(
                path,
                "random.randint" | "random.randrange" | "random.choice" | "numpy.random.randint"
            );
            if !draws || at.role == Role::Teardown || test.mocks.covers(path) {
                continue;
            }
            let named = match site.used {
                Use::Assigned(name) => name,
                Use::Returned => &at.function.function.name,
                _ => continue,
            };
            let number = |bound| flow::seconds(test, at, bound, site.at.order);
            let Some([Some(low), Some(high)]) = range(site).map(|bounds| bounds.map(number)) else {
                continue;
            };
            let is_port = named.to_ascii_lowercase().contains("port");
            if !is_port || low < 1.0 || high > 65_536.0 || high - low < 10.0 {
                continue;
            }
            report.add(
                at,
                Smell {
                    span: site.expr.span,
                    severity: Severity::Medium,
                    confidence: 0.85,
                    message: format!(
                        "`{}` draws a port that something else may hold, and two tests may draw the same",
                        test.text(at, site.expr)
                    ),
                    help: "bind port 0 and ask the server for the port it got, or use the unused_tcp_port fixture".to_owned(),
                },
            );
        }
    }
}

/// The bounds of `randint(low, high)` and of `choice(range(low, high))`.
fn range<'a>(site: &CallSite<'a>) -> Option<[&'a Expr; 2]> {
    match site.call.args.as_slice() {
        [low, high] => Some([low, high]),
        [one] => match one.as_call()?.args.as_slice() {
            [low, high] => Some([low, high]),
            _ => None,
        },
        _ => None,
    }
}

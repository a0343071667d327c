//! # FD310 port-written-down
//!
//! ## What it detects
//! A port as a plain number under a name such as `proxy_port`, in a test that starts a program with it, or among the
//! parameters of a test that listens on it.
//!
//! ## Why it makes tests unstable
//! Another process, a parallel run or the same test a moment ago may hold the port. High numbers do not help: the system
//! gives them to outgoing connections.
//!
//! ## Example
//! ```python
//! proxy_port = 54321
//! process = subprocess.Popen(["proxy", "--port", str(proxy_port)])
//! ```
//!
//! ## Use instead
//! Port 0 where the program can report what it got, or pytest-asyncio's `unused_tcp_port`.
//! ```python
//! process = subprocess.Popen(["proxy", "--port", "0", "--port-file", port_file])
//! ```
//!
//! ## Known false positives
//! A number on which nothing listens.

use super::words::{is_process, last};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind, Span};

pub(super) struct PortWrittenDown;

impl Rule for PortWrittenDown {
    fn code(&self) -> &'static str {
        "FD310"
    }

    fn name(&self) -> &'static str {
        "port-written-down"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            let starts = at.paths.iter().any(|path| is_process(path) && !test.mocks.covers(path));
            for binding in at.sites.bindings.iter().filter(|_| starts) {
                let Some(port) = binding.value.filter(|_| names_port(binding.name)).and_then(port) else {
                    continue;
                };
                let span = binding.value.map_or(Span::default(), |value| value.span);
                add(report, at, span, port, binding.name);
            }
        }
        let at = test.test();
        if at.function.module != test.case.module {
            return;
        }
        let own = |expr: &Expr| at.function.function.decorators.iter().any(|own| std::ptr::eq(own, expr));
        for (path, expr) in &test.decorators {
            if !path.ends_with("parametrize") || !own(expr) {
                continue;
            }
            let Some((name, found)) = parameter(expr) else { continue };
            if let Some(number) = port(found).filter(|_| listens(at, name)) {
                add(report, at, found.span, number, name);
            }
        }
    }
}

fn add(report: &mut Report<'_>, at: &Reached<'_, '_>, span: Span, port: u32, name: &str) {
    report.add(
        at,
        Smell {
            span,
            severity: Severity::Medium,
            confidence: 0.75,
            message: format!(
                "`{name}` is the fixed port {port}, which another process, a parallel run or an outgoing connection may \
                 hold"
            ),
            help: "let the system choose with port 0, or use the unused_tcp_port fixture".to_owned(),
        },
    );
}

fn names_port(name: &str) -> bool {
    name == "port" || name == "PORT" || name.ends_with("_port") || name.ends_with("_PORT")
}

fn port(expr: &Expr) -> Option<u32> {
    let ExprKind::Number { value, is_float: false } = expr.kind else { return None };
    (1024.0..=65535.0).contains(&value).then_some(value as u32)
}

/// The parameter that is a port, with the first value of it that is a number.
fn parameter(expr: &Expr) -> Option<(&str, &Expr)> {
    let call = expr.as_call()?;
    let (names, values) = (call.args.first()?, call.args.get(1)?);
    let names: Vec<&str> = match &names.kind {
        ExprKind::Str { text, .. } => text.split(',').map(str::trim).collect(),
        ExprKind::List(parts) | ExprKind::Tuple(parts) => parts.iter().filter_map(Expr::as_str).collect(),
        _ => return None,
    };
    let position = names.iter().position(|name| names_port(name))?;
    let (ExprKind::List(rows) | ExprKind::Tuple(rows)) = &values.kind else { return None };
    let found = rows.iter().find_map(|row| {
        let value = match &row.kind {
            ExprKind::Tuple(parts) | ExprKind::List(parts) => parts.get(position)?,
            ExprKind::Call(param) => param.args.get(position)?,
            _ if names.len() == 1 => row,
            _ => return None,
        };
        port(value).map(|_| value)
    })?;
    Some((names[position], found))
}

/// Whether the test hands the parameter to something that listens.
fn listens(at: &Reached<'_, '_>, name: &str) -> bool {
    at.sites.calls.iter().any(|site| {
        let word = last(&site.path).to_ascii_lowercase();
        let is_server = ["listen", "bind", "serve"].iter().any(|part| word.contains(part));
        is_server
            && site
                .call
                .args
                .iter()
                .chain(site.call.keywords.iter().map(|(_, value)| value))
                .any(|value| super::flow::mentions(value, name))
    })
}

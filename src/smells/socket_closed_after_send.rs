//! # FD211 socket-closed-after-send
//!
//! ## What it detects
//! An HTTP server written by hand that sends an answer without its length and closes the accepted connection at once.
//!
//! ## Why it makes tests unstable
//! Closing is all that tells the client that the answer is complete. If anything the client sent is still unread, the
//! system answers with a reset, which throws away what the client has not read yet; and the client may still be
//! writing. Which comes first differs from run to run.
//!
//! ## Example
//! ```python
//! connection = listener.accept()[0]
//! connection.recv(65536)
//! connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
//! connection.close()
//! ```
//!
//! ## Use instead
//! Say how long the answer is, and close after the client has read it.
//! ```python
//! connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
//! answered.wait(10)
//! connection.close()
//! ```
//!
//! ## Known false positives
//! A test of what the client does when the answer is cut off.

use super::words::{is_test_code, last, receiver};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::ExprKind;

pub(super) struct SocketClosedAfterSend;

impl Rule for SocketClosedAfterSend {
    fn code(&self) -> &'static str {
        "FD211"
    }

    fn name(&self) -> &'static str {
        "socket-closed-after-send"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            if !at.sites.calls.iter().any(|site| last(&site.path) == "accept") || !is_test_code(test, at) {
                continue;
            }
            let named = || at.sites.calls.iter().filter_map(|site| Some((receiver(site)?, site)));
            for (name, close) in named().filter(|(_, site)| last(&site.path) == "close") {
                let before =
                    named().rfind(|(other, site)| *other == name && site.at.order < close.at.order);
                let Some((_, send)) = before else { continue };
                let answer = test.text(at, send.expr);
                let is_open = answer.contains("HTTP/1") && !answer.to_ascii_lowercase().contains("content-length");
                if !matches!(last(&send.path), "send" | "sendall")
                    || !is_accepted(at, name, close.at.order)
                    || !is_open
                {
                    continue;
                }
                report.add(
                    at,
                    Smell {
                        span: close.expr.span,
                        severity: Severity::Low,
                        confidence: 0.6,
                        message: format!(
                            "`{}` follows `{}` at once and is all that ends the answer, so the client may see a reset \
                             connection instead",
                            test.text(at, close.expr),
                            test.text(at, &send.call.func)
                        ),
                        help: "send a Content-Length and close after the client has read the answer, or shut down \
                               writing and read to the end first"
                            .to_owned(),
                    },
                );
            }
        }
    }
}

/// Whether a name stands for what `accept()` gave.
fn is_accepted(at: &Reached<'_, '_>, name: &str, order: u32) -> bool {
    at.sites.value_of(name, order).is_some_and(|value| {
        value.any(&mut |part| {
            matches!(&part.kind, ExprKind::Attribute { attr, .. } if &**attr == "accept")
        })
    })
}

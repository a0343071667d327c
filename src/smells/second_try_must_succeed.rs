//! # FD114 second-try-must-succeed
//!
//! ## What it detects
//! A call whose failure is swallowed (`try: … except: pass`), followed by the same call, which now must succeed.
//!
//! ## Why it makes tests unstable
//! It retries once, at once. Recovery (a new connection, a new leader, a restarted worker) takes as long as it takes, and
//! one more try is enough only on a quiet machine.
//!
//! ## Example
//! ```python
//! try:
//!     client.ping()
//! except ConnectionError:
//!     pass
//! client.ping()
//! ```
//!
//! ## Use instead
//! Try again until a deadline.
//! ```python
//! deadline = time.monotonic() + 30
//! while not reachable(client):
//!     assert time.monotonic() < deadline
//!     time.sleep(0.05)
//! ```
//!
//! ## Known false positives
//! A first call that is known to fail exactly once, such as one on a connection that was closed before.

use super::{Context, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Handler, Stmt, StmtKind};

pub(super) struct SecondTryMustSucceed;

impl Rule for SecondTryMustSucceed {
    fn code(&self) -> &'static str {
        "FD114"
    }

    fn name(&self) -> &'static str {
        "second-try-must-succeed"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| matches!(at.role, Role::Test | Role::Helper)) {
            if !at.sites.calls.iter().any(|site| site.at.in_caught) {
                continue;
            }
            let mut found = vec![];
            pairs(&at.function.function.body, &mut found);
            for (first, second) in found {
                let (StmtKind::Expr(tried), StmtKind::Expr(again)) = (&first.kind, &second.kind) else { continue };
                if again.as_call().is_none() || test.text(at, tried) != test.text(at, again) {
                    continue;
                }
                report.add(
                    at,
                    Smell {
                        span: second.span,
                        severity: Severity::Medium,
                        confidence: 0.6,
                        message: format!(
                            "`{}` may fail once and must succeed right after; recovery can take longer than that",
                            test.text(at, again)
                        ),
                        help: "try again until a deadline, with a short pause between the tries".to_owned(),
                    },
                );
            }
        }
    }
}

/// The statement of each `try` that swallows its failure, with the statement that follows the `try`.
fn pairs<'a>(body: &'a [Stmt], out: &mut Vec<(&'a Stmt, &'a Stmt)>) {
    for (index, stmt) in body.iter().enumerate() {
        match &stmt.kind {
            StmtKind::Try { body: tried, handlers, or_else, finally } => {
                if let ([first], Some(second)) = (tried.as_slice(), body.get(index + 1))
                    && or_else.is_empty()
                    && finally.is_empty()
                    && handlers.iter().all(swallows)
                {
                    out.push((first, second));
                }
            }
            StmtKind::With { body, .. } | StmtKind::If { body, .. } | StmtKind::For { body, .. } => pairs(body, out),
            _ => {}
        }
    }
}

fn swallows(handler: &Handler) -> bool {
    matches!(handler.body.as_slice(), [only] if matches!(only.kind, StmtKind::Other))
}

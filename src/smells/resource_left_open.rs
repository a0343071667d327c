//! # FD702 resource-left-open
//!
//! ## What it detects
//! A process, server, socket, browser or event loop that a test starts and neither ends nor hands on.
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

use super::resources::{Fate, fate, opens};
use super::words::{expects_failure, is_given_a_fake, is_test_code};
use super::{Context, Report, Role, Rule, Severity, Smell};

pub(super) struct ResourceLeftOpen;

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
                || fate(test, at, site) != Fate::LeftOpen
            {
                continue;
            }
            report.add(
                at,
                Smell {
                    span: site.expr.span,
                    severity: if resource.disturbs { Severity::High } else { Severity::Medium },
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
            );
        }
    }
}

//! # FD309 marked-as-network
//!
//! ## What it detects
//! A marker by which a test itself says that it needs the network: `network`, `internet`, `remote_data`.
//!
//! ## Why it makes tests unstable
//! The test fails with the network, with a proxy, or whenever the far side is slow, full or changed. The marker lets
//! people leave it out; where it runs, it fails for reasons that are not in the code.
//!
//! ## Example
//! ```python
//! @pytest.mark.network
//! def test_download():
//!     run("fetch", "wheel")
//! ```
//!
//! ## Use instead
//! What is downloaded, kept beside the tests or in a folder that a fixture fills once; a local server in place of the
//! far one.
//! ```python
//! def test_download(local_index):
//!     run("fetch", "--index", local_index, "wheel")
//! ```
//!
//! ## Known false positives
//! A marker that only groups tests, none of which leaves the machine.

use super::words::last;
use super::{Context, Report, Rule, Severity, Smell};

pub(super) struct MarkedAsNetwork;

impl Rule for MarkedAsNetwork {
    fn code(&self) -> &'static str {
        "FD309"
    }

    fn name(&self) -> &'static str {
        "marked-as-network"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        let needs = |path: &str| {
            matches!(
                last(path),
                "network"
                    | "internet"
                    | "remote_data"
                    | "needs_network"
                    | "requires_network"
                    | "needs_internet"
                    | "requires_internet"
                    | "enable_socket"
            )
        };
        let Some((path, expr)) = test.decorators.iter().find(|(path, _)| needs(path)) else { return };
        let at = test.test();
        let is_here = at.function.module == test.case.module
            && at.function.function.decorators.iter().any(|own| std::ptr::eq(own, *expr));
        report.add(
            at,
            Smell {
                span: if is_here { expr.span } else { at.function.function.name_span },
                severity: Severity::Low,
                confidence: 0.7,
                message: format!("`{path}` says that this test needs the network, so it fails whenever that does"),
                help: "keep what is downloaded beside the tests, or answer from a local server with port 0".to_owned(),
            },
        );
    }
}

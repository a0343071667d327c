//! # FD902 complex-test
//!
//! ## What it detects
//! A test whose cyclomatic complexity (1 and one more for each branch, loop, handler and boolean operator) is above
//! ten.
//!
//! ## Why it makes tests unstable
//! With many ways through it nobody sees which of them ran. The rare way is the one that nobody has tried, and
//! when it fails, the failure is hard to place.
//!
//! ## Example
//! ```python
//! def test_all_orders():
//!     for order in orders:
//!         if order.open and not order.paid:
//!             ...
//! ```
//!
//! ## Use instead
//! A test for each way: `pytest.mark.parametrize` for the loop, a function for each branch.
//! ```python
//! @pytest.mark.parametrize("order", open_orders)
//! def test_open_order(order): ...
//! ```
//!
//! ## Known false positives
//! A generated table of cases in a loop. This is a matter of hygiene and never more than medium.

use super::{Context, Report, Rule, Severity, Smell};

pub(super) struct ComplexTest;

const LIMIT: u32 = 10;

impl Rule for ComplexTest {
    fn code(&self) -> &'static str {
        "FD902"
    }

    fn name(&self) -> &'static str {
        "complex-test"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        let at = test.test();
        let complexity = 1 + at.sites.branches;
        if complexity <= LIMIT {
            return;
        }
        report.add(
            at,
            Smell {
                span: at.function.function.name_span,
                severity: if complexity > 2 * LIMIT { Severity::Medium } else { Severity::Low },
                confidence: 0.9,
                message: format!(
                    "cyclomatic complexity {complexity}: nobody sees which of the ways through this test ran"
                ),
                help: "split it: pytest.mark.parametrize for loops, a test of its own for each branch"
                    .to_owned(),
            },
        );
    }
}

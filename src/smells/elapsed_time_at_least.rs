//! # FD408 elapsed-time-at-least
//!
//! ## What it detects
//! An assertion that at least a fixed time has passed between two readings of the wall clock (`time.time`,
//! `datetime.now`).
//!
//! ## Why it makes tests unstable
//! The wall clock is not the clock that a pause is measured by: 0.1 s there can be 0.0999 s here, on Windows up to
//! 16 ms less, and the wall clock can be set back in between.
//!
//! ## Example
//! ```python
//! start = time.time()
//! limiter.wait()
//! assert time.time() - start >= 0.1
//! ```
//!
//! ## Use instead
//! Assert what was waited for (patch `sleep` and look at its argument), move the clock by hand, or leave a margin and
//! take `time.monotonic()`.
//! ```python
//! with mock.patch("limiter.sleep") as sleep:
//!     limiter.wait()
//! sleep.assert_called_once_with(0.1)
//! ```
//!
//! ## Known false positives
//! A bound with a margin below what is really waited for.

use super::comparison::{Operator, comparisons};
use super::elapsed_time_asserted::is_duration;
use super::flow::{self, Sources};
use super::words::is_wall_clock;
use super::{Context, Report, Role, Rule, Severity, Smell};

pub(super) struct ElapsedTimeAtLeast;

impl Rule for ElapsedTimeAtLeast {
    fn code(&self) -> &'static str {
        "FD408"
    }

    fn name(&self) -> &'static str {
        "elapsed-time-at-least"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        if test.mocks.time {
            return;
        }
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            let wanted = |path: &str| is_wall_clock(path) && !test.mocks.covers(path);
            let Some(clocks) = Sources::of(at, wanted) else { continue };
            for assert in &at.sites.asserts {
                let order = assert.at.order;
                for pair in comparisons(assert).into_iter().filter(|pair| pair.operator == Operator::Less) {
                    let Some(seconds) = flow::seconds(test, at, pair.left, order) else { continue };
                    if seconds <= 0.0 || !is_duration(at, &clocks, pair.right, order, false) {
                        continue;
                    }
                    report.add(
                        at,
                        Smell {
                            span: assert.span,
                            severity: Severity::Low,
                            confidence: 0.6,
                            message: format!(
                                "`{}` can measure a little less than what was waited for (the wall clock is coarse and can be \
                                 set back), so the bound of {} s fails now and then",
                                test.text(at, pair.right),
                                (seconds * 1e6).round() / 1e6
                            ),
                            help: "leave a margin and use time.monotonic(), or patch the sleep and assert its argument"
                                .to_owned(),
                        },
                    );
                }
            }
        }
    }
}

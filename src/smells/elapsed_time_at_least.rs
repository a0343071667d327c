//! # FD408 elapsed-time-at-least
//!
//! ## What it detects
//! An assertion that at least a fixed time has passed between two readings of a clock, or that something called a
//! duration (`case["time"]`, `spider.times[-1] - spider.times[0]`) is at least so long.
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
//! A bound with a margin below what is really waited for. `perf_counter` is reported with less confidence: only its being
//! finer than the clock of the pause is in the way. `time.monotonic`, by which pauses are measured, is not reported.

use super::comparison::{Operator, comparisons};
use super::durations::{self, is_called_duration, is_duration};
use super::flow;
use super::words::{is_clock, is_wall_clock};
use super::{Context, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind, Span};

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
            let clocks = durations::clocks(test, at, &|path| is_clock(path) && !path.contains("monotonic"));
            for assert in at.sites.asserts.iter().filter(|assert| durations::may_bound(assert.test)) {
                let order = assert.at.order;
                for pair in comparisons(assert).into_iter().filter(|pair| pair.operator == Operator::Less) {
                    let measured = clocks.as_ref().filter(|clocks| {
                        is_duration(at, clocks, pair.right, order, false)
                            && !durations::is_ratio(at, clocks, pair.right, order)
                    });
                    let is_wall = measured
                        .is_some_and(|clocks| clocks.behind(pair.right, order).is_some_and(|(_, path)| is_wall_clock(path)));
                    let named = measured.is_none() && is_called_duration(at, pair.right, order, 0);
                    if (measured.is_none() && !named) || is_rounded(pair.right) {
                        continue;
                    }
                    let seconds = flow::seconds(test, at, pair.left, order);
                    if margin(pair.left).is_some_and(|(_, margin)| margin >= LEAST_MARGIN) {
                        continue;
                    }
                    // a bound that is reckoned is a bound where the clock was read here
                    if seconds.is_some_and(|seconds| seconds <= 0.0) || (seconds.is_none() && !is_reckoned(pair.left)) {
                        continue;
                    }
                    let unit = measured
                        .and_then(|clocks| clocks.behind(pair.right, order))
                        .map_or(1.0, |(_, path)| durations::unit(path));
                    let bound = match seconds.map(|seconds| seconds * unit) {
                        // in what unit, only a name says
                        Some(seconds) if named => format!("{seconds}"),
                        Some(seconds) => format!("{} s", (seconds * 1e6).round() / 1e6),
                        None => format!("`{}`", test.text(at, pair.left)),
                    };
                    report.add_mended(
                        at,
                        Smell {
                            span: assert.span,
                            severity: Severity::Low,
                            confidence: if is_wall { 0.6 } else { 0.4 },
                            message: format!(
                                "`{}` can measure a little less than what was waited for (clocks are coarse, and some can be set \
                                 back), so the bound of {bound} fails now and then",
                                test.text(at, pair.right),
                            ),
                            help: "leave a margin and use time.monotonic(), or patch the sleep and assert its argument"
                                .to_owned(),
                        },
                        |mut mend| {
                            if let Some((place, _)) = margin(pair.left) {
                                mend.replace(place.span, LEAST_MARGIN.to_string());
                                return mend.risky("leave a margin for coarse clocks");
                            }
                            let of_name = pair.left.as_name().and(seconds);
                            let bound = pair.left.as_number().or(of_name).filter(|bound| *bound < 100.0)?;
                            if pair.is_strict {
                                // `elapsed > 0.1`: what is rounded may be just that
                                let between = Span { start: pair.right.span.end, end: pair.left.span.start };
                                (between.start < between.end && mend.text_of(between).trim() == ">").then_some(())?;
                                mend.replace(between, " >= ");
                            }
                            mend.wrap(pair.right, "round(", if bound < 1.0 { ", 2)" } else { ", 1)" });
                            mend.risky("round what a coarse clock measures")
                        },
                    );
                }
            }
        }
    }
}

/// What coarse clocks miss at most, in seconds.
const LEAST_MARGIN: f64 = 0.02;

/// The margin of `delay - 1e-5`, and where it stands.
fn margin(bound: &Expr) -> Option<(&Expr, f64)> {
    match &bound.kind {
        ExprKind::Binary { op, right, .. } if &**op == "-" => Some((right, right.as_number()?)),
        _ => None,
    }
}

/// `delay * tolerance`
fn is_reckoned(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Binary { op, .. } if matches!(&**op, "*" | "-"))
}

/// `round(seconds, 2)` leaves a margin.
fn is_rounded(expr: &Expr) -> bool {
    expr.as_call().is_some_and(|call| call.func.as_name() == Some("round") && call.args.len() > 1)
}

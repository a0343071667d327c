//! # FD906 summed-time-equality
//!
//! ## What it detects
//! A span of time that the code under test computes from a reading of the clock or sums up, compared exactly.
//!
//! ## Why it makes tests unstable
//! Clocks count in floats. Adding a delay and subtracting the time again gives the delay back for most readings, and the
//! delay less one unit in the last place for others.
//!
//! ## Example
//! ```python
//! now = time.monotonic()
//! timeout = sender.poll(now=now)
//! assert timeout == config["timeout"]
//! ```
//!
//! ## Use instead
//! A tolerance, or a clock reading that the test writes down.
//! ```python
//! assert timeout == pytest.approx(config["timeout"])
//! ```
//!
//! ## Known false positives
//! Time kept in whole numbers.

use super::assertions::comparisons;
use super::flow::Sources;
use super::words::is_clock;
use super::float_equality::within_tolerance;
use super::{Context, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};

pub(super) struct SummedTimeEquality;

impl Rule for SummedTimeEquality {
    fn code(&self) -> &'static str {
        "FD906"
    }

    fn name(&self) -> &'static str {
        "summed-time-equality"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        if test.mocks.time {
            return;
        }
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            let clocks =
                Sources::of(at, |path| is_clock(path) && path.starts_with("time.") && !path.ends_with("_ns"));
            let own = test.analysis.view(at.function.module).module.text(at.function.function.span);
            if clocks.is_none() && !["sum", "avg", "mean"].iter().any(|word| own.contains(word)) {
                continue;
            }
            for assert in &at.sites.asserts {
                let found = comparisons(assert.test).into_iter().filter(|comparison| comparison.op == "==").find_map(
                    |comparison| {
                        let computed = clocks.as_ref().is_some_and(|clocks| {
                            let given = |name: &str| {
                                let made = at.sites.bound(name, assert.at.order).and_then(Expr::as_call);
                                made.is_some_and(|call| {
                                    let keywords = call.keywords.iter().map(|(_, value)| value);
                                    let mut arguments = call.args.iter().chain(keywords);
                                    arguments.any(|value| {
                                        value.as_name().is_some() && clocks.behind(value, assert.at.order).is_some()
                                    })
                                })
                            };
                            comparison.left.as_name().is_some_and(|name| names_span(name) && given(name))
                                && !is_tolerant(comparison.right)
                        });
                        let summed = sums(comparison.left)
                            && comparison.right.as_number().is_some_and(|number| number >= 1000.0);
                        (computed || summed).then_some((comparison.left, comparison.right))
                    },
                );
                let Some((span, expected)) = found else { continue };
                report.add_mended(
                    at,
                    Smell {
                        span: assert.span,
                        severity: Severity::Low,
                        confidence: 0.55,
                        message: format!(
                            "`{}` is computed from times that are floats, and is compared exactly",
                            test.text(at, span)
                        ),
                        help: "compare with pytest.approx(…) or math.isclose".to_owned(),
                    },
                    |mend| within_tolerance(mend, assert.test, expected, test.case.is_unittest),
                );
            }
        }
    }
}

/// `pytest.approx(…)`, or nothing at all.
fn is_tolerant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::None => true,
        ExprKind::Call(call) => match &call.func.kind {
            ExprKind::Attribute { attr, .. } | ExprKind::Name(attr) => &**attr == "approx",
            _ => false,
        },
        _ => false,
    }
}

fn names_span(name: &str) -> bool {
    ["timeout", "delay", "remaining", "elapsed", "duration", "interval", "_ms", "backoff", "expir", "wait"]
        .iter()
        .any(|word| name.contains(word))
}

/// Whether an expression reads a sum of times by its name: `samples["self_time.sum.us"]["value"]`.
fn sums(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Subscript { value, index } => {
            let key = index.first().and_then(Expr::as_str).unwrap_or("");
            let is_time = key.contains("time") || key.contains("duration") || key.contains("elapsed");
            (is_time && (key.contains("sum") || key.contains("avg") || key.contains("mean"))) || sums(value)
        }
        _ => false,
    }
}

//! # FD901 float-equality
//!
//! ## What it detects
//! An exact comparison with a fraction that has no exact binary form (`0.1`), of something that was computed.
//!
//! ## Why it makes tests unstable
//! The last digits of a computed float depend on the order of operations, the library, the processor and the
//! number of threads. What is equal on one machine is off by one unit on the next.
//!
//! ## Example
//! ```python
//! assert sum(prices) / 3 == 0.1
//! ```
//!
//! ## Use instead
//! `pytest.approx`, `math.isclose` or `assertAlmostEqual`.
//! ```python
//! assert sum(prices) / 3 == pytest.approx(0.1)
//! ```
//!
//! ## Known false positives
//! A value that is only stored and read back is not reported.

use super::assertions::comparisons;
use super::mend::Mend;
use super::{Context, Fix, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind, Span};

pub(super) struct FloatEquality;

impl Rule for FloatEquality {
    fn code(&self) -> &'static str {
        "FD901"
    }

    fn name(&self) -> &'static str {
        "float-equality"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            for assert in &at.sites.asserts {
                let found = comparisons(assert.test)
                    .into_iter()
                    .filter(|comparison| comparison.is_equality())
                    .find_map(|comparison| {
                        let sides =
                            [(comparison.left, comparison.right), (comparison.right, comparison.left)];
                        sides.into_iter().find(|(one, other)| {
                            is_inexact(other) && is_computed(at, one, assert.at.order, 0)
                        })
                    });
                let Some((computed, fraction)) = found else { continue };
                report.add_mended(
                    at,
                    Smell {
                        span: assert.span,
                        severity: Severity::Medium,
                        confidence: 0.75,
                        message: format!(
                            "`{}` is computed and compared exactly with {}, which has no exact binary form",
                            test.text(at, computed),
                            test.text(at, fraction)
                        ),
                        help: if test.case.is_unittest {
                            "use assertAlmostEqual, or math.isclose"
                        } else {
                            "use pytest.approx(value), or math.isclose"
                        }
                        .to_owned(),
                    },
                    |mend| within_tolerance(mend, assert.test, fraction, test.case.is_unittest),
                );
            }
        }
    }
}

/// A fraction that binary digits cannot hold: 0.5 and 2.25 they can.
fn is_inexact(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number { value, is_float: true } => (value * 1024.0).fract() != 0.0 && value.is_finite(),
        ExprKind::Unary { op, operand } if &**op == "-" => is_inexact(operand),
        _ => false,
    }
}

/// Arithmetic or an aggregate, written in the assertion or bound to the name in it.
fn is_computed(at: &Reached<'_, '_>, expr: &Expr, order: u32, depth: u8) -> bool {
    match &expr.kind {
        ExprKind::Binary { left, op, right } => {
            matches!(&**op, "+" | "-" | "*" | "/" | "**") && !(is_text(left) || is_text(right))
        }
        ExprKind::Call(call) => match &call.func.kind {
            ExprKind::Name(name) => matches!(&**name, "sum"),
            ExprKind::Attribute { value, attr } => {
                let is_module =
                    matches!(value.as_name(), Some("np" | "numpy" | "math" | "statistics" | "torch"));
                matches!(&**attr, "mean" | "std" | "var")
                    || (is_module
                        && matches!(
                            &**attr,
                            "sum" | "sqrt" | "exp" | "log" | "sin" | "cos" | "dot" | "average"
                        ))
            }
            _ => false,
        },
        ExprKind::Name(name) if depth < 2 => {
            at.sites.bound(name, order).is_some_and(|value| is_computed(at, value, order, depth + 1))
        }
        _ => false,
    }
}

fn is_text(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Str { .. } | ExprKind::List(_) | ExprKind::Tuple(_))
}

/// `a == 0.3` ─▶ `a == pytest.approx(0.3)`, `assertEqual` ─▶ `assertAlmostEqual`
pub(super) fn within_tolerance(mut mend: Mend<'_>, assert: &Expr, expected: &Expr, is_unittest: bool) -> Option<Fix> {
    if let Some(call) = assert.as_call() {
        let ExprKind::Attribute { attr, .. } = &call.func.kind else { return None };
        if !matches!(&**attr, "assertEqual" | "assertEquals") || call.args.len() != 2 || !is_unittest {
            return None;
        }
        let end = call.func.span.end;
        mend.replace(Span { start: end - attr.len() as u32, end }, "assertAlmostEqual");
        return mend.safe("compare within a tolerance");
    }
    let ExprKind::Compare { rest, .. } = &assert.kind else { return None };
    if is_unittest || rest.len() != 1 || &*rest[0].0 != "==" {
        return None;
    }
    let pytest = mend.import("pytest")?;
    mend.wrap(expected, &format!("{pytest}.approx("), ")");
    mend.safe("compare within a tolerance")
}

//! # FD905 exact-array-comparison
//!
//! ## What it detects
//! `numpy.testing.assert_equal` or `assert_array_equal` on two arrays that were computed in different ways, or on a
//! quotient.
//!
//! ## Why it makes tests unstable
//! The last digits of a computed float depend on the order of operations, the library, the processor, the alignment of
//! the array and the number of threads. Two ways to the same number agree on one machine and differ on the next.
//!
//! ## Example
//! ```python
//! assert_array_equal(model(x), loaded_model(x))
//! ```
//!
//! ## Use instead
//! A comparison with a tolerance.
//! ```python
//! assert_allclose(model(x), loaded_model(x), rtol=1e-12)
//! ```
//!
//! ## Known false positives
//! Whole numbers, and values that are only moved about.

use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind, Span};

pub(super) struct ExactArrayComparison;

impl Rule for ExactArrayComparison {
    fn code(&self) -> &'static str {
        "FD905"
    }

    fn name(&self) -> &'static str {
        "exact-array-comparison"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            for site in &at.sites.calls {
                if !matches!(&*site.path, "numpy.testing.assert_equal" | "numpy.testing.assert_array_equal") {
                    continue;
                }
                let [left, right, ..] = site.call.args.as_slice() else { continue };
                let look = Look { at, order: site.at.order };
                let both = look.computed(left, 0) && look.computed(right, 0);
                let quotient = is_quotient(left) || is_quotient(right);
                if !both && !quotient {
                    continue;
                }
                report.add_mended(
                    at,
                    Smell {
                        span: site.expr.span,
                        severity: Severity::Low,
                        confidence: 0.5,
                        message: format!(
                            "`{}` and `{}` are computed, and computed floats are compared exactly",
                            test.text(at, left),
                            test.text(at, right)
                        ),
                        help: "use numpy.testing.assert_allclose with a tolerance".to_owned(),
                    },
                    |mut mend| {
                        let end = site.call.func.span.end;
                        match &site.call.func.kind {
                            ExprKind::Attribute { attr, .. } => {
                                mend.replace(Span { start: end - attr.len() as u32, end }, "assert_allclose");
                            }
                            _ => {
                                let name = mend.import("numpy.testing.assert_allclose")?;
                                mend.replace(site.call.func.span, name);
                            }
                        }
                        mend.safe("compare within a tolerance")
                    },
                );
            }
        }
    }
}

struct Look<'r, 'a, 'v> {
    at: &'r Reached<'a, 'v>,
    order: u32,
}

impl<'a> Look<'_, 'a, '_> {
    /// Whether a value is the result of a function that may round.
    fn computed(&self, expr: &'a Expr, depth: u8) -> bool {
        match &expr.kind {
            ExprKind::Name(name) if depth < 3 => {
                self.at.sites.bound(name, self.order).is_some_and(|value| self.computed(value, depth + 1))
            }
            ExprKind::Subscript { value, .. } => self.computed(value, depth),
            ExprKind::Call(call) => match &call.func.kind {
                ExprKind::Attribute { attr, .. } => may_round(attr),
                ExprKind::Name(name) => !is_type(name) && may_round(name),
                // the call of a result: `load(path)(x)`
                _ => true,
            },
            _ => false,
        }
    }
}

fn is_quotient(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Binary { left, op, right }
        if &**op == "/" && left.as_number().is_none() && right.as_number().is_some_and(|number| number > 1.0))
}

fn is_type(name: &str) -> bool {
    name.starts_with(char::is_uppercase)
        || matches!(name, "list" | "tuple" | "len" | "sorted" | "range" | "int" | "set" | "dict" | "str" | "type")
}

/// Functions that make or move values exactly.
fn may_round(name: &str) -> bool {
    const EXACT: [&str; 62] = [
        "array", "asarray", "asanyarray", "zeros", "ones", "full", "empty", "arange", "eye", "identity", "zeros_like",
        "ones_like", "full_like", "tolist", "toarray", "todense", "copy", "astype", "view", "reshape", "ravel",
        "flatten", "transpose", "unique", "sort", "argsort", "where", "nonzero", "flatnonzero", "isnan", "isinf",
        "isfinite", "isin", "argmax", "argmin", "max", "min", "stack", "vstack", "hstack", "concatenate", "tile",
        "repeat", "roll", "flip", "diag", "tril", "triu", "indices", "get", "load", "loads", "read", "getvalue",
        "compressed", "filled", "shape", "take", "bincount", "searchsorted", "broadcast_to", "frombuffer",
    ];
    !EXACT.contains(&name)
        && !["to_", "get_", "from", "load", "read", "is", "assert", "arg", "rand", "convert", "as_"]
            .iter()
            .any(|word| name.starts_with(word))
}

//! # FD502 unseeded-numpy
//!
//! ## What it detects
//! Data drawn from `numpy.random`, PyTorch or TensorFlow without a seed that an assertion depends on: in the test, in its
//! set-up or in a fixture that hands it on.
//!
//! ## Why it makes tests unstable
//! The result is computed from other numbers on every run. A tolerance that fits nearly all draws fails for the
//! rare one: a nearly singular matrix, a tie, an outlier. The failing data is gone when somebody looks for it.
//!
//! ## Example
//! ```python
//! def test_fit():
//!     x = np.random.rand(50)
//!     assert fit(x).error < 0.1
//! ```
//!
//! ## Use instead
//! A generator with a seed.
//! ```python
//! def test_fit():
//!     x = np.random.default_rng(7).random(50)
//!     assert fit(x).error < 0.1
//! ```
//!
//! ## Known false positives
//! A property that holds for every draw, such as a shape or two ways to one result (not reported) or an exact inverse
//! (reported as low).

use super::assertions::{Comparison, comparisons};
use super::randomness::{Tainted, draws_array, is_seeded, seed, unseeded};
use super::words::last;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::CallSite;

pub(super) struct UnseededNumpy;

impl Rule for UnseededNumpy {
    fn code(&self) -> &'static str {
        "FD502"
    }

    fn name(&self) -> &'static str {
        "unseeded-numpy"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            let draws = unseeded(test, at, draws_array);
            if draws.is_empty() || is_seeded(test) {
                continue;
            }
            let all = Tainted::new(at, &draws);
            for draw in &draws {
                if let Some(judged) = worst(at, draw, &Tainted::new(at, &[draw]), &all) {
                    add(report, test, at, draw, judged);
                }
            }
        }
        let own = test.test();
        for from in test.reach.iter().filter(|at| matches!(at.role, Role::Fixture(_) | Role::Setup)) {
            let draws = unseeded(test, from, draws_array);
            if draws.is_empty() || is_seeded(test) {
                continue;
            }
            let Some(all) = Tainted::given(own, from, &draws) else { continue };
            for draw in &draws {
                let Some(tainted) = Tainted::given(own, from, &[draw]) else { continue };
                if let Some(judged) = worst(own, draw, &tainted, &all) {
                    add(report, test, from, draw, judged);
                }
            }
        }
    }
}

type Judgement = (Severity, f32, &'static str);

/// What the assertion on a draw that is worst off makes of it.
fn worst<'a>(at: &Reached<'a, '_>, draw: &CallSite<'a>, tainted: &Tainted<'a>, all: &Tainted<'a>) -> Option<Judgement> {
    let comparisons = at.sites.asserts.iter().flat_map(|assert| comparisons(assert.test));
    comparisons
        .filter(|comparison| tainted.holds(comparison.left) || tainted.holds(comparison.right))
        .filter(|comparison| !is_shape(comparison) && !is_own_bound(comparison, draw))
        .filter(|comparison| {
            // two ways to one result agree for nearly every draw, but for gaps at random places
            let is_result = |side: &Expr| side.as_name().is_none() && tainted.holds(side);
            let both = is_result(comparison.left) && is_result(comparison.right);
            comparison.op != "~=" || !both || has_random_gaps(at, all)
        })
        .map(|comparison| judge(&comparison, tainted, is_continuous(last(&draw.path))))
        .max_by_key(|(severity, _, _)| *severity)
}

/// `data[draw > 0.5] = np.nan`
fn has_random_gaps(at: &Reached<'_, '_>, tainted: &Tainted<'_>) -> bool {
    at.sites.writes.iter().any(|write| {
        let by_draw = matches!(&write.target.kind, ExprKind::Subscript { index, .. }
            if index.iter().any(|part| tainted.holds(part)));
        by_draw && write.value.is_some_and(|value| {
            matches!(&value.kind, ExprKind::Attribute { attr, .. } if matches!(&**attr, "nan" | "NaN" | "NaT" | "NA" | "inf"))
        })
    })
}

fn add(
    report: &mut Report<'_>,
    test: &Context<'_, '_>,
    at: &Reached<'_, '_>,
    draw: &CallSite<'_>,
    (severity, confidence, why): Judgement,
) {
    let text = test.text(at, &draw.call.func);
    report.add_mended(
        at,
        Smell {
            span: draw.expr.span,
            severity,
            confidence,
            message: format!("`{text}` draws without a seed, {why}"),
            help: "draw from numpy.random.default_rng(seed), or call torch.manual_seed(seed) in a fixture"
                .to_owned(),
        },
        |mend| seed(mend, draw, &draw.path, severity),
    );
}

/// Assertions on shape, type and length hold for every draw.
fn is_shape(comparison: &Comparison<'_>) -> bool {
    let is_formal = |expr: &Expr| {
        expr.any(&mut |part| match &part.kind {
            ExprKind::Attribute { attr, .. } => {
                matches!(&**attr, "shape" | "dtype" | "ndim" | "size" | "device" | "columns" | "index")
            }
            ExprKind::Call(call) => matches!(call.func.as_name(), Some("len" | "type" | "isinstance")),
            _ => false,
        })
    };
    is_formal(comparison.left) || is_formal(comparison.right) || matches!(comparison.op, "is" | "is not")
}

/// `low <= min(x)` of `x = randint(low, high)`: what was drawn keeps to what it was drawn between.
fn is_own_bound(comparison: &Comparison<'_>, draw: &CallSite<'_>) -> bool {
    let given = |side: &Expr| {
        side.as_name().is_some_and(|name| draw.call.args.iter().any(|argument| argument.as_name() == Some(name)))
    };
    comparison.is_bound() && (given(comparison.left) || given(comparison.right))
}

/// Draws of fractions, of which no two are equal.
fn is_continuous(name: &str) -> bool {
    matches!(name, "rand" | "randn" | "random" | "random_sample" | "uniform" | "normal" | "standard_normal")
}

fn judge(comparison: &Comparison<'_>, tainted: &Tainted<'_>, is_continuous: bool) -> Judgement {
    let both = tainted.holds(comparison.left) && tainted.holds(comparison.right);
    if comparison.is_bound() && !both {
        let number = comparison.left.as_number().or_else(|| comparison.right.as_number());
        // every probability and every count is above zero
        return match number {
            Some(0.0) => (Severity::Low, 0.5, "so a failure of the assertion on it cannot be reproduced"),
            _ => (Severity::Medium, 0.7, "and the bound in the assertion fits most draws, not all"),
        };
    }
    match comparison.op {
        "!=" if !is_continuous => {
            (Severity::Medium, 0.6, "and the assertion that values differ fails when they happen to be equal")
        }
        _ => (Severity::Low, 0.6, "so a failure of the assertion on it cannot be reproduced"),
    }
}

//! # FD504 statistical-assertion
//!
//! ## What it detects
//! An assertion that bounds a statistic (mean, spread, share, p-value) of values drawn without a seed.
//!
//! ## Why it makes tests unstable
//! A statistic of a sample scatters. However wide the bound, some share of all runs falls outside, and nothing is
//! wrong with the code then.
//!
//! ## Example
//! ```python
//! draws = [random.random() for _ in range(1000)]
//! assert 0.45 < statistics.mean(draws) < 0.55
//! ```
//!
//! ## Use instead
//! A seed, so that the sample is the same in every run; the bound then checks the code and not the luck.
//! ```python
//! rng = random.Random(7)
//! draws = [rng.random() for _ in range(1000)]
//! assert 0.45 < statistics.mean(draws) < 0.55
//! ```
//!
//! ## Known false positives
//! A bound that no draw can cross, such as a mean between the ends of the range.

use super::assertions::{Comparison, comparisons};
use super::randomness::{Tainted, draws_array, draws_stdlib, is_seeded, seed, unseeded};
use super::{Context, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::Sites;

pub(super) struct StatisticalAssertion;

impl Rule for StatisticalAssertion {
    fn code(&self) -> &'static str {
        "FD504"
    }

    fn name(&self) -> &'static str {
        "statistical-assertion"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            let draws = unseeded(test, at, |path| draws_stdlib(path) || draws_array(path));
            if draws.is_empty() || is_seeded(test) {
                continue;
            }
            let tainted = Tainted::new(at, &draws);
            for assert in &at.sites.asserts {
                let found = comparisons(assert.test).into_iter().find_map(|comparison| {
                    let sides = [(comparison.left, comparison.right), (comparison.right, comparison.left)];
                    let found = sides.into_iter().find(|(side, other)| {
                        // two ways to the same statistic of the same sample agree for every draw
                        let is_bound = || comparison.is_bound() || (is_near(&comparison) && is_known(at.sites, other, assert.at.order));
                        tainted.holds(side) && statistic(at.sites, side, assert.at.order) && is_bound()
                    });
                    found.map(|(side, _)| side)
                });
                let Some(side) = found else { continue };
                report.add_mended(
                    at,
                    Smell {
                        span: assert.span,
                        severity: Severity::High,
                        confidence: 0.85,
                        message: format!(
                            "`{}` is a statistic of an unseeded sample, which some runs carry outside this bound",
                            test.text(at, side)
                        ),
                        help: "seed the generator (random.Random(seed), numpy.random.default_rng(seed)) so that \
                               the sample is the same in every run"
                            .to_owned(),
                    },
                    |mend| seed(mend, draws[0], &draws[0].path, Severity::High),
                );
            }
        }
    }
}

/// A comparison within a tolerance.
fn is_near(comparison: &Comparison<'_>) -> bool {
    let approx = |expr: &Expr| {
        expr.as_call().is_some_and(|call| match &call.func.kind {
            ExprKind::Attribute { attr, .. } => &**attr == "approx",
            ExprKind::Name(name) => &**name == "approx",
            _ => false,
        })
    };
    comparison.op == "~=" || approx(comparison.left) || approx(comparison.right)
}

/// Whether a value is written down: a number, or a name or `approx(…)` of one.
fn is_known(sites: &Sites<'_>, expr: &Expr, order: u32) -> bool {
    let expr = match &expr.kind {
        ExprKind::Call(call) => call.args.first().unwrap_or(expr),
        _ => expr,
    };
    let bound = expr.as_name().and_then(|name| sites.bound(name, order)).unwrap_or(expr);
    !bound.any(&mut |part| matches!(part.kind, ExprKind::Call(_) | ExprKind::Name(_) | ExprKind::Attribute { .. }))
}

/// Whether an expression, or the one a name in it stands for, computes a statistic.
fn statistic(sites: &Sites<'_>, expr: &Expr, order: u32) -> bool {
    let computes = |expr: &Expr| {
        expr.any(&mut |part| match &part.kind {
            ExprKind::Call(call) => match &call.func.kind {
                ExprKind::Attribute { attr, .. } => is_statistic(attr),
                ExprKind::Name(name) => is_statistic(name),
                _ => false,
            },
            ExprKind::Attribute { attr, .. } => matches!(&**attr, "pvalue" | "p_value"),
            _ => false,
        })
    };
    computes(expr)
        || expr
            .any(&mut |part| part.as_name().and_then(|name| sites.bound(name, order)).is_some_and(&computes))
}

fn is_statistic(name: &str) -> bool {
    matches!(
        name,
        "mean"
            | "average"
            | "median"
            | "std"
            | "stdev"
            | "pstdev"
            | "var"
            | "variance"
            | "pvariance"
            | "nanmean"
            | "nanstd"
            | "corrcoef"
            | "pearsonr"
            | "spearmanr"
            | "cov"
            | "kstest"
            | "ks_2samp"
            | "chisquare"
            | "ttest_ind"
            | "ttest_1samp"
            | "percentile"
            | "quantile"
            | "fmean"
    )
}

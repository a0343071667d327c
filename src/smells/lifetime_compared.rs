//! # FD411 lifetime-compared
//!
//! ## What it detects
//! The lifetime that is left of something (`ttl()`, `pttl()`, `expiretime()`) compared for equality, or bounded by exactly
//! the time that it was given.
//!
//! ## Why it makes tests unstable
//! It runs from the moment it is set: a second later it is one less. And where the moment of expiry was reckoned on one
//! clock and is asked of another, rounding makes it one more than what was given.
//!
//! ## Example
//! ```python
//! cache.set("a", 1, ex=60)
//! assert cache.ttl("a") == 60
//! ```
//!
//! ## Use instead
//! A range that leaves room for a slow machine below and for rounding above.
//! ```python
//! cache.set("a", 1, ex=60)
//! assert 30 < cache.ttl("a") <= 61
//! ```
//!
//! ## Known false positives
//! A lifetime that stands still because the clock or the cache is a fake. Negative numbers (no lifetime, no such key) are
//! not reported.

use super::comparison::{Comparison, Operator, comparisons};
use super::flow::{self, Sources};
use super::words::last;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::Expr;
use crate::python::sites::AssertSite;

pub(super) struct LifetimeCompared;

impl Rule for LifetimeCompared {
    fn code(&self) -> &'static str {
        "FD411"
    }

    fn name(&self) -> &'static str {
        "lifetime-compared"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        if test.mocks.time || test.mocks.redis {
            return;
        }
        for at in test.reach.iter().filter(|at| matches!(at.role, Role::Test | Role::Helper)) {
            let Some(lifetimes) = Sources::of(at, |path| is_lifetime(path) && !test.mocks.covers(path)) else {
                continue;
            };
            for assert in &at.sites.asserts {
                for pair in comparisons(assert) {
                    let Some((severity, seconds)) = grade(test, at, &lifetimes, assert, &pair) else { continue };
                    report.add_mended(
                        at,
                        Smell {
                            span: assert.span,
                            severity,
                            confidence: 0.55,
                            message: format!(
                                "`{}` holds only within the second in which the lifetime was set, and rounding can exceed it",
                                test.text(at, assert.test)
                            ),
                            help: "assert a range with some seconds of room on both sides".to_owned(),
                        },
                        |mut mend| {
                            let is_in_ms = test.text(at, assert.test).contains("pttl");
                            let second = if is_in_ms { 1000.0 } else { 1.0 };
                            let number = |expr: &Expr| expr.as_number() == Some(seconds);
                            if pair.operator == Operator::Less {
                                number(pair.right).then_some(())?;
                                mend.replace(pair.right.span, (seconds + second).to_string());
                                return mend.risky("allow for a second of rounding");
                            }
                            (assert.test.span.start == pair.left.span.start && number(pair.right)).then_some(())?;
                            let least = (seconds - 5.0 * second).max(0.0);
                            let asked = mend.text(pair.left);
                            mend.replace(assert.test.span, format!("{least} <= {asked} <= {}", seconds + second));
                            mend.risky("allow some seconds of room")
                        },
                    );
                }
            }
        }
    }
}

fn is_lifetime(path: &str) -> bool {
    matches!(last(path), "ttl" | "pttl") && path.contains('.')
}

fn grade<'a>(
    test: &Context<'a, '_>,
    at: &Reached<'a, '_>,
    lifetimes: &Sources<'a, '_>,
    assert: &AssertSite<'a>,
    pair: &Comparison<'a>,
) -> Option<(Severity, f64)> {
    let order = assert.at.order;
    let number = |expr| flow::seconds(test, at, expr, order).filter(|seconds| *seconds > 0.0);
    match pair.operator {
        Operator::Equal => {
            let (_, given) = [(pair.left, pair.right), (pair.right, pair.left)]
                .into_iter()
                .find(|(asked, given)| lifetimes.inside(asked).is_some() && number(given).is_some())?;
            number(given).map(|seconds| (Severity::Medium, seconds))
        }
        // the same number as an absolute moment of expiry was reckoned with
        Operator::Less => {
            lifetimes.inside(pair.left)?;
            let limit = number(pair.right)?;
            let is_given = at.sites.calls.iter().any(|site| {
                site.at.order < order && last(&site.path) == "timedelta" && number(site.expr) == Some(limit)
            });
            is_given.then_some((Severity::Low, limit))
        }
        _ => None,
    }
}

//! Upper bounds on real time, and those among them of which only a name says that they are.

use super::comparison::{Comparison, Operator};
use super::durations::is_called_duration;
use super::flow;
use super::{Context, Reached};
use crate::python::ast::Expr;
use crate::python::sites::AssertSite;

/// An upper bound on real time.
pub(super) struct Bound<'a> {
    pub(super) measured: &'a Expr,
    /// In seconds; missing where it cannot be told.
    pub(super) seconds: Option<f64>,
    pub(super) is_tolerance: bool,
    /// Of a window that begins later: its end as it is written, and one a minute after its beginning.
    pub(super) window: Option<(f64, String)>,
    /// How it is known to be a time.
    pub(super) known: Known,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Measured,
    /// Only the name says so.
    Named,
    Ratio,
    /// The distance of a moment from now.
    Age,
}

/// `span.duration < 0.01`: a bound of some seconds on what is called a duration.
pub(super) fn bounded_by_name<'a>(
    test: &Context<'a, '_>,
    at: &Reached<'a, '_>,
    assert: &AssertSite<'a>,
    pair: &Comparison<'a>,
) -> Option<Bound<'a>> {
    if pair.operator == Operator::Almost {
        return near_by_name(test, at, assert, pair);
    }
    if pair.operator != Operator::Less || !is_called_duration(at, pair.left, assert.at.order, 0) {
        return None;
    }
    let seconds = flow::seconds(test, at, pair.right, assert.at.order)?;
    (0.0 < seconds && seconds <= 10.0).then_some(Bound {
        measured: pair.left,
        seconds: Some(seconds),
        is_tolerance: false,
        window: None,
        known: Known::Named,
    })
}

/// `span.duration == approx(0.5, abs=0.1)`
fn near_by_name<'a>(
    test: &Context<'a, '_>,
    at: &Reached<'a, '_>,
    assert: &AssertSite<'a>,
    pair: &Comparison<'a>,
) -> Option<Bound<'a>> {
    let order = assert.at.order;
    let measured = [pair.left, pair.right].into_iter().find(|side| is_called_duration(at, side, order, 0))?;
    let call = pair.tolerance?;
    let told = ["delta", "abs", "atol"].iter().find_map(|name| call.keyword(name))?;
    let seconds = flow::seconds(test, at, told, order)?;
    // what has a tolerance of nothing is computed, not measured
    (0.001..=1.0).contains(&seconds).then_some(Bound {
        measured,
        seconds: Some(seconds),
        is_tolerance: true,
        window: None,
        known: Known::Named,
    })
}

/// `sleep.call_args_list == [call(approx(delay, abs=0.2))]`: pauses reckoned from the clock, within half a second.
pub(super) fn sleep_argument<'a>(
    test: &Context<'a, '_>,
    at: &Reached<'a, '_>,
    assert: &AssertSite<'a>,
    pair: &Comparison<'a>,
) -> Option<Bound<'a>> {
    let (left, right) = (test.text(at, pair.left), pair.right);
    if pair.operator != Operator::Equal || !left.contains("sleep") || !left.contains("call_args") {
        return None;
    }
    let mut tolerance = None;
    right.any(&mut |part| {
        let delta = part.as_call().and_then(|call| call.keyword("abs")).and_then(Expr::as_number);
        tolerance = tolerance.or(delta);
        false
    });
    tolerance.filter(|seconds| *seconds <= 0.5 && !assert.at.in_nested).map(|seconds| Bound {
        measured: pair.left,
        seconds: Some(seconds),
        is_tolerance: true,
        window: None,
        known: Known::Named,
    })
}

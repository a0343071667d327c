//! # FD402 elapsed-time-asserted
//!
//! ## What it detects
//! An assertion that something took less than a fixed time, or that a time is within a fixed distance of now.
//!
//! ## Why it makes tests unstable
//! How long code takes is decided by the machine, its load, its garbage collector and its neighbours. The bound holds
//! on the author's desk and breaks in the pipeline.
//!
//! ## Example
//! ```python
//! start = time.time()
//! resolve(graph)
//! assert time.time() - start < 0.5
//! ```
//!
//! ## Use instead
//! Assert what was done (calls counted, order of events), move the clock by hand (`time-machine`, a fake timer passed
//! in), and leave speed to a benchmark such as `pytest-benchmark`. A bound against hanging can be a minute.
//! ```python
//! resolve(graph)
//! assert graph.lookups == 3
//! ```
//!
//! ## Known false positives
//! A bound so wide that only a hang exceeds it; from a minute on nothing is reported.

use super::comparison::{Comparison, Operator, comparisons};
use super::flow::{self, Sources};
use super::words::is_clock;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::AssertSite;

pub(super) struct ElapsedTimeAsserted;

impl Rule for ElapsedTimeAsserted {
    fn code(&self) -> &'static str {
        "FD402"
    }

    fn name(&self) -> &'static str {
        "elapsed-time-asserted"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        if test.mocks.time {
            return;
        }
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            let wanted = |path: &str| {
                (is_clock(path) || is_loop_clock(path) || is_timer(path)) && !test.mocks.covers(path)
            };
            let Some(clocks) = Sources::of(at, wanted) else { continue };
            for assert in &at.sites.asserts {
                let pairs = comparisons(assert);
                for pair in &pairs {
                    let found = bounded(test, at, assert, &clocks, pair)
                        .or_else(|| window(test, at, assert, &clocks, pair, &pairs));
                    if let Some(found) = found {
                        tell(test, report, at, assert, &found);
                    }
                }
            }
        }
    }
}

/// An upper bound on real time.
struct Bound<'a> {
    measured: &'a Expr,
    /// In seconds; missing where it cannot be told.
    seconds: Option<f64>,
    is_tolerance: bool,
}

fn tell<'a>(
    test: &Context<'a, '_>,
    report: &mut Report<'_>,
    at: &Reached<'a, '_>,
    assert: &AssertSite<'a>,
    found: &Bound<'a>,
) {
    let seconds = found.seconds.unwrap_or(f64::NAN);
    // the deadline of a poll guards against hanging; only a short one is a bound on speed
    if seconds >= 60.0 || (assert.at.in_while && (found.seconds.is_none() || seconds > 2.0)) {
        return;
    }
    let (severity, confidence) = match found.seconds {
        _ if assert.at.in_while => (Severity::Medium, 0.6),
        None => (Severity::Medium, 0.6),
        Some(seconds) if seconds <= 2.0 => (Severity::High, 0.9),
        Some(seconds) if seconds <= 10.0 => (Severity::Medium, 0.7),
        Some(_) => (Severity::Low, 0.7),
    };
    let rounded = (seconds * 1e6).round() / 1e6;
    let bound = match found.seconds {
        Some(_) if found.is_tolerance => format!("a tolerance of {rounded}"),
        Some(_) => format!("a bound of {rounded} s"),
        None => "the bound".to_owned(),
    };
    report.add(
        at,
        Smell {
            span: assert.span,
            severity,
            confidence,
            message: format!(
                "`{}` depends on real time; a loaded machine exceeds {bound} though the code is right",
                test.text(at, found.measured)
            ),
            help: "assert what was done and not how fast, move the clock with time-machine or freezegun, or leave speed \
                   to pytest-benchmark"
                .to_owned(),
        },
    );
}

/// The clock of an event loop, however the loop is come by.
fn is_loop_clock(path: &str) -> bool {
    path.ends_with("loop.time") || path.ends_with("loop().time") || path == "anyio.current_time"
}

/// Calls that measure by themselves.
fn is_timer(path: &str) -> bool {
    matches!(path, "timeit.timeit" | "timeit.repeat")
}

/// `now() - start < 2`, `stop < start + 2`, `elapsed == approx(1, abs=0.1)`
fn bounded<'a>(
    test: &Context<'a, '_>,
    at: &Reached<'a, '_>,
    assert: &AssertSite<'a>,
    clocks: &Sources<'a, '_>,
    pair: &Comparison<'a>,
) -> Option<Bound<'a>> {
    let order = assert.at.order;
    let number = |expr: &'a Expr| flow::seconds(test, at, expr, order);
    let is_clock = |expr: &'a Expr| clocks.behind(expr, order).is_some();
    match pair.operator {
        Operator::Less if is_duration(at, clocks, pair.left, order, false) => {
            // two durations compared with each other are no bound
            let seconds = number(pair.right);
            (seconds.is_some() || !is_clock(pair.right)).then_some(Bound {
                measured: pair.left,
                seconds,
                is_tolerance: false,
            })
        }
        Operator::Less => {
            let (from, seconds) = later_than(pair.right, &number)?;
            let is_start = from.as_name().is_some() && is_clock(from);
            (is_start && is_clock(pair.left) && !matches!(pair.left.kind, ExprKind::Binary { .. }))
                .then_some(Bound { measured: pair.left, seconds: Some(seconds), is_tolerance: false })
        }
        Operator::Almost => {
            let measured = [pair.left, pair.right]
                .into_iter()
                .find(|side| is_duration(at, clocks, side, order, true))?;
            let call = pair.tolerance?;
            let places = |places: f64| 0.5 * 10f64.powf(-places);
            let seconds =
                ["delta", "abs", "atol"].iter().find_map(|name| call.keyword(name)).and_then(number);
            let relative = ["rel", "rtol"].iter().find_map(|name| call.keyword(name)).and_then(number);
            let other = if std::ptr::eq(measured, pair.left) { pair.right } else { pair.left };
            let size = number(other).unwrap_or(1.0).abs();
            let seconds = seconds
                .or(relative.map(|relative| relative * size))
                .or_else(|| call.argument(2, "places").and_then(number).map(places))
                .unwrap_or(1e-6);
            Some(Bound { measured, seconds: Some(seconds), is_tolerance: true })
        }
        _ => None,
    }
}

/// `now + 60 <= lease.end <= now + 62`: what lies between must have been reckoned within the two seconds.
fn window<'a>(
    test: &Context<'a, '_>,
    at: &Reached<'a, '_>,
    assert: &AssertSite<'a>,
    clocks: &Sources<'a, '_>,
    pair: &Comparison<'a>,
    pairs: &[Comparison<'a>],
) -> Option<Bound<'a>> {
    let number = |expr: &'a Expr| flow::seconds(test, at, expr, assert.at.order);
    let below = pairs.iter().find(|below| {
        below.operator == Operator::Less
            && below.right.span == pair.left.span
            && pair.operator == Operator::Less
    })?;
    let (from, upper) = later_than(pair.right, &number)?;
    let (start, lower) = later_than(below.left, &number)?;
    clocks.behind(from, assert.at.order)?;
    (from.as_name().is_some() && from.as_name() == start.as_name() && upper > lower).then_some(Bound {
        measured: pair.left,
        seconds: Some(upper - lower),
        is_tolerance: false,
    })
}

/// `start + 2` as its two parts.
fn later_than<'a>(expr: &'a Expr, number: &dyn Fn(&'a Expr) -> Option<f64>) -> Option<(&'a Expr, f64)> {
    match &expr.kind {
        ExprKind::Binary { left, op, right } if &**op == "+" => number(right)
            .map(|seconds| (&**left, seconds))
            .or_else(|| number(left).map(|seconds| (&**right, seconds))),
        _ => None,
    }
}

/// Whether an expression is the time since a clock reading (or, within `abs`, the time between one and anything),
/// itself or behind a name. Time that is left, `expiry - now`, only shrinks on a slow machine.
pub(super) fn is_duration<'a>(
    at: &Reached<'a, '_>,
    clocks: &Sources<'a, '_>,
    expr: &'a Expr,
    order: u32,
    absolute: bool,
) -> bool {
    let deeper = |expr: &'a Expr| is_duration(at, clocks, expr, order, absolute);
    match &expr.kind {
        // `now - 10` is a moment, not a duration
        ExprKind::Binary { left, op, right } if &**op == "-" && !is_written_out(right) => {
            clocks.behind(left, order).is_some() || (absolute && clocks.behind(right, order).is_some())
        }
        ExprKind::Binary { left, op, right } if matches!(&**op, "*" | "+") => deeper(left) || deeper(right),
        ExprKind::Binary { left, op, .. } if &**op == "/" => deeper(left),
        ExprKind::Name(name) => {
            let value = at.sites.value_of(name, order).filter(|value| value.span.end < expr.span.start);
            value.is_some_and(deeper)
        }
        ExprKind::Attribute { value, .. } => deeper(value),
        ExprKind::Call(call) => match &call.func.kind {
            ExprKind::Name(name) if matches!(&**name, "abs" | "round" | "float" | "int") => {
                call.args.iter().any(|arg| is_duration(at, clocks, arg, order, absolute || &**name == "abs"))
            }
            ExprKind::Attribute { value, attr } if &**attr == "total_seconds" => deeper(value),
            _ => {
                clocks.inside(expr).is_some_and(|(site, path)| site.expr.span == expr.span && is_timer(path))
            }
        },
        _ => false,
    }
}

/// A number, or a `timedelta` made of numbers.
fn is_written_out(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Call(call) => {
            !(call.args.is_empty() && call.keywords.is_empty())
                && call.args.iter().all(is_written_out)
                && call.keywords.iter().all(|(_, value)| is_written_out(value))
        }
        ExprKind::Binary { left, right, .. } => is_written_out(left) && is_written_out(right),
        _ => expr.as_number().is_some(),
    }
}

//! Which expressions are spans of real time: differences of clock readings, what a helper of the tests measured, and
//! what goes by the name of one (`span.duration`, `case["time"]`).

use super::flow::Sources;
use super::words::{is_clock, last};
use super::{Context, Reached};
use crate::python::ast::{Expr, ExprKind, StmtKind};
use crate::python::{Analysis, FunctionRef, for_each_statement};

/// The path under which a helper that measures is followed.
const MEASURED: &str = "measured()";

/// The clock readings of a function, by itself and through helpers of the tree, that are not mocked; a helper that
/// measures counts as a timer.
pub(super) fn clocks<'a, 'v>(
    test: &Context<'a, 'v>,
    at: &'v Reached<'a, 'v>,
    wanted: &dyn Fn(&str) -> bool,
) -> Option<Sources<'a, 'v>> {
    let links = test.analysis.links(at.function).iter();
    let helpers: Vec<(usize, usize)> = links
        .filter(|(_, helper)| is_measuring_name(&helper.function.name))
        .map(|(call, helper)| (*call, readings(test.analysis, *helper, 0)))
        .collect();
    Sources::named(at, |index, path| {
        if wanted(path) {
            return (!test.mocks.covers(path)).then_some(path);
        }
        match helpers.iter().find(|(call, _)| *call == index)?.1 {
            0 => None,
            1 => Some(path),
            _ => Some(MEASURED),
        }
    })
}

/// Whether an assertion may set a bound: a cheap look before [`super::comparison::comparisons`].
pub(super) fn may_bound(test: &Expr) -> bool {
    match &test.kind {
        ExprKind::Compare { rest, .. } => rest.iter().any(|(op, _)| op.starts_with(['<', '>'])),
        ExprKind::Bools(parts) => parts.iter().any(may_bound),
        ExprKind::Call(call) => match &call.func.kind {
            ExprKind::Attribute { attr: name, .. } | ExprKind::Name(name) => {
                ["assertLess", "assertGreater", "assertTrue", "assert_", "ok_"]
                    .iter()
                    .any(|start| name.starts_with(start))
            }
            _ => false,
        },
        _ => false,
    }
}

/// Names of helpers that read a clock for what they return, and not for a deadline.
fn is_measuring_name(name: &str) -> bool {
    const WORDS: [&str; 6] = ["time", "elapsed", "duration", "measure", "millis", "bench"];
    WORDS.iter().any(|word| name.contains(word)) && !name.contains("timeout") && !name.starts_with("wait")
}

/// How often a helper that returns something reads a clock, where 2 means twice or more.
fn readings(analysis: &Analysis<'_>, helper: FunctionRef<'_>, depth: u8) -> usize {
    let Some(sites) = analysis.sites(helper) else { return 0 };
    let own = sites.calls.iter().filter(|site| is_clock(&site.path)).count();
    let count = if own > 0 || depth > 0 {
        own
    } else {
        analysis.links(helper).iter().map(|(_, next)| readings(analysis, *next, depth + 1)).sum()
    };
    let mut returns = false;
    if count > 0 {
        for_each_statement(&helper.function.body, &mut |stmt| {
            returns |= matches!(stmt.kind, StmtKind::Return(Some(_)));
        });
    }
    if returns { count.min(2) } else { 0 }
}

/// Calls that measure by themselves.
pub(super) fn is_timer(path: &str) -> bool {
    path == MEASURED || ["timeit.timeit", "timeit.repeat"].iter().any(|timer| path.ends_with(timer))
}

/// What the unit of a reading is worth in seconds, by the name of what was read.
pub(super) fn unit(path: &str) -> f64 {
    let name = last(path);
    match () {
        () if name.contains("milli") || name.ends_with("_ms") => 1e-3,
        () if name.ends_with("_ns") => 1e-9,
        () => 1.0,
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
            let is_measured =
                clocks.behind(left, order).is_some() && (absolute || !is_backwards(at, left, right, order));
            is_measured || (absolute && clocks.behind(right, order).is_some())
        }
        ExprKind::Binary { left, op, right } if matches!(&**op, "*" | "+") => deeper(left) || deeper(right),
        ExprKind::Binary { left, op, .. } if &**op == "/" => deeper(left),
        ExprKind::Conditional { body, .. } => deeper(body),
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

/// `start - end`: below any bound, however slow the machine.
fn is_backwards(at: &Reached<'_, '_>, left: &Expr, right: &Expr, order: u32) -> bool {
    let made = |side: &Expr| {
        side.as_name().and_then(|name| at.sites.value_of(name, order)).map(|value| value.span.start)
    };
    made(left).zip(made(right)).is_some_and(|(left, right)| left < right)
}

/// Whether an expression is the quotient of two durations, behind a name or not.
pub(super) fn is_ratio<'a>(
    at: &Reached<'a, '_>,
    clocks: &Sources<'a, '_>,
    expr: &'a Expr,
    order: u32,
) -> bool {
    match &expr.kind {
        ExprKind::Binary { left, op, right } if &**op == "/" => {
            is_duration(at, clocks, left, order, true) && is_duration(at, clocks, right, order, true)
        }
        ExprKind::Binary { left, op, right } if &**op == "*" => {
            is_ratio(at, clocks, left, order) || is_ratio(at, clocks, right, order)
        }
        ExprKind::Conditional { body, .. } => is_ratio(at, clocks, body, order),
        ExprKind::Name(name) => {
            let value = at.sites.value_of(name, order).filter(|value| value.span.end < expr.span.start);
            value.is_some_and(|value| is_ratio(at, clocks, value, order))
        }
        _ => false,
    }
}

/// Whether an expression is called a span of time, itself or behind a name.
pub(super) fn is_called_duration<'a>(at: &Reached<'a, '_>, expr: &'a Expr, order: u32, depth: u8) -> bool {
    let deeper = |expr: &'a Expr| depth < 6 && is_called_duration(at, expr, order, depth + 1);
    match &expr.kind {
        ExprKind::Attribute { value, attr } => {
            names_duration(attr) || (matches!(&**attr, "value" | "text") && deeper(value))
        }
        ExprKind::Subscript { index, .. } => {
            index.first().and_then(Expr::as_str).is_some_and(|key| key == "time" || names_duration(key))
        }
        ExprKind::Name(name) => {
            // `runtime, state = flow.run()`
            let is_part = || at.sites.bindings.iter().any(|one| one.name == &**name && !one.is_whole);
            (names_duration(name)
                && (is_part() || at.sites.bound(name, order).is_some_and(is_read_from_text)))
                || at
                    .sites
                    .bound(name, order)
                    .filter(|value| value.span.end < expr.span.start)
                    .is_some_and(deeper)
        }
        ExprKind::Binary { left, op, right } if &**op == "-" => {
            is_called_moment(left) && is_called_moment(right)
        }
        ExprKind::Binary { left, op, .. } if matches!(&**op, "/" | "*") => deeper(left),
        ExprKind::Call(call) => match &call.func.kind {
            ExprKind::Name(name) if matches!(&**name, "abs" | "round" | "float" | "int") => {
                call.args.first().is_some_and(deeper)
            }
            ExprKind::Attribute { value, attr } if &**attr == "total_seconds" => deeper(value),
            ExprKind::Attribute { attr, .. } if &**attr == "get" || attr.starts_with("getAttribute") => {
                let key = call.args.first().and_then(Expr::as_str);
                key.is_some_and(|key| key == "time" || names_duration(key))
            }
            _ => false,
        },
        _ => false,
    }
}

/// `float(match.group(1))`
fn is_read_from_text(value: &Expr) -> bool {
    let call = value.as_call().filter(|call| matches!(call.func.as_name(), Some("float" | "int")));
    let read = call.and_then(|call| call.args.first()?.as_call());
    read.is_some_and(|read| matches!(&read.func.kind, ExprKind::Attribute { attr, .. } if &**attr == "group"))
}

fn names_duration(name: &str) -> bool {
    matches!(name, "duration" | "duration_s" | "duration_ms" | "duration_ns" | "duration_seconds")
        || name.starts_with("elapsed")
        || matches!(
            name,
            "time_taken" | "time_elapsed" | "time_spent" | "total_duration" | "run_duration" | "wall_time"
        )
        || matches!(
            name,
            "runtime" | "run_time" | "exec_time" | "execution_time" | "response_time" | "latency"
        )
}

/// `end_time`, `spider.times[0]`: what is called a moment.
fn is_called_moment(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Subscript { value, .. } => is_called_moment(value),
        ExprKind::Attribute { attr, .. } => names_moment(attr),
        ExprKind::Name(name) => names_moment(name),
        _ => false,
    }
}

/// Names of moments, of which two differ by real time.
pub(super) fn names_moment(name: &str) -> bool {
    const ENDS: [&str; 4] = ["_time", "_times", "timestamp", "timestamps"];
    matches!(name, "times" | "time") || ENDS.iter().any(|end| name.ends_with(end))
}

/// `start + 2` and `start - 2` as their two parts; `start` itself is moved by nothing.
pub(super) fn moved<'a>(expr: &'a Expr, number: &dyn Fn(&'a Expr) -> Option<f64>) -> (&'a Expr, f64) {
    match &expr.kind {
        ExprKind::Binary { left, op, right } if &**op == "-" => {
            number(right).map_or((expr, 0.0), |seconds| (&**left, -seconds))
        }
        _ => later_than(expr, number).unwrap_or((expr, 0.0)),
    }
}

/// `start + 2` as its two parts.
pub(super) fn later_than<'a>(
    expr: &'a Expr,
    number: &dyn Fn(&'a Expr) -> Option<f64>,
) -> Option<(&'a Expr, f64)> {
    match &expr.kind {
        ExprKind::Binary { left, op, right } if &**op == "+" => number(right)
            .map(|seconds| (&**left, seconds))
            .or_else(|| number(left).map(|seconds| (&**right, seconds))),
        _ => None,
    }
}

/// A number, or a `timedelta` made of numbers.
pub(super) fn is_written_out(expr: &Expr) -> bool {
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

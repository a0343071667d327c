//! # FD402 elapsed-time-asserted
//!
//! ## What it detects
//! An assertion that something took less than a fixed time, or that a time is within a fixed distance of now. A time is
//! a difference of clock readings, what a helper measured, the quotient of two measured times, or what goes by the name
//! of one (`span.duration`, `case["time"]`); the arguments of a mocked sleep compared within a tolerance count as well.
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
//! A bound so wide that only a hang exceeds it; from a minute on nothing is reported. A `duration` that is given and not
//! measured.

use super::bounds::{Bound, Known, bounded_by_name, sleep_argument};
use super::comparison::{Comparison, Operator, comparisons};
use super::durations::{self, is_duration, is_timer, later_than, moved};
use super::flow::{self, Sources};
use super::words::{is_clock, last};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::{AssertSite, CallSite};

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
            let wanted = |path: &str| is_clock(path) || is_loop_clock(path) || is_timer(path);
            let clocks = durations::clocks(test, at, &wanted);
            let approximates = at.sites.calls.iter().any(|site| last(&site.path) == "approx");
            for assert in &at.sites.asserts {
                if clocks.is_none() && !approximates && !durations::may_bound(assert.test) {
                    continue;
                }
                let pairs = comparisons(assert);
                for pair in &pairs {
                    let measured = clocks.as_ref().and_then(|clocks| {
                        bounded(test, at, assert, clocks, pair)
                            .or_else(|| window(test, at, assert, clocks, pair, &pairs))
                    });
                    let found = measured
                        .or_else(|| bounded_by_name(test, at, assert, pair))
                        .or_else(|| sleep_argument(test, at, assert, pair).filter(|_| approximates));
                    if let Some(found) = found {
                        tell(test, report, at, assert, pair, &found);
                    }
                }
            }
        }
    }
}

fn tell<'a>(
    test: &Context<'a, '_>,
    report: &mut Report<'_>,
    at: &Reached<'a, '_>,
    assert: &AssertSite<'a>,
    pair: &Comparison<'a>,
    found: &Bound<'a>,
) {
    let seconds = found.seconds.unwrap_or(f64::NAN);
    // the deadline of a poll guards against hanging; only a short one is a bound on speed
    if seconds >= 60.0 || (assert.at.in_while && (found.seconds.is_none() || seconds > 2.0)) {
        return;
    }
    let (severity, confidence) = match found.seconds {
        _ if found.known == Known::Named => (Severity::Low, 0.4),
        _ if found.known == Known::Ratio => (Severity::Medium, 0.7),
        // the time of the process itself, which others slow little
        _ if test.text(at, found.measured).contains("process_time") => (Severity::Medium, 0.6),
        _ if assert.at.in_while => (Severity::Medium, 0.6),
        None => (Severity::Medium, 0.6),
        Some(seconds) if seconds < 1.0 => (Severity::High, 0.9),
        Some(seconds) if seconds <= 10.0 => (Severity::Medium, 0.7),
        Some(_) => (Severity::Low, 0.7),
    };
    let rounded = (seconds * 1e6).round() / 1e6;
    let bound = match found.seconds {
        _ if found.known == Known::Ratio && pair.right.as_number().is_none() => "the other time".to_owned(),
        _ if found.known == Known::Ratio => "the bound".to_owned(),
        Some(_) if found.is_tolerance => format!("a tolerance of {rounded}"),
        // in what unit, only a name says
        Some(_) if found.known == Known::Named => format!("a bound of {rounded}"),
        Some(_) => format!("a bound of {rounded} s"),
        None => "the bound".to_owned(),
    };
    report.add_mended(
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
        |mut mend| {
            if let Some((upper, wider)) = &found.window {
                mend.renumber(&[pair.right], *upper, wider)?;
                return mend.risky("let it be reckoned within a minute");
            }
            if found.known == Known::Age {
                mend.renumber(&[pair.left], seconds, "60")?;
                return mend.risky("let it be a minute old");
            }
            if found.is_tolerance && found.known == Known::Named {
                mend.renumber(&[pair.right], seconds, "1")?;
                return mend.risky("allow a second");
            }
            let upper = pair.right.as_number().filter(|_| is_mere_speed(test, at, assert, pair, found))?;
            let is_in_ms = ["ms", "milli"].iter().any(|unit| test.text(at, found.measured).contains(unit));
            let is_in_ms = is_in_ms || upper > seconds * 100.0;
            mend.renumber(&[pair.right], upper, if is_in_ms { "60000" } else { "60" })?;
            mend.risky("allow a minute, which only a hang exceeds")
        },
    );
}

/// `elapsed < 0.5` and nothing more: a window, a distance, a share or a reported duration means what it says.
fn is_mere_speed<'a>(
    test: &Context<'a, '_>,
    at: &Reached<'a, '_>,
    assert: &AssertSite<'a>,
    pair: &Comparison<'a>,
    found: &Bound<'a>,
) -> bool {
    let measured = test.text(at, found.measured).to_ascii_lowercase();
    // `0.4 <= elapsed <= 0.6`: the lower bound stands
    let all = comparisons(assert);
    let is_above = |one: &Comparison<'_>| one.right.span == pair.left.span || one.right.span == pair.right.span;
    matches!(found.known, Known::Measured | Known::Named)
        && !found.is_tolerance
        && !assert.at.in_while
        && !found.seconds.is_some_and(|seconds| sets_longer_timeout(at, seconds))
        && pair.right.as_number().is_some()
        && pair.left.span.end <= pair.right.span.start
        // `0.01 <= duration < 0.02` of what is reported asks that it was measured rightly
        && (all.len() == 1 || (all.len() == 2 && found.known == Known::Measured))
        && all.iter().all(is_above)
        && !["abs(", "rel", "ratio", "fraction"].iter().any(|word| measured.contains(word))
}

/// `options["connect_timeout"] = 3` or `connect(timeout=3)` beside a bound of two: what is bounded is that this does not
/// pass.
fn sets_longer_timeout(at: &Reached<'_, '_>, seconds: f64) -> bool {
    let is_longer = |value: &Expr| value.as_number().is_some_and(|limit| seconds < limit && limit < 60.0);
    let is_given = |call: &CallSite<'_>| {
        call.call.keywords.iter().any(|(name, value)| name.as_deref().is_some_and(|name| name.contains("timeout")) && is_longer(value))
    };
    at.sites.calls.iter().any(is_given) || at.sites.writes.iter().any(|write| {
        write.value.is_some_and(is_longer) && write.target.any(&mut |part| part.as_str().is_some_and(|key| key.contains("timeout")))
    })
}

/// The clock of an event loop, however the loop is come by.
fn is_loop_clock(path: &str) -> bool {
    path.ends_with("loop.time") || path.ends_with("loop().time") || path == "anyio.current_time"
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
            let seconds = number(pair.right);
            let is_race = seconds.is_none() && is_duration(at, clocks, pair.right, order, false);
            let is_ratio = is_race || seconds.is_some() && durations::is_ratio(at, clocks, pair.left, order);
            let scale = clocks.behind(pair.left, order).map_or(1.0, |(_, path)| durations::unit(path));
            (seconds.is_some() || is_race || !is_clock(pair.right)).then_some(Bound {
                measured: pair.left,
                seconds: if is_ratio { None } else { seconds.map(|seconds| seconds * scale) },
                is_tolerance: false,
                window: None,
                known: if is_ratio { Known::Ratio } else { Known::Measured },
            })
        }
        Operator::Less if let Some(seconds) = age(clocks, pair, &number) => Some(Bound {
            measured: pair.right,
            seconds: Some(seconds),
            is_tolerance: false,
            window: None,
            known: Known::Age,
        }),
        Operator::Less => {
            let (from, seconds) = later_than(pair.right, &number)?;
            let is_start = from.as_name().is_some() && is_clock(from);
            (is_start && is_clock(pair.left) && !matches!(pair.left.kind, ExprKind::Binary { .. }))
                .then_some(Bound {
                    measured: pair.left,
                    seconds: Some(seconds),
                    is_tolerance: false,
                    window: None,
                    known: Known::Measured,
                })
        }
        Operator::Almost => {
            let measured = [pair.left, pair.right]
                .into_iter()
                .find(|side| is_duration(at, clocks, side, order, true))?;
            let call = pair.tolerance?;
            let places = |places: f64| 0.5 * 10f64.powf(-places);
            // `approx(expected, rel, abs)`; others give a number of decimal places third
            let is_approx = call.func.dotted().is_some_and(|parts| parts.last() == Some(&"approx"));
            let placed = |at: usize| call.args.get(at).filter(|_| is_approx);
            let named = |names: &[&str]| names.iter().find_map(|name| call.keyword(name));
            let told = named(&["delta", "abs", "atol"]).or(placed(2));
            let seconds = told.and_then(number);
            let relative = named(&["rel", "rtol"]).or(placed(1)).and_then(number);
            let other = if std::ptr::eq(measured, pair.left) { pair.right } else { pair.left };
            let size = number(other).unwrap_or(1.0).abs();
            let seconds = seconds
                .or(relative.map(|relative| relative * size))
                .or_else(|| call.argument(2, "places").filter(|_| !is_approx).and_then(number).map(places))
                // a tolerance that only a name tells is not known
                .or(told.is_none().then_some(1e-6));
            Some(Bound { measured, seconds, is_tolerance: true, window: None, known: Known::Measured })
        }
        _ => None,
    }
}

/// `datetime.now() - timedelta(seconds=1) < job.created`: how old a moment may be when it is asserted.
fn age<'a>(
    clocks: &Sources<'a, '_>,
    pair: &Comparison<'a>,
    number: &dyn Fn(&'a Expr) -> Option<f64>,
) -> Option<f64> {
    let (from, moved) = moved(pair.left, number);
    let (site, _) = clocks.inside(from)?;
    let is_now = site.expr.span == from.span && clocks.inside(pair.right).is_none();
    (is_now && moved < 0.0 && pair.right.as_number().is_none()).then_some(-moved)
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
    let (from, upper) = moved(pair.right, &number);
    let (start, lower) = moved(below.left, &number);
    clocks.behind(from, assert.at.order)?;
    (from.as_name().is_some() && from.as_name() == start.as_name() && upper > lower).then_some(Bound {
        measured: pair.left,
        seconds: Some(upper - lower),
        is_tolerance: false,
        window: Some((upper, (lower + 60.0).to_string())),
        known: Known::Measured,
    })
}

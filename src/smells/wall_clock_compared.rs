//! # FD401 wall-clock-compared
//!
//! ## What it detects
//! An assertion that something equals the present date or time, read from the real clock for the comparison.
//!
//! ## Why it makes tests unstable
//! The code under test reads the clock at one moment and the test at another. Across a second, a midnight or a new
//! year in between, the two differ.
//!
//! ## Example
//! ```python
//! entry = log("x")
//! assert entry.day == date.today()
//! ```
//!
//! ## Use instead
//! A clock that stands still (`freezegun`, `time-machine`), or a clock that the test passes in.
//! ```python
//! @freeze_time("2024-05-01")
//! def test_day():
//!     assert log("x").day == date(2024, 5, 1)
//! ```
//!
//! ## Known false positives
//! A comparison of values that both come from the same reading, where that reading is passed on in a way the rule does
//! not follow. A reading that is passed to the code under test is not reported.

use super::comparison::{Operator, comparisons};
use super::flow::{Sources, mentions};
use super::words::{is_now_by_name, is_wall_clock, last};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::{AssertSite, CallSite, Use};

pub(super) struct WallClockCompared;

impl Rule for WallClockCompared {
    fn code(&self) -> &'static str {
        "FD401"
    }

    fn name(&self) -> &'static str {
        "wall-clock-compared"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        if test.mocks.time {
            return;
        }
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            let wanted = |path: &str| is_wall_clock(path) || is_now_by_name(path);
            let Some(clocks) = Sources::clocks(at, |path| wanted(path) && !test.mocks.covers(path)) else {
                continue;
            };
            for assert in &at.sites.asserts {
                // a share of the seconds since 1970 is years
                if is_relative(assert.test) {
                    continue;
                }
                for pair in comparisons(assert) {
                    if !matches!(pair.operator, Operator::Equal | Operator::Member) {
                        continue;
                    }
                    let left = side(at, &clocks, assert, pair.left, pair.right);
                    let right = side(at, &clocks, assert, pair.right, pair.left);
                    let (expected, (site, path)) = match (left, right) {
                        (Some(found), None) => (pair.left, found),
                        (None, Some(found)) if pair.operator == Operator::Equal => (pair.right, found),
                        _ => continue,
                    };
                    let other = if std::ptr::eq(expected, pair.left) { pair.right } else { pair.left };
                    let sides = [expected, other].map(|side| test.text(at, side));
                    if !may_be_now(other) || sides.iter().any(|side| is_of_a_zone(side)) {
                        continue;
                    }
                    let coarse = is_coarse(&[path, test.text(at, expected), test.text(at, site.expr)]);
                    report.add(
                        at,
                        Smell {
                            span: assert.span,
                            severity: Severity::Medium,
                            confidence: if coarse || !is_wall_clock(path) { 0.75 } else { 0.85 },
                            message: format!(
                                "the expected value comes from `{}`, read at another moment than the code under test reads \
                                 the clock; {} falls between the two now and then",
                                test.text(at, site.expr),
                                if coarse { "a midnight" } else { "a tick" }
                            ),
                            help: "stop the clock with freezegun or time-machine, or pass the time in and compare with that"
                                .to_owned(),
                        },
                    );
                }
            }
        }
    }
}

/// `now.timezone_name`: the zone of a moment is that of all moments.
fn is_of_a_zone(side: &str) -> bool {
    [".tzinfo", ".timezone", ".tz", ".offset", ".utcoffset"].iter().any(|part| side.contains(part))
}

type Reading<'a, 'v> = (&'v crate::python::sites::CallSite<'a>, &'v str);

/// The clock reading that one side of an assertion is, unless that reading was passed to something before.
fn side<'a, 'v>(
    at: &Reached<'a, '_>,
    clocks: &Sources<'a, 'v>,
    assert: &AssertSite<'a>,
    expr: &'a Expr,
    other: &Expr,
) -> Option<Reading<'a, 'v>> {
    if let Some(found) = clocks.inside(expr) {
        return Some(found);
    }
    let found = clocks.behind(expr, assert.at.order)?;
    let passed = names(expr).into_iter().any(|name| is_passed_on(at, clocks, name, other, assert.at.order, 0));
    (!passed).then_some(found)
}

/// Whether a local goes into a call, a write, the other side, or the value of another local that does. What stands
/// behind a name like `expected` counts only where it comes from the clock.
fn is_passed_on<'a>(
    at: &Reached<'a, '_>,
    clocks: &Sources<'a, '_>,
    name: &str,
    other: &Expr,
    order: u32,
    depth: u8,
) -> bool {
    let carries = |expr: &Expr| mentions(expr, name);
    let value = at.sites.value_of(name, order);
    let is_reading =
        |name: &str| at.sites.value_of(name, order).is_some_and(|value| clocks.behind(value, order).is_some());
    let turns = |path: &str| {
        matches!(
            path,
            "str" | "int" | "float" | "repr" | "round" | "format" | "str().format" | "set" | "sorted" | "list" | "tuple"
        )
    };
    // what goes into a text with it is a part of the text
    let converts = |site: &CallSite<'_>| {
        turns(&site.path)
            || matches!(site.used, Use::Argument(start) if at.sites.calls.iter().any(|outer| {
                outer.expr.span.start == start && last(&outer.path) == "format" && turns(&outer.path)
            }))
    };
    let in_calls =
        at.sites.calls.iter().filter(|site| site.at.order < order || site.at.in_assert).any(|site| {
            let mut given = site.call.args.iter().chain(site.call.keywords.iter().map(|(_, value)| value));
            !converts(site) && given.any(carries)
        });
    let in_writes =
        at.sites.writes.iter().any(|write| write.at.order < order && write.value.is_some_and(carries));
    // `values = {"time": now}`
    let in_parts = at.sites.bindings.iter().any(|binding| {
        binding.value.is_some_and(|value| matches!(value.kind, ExprKind::Dict(_) | ExprKind::List(_)) && carries(value))
    });
    let through = depth < 3
        && value
            .into_iter()
            .flat_map(names)
            .filter(|source| *source != name && (!name.starts_with("expect") || is_reading(source)))
            .any(|source| is_passed_on(at, clocks, source, other, order, depth + 1));
    in_calls || in_writes || in_parts || through || carries(other)
}

fn names(expr: &Expr) -> Vec<&str> {
    let mut out = expr.as_name().into_iter().collect::<Vec<_>>();
    out.extend(expr.children().into_iter().flat_map(names));
    out
}

/// Whether the other side can depend on the clock: not a literal, a count or a truth.
fn may_be_now(expr: &Expr) -> bool {
    // `timedelta(0)`
    let is_duration = expr.as_call().is_some_and(|call| {
        call.func.dotted().and_then(|parts| parts.last().copied()) == Some("timedelta")
            && call.args.iter().all(|argument| argument.as_number().is_some())
    });
    // `"UTC"`
    let is_word = expr.as_str().is_some_and(|text| !text.contains(|c: char| c.is_ascii_digit()));
    let is_fixed = matches!(
        expr.kind,
        ExprKind::None | ExprKind::Bool(_) | ExprKind::Number { .. } | ExprKind::List(_) | ExprKind::Dict(_)
    );
    !(is_duration || is_word || is_fixed)
}

/// `approx(…, rel=0.1)`
fn is_relative(test: &Expr) -> bool {
    test.any(&mut |part| part.as_call().is_some_and(|call| call.keyword("rel").is_some()))
}

/// Whether only a date or a year is compared, which changes once a day at most.
fn is_coarse(texts: &[&str]) -> bool {
    texts.iter().any(|text| {
        [
            ".today",
            ".year",
            ".month",
            ".day",
            ".date()",
            "%Y-%m-%d\"",
            "%Y-%m-%d'",
            "%Y\"",
            "%Y'",
            "%Y%m%d\"",
            "%Y%m%d'",
            "tm_year",
        ]
        .iter()
        .any(|sign| text.ends_with(sign) || text.contains(sign))
    })
}

//! # FD405 clock-read-twice
//!
//! ## What it detects
//! Two readings of the real clock that must agree: both sides of an equality, or the parts of one date put together
//! from several.
//!
//! ## Why it makes tests unstable
//! Between the two readings a second, a midnight, a month or a year can end, and they no longer agree.
//!
//! ## Example
//! ```python
//! first = datetime(datetime.now().year, datetime.now().month, 1)
//! assert date.today() == cache.day(date.today())
//! ```
//!
//! ## Use instead
//! Read the clock once and use that value throughout, or stop it with `freezegun` or `time-machine`.
//! ```python
//! now = datetime.now()
//! first = datetime(now.year, now.month, 1)
//! ```
//!
//! ## Known false positives
//! Readings that may differ and are only compared for the day, by people who accept a failure at midnight.

use super::comparison::{Operator, comparisons};
use super::flow::Sources;
use super::origins::root;
use super::words::{is_wall_clock, last, receiver};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, Span};
use crate::python::sites::CallSite;

pub(super) struct ClockReadTwice;

impl Rule for ClockReadTwice {
    fn code(&self) -> &'static str {
        "FD405"
    }

    fn name(&self) -> &'static str {
        "clock-read-twice"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        if test.mocks.time {
            return;
        }
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            let wanted = |path: &str| is_wall_clock(path) && !test.mocks.covers(path);
            let Some(clocks) = Sources::clocks(at, wanted) else { continue };
            for assert in &at.sites.asserts {
                for pair in comparisons(assert).into_iter().filter(|pair| pair.operator == Operator::Equal) {
                    let order = assert.at.order;
                    let (Some((left, path)), Some((right, _))) =
                        (clocks.behind(pair.left, order), clocks.behind(pair.right, order))
                    else {
                        continue;
                    };
                    let is_handed = handed_to(at, pair.left, pair.right, order) || handed_to(at, pair.right, pair.left, order);
                    if left.expr.span == right.expr.span || is_handed || has_tolerance(test, at, pair.left, pair.right) {
                        continue;
                    }
                    tell(test, report, at, assert.span, left, is_coarse(path));
                }
            }
            for site in &at.sites.calls {
                let parts: Vec<_> =
                    site.call.args.iter().filter_map(|argument| clocks.inside(argument)).collect();
                if let [(first, path), _, ..] = parts.as_slice()
                    && matches!(&*site.path, "datetime.datetime" | "datetime.date")
                {
                    tell(test, report, at, site.expr.span, first, is_coarse(path) || parts.len() < 4);
                }
            }
        }
    }
}

fn tell<'a>(
    test: &Context<'a, '_>,
    report: &mut Report<'_>,
    at: &Reached<'a, '_>,
    span: Span,
    reading: &CallSite<'a>,
    coarse: bool,
) {
    report.add(
        at,
        Smell {
            span,
            severity: Severity::Medium,
            confidence: if coarse { 0.7 } else { 0.8 },
            message: format!(
                "the clock is read more than once here (`{}` and again) and the readings must agree; they do not when {} \
                 ends in between",
                test.text(at, reading.expr),
                if coarse { "a day" } else { "a second" }
            ),
            help: "read the clock once and use that value throughout, or stop it with freezegun or time-machine".to_owned(),
        },
    );
}

/// `backup.expire(when)`, and then `backup.expires == when`: it is the value that was handed over.
fn handed_to(at: &Reached<'_, '_>, value: &Expr, asked: &Expr, order: u32) -> bool {
    let (Some(name), Some(owner)) = (value.as_name(), root(asked)) else { return false };
    at.sites.calls.iter().any(|call| {
        call.at.order < order
            && receiver(call) == Some(owner)
            && call.call.args.iter().any(|argument| argument.as_name() == Some(name))
    })
}

fn is_coarse(path: &str) -> bool {
    last(path) == "today" && path.contains("date.")
}

/// Differences and rounding absorb the time between the readings; of what is asked of a type, none is left.
fn has_tolerance(test: &Context<'_, '_>, at: &Reached<'_, '_>, left: &Expr, right: &Expr) -> bool {
    [left, right].iter().any(|side| {
        let text = test.text(at, side);
        let of_its_type = [".dtype", ".shape", ".ndim", ".tzinfo"].iter().any(|part| text.ends_with(part)) || text.starts_with("type(");
        of_its_type || (text.contains("timedelta") && text.contains("abs("))
    })
}

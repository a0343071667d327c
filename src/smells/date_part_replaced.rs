//! # FD407 date-part-replaced
//!
//! ## What it detects
//! `replace(year=…)`, `replace(month=…)` or `replace(day=…)` on today's date, read from the real clock.
//!
//! ## Why it makes tests unstable
//! Not every date exists: the next year has no 29 February, the next month perhaps no 31st, and month 13 is none. On
//! such days `replace` raises a ValueError and the test fails, for a day.
//!
//! ## Example
//! ```python
//! next_month = date.today().replace(month=date.today().month + 1)
//! ```
//!
//! ## Use instead
//! `timedelta`, dateutil's `relativedelta`, which stays within the month, or a clock stopped with `freezegun` or
//! `time-machine`.
//! ```python
//! next_month = date.today() + relativedelta(months=1)
//! ```
//!
//! ## Known false positives
//! A replacement of the day by one that every month has (1 to 28) is not reported.

use super::flow::Sources;
use super::words::is_wall_clock;
use super::{Context, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Call, ExprKind};

pub(super) struct DatePartReplaced;

impl Rule for DatePartReplaced {
    fn code(&self) -> &'static str {
        "FD407"
    }

    fn name(&self) -> &'static str {
        "date-part-replaced"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        if test.mocks.time {
            return;
        }
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            let wanted = |path: &str| is_wall_clock(path) && !test.mocks.covers(path);
            let Some(clocks) = Sources::clocks(at, wanted) else { continue };
            for site in at.sites.calls.iter() {
                let ExprKind::Attribute { value: receiver, attr } = &site.call.func.kind else { continue };
                let Some((severity, part)) = may_not_exist(site.call).filter(|_| &**attr == "replace") else {
                    continue;
                };
                if clocks.behind(receiver, site.at.order).is_none() {
                    continue;
                }
                report.add(
                    at,
                    Smell {
                        span: site.expr.span,
                        severity,
                        confidence: 0.85,
                        message: format!(
                            "`{}` puts another {part} into today's date; on some days of the year that date does not exist",
                            test.text(at, site.expr)
                        ),
                        help: "use timedelta or dateutil's relativedelta, or stop the clock with freezegun or time-machine"
                            .to_owned(),
                    },
                );
            }
        }
    }
}

/// The part that makes a date which some days have not.
fn may_not_exist(call: &Call) -> Option<(Severity, &'static str)> {
    let number = |name: &str| call.keyword(name).map(|value| value.as_number());
    let (year, month, day) = (number("year"), number("month"), number("day"));
    let every_month_has_it = matches!(day, Some(Some(day)) if (1.0..=28.0).contains(&day));
    match () {
        () if matches!(month, Some(None)) => Some((Severity::Medium, "month")),
        () if every_month_has_it => None,
        () if day.is_some() => Some((Severity::Medium, "day")),
        () if month.is_some() => Some((Severity::Medium, "month")),
        () if year.is_some() => Some((Severity::Low, "year")),
        () => None,
    }
}

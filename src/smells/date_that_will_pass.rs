//! # FD404 date-that-will-pass
//!
//! ## What it detects
//! A fixed date that must lie in the future: compared with the present, or given as an expiry (`expires`,
//! `not_after`, `valid_until` …), while the clock is the real one.
//!
//! ## Why it makes tests unstable
//! The test passes until that day and fails for good from then on, for everybody at once.
//!
//! ## Example
//! ```python
//! token = sign(user, expires=datetime(2027, 1, 1))
//! assert verify(token)
//! ```
//!
//! ## Use instead
//! A date reckoned from now (`datetime.now(UTC) + timedelta(days=1)`), or a clock stopped before the fixed date with
//! `freezegun` or `time-machine`.
//! ```python
//! @freeze_time("2026-01-01")
//! def test_token(): ...
//! ```
//!
//! ## Known false positives
//! A date that is only stored and read back. Years from 2060 on are taken for "never" and not reported.

use super::comparison::{Operator, comparisons};
use super::flow::{self, Sources};
use super::words::is_wall_clock;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::*;

pub(super) struct DateThatWillPass;

impl Rule for DateThatWillPass {
    fn code(&self) -> &'static str {
        "FD404"
    }

    fn name(&self) -> &'static str {
        "date-that-will-pass"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        if test.mocks.time || test.mocks.covers("datetime.datetime.now") || test.mocks.covers("time.time") {
            return;
        }
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            compared(test, report, at);
            given_as_expiry(test, report, at);
        }
    }
}

const HELP: &str = "reckon the date from now (datetime.now(timezone.utc) + timedelta(days=1)), or stop the clock with \
                    freezegun or time-machine";

/// `assert datetime(2030, 1, 1) > datetime.now()`
fn compared<'a>(test: &Context<'a, '_>, report: &mut Report<'_>, at: &Reached<'a, '_>) {
    let Some(clocks) = Sources::clocks(at, is_wall_clock) else { return };
    for assert in &at.sites.asserts {
        let order = assert.at.order;
        for pair in comparisons(assert).into_iter().filter(|pair| pair.operator == Operator::Less) {
            let later = flow::resolved(test, at, pair.right, order);
            if clocks.behind(pair.left, order).is_none() || year(later).is_none() {
                continue;
            }
            report.add(
                at,
                Smell {
                    span: assert.span,
                    severity: Severity::High,
                    confidence: 0.9,
                    message: format!(
                        "`{}` is compared with the real clock; the assertion fails for good once that date has passed",
                        test.text(at, later)
                    ),
                    help: HELP.to_owned(),
                },
            );
        }
    }
}

fn given_as_expiry<'a>(test: &Context<'a, '_>, report: &mut Report<'_>, at: &Reached<'a, '_>) {
    for site in at.sites.calls.iter().filter(|site| !site.at.in_assert) {
        for (name, value) in &site.call.keywords {
            let Some(name) = name.as_deref().filter(|name| is_expiry(name)) else { continue };
            let date = flow::resolved(test, at, value, site.at.order);
            if !year(date).is_some_and(|year| (2026..2060).contains(&year)) {
                continue;
            }
            report.add(
                at,
                Smell {
                    span: value.span,
                    severity: Severity::Medium,
                    confidence: 0.6,
                    message: format!(
                        "`{name}={}` expires on a fixed day while the clock is real; what is valid now is not from then on",
                        test.text(at, date)
                    ),
                    help: HELP.to_owned(),
                },
            );
        }
    }
}

fn is_expiry(name: &str) -> bool {
    matches!(
        name,
        "expires"
            | "expires_at"
            | "expires_on"
            | "expiry"
            | "expiry_date"
            | "expiration"
            | "expiration_date"
            | "expiration_time"
            | "expire_at"
            | "not_after"
            | "not_valid_after"
            | "valid_until"
            | "valid_to"
            | "valid_through"
            | "deadline"
            | "exp"
    )
}

/// The year of a date that is written out: `datetime(2030, 1, 1)`, `date(…)`, `"2030-01-01…"`.
fn year(expr: &Expr) -> Option<u32> {
    match &expr.kind {
        ExprKind::Str { text, parts } if parts.is_empty() => {
            let bytes = text.as_bytes();
            let is_date = bytes.len() >= 10
                && bytes[4] == b'-'
                && bytes[7] == b'-'
                && [0, 1, 2, 3, 5, 6, 8, 9].iter().all(|at: &usize| bytes[*at].is_ascii_digit());
            text.get(..4).filter(|_| is_date)?.parse().ok()
        }
        ExprKind::Call(call) => {
            let name = match &call.func.kind {
                ExprKind::Name(name) => name,
                ExprKind::Attribute { attr, .. } => attr,
                _ => return None,
            };
            if !matches!(&**name, "datetime" | "date") || call.args.len() < 3 {
                return None;
            }
            call.args.iter().all(|part| part.as_number().is_some()).then_some(())?;
            call.args.first()?.as_number().map(|year| year as u32)
        }
        _ => None,
    }
}

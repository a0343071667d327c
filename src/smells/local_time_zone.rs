//! # FD403 local-time-zone
//!
//! ## What it detects
//! A conversion that uses the machine's time zone (`datetime.fromtimestamp` without one, `time.localtime`,
//! `time.mktime`, `.timestamp()` of a naive date) compared with a literal.
//!
//! ## Why it makes tests unstable
//! The result differs from one machine to the next, and on the same one when daylight saving begins or ends.
//!
//! ## Example
//! ```python
//! assert datetime.fromtimestamp(0).hour == 1
//! ```
//!
//! ## Use instead
//! A zone in the call (`datetime.fromtimestamp(0, tz=UTC)`), or one fixed for the test: `monkeypatch.setenv("TZ",
//! "UTC")` with `time.tzset()`, or a `time_machine.travel` with a zoned date.
//! ```python
//! assert datetime.fromtimestamp(0, tz=timezone.utc).hour == 0
//! ```
//!
//! ## Known false positives
//! A suite whose runner fixes `TZ` outside of the tests (in tox or in the pipeline).

use super::comparison::{Operator, comparisons};
use super::flow::{self, Sources};
use super::words::last;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::*;
use crate::python::sites::CallSite;

pub(super) struct LocalTimeZone;

impl Rule for LocalTimeZone {
    fn code(&self) -> &'static str {
        "FD403"
    }

    fn name(&self) -> &'static str {
        "local-time-zone"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        if test.mocks.time || fixes_zone(test) {
            return;
        }
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            let wanted = |path: &str| converts(path) && !test.mocks.covers(path);
            let Some(conversions) = Sources::of(at, wanted) else { continue };
            for assert in &at.sites.asserts {
                let order = assert.at.order;
                for pair in comparisons(assert).into_iter().filter(|pair| pair.operator == Operator::Equal) {
                    for (side, other) in [(pair.left, pair.right), (pair.right, pair.left)] {
                        let Some((site, path)) = conversions.behind(side, order) else { continue };
                        let other = flow::resolved(test, at, other, order);
                        if !is_local(test, at, site, path) || !is_literal(other) || comes_back(path, other) || goes_elsewhere(test, at, side, site, order) {
                            continue;
                        }
                        report.add(
                            at,
                            Smell {
                                span: assert.span,
                                severity: Severity::Medium,
                                confidence: 0.85,
                                message: format!(
                                    "`{}` uses the machine's time zone, so the literal it is compared with holds only in some zones",
                                    test.text(at, site.expr)
                                ),
                                help: "give the zone in the call (tz=timezone.utc), or fix it with monkeypatch.setenv(\"TZ\", \
                                       \"UTC\") and time.tzset()"
                                    .to_owned(),
                            },
                        );
                    }
                }
            }
        }
    }
}

fn converts(path: &str) -> bool {
    matches!(
        path,
        "datetime.datetime.fromtimestamp"
            | "datetime.date.fromtimestamp"
            | "time.localtime"
            | "time.mktime"
            | "time.ctime"
            | "datetime.datetime().timestamp"
            | "datetime.datetime.strptime().timestamp"
            | "datetime.datetime().astimezone"
    )
}

/// `table.count(event)` with the time stamp in the event: what another call makes of it is not the conversion.
fn goes_elsewhere<'a>(
    test: &Context<'a, '_>,
    at: &Reached<'a, '_>,
    side: &'a Expr,
    site: &CallSite<'_>,
    order: u32,
) -> bool {
    let Some(call) = flow::resolved(test, at, side, order).as_call() else { return false };
    let is_plain = call.func.as_name().is_some_and(|name| matches!(name, "int" | "float" | "str" | "round" | "abs" | "tuple" | "list"));
    let is_it = std::ptr::eq(call, site.call) || call.func.span.holds(site.expr.span);
    let named = super::origins::root(&call.func).and_then(|name| at.sites.value_of(name, order));
    !(is_plain || is_it || named.is_some_and(|value| value.span.holds(site.expr.span)))
}

/// A date made a time stamp and compared with a date again: there and back in one zone.
fn comes_back(path: &str, other: &Expr) -> bool {
    matches!(last(path), "mktime" | "timestamp") && other.as_call().is_some()
}

/// Whether the conversion takes a fixed moment and no zone.
fn is_local(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>, path: &str) -> bool {
    let fixed = |argument: &Expr| argument.as_number().is_some() || is_literal(argument);
    match last(path) {
        "fromtimestamp" | "localtime" | "ctime" => {
            site.call.args.len() == 1
                && site.call.keywords.is_empty()
                && site.call.args.first().is_some_and(fixed)
        }
        "mktime" => {
            site.call.args.first().is_some_and(|argument| !test.text(at, argument).contains("localtime"))
        }
        "timestamp" | "astimezone" => {
            let naive = match &site.call.func.kind {
                ExprKind::Attribute { value, .. } => value.as_call().is_some_and(|made| {
                    made.keyword("tzinfo").is_none() && made.args.len() < 8 && !has_zone_format(made)
                }),
                _ => false,
            };
            naive && site.call.args.is_empty() && site.call.keywords.is_empty()
        }
        _ => false,
    }
}

fn has_zone_format(call: &Call) -> bool {
    call.args
        .iter()
        .filter_map(|argument| argument.as_str())
        .any(|text| text.contains("%z") || text.contains("%Z"))
}

/// A value written out: numbers, texts, and dates made of numbers.
fn is_literal(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number { .. } => true,
        ExprKind::Str { parts, .. } => parts.is_empty(),
        ExprKind::Tuple(parts) | ExprKind::List(parts) => !parts.is_empty() && parts.iter().all(is_literal),
        ExprKind::Call(call) => {
            let name = match &call.func.kind {
                ExprKind::Name(name) => name,
                ExprKind::Attribute { attr, .. } => attr,
                _ => return false,
            };
            matches!(&**name, "datetime" | "date" | "time")
                && !call.args.is_empty()
                && call.args.iter().all(is_literal)
        }
        _ => false,
    }
}

/// Whether the test or a fixture sets the zone.
fn fixes_zone(test: &Context<'_, '_>) -> bool {
    test.calls().any(|(_, site, path)| {
        path == "time.tzset"
            || (last(path) == "setenv" && site.call.args.first().and_then(|name| name.as_str()) == Some("TZ"))
    }) || test.decorators.iter().any(|(path, _)| path.contains("timezone") || path.contains("skip"))
}

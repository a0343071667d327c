//! # FD410 due-now
//!
//! ## What it detects
//! A present moment given as the time at which something expires or falls due (`{"expiration": int(time.time())}`,
//! `run_at=datetime.now()`, `DateTrigger(datetime.now())`), with nothing added, and a running clock that is read on both
//! sides of it.
//!
//! ## Why it makes tests unstable
//! Whether the moment has passed when the code looks depends on how many ticks of the clock lie between: it is still valid
//! on a fast machine and expired on a slow one, or when a second ends in between.
//!
//! ## Example
//! ```python
//! rules.load([{"value": "8.8.4.4", "expiration": int(time.time())}])
//! assert rules.blocks("8.8.4.4")
//! ```
//!
//! ## Use instead
//! A moment clearly before or after now, or a clock that stands still (`freezegun`, `time-machine`).
//! ```python
//! rules.load([{"value": "8.8.4.4", "expiration": int(time.time()) + 3600}])
//! ```
//!
//! ## Known false positives
//! A test that waits long enough for the moment to have passed, or that does not ask whether it has.

use super::flow::Sources;
use super::words::{is_wall_clock, last};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind, Span};

pub(super) struct DueNow;

impl Rule for DueNow {
    fn code(&self) -> &'static str {
        "FD410"
    }

    fn name(&self) -> &'static str {
        "due-now"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        if test.mocks.time {
            return;
        }
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            let Some(clocks) = Sources::clocks(at, |path| is_wall_clock(path) && !test.mocks.covers(path)) else {
                continue;
            };
            for site in at.sites.calls.iter().filter(|site| !last(&site.path).starts_with("assert")) {
                for (name, value) in &site.call.keywords {
                    let Some(name) = name.as_deref().filter(|name| names_due(name)) else { continue };
                    if is_now(at, &clocks, value, site.at.order) {
                        tell(test, report, at, value.span, value, ends(name) || nothing_waits(at, value));
                    }
                }
                if let [only, ..] = site.call.args.as_slice()
                    && last(&site.path).ends_with("Trigger")
                    && is_now(at, &clocks, only, site.at.order)
                {
                    tell(test, report, at, site.expr.span, only, nothing_waits(at, only));
                }
            }
            for binding in &at.sites.bindings {
                let Some(value) = binding.value.filter(|value| matches!(value.kind, ExprKind::Dict(_))) else { continue };
                entries(value, &mut |name, value| {
                    if is_now(at, &clocks, value, binding.at.order) {
                        tell(test, report, at, value.span, value, ends(name) || nothing_waits(at, value));
                    }
                });
            }
        }
    }
}

fn tell(
    test: &Context<'_, '_>,
    report: &mut Report<'_>,
    at: &Reached<'_, '_>,
    span: Span,
    now: &Expr,
    may_be_put_off: bool,
) {
    report.add_mended(
        at,
        Smell {
            span,
            severity: Severity::Low,
            confidence: 0.5,
            message: "this falls due at the present moment; whether it has when the code looks is a matter of ticks"
                .to_owned(),
            help: format!(
                "take a moment clearly before or after now, or stop the clock with {}",
                if test.case.is_async { "time-machine" } else { "freezegun or time-machine" }
            ),
        },
        |mut mend| {
            let mut clocks = at.sites.calls.iter().zip(&at.paths).filter(|(site, _)| now.span.holds(site.expr.span));
            let (site, path) = clocks.find(|(_, path)| is_wall_clock(path))?;
            let is_converted = site.expr.span != now.span;
            let day = match &**path {
                "time.time" => "86400".to_owned(),
                path if (path.contains("datetime") || path.contains("timezone")) && !is_converted => {
                    format!("{}(days=1)", mend.import("datetime.timedelta")?)
                }
                _ => return None,
            };
            // what is to begin now begins too late tomorrow
            let name = &at.function.function.name;
            let is_past = name.contains("expired") && !name.contains("not_expired");
            let is_text = now.as_call().is_some_and(|call| call.func.as_name() == Some("str"));
            (may_be_put_off && !is_text).then_some(())?;
            mend.insert(now.span.end, format!(" {} {day}", if is_past { '-' } else { '+' }));
            mend.risky(if is_past { "fall due a day earlier" } else { "fall due a day later" })
        },
    );
}

/// Visits the values under keys that name a due date, also in dictionaries and lists inside.
fn entries<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a str, &'a Expr)) {
    match &expr.kind {
        ExprKind::Dict(items) => {
            for (key, value) in items {
                if let Some(name) = key.as_ref().and_then(Expr::as_str).filter(|name| names_due(name)) {
                    visit(name, value);
                }
                entries(value, visit);
            }
        }
        ExprKind::List(items) | ExprKind::Tuple(items) => items.iter().for_each(|item| entries(item, visit)),
        _ => {}
    }
}

fn names_due(name: &str) -> bool {
    matches!(
        name,
        "expiration" | "expires" | "expires_at" | "expiry" | "expire_at" | "expire_date" | "expiration_date" | "exp"
            | "valid_until" | "run_at" | "run_date" | "due" | "due_at" | "due_date" | "eta" | "scheduled_at" | "not_after"
            | "deadline"
    )
}

/// Whether nothing in the test waits for what happens on that date.
fn nothing_waits(at: &Reached<'_, '_>, date: &Expr) -> bool {
    let mut later = at.sites.calls.iter().filter(|site| site.expr.span.start > date.span.end);
    !later.any(|site| {
        let name = last(&site.path).to_ascii_lowercase();
        ["wait", "sleep", "event", "receive", "join", "result"].iter().any(|word| name.contains(word))
    })
}

/// Whether something is over from then on; of the other dates something begins.
fn ends(name: &str) -> bool {
    name.starts_with("exp") || matches!(name, "valid_until" | "not_after" | "deadline")
}

/// A reading of the clock with nothing added: itself, in a conversion, or behind a name.
fn is_now<'a>(at: &Reached<'a, '_>, clocks: &Sources<'a, '_>, expr: &'a Expr, order: u32) -> bool {
    let value = expr.as_name().and_then(|name| at.sites.value_of(name, order)).unwrap_or(expr);
    if clocks.inside(value).is_some_and(|(site, _)| site.expr.span == value.span) {
        return true;
    }
    value.as_call().is_some_and(|call| {
        matches!(call.func.as_name(), Some("int" | "float" | "str" | "round"))
            && call.args.first().is_some_and(|inner| clocks.inside(inner).is_some_and(|(site, _)| site.expr.span == inner.span))
    })
}

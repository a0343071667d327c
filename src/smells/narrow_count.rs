//! # FD210 narrow-count
//!
//! ## What it detects
//! A number of things that is asserted to lie between two bounds next to each other: `50 <= len(messages) <= 51`; and a
//! number of calls by the workers of a pool that is asserted to stay below a limit, or one of several next to each other
//! (`mock.call_count in (3, 4)`) where work runs beside the test.
//!
//! ## Why it makes tests unstable
//! A range stands there because the number varies: something arrives, is dropped or ends beside the test. Bounds that
//! were fitted to what was seen so far do not hold on a slower machine.
//!
//! ## Example
//! ```python
//! assert 50 <= len(messages) <= 51
//! ```
//!
//! ## Use instead
//! Make the number certain (wait for the last message, stop the producer first), or assert only what the code promises.
//! ```python
//! assert len(messages) >= 50
//! ```
//!
//! ## Known false positives
//! A number that differs between platforms or versions and is constant on each.

use super::words::{is_sleep, starts_work};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind, Span};

pub(super) struct NarrowCount;

impl Rule for NarrowCount {
    fn code(&self) -> &'static str {
        "FD210"
    }

    fn name(&self) -> &'static str {
        "narrow-count"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, assert) in test.asserts() {
            if at.role == Role::Teardown {
                continue;
            }
            let ExprKind::Compare { left, rest } = &assert.test.kind else { continue };
            if let [(op, most)] = rest.as_slice()
                && &**op == "<"
                && most.as_number().is_some_and(|most| most > 1.0)
                && matches!(&left.kind, ExprKind::Attribute { attr, .. } if attr.ends_with("_count") || attr.ends_with("_calls"))
                && at.paths.iter().any(|path| path.ends_with("PoolExecutor"))
            {
                let operator = Span { start: left.span.end, end: most.span.start };
                add(report, test, at, assert.span, left, Some((operator, " <= ".to_owned())));
                continue;
            }
            if let [(op, among)] = rest.as_slice()
                && &**op == "in"
                && is_count(left)
                && are_near(among)
                && at.sites.calls.iter().zip(&at.paths).any(|(_, path)| starts_work(path) || is_sleep(path))
            {
                add(report, test, at, assert.span, left, None);
                continue;
            }
            let [(low_op, middle), (high_op, high)] = rest.as_slice() else { continue };
            let bounds = left.as_number().zip(high.as_number());
            let is_narrow = bounds.is_some_and(|(low, high)| low > 2.0 && (1.0..=2.0).contains(&(high - low)));
            if !is_narrow || &**low_op != "<=" || &**high_op != "<=" || !is_count(middle) {
                continue;
            }
            let more = high.as_number().map_or_else(String::new, |high| (high + 2.0).to_string());
            add(report, test, at, assert.span, middle, Some((high.span, more)));
        }
    }
}

/// `wider` is what to write where, so that the bound leaves room.
fn add(
    report: &mut Report<'_>,
    test: &Context<'_, '_>,
    at: &Reached<'_, '_>,
    span: Span,
    counted: &Expr,
    wider: Option<(Span, String)>,
) {
    report.add_mended(
        at,
        Smell {
            span,
            severity: Severity::Low,
            confidence: 0.6,
            message: format!(
                "`{}` varies from run to run, and the bounds on it leave hardly any room",
                test.text(at, counted)
            ),
            help: "wait until the number is certain, or assert a bound that the code promises".to_owned(),
        },
        |mut mend| {
            let (span, more) = wider?;
            mend.replace(span, more);
            mend.risky("leave some room above")
        },
    );
}

/// `(3, 4)`: numbers next to each other.
fn are_near(expr: &Expr) -> bool {
    let (ExprKind::Tuple(items) | ExprKind::List(items) | ExprKind::Set(items)) = &expr.kind else { return false };
    let mut numbers: Vec<f64> = items.iter().filter_map(Expr::as_number).collect();
    numbers.sort_by(f64::total_cmp);
    numbers.len() == items.len() && numbers.len() > 1 && numbers.windows(2).all(|pair| pair[1] - pair[0] == 1.0) && numbers[0] > 0.0
}

fn is_count(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Call(call) => call.func.as_name() == Some("len"),
        ExprKind::Attribute { attr, .. } | ExprKind::Name(attr) => attr.ends_with("count"),
        _ => false,
    }
}

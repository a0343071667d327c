//! # FD212 far-position
//!
//! ## What it detects
//! An assertion on one record at a far or last position of what was captured: `spans[15]["name"]`,
//! `messages[-2].text`.
//!
//! ## Why it makes tests unstable
//! Between the record meant and the beginning or end lie others, which come from parts that run beside each other. One
//! more, one fewer, or two in another order, and the position holds something else.
//!
//! ## Example
//! ```python
//! assert spans[15]["name"] == "cron:cleanup"
//! ```
//!
//! ## Use instead
//! Look the record up by what it is.
//! ```python
//! [span] = [span for span in spans if span["name"] == "cron:cleanup"]
//! ```
//!
//! ## Known false positives
//! A list that one thread fills in an order that the code promises.

use super::assertions::comparisons;
use super::mend::Mend;
use super::{Context, Fix, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::Binding;

/// How lists are called that record what happened.
const CAPTURED: [&str; 12] = [
    "events",
    "spans",
    "logs",
    "stream",
    "messages",
    "requests",
    "traces",
    "transactions",
    "envelopes",
    "notifications",
    "packets",
    "entries",
];

pub(super) struct FarPosition;

impl Rule for FarPosition {
    fn code(&self) -> &'static str {
        "FD212"
    }

    fn name(&self) -> &'static str {
        "far-position"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            let own = test.analysis.view(at.function.module).module.text(at.function.function.span);
            // most functions read no part of a part
            if !(own.contains("][") || own.contains("].")) || !CAPTURED.iter().any(|word| own.contains(word)) {
                continue;
            }
            // where nothing is awaited or waited for, one thread fills the list
            let waits = at.function.function.is_async || at.sites.has_yield;
            for assert in &at.sites.asserts {
                if let Some(found) = far(assert.test, waits) {
                    add(report, test, at, found, |_| None);
                }
            }
            for binding in &at.sites.bindings {
                let Some(value) = binding.value else { continue };
                let Some(found) = far_value(value, waits) else { continue };
                let asserted = at.sites.asserts.iter().any(|assert| {
                    assert.at.order > binding.at.order && super::flow::mentions(assert.test, binding.name)
                });
                if asserted {
                    add(report, test, at, found, |mend| by_name(mend, at, binding, value));
                }
            }
        }
    }
}

/// `event = next(one for one in events if one["name"] == "done")`, where `event["name"]` is asserted to be that.
fn by_name(mut mend: Mend<'_>, at: &Reached<'_, '_>, binding: &Binding<'_>, value: &Expr) -> Option<Fix> {
    let ExprKind::Subscript { value: list, .. } = &value.kind else { return None };
    let later = at.sites.asserts.iter().filter(|assert| assert.at.order > binding.at.order);
    let mut pairs = later.flat_map(|assert| comparisons(assert.test)).filter(|pair| pair.op == "==");
    let (key, wanted) = pairs.find_map(|pair| match &pair.left.kind {
        ExprKind::Subscript { value, index } if value.as_name() == Some(binding.name) => {
            Some((index.first().filter(|key| key.as_str().is_some())?, pair.right))
        }
        _ => None,
    })?;
    wanted.as_str()?;
    let one = mend.free_name("one")?;
    let [list, key, wanted] = [list, key, wanted].map(|part| mend.text(part).to_owned());
    mend.replace(value.span, format!("next({one} for {one} in {list} if {one}[{key}] == {wanted})"));
    mend.risky("look the record up by what it is")
}

fn add(
    report: &mut Report<'_>,
    test: &Context<'_, '_>,
    at: &Reached<'_, '_>,
    found: &Expr,
    mend: impl FnOnce(Mend<'_>) -> Option<Fix>,
) {
    report.add_mended(
        at,
        Smell {
            span: found.span,
            severity: Severity::Low,
            confidence: 0.5,
            message: format!(
                "`{}` counts on how many records come before or after it, which differs between runs",
                test.text(at, found)
            ),
            help: "look the record up by its name or kind instead of its position".to_owned(),
        },
        mend,
    );
}

/// A record at a far position of which a part is read.
fn far(expr: &Expr, waits: bool) -> Option<&Expr> {
    if let ExprKind::Subscript { value, .. } | ExprKind::Attribute { value, .. } = &expr.kind
        && is_far(value, waits)
    {
        return Some(value);
    }
    expr.children().into_iter().find_map(|child| far(child, waits))
}

/// As [`far`], also where the record itself is the value.
fn far_value(expr: &Expr, waits: bool) -> Option<&Expr> {
    if is_far(expr, waits) { Some(expr) } else { far(expr, waits) }
}

fn is_far(expr: &Expr, waits: bool) -> bool {
    let ExprKind::Subscript { value, index } = &expr.kind else { return false };
    let [index] = index.as_slice() else { return false };
    let Some(position) = index.as_number() else { return false };
    let name = match &value.kind {
        ExprKind::Name(name) | ExprKind::Attribute { attr: name, .. } => &**name,
        ExprKind::Subscript { index, .. } => index.first().and_then(|key| key.as_str()).unwrap_or(""),
        _ => return false,
    };
    let is_far = position >= 4.0 || position <= -2.0 || (position < 0.0 && waits);
    is_far && CAPTURED.iter().any(|word| name.ends_with(word))
}

//! # FD505 hash-compared
//!
//! ## What it detects
//! An assertion on the value of `hash()` or on the order of `id()`, and sorting by either.
//!
//! ## Why it makes tests unstable
//! Python salts the hashes of strings and bytes anew in every process, and `id` is a place in memory. What
//! depends on their values or order differs from run to run.
//!
//! ## Example
//! ```python
//! assert hash("apple") == 5389231045
//! ```
//!
//! ## Use instead
//! A digest that is the same everywhere, or a comparison of two hashes of the same run.
//! ```python
//! assert hashlib.sha256(b"apple").hexdigest()[:8] == "3a7bd3e2"
//! ```
//!
//! ## Known false positives
//! Hashes of numbers are the same in every run and not reported where the number is written out, nor are two sides
//! that are sorted by the same.

use super::assertions::{Comparison, comparisons};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Call, Expr, ExprKind};
use crate::python::sites::CallSite;

pub(super) struct HashCompared;

impl Rule for HashCompared {
    fn code(&self) -> &'static str {
        "FD505"
    }

    fn name(&self) -> &'static str {
        "hash-compared"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            // most tests call neither
            let calls = || at.sites.calls.iter();
            if calls().any(|site| matches!(&*site.path, "hash" | "id")) {
                for assert in &at.sites.asserts {
                    let Some(why) = comparisons(assert.test).iter().find_map(judge) else { continue };
                    report.add(at, smell(assert.span, test.text(at, assert.test), why));
                }
            }
            if at.sites.names_read.contains("id") {
                for assert in &at.sites.asserts {
                    let Some([one, other]) = comparisons(assert.test).iter().find_map(|comparison| {
                        (comparison.op == "==").then_some([by_id(comparison.left)?, by_id(comparison.right)?])
                    }) else {
                        continue;
                    };
                    let why = "compares two new objects by what id() gives, which the memory in use decides";
                    report.add_mended(at, smell(assert.span, test.text(at, assert.test), why), |mut mend| {
                        let made = mend.text(one);
                        (made == mend.text(other) && !made.contains('\n')).then_some(())?;
                        let name = mend.free_name("made")?;
                        let stmt = mend.statement(assert.span)?;
                        mend.before(stmt, &[&format!("{name} = {made}")])?;
                        [one, other].iter().for_each(|place| mend.replace(place.span, name.clone()));
                        mend.risky("look at one and the same object twice")
                    });
                }
            }
            for site in calls().filter(|site| matches!(&*site.path, "sorted" | "min" | "max")) {
                let key = site.call.keyword("key").and_then(|key| key.as_name());
                if matches!(key, Some("hash" | "id")) && !is_sorted_alike(at, site) {
                    let why = "orders by a value that differs from run to run";
                    report.add(at, smell(site.expr.span, test.text(at, site.expr), why));
                }
            }
        }
    }
}

/// `sorted(a, key=id)` beside `sorted(b, key=id)`: both come in one order, whichever it is.
fn is_sorted_alike(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let key = |call: &Call| call.keyword("key").and_then(Expr::as_name).map(str::to_owned);
    at.sites.calls.iter().any(|other| {
        !std::ptr::eq(other, site) && &*other.path == "sorted" && key(other.call) == key(site.call)
    })
}

fn smell(span: crate::python::ast::Span, text: &str, why: &str) -> Smell {
    Smell {
        span,
        severity: Severity::High,
        confidence: 0.85,
        message: format!("`{}` {why}", text.split_whitespace().collect::<Vec<_>>().join(" ")),
        help: "compare with a hash taken in the same run, use hashlib for a fixed digest, or sort by a value of \
               the object"
            .to_owned(),
    }
}

fn judge(comparison: &Comparison<'_>) -> Option<&'static str> {
    let sides = [(comparison.left, comparison.right), (comparison.right, comparison.left)];
    sides.into_iter().find_map(|(one, other)| {
        let (function, argument) = called(one)?;
        match function {
            "hash" if comparison.is_equality() && other.as_number().is_some() && is_salted(argument) => {
                Some("expects a fixed value of a hash that Python salts anew in every process")
            }
            "hash" | "id" if comparison.is_bound() => Some("orders by a value that differs from run to run"),
            _ => None,
        }
    })
}

/// The object that a call makes, where it is given `id` as the function to tell it by.
fn by_id(expr: &Expr) -> Option<&Expr> {
    let call = expr.as_call()?;
    let made = call.args.iter().find(|argument| {
        argument.as_call().is_some_and(|made| {
            made.func.as_name().is_some_and(|name| name.starts_with(char::is_uppercase))
        })
    })?;
    let is_id = |part: &Expr| part.as_name() == Some("id");
    let by_id = call.keywords.iter().any(|(_, value)| match &value.kind {
        ExprKind::Dict(entries) => entries.iter().any(|(_, value)| is_id(value)),
        _ => is_id(value),
    });
    by_id.then_some(made)
}

fn called(expr: &Expr) -> Option<(&str, &Expr)> {
    let ExprKind::Call(call) = &expr.kind else { return None };
    let name = call.func.as_name().filter(|name| matches!(*name, "hash" | "id"))?;
    Some((name, call.args.first()?))
}

/// Text and bytes have salted hashes; of other objects it is not known.
fn is_salted(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Str { .. } => true,
        ExprKind::Tuple(parts) => parts.iter().any(is_salted),
        ExprKind::Call(call) => matches!(call.func.as_name(), Some("str" | "repr" | "frozenset" | "bytes")),
        _ => false,
    }
}

//! # FD801 set-order
//!
//! ## What it detects
//! An assertion that depends on the order in which a set gives its elements: `list(set(…))` compared with a list,
//! `str` or `join` of a set, the first element of a set.
//!
//! ## Why it makes tests unstable
//! The order of a set of strings follows their hashes, which differ from run to run unless `PYTHONHASHSEED` is
//! fixed. The same assertion holds in one run and fails in the next.
//!
//! ## Example
//! ```python
//! assert list(set(tags)) == ["new", "sale"]
//! ```
//!
//! ## Use instead
//! A comparison that knows no order: sets, or `sorted` on both sides.
//! ```python
//! assert set(tags) == {"new", "sale"}
//! ```
//!
//! ## Known false positives
//! A set of small integers, which CPython gives in the same order every time, and a list that the code under test
//! makes out of the same set (both reported as medium); a set that can only hold one element.

use super::assertions::comparisons;
use super::words::is_test_code;
use super::{Context, Reached, Report, Rule, Severity, Smell};
use crate::python::ast::*;
use crate::python::sites::{CallSite, Sites};

pub(super) struct SetOrder;

impl Rule for SetOrder {
    fn code(&self) -> &'static str {
        "FD801"
    }

    fn name(&self) -> &'static str {
        "set-order"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            if path == "zip" && is_test_code(test, at) && pairs_a_set(at.sites, site) {
                report.add(at, paired(test.text(at, site.expr), site.expr.span));
            }
        }
        // what makes the parameters of a test runs before it
        let view = test.analysis.view(test.case.function.module);
        for (path, _) in &test.decorators {
            let Some(sites) = view.functions.get(&**path).and_then(|function| view.sites(function)) else { continue };
            for site in sites.calls.iter().filter(|site| site.path == "zip" && pairs_a_set(sites, site)) {
                report.add(test.test(), paired(view.module.text(site.expr.span), site.expr.span));
            }
        }
        for (at, assert) in test.asserts() {
            for comparison in comparisons(assert.test).iter().filter(|comparison| comparison.is_equality()) {
                let look = Look { at, order: assert.at.order };
                let (left, right) =
                    (look.ordered_set(comparison.left, 0), look.ordered_set(comparison.right, 0));
                let (found, other) = match (left, right) {
                    (Some(_), Some(_)) | (None, None) => continue,
                    (Some(found), None) => (found, look.resolve(comparison.right)),
                    (None, Some(found)) => (found, look.resolve(comparison.left)),
                };
                if length(other).is_some_and(|length| length < 2) && !found.is_pick {
                    continue;
                }
                let listed = [comparison.left, comparison.right].into_iter().filter_map(super::origins::root);
                if found.is_pick && holds_one(test, at, found.set, &listed.collect::<Vec<_>>()) {
                    continue;
                }
                let sides = [comparison.left, comparison.right].map(|side| test.text(at, side));
                if found.is_pick && is_any_of_them(test, at, assert.at.order, &sides) {
                    continue;
                }
                // numbers stand in a set by their value, whatever the hash seed
                if is_made_of_numbers(look.resolve(found.set)) {
                    continue;
                }
                let severity = if holds_numbers(other)
                    || (!found.is_pick && is_made_elsewhere(other))
                {
                    Severity::Medium
                } else {
                    Severity::High
                };
                report.add_mended(
                    at,
                    Smell {
                        span: assert.span,
                        severity,
                        confidence: if severity == Severity::High { 0.85 } else { 0.6 },
                        message: format!(
                            "`{}` takes the elements of a set in an order that changes with the hash seed",
                            test.text(at, found.expr)
                        ),
                        help: "compare sets, or sorted(…) on both sides".to_owned(),
                    },
                    |mut mend| {
                        let is_text = found.expr.as_call().is_some_and(|call| {
                            !matches!(call.func.as_name(), Some("list" | "tuple"))
                        });
                        if found.is_pick || is_text || !is_listed(other) {
                            return None;
                        }
                        mend.sort([comparison.left, comparison.right])?;
                        mend.safe("compare the elements in sorted order")
                    },
                );
            }
        }
    }
}

/// `show(names[0])`, and then `assert shown == names[0]`: any of them does.
fn is_any_of_them(test: &Context<'_, '_>, at: &Reached<'_, '_>, order: u32, sides: &[&str]) -> bool {
    at.sites.calls.iter().filter(|call| call.at.order < order && !call.at.in_assert).any(|call| {
        call.call.args.iter().any(|argument| {
            let text = test.text(at, argument);
            sides.iter().any(|side| side.ends_with(']') && text.contains(side))
        })
    })
}

/// `zip({"a", "b"}, [1, 2])`
fn pairs_a_set(sites: &Sites<'_>, site: &CallSite<'_>) -> bool {
    let value = |expr: &Expr, wanted: fn(&ExprKind) -> bool| {
        wanted(&expr.kind)
            || expr.as_name().and_then(|name| sites.bound(name, site.at.order)).is_some_and(|bound| wanted(&bound.kind))
    };
    let is_set = |kind: &ExprKind| matches!(kind, ExprKind::Set(parts) if parts.len() > 1);
    let is_list = |kind: &ExprKind| matches!(kind, ExprKind::List(_) | ExprKind::Tuple(_));
    site.call.args.iter().any(|argument| value(argument, is_set))
        && site.call.args.iter().any(|argument| value(argument, is_list))
}

fn paired(text: &str, span: Span) -> Smell {
    Smell {
        span,
        severity: Severity::High,
        confidence: 0.9,
        message: format!("`{text}` pairs the elements of a set, whose order changes with the hash seed, with a list"),
        help: "write the pairs out, or use a list or dict instead of the set".to_owned(),
    }
}

/// A place that makes an order out of a set.
struct Found<'a> {
    expr: &'a Expr,
    set: &'a Expr,
    /// One element out of it.
    is_pick: bool,
}

/// Looks at expressions as of one assertion.
struct Look<'r, 'a, 'v> {
    at: &'r Reached<'a, 'v>,
    order: u32,
}

impl<'a> Look<'_, 'a, '_> {
    /// A name as the expression it was bound to.
    fn resolve(&self, expr: &'a Expr) -> &'a Expr {
        expr.as_name().and_then(|name| self.at.sites.bound(name, self.order)).unwrap_or(expr)
    }

    fn ordered_set(&self, expr: &'a Expr, depth: u8) -> Option<Found<'a>> {
        let found = |set: &'a Expr, is_pick| Some(Found { expr, set, is_pick });
        match &expr.kind {
            ExprKind::Name(_) if depth < 2 => {
                let bound = self.resolve(expr);
                if std::ptr::eq(bound, expr) { None } else { self.ordered_set(bound, depth + 1) }
            }
            ExprKind::Call(call) => {
                let first = call.args.first();
                match &call.func.kind {
                    ExprKind::Name(name) => match &**name {
                        "list" | "tuple" | "str" | "repr" => found(self.set(first?, 0)?, false),
                        "next" => {
                            let inner = first?.as_call()?;
                            (inner.func.as_name() == Some("iter")).then_some(())?;
                            found(self.set(inner.args.first()?, 0)?, true)
                        }
                        _ => None,
                    },
                    ExprKind::Attribute { value, attr } => match &**attr {
                        "join" if value.as_str().is_some() => found(self.set(first?, 0)?, false),
                        "pop" if call.args.is_empty() => self.set(value, 0).and_then(|_| found(value, true)),
                        _ => None,
                    },
                    _ => None,
                }
            }
            ExprKind::Subscript { value, index }
                if index.first().is_some_and(|index| index.as_number().is_some()) =>
            {
                Some(Found { is_pick: true, ..self.ordered_set(value, depth + 1)? })
            }
            ExprKind::Comprehension(inner) if inner.kind == Collection::List => {
                found(self.set(&inner.clauses.first()?.1, 0)?, false)
            }
            _ => None,
        }
    }

    /// The expression that makes the set, if this is one of two elements or more.
    fn set(&self, expr: &'a Expr, depth: u8) -> Option<&'a Expr> {
        let is_set = match &expr.kind {
            ExprKind::Set(parts) => parts.len() > 1,
            ExprKind::Comprehension(inner) => inner.kind == Collection::Set,
            ExprKind::Call(call) => match &call.func.kind {
                ExprKind::Name(name) => {
                    matches!(&**name, "set" | "frozenset")
                        && call
                            .args
                            .first()
                            .is_some_and(|arg| length(self.resolve(arg)).is_none_or(|length| length > 1))
                }
                ExprKind::Attribute { value, attr } => {
                    matches!(&**attr, "union" | "intersection" | "difference" | "symmetric_difference")
                        && self.set(value, depth).is_some()
                }
                _ => false,
            },
            ExprKind::Binary { left, op, right } => {
                matches!(&**op, "|" | "&" | "-" | "^")
                    && (self.set(left, depth).is_some() || self.set(right, depth).is_some())
            }
            ExprKind::Name(_) if depth < 2 => {
                let bound = self.resolve(expr);
                return if std::ptr::eq(bound, expr) { None } else { self.set(bound, depth + 1) };
            }
            _ => false,
        };
        is_set.then_some(expr)
    }
}

/// How many elements a literal has; one where each is the same name.
fn length(expr: &Expr) -> Option<usize> {
    match &expr.kind {
        ExprKind::List(parts) | ExprKind::Tuple(parts) | ExprKind::Set(parts) => {
            let named = parts.first().and_then(Expr::dotted);
            let is_one = named.is_some() && parts.iter().all(|part| part.dotted() == named);
            Some(if is_one { 1 } else { parts.len() })
        }
        _ => None,
    }
}

fn is_made_of_numbers(set: &Expr) -> bool {
    match &set.kind {
        ExprKind::Set(_) => holds_numbers(set),
        ExprKind::Call(call) => call.func.as_name() == Some("set") && call.args.first().is_some_and(holds_numbers),
        _ => false,
    }
}

fn holds_numbers(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number { .. } => true,
        ExprKind::List(parts) | ExprKind::Tuple(parts) | ExprKind::Set(parts) => {
            !parts.is_empty() && parts.iter().all(|part| part.as_number().is_some())
        }
        ExprKind::Call(call) => {
            call.func.as_name() == Some("range") || call.args.first().is_some_and(holds_numbers)
        }
        _ => false,
    }
}

/// `assert len(found) == 1 and found.pop() == …`, also of a list that was made of the set.
fn holds_one(test: &Context<'_, '_>, at: &Reached<'_, '_>, set: &Expr, listed: &[&str]) -> bool {
    let is_named = |name: &str, order: u32| {
        at.sites.value_of(name, order).is_some_and(|value| value.span == set.span)
    };
    let is_it = |text: &str| {
        text == test.text(at, set) || listed.contains(&text) || is_named(text, u32::MAX)
    };
    at.sites.asserts.iter().flat_map(|assert| comparisons(assert.test)).any(|comparison| {
        let is_length = |expr: &Expr| {
            expr.as_call().is_some_and(|call| {
                call.func.as_name() == Some("len")
                    && call.args.first().is_some_and(|arg| is_it(test.text(at, arg)))
            })
        };
        comparison.op == "==" && is_length(comparison.left) && comparison.right.as_number() == Some(1.0)
    })
}

/// What other code gives may come out of the same set, and then in the same order.
fn is_made_elsewhere(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Await(_) | ExprKind::Subscript { .. } => true,
        ExprKind::Attribute { attr, .. } => attr.chars().any(char::is_lowercase),
        ExprKind::Call(call) => match &call.func.kind {
            ExprKind::Name(name) => !matches!(&**name, "sorted" | "list" | "tuple" | "str" | "repr"),
            ExprKind::Attribute { value, .. } => value.as_str().is_none(),
            _ => true,
        },
        _ => false,
    }
}

/// A list or tuple of texts, or of numbers, which have an order.
fn is_listed(expr: &Expr) -> bool {
    let (ExprKind::List(parts) | ExprKind::Tuple(parts)) = &expr.kind else { return false };
    parts.iter().all(|part| part.as_str().is_some()) || parts.iter().all(|part| part.as_number().is_some())
}

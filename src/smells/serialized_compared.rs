//! # FD803 serialized-compared
//!
//! ## What it detects
//! An assertion that compares serialized text: JSON or `str` of a set or of a dictionary as text, or two results
//! of `json.dumps` without `sort_keys`.
//!
//! ## Why it makes tests unstable
//! Equal data has many texts. The order of keys follows the order of insertion, which may come from a set, a
//! directory, a database or several threads; the order of a set changes with the hash seed.
//!
//! ## Example
//! ```python
//! assert response.text == '{"name": "ada", "tags": ["a", "b"]}'
//! ```
//!
//! ## Use instead
//! A comparison of the data.
//! ```python
//! assert response.json() == {"name": "ada", "tags": ["a", "b"]}
//! ```
//!
//! ## Known false positives
//! Text whose exact form is what the test is about (reported as medium at most, as insertion order is fixed).

use super::assertions::{Comparison, comparisons};
use super::words::is_test_code;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Collection, Expr, ExprKind};

pub(super) struct SerializedCompared;

impl Rule for SerializedCompared {
    fn code(&self) -> &'static str {
        "FD803"
    }

    fn name(&self) -> &'static str {
        "serialized-compared"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, assert) in test.asserts() {
            if at.role == Role::Teardown || !is_test_code(test, at) {
                continue;
            }
            let look = Look { at, order: assert.at.order };
            let compared = comparisons(assert.test);
            let equal = compared.iter().filter(|comparison| comparison.op == "==");
            let Some((severity, text, why)) = equal.into_iter().find_map(|comparison| look.judge(comparison))
            else {
                continue;
            };
            report.add(
                at,
                Smell {
                    span: assert.span,
                    severity,
                    confidence: if severity == Severity::High { 0.85 } else { 0.6 },
                    message: format!("`{}` {why}", test.text(at, text)),
                    help: "compare the data (response.json(), json.loads(…)), or serialize with sort_keys=True and \
                           sorted lists"
                        .to_owned(),
                },
            );
        }
    }
}

struct Look<'r, 'a, 'v> {
    at: &'r Reached<'a, 'v>,
    order: u32,
}

type Found<'a> = (Severity, &'a Expr, &'static str);

impl<'a> Look<'_, 'a, '_> {
    fn resolve(&self, expr: &'a Expr) -> &'a Expr {
        expr.as_name().and_then(|name| self.at.sites.bound(name, self.order)).unwrap_or(expr)
    }

    fn judge(&self, comparison: &Comparison<'a>) -> Option<Found<'a>> {
        let (left, right) = (self.resolve(comparison.left), self.resolve(comparison.right));
        for (one, other) in [(left, right), (right, left)] {
            if let Some(set) = self.dumped_set(one) {
                return Some((
                    Severity::High,
                    set,
                    "is written in the order of a set, which changes with the hash seed",
                ));
            }
            if let Some(set) = self.written_set(one) {
                return Some((
                    Severity::Medium,
                    set,
                    "is written out as a set, whose order changes with the hash seed and with how it was filled",
                ));
            }
            if dumps(one).is_some() && (dumps(other).is_some() || is_json_object(other)) {
                return Some((
                    Severity::Low,
                    one,
                    "compares text, which differs when keys come in another order",
                ));
            }
            if matches!(one.kind, ExprKind::Call(_)) && !is_sorted_dump(one) && names_in_order(other) {
                return Some((
                    Severity::Low,
                    other,
                    "is text in which names stand in one order, and what writes it may use another",
                ));
            }
        }
        None
    }

    /// The set in `f"{set(names)} is unknown"` or `str({"a", "b"})`.
    fn written_set(&self, expr: &'a Expr) -> Option<&'a Expr> {
        let is_written = |part: &&Expr| {
            let set = part.as_name().and_then(|name| self.at.sites.bound(name, self.order)).unwrap_or(part);
            is_set(set) && !set.as_call().is_some_and(|call| call.args.first().is_none_or(holds_few))
        };
        match &expr.kind {
            ExprKind::Str { parts, .. } => parts.iter().find(is_written),
            ExprKind::Call(call) if matches!(call.func.as_name(), Some("str" | "repr")) => {
                call.args.first().filter(is_written)
            }
            _ => None,
        }
    }

    /// The set that `json.dumps(list(set(…)))` writes.
    fn dumped_set(&self, expr: &'a Expr) -> Option<&'a Expr> {
        let data = dumps(expr)?;
        let mut found = None;
        data.any(&mut |part| {
            let is_list_of_set = part.as_call().is_some_and(|call| {
                matches!(call.func.as_name(), Some("list" | "tuple"))
                    && call.args.first().is_some_and(|arg| {
                        let arg = arg
                            .as_name()
                            .and_then(|name| self.at.sites.bound(name, self.order))
                            .unwrap_or(arg);
                        is_set(arg)
                    })
            });
            if is_list_of_set {
                found = Some(());
            }
            is_list_of_set
        });
        found.map(|()| data)
    }
}

/// The data that a call of `json.dumps` without `sort_keys` writes.
fn dumps(expr: &Expr) -> Option<&Expr> {
    let ExprKind::Call(call) = &expr.kind else { return None };
    let ExprKind::Attribute { value, attr } = &call.func.kind else { return None };
    let is_dumps =
        &**attr == "dumps" && matches!(value.as_name(), Some("json" | "simplejson" | "ujson" | "yaml"));
    let is_sorted = call.keyword("sort_keys").is_some_and(Expr::is_true);
    (is_dumps && !is_sorted).then(|| call.args.first())?
}

fn is_set(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Set(parts) => parts.len() > 1,
        ExprKind::Comprehension(inner) => inner.kind == Collection::Set,
        ExprKind::Call(call) => matches!(call.func.as_name(), Some("set" | "frozenset")),
        _ => false,
    }
}

/// A list or tuple of one element, or none.
fn holds_few(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::List(parts) | ExprKind::Tuple(parts) if parts.len() < 2)
}

/// Whether a call writes with `sort_keys`.
fn is_sorted_dump(expr: &Expr) -> bool {
    expr.as_call().is_some_and(|call| call.keyword("sort_keys").is_some())
}

/// The text of a JSON object with two keys beside each other, or of an empty element with two attributes.
fn names_in_order(expr: &Expr) -> bool {
    let text = match &expr.kind {
        ExprKind::Binary { left, op, .. } if &**op == "%" => left.as_str(),
        _ => expr.as_str(),
    };
    let Some(text) = text else { return false };
    if let Some(element) = text.strip_prefix('<').and_then(|rest| rest.strip_suffix("/>")) {
        return !element.contains('<') && element.matches("='").count() + element.matches("=\"").count() > 1;
    }
    let is_object = text.starts_with('{') && text.ends_with('}');
    is_object
        && text.split(',').skip(1).any(|part| {
            let part = part.trim_start_matches([' ', '\n', '\\', 'n']);
            let key = part.strip_prefix('"').and_then(|rest| rest.split_once('"'));
            key.is_some_and(|(_, rest)| rest.trim_start().starts_with(':'))
        })
}

/// The text of a JSON object with two keys or more.
fn is_json_object(expr: &Expr) -> bool {
    expr.as_str().is_some_and(|text| text.trim_start().starts_with('{') && text.matches(':').count() > 1)
}

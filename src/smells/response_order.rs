//! # FD805 response-order
//!
//! ## What it detects
//! Fields picked from a list that a service answered, compared with a list in a fixed order, or the first and the second
//! of them with different texts, where the request names no order.
//!
//! ## Why it makes tests unstable
//! A service gives what its storage gives: files in the order of the file system, rows in the order of a plan, keys of a
//! set. That order is nobody's promise.
//!
//! ## Example
//! ```python
//! names = [item["name"] for item in client.get("/files").json()]
//! assert names == ["a.txt", "b.txt"]
//! ```
//!
//! ## Use instead
//! A comparison without order, or a request that names one.
//! ```python
//! assert {item["name"] for item in client.get("/files").json()} == {"a.txt", "b.txt"}
//! ```
//!
//! ## Known false positives
//! A service that promises an order by default.

use super::assertions::comparisons;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Collection, Expr, ExprKind};

pub(super) struct ResponseOrder;

impl Rule for ResponseOrder {
    fn code(&self) -> &'static str {
        "FD805"
    }

    fn name(&self) -> &'static str {
        "response-order"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            let gives_rows = |path: &str| path.ends_with(".json") || path.contains("search");
            if !at.sites.calls.iter().any(|site| gives_rows(&site.path)) {
                continue;
            }
            let mut seen: Vec<Row<'_>> = vec![];
            for assert in &at.sites.asserts {
                let look = Look { at, order: assert.at.order };
                let found = comparisons(assert.test)
                    .into_iter()
                    .filter(|comparison| comparison.op == "==")
                    .flat_map(|comparison| {
                        [(comparison.left, comparison.right), (comparison.right, comparison.left)]
                    })
                    .find_map(|(one, other)| {
                        let sides = [one, other];
                        let by_place = look.at_a_place(one, other).filter(|(_, row)| {
                            let differs = seen.iter().any(|known| row.is_another(known));
                            seen.push(*row);
                            differs
                        });
                        let picked = look.picked(one).filter(|_| look.is_listed(other));
                        picked.map(|answer| (answer, Some(sides))).or_else(|| by_place.map(|(answer, _)| (answer, None)))
                    });
                let Some((answer, listed)) = found.filter(|(answer, _)| !names_order(test.text(at, answer))) else {
                    continue;
                };
                report.add_mended(
                    at,
                    Smell {
                        span: assert.span,
                        severity: Severity::Low,
                        confidence: 0.5,
                        message: format!(
                            "`{}` names no order, so the service may list the same things in another one",
                            test.text(at, answer)
                        ),
                        help: "compare sets or sorted lists, or ask for an order in the request".to_owned(),
                    },
                    |mut mend| {
                        mend.sort(listed?)?;
                        mend.risky("compare what is listed in sorted order")
                    },
                );
            }
        }
    }
}

/// What an assertion wants to stand at one place of a list.
#[derive(Clone, Copy)]
struct Row<'a> {
    rows: &'a str,
    place: f64,
    field: &'a str,
    wanted: &'a str,
}

impl Row<'_> {
    /// Whether the same field of another row is wanted to be something else.
    fn is_another(&self, other: &Row<'_>) -> bool {
        (self.rows, self.field) == (other.rows, other.field)
            && self.place != other.place
            && self.wanted != other.wanted
    }
}

struct Look<'r, 'a, 'v> {
    at: &'r Reached<'a, 'v>,
    order: u32,
}

impl<'a> Look<'_, 'a, '_> {
    /// What a name was last bound to before an expression or, for the assertion itself, before that.
    fn resolve(&self, expr: &'a Expr) -> &'a Expr {
        expr.as_name().and_then(|name| self.at.sites.value_of(name, self.order)).unwrap_or(expr)
    }

    /// The call of `json()` whose elements `[item["name"] for item in …]` picks from.
    fn picked(&self, expr: &'a Expr) -> Option<&'a Expr> {
        let ExprKind::Comprehension(inner) = &self.resolve(expr).kind else { return None };
        let [element] = inner.element.as_slice() else { return None };
        let is_field = matches!(element.kind, ExprKind::Subscript { .. } | ExprKind::Attribute { .. });
        if inner.kind != Collection::List || !is_field {
            return None;
        }
        self.answer(&inner.clauses.first()?.1, 0)
    }

    /// `results[1]["name"] == "b"`, where a service or a search gave the results: who gave them, and the row.
    fn at_a_place(&self, one: &'a Expr, other: &'a Expr) -> Option<(&'a Expr, Row<'a>)> {
        let wanted = other.as_str()?;
        let (row, field) = match &one.kind {
            ExprKind::Subscript { value, index } => (value, index.first()?.as_str()?),
            ExprKind::Attribute { value, attr } => (value, &**attr),
            _ => return None,
        };
        let ExprKind::Subscript { value: rows, index } = &row.kind else { return None };
        let place = index.first()?.as_number()?;
        let name = rows.as_name()?;
        let given = self.answer(rows, 0).or_else(|| self.found(rows))?;
        Some((given, Row { rows: name, place, field, wanted }))
    }

    /// The call of a search that gave a local.
    fn found(&self, rows: &'a Expr) -> Option<&'a Expr> {
        let value = self.resolve(rows);
        let call = value.as_call()?;
        let searches = |expr: &Expr| expr.any(&mut |part| match &part.kind {
            ExprKind::Name(name) | ExprKind::Attribute { attr: name, .. } => name.contains("search"),
            _ => false,
        });
        searches(&call.func).then_some(value)
    }

    fn answer(&self, expr: &'a Expr, depth: u8) -> Option<&'a Expr> {
        if depth > 3 {
            return None;
        }
        match &expr.kind {
            ExprKind::Name(_) => {
                let value = self.resolve(expr);
                if std::ptr::eq(value, expr) { None } else { self.answer(value, depth + 1) }
            }
            ExprKind::Subscript { value, .. } | ExprKind::Await(value) => self.answer(value, depth + 1),
            ExprKind::Call(call) => match &call.func.kind {
                ExprKind::Attribute { attr, .. } if &**attr == "json" => Some(expr),
                // a helper that picks some of them
                ExprKind::Name(name) if &**name != "sorted" => self.answer(call.args.first()?, depth + 1),
                _ => None,
            },
            _ => None,
        }
    }

    /// A list of two texts or more that differ.
    fn is_listed(&self, expr: &'a Expr) -> bool {
        let ExprKind::List(parts) = &self.resolve(expr).kind else { return false };
        parts.len() > 1 && parts.iter().all(|part| part.as_str().is_some())
            && parts.windows(2).any(|pair| pair[0].as_str() != pair[1].as_str())
    }
}

fn names_order(text: &str) -> bool {
    ["sort=", "sort_by", "order=", "order_by", "ordering="].iter().any(|word| text.contains(word))
}

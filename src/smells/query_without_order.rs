//! # FD804 query-without-order
//!
//! ## What it detects
//! An assertion on the order of rows, or on one row by its position, of a query that names no order.
//!
//! ## Why it makes tests unstable
//! Without `ORDER BY` a database gives rows as it finds them. That changes with its version, its plan, concurrent
//! writes and updates of a row; it often holds on SQLite and fails on PostgreSQL.
//!
//! ## Example
//! ```python
//! assert list(Order.objects.filter(open=True)) == [first, second]
//! ```
//!
//! ## Use instead
//! An order, or a comparison without one.
//! ```python
//! assert list(Order.objects.filter(open=True).order_by("id")) == [first, second]
//! ```
//!
//! ## Known false positives
//! A Django model with `Meta.ordering`, for which this is reported as medium.

use super::assertions::comparisons;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};

pub(super) struct QueryWithoutOrder;

impl Rule for QueryWithoutOrder {
    fn code(&self) -> &'static str {
        "FD804"
    }

    fn name(&self) -> &'static str {
        "query-without-order"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            let is_query = |path: &str| {
                path.contains(".objects.") || path.ends_with(".query") || path.ends_with(".fetchall")
            };
            if !at.sites.calls.iter().any(|site| is_query(&site.path)) {
                continue;
            }
            for assert in &at.sites.asserts {
                let look = Look { test, at, order: assert.at.order };
                let found = comparisons(assert.test).into_iter().find_map(|comparison| {
                    let sides = [(comparison.left, comparison.right), (comparison.right, comparison.left)];
                    sides.into_iter().find_map(|(one, other)| {
                        let is_rows = comparison.is_equality() && is_long(look.resolve(other));
                        look.picked_within(one, 0).or_else(|| look.rows(one, 0).filter(|_| is_rows))
                    })
                });
                let Some(query) = found else { continue };
                report.add_mended(
                    at,
                    Smell {
                        span: assert.span,
                        severity: Severity::Medium,
                        confidence: 0.65,
                        message: format!(
                            "`{}` names no order, so the rows may come in another one",
                            test.text(at, query).split_whitespace().collect::<Vec<_>>().join(" ")
                        ),
                        help: "add order_by(…) or ORDER BY to the query, or compare sets or sorted lists"
                            .to_owned(),
                    },
                    |mut mend| {
                        // rows were made in the order of their keys
                        chain(query).contains(&"objects").then_some(())?;
                        mend.insert(query.span.end, ".order_by(\"pk\")");
                        mend.risky("order the rows by their keys")
                    },
                );
            }
        }
    }
}

struct Look<'r, 'a, 'v> {
    test: &'r Context<'a, 'v>,
    at: &'r Reached<'a, 'v>,
    order: u32,
}

impl<'a> Look<'_, 'a, '_> {
    fn resolve(&self, expr: &'a Expr) -> &'a Expr {
        expr.as_name().and_then(|name| self.at.sites.bound(name, self.order)).unwrap_or(expr)
    }

    /// The query whose row at a position this reads: `Order.objects.all()[0].name`.
    fn picked(&self, expr: &'a Expr, depth: u8) -> Option<&'a Expr> {
        match &expr.kind {
            ExprKind::Subscript { value, index }
                if index.first().is_some_and(|index| index.as_number().is_some()) =>
            {
                self.rows(value, depth + 1)
            }
            ExprKind::Attribute { value, .. } => self.picked(value, depth),
            ExprKind::Name(_) if depth < 2 => {
                let bound = self.resolve(expr);
                if std::ptr::eq(bound, expr) { None } else { self.picked(bound, depth + 1) }
            }
            _ => None,
        }
    }

    /// As [`Self::picked`], also as a part of what is expected: `[{"name": orders[0].name}, …]`.
    fn picked_within(&self, expr: &'a Expr, depth: u8) -> Option<&'a Expr> {
        if let Some(found) = self.picked(expr, 0).filter(|_| !self.is_the_only(expr)) {
            return Some(found);
        }
        let holds = matches!(expr.kind, ExprKind::List(_) | ExprKind::Dict(_) | ExprKind::Tuple(_));
        let parts = if holds && depth < 3 { expr.children() } else { vec![] };
        parts.into_iter().find_map(|part| self.picked_within(part, depth + 1))
    }

    /// `assert len(orders) == 1`, and then `orders[0]`.
    fn is_the_only(&self, picked: &'a Expr) -> bool {
        let mut next = picked;
        let rows = loop {
            next = match &next.kind {
                ExprKind::Subscript { value, .. } => break self.test.text(self.at, value),
                ExprKind::Attribute { value, .. } => value,
                ExprKind::Name(_) if !std::ptr::eq(self.resolve(next), next) => self.resolve(next),
                _ => return false,
            }
        };
        // `Order.objects.all()`, or what `Order.objects` holds in all
        let manager = rows.trim_start_matches("list(").trim_end_matches(')').trim_end_matches(".all(");
        let counts = [format!("len({rows})"), format!("{rows}.count()"), format!("{manager}.count()")];
        let is_count = |expr: &Expr| counts.iter().any(|count| self.test.text(self.at, expr) == count);
        let is_one = |expr: &Expr| expr.as_number() == Some(1.0);
        let all = self.at.sites.asserts.iter().flat_map(|assert| comparisons(assert.test));
        all.into_iter().filter(|one| one.is_equality()).any(|one| {
            (is_count(one.left) && is_one(one.right)) || (is_one(one.left) && is_count(one.right))
        })
    }

    /// The query without an order whose rows these are.
    fn rows(&self, expr: &'a Expr, depth: u8) -> Option<&'a Expr> {
        match &expr.kind {
            ExprKind::Name(_) if depth < 3 => {
                let bound = self.resolve(expr);
                if std::ptr::eq(bound, expr) { None } else { self.rows(bound, depth + 1) }
            }
            ExprKind::Call(call) if matches!(call.func.as_name(), Some("list" | "tuple")) => {
                self.rows(call.args.first()?, depth + 1)
            }
            ExprKind::Call(_) => self.is_unordered(expr).then_some(expr),
            _ => None,
        }
    }

    fn is_unordered(&self, expr: &Expr) -> bool {
        let chain = chain(expr);
        let has = |name: &str| chain.contains(&name);
        if has("order_by") || has("latest") || has("earliest") || has("sort") || has("mock_calls") {
            return false;
        }
        let gives_rows = matches!(
            chain.first(),
            Some(&"all" | &"filter" | &"exclude" | &"values_list" | &"values" | &"select_related")
        );
        let is_django = has("objects") && gives_rows;
        let is_sqlalchemy =
            has("query") && chain.first() == Some(&"all") && (has("session") || has("db") || has("Session"));
        let is_sql = chain.first() == Some(&"fetchall") && {
            let text = self.test.text(self.at, expr).to_ascii_uppercase();
            text.contains("SELECT")
                && !text.contains("ORDER BY")
                && text.contains(" FROM ")
                && !text.contains("COUNT(")
        };
        is_django || is_sqlalchemy || is_sql
    }
}

/// The names along a chain of attributes and calls, last first: `Order.objects.all()` ─▶ `all objects Order`.
fn chain(expr: &Expr) -> Vec<&str> {
    let (mut out, mut next) = (vec![], Some(expr));
    while let Some(expr) = next {
        next = match &expr.kind {
            ExprKind::Call(call) => Some(&call.func),
            ExprKind::Attribute { value, attr } => {
                out.push(&**attr);
                Some(value)
            }
            ExprKind::Await(value) => Some(value),
            ExprKind::Name(name) => {
                out.push(name);
                None
            }
            _ => None,
        };
    }
    out
}

/// A list or tuple of two elements or more that is written out.
fn is_long(expr: &Expr) -> bool {
    let (ExprKind::List(parts) | ExprKind::Tuple(parts)) = &expr.kind else { return false };
    // the same text again and again has one order
    let texts: Option<Vec<&str>> = parts.iter().map(Expr::as_str).collect();
    parts.len() > 1 && texts.is_none_or(|texts| texts.windows(2).any(|pair| pair[0] != pair[1]))
}

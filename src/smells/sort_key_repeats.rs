//! # FD806 sort-key-repeats
//!
//! ## What it detects
//! Records sorted by one field and compared with a list in which two records have the same value of that field.
//!
//! ## Why it makes tests unstable
//! Sorting leaves records with equal keys as they came. Where they come from a listing, a set or parallel work, those
//! two come now this way round and now that.
//!
//! ## Example
//! ```python
//! assert sorted(found, key=lambda flow: flow["name"]) == [
//!     {"name": "load", "file": "a.py"},
//!     {"name": "load", "file": "b.py"},
//! ]
//! ```
//!
//! ## Use instead
//! A key that tells all records apart.
//! ```python
//! sorted(found, key=lambda flow: (flow["name"], flow["file"]))
//! ```
//!
//! ## Known false positives
//! Records whose order before the sorting is certain.

use super::assertions::comparisons;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};

pub(super) struct SortKeyRepeats;

impl Rule for SortKeyRepeats {
    fn code(&self) -> &'static str {
        "FD806"
    }

    fn name(&self) -> &'static str {
        "sort-key-repeats"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            if !at.sites.calls.iter().any(|site| site.path == "sorted" && site.call.keyword("key").is_some()) {
                continue;
            }
            for assert in &at.sites.asserts {
                let found = comparisons(assert.test)
                    .into_iter()
                    .filter(|comparison| comparison.op == "==")
                    .flat_map(|comparison| {
                        [(comparison.left, comparison.right), (comparison.right, comparison.left)]
                    })
                    .find_map(|(one, other)| {
                        let (lambda, key) = sorted_by(at, one, assert.at.order)?;
                        repeats(test, at, other, key).then_some((lambda, key, other))
                    });
                let Some((lambda, key, other)) = found else { continue };
                report.add_mended(
                    at,
                    Smell {
                        span: assert.span,
                        severity: Severity::Medium,
                        confidence: 0.8,
                        message: format!(
                            "two of the expected records have the same `{key}`, so sorting by it leaves their order open"
                        ),
                        help: "sort by a tuple of fields that tells all records apart, or compare without order"
                            .to_owned(),
                    },
                    |mut mend| {
                        // the import of another key would be left over
                        matches!(lambda.kind, ExprKind::Lambda(_)).then_some(())?;
                        let key = "lambda one: sorted(one.items())";
                        mend.replace(lambda.span, key);
                        mend.wrap(other, "sorted(", &format!(", key={key})"));
                        mend.safe("sort by all that the records hold")
                    },
                );
            }
        }
    }
}

/// The key, and the field, that `sorted(…, key=lambda record: record["field"])` sorts by.
fn sorted_by<'a>(at: &Reached<'a, '_>, expr: &'a Expr, order: u32) -> Option<(&'a Expr, &'a str)> {
    let expr = expr.as_name().and_then(|name| at.sites.bound(name, order)).unwrap_or(expr);
    let call = expr.as_call().filter(|call| call.func.as_name() == Some("sorted"))?;
    let key = call.keyword("key")?;
    let field = match &key.kind {
        ExprKind::Lambda(body) => match &body.kind {
            ExprKind::Subscript { index, .. } => index.first()?.as_str(),
            _ => None,
        },
        ExprKind::Call(getter) => getter.args.first().filter(|_| getter.args.len() == 1)?.as_str(),
        _ => None,
    };
    field.map(|field| (key, field))
}

fn repeats(test: &Context<'_, '_>, at: &Reached<'_, '_>, expr: &Expr, key: &str) -> bool {
    let ExprKind::List(records) = &expr.kind else { return false };
    let values: Vec<&str> = records
        .iter()
        .filter_map(|record| {
            let ExprKind::Dict(entries) = &record.kind else { return None };
            let (_, value) =
                entries.iter().find(|(name, _)| name.as_ref().and_then(Expr::as_str) == Some(key))?;
            Some(test.text(at, value))
        })
        .collect();
    values.iter().enumerate().any(|(index, value)| values[..index].contains(value))
}

//! # FD208 exception-group-order
//!
//! ## What it detects
//! The exceptions of an exception group, raised by tasks that run side by side, compared in a fixed order: as a list,
//! or as the group's text.
//!
//! ## Why it makes tests unstable
//! The group holds its exceptions in the order in which the tasks ended. Which task ends first is up to the scheduler;
//! Trio even shuffles its tasks on purpose.
//!
//! ## Example
//! ```python
//! assert [str(error) for error in caught.value.exceptions] == ["parent", "child"]
//! ```
//!
//! ## Use instead
//! A comparison without order.
//! ```python
//! assert sorted(str(error) for error in caught.value.exceptions) == ["child", "parent"]
//! ```
//!
//! ## Known false positives
//! A group that the test builds itself is not reported, as nothing is spawned then. Tasks that wait for each other end
//! in a known order.

use super::comparison::{Operator, comparisons};
use super::words::is_spawn;
use super::{Context, Report, Rule, Severity, Smell};
use crate::python::ast::{Collection, Expr, ExprKind};

pub(super) struct ExceptionGroupOrder;

impl Rule for ExceptionGroupOrder {
    fn code(&self) -> &'static str {
        "FD208"
    }

    fn name(&self) -> &'static str {
        "exception-group-order"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in &test.reach {
            let is_async = at.function.function.is_async || at.sites.awaits > 0;
            if !is_async || !at.sites.calls.iter().any(|site| is_spawn(&site.path)) {
                continue;
            }
            for assert in &at.sites.asserts {
                let found = comparisons(assert)
                    .into_iter()
                    .filter(|pair| pair.operator == Operator::Equal)
                    .flat_map(|pair| [(pair.left, pair.right), (pair.right, pair.left)])
                    .find(|(one, other)| keeps_order(one, other));
                let Some((group, listed)) = found else { continue };
                report.add_mended(
                    at,
                    Smell {
                        span: assert.span,
                        severity: Severity::Medium,
                        confidence: 0.75,
                        message: format!(
                            "`{}` lists exceptions in the order in which the tasks ended, yet is compared in a fixed one",
                            test.text(at, group)
                        ),
                        help: "compare sorted(…) of the messages, a set of the types, or use pytest.RaisesGroup"
                            .to_owned(),
                    },
                    |mut mend| {
                        // texts have an order, exceptions have none
                        let ExprKind::List(parts) = &listed.kind else { return None };
                        parts.iter().all(|part| part.as_str().is_some()).then_some(())?;
                        mend.sort([group, listed])?;
                        mend.safe("compare the exceptions without their order")
                    },
                );
            }
        }
    }
}

/// Whether `one` holds a group's exceptions in their order and `other` expects two or more.
fn keeps_order(one: &Expr, other: &Expr) -> bool {
    match &one.kind {
        ExprKind::Comprehension(inner) if inner.kind == Collection::List => {
            let over_group = inner.clauses.iter().any(|(_, iter)| {
                matches!(&iter.kind, ExprKind::Attribute { attr, .. } if &**attr == "exceptions")
            });
            over_group && matches!(&other.kind, ExprKind::List(parts) | ExprKind::Tuple(parts) if parts.len() > 1)
        }
        ExprKind::Call(call) if matches!(call.func.as_name(), Some("repr" | "str")) => other
            .as_str()
            .is_some_and(|text| text.contains("ExceptionGroup") && text.matches("('").count() > 1),
        _ => false,
    }
}

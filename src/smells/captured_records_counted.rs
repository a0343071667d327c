//! # FD614 captured-records-counted
//!
//! ## What it detects
//! An exact number of all log records or warnings that were captured (`len(caplog.records) == 1`, `len(recwarn) == 1`),
//! or the first of all records (`caplog.messages[0] == …`), whoever wrote them.
//!
//! ## Why it makes tests unstable
//! Other parts of the process log and warn too: a background thread, a library in a new version, an unclosed resource of
//! an earlier test that the garbage collector finds just now. And a warning that an earlier test has seen already may
//! not come a second time.
//!
//! ## Example
//! ```python
//! assert len(caplog.records) == 1
//! ```
//!
//! ## Use instead
//! Count those that the code under test writes.
//! ```python
//! own = [record for record in caplog.records if record.name == "shop.orders"]
//! assert len(own) == 1
//! ```
//!
//! ## Known false positives
//! A process in which nothing else logs or warns.

use super::assertions::comparisons;
use super::words::last;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};

pub(super) struct CapturedRecordsCounted;

impl Rule for CapturedRecordsCounted {
    fn code(&self) -> &'static str {
        "FD614"
    }

    fn name(&self) -> &'static str {
        "captured-records-counted"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            let captures = |name: &str| at.sites.locals.get(name).is_some_and(|path| path == &format!("@{name}"));
            let has_records = ["caplog", "recwarn"].iter().any(|name| captures(name));
            let has_warnings = at.sites.withs.iter().any(|with| is_catcher(&with.path));
            if !has_records && !has_warnings {
                continue;
            }
            for assert in &at.sites.asserts {
                let counted = comparisons(assert.test)
                    .into_iter()
                    .filter(|comparison| comparison.op == "==")
                    .find_map(|comparison| {
                        let is_number = comparison.right.as_number().is_some_and(|number| number > 0.0);
                        let number = is_number.then(|| counted(at, comparison.left)).flatten();
                        number.or_else(|| first(comparison.left)).or_else(|| first(comparison.right))
                    });
                let Some(counted) = counted else { continue };
                report.add(
                    at,
                    Smell {
                        span: assert.span,
                        severity: Severity::Low,
                        confidence: 0.6,
                        message: format!(
                            "`{}` holds the records of everything in the process, and foreign ones slip in",
                            test.text(at, counted)
                        ),
                        help: "filter by logger name, category or message before counting".to_owned(),
                    },
                );
            }
        }
    }
}

fn is_catcher(path: &str) -> bool {
    path == "warnings.catch_warnings()"
}

/// `caplog.records[0].message`, `first(caplog.messages)`: the records that one is taken from by its place.
fn first(expr: &Expr) -> Option<&Expr> {
    match &expr.kind {
        ExprKind::Attribute { value, .. } => first(value),
        ExprKind::Subscript { value, index } => match index.as_slice() {
            [place] if place.as_number() == Some(0.0) => holds_all(value).then_some(&**value).or_else(|| first(value)),
            _ => first(value),
        },
        ExprKind::Call(call) => match &call.func.kind {
            ExprKind::Name(name) if &**name == "first" => {
                call.args.first().filter(|records| holds_all(records))
            }
            ExprKind::Attribute { value, .. } => first(value),
            _ => None,
        },
        _ => None,
    }
}

/// `caplog.records`
fn holds_all(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Attribute { value, attr }
        if value.as_name() == Some("caplog") && matches!(&**attr, "records" | "messages" | "record_tuples"))
}

/// What is counted, where it holds all records or warnings.
fn counted<'a>(at: &Reached<'_, '_>, expr: &'a Expr) -> Option<&'a Expr> {
    let call = expr.as_call().filter(|call| call.func.as_name() == Some("len"))?;
    let counted = call.args.first()?;
    let is_all = match &counted.kind {
        ExprKind::Name(name) => {
            &**name == "recwarn"
                || at
                    .sites
                    .withs
                    .iter()
                    .any(|with| with.target == Some(&**name) && is_catcher(&with.path))
        }
        ExprKind::Attribute { value, attr } => {
            holds_all(counted) || (value.as_name() == Some("recwarn") && last(attr) == "list")
        }
        _ => false,
    };
    is_all.then_some(counted)
}

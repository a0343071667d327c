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
use super::mend::Mend;
use super::words::last;
use super::{Context, Fix, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::any_expression;
use crate::python::ast::{Collection, Comprehension, Expr, ExprKind, Stmt};
use crate::python::sites::AssertSite;

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
                let Some(all) = comparisons(assert.test).into_iter().filter(|pair| pair.op == "==").find_map(|pair| {
                    let sides = [(pair.left, pair.right), (pair.right, pair.left)];
                    let counts = |(one, other)| counted(at, one).filter(|all| is_number(all, other));
                    let is_list = |(one, other): (&Expr, &Expr)| holds_all(one) && is_filled(other);
                    sides.into_iter().find_map(counts).or_else(|| {
                        sides.into_iter().find_map(|(one, _)| one_of(one)).or_else(|| sides.into_iter().find(|pair| is_list(*pair)).map(|(one, _)| one))
                    })
                }) else {
                    continue;
                };
                report.add_mended(
                    at,
                    Smell {
                        span: assert.span,
                        severity: Severity::Low,
                        confidence: 0.6,
                        message: format!(
                            "`{}` holds the records of everything in the process, and foreign ones slip in",
                            test.text(at, all)
                        ),
                        help: "filter by logger name, category or message before counting".to_owned(),
                    },
                    |mend| own(mend, at, assert, all),
                );
            }
        }
    }
}

fn is_catcher(path: &str) -> bool {
    path == "warnings.catch_warnings()"
}

/// `1`; that there was no warning at all is asked of `recwarn` alone, which hears those of clean-ups too.
fn is_number(all: &Expr, number: &Expr) -> bool {
    number.as_number().is_some_and(|number| number > 0.0 || (number == 0.0 && all.as_name() == Some("recwarn")))
}

fn is_filled(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::List(items) if !items.is_empty())
}

/// `caplog.records[0].message`, `caplog.messages[-1]`, `first(caplog.messages)`: the records that one is taken from by its
/// place.
fn one_of(expr: &Expr) -> Option<&Expr> {
    match &expr.kind {
        ExprKind::Attribute { value, .. } => one_of(value),
        ExprKind::Subscript { value, index } => match index.as_slice() {
            [place] if matches!(place.as_number(), Some(0.0 | -1.0)) => {
                holds_all(value).then_some(&**value).or_else(|| one_of(value))
            }
            _ => one_of(value),
        },
        ExprKind::Call(call) => match &call.func.kind {
            ExprKind::Name(name) if &**name == "first" => {
                call.args.first().filter(|records| holds_all(records))
            }
            ExprKind::Attribute { value, .. } => one_of(value),
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
fn counted<'a>(at: &Reached<'a, '_>, expr: &'a Expr) -> Option<&'a Expr> {
    let call = expr.as_call().filter(|call| call.func.as_name() == Some("len"))?;
    let counted = call.args.first()?;
    let is_all = match &counted.kind {
        ExprKind::Name(name) => {
            let catches = |target: Option<&str>| target == Some(&**name);
            &**name == "recwarn"
                || at.sites.withs.iter().any(|with| catches(with.target) && is_catcher(&with.path))
                || at.sites.value_of(name, u32::MAX).is_some_and(is_of_any_logger)
        }
        ExprKind::Attribute { value, attr } => {
            holds_all(counted) || (value.as_name() == Some("recwarn") && last(attr) == "list")
        }
        _ => is_of_any_logger(counted),
    };
    is_all.then_some(counted)
}

/// `[record for record in caplog.records if record.levelname == "WARNING"]`: chosen by their level, whoever wrote them.
fn is_of_any_logger(expr: &Expr) -> bool {
    let ExprKind::Comprehension(inner) = &expr.kind else { return false };
    let Comprehension { kind: Collection::List, clauses, conditions, .. } = &**inner else { return false };
    let asks_level = |condition: &Expr| {
        let mut attributes = vec![];
        condition.any(&mut |part| {
            if let ExprKind::Attribute { attr, .. } = &part.kind {
                attributes.push(attr.to_string());
            }
            false
        });
        !attributes.is_empty() && attributes.iter().all(|name| name.starts_with("level") || name.to_uppercase() == *name || name == "logging")
    };
    matches!(clauses.as_slice(), [(_, all)] if holds_all(all)) && conditions.iter().all(asks_level)
}

/// Only what the code under test wrote is counted, where the test names its logger, or the category or text of what it
/// expects.
fn own(mut mend: Mend<'_>, at: &Reached<'_, '_>, assert: &AssertSite<'_>, all: &Expr) -> Option<Fix> {
    let text = mend.text(all).to_owned();
    let name = text.split('.').next()?;
    let one = if name == "caplog" { "record" } else { "warning" };
    let of_logger = || {
        let mut calls = at.sites.calls.iter().filter(|call| matches!(last(&call.path), "at_level" | "set_level"));
        let logger = calls.find_map(|call| call.call.argument(1, "logger"))?;
        (text == "caplog.records").then(|| format!("{one}.name == {}", mend.text(logger)))
    };
    let of_category = || {
        let mut found = None;
        any_expression(&at.function.function.body, &mut |part| {
            found = found.take().or_else(|| category(part, name).map(|category| mend.text(category).to_owned()));
            found.is_some()
        });
        found.map(|category| format!("issubclass({one}.category, {category})"))
    };
    let of_tuples = || {
        let mut pairs = comparisons(assert.test).into_iter().filter(|pair| mend.text(pair.left) == text);
        let logger = mend.text(one_logger(pairs.next()?.right)?).to_owned();
        (text == "caplog.record_tuples").then(|| format!("{one}[0] == {logger}"))
    };
    let filter = if name == "caplog" { of_logger().or_else(of_tuples) } else { of_category() }?;
    // the first of several assertions brings the filter for all
    let is_known = |one: &AssertSite<'_>| one.at.order < assert.at.order && one.test.any(&mut |part| mend.text(part) == text);
    if at.sites.asserts.iter().any(is_known) {
        return None;
    }
    let stmt = mend.statement(assert.span)?;
    let used = |stmt: &Stmt| mend.places(stmt, &text);
    // what comes after another act is asked of other records
    let mut after = mend.from(stmt).iter().peekable();
    let mut uses = vec![];
    while let Some(stmt) = after.next_if(|stmt| mend.asserts(stmt) || !used(stmt).is_empty()) {
        uses.extend(used(stmt));
    }
    if after.any(|stmt| !used(stmt).is_empty()) {
        return None;
    }
    let own = mend.free_name(&format!("own_{one}s"))?;
    for span in uses {
        mend.replace(span, own.clone());
    }
    mend.before(stmt, &[format!("{own} = [{one} for {one} in {text} if {filter}]")])?;
    mend.risky("count only what the code under test wrote")
}

/// The logger that all of the expected `(logger, level, message)` name.
fn one_logger(expected: &Expr) -> Option<&Expr> {
    let ExprKind::List(items) = &expected.kind else { return None };
    let named = |item: &Expr| match &item.kind {
        ExprKind::Tuple(parts) => parts.first().and_then(Expr::as_str).map(str::to_owned),
        _ => None,
    };
    let ExprKind::Tuple(parts) = &items.first()?.kind else { return None };
    let name = named(items.first()?)?;
    items.iter().all(|item| named(item).as_ref() == Some(&name)).then(|| parts.first()).flatten()
}

/// `issubclass(caught[0].category, DeprecationWarning)`, `caught[-1].category is DeprecationWarning`
fn category<'e>(expr: &'e Expr, all: &str) -> Option<&'e Expr> {
    let asks = |side: &Expr| match &side.kind {
        ExprKind::Attribute { value, attr } if &**attr == "category" => {
            matches!(&value.kind, ExprKind::Subscript { value, .. } if value.as_name() == Some(all))
        }
        _ => false,
    };
    let found = match &expr.kind {
        ExprKind::Compare { left, rest } => match rest.as_slice() {
            [(op, category)] if asks(left) && matches!(&**op, "is" | "==") => Some(category),
            _ => None,
        },
        ExprKind::Call(call) => match call.args.as_slice() {
            [one, category] if asks(one) => Some(category),
            _ => None,
        },
        _ => None,
    };
    found.filter(|category| category.as_name().is_some() || matches!(category.kind, ExprKind::Attribute { .. }))
}

//! Remedies of several rules: what is opened goes under `with`, what is patched by hand is put back.

use super::Mend;
use crate::python::ast::*;
use crate::python::sites::{CallSite, WriteSite};
use crate::smells::{Applicability, Fix};

/// Puts what `site` opens into a `with` statement: the statement that uses it at once, or all up to its last use.
pub(in crate::smells) fn in_with(
    mut mend: Mend<'_>,
    site: &CallSite<'_>,
    applicability: Applicability,
) -> Option<Fix> {
    if site.at.in_nested || site.awaited {
        return None;
    }
    let stmt = mend.statement(site.expr.span)?;
    let opened = mend.text(site.expr);
    let whole = |value: &Option<Expr>| value.as_ref().is_some_and(|value| value.span == site.expr.span);
    match &stmt.kind {
        StmtKind::Assign { targets, value, annotation: None } if whole(value) => {
            let [target] = targets.as_slice() else { return None };
            let name = target.as_name()?;
            mend.under_with(stmt, opened, name, None)?;
        }
        StmtKind::Assign { .. } | StmtKind::Expr(_) | StmtKind::Assert { .. } => {
            let is_lazy = |part: &Expr| {
                let can_wait = matches!(
                    part.kind,
                    ExprKind::Lambda(_)
                        | ExprKind::Comprehension(_)
                        | ExprKind::Conditional { .. }
                        | ExprKind::Bools(_)
                );
                can_wait && part.span.holds(site.expr.span)
            };
            let waits =
                crate::python::expressions(stmt).into_iter().any(|expr| expr.any(&mut |part| is_lazy(part)));
            let dropped = matches!(&stmt.kind, StmtKind::Expr(expr) if expr.span == site.expr.span);
            if waits || dropped || mend.has_long_text(stmt.span) || mend.module.text(stmt.span).contains('\n')
            {
                return None;
            }
            let name = mend.free_name("file")?;
            let (before, after) = (
                Span { start: stmt.span.start, end: site.expr.span.start },
                Span { start: site.expr.span.end, end: stmt.span.end },
            );
            let first = format!("{}{name}{}", mend.module.text(before), mend.module.text(after));
            mend.under_with(stmt, opened, &name, Some(&first))?;
        }
        _ => return None,
    }
    mend.finish(applicability, "open it in a with statement, which closes it".to_owned())
}

/// `owner.name = value` by `monkeypatch.setattr`; in a unittest class with a clean-up registered before it.
pub(in crate::smells) fn patched(mut mend: Mend<'_>, write: &WriteSite<'_>) -> Option<Fix> {
    let stmt = mend.statement(write.span)?;
    let StmtKind::Assign { targets, value: Some(value), annotation: None } = &stmt.kind else { return None };
    let [target] = targets.as_slice() else { return None };
    let (owner, name, item) = match &target.kind {
        ExprKind::Attribute { value: owner, attr } => (owner, format!("\"{attr}\""), false),
        ExprKind::Subscript { value: owner, index } => (owner, mend.text(index.first()?).to_owned(), true),
        _ => return None,
    };
    let owner = mend.text(owner);
    if let Some(register) = mend.own_cleanup() {
        if item {
            return None;
        }
        let before = mend.text(target);
        mend.before(stmt, &[&format!("{register}(setattr, {owner}, {name}, {before})")])?;
        return mend.risky("put back what was there when the test ends");
    }
    mend.fixture("monkeypatch")?;
    let set = if item { "setitem" } else { "setattr" };
    mend.replace(stmt.span, format!("monkeypatch.{set}({owner}, {name}, {})", mend.text(value)));
    mend.risky("change it with monkeypatch, which puts back what was there")
}

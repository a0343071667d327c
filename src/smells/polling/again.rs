//! Polls of what has to be read again, in place of a pause before it is read once.

use super::conditions;
use crate::python::ast::{Expr, ExprKind, Span, Stmt, StmtKind};
use crate::smells::Fix;
use crate::smells::mend::Mend;
use crate::words::is_word_in;

/// What is read after the pause, and asserted then, is read again until it holds.
pub(super) fn read_again(
    mut mend: Mend<'_>,
    pause: &Stmt,
    reads: &[Stmt],
    asserted: &[Stmt],
    again: &str,
    seconds: &str,
) -> Option<Fix> {
    let read: Vec<&str> = reads.iter().map(|stmt| mend.text_of(stmt.span)).collect();
    let mut names = reads.iter().filter_map(|stmt| match &stmt.kind {
        StmtKind::Assign { targets, .. } => targets.first().and_then(|target| target.as_name()),
        _ => None,
    });
    let name = names.next_back()?;
    let has_come = asserted.first().and_then(|stmt| has_come(stmt, name));
    let all = has_come.or_else(|| Some(conditions(&mend, asserted)?.holds()))?;
    let is_asked = is_word_in(name, &all);
    let is_short = read.iter().all(|text| !text.contains('\n'));
    (is_asked && is_short).then_some(())?;
    let deadline = mend.deadline(seconds)?;
    let mut lines = vec![deadline.set, "while True:".to_owned()];
    lines.extend(read.iter().map(|text| format!("    {text}")));
    lines.push(format!("    if {all} or {}:", deadline.has_passed));
    lines.push("        break".to_owned());
    mend.before(pause, &lines)?;
    let (start, end) = (pause.span.start, reads.last()?.span.end);
    mend.replace(Span { start, end }, again);
    mend.risky("read it again until what is asserted holds")
}

/// `message is not None` of what was read.
fn has_come(stmt: &Stmt, name: &str) -> Option<String> {
    let is_it = |expr: &Expr| expr.as_name() == Some(name);
    let asks = match &stmt.kind {
        StmtKind::Assert { test, .. } => match &test.kind {
            ExprKind::Compare { left, rest } => {
                is_it(left)
                    && matches!(rest.as_slice(), [(op, none)] if &**op == "is not" && matches!(none.kind, ExprKind::None))
            }
            _ => false,
        },
        StmtKind::Expr(expr) => expr.as_call().is_some_and(|call| {
            let method = call.func.dotted().and_then(|parts| parts.last().copied());
            method == Some("assertIsNotNone") && call.args.first().is_some_and(is_it)
        }),
        _ => false,
    };
    asks.then(|| format!("{name} is not None"))
}

/// `info = client.get_info()`: reads something that can be read again.
pub(super) fn is_reading(mend: &Mend<'_>, stmt: &Stmt) -> bool {
    let StmtKind::Assign { targets, value: Some(value), annotation: None } = &stmt.kind else { return false };
    let value = match &value.kind {
        ExprKind::Await(inner) => inner,
        _ => value,
    };
    let Some(call) = value.as_call() else { return false };
    let name = mend.text(&call.func).rsplit('.').next().unwrap_or_default();
    const READS: [&str; 16] = [
        "get", "read", "fetch", "list", "info", "status", "state", "count", "query", "find", "load", "poll",
        "receive", "recv", "consume", "pull",
    ];
    let is_one = matches!(targets.as_slice(), [target] if target.as_name().is_some());
    is_one && name.split('_').any(|word| READS.contains(&word.trim_end_matches('s')) || READS.contains(&word))
}

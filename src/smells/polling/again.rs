//! Polls of what has to be read again, in place of a pause before it is read once.

use super::conditions;
use crate::python::ast::{Expr, ExprKind, Span, Stmt, StmtKind};
use crate::smells::Fix;
use crate::smells::expectations::awaited;
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
    let (start, end) = (pause.span.start, reads.last()?.span.end);
    // with the comments between them
    let text = mend.text_of(Span { start: pause.span.end, end });
    let read: Vec<&str> = text.lines().skip(1).map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut names = reads.iter().filter_map(|stmt| match &stmt.kind {
        StmtKind::Assign { targets, .. } => targets.first().and_then(|target| target.as_name()),
        _ => None,
    });
    let name = names.next_back()?;
    let all = match asserted.first().and_then(|stmt| has_come(stmt, name)) {
        Some(come) => match conditions(&mend, &asserted[1..]) {
            Some(rest) => format!("{come} and {}", rest.holds()),
            None => come,
        },
        None => conditions(&mend, asserted)?.holds(),
    };
    let is_asked = is_word_in(name, &all);
    let is_short = reads.iter().all(|stmt| !mend.text_of(stmt.span).contains('\n'));
    (is_asked && is_short && read.len() >= reads.len()).then_some(())?;
    let deadline = mend.deadline(seconds)?;
    let mut lines = vec![deadline.set, "while True:".to_owned()];
    lines.extend(read.iter().map(|text| format!("    {text}")));
    lines.push(format!("    if {all} or {}:", deadline.has_passed));
    lines.push("        break".to_owned());
    mend.before(pause, &lines)?;
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
    let Some(call) = awaited(value).as_call() else { return false };
    let name = mend.text(&call.func).rsplit('.').next().unwrap_or_default();
    const READS: [&str; 16] = [
        "get", "read", "fetch", "list", "info", "status", "state", "count", "query", "find", "load", "poll",
        "receive", "recv", "consume", "pull",
    ];
    const ACTS: [&str; 14] = [
        "pop", "create", "add", "send", "put", "post", "delete", "remove", "make", "process", "run", "start",
        "update", "drain",
    ];
    let is_one = matches!(targets.as_slice(), [target] if target.as_name().is_some());
    // `store.rows()`
    let is_plural = name.ends_with('s') && name.chars().all(|char| char.is_lowercase() || char == '_');
    if name.split('_').any(|word| ACTS.contains(&word)) {
        return false;
    }
    is_one
        && (is_plural
            || name
                .split('_')
                .any(|word| READS.contains(&word.trim_end_matches('s')) || READS.contains(&word)))
}

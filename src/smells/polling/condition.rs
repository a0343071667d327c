//! What an assertion asks, as a condition that can be asked again and again before it holds.

use super::LINE;
use crate::python::ast::{Expr, ExprKind, Stmt, StmtKind};
use crate::smells::assertions::comparisons;
use crate::smells::mend::Mend;
use crate::smells::words::is_nothing;

/// Whether a condition may hold before anything happened: nothing there, nothing called. A poll would not wait for it.
fn holds_at_once(test: &Expr) -> bool {
    match &test.kind {
        ExprKind::Unary { op, .. } => &**op == "not",
        ExprKind::Compare { rest, .. } => rest.iter().any(|(op, right)| {
            matches!(&**op, "!=" | "not in" | "is not" | "<" | "<=") || (&**op != ">" && is_empty(right))
        }),
        ExprKind::Bools(parts) => parts.iter().any(holds_at_once),
        ExprKind::Call(call) => match &call.func.kind {
            ExprKind::Attribute { attr, .. } if attr.starts_with("assert") => {
                ["False", "None", "Not", "Less"].iter().any(|word| attr.contains(word))
                    || (&**attr != "assertGreater" && call.args.iter().any(is_empty))
            }
            _ => false,
        },
        _ => false,
    }
}

fn is_empty(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Tuple(parts) => parts.is_empty(),
        ExprKind::Dict(parts) => parts.is_empty(),
        ExprKind::Str { text, .. } => text.is_empty(),
        _ => is_nothing(expr),
    }
}

/// Methods that only ask begin so.
const ASKS: [&str; 29] = [
    "active_",
    "activeCount",
    "all_tasks",
    "enumerate",
    "is_",
    "has_",
    "get_",
    "exists",
    "count",
    "poll",
    "keys",
    "values",
    "items",
    "assert",
    "query",
    "find",
    "read_text",
    "done",
    "empty",
    "qsize",
    "startswith",
    "endswith",
    "strip",
    "decode",
    "split",
    "lower",
    "format",
    "join",
    "dumps",
];

/// Functions that only ask.
const ASKING: [&str; 16] = [
    "len",
    "set",
    "list",
    "tuple",
    "dict",
    "sorted",
    "bool",
    "int",
    "str",
    "repr",
    "all",
    "any",
    "sum",
    "isinstance",
    "hasattr",
    "enumerate",
];

/// What an assertion, or a loop of them, asks, as an expression that can be asked again and again before it holds.
pub(super) fn condition(mend: &Mend<'_>, stmt: &Stmt) -> Option<String> {
    let test = match &stmt.kind {
        StmtKind::Assert { test, .. } => test,
        StmtKind::Expr(test) => test,
        StmtKind::For { target, iter, body, or_else, is_async: false } if or_else.is_empty() => {
            let all: Vec<String> = body.iter().map(|stmt| condition(mend, stmt)).collect::<Option<_>>()?;
            let is_kept = iter.as_name().is_some() || matches!(iter.kind, ExprKind::Attribute { .. });
            let (all, target, iter) = (all.join(" and "), mend.text(target), mend.text(iter));
            return is_kept.then(|| format!("all({all} for {target} in {iter})"));
        }
        _ => return None,
    };
    let mut once = |part: &Expr| match &part.kind {
        ExprKind::Await(_) | ExprKind::Walrus { .. } | ExprKind::Yield(_) => true,
        ExprKind::Call(call) => match &call.func.kind {
            ExprKind::Name(name) => !ASKING.contains(&&**name),
            ExprKind::Attribute { attr, .. } => !ASKS.iter().any(|word| attr.starts_with(word)),
            _ => true,
        },
        _ => false,
    };
    if holds_at_once(test) {
        return None;
    }
    let of_mock = matches!(stmt.kind, StmtKind::Expr(_)).then(|| asked_of_mock(mend, test)).flatten();
    if of_mock.is_some() {
        return of_mock;
    }
    if let Some(filled) = filled(mend, test) {
        return Some(filled);
    }
    if test.any(&mut once) {
        return None;
    }
    let mut parts = guards(mend, test)?;
    parts.push(asked(mend, stmt, test)?);
    in_one_line(&parts.join(" and ")).filter(|all| parts.len() == 1 || all.len() <= LINE)
}

/// That what is read at fixed places is there: `len(rows) > 0` for `rows[0]`, `"name" in rows[0]` for `rows[0]["name"]`.
fn guards(mend: &Mend<'_>, expr: &Expr) -> Option<Vec<String>> {
    let mut out = vec![];
    if matches!(expr.kind, ExprKind::Comprehension(_) | ExprKind::Lambda(_)) {
        return (!reads_places(expr)).then_some(out);
    }
    for part in expr.children() {
        out.extend(guards(mend, part)?);
    }
    if let ExprKind::Subscript { value, index } = &expr.kind {
        let [place] = index.as_slice() else { return None };
        let all = mend.text(value);
        let guard = match (place.as_number(), place.as_str()) {
            // of a mock that was not called
            (Some(_), _) if all.ends_with(".call_args") => format!("{all} is not None"),
            (Some(place), _) if place >= 0.0 => format!("len({all}) > {place}"),
            (Some(_), _) => format!("len({all}) > 0"),
            (_, Some(_)) => format!("{} in {all}", mend.text(place)),
            _ => return None,
        };
        if value.any(&mut |part| part.as_call().is_some()) {
            return None;
        }
        out.push(guard);
    }
    out.dedup();
    Some(out)
}

pub(super) fn reads_places(expr: &Expr) -> bool {
    expr.any(&mut |part| matches!(part.kind, ExprKind::Subscript { .. }))
}

/// An expression that is broken over lines, in one line that is not too long; comments and texts over lines stay as they are.
pub(super) fn in_one_line(text: &str) -> Option<String> {
    if !text.contains('\n') {
        return Some(text.to_owned());
    }
    let mut out = String::new();
    for line in text.lines().map(str::trim) {
        let joins =
            out.is_empty() || out.ends_with(['(', '[', '{']) || line.starts_with(['.', ')', ']', '}']);
        // of a tuple of one the comma is a part
        if line.starts_with([']', '}']) && out.ends_with(',') {
            out.pop();
        }
        if !joins {
            out.push(' ');
        }
        out.push_str(line);
    }
    let is_plain = !["#", "\"\"\"", "'''", "\\"].iter().any(|sign| text.contains(sign));
    (is_plain && out.len() <= LINE).then_some(out)
}

/// `store.rows` for a comparison of it with a literal of many lines: that something is there at all.
fn filled(mend: &Mend<'_>, test: &Expr) -> Option<String> {
    let all = comparisons(test);
    let [one] = all.as_slice() else { return None };
    let is_long = |side: &Expr| {
        mend.text(side).contains('\n')
            && match &side.kind {
                ExprKind::Dict(items) => !items.is_empty(),
                ExprKind::List(items) | ExprKind::Set(items) => !items.is_empty(),
                _ => false,
            }
    };
    let is_kept = |side: &Expr| matches!(side.kind, ExprKind::Name(_) | ExprKind::Attribute { .. });
    let (left, right) = (one.left, one.right);
    let kept = if is_long(right) { left } else { Some(right).filter(|_| is_long(left))? };
    (one.op == "==" && is_kept(kept)).then(|| mend.text(kept).to_owned())
}

/// What the condition of an assertion is, as it is written.
fn asked(mend: &Mend<'_>, stmt: &Stmt, test: &Expr) -> Option<String> {
    if matches!(stmt.kind, StmtKind::Assert { .. }) {
        return Some(mend.text(test).to_owned());
    }
    let call = test.as_call()?;
    let ExprKind::Attribute { value, attr } = &call.func.kind else { return None };
    if value.as_name() != Some("self") {
        return None;
    }
    match (&**attr, call.args.as_slice()) {
        ("assertTrue", [one, ..]) => Some(mend.text(one).to_owned()),
        ("assertFalse", [one, ..]) => Some(format!("not {}", mend.text(one))),
        _ => match comparisons(test).as_slice() {
            [one] if one.op != "~=" => {
                Some(format!("{} {} {}", mend.text(one.left), one.op, mend.text(one.right)))
            }
            _ => None,
        },
    }
}

/// `send.called` for `send.assert_called_once_with(…)`, whatever it is given.
pub(super) fn asked_of_mock(mend: &Mend<'_>, test: &Expr) -> Option<String> {
    let ExprKind::Attribute { value, attr } = &test.as_call()?.func.kind else { return None };
    let mock = mend.text(value);
    let is_kept = !mock.contains(['[', '(', '\n']) && mock != "self";
    was_called(attr).filter(|_| is_kept).map(|asks| format!("{mock}.{asks}"))
}

/// What a mock's assertion waits for first: a call at all.
fn was_called(assertion: &str) -> Option<&'static str> {
    match assertion {
        "assert_called"
        | "assert_called_once"
        | "assert_called_with"
        | "assert_called_once_with"
        | "assert_any_call" => Some("called"),
        _ if assertion.starts_with("assert_awaited") || assertion == "assert_any_await" => {
            Some("await_count")
        }
        _ => None,
    }
}

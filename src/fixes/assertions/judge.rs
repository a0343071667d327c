//! In what one assertion accepts more than another.

use super::numbers::{Place, margin, renumbered};
use super::{Width, called, shown, squeezed};
use crate::fixes::functions::for_each_nested;
use crate::python::Module;
use crate::python::ast::{Call, Expr, ExprKind, Function, StmtKind};

pub(super) type Side<'m> = (&'m Module, &'m Expr);
/// What names of the second version stand for, where that is written in the function.
pub(super) type Bound = std::collections::BTreeMap<String, Vec<String>>;

/// `with open(path) as file`, `name = value`
pub(super) fn bound(module: &Module, function: &Function) -> Bound {
    let mut out = Bound::new();
    for_each_nested(&function.body, &mut |stmt| {
        let mut add = |target: &Expr, value: &Expr| {
            if let Some(name) = target.as_name() {
                out.entry(name.to_owned()).or_default().push(squeezed(module, value));
            }
        };
        match &stmt.kind {
            StmtKind::With { items, .. } => {
                items.iter().for_each(|(expr, target)| target.iter().for_each(|target| add(target, expr)));
            }
            StmtKind::Assign { targets, value: Some(value), .. } => {
                targets.iter().for_each(|target| add(target, value));
            }
            _ => {}
        }
    });
    out
}
type Widths = Vec<(String, Width)>;

/// In what the second accepts more than the first; `None` where it is weaker or asks something else.
pub(super) fn judge(before: Side<'_>, after: Side<'_>, names: &Bound) -> Option<Widths> {
    match (&before.1.kind, &after.1.kind) {
        (ExprKind::Compare { left: l1, rest: r1 }, ExprKind::Compare { left: l2, rest: r2 })
            if r1.len() == r2.len() =>
        {
            // what is compared with itself is always so
            if r2.iter().any(|(_, right)| squeezed(after.0, right) == squeezed(after.0, l2)) {
                return None;
            }
            let mut out = operand((before.0, l1), (after.0, l2), "==", names)?;
            for ((op1, right1), (op2, right2)) in r1.iter().zip(r2) {
                match (&**op1, &**op2) {
                    (one, two) if one == two => {}
                    ("==", ">=" | "<=") | (">", ">=") | ("<", "<=") => {
                        out.push((format!("`{op1}` becomes `{op2}`"), Width::Bound));
                    }
                    _ => return None,
                }
                out.extend(operand((before.0, right1), (after.0, right2), op2, names)?);
            }
            Some(out)
        }
        // `left == 60` becomes `55 <= left <= 61`
        (ExprKind::Compare { left, rest: one }, ExprKind::Compare { left: least, rest: range })
            if let ([(equal, number)], [(from, middle), (to, most)]) = (one.as_slice(), range.as_slice()) =>
        {
            let [number, least, most] = [number, &**least, most].map(Expr::as_number);
            let is_range = [&**equal, &**from, &**to] == ["==", "<=", "<="]
                && squeezed(before.0, left) == squeezed(after.0, middle)
                && least? <= number?
                && number? <= most?;
            is_range.then(|| vec![(format!("{} becomes a range", shown(after.0, middle)), Width::Bound)])
        }
        (ExprKind::Unary { op: o1, operand: a }, ExprKind::Unary { op: o2, operand: b }) if o1 == o2 => {
            judge((before.0, a), (after.0, b), names)
        }
        (ExprKind::Bools(a), ExprKind::Bools(b)) if a.len() == b.len() => {
            let mut out = vec![];
            for (one, two) in a.iter().zip(b) {
                out.extend(judge_or_same((before.0, one), (after.0, two), names)?);
            }
            Some(out)
        }
        _ => calls(before, after, names),
    }
}

fn judge_or_same(before: Side<'_>, after: Side<'_>, names: &Bound) -> Option<Widths> {
    if squeezed(before.0, before.1) == squeezed(after.0, after.1) {
        Some(vec![])
    } else {
        judge(before, after, names)
    }
}

/// `assertEqual(a, b)` ─▶ `assertAlmostEqual(a, b)`, `done.is_set()` ─▶ `done.wait(10)`
fn calls(before: Side<'_>, after: Side<'_>, names: &Bound) -> Option<Widths> {
    let (one, two) = (before.1.as_call()?, after.1.as_call()?);
    let (from, to) = (called(before.1)?, called(after.1)?);
    if matches!((from, to), ("is_set", "wait")) {
        return Some(vec![]);
    }
    let receiver = |side: Side<'_>| match &side.1.as_call().map(|call| &call.func.kind) {
        Some(ExprKind::Attribute { value, .. }) => squeezed(side.0, value),
        _ => String::new(),
    };
    if receiver(before) != receiver(after) || one.args.len() != two.args.len() {
        return None;
    }
    let mut out = vec![];
    match (from, to) {
        _ if from == to => {}
        ("assertEqual" | "assertListEqual" | "assertSequenceEqual", "assertCountEqual") => {
            out.push(("the order no longer counts".to_owned(), Width::Order));
        }
        ("assertEqual" | "assertEquals", "assertAlmostEqual")
        | ("assert_array_equal" | "assert_equal", "assert_allclose" | "assert_array_almost_equal") => {
            out.push((format!("`{from}` becomes `{to}`"), Width::Bound));
        }
        ("assertEqual", "assertGreaterEqual" | "assertLessEqual")
        | ("assertLess", "assertLessEqual")
        | ("assertGreater", "assertGreaterEqual") => {
            out.push((format!("`{from}` becomes `{to}`"), Width::Bound));
        }
        _ => return None,
    }
    let op = match to {
        "assertLess" | "assertLessEqual" => "<",
        "assertGreater" | "assertGreaterEqual" => ">",
        _ => "==",
    };
    for (a, b) in one.args.iter().zip(&two.args) {
        // what is asserted may be a comparison itself: `assertTrue(a == b)`
        if is_longer(to, None, a, b) {
            continue;
        }
        let inner = judge_or_same((before.0, a), (after.0, b), names)
            .or_else(|| operand((before.0, a), (after.0, b), op, names));
        out.extend(inner?);
    }
    for (name, value) in &one.keywords {
        let now = two.keywords.iter().find(|(known, _)| known == name).map(|(_, value)| value)?;
        if squeezed(before.0, value) != squeezed(after.0, now) && !is_longer(to, name.as_deref(), value, now)
        {
            out.push((format!("`{}` changes", name.as_deref().unwrap_or("**")), Width::Bound));
        }
    }
    let added = two.keywords.iter().filter(|(name, _)| !one.keywords.iter().any(|(known, _)| known == name));
    for (name, _) in added {
        out.push((format!("`{}` is given", name.as_deref().unwrap_or("**")), Width::Bound));
    }
    Some(out)
}

/// A time-out that is longer than before: whoever waits for what comes anyway waits no longer.
fn is_longer(called: &str, keyword: Option<&str>, from: &Expr, to: &Expr) -> bool {
    let waits =
        ["wait", "join", "get", "result", "poll", "acquire", "communicate", "recv", "select", "timeout"];
    let (Some(from), Some(to)) = (from.as_number(), to.as_number()) else { return false };
    to > from && waits.iter().any(|word| keyword.unwrap_or(called).contains(word))
}

/// One side of a comparison.
fn operand(before: Side<'_>, after: Side<'_>, op: &str, names: &Bound) -> Option<Widths> {
    let (old, new) = (squeezed(before.0, before.1), squeezed(after.0, after.1));
    if old == new {
        return Some(vec![]);
    }
    if let Some(all) = filtered(&old, after, names) {
        return Some(vec![(format!("of {all} only some count"), Width::Own)]);
    }
    if let Some(margin) = margin(&old, after, op) {
        return Some(vec![(format!("{old} has a margin of {margin}"), Width::Bound)]);
    }
    if let Some((from, to, place)) = renumbered(before, after) {
        let wider = match (place, op) {
            (Place::Tolerance, _) | (Place::Sum, "<" | "<=") => to > from,
            (Place::Sum, ">" | ">=") => to < from,
            (Place::Difference, ">" | ">=") => to > from,
            _ => false,
        };
        if wider {
            return Some(vec![(format!("{from} becomes {to}"), Width::Bound)]);
        }
    }
    // the same, sorted by something else
    if let (Some(one), Some(two)) = (sorted(before.1), sorted(after.1))
        && is_alike((before.0, one), (after.0, two), names)
    {
        return Some(vec![]);
    }
    let ((inner, now), (known, was)) = (stripped(after.1), stripped(before.1));
    if now != was && now.is_some() && is_alike((before.0, known), (after.0, inner), names) {
        return Some(vec![match now {
            Some(Width::Bound) => (format!("{old} is met within a tolerance"), Width::Bound),
            _ => ("the order no longer counts".to_owned(), Width::Order),
        }]);
    }
    is_alike(before, after, names).then(Vec::new)
}

/// `caplog.records`, where `own = [record for record in caplog.records if …]` stands in its place, or `spans`, where
/// `span = next(one for one in spans if …)` stands in place of `spans[4]`.
fn filtered(old: &str, after: Side<'_>, names: &Bound) -> Option<String> {
    let mut found = None;
    after.1.any(&mut |part| {
        let known = part.as_name().and_then(|name| names.get(name)).map_or(&[][..], |known| known);
        found = found.take().or_else(|| known.iter().find_map(|value| of_filter(value, part, old, after)));
        found.is_some()
    });
    found
}

/// What a filter `[one for one in ALL if …]` or `next(one for one in ALL if …)` goes over, where the old text has `ALL`, or
/// one place of it, instead of its name.
fn of_filter(filter: &str, name: &Expr, old: &str, after: Side<'_>) -> Option<String> {
    let (clause, is_one) = match filter.strip_prefix("next(") {
        Some(clause) => (clause, true),
        None => (filter.strip_prefix('[')?, false),
    };
    let (one, rest) = clause.split_once("for")?;
    let all = rest.split_once("if")?.0.strip_prefix(one)?.strip_prefix("in")?;
    let was = if is_one {
        let place = old.split_once(&format!("{all}["))?.1.split_once(']')?.0;
        place.trim_start_matches('-').parse::<u32>().ok()?;
        format!("{all}[{place}]")
    } else {
        all.to_owned()
    };
    (squeezed(after.0, after.1).replace(name.as_name()?, &was) == old).then(|| all.to_owned())
}

/// What `sorted(…)` is given.
fn sorted(expr: &Expr) -> Option<&Expr> {
    expr.as_call().filter(|_| called(expr) == Some("sorted"))?.args.first()
}

/// The same but for a path or a name in place of one that was written out, a name for what it stands for, and longer
/// time-outs: the same is still asked.
fn is_alike(before: Side<'_>, after: Side<'_>, names: &Bound) -> bool {
    let old = squeezed(before.0, before.1);
    if old == squeezed(after.0, after.1) {
        return true;
    }
    let alike = |(one, two): (&Expr, &Expr)| is_alike((before.0, one), (after.0, two), names);
    match (&before.1.kind, &after.1.kind) {
        (_, ExprKind::Name(name)) if names.get(&**name).is_some_and(|known| known.contains(&old)) => true,
        (ExprKind::Call(one), ExprKind::Call(two)) => {
            let keywords =
                |call: &Call| call.keywords.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            let called = called(after.1).unwrap_or_default();
            let mut values = one.keywords.iter().zip(&two.keywords);
            alike((&one.func, &two.func))
                && one.args.len() == two.args.len()
                && keywords(one) == keywords(two)
                && one
                    .args
                    .iter()
                    .zip(&two.args)
                    .all(|(one, two)| is_longer(called, None, one, two) || alike((one, two)))
                && values.all(|((name, one), (_, two))| {
                    is_longer(called, name.as_deref(), one, two) || alike((one, two))
                })
        }
        (ExprKind::Await(one), ExprKind::Await(two)) => alike((one, two)),
        (ExprKind::Attribute { value: one, attr: from }, ExprKind::Attribute { value: two, attr: to }) => {
            from == to && alike((one, two))
        }
        (ExprKind::Subscript { value: one, index: i }, ExprKind::Subscript { value: two, index: j }) => {
            alike((one, two)) && i.len() == j.len() && i.iter().zip(j).all(alike)
        }
        (ExprKind::Str { .. } | ExprKind::Name(_), _) => !is_constant(after.1),
        _ => false,
    }
}

fn is_constant(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Bool(_) | ExprKind::None | ExprKind::Number { .. } | ExprKind::Str { .. })
}

/// What stands in `sorted(…)`, `set(…)`, `approx(…)`, and in what is wider for it.
fn stripped(expr: &Expr) -> (&Expr, Option<Width>) {
    let (Some(call), Some(name)) = (expr.as_call(), called(expr)) else { return (expr, None) };
    let (Some(inner), true) = (call.args.first(), call.args.len() == 1 || matches!(name, "approx" | "round"))
    else {
        return (expr, None);
    };
    let (core, inner_width) = stripped(inner);
    match name {
        "sorted" | "set" | "frozenset" | "Counter" => (core, Some(Width::Order)),
        "list" | "tuple" => (core, inner_width),
        "approx" | "round" => (core, Some(Width::Bound)),
        _ => (expr, None),
    }
}

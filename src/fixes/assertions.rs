//! Whether a changed function still asserts what it asserted: nothing lost, nothing made conditional, nothing weaker.
//! What is only wider (a tolerance, an order that no longer counts) is named, and whoever asks decides.

use super::functions::{for_each_nested, inner};
use crate::python::Module;
use crate::python::ast::{Call, Expr, ExprKind, Function, Span, Stmt, StmtKind};
use crate::smells::{awaited, expectations};

/// An assertion that accepts more than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wider {
    /// 1-based, in the text before.
    pub(super) line: u32,
    pub(super) what: String,
    pub(super) kind: Width,
}

/// In what an assertion became wider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Order,
    Bound,
}

/// What became of the assertions of a function.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// In words; nothing where all stand.
    pub(super) weaker: Vec<String>,
    pub(super) wider: Vec<Wider>,
}

struct Assertion<'m> {
    /// Its expressions: the condition and no message, the call, or what a `with` expects to be raised.
    test: &'m Expr,
    depth: u32,
    /// What comes before it in its block ends the function.
    unreachable: bool,
}

/// Compares the assertions of two versions of a function.
pub(super) fn compare(before: (&Module, &Function), after: (&Module, &Function)) -> Kept {
    let (old, mut new) = (assertions(before.1), assertions(after.1));
    let names = bound(after.0, after.1);
    let mut kept = Kept::default();
    let mut changed = vec![];
    for assertion in old {
        let text = squeezed(before.0, assertion.test);
        let stands = |other: &Assertion<'_>| {
            squeezed(after.0, other.test) == text
                && other.depth <= assertion.depth
                && (assertion.unreachable || !other.unreachable)
        };
        match new.iter().position(stands) {
            Some(at) => {
                new.remove(at);
            }
            None => changed.push(assertion),
        }
    }
    for assertion in changed {
        let text = shown(before.0, assertion.test);
        if expected(before.0, &assertion, after.0, &mut new) {
            continue;
        }
        // the one that is most like it
        let judged = new
            .iter()
            .enumerate()
            .filter(|(_, other)| other.depth <= assertion.depth && !other.unreachable)
            .filter_map(|(at, other)| {
                Some((at, judge((before.0, assertion.test), (after.0, other.test), &names)?))
            })
            .min_by_key(|(_, wider)| wider.len());
        let Some((at, wider)) = judged else {
            let same = squeezed(before.0, assertion.test);
            let now = new.iter().find(|other| squeezed(after.0, other.test) == same);
            kept.weaker.push(match now {
                Some(now) if now.unreachable => format!("`{text}` is never reached any more"),
                Some(_) => format!("`{text}` is checked only under a condition now"),
                None => format!("`{text}` is lost or asserts something else"),
            });
            continue;
        };
        new.remove(at);
        let line = before.0.line(assertion.test.span.start);
        kept.wider.extend(wider.into_iter().map(|(what, kind)| Wider { line, what, kind }));
    }
    kept
}

/// Whether expectations of a page stand in place of an assertion, which looked once; they are taken out of `new`.
fn expected(before: &Module, old: &Assertion<'_>, after: &Module, new: &mut Vec<Assertion<'_>>) -> bool {
    let Some(all) = expectations(old.test, &|part| squeezed(before, part)) else { return false };
    let places: Option<Vec<usize>> = all
        .iter()
        .map(|wanted| {
            new.iter().position(|other| {
                squeezed(after, other.test) == *wanted && other.depth <= old.depth && !other.unreachable
            })
        })
        .collect();
    let Some(mut places) = places else { return false };
    places.sort_unstable();
    places.into_iter().rev().for_each(|place| {
        new.remove(place);
    });
    true
}

fn assertions(function: &Function) -> Vec<Assertion<'_>> {
    let mut out = vec![];
    collect(&function.body, 0, false, &mut out);
    out
}

fn collect<'m>(block: &'m [Stmt], depth: u32, mut unreachable: bool, out: &mut Vec<Assertion<'m>>) {
    for stmt in block {
        let mut add = |test| out.push(Assertion { test, depth, unreachable });
        match &stmt.kind {
            StmtKind::Assert { test, .. } => add(test),
            StmtKind::Expr(expr) if is_assertion(expr) => add(expr),
            StmtKind::Expr(expr) if is_expectation(awaited(expr)) => add(awaited(expr)),
            StmtKind::With { items, .. } => {
                items.iter().filter(|(expr, _)| is_assertion(expr)).for_each(|(expr, _)| add(expr));
            }
            _ => {}
        }
        inner(stmt, depth).into_iter().for_each(|(block, depth)| collect(block, depth, unreachable, out));
        unreachable |= match &stmt.kind {
            StmtKind::Return(_) => true,
            StmtKind::Expr(expr) => leaves(expr),
            _ => false,
        };
    }
}

/// `self.assertEqual(…)`, `mock.assert_called_once()`, `pytest.raises(…)`, `self.fail()`
fn is_assertion(expr: &Expr) -> bool {
    called(expr).is_some_and(|name| {
        name.starts_with("assert")
            || name.starts_with("expect")
            || matches!(name, "raises" | "warns" | "fail")
    })
}

/// `expect(locator).to_be_visible()`
fn is_expectation(expr: &Expr) -> bool {
    expr.as_call().is_some_and(|call| match &call.func.kind {
        ExprKind::Attribute { value, .. } => called(value) == Some("expect"),
        _ => false,
    })
}

/// `pytest.skip()` and its like
fn leaves(expr: &Expr) -> bool {
    called(expr)
        .is_some_and(|name| matches!(name, "skip" | "skipTest" | "xfail" | "exit" | "_exit" | "importorskip"))
}

fn called(expr: &Expr) -> Option<&str> {
    match &expr.as_call()?.func.kind {
        ExprKind::Name(name) | ExprKind::Attribute { attr: name, .. } => Some(name),
        _ => None,
    }
}

type Side<'m> = (&'m Module, &'m Expr);
/// What names of the second version stand for, where that is written in the function.
type Bound = std::collections::BTreeMap<String, Vec<String>>;

/// `with open(path) as file`, `name = value`
fn bound(module: &Module, function: &Function) -> Bound {
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
fn judge(before: Side<'_>, after: Side<'_>, names: &Bound) -> Option<Widths> {
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

/// What `sorted(…)` is given.
fn sorted(expr: &Expr) -> Option<&Expr> {
    expr.as_call().filter(|_| called(expr) == Some("sorted"))?.args.first()
}

/// What `limit - 60` leaves below a lower bound, or `limit + 60` above an upper one.
fn margin(old: &str, after: Side<'_>, op: &str) -> Option<f64> {
    let ExprKind::Binary { left, op: sign, right } = &after.1.kind else { return None };
    let gives_room = matches!((op, &**sign), (">" | ">=", "-") | ("<" | "<=", "+"));
    (gives_room && squeezed(after.0, left) == old)
        .then(|| right.as_number())
        .flatten()
        .filter(|margin| *margin > 0.0)
}

/// What a number does to a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The value grows with it: a sum, `timedelta(seconds=2)`.
    Sum,
    /// The value shrinks with it: `start - 0.1`.
    Difference,
    /// How far from the value another may be: `approx(delay, abs=0.2)`.
    Tolerance,
    Elsewhere,
}

/// A number that is written out, where it stands and what for.
type Written = (Span, f64, Place);

/// The one number in which two expressions differ, before and after, and what it is for.
fn renumbered(before: Side<'_>, after: Side<'_>) -> Option<(f64, f64, Place)> {
    let (mut old, mut new) = (vec![], vec![]);
    numbers(before.1, Place::Sum, &mut old);
    numbers(after.1, Place::Sum, &mut new);
    if old.len() != new.len() || blanked(before, &old) != blanked(after, &new) {
        return None;
    }
    let mut differing = old.iter().zip(&new).filter(|(one, two)| one.1 != two.1);
    match (differing.next(), differing.next()) {
        (Some((one, two)), None) => Some((one.1, two.1, one.2)),
        _ => None,
    }
}

fn numbers(expr: &Expr, place: Place, out: &mut Vec<Written>) {
    match &expr.kind {
        _ if expr.as_number().is_some() => {
            out.extend(expr.as_number().map(|value| (expr.span, value, place)))
        }
        ExprKind::Binary { left, op, right } if &**op == "+" => {
            numbers(left, place, out);
            numbers(right, place, out);
        }
        ExprKind::Binary { left, op, right } if &**op == "-" => {
            numbers(left, place, out);
            numbers(right, if place == Place::Sum { Place::Difference } else { Place::Elsewhere }, out);
        }
        ExprKind::Call(call) => {
            let inner = if called(expr) == Some("timedelta") { place } else { Place::Elsewhere };
            call.args.iter().for_each(|part| numbers(part, inner, out));
            for (name, value) in &call.keywords {
                let is_tolerance = matches!(name.as_deref(), Some("abs" | "rel" | "atol" | "rtol" | "delta"));
                numbers(value, if is_tolerance { Place::Tolerance } else { inner }, out);
            }
        }
        _ => expr.children().into_iter().for_each(|part| numbers(part, Place::Elsewhere, out)),
    }
}

/// The text of an expression with its numbers left out.
fn blanked((module, expr): Side<'_>, numbers: &[Written]) -> String {
    let (mut text, mut at) = (String::new(), expr.span.start);
    for (span, ..) in numbers {
        text += module.text(Span { start: at, end: span.start });
        text += "#";
        at = span.end;
    }
    text + module.text(Span { start: at, end: expr.span.end })
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

fn squeezed(module: &Module, expr: &Expr) -> String {
    module.text(expr.span).chars().filter(|char| !char.is_whitespace()).collect()
}

fn shown(module: &Module, expr: &Expr) -> String {
    let text: String = module.text(expr.span).split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= 80 { text } else { text.chars().take(79).chain(['…']).collect() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::functions::functions;
    use super::*;

    fn kept(before: &str, after: &str) -> Kept {
        let module = |body: &str| {
            let lines: String = body.lines().map(|line| format!("    {line}\n")).collect();
            Module::parse("t.py".to_owned(), format!("def test():\n{lines}"))
        };
        let (before, after) = (module(before), module(after));
        assert_eq!((before.errors.len(), after.errors.len()), (0, 0));
        compare((&before, functions(&before)["test"]), (&after, functions(&after)["test"]))
    }

    fn is_weaker(before: &str, after: &str) -> bool {
        !kept(before, after).weaker.is_empty()
    }

    #[test]
    fn what_is_lost_or_weaker_is_seen() {
        for after in [
            "x()",
            "assert True",
            "assert 1",
            "# assert a == 1",
            "pass",
            "assert a in (1, 2)",
            "assert a == a",
            "assert a == 1 or True",
            "assert a",
            "assert a == 2",
            "assert 2 <= a <= 3",
            "assert a == 1 + 60",
            "assert 0 <= b <= 2",
            "if a:\n    assert a == 1",
            "try:\n    assert a == 1\nexcept Exception:\n    pass",
            "return\nassert a == 1",
            "pytest.skip('flaky')\nassert a == 1",
            "for _ in []:\n    assert a == 1",
        ] {
            assert!(is_weaker("assert a == 1", after), "{after}");
        }
        assert!(is_weaker("with pytest.raises(KeyError):\n    f()", "f()"));
        assert!(is_weaker(
            "with pytest.raises(KeyError):\n    f()",
            "with pytest.raises(Exception, KeyError):\n    f()"
        ));
        assert!(is_weaker("self.assertEqual(a, 1)", "self.assertTrue(a)"));
        assert!(is_weaker("m.assert_called_once()", "m.assert_called()"));
        assert!(is_weaker("assert a < 5", "assert a < 4"));
    }

    #[test]
    fn another_key_sorts_the_same_and_a_set_does_not() {
        assert!(!is_weaker("assert sorted(a.x) == [1, 1]", "assert sorted(a.x, key=int) == [1, 1]"));
        assert!(is_weaker("assert sorted(a.x) == [1, 1]", "assert sorted(set(a.x)) == [1, 1]"));
    }

    #[test]
    fn what_stands_or_is_only_wider_is_told() {
        for (before, after, wider) in [
            ("assert a == 1", "b()\nassert  a==1", 0),
            ("assert a == 1, 'm'", "with b():\n    assert a == 1", 0),
            ("assert list(a) == [2, 1]", "assert sorted(a) == sorted([2, 1])", 2),
            ("assert a == 0.3", "assert a == pytest.approx(0.3)", 1),
            ("assert t < 0.06", "assert t < 1", 1),
            ("self.assertEqual(a, 0.3)", "self.assertAlmostEqual(a, 0.3)", 1),
            ("assert done.is_set()", "assert done.wait(10)", 0),
            ("assert open('/tmp/a').read() == b", "assert open(p).read() == b", 0),
            ("assert n == 3", "assert n >= 3", 1),
            ("assert t >= (least - 1e-5)", "assert t >= (least - 0.02)", 1),
            ("assert stamp >= int(now())", "assert stamp >= int(now()) - 60", 1),
            ("assert t >= 0.03", "assert round(t, 2) >= 0.03", 1),
            ("assert key.ttl() == 60", "assert 55 <= key.ttl() <= 61", 1),
            ("assert end <= now + timedelta(seconds=62)", "assert end <= now + timedelta(seconds=120)", 1),
            ("assert seen == [call(approx(d, abs=0.2))]", "assert seen == [call(approx(d, abs=1))]", 1),
        ] {
            let kept = kept(before, after);
            assert_eq!(kept.weaker, Vec::<String>::new(), "{after}");
            assert_eq!(kept.wider.len(), wider, "{after}: {:?}", kept.wider);
        }
    }
}

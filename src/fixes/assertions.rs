//! Whether a changed function still asserts what it asserted: nothing lost, nothing made conditional, nothing weaker.
//! What is only wider (a tolerance, an order that no longer counts) is named, and whoever asks decides.

mod judge;
mod numbers;

use self::judge::{bound, judge};
use super::functions::inner;
use crate::python::Module;
use crate::python::ast::{Expr, ExprKind, Function, Stmt, StmtKind};
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
    /// Of captured records only some are asked.
    Own,
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
            || name.starts_with("failUnless")
            || name.starts_with("failIf")
            || matches!(name, "raises" | "warns" | "fail" | "eq_" | "ok_")
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
        assert!(is_weaker("eq_(a, 1)", "eq_(a, 2)"));
        assert!(is_weaker("self.failUnless(a)", "a"));
    }

    #[test]
    fn a_filter_of_captured_records_is_told() {
        let own = |filter: &str| {
            format!(
                "own = [r for r in caplog.records if {filter}]\nassert len(own) == 1\nassert own[0].a == b"
            )
        };
        let kept =
            kept("assert len(caplog.records) == 1\nassert caplog.records[0].a == b", &own("r.name == 'a'"));
        assert_eq!(kept.weaker, Vec::<String>::new());
        assert!(kept.wider.iter().all(|one| one.kind == Width::Own) && kept.wider.len() == 2);
        assert!(is_weaker(
            "assert len(a.rows) == 1",
            "own = [r for r in b.rows if r.a]\nassert len(own) == 1"
        ));
    }

    #[test]
    fn a_record_that_is_looked_up_by_its_name_stands_for_its_place() {
        let before = "assert spans[4]['name'] == 'a'\nassert spans[4]['source'] == b";
        let by = |list: &str| {
            format!(
                "span = next(one for one in {list} if one['name'] == 'a')\n{}",
                before.replace("spans[4]", "span")
            )
        };
        let kept = kept(before, &by("spans"));
        assert_eq!(kept.weaker, Vec::<String>::new());
        assert!(kept.wider.iter().all(|one| one.kind == Width::Own) && kept.wider.len() == 2);
        assert!(is_weaker(before, &by("other")));
        assert!(is_weaker(before, &by("spans").replace("== b", "== 1")));
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

//! What an assertion compares, whether it is written as `assert a == b` or as `self.assertEqual(a, b)`.

use crate::python::ast::{Expr, ExprKind};

/// Two operands with the operator of the `assert` statement that says the same; `~=` is equality within
/// a tolerance.
pub(super) struct Comparison<'a> {
    pub(super) left: &'a Expr,
    pub(super) op: &'a str,
    pub(super) right: &'a Expr,
}

impl Comparison<'_> {
    pub(super) fn is_equality(&self) -> bool {
        matches!(self.op, "==" | "!=")
    }

    pub(super) fn is_bound(&self) -> bool {
        matches!(self.op, "<" | ">" | "<=" | ">=")
    }
}

/// The comparisons that an assertion makes.
pub(super) fn comparisons(test: &Expr) -> Vec<Comparison<'_>> {
    let mut out = vec![];
    collect(test, false, &mut out);
    out
}

fn collect<'a>(test: &'a Expr, negated: bool, out: &mut Vec<Comparison<'a>>) {
    match &test.kind {
        ExprKind::Compare { left, rest } => {
            let mut left: &Expr = left;
            for (op, right) in rest {
                out.push(Comparison { left, op: if negated { opposite(op) } else { op }, right });
                left = right;
            }
        }
        ExprKind::Bools(parts) => parts.iter().for_each(|part| collect(part, negated, out)),
        ExprKind::Unary { op, operand } if &**op == "not" => collect(operand, !negated, out),
        ExprKind::Call(call) => {
            let (ExprKind::Attribute { attr, .. } | ExprKind::Name(attr)) = &call.func.kind else { return };
            if matches!(&**attr, "assertTrue" | "assert_" | "assertFalse" | "ok_") {
                let negated = negated != (&**attr == "assertFalse");
                return call.args.first().into_iter().for_each(|inner| collect(inner, negated, out));
            }
            if let (Some(op), [left, right, ..]) = (method(attr), call.args.as_slice()) {
                out.push(Comparison { left, op, right });
            }
        }
        _ => {}
    }
}

fn opposite(op: &str) -> &str {
    match op {
        "==" => "!=",
        "!=" => "==",
        "<" => ">=",
        ">" => "<=",
        "<=" => ">",
        ">=" => "<",
        "in" => "not in",
        "not in" => "in",
        other => other,
    }
}

fn method(name: &str) -> Option<&'static str> {
    Some(match name {
        "assertEqual"
        | "assertEquals"
        | "assertListEqual"
        | "assertTupleEqual"
        | "assertSequenceEqual"
        | "assertDictEqual"
        | "assertMultiLineEqual"
        | "assert_equal"
        | "assert_array_equal"
        | "eq_" => "==",
        "assertNotEqual" | "assertNotEquals" | "assert_not_equal" => "!=",
        "assertLess" | "assert_array_less" => "<",
        "assertLessEqual" => "<=",
        "assertGreater" => ">",
        "assertGreaterEqual" => ">=",
        "assertIn" => "in",
        "assertNotIn" => "not in",
        "assertAlmostEqual"
        | "assertAlmostEquals"
        | "assert_allclose"
        | "assert_almost_equal"
        | "assert_array_almost_equal"
        | "assert_eq" => "~=",
        _ => return None,
    })
}

/// Whether an assertion wants the expression that `wanted` recognizes to be true.
pub(super) fn is_positive(test: &Expr, wanted: &dyn Fn(&Expr) -> bool) -> bool {
    match &test.kind {
        _ if wanted(test) => true,
        ExprKind::Bools(parts) => parts.iter().any(|part| is_positive(part, wanted)),
        ExprKind::Await(inner) => is_positive(inner, wanted),
        ExprKind::Compare { left, rest } => {
            wanted(left) && rest.iter().all(|(op, right)| matches!(&**op, "is" | "==") && right.is_true())
        }
        ExprKind::Call(call) => {
            let is_true =
                matches!(&call.func.kind, ExprKind::Attribute { attr, .. } if &**attr == "assertTrue");
            is_true && call.args.first().is_some_and(|inner| is_positive(inner, wanted))
        }
        _ => false,
    }
}

/// `worker.is_alive`
pub(super) fn is_liveness(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Attribute { attr, .. } if &**attr == "is_alive")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::python::Module;
    use crate::python::ast::StmtKind;

    fn ops(source: &str) -> Vec<String> {
        let module = Module::parse("a.py".into(), source.into());
        let test = match &module.body[0].kind {
            StmtKind::Assert { test, .. } | StmtKind::Expr(test) => test,
            _ => panic!("no assertion"),
        };
        let found = comparisons(test);
        found
            .iter()
            .map(|c| format!("{} {} {}", module.text(c.left.span), c.op, module.text(c.right.span)))
            .collect()
    }

    #[test]
    fn both_ways_to_assert_are_one() {
        assert_eq!(ops("assert a == b and not c < d\n"), ["a == b", "c >= d"]);
        assert_eq!(ops("assert 0 < a < 9\n"), ["0 < a", "a < 9"]);
        assert_eq!(ops("self.assertEqual(a, [1])\n"), ["a == [1]"]);
        assert_eq!(ops("self.assertFalse(a in b)\n"), ["a not in b"]);
        assert_eq!(ops("eq_(a, 1)\n"), ["a == 1"]);
        assert_eq!(ops("assert_(a < 1)\n"), ["a < 1"]);
    }
}

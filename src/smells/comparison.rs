//! Assertions as comparisons, whichever way they are written: `assert a < b`, `self.assertLess(a, b)`,
//! `assert a == pytest.approx(b)`.

use crate::python::ast::*;
use crate::python::sites::AssertSite;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    /// `<` and `<=`; `a > b` is turned round.
    Less,
    /// Equal within a tolerance.
    Almost,
    /// `in`
    Member,
}

pub(super) struct Comparison<'a> {
    pub(super) left: &'a Expr,
    pub(super) operator: Operator,
    pub(super) right: &'a Expr,
    /// `<` and not `<=`
    pub(super) is_strict: bool,
    /// The call of `assertAlmostEqual` or `approx`, which holds the tolerance.
    pub(super) tolerance: Option<&'a Call>,
}

/// What an assertion compares; empty where it compares nothing.
pub(super) fn comparisons<'a>(assert: &AssertSite<'a>) -> Vec<Comparison<'a>> {
    let mut out = vec![];
    collect(assert.test, &mut out);
    out
}

fn collect<'a>(test: &'a Expr, out: &mut Vec<Comparison<'a>>) {
    match &test.kind {
        ExprKind::Bools(parts) => parts.iter().for_each(|part| collect(part, out)),
        ExprKind::Compare { left, rest } => {
            let mut left = &**left;
            for (operator, right) in rest {
                out.extend(compared(left, operator, right));
                left = right;
            }
        }
        ExprKind::Call(call) => {
            let pair = called(call, out);
            out.extend(pair);
        }
        _ => {}
    }
}

fn compared<'a>(left: &'a Expr, operator: &str, right: &'a Expr) -> Option<Comparison<'a>> {
    let approx = |expr: &'a Expr| {
        let call = expr.as_call()?;
        let name = match &call.func.kind {
            ExprKind::Name(name) => name,
            ExprKind::Attribute { attr, .. } => attr,
            _ => return None,
        };
        (&**name == "approx").then_some(call)
    };
    let is_strict = matches!(operator, "<" | ">");
    let new = |left, operator, right| Some(Comparison { left, operator, right, is_strict, tolerance: None });
    match operator {
        "==" => {
            let tolerance = approx(left).or_else(|| approx(right));
            let operator = if tolerance.is_some() { Operator::Almost } else { Operator::Equal };
            let inner = |expr: &'a Expr| approx(expr).and_then(|call| call.args.first()).unwrap_or(expr);
            Some(Comparison { left: inner(left), operator, right: inner(right), is_strict, tolerance })
        }
        "!=" => new(left, Operator::NotEqual, right),
        "<" | "<=" => new(left, Operator::Less, right),
        ">" | ">=" => new(right, Operator::Less, left),
        "in" => new(left, Operator::Member, right),
        _ => None,
    }
}

fn called<'a>(call: &'a Call, out: &mut Vec<Comparison<'a>>) -> Option<Comparison<'a>> {
    let (ExprKind::Attribute { attr, .. } | ExprKind::Name(attr)) = &call.func.kind else { return None };
    if matches!(&**attr, "assertTrue" | "assert_" | "assert_true" | "ok_") {
        if let Some(inner) = call.args.first() {
            collect(inner, out);
        }
        return None;
    }
    let (left, right) = (call.argument(0, "first")?, call.argument(1, "second")?);
    let (left, operator, right) = match &**attr {
        "assertEqual"
        | "assertEquals"
        | "assertListEqual"
        | "assertTupleEqual"
        | "assertSequenceEqual"
        | "assertDictEqual"
        | "assertMultiLineEqual"
        | "assert_equal"
        | "assert_array_equal"
        | "eq_" => (left, Operator::Equal, right),
        "assertNotEqual" | "assertNotEquals" => (left, Operator::NotEqual, right),
        "assertLess" | "assertLessEqual" | "assert_less" => (left, Operator::Less, right),
        "assertGreater" | "assertGreaterEqual" | "assert_greater" => (right, Operator::Less, left),
        "assertAlmostEqual" | "assertAlmostEquals" | "assert_allclose" | "assert_almost_equal" => {
            return Some(Comparison {
                left,
                operator: Operator::Almost,
                right,
                is_strict: false,
                tolerance: Some(call),
            });
        }
        "assertIn" => (left, Operator::Member, right),
        _ => return None,
    };
    let is_strict = matches!(&**attr, "assertLess" | "assertGreater" | "assert_less" | "assert_greater");
    Some(Comparison { left, operator, right, is_strict, tolerance: None })
}

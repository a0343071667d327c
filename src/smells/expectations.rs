//! What a test asks of a page once, as Playwright's expectations, which look again until they hold.

use crate::python::ast::{Expr, ExprKind};

/// `expect(rows).to_have_count(3)` for `await rows.count() == 3`, `expect(menu).not_to_be_visible()` for
/// `not menu.is_visible()`; several for a chain of counts. `None` where it asks something else.
pub(crate) fn expectations(test: &Expr, text: &dyn Fn(&Expr) -> String) -> Option<Vec<String>> {
    match &test.kind {
        ExprKind::Compare { left, rest } if rest.iter().all(|(op, _)| &**op == "==") => {
            let sides = || std::iter::once(&**left).chain(rest.iter().map(|(_, right)| right));
            let counted = |side: &Expr| {
                look(side).filter(|(_, method)| *method == "count").map(|(locator, _)| text(locator))
            };
            let mut numbers = sides().filter(|side| counted(side).is_none());
            let (Some(number), None) = (numbers.next(), numbers.next()) else { return None };
            let expect = |locator| format!("expect({locator}).to_have_count({})", text(number));
            Some(sides().filter_map(counted).map(expect).collect())
        }
        ExprKind::Unary { op, operand } if &**op == "not" => Some(vec![state(operand, "not_to_be", text)?]),
        _ => Some(vec![state(test, "to_be", text)?]),
    }
}

/// `expect(menu).to_be_visible()` for `menu.is_visible()`
fn state(asked: &Expr, expected: &str, text: &dyn Fn(&Expr) -> String) -> Option<String> {
    let (locator, method) = look(asked)?;
    let state = method.strip_prefix("is_")?;
    let is_known = matches!(state, "visible" | "hidden" | "enabled" | "disabled" | "checked" | "editable");
    is_known.then(|| format!("expect({}).{expected}_{state}()", text(locator)))
}

/// The locator that is asked, and by which method.
fn look(expr: &Expr) -> Option<(&Expr, &str)> {
    let call = awaited(expr).as_call().filter(|call| call.args.is_empty() && call.keywords.is_empty())?;
    match &call.func.kind {
        ExprKind::Attribute { value, attr } => Some((value, attr)),
        _ => None,
    }
}

/// What is awaited, or the expression itself.
pub(crate) fn awaited(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Await(inner) => inner,
        _ => expr,
    }
}

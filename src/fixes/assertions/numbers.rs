//! Numbers in assertions: in which one two differ, and what it is for.

use super::judge::Side;
use super::{called, squeezed};
use crate::python::ast::{Expr, ExprKind, Span};

/// What `limit - 60` leaves below a lower bound, or `limit + 60` above an upper one.
pub(super) fn margin(old: &str, after: Side<'_>, op: &str) -> Option<f64> {
    let ExprKind::Binary { left, op: sign, right } = &after.1.kind else { return None };
    let gives_room = matches!((op, &**sign), (">" | ">=", "-") | ("<" | "<=", "+"));
    (gives_room && squeezed(after.0, left) == old)
        .then(|| right.as_number())
        .flatten()
        .filter(|margin| *margin > 0.0)
}

/// What a number does to a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
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
pub(super) fn renumbered(before: Side<'_>, after: Side<'_>) -> Option<(f64, f64, Place)> {
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

//! Where a value comes from, within one function: which expressions carry the result of certain calls, and what
//! constant a name stands for.

use super::context::{Context, Reached};
use super::words::last;
use crate::python::ast::*;
use crate::python::sites::{AssertSite, CallSite};

/// The calls of one function that a rule follows, and what is derived from them.
pub(super) struct Sources<'a, 'v> {
    reached: &'v Reached<'a, 'v>,
    calls: Vec<(&'v CallSite<'a>, &'v str)>,
}

impl<'a, 'v> Sources<'a, 'v> {
    /// The calls in `reached` whose path satisfies `wanted`; nothing where there is none.
    pub(super) fn of(reached: &'v Reached<'a, 'v>, wanted: impl Fn(&str) -> bool) -> Option<Sources<'a, 'v>> {
        Sources::named(reached, |_, path| wanted(path).then_some(path))
    }

    /// The calls in `reached` to follow, by their index and path, each under the name that `known` gives it.
    pub(super) fn named(
        reached: &'v Reached<'a, 'v>,
        known: impl Fn(usize, &'v str) -> Option<&'v str>,
    ) -> Option<Sources<'a, 'v>> {
        let calls: Vec<_> = reached
            .sites
            .calls
            .iter()
            .zip(&reached.paths)
            .enumerate()
            .filter_map(|(index, (site, path))| Some((site, known(index, path)?)))
            .collect();
        (!calls.is_empty()).then_some(Sources { reached, calls })
    }

    /// The readings of a clock among them; `time.gmtime(seconds)` reads none.
    pub(super) fn clocks(
        reached: &'v Reached<'a, 'v>,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<Sources<'a, 'v>> {
        let converts = |site: &CallSite<'_>, path: &str| {
            matches!(last(path), "gmtime" | "localtime" | "ctime") && !site.call.args.is_empty()
        };
        let mut clocks = Sources::of(reached, wanted)?;
        clocks.calls.retain(|(site, path)| !converts(site, path));
        (!clocks.calls.is_empty()).then_some(clocks)
    }

    /// The first followed call that stands in `expr` itself.
    pub(super) fn inside(&self, expr: &Expr) -> Option<(&'v CallSite<'a>, &'v str)> {
        self.calls.iter().copied().find(|(site, _)| expr.span.holds(site.expr.span))
    }

    /// The followed call that `expr` carries, itself or through the names in it, as they stand at `order`.
    pub(super) fn behind(&self, expr: &'a Expr, order: u32) -> Option<(&'v CallSite<'a>, &'v str)> {
        self.behind_at(expr, order, 0)
    }

    fn behind_at(&self, expr: &'a Expr, order: u32, depth: u8) -> Option<(&'v CallSite<'a>, &'v str)> {
        if let Some(found) = self.inside(expr) {
            return Some(found);
        }
        if depth > 3 {
            return None;
        }
        let mut names = vec![];
        names_in(expr, &mut names);
        names.into_iter().find_map(|name| {
            let value = self.reached.sites.value_of(name, order)?;
            self.behind_at(value, order, depth + 1)
        })
    }
}

/// The names in an expression, without those that are only called or only stand before a dot of a call.
fn names_in<'a>(expr: &'a Expr, out: &mut Vec<&'a str>) {
    match &expr.kind {
        ExprKind::Name(name) => out.push(name),
        _ => expr.children().into_iter().for_each(|child| names_in(child, out)),
    }
}

/// The assertion that is the next thing to happen after a call.
pub(super) fn next_look<'v, 'a>(at: &'v Reached<'a, '_>, site: &CallSite<'_>) -> Option<&'v AssertSite<'a>> {
    let assert = at.sites.asserts.iter().find(|assert| assert.at.order > site.at.order)?;
    let mut between =
        at.sites.calls.iter().filter(|call| site.at.order < call.at.order && call.at.order < assert.at.order);
    (!between.any(|call| !assert.span.holds(call.expr.span)) && !assert.at.in_nested).then_some(assert)
}

/// The expression that a name stands for at `order`: a local's value, else a variable of the module.
pub(super) fn resolved<'a>(
    test: &Context<'a, '_>,
    at: &Reached<'a, '_>,
    expr: &'a Expr,
    order: u32,
) -> &'a Expr {
    let Some(name) = expr.as_name() else { return expr };
    if let Some(value) = at.sites.value_of(name, order) {
        return value;
    }
    if at.sites.locals.contains_key(name) {
        return expr;
    }
    test.analysis.view(at.function.module).globals.get(name).and_then(|global| global.value).unwrap_or(expr)
}

/// The number that an expression stands for, in seconds where it is a `timedelta`: through names, variables of this
/// and of imported modules, and arithmetic.
pub(super) fn seconds<'a>(
    test: &Context<'a, '_>,
    at: &Reached<'a, '_>,
    expr: &'a Expr,
    order: u32,
) -> Option<f64> {
    let local = |name: &str| match at.sites.value_of(name, order) {
        Some(value) => Some(Some(value)),
        // a parameter hides what the module has by this name
        None if at.sites.locals.contains_key(name) => Some(None),
        None => None,
    };
    number(test, at.function.module, expr, &local, 0)
}

type Local<'l, 'a> = &'l dyn Fn(&str) -> Option<Option<&'a Expr>>;

fn number<'a>(
    test: &Context<'a, '_>,
    module: usize,
    expr: &'a Expr,
    local: Local<'_, 'a>,
    depth: u8,
) -> Option<f64> {
    if depth > 8 {
        return None;
    }
    let deeper = |expr: &'a Expr| number(test, module, expr, local, depth + 1);
    match &expr.kind {
        ExprKind::Number { value, .. } => Some(*value),
        ExprKind::Unary { op, operand } if &**op == "-" => deeper(operand).map(|value| -value),
        ExprKind::Binary { left, op, right } => {
            let (left, right) = (deeper(left)?, deeper(right)?);
            match &**op {
                "+" => Some(left + right),
                "-" => Some(left - right),
                "*" => Some(left * right),
                "/" if right != 0.0 => Some(left / right),
                _ => None,
            }
        }
        ExprKind::Name(name) => {
            if let Some(found) = local(name) {
                // the value stands before the name, so this ends
                return found.filter(|value| value.span.end < expr.span.start).and_then(deeper);
            }
            let view = test.analysis.view(module);
            let none: Local<'_, 'a> = &|_| None;
            if let Some(global) = view.globals.get(&**name) {
                return number(test, module, global.value?, none, depth + 1).or_else(|| unit(name));
            }
            let path = view.module.imports.get(name)?;
            let (module, value) = test.analysis.global(module, path)?;
            number(test, module, value, none, depth + 1).or_else(|| unit(name))
        }
        // what holds where the environment says nothing else
        ExprKind::Conditional { or_else, .. } => deeper(or_else),
        ExprKind::Call(call) => duration(call, &deeper),
        _ => None,
    }
}

/// What a constant of this name stands for, where its value is reckoned.
fn unit(name: &str) -> Option<f64> {
    match name {
        "MS" | "MILLISECOND" | "MILLISECONDS" => Some(1e-3),
        _ => None,
    }
}

/// The seconds of a `timedelta(…)`.
fn duration<'a>(call: &'a Call, number: &dyn Fn(&'a Expr) -> Option<f64>) -> Option<f64> {
    const UNITS: [(&str, f64); 7] = [
        ("days", 86_400.0),
        ("seconds", 1.0),
        ("microseconds", 1e-6),
        ("milliseconds", 1e-3),
        ("minutes", 60.0),
        ("hours", 3_600.0),
        ("weeks", 604_800.0),
    ];
    let name = match &call.func.kind {
        ExprKind::Name(name) => name,
        ExprKind::Attribute { attr, .. } => attr,
        _ => return None,
    };
    if &**name != "timedelta" {
        return None;
    }
    let mut total = 0.0;
    for (argument, (_, unit)) in call.args.iter().zip(UNITS) {
        total += number(argument)? * unit;
    }
    for (name, argument) in &call.keywords {
        let (_, unit) = UNITS.iter().find(|(known, _)| name.as_deref() == Some(known))?;
        total += number(argument)? * unit;
    }
    Some(total)
}

/// Whether `name` is read in an expression.
pub(super) fn mentions(expr: &Expr, name: &str) -> bool {
    expr.any(&mut |part| part.as_name() == Some(name))
}

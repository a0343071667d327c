//! Where the thing that an expression names comes from: a variable of the module, also when it goes by other
//! names inside the test.

use super::{Context, Reached};
use crate::python::ast::{Expr, ExprKind, Function, StmtKind};
use crate::python::{Global, View, for_each_statement, methods};

/// The classes that a function defines: others each time that it runs.
pub(super) fn own_classes(function: &Function) -> Vec<&str> {
    let mut out = vec![];
    for_each_statement(&function.body, &mut |stmt| {
        if let StmtKind::Class(class) = &stmt.kind {
            out.push(&*class.name);
        }
    });
    out
}

/// The name at the root of a chain of attributes and subscripts: `data` of `data["a"].b`.
pub(super) fn root(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::Attribute { value, .. } | ExprKind::Subscript { value, .. } => root(value),
        _ => None,
    }
}

/// The variable of the module that an expression is a part of, followed through the local names it was given:
/// `prices` of `first` after `first = prices["apple"]`.
pub(super) fn module_variable<'v, 'a>(
    test: &Context<'a, 'v>,
    at: &Reached<'a, 'v>,
    expr: &'a Expr,
    order: u32,
) -> Option<(&'a str, &'v Global<'a>)> {
    let view: &'v View<'a> = test.analysis.view(at.function.module);
    let mut expr = expr;
    for _ in 0..4 {
        let name = root(expr)?;
        if !at.sites.locals.contains_key(name) {
            return view.globals.get_key_value(name).map(|(name, global)| (*name, global));
        }
        expr = at.sites.bound(name, order)?;
    }
    None
}

/// The functions of a module that name a variable, in the order of the file.
pub(super) fn users<'a>(view: &View<'a>, name: &str) -> Vec<&'a Function> {
    if let Some(shared) = view.shared.get(name) {
        return shared.users.clone();
    }
    let methods = view.classes.values().flat_map(|class| methods(class));
    let mut users: Vec<_> = view
        .functions
        .values()
        .copied()
        .chain(methods)
        .filter(|function| view.sites(function).is_some_and(|sites| sites.names_read.contains(name)))
        .collect();
    users.sort_unstable_by_key(|function| function.span.start);
    users
}

/// The attribute of the test itself that an expression is a part of: `cell` of `self.cell.row`.
pub(super) fn own_attribute(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Attribute { value, attr } if matches!(value.as_name(), Some("self" | "cls")) => Some(attr),
        ExprKind::Attribute { value, .. } | ExprKind::Subscript { value, .. } => own_attribute(value),
        _ => None,
    }
}

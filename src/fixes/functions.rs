//! The functions of a file by their names, for comparing two versions of it.

use std::collections::BTreeMap;

use crate::python::ast::{Class, Function, Stmt, StmtKind};
use crate::python::{Module, blocks};

/// `TestLock::test_expires` ─▶ the function; of two with one name the last, as in Python.
pub fn functions(module: &Module) -> BTreeMap<String, &Function> {
    let mut out = BTreeMap::new();
    collect(&module.body, "", &mut out);
    out
}

fn collect<'m>(body: &'m [Stmt], prefix: &str, out: &mut BTreeMap<String, &'m Function>) {
    for stmt in body {
        match &stmt.kind {
            StmtKind::Function(function) => {
                out.insert(format!("{prefix}{}", function.name), function);
            }
            StmtKind::Class(class) => collect(&class.body, &format!("{prefix}{}::", class.name), out),
            _ => blocks(stmt).into_iter().for_each(|block| collect(block, prefix, out)),
        }
    }
}

/// What of a file stands outside its functions: imports apart, as text without white space at its ends.
pub(super) fn rest(module: &Module) -> Vec<&str> {
    let mut out = vec![];
    outside(module, &module.body, &mut out);
    out
}

fn outside<'m>(module: &'m Module, body: &'m [Stmt], out: &mut Vec<&'m str>) {
    for stmt in body {
        match &stmt.kind {
            StmtKind::Function(_) | StmtKind::Import(_) => {}
            StmtKind::Class(class) => {
                out.push(head(module, class));
                outside(module, &class.body, out);
            }
            _ => out.push(module.text(stmt.span).trim()),
        }
    }
}

/// A class without its body.
fn head<'m>(module: &'m Module, class: &'m Class) -> &'m str {
    let end = class.body.first().map_or(class.span.end, |first| first.span.start);
    module.text(crate::python::ast::Span { start: class.span.start, end }).trim()
}

/// Every statement of a block and of the blocks in it, functions that are defined in it too.
pub(super) fn for_each_nested<'m>(body: &'m [Stmt], visit: &mut dyn FnMut(&'m Stmt)) {
    for stmt in body {
        visit(stmt);
        inner(stmt, 0).into_iter().for_each(|(block, _)| for_each_nested(block, visit));
    }
}

/// The blocks in a statement, each with the conditions around it: those before, and one more where it runs only
/// sometimes, what fails in it is caught, or it waits in a function for its call.
pub(super) fn inner(stmt: &Stmt, depth: u32) -> Vec<(&[Stmt], u32)> {
    match &stmt.kind {
        StmtKind::Function(inner) => vec![(&inner.body, depth + 1)],
        StmtKind::Class(inner) => vec![(&inner.body, depth + 1)],
        StmtKind::With { body, .. } => vec![(body, depth)],
        StmtKind::Try { body, handlers, or_else, finally } => {
            let caught = depth + u32::from(!handlers.is_empty());
            let mut out: Vec<(&[Stmt], u32)> = vec![(body, caught)];
            out.extend(handlers.iter().map(|handler| (&*handler.body, depth + 1)));
            out.extend([(&**or_else, caught), (&**finally, depth)]);
            out
        }
        _ => blocks(stmt).into_iter().map(|block| (block, depth + 1)).collect(),
    }
}

//! Names of a changed function: each has to be bound somewhere, and what was added has to be used.

use std::collections::{BTreeMap, BTreeSet};

use super::functions::for_each_nested;
use crate::python::ast::{Expr, ExprKind, Function, Stmt, StmtKind};
use crate::python::{Module, blocks, expressions};

/// Names that every module sees.
const BUILTINS: &str = "ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError \
BrokenPipeError BufferError BytesWarning ChildProcessError ConnectionAbortedError ConnectionError ConnectionRefusedError \
ConnectionResetError DeprecationWarning EOFError Ellipsis EncodingWarning EnvironmentError Exception ExceptionGroup False \
FileExistsError FileNotFoundError FloatingPointError FutureWarning GeneratorExit IOError ImportError ImportWarning \
IndentationError IndexError InterruptedError IsADirectoryError KeyError KeyboardInterrupt LookupError MemoryError \
ModuleNotFoundError NameError None NotADirectoryError NotImplemented NotImplementedError OSError OverflowError \
PendingDeprecationWarning PermissionError ProcessLookupError RecursionError ReferenceError ResourceWarning RuntimeError \
RuntimeWarning StopAsyncIteration StopIteration SyntaxError SyntaxWarning SystemError SystemExit TabError TimeoutError \
True TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError UnicodeWarning \
UserWarning ValueError Warning ZeroDivisionError __build_class__ __debug__ __doc__ __file__ __import__ __loader__ \
__name__ __package__ __spec__ __class__ abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr \
classmethod compile complex copyright credits delattr dict dir divmod enumerate eval exec exit filter float format \
frozenset getattr globals hasattr hash help hex id input int isinstance issubclass iter len license list locals map max \
memoryview min next object oct open ord pow print property quit range repr reversed round set setattr slice sorted \
staticmethod str sum super tuple type vars zip _";

/// Names that are read in a function and bound nowhere that this can see.
pub(super) fn unbound(module: &Module, function: &Function, path: &str) -> BTreeSet<String> {
    if module.imports.contains_key("*") {
        return BTreeSet::new();
    }
    let own = Scope::of(function);
    let mut known = own.bound;
    known.extend(bound_in_text(module.text(function.span)));
    known.extend(module.imports.keys().map(|name| name.to_string()));
    let mut read = own.read;
    read.retain(|name| !known.contains(name) && !module.binds(name) && !targets(module).contains(name));
    // what the class around it holds is not seen by name, but its own name is
    let class = path.rsplit_once("::").map_or("", |(class, _)| class);
    read.retain(|name| !class.split("::").any(|part| part == name));
    read.retain(|name| !BUILTINS.split_whitespace().any(|known| known == name));
    read
}

/// What the tree does not keep: parameters of a `lambda`, names after `as`, and those in the patterns of `case`.
fn bound_in_text(text: &str) -> BTreeSet<String> {
    let words = |text: &str| -> Vec<String> {
        let parts = text.split(|char: char| !char.is_alphanumeric() && char != '_');
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let mut out = BTreeSet::new();
    for (word, ends) in [("lambda", ":"), ("case", ":\n"), ("as", ":),\n")] {
        for (at, _) in text.match_indices(word) {
            let is_word = text[..at].ends_with(|char: char| char.is_whitespace() || "([{,=:".contains(char));
            if let Some(rest) = text[at + word.len()..].strip_prefix(' ').filter(|_| is_word) {
                out.extend(words(rest.split(|char| ends.contains(char)).next().unwrap_or_default()));
            }
        }
    }
    out
}

/// Everything that is bound at the top: unpacked names, loops, `with … as`.
fn targets(module: &Module) -> BTreeSet<String> {
    let mut scope = Scope::default();
    for stmt in &module.body {
        scope.statement(stmt);
        let mut pending = blocks(stmt);
        while let Some(block) = pending.pop() {
            for inner in block {
                scope.statement(inner);
                pending.extend(blocks(inner));
            }
        }
    }
    scope.bound
}

/// Names that the second function binds and the first does not, and that nothing in it reads.
pub(super) fn unused(before: Option<&Function>, after: &Function) -> BTreeSet<String> {
    let (old, new) = (before.map(Scope::of).unwrap_or_default(), Scope::of(after));
    let is_fixture = |name: &str| {
        // a fixture may be asked for because of what it does
        after.params.iter().any(|param| &*param.name == name)
    };
    let is_quiet = |name: &str| name.starts_with('_') || is_fixture(name);
    new.bound
        .iter()
        .filter(|name| !old.bound.contains(*name) && !new.read.contains(*name) && !is_quiet(name))
        .cloned()
        .collect()
}

/// The names that stand in a function, as read or as bound.
pub(super) fn read(function: &Function) -> BTreeSet<String> {
    Scope::of(function).read
}

/// Imports of the second file that the first does not have: local name ─▶ path.
pub(super) fn imported(before: &Module, after: &Module) -> BTreeMap<String, String> {
    after
        .imports
        .iter()
        .filter(|(local, path)| before.imports.get(*local) != Some(path))
        .map(|(local, path)| (local.to_string(), path.to_string()))
        .collect()
}

#[derive(Default)]
struct Scope {
    bound: BTreeSet<String>,
    read: BTreeSet<String>,
}

impl Scope {
    /// Of a function with those inside it: too much is taken for bound rather than too little.
    fn of(function: &Function) -> Scope {
        let mut scope = Scope::default();
        scope.head(function);
        for_each_nested(&function.body, &mut |stmt| scope.statement(stmt));
        scope
    }

    fn head(&mut self, function: &Function) {
        for param in &function.params {
            self.bound.insert(param.name.to_string());
            param.default.iter().chain(&param.annotation).for_each(|expr| self.reads(expr));
        }
        function.decorators.iter().chain(&function.returns).for_each(|expr| self.reads(expr));
    }

    fn statement(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Assign { targets, value, annotation } => {
                targets.iter().for_each(|target| self.binds(target));
                value.iter().chain(annotation).for_each(|expr| self.reads(expr));
            }
            StmtKind::AugAssign { target, value, .. } => {
                self.binds(target);
                self.reads(target);
                self.reads(value);
            }
            StmtKind::For { target, iter, .. } => {
                self.binds(target);
                self.reads(iter);
            }
            StmtKind::With { items, .. } => {
                for (expr, target) in items {
                    self.reads(expr);
                    target.iter().for_each(|target| self.binds(target));
                }
            }
            StmtKind::Import(names) => self.bound.extend(names.iter().map(|import| import.local.to_string())),
            StmtKind::Global(names) | StmtKind::Nonlocal(names) => {
                self.bound.extend(names.iter().map(|name| name.to_string()));
            }
            StmtKind::Function(inner) => {
                self.bound.insert(inner.name.to_string());
                self.head(inner);
            }
            StmtKind::Class(inner) => {
                self.bound.insert(inner.name.to_string());
                inner.bases.iter().chain(&inner.decorators).for_each(|expr| self.reads(expr));
            }
            _ => expressions(stmt).into_iter().for_each(|expr| self.reads(expr)),
        }
    }

    fn binds(&mut self, target: &Expr) {
        match &target.kind {
            ExprKind::Name(name) => {
                self.bound.insert(name.to_string());
            }
            ExprKind::Tuple(_) | ExprKind::List(_) | ExprKind::Starred(_) | ExprKind::Other(_) => {
                target.children().into_iter().for_each(|part| self.binds(part));
            }
            _ => self.reads(target),
        }
    }

    fn reads(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Name(name) => {
                self.read.insert(name.to_string());
            }
            ExprKind::Walrus { target, value } => {
                self.binds(target);
                self.reads(value);
            }
            ExprKind::Comprehension(inner) => {
                for (target, iter) in &inner.clauses {
                    self.binds(target);
                    self.reads(iter);
                }
                inner.element.iter().chain(&inner.conditions).for_each(|expr| self.reads(expr));
            }
            _ => expr.children().into_iter().for_each(|part| self.reads(part)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::functions::functions;
    use super::*;

    fn missing(source: &str) -> Vec<String> {
        let module = Module::parse("t.py".to_owned(), source.to_owned());
        assert_eq!(module.errors.len(), 0, "{source}");
        let found = functions(&module);
        found.iter().flat_map(|(path, function)| unbound(&module, function, path)).collect()
    }

    #[test]
    fn a_name_that_nothing_binds_is_found() {
        assert_eq!(missing("def test():\n    time.sleep(1)\n    a = len([x for x in b])\n"), ["b", "time"]);
        assert_eq!(missing("def test(a=c):\n    with o as f: f(g)\n"), ["c", "g", "o"]);
    }

    #[test]
    fn what_is_bound_in_any_way_is_not() {
        let source = "import os, time as t\nfrom a import b\nC = 1\nfor d, e in []: pass\nwith b as f: g = 1\n\n\
            class K:\n    def test(self, h, *i, **j):\n        l = lambda m, n=1: m + n\n        global o\n\
            \x20       try:\n            import p.q\n        except (OSError, ValueError) as r:\n            print(r, K)\n\
            \x20       if (s := len(j)):\n            t.x = [u for u, (v, w) in i if v if w]\n\
            \x20       def inner(x, *, y): return x, y, o, p, l, s\n        match h:\n            case [z, *zz]: print(z, zz)\n\
            \x20       for aa, *bb in [C, d, e, f, g, os]: inner(aa, y=bb)\n        print(f'{h!r} {cc}')\n        cc = b\n";
        assert_eq!(missing(source), Vec::<String>::new());
    }

    #[test]
    fn what_is_added_and_not_used_is_named() {
        let module = |text: &str| Module::parse("t.py".to_owned(), text.to_owned());
        let before = module("def test():\n    a = 1\n");
        let after = module("def test(tmp_path):\n    a = 1\n    b = 2\n    c = 3\n    _d = c\n");
        let (old, new) = (functions(&before), functions(&after));
        assert_eq!(unused(Some(old["test"]), new["test"]), BTreeSet::from(["b".to_owned()]));
    }
}

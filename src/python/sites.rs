//! What a function does, flattened: calls, writes, assertions and loops in the order in which they stand,
//! each with the context that rules ask for and with names resolved as far as one file allows.
//!
//! The root of a resolved path says how far that went: a plain name is an import or a builtin
//! (`time.sleep`), `:f` is defined in this module, `#X` is a variable of the module, `@p` is a parameter
//! (a fixture, mostly), `~x` is a local of unknown type. A call's result is its path with `()`.

use rustc_hash::{FxHashMap, FxHashSet};

use super::ast::*;
use super::module::Module;

/// Where a site stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct At {
    /// Position in the order of the source.
    pub order: u32,
    pub loops: u8,
    pub in_while: bool,
    pub in_finally: bool,
    /// Inside a `try` that has a `finally`.
    pub in_guarded: bool,
    pub in_except: bool,
    /// Inside a `try` that has handlers.
    pub in_caught: bool,
    pub in_assert: bool,
    pub in_branch: bool,
    /// Inside a function or lambda that is defined here.
    pub in_nested: bool,
    /// After the `yield` of a fixture.
    pub after_yield: bool,
    /// Innermost enclosing `with`, an index into [`Sites::withs`].
    pub with: Option<u32>,
}

/// How the value of a call is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use<'a> {
    Dropped,
    Assigned(&'a str),
    /// The context expression of a `with`.
    With,
    Returned,
    /// An argument of the call that starts at this byte.
    Argument(u32),
    Other,
}

#[derive(Debug)]
pub struct CallSite<'a> {
    pub expr: &'a Expr,
    pub call: &'a Call,
    pub path: String,
    pub awaited: bool,
    pub used: Use<'a>,
    pub at: At,
}

#[derive(Debug)]
pub struct AssertSite<'a> {
    /// The condition of an `assert`, or the call of an `assert*` method.
    pub test: &'a Expr,
    pub span: Span,
    pub at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteKind {
    Assign,
    Augmented,
    Delete,
    /// A call that changes its receiver, such as `append`.
    Method,
}

/// A change of something that is not a plain local: an attribute, an item, a `global`, or a receiver.
#[derive(Debug)]
pub struct WriteSite<'a> {
    pub target: &'a Expr,
    /// The path of what is changed: for `os.environ["A"] = 1` it is `os.environ`, for `X.y = 1` it is `X.y`.
    pub path: String,
    pub is_item: bool,
    pub kind: WriteKind,
    /// The method called, for a write of kind [`WriteKind::Method`].
    pub method: Option<&'a str>,
    pub value: Option<&'a Expr>,
    pub span: Span,
    pub at: At,
}

#[derive(Debug)]
pub struct WithSite<'a> {
    pub expr: &'a Expr,
    pub path: String,
    pub target: Option<&'a str>,
    pub parent: Option<u32>,
}

impl WithSite<'_> {
    /// `pytest.raises(…)`, `self.assertRaises(…)`: what is in it is expected to fail.
    pub fn expects_failure(&self) -> bool {
        self.path.ends_with("raises()") || self.path.contains("assertRaises")
    }
}

#[derive(Debug)]
pub struct LoopSite<'a> {
    pub span: Span,
    pub is_while: bool,
    /// The condition of a `while`, the iterable of a `for`.
    pub head: &'a Expr,
    pub path: String,
    pub has_break: bool,
    pub at: At,
}

/// A value given to a plain local.
#[derive(Debug)]
pub struct Binding<'a> {
    pub name: &'a str,
    /// None for the target of a loop.
    pub value: Option<&'a Expr>,
    /// The value is all of the expression, not a part of it.
    pub is_whole: bool,
    pub at: At,
}

/// Everything a rule asks about one function.
#[derive(Debug, Default)]
pub struct Sites<'a> {
    pub calls: Vec<CallSite<'a>>,
    pub asserts: Vec<AssertSite<'a>>,
    pub writes: Vec<WriteSite<'a>>,
    pub withs: Vec<WithSite<'a>>,
    pub loops: Vec<LoopSite<'a>>,
    /// Values given to plain locals, in order.
    pub bindings: Vec<Binding<'a>>,
    /// Locals whose type is known, by the path of the value last given to them.
    pub locals: FxHashMap<&'a str, String>,
    /// Dotted paths of what the function imports itself.
    pub imports: Vec<&'a str>,
    /// `self.name` ─▶ path of the value given to it here.
    pub self_types: FxHashMap<&'a str, String>,
    pub returns: Vec<(&'a Expr, String)>,
    pub names_read: FxHashSet<&'a str>,
    pub awaits: u32,
    pub statements: u32,
    pub branches: u32,
    pub has_yield: bool,
    pub end_order: u32,
}

const MUTATORS: [&str; 17] = [
    "append",
    "extend",
    "insert",
    "remove",
    "pop",
    "clear",
    "update",
    "add",
    "discard",
    "setdefault",
    "popitem",
    "appendleft",
    "sort",
    "reverse",
    "register",
    "subscribe",
    "unregister",
];

/// Flattens `function` of `module`; `defined` says whether the module defines a function or class of a name,
/// `global` what is known of a module variable.
pub fn collect<'a>(
    function: &'a Function,
    module: &'a Module,
    defined: &dyn Fn(&str) -> bool,
    global: &dyn Fn(&str) -> Option<String>,
) -> Sites<'a> {
    let mut collector = Collector {
        module,
        defined,
        global,
        sites: Sites::default(),
        at: At::default(),
        globals: FxHashSet::default(),
        nonlocals: FxHashSet::default(),
        imports: FxHashMap::default(),
        awaited: false,
        used: Use::Other,
    };
    for param in &function.params {
        let known = match &param.annotation {
            Some(hint) if !matches!(&*param.name, "self" | "cls") => collector
                .path(hint)
                .filter(|path| !path.starts_with([':', '~', '@', '#']) && path.contains('.')),
            _ => None,
        };
        let path = match (&*param.name, known) {
            (name @ ("self" | "cls"), _) => name.to_owned(),
            (name, _) if param.default.is_none() && !param.is_variadic => format!("@{name}"),
            (_, Some(path)) => format!("{path}()"),
            (name, None) => format!("~{name}"),
        };
        collector.sites.locals.insert(&param.name, path);
    }
    collector.block(&function.body);
    collector.sites.end_order = collector.at.order;
    // a local hides the module's name
    let Sites { names_read, locals, .. } = &mut collector.sites;
    names_read.retain(|name| !locals.contains_key(name));
    collector.sites
}

/// The path of a module-level value, with imports resolved: `Lock()` ─▶ `threading.Lock()`.
pub fn value_path(expr: &Expr, module: &Module) -> Option<String> {
    let name = |name: &str| module.imports.get(name).map_or_else(|| name.to_owned(), |path| path.to_string());
    path_with(expr, &name)
}

fn path_with(expr: &Expr, root: &dyn Fn(&str) -> String) -> Option<String> {
    Some(match &expr.kind {
        ExprKind::Name(name) => root(name),
        ExprKind::Attribute { value, attr } => {
            let mut path = path_with(value, root)?;
            path.push('.');
            path.push_str(attr);
            path
        }
        ExprKind::Call(call) => {
            let path = path_with(&call.func, root)?;
            // gives the module that it names
            match call.args.first().and_then(Expr::as_str) {
                Some(name) if path == "pytest.importorskip" => name.to_owned(),
                _ => path + "()",
            }
        }
        ExprKind::Await(inner) => path_with(inner, root)?,
        ExprKind::Subscript { value, .. } => path_with(value, root)? + "[]",
        ExprKind::List(_) => "list()".into(),
        ExprKind::Dict(_) => "dict()".into(),
        ExprKind::Set(_) => "set()".into(),
        ExprKind::Str { .. } => "str()".into(),
        ExprKind::Comprehension(inner) => match inner.kind {
            Collection::List => "list()".into(),
            Collection::Set => "set()".into(),
            Collection::Dict => "dict()".into(),
            Collection::Generator => return None,
        },
        _ => return None,
    })
}

/// `x[key] = x.pop(key)` changes nothing but the order.
fn gives_back(target: &Expr, value: &Expr) -> bool {
    let ExprKind::Subscript { value: owner, index } = &target.kind else { return false };
    let Some(call) = value.as_call() else { return false };
    let ExprKind::Attribute { value: receiver, attr } = &call.func.kind else { return false };
    let names = |expr: &Expr| path_with(expr, &str::to_owned);
    attr == "pop"
        && names(owner).is_some_and(|owner| names(receiver).as_ref() == Some(&owner))
        && matches!((&index[..], &call.args[..]), ([key], [popped]) if key.as_name().is_some() && key.as_name() == popped.as_name())
}

struct Collector<'a, 'f> {
    module: &'a Module,
    defined: &'f dyn Fn(&str) -> bool,
    global: &'f dyn Fn(&str) -> Option<String>,
    sites: Sites<'a>,
    at: At,
    globals: FxHashSet<&'a str>,
    nonlocals: FxHashSet<&'a str>,
    imports: FxHashMap<&'a str, &'a str>,
    awaited: bool,
    used: Use<'a>,
}

impl<'a> Collector<'a, '_> {
    fn root(&self, name: &str) -> String {
        if let Some(path) = self.sites.locals.get(name) {
            return path.clone();
        }
        if let Some(path) = self.imports.get(name) {
            return (*path).to_owned();
        }
        if (self.defined)(name) {
            return format!(":{name}");
        }
        if let Some(path) = self.module.imports.get(name) {
            return path.to_string();
        }
        if let Some(path) = (self.global)(name) {
            return path;
        }
        name.to_owned()
    }

    fn path(&self, expr: &Expr) -> Option<String> {
        path_with(expr, &|name| self.root(name))
    }

    fn next(&mut self) -> At {
        self.at.order += 1;
        self.at
    }

    fn block(&mut self, body: &'a [Stmt]) {
        for stmt in body {
            self.statement(stmt);
            if self.leaves(stmt) {
                break;
            }
        }
    }

    /// Whether nothing after a statement is reached: it returns, raises, or skips the test.
    fn leaves(&self, stmt: &'a Stmt) -> bool {
        match &stmt.kind {
            StmtKind::Return(_) | StmtKind::Raise(_) => true,
            // names are told apart first: paths are dear
            StmtKind::Expr(expr) => {
                let called = expr.as_call().map(|call| match &call.func.kind {
                    ExprKind::Attribute { attr: name, .. } | ExprKind::Name(name) => &**name,
                    _ => "",
                });
                matches!(called, Some("skip" | "xfail" | "skipTest"))
                    && self.path(expr).is_some_and(|path| {
                        matches!(&*path, "pytest.skip()" | "pytest.xfail()" | "self.skipTest()")
                    })
            }
            _ => false,
        }
    }

    fn within(&mut self, change: impl FnOnce(&mut At), visit: impl FnOnce(&mut Self)) {
        let before = self.at;
        change(&mut self.at);
        visit(self);
        // order and `after_yield` go on, the rest is left again
        let (order, after_yield) = (self.at.order, self.at.after_yield);
        self.at = At { order, after_yield, ..before };
    }

    fn statement(&mut self, stmt: &'a Stmt) {
        self.sites.statements += 1;
        match &stmt.kind {
            StmtKind::Expr(expr) => self.value(expr, Use::Dropped),
            StmtKind::Assign { targets, value, .. } => self.assign(stmt, targets, value.as_ref()),
            StmtKind::AugAssign { target, value, .. } => {
                self.value(value, Use::Other);
                if let Some(name) = target.as_name() {
                    self.sites.bindings.push(Binding { name, value: None, is_whole: false, at: self.at });
                }
                self.write(target, WriteKind::Augmented, Some(value), stmt.span);
            }
            StmtKind::Assert { test, message } => {
                let at = self.next();
                self.sites.asserts.push(AssertSite { test, span: stmt.span, at });
                self.within(|at| at.in_assert = true, |this| this.value(test, Use::Other));
                if let Some(message) = message {
                    self.value(message, Use::Other);
                }
            }
            StmtKind::Return(Some(expr)) => {
                if let Some(path) = self.path(expr) {
                    self.sites.returns.push((expr, path));
                }
                self.value(expr, Use::Returned);
            }
            StmtKind::Raise(parts) => parts.iter().for_each(|part| self.value(part, Use::Other)),
            StmtKind::Delete(targets) => {
                for target in targets {
                    self.write(target, WriteKind::Delete, None, stmt.span);
                }
            }
            StmtKind::Global(names) => self.globals.extend(names.iter().map(|name| &**name)),
            StmtKind::Nonlocal(names) => self.nonlocals.extend(names.iter().map(|name| &**name)),
            StmtKind::Import(names) => {
                for import in names {
                    self.imports.insert(&import.local, &import.path);
                    self.sites.imports.push(&import.path);
                    self.sites.locals.remove(&*import.local);
                }
            }
            StmtKind::If { test, body, or_else } => {
                self.sites.branches += 1;
                self.value(test, Use::Other);
                self.within(
                    |at| at.in_branch = true,
                    |this| {
                        this.block(body);
                        this.block(or_else);
                    },
                );
            }
            StmtKind::For { target, iter, body, or_else, .. } => {
                self.enter_loop(stmt, iter, false, body);
                self.forget(target);
                self.within(|at| at.loops += 1, |this| this.block(body));
                self.block(or_else);
            }
            StmtKind::While { test, body, or_else } => {
                self.enter_loop(stmt, test, true, body);
                self.within(
                    |at| {
                        at.loops += 1;
                        at.in_while = true;
                    },
                    |this| this.block(body),
                );
                self.block(or_else);
            }
            StmtKind::With { items, body, .. } => self.with(items, body),
            StmtKind::Try { body, handlers, or_else, finally } => {
                let guarded = !finally.is_empty();
                self.sites.branches += handlers.len() as u32;
                let change = |at: &mut At| {
                    at.in_guarded |= guarded;
                    at.in_caught |= !handlers.is_empty();
                };
                self.within(change, |this| this.block(body));
                for handler in handlers {
                    self.within(|at| at.in_except = true, |this| this.block(&handler.body));
                }
                self.block(or_else);
                self.within(|at| at.in_finally = true, |this| this.block(finally));
            }
            StmtKind::Match { subject, cases } => {
                self.sites.branches += cases.len() as u32;
                subject.iter().for_each(|part| self.value(part, Use::Other));
                self.within(|at| at.in_branch = true, |this| cases.iter().for_each(|case| this.block(case)));
            }
            StmtKind::Function(inner) => {
                self.sites.locals.insert(&inner.name, format!("~{}", inner.name));
                inner.decorators.iter().for_each(|decorator| self.value(decorator, Use::Other));
                let shadowed: Vec<_> = inner
                    .params
                    .iter()
                    .map(|param| {
                        let name = &*param.name;
                        (name, self.sites.locals.insert(name, format!("~{name}")))
                    })
                    .collect();
                self.within(|at| at.in_nested = true, |this| this.block(&inner.body));
                for (name, before) in shadowed {
                    match before {
                        Some(path) => self.sites.locals.insert(name, path),
                        None => self.sites.locals.remove(name),
                    };
                }
            }
            StmtKind::Class(inner) => self.within(|at| at.in_nested = true, |this| this.block(&inner.body)),
            StmtKind::Return(None) | StmtKind::Other => {}
        }
    }

    fn enter_loop(&mut self, stmt: &'a Stmt, head: &'a Expr, is_while: bool, body: &'a [Stmt]) {
        self.sites.branches += 1;
        self.value(head, Use::Other);
        let path = self.path(head).unwrap_or_default();
        let mut has_break = false;
        super::module::for_each_statement(body, &mut |inner| {
            has_break |= matches!(inner.kind, StmtKind::Return(_) | StmtKind::Raise(_))
                || (matches!(inner.kind, StmtKind::Other)
                    && self.module.text(inner.span).starts_with("break"));
        });
        let at = self.next();
        self.sites.loops.push(LoopSite { span: stmt.span, is_while, head, path, has_break, at });
    }

    fn with(&mut self, items: &'a [(Expr, Option<Expr>)], body: &'a [Stmt]) {
        let before = self.at.with;
        for (expr, target) in items {
            self.value(expr, Use::With);
            let path = self.path(expr).unwrap_or_default();
            let name = target.as_ref().and_then(|target| target.as_name());
            if let Some(name) = name {
                let at = self.next();
                self.sites.bindings.push(Binding { name, value: Some(expr), is_whole: true, at });
                self.sites
                    .locals
                    .insert(name, if path.is_empty() { format!("~{name}") } else { path.clone() });
            } else if let Some(target) = target {
                self.bind(target, None, expr, true);
            }
            self.sites.withs.push(WithSite { expr, path, target: name, parent: self.at.with });
            self.at.with = Some(self.sites.withs.len() as u32 - 1);
        }
        let known = self.sites.writes.len();
        self.block(body);
        // a write that is expected to raise leaves all as it was
        if body.len() == 1
            && self.sites.enclosing_withs(self.at).next().is_some_and(WithSite::expects_failure)
        {
            self.sites.writes.retain({
                let mut at = 0;
                move |write| {
                    at += 1;
                    at <= known || write.kind == WriteKind::Method
                }
            });
        }
        self.at.with = before;
    }

    fn assign(&mut self, stmt: &'a Stmt, targets: &'a [Expr], value: Option<&'a Expr>) {
        let Some(value) = value else { return };
        let name = match targets {
            [one] => one.as_name().or(match &one.kind {
                ExprKind::Attribute { attr, .. } => Some(&**attr),
                _ => None,
            }),
            _ => None,
        };
        self.value(value, name.map_or(Use::Other, Use::Assigned));
        let path = self.path(value);
        for target in targets {
            self.bind(target, path.as_deref(), value, true);
            if gives_back(target, value) {
                self.sites.writes.pop_if(|write| write.method == Some("pop"));
                continue;
            }
            self.write(target, WriteKind::Assign, Some(value), stmt.span);
        }
    }

    fn bind(&mut self, target: &'a Expr, path: Option<&str>, value: &'a Expr, is_whole: bool) {
        match &target.kind {
            ExprKind::Name(name) if !self.globals.contains(&**name) => {
                let path = path.map_or_else(|| format!("~{name}"), str::to_owned);
                self.sites.locals.insert(name, path);
                let at = self.next();
                self.sites.bindings.push(Binding { name, value: Some(value), is_whole, at });
            }
            ExprKind::Attribute { value: base, attr } if matches!(base.as_name(), Some("self" | "cls")) => {
                if let Some(path) = path {
                    self.sites.self_types.insert(attr, path.to_owned());
                }
            }
            ExprKind::Tuple(parts) | ExprKind::List(parts) => {
                let values = match &value.kind {
                    ExprKind::Tuple(values) | ExprKind::List(values) if values.len() == parts.len() => {
                        Some(values)
                    }
                    _ => None,
                };
                for (index, part) in parts.iter().enumerate() {
                    let path = values.and_then(|values| self.path(&values[index]));
                    let part_value = values.map(|values| &values[index]);
                    self.bind(
                        part,
                        path.as_deref(),
                        part_value.unwrap_or(value),
                        is_whole && part_value.is_some(),
                    );
                }
            }
            _ => {}
        }
    }

    fn forget(&mut self, target: &'a Expr) {
        match &target.kind {
            ExprKind::Name(name) => {
                self.sites.bindings.push(Binding { name, value: None, is_whole: false, at: self.at });
                self.sites.locals.insert(name, format!("~{name}"));
            }
            ExprKind::Tuple(parts) | ExprKind::List(parts) => parts.iter().for_each(|part| self.forget(part)),
            ExprKind::Starred(inner) => self.forget(inner),
            _ => {}
        }
    }

    fn write(&mut self, target: &'a Expr, kind: WriteKind, value: Option<&'a Expr>, span: Span) {
        let (path, is_item) = match &target.kind {
            ExprKind::Name(name) if self.globals.contains(&**name) => (format!("#{name}"), false),
            ExprKind::Name(name) if self.nonlocals.contains(&**name) => (format!("~{name}"), false),
            ExprKind::Name(_) => return,
            ExprKind::Subscript { value: base, index } => {
                index.iter().for_each(|part| self.value(part, Use::Other));
                match self.written_path(base) {
                    Some(path) => (path, true),
                    None => return,
                }
            }
            ExprKind::Attribute { .. } => match self.written_path(target) {
                Some(path) => (path, false),
                None => return,
            },
            ExprKind::Tuple(parts) | ExprKind::List(parts) => {
                return parts.iter().for_each(|part| self.write(part, kind, value, span));
            }
            _ => return,
        };
        let at = self.next();
        self.sites.writes.push(WriteSite { target, path, is_item, kind, method: None, value, span, at });
    }

    /// The path of a thing that is changed; a variable of the module keeps its name (`#CACHE`).
    fn written_path(&self, expr: &Expr) -> Option<String> {
        path_with(expr, &|name| {
            if !self.sites.locals.contains_key(name)
                && !self.imports.contains_key(name)
                && !self.module.imports.contains_key(name)
                && !(self.defined)(name)
                && (self.global)(name).is_some()
            {
                return format!("#{name}");
            }
            self.root(name)
        })
    }

    /// Visits an expression whose value is used as said.
    fn value(&mut self, expr: &'a Expr, used: Use<'a>) {
        self.used = used;
        self.awaited = false;
        self.expr(expr);
    }

    fn expr(&mut self, expr: &'a Expr) {
        let (used, awaited) = (self.used, self.awaited);
        self.used = Use::Other;
        self.awaited = false;
        match &expr.kind {
            ExprKind::Name(name) => {
                self.sites.names_read.insert(name);
            }
            ExprKind::Await(inner) => {
                self.sites.awaits += 1;
                self.used = used;
                self.awaited = true;
                self.expr(inner);
            }
            ExprKind::Call(call) => self.call(expr, call, used, awaited),
            ExprKind::Yield(inner) => {
                self.sites.has_yield = true;
                if let Some(inner) = inner {
                    if let Some(path) = self.path(inner) {
                        self.sites.returns.push((inner, path));
                    }
                    self.value(inner, Use::Returned);
                }
                if !self.at.in_nested {
                    self.at.after_yield = true;
                }
            }
            ExprKind::Walrus { target, value } => {
                self.value(value, target.as_name().map_or(Use::Other, Use::Assigned));
                let path = self.path(value);
                self.bind(target, path.as_deref(), value, true);
            }
            ExprKind::Lambda(body) => {
                self.within(|at| at.in_nested = true, |this| this.value(body, Use::Other))
            }
            ExprKind::Bools(parts) => {
                self.sites.branches += 1;
                parts.iter().for_each(|part| self.value(part, Use::Other));
            }
            ExprKind::Conditional { .. } => {
                self.sites.branches += 1;
                expr.children().into_iter().for_each(|child| self.value(child, Use::Other));
            }
            ExprKind::Comprehension(inner) => {
                for (target, iter) in &inner.clauses {
                    self.value(iter, Use::Other);
                    self.forget(target);
                }
                self.within(
                    |at| at.loops += 1,
                    |this| {
                        inner
                            .conditions
                            .iter()
                            .chain(&inner.element)
                            .for_each(|part| this.value(part, Use::Other));
                    },
                );
            }
            _ => expr.children().into_iter().for_each(|child| self.value(child, Use::Other)),
        }
    }

    fn call(&mut self, expr: &'a Expr, call: &'a Call, used: Use<'a>, awaited: bool) {
        self.value(&call.func, Use::Other);
        for argument in call.args.iter().chain(call.keywords.iter().map(|(_, value)| value)) {
            self.value(argument, Use::Argument(expr.span.start));
        }
        let path = self.path(&call.func).unwrap_or_default();
        if let ExprKind::Attribute { value: receiver, attr } = &call.func.kind {
            if MUTATORS.contains(&&**attr)
                && let Some(path) = self.written_path(receiver)
            {
                let at = self.next();
                let value = call.args.last();
                self.sites.writes.push(WriteSite {
                    target: receiver,
                    path,
                    is_item: true,
                    kind: WriteKind::Method,
                    method: Some(attr),
                    value,
                    span: expr.span,
                    at,
                });
            }
            let is_assert = attr.starts_with("assert") && !attr.starts_with("assert_called_once_with_");
            if is_assert || (&**attr == "fail" && receiver.as_name() == Some("self")) {
                let at = self.next();
                self.sites.asserts.push(AssertSite { test: expr, span: expr.span, at });
            }
        }
        // `assert_allclose(…)` and its kin, imported by name
        if call.func.as_name().is_some_and(|name| is_assertion(name) && !(self.defined)(name)) {
            let at = self.next();
            self.sites.asserts.push(AssertSite { test: expr, span: expr.span, at });
        }
        let at = self.next();
        self.sites.calls.push(CallSite { expr, call, path, awaited, used, at });
    }
}

/// Functions of numpy.testing, nose and others that assert by comparison.
fn is_assertion(name: &str) -> bool {
    matches!(
        name,
        "assert_"
            | "assert_equal"
            | "assert_not_equal"
            | "assert_array_equal"
            | "assert_allclose"
            | "assert_almost_equal"
            | "assert_array_almost_equal"
            | "assert_array_less"
            | "assert_eq"
            | "eq_"
            | "ok_"
    )
}

impl<'a> Sites<'a> {
    /// The value last given to a plain local before `order`, or what it is a part of.
    pub fn value_of(&self, name: &str, order: u32) -> Option<&'a Expr> {
        let mut earlier = self.bindings.iter().rev().filter(|binding| binding.name == name);
        earlier.find(|binding| binding.at.order < order)?.value
    }

    /// The expression that a name was last bound to before `order`, where it is one.
    pub fn bound(&self, name: &str, order: u32) -> Option<&'a Expr> {
        let mut before = self.bindings.iter().rev().filter(|binding| binding.name == name);
        before.find(|binding| binding.at.order <= order).filter(|binding| binding.is_whole)?.value
    }

    /// The `with` blocks around a site, innermost first.
    pub fn enclosing_withs(&self, at: At) -> impl Iterator<Item = &WithSite<'a>> {
        let mut next = at.with;
        std::iter::from_fn(move || {
            let with = &self.withs[next? as usize];
            next = with.parent;
            Some(with)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::python::{Analysis, Module, Project, PytestConfig};

    fn project(source: &str) -> Project {
        let module = Module::parse("test_a.py".into(), source.into());
        Project::new(vec![module], PytestConfig::load(std::path::Path::new("/nonexistent")))
    }

    #[test]
    fn a_name_is_what_it_was_last_bound_to() {
        let project = project(
            "def test_a():\n    x = f()\n    y, z = 1, g()\n    x = h()\n    for z in x:\n        pass\n",
        );
        let analysis = Analysis::new(&project);
        let view = analysis.view(0);
        let sites = view.sites(view.functions["test_a"]).unwrap();
        let text = |name| sites.bound(name, u32::MAX).map(|value| view.module.text(value.span));
        assert_eq!((text("x"), text("y"), text("z")), (Some("h()"), Some("1"), None));
        assert_eq!(view.module.text(sites.bound("x", sites.calls[0].at.order + 1).unwrap().span), "f()");
    }

    #[test]
    fn a_nonlocal_name_is_no_global() {
        let project = project(
            "n = 0\n\ndef test_a():\n    n = 0\n    def f():\n        nonlocal n\n        n += 1\n    f()\n",
        );
        let analysis = Analysis::new(&project);
        let view = analysis.view(0);
        let writes = &view.sites(view.functions["test_a"]).unwrap().writes;
        assert!(writes.iter().all(|write| !write.path.starts_with('#')), "{writes:?}");
    }

    #[test]
    fn what_outlives_a_function_is_known_with_who_writes_and_names_it() {
        let project = project(
            "SEEN = []\n\ndef test_a():\n    SEEN.append(1)\n\ndef test_b():\n    assert SEEN\n\n\
             class TestC:\n    def test_c(self):\n        self.__class__.token = 1\n",
        );
        let analysis = Analysis::new(&project);
        let view = analysis.view(0);
        let names = |functions: &[&crate::python::ast::Function]| {
            functions.iter().map(|function| function.name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(&view.shared["SEEN"].writers), ["test_a"]);
        assert_eq!(names(&view.shared["SEEN"].users), ["test_a", "test_b"]);
        assert_eq!(names(&view.shared["TestC.token"].writers), ["test_c"]);
    }

    #[test]
    fn a_mark_may_have_a_name_of_its_own() {
        let project = project(
            "import pytest\n\nslow = pytest.mark.flaky(reruns=2)\n\n@slow\ndef test_a():\n    pass\n",
        );
        let analysis = Analysis::new(&project);
        let tests = analysis.tests(0);
        assert_eq!(tests[0].decorators(&analysis)[0].0, "pytest.mark.flaky");
    }
}

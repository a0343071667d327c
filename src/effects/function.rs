//! What one function does to state that outlives it, and which functions of the tree it calls.

use rustc_hash::{FxHashMap, FxHashSet};

use super::index::Index;
use super::meaning::{ClassId, FunctionId, Meaning, Rest};
use super::outside;
use super::unit::names_in;
use super::{Part, READ, RESET, State, Touch, WRITE, merged, state};
use crate::python::ast::*;
use crate::python::{blocks, expressions};

/// What a function does itself.
#[derive(Default)]
pub(super) struct Effects {
    pub touches: Vec<Touch>,
    /// Its parameters that it uses, and how: fixtures, where it is a test or a fixture.
    pub params: Vec<(Text, u8)>,
    pub calls: Vec<FunctionId>,
}

impl Effects {
    pub(super) fn of(index: &Index<'_>, id: FunctionId) -> Effects {
        let function = index.unit(id.unit).functions[id.function as usize].function;
        let mut walk = Walk::new(index, id, &function.body);
        walk.block(&function.body);
        walk.kept_between_calls(function);
        walk.end()
    }

    /// What one statement of a function does. To give a variable the value that its module begins with is nothing.
    pub(super) fn of_part<'a>(index: &Index<'a>, id: FunctionId, part: &'a Stmt) -> (Effects, Option<Part>) {
        let function = index.unit(id.unit).functions[id.function as usize].function;
        let mut walk = Walk::new(index, id, &function.body);
        let changed = walk.part(part);
        if !walk.begins_anew(part) {
            walk.block(std::slice::from_ref(part));
        }
        (walk.end(), changed)
    }
}

/// A function on its way to its effects.
pub(super) struct Walk<'i, 'a> {
    pub(super) index: &'i Index<'a>,
    pub(super) unit: usize,
    /// The class of the function and its bases.
    pub(super) lineage: Vec<ClassId>,
    pub(super) params: FxHashSet<&'a str>,
    locals: FxHashSet<&'a str>,
    globals: FxHashSet<&'a str>,
    /// What the function imports itself.
    pub(super) imports: FxHashMap<&'a str, &'a str>,
    /// Locals that hold an object of a class of the tree.
    pub(super) types: FxHashMap<&'a str, ClassId>,
    /// Locals that hold a text.
    pub(super) literals: FxHashMap<&'a str, &'a str>,
    pub(super) out: Effects,
}

/// Where a dotted name leads.
pub(super) enum Place<'a> {
    State(State),
    Param(&'a str),
}

impl<'i, 'a> Walk<'i, 'a> {
    fn new(index: &'i Index<'a>, id: FunctionId, body: &'a [Stmt]) -> Walk<'i, 'a> {
        let member = &index.unit(id.unit).functions[id.function as usize];
        let class = member.class.map(|class| ClassId { unit: id.unit, class });
        let mut walk = Walk {
            index,
            unit: id.unit,
            lineage: class.map(|class| index.lineage(class)).unwrap_or_default(),
            params: member.function.params.iter().map(|param| &*param.name).collect(),
            locals: FxHashSet::default(),
            globals: FxHashSet::default(),
            imports: FxHashMap::default(),
            types: FxHashMap::default(),
            literals: FxHashMap::default(),
            out: Effects::default(),
        };
        walk.bind(body);
        let globals = std::mem::take(&mut walk.globals);
        walk.locals.retain(|name| !globals.contains(name));
        walk.globals = globals;
        walk
    }

    fn end(mut self) -> Effects {
        self.out.touches = merged(self.out.touches);
        self.out.calls.sort_unstable_by_key(|id| (id.unit, id.function));
        self.out.calls.dedup();
        self.out
    }

    /// What a statement changes of an object that holds more than that.
    fn part(&self, stmt: &'a Stmt) -> Option<Part> {
        let (target, called) = match &stmt.kind {
            StmtKind::Assign { targets, .. } | StmtKind::Delete(targets) => (targets.first()?, None),
            StmtKind::AugAssign { target, .. } => (target, None),
            StmtKind::Expr(expr) => match &expr.as_call()?.func.kind {
                ExprKind::Attribute { value, .. } => (&**value, expr.as_call()),
                _ => return None,
            },
            _ => return None,
        };
        let (mut owner, mut key) = (target, None);
        while let ExprKind::Subscript { value, index } = &owner.kind {
            (owner, key) = (value, index.first());
        }
        let parts = owner.dotted()?;
        // a variable of the environment is a state of its own, and yet whoever depends on it is expected to name it
        if self.outside(&parts).as_deref() == Some("os.environ") {
            let named = key.or_else(|| called.and_then(|call| call.args.first()));
            let name = named.and_then(Expr::as_str).map(str::to_owned);
            return Some(Part { name, is_of_environment: true, ..Part::default() });
        }
        let last = (*parts.last()?).to_owned();
        let within = |end: usize| parts[..end].iter().skip(1).map(|part| (*part).to_owned()).collect();
        match key {
            Some(key) => Some(Part {
                name: key.as_str().map(str::to_owned),
                holder: Some(last),
                within: within(parts.len()),
                ..Part::default()
            }),
            None => {
                let is_whole = !self.place(&parts)?.1;
                let within = within(parts.len() - 1);
                Some(Part { name: Some(last), within, is_whole, ..Part::default() })
            }
        }
    }

    /// `module.NAME = None`, where that module says `NAME = None`; `module.shop.host = "a.example"`, where it says
    /// `shop = Shop("a.example")`
    fn begins_anew(&self, part: &'a Stmt) -> bool {
        let StmtKind::Assign { targets, value: Some(value), .. } = &part.kind else { return false };
        let [target] = &targets[..] else { return false };
        let Some(parts) = target.dotted() else { return false };
        let Some(Meaning::Variable { unit, name, rest }) = self.meaning(&parts) else { return false };
        let first = self.index.unit(unit);
        let own = self.index.unit(self.unit).module;
        let is_same = |initial: &Expr| first.module.text(initial.span) == own.text(value.span);
        let Some(initial) = first.globals.get(name).copied().flatten() else { return false };
        match rest {
            Rest::Nothing => !value.any(&mut |inner| inner.as_name().is_some()) && is_same(initial),
            Rest::One(_) => {
                value.as_str().is_some_and(|text| !text.is_empty())
                    && initial.as_call().is_some_and(|call| {
                        call.args.iter().chain(call.keywords.iter().map(|(_, value)| value)).any(is_same)
                    })
            }
            Rest::More => false,
        }
    }

    /// Finds the function's own names.
    fn bind(&mut self, body: &'a [Stmt]) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::Assign { targets, value, .. } => {
                    self.locals.extend(targets.iter().flat_map(names_in));
                    if let (Some(name), Some(value)) = (targets.first().and_then(Expr::as_name), value) {
                        self.learn(name, value);
                    }
                }
                StmtKind::AugAssign { target, .. } => self.locals.extend(names_in(target)),
                StmtKind::For { target, .. } => self.locals.extend(names_in(target)),
                StmtKind::With { items, .. } => {
                    for (value, target) in items {
                        self.locals.extend(target.iter().flat_map(names_in));
                        if let Some(name) = target.as_ref().and_then(Expr::as_name) {
                            self.learn(name, value);
                        }
                    }
                }
                StmtKind::Global(names) => self.globals.extend(names.iter().map(|name| &**name)),
                StmtKind::Import(names) => {
                    self.imports.extend(names.iter().map(|import| (&*import.local, &*import.path)));
                }
                StmtKind::Function(inner) => {
                    self.locals.insert(&inner.name);
                    self.bind(&inner.body);
                }
                StmtKind::Class(inner) => {
                    self.locals.insert(&inner.name);
                    self.bind(&inner.body);
                }
                _ => {}
            }
            expressions(stmt).into_iter().for_each(|expr| self.bind_within(expr));
            blocks(stmt).into_iter().for_each(|block| self.bind(block));
        }
    }

    fn bind_within(&mut self, expr: &'a Expr) {
        match &expr.kind {
            ExprKind::Comprehension(inner) => {
                self.locals.extend(inner.clauses.iter().flat_map(|(target, _)| names_in(target)));
            }
            ExprKind::Walrus { target, .. } => self.locals.extend(names_in(target)),
            _ => {}
        }
        expr.for_each_child(&mut |child| self.bind_within(child));
    }

    fn learn(&mut self, name: &'a str, value: &'a Expr) {
        if let Some(text) = value.as_str() {
            self.literals.insert(name, text);
        }
        if let Some(class) = self.made(self.unit, value) {
            self.types.insert(name, class);
        }
    }

    /// The class of the tree that a value is made of.
    pub(super) fn made(&self, unit: usize, value: &'a Expr) -> Option<ClassId> {
        if let Some(name) = value.as_name() {
            return self.types.get(name).copied();
        }
        match self.index.meaning(unit, &value.as_call()?.func.dotted()?, 0)? {
            Meaning::Class(class) => Some(class),
            _ => None,
        }
    }

    pub(super) fn touch(&mut self, state: State, how: u8) {
        self.out.touches.push(Touch { state, how });
    }

    pub(super) fn note(&mut self, place: Place<'a>, how: u8) {
        match place {
            Place::State(state) => self.touch(state, how),
            Place::Param(name) => match self.out.params.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known |= how,
                None => self.out.params.push((name.into(), how)),
            },
        }
    }

    pub(super) fn is_local(&self, name: &str) -> bool {
        self.locals.contains(name) || self.params.contains(name)
    }

    pub(super) fn meaning(&self, parts: &[&'a str]) -> Option<Meaning<'a>> {
        match self.imports.get(parts.first()?) {
            // what a function imports itself is rarely asked for
            Some(path) => self.index.path(self.unit, path, 0),
            None => self.index.meaning(self.unit, parts, 0),
        }
    }

    /// The state that a dotted name leads to, and whether more of the name follows.
    pub(super) fn place(&self, parts: &[&'a str]) -> Option<(Place<'a>, bool)> {
        let (first, rest) = parts.split_first()?;
        if matches!(*first, "self" | "cls") && self.params.contains(first) {
            let rest = rest.strip_prefix(&["__class__"]).unwrap_or(rest);
            let (name, after) = rest.split_first()?;
            let owner = self.index.owner_of(&self.lineage, name)?;
            let of_object = *first == "self"
                && parts.get(1) != Some(&"__class__")
                && self.lineage.iter().any(|class| self.class(*class).set_on_self.contains_key(name))
                && !self.class(owner).set_on_class.contains(name);
            return (!of_object).then(|| (Place::State(self.attribute(owner, name)), !after.is_empty()));
        }
        if self.is_local(first) {
            return self.params.contains(first).then_some((Place::Param(first), !rest.is_empty()));
        }
        match self.meaning(parts)? {
            Meaning::Attribute(class, name) => Some((Place::State(self.attribute(class, name)), false)),
            Meaning::Variable { unit, name, rest } => {
                Some((Place::State(self.variable(unit, name)), rest != Rest::Nothing))
            }
            _ => None,
        }
    }

    pub(super) fn class(&self, class: ClassId) -> &super::unit::ClassUnit<'a> {
        self.index.unit(class.unit).class(class.class)
    }

    fn attribute(&self, class: ClassId, name: &str) -> State {
        state("attribute", &[&self.index.unit(class.unit).module.file, self.class(class).name, name])
    }

    pub(super) fn variable(&self, unit: usize, name: &str) -> State {
        state("variable", &[&self.index.unit(unit).module.file, name])
    }

    fn block(&mut self, body: &'a [Stmt]) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::Assign { targets, value, .. } => {
                    for target in targets.iter().filter(|_| value.is_some()) {
                        self.store(target, false);
                        self.around(target);
                    }
                    value.iter().for_each(|value| self.expr(value));
                    continue;
                }
                StmtKind::AugAssign { target, value, .. } => {
                    self.store(target, true);
                    self.around(target);
                    self.expr(value);
                    continue;
                }
                StmtKind::Delete(targets) => {
                    for target in targets {
                        self.store(target, true);
                        self.around(target);
                    }
                    continue;
                }
                StmtKind::Function(inner) => self.block(&inner.body),
                StmtKind::Class(inner) => self.block(&inner.body),
                _ => {}
            }
            expressions(stmt).into_iter().for_each(|expr| self.expr(expr));
            blocks(stmt).into_iter().for_each(|block| self.block(block));
        }
    }

    /// What has to be read before a target can be given its value.
    fn around(&mut self, target: &'a Expr) {
        match &target.kind {
            ExprKind::Attribute { value, .. } => self.expr(value),
            ExprKind::Subscript { value, index } => {
                if value.dotted().is_none_or(|parts| self.outside(&parts).as_deref() != Some("os.environ")) {
                    self.expr(value);
                }
                index.iter().for_each(|part| self.expr(part));
            }
            ExprKind::Tuple(items) | ExprKind::List(items) => items.iter().for_each(|item| self.around(item)),
            ExprKind::Starred(inner) => self.around(inner),
            _ => {}
        }
    }

    fn store(&mut self, target: &'a Expr, keeps: bool) {
        let mut owner = target;
        let mut key = None;
        while let ExprKind::Subscript { value, index } = &owner.kind {
            key = index.first();
            owner = value;
        }
        match &owner.kind {
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                return items.iter().for_each(|item| self.store(item, keeps));
            }
            ExprKind::Starred(inner) => return self.store(inner, keeps),
            ExprKind::Name(name) if key.is_none() => {
                if self.globals.contains(&**name) {
                    let read = if keeps { READ } else { RESET };
                    self.touch(self.variable(self.unit, name), WRITE | read);
                }
                return;
            }
            _ => {}
        }
        let Some(parts) = owner.dotted() else { return };
        match self.outside(&parts).as_deref() {
            Some("os.environ") => {
                let name = key.and_then(Expr::as_str).unwrap_or("*");
                return self.touch(environment(name), WRITE | RESET);
            }
            Some(path) if outside::SYSTEM.contains(&path) => {
                let reset = if key.is_none() { RESET } else { 0 };
                return self.touch(state("process", &[path]), WRITE | reset);
            }
            _ => {}
        }
        if let Some((place, more)) = self.place(&parts) {
            let how = if key.is_some() || more || keeps { WRITE | READ } else { WRITE | RESET };
            self.note(place, how);
        }
    }

    /// The whole path of what stands outside the tree.
    pub(super) fn outside(&self, parts: &[&'a str]) -> Option<String> {
        let (first, rest) = parts.split_first()?;
        let head = match self.imports.get(first) {
            Some(path) => path,
            None if self.is_local(first) => return None,
            None => self.index.unit(self.unit).module.imports.get(*first).map_or(*first, |path| &**path),
        };
        let mut out = head.to_owned();
        for part in rest {
            out.push('.');
            out.push_str(part);
        }
        Some(out)
    }

    fn expr(&mut self, expr: &'a Expr) {
        match &expr.kind {
            ExprKind::Name(_) | ExprKind::Attribute { .. } => {
                if !self.read(expr) {
                    expr.for_each_child(&mut |child| self.expr(child));
                }
                return;
            }
            ExprKind::Subscript { value, index } => {
                if let Some(parts) = value.dotted()
                    && self.outside(&parts).as_deref() == Some("os.environ")
                {
                    self.touch(environment(index.first().and_then(Expr::as_str).unwrap_or("*")), READ);
                }
            }
            ExprKind::Call(call) => self.call(call),
            _ => {}
        }
        expr.for_each_child(&mut |child| self.expr(child));
    }

    /// Notes what a dotted name reads; whether it is one.
    fn read(&mut self, expr: &'a Expr) -> bool {
        let Some(root) = root(expr) else { return false };
        // a plain local leads nowhere
        if self.locals.contains(root) && !self.params.contains(root) && !self.imports.contains_key(root) {
            return true;
        }
        let Some(parts) = expr.dotted() else { return false };
        if let Some((place, _)) = self.place(&parts) {
            self.note(place, READ);
        }
        true
    }

    /// A cache keeps results, a mutable default what is put into it.
    fn kept_between_calls(&mut self, function: &'a Function) {
        let file = &self.index.unit(self.unit).module.file;
        for decorator in &function.decorators {
            let target = decorator.as_call().map_or(decorator, |call| &call.func);
            let last = target.dotted().and_then(|parts| parts.last().copied());
            if last.is_some_and(|last| outside::CACHES.contains(&last)) {
                let start = function.span.start.to_string();
                self.touch(state("cache", &[file, &start]), READ | WRITE);
            }
        }
        for param in &function.params {
            let is_mutable = param.default.as_ref().is_some_and(|value| {
                matches!(value.kind, ExprKind::List(_) | ExprKind::Dict(_) | ExprKind::Set(_))
            });
            let is_changed = |expr: &Expr| {
                expr.as_call().and_then(|call| call.func.dotted()).is_some_and(|parts| {
                    matches!(&parts[..], [name, method] if *name == param.name && outside::MUTATORS.contains(method))
                })
            };
            if is_mutable && crate::python::any_expression(&function.body, &mut |expr| is_changed(expr)) {
                let start = function.span.start.to_string();
                self.touch(state("default", &[file, &start, &param.name]), READ | WRITE);
            }
        }
    }
}

pub(super) fn environment(name: &str) -> State {
    state("environment", &[name])
}

/// The name that a dotted name begins with.
fn root(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::Attribute { value, .. } => root(value),
        _ => None,
    }
}

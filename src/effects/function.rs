//! What one function does to state that outlives it, and which functions of the tree it calls.

use rustc_hash::{FxHashMap, FxHashSet};

use super::index::Index;
use super::meaning::{ClassId, FunctionId, Meaning, Rest};
use super::outside;
use super::unit::{chain, names_in};
use super::{READ, RESET, State, Touch, WRITE, merged, state};
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
        let unit = index.unit(id.unit);
        let member = &unit.functions[id.function as usize];
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
        walk.bind(&member.function.body);
        let globals = std::mem::take(&mut walk.globals);
        walk.locals.retain(|name| !globals.contains(name));
        walk.globals = globals;
        walk.block(&member.function.body);
        walk.kept_between_calls(member.function);
        walk.out.touches = merged(walk.out.touches);
        walk.out.calls.sort_unstable_by_key(|id| (id.unit, id.function));
        walk.out.calls.dedup();
        walk.out
    }
}

struct Walk<'i, 'a> {
    index: &'i Index<'a>,
    unit: usize,
    /// The class of the function and its bases.
    lineage: Vec<ClassId>,
    params: FxHashSet<&'a str>,
    locals: FxHashSet<&'a str>,
    globals: FxHashSet<&'a str>,
    /// What the function imports itself.
    imports: FxHashMap<&'a str, &'a str>,
    /// Locals that hold an object of a class of the tree.
    types: FxHashMap<&'a str, ClassId>,
    /// Locals that hold a text.
    literals: FxHashMap<&'a str, &'a str>,
    out: Effects,
}

/// Where a dotted name leads.
enum Place<'a> {
    State(State),
    Param(&'a str),
}

impl<'a> Walk<'_, 'a> {
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
    fn made(&self, unit: usize, value: &'a Expr) -> Option<ClassId> {
        if let Some(name) = value.as_name() {
            return self.types.get(name).copied();
        }
        match self.index.meaning(unit, &chain(&value.as_call()?.func)?, 0)? {
            Meaning::Class(class) => Some(class),
            _ => None,
        }
    }

    fn touch(&mut self, state: State, how: u8) {
        self.out.touches.push(Touch { state, how });
    }

    fn note(&mut self, place: Place<'a>, how: u8) {
        match place {
            Place::State(state) => self.touch(state, how),
            Place::Param(name) => match self.out.params.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known |= how,
                None => self.out.params.push((name.into(), how)),
            },
        }
    }

    fn is_local(&self, name: &str) -> bool {
        self.locals.contains(name) || self.params.contains(name)
    }

    fn meaning(&self, parts: &[&'a str]) -> Option<Meaning<'a>> {
        match self.imports.get(parts.first()?) {
            // what a function imports itself is rarely asked for
            Some(path) => self.index.path(self.unit, path, 0),
            None => self.index.meaning(self.unit, parts, 0),
        }
    }

    /// The state that a dotted name leads to, and whether more of the name follows.
    fn place(&self, parts: &[&'a str]) -> Option<(Place<'a>, bool)> {
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

    fn class(&self, class: ClassId) -> &super::unit::ClassUnit<'a> {
        self.index.unit(class.unit).class(class.class)
    }

    fn attribute(&self, class: ClassId, name: &str) -> State {
        state("attribute", &[&self.index.unit(class.unit).module.file, self.class(class).name, name])
    }

    fn variable(&self, unit: usize, name: &str) -> State {
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
                if !chain(value).is_some_and(|parts| self.outside(&parts).as_deref() == Some("os.environ")) {
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
        let Some(parts) = chain(owner) else { return };
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
    fn outside(&self, parts: &[&'a str]) -> Option<String> {
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
                if let Some(parts) = chain(value)
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
        let Some(parts) = chain(expr) else { return false };
        if let Some((place, _)) = self.place(&parts) {
            self.note(place, READ);
        }
        true
    }

    fn call(&mut self, call: &'a Call) {
        let parts = chain(&call.func);
        let last = match &call.func.kind {
            ExprKind::Attribute { attr, .. } => &**attr,
            ExprKind::Name(name) => name,
            _ => return,
        };
        if let Some(parts) = &parts
            && outside::may_be_known(last)
            && let Some(path) = self.outside(parts)
        {
            self.call_outside(&path, call);
        }
        if let ExprKind::Attribute { value, .. } = &call.func.kind {
            self.call_method(value, last, call);
            if let Some(receiver) =
                parts.as_ref().and_then(|parts| parts.split_last()).map(|(_, receiver)| receiver)
            {
                self.change(receiver, last);
            }
        }
        self.follow(call, parts.as_deref(), last);
    }

    fn call_outside(&mut self, path: &str, call: &'a Call) {
        let first = call.args.first();
        if let Some((name, how)) = outside::process(path) {
            let state = match name {
                "env" => environment(first.and_then(Expr::as_str).unwrap_or("*")),
                name => state("process", &[name]),
            };
            self.touch(state, how);
        } else if matches!(path, "open" | "io.open" | "codecs.open") {
            let mode = call.argument(1, "mode").and_then(Expr::as_str).unwrap_or("r");
            let how = if mode.contains(['w', 'a', 'x', '+']) { WRITE } else { READ };
            self.file(first, how);
        } else if outside::WRITE_FILES.contains(&path) {
            call.args.iter().take(2).for_each(|path| self.file(Some(path), WRITE));
        } else if outside::READ_FILES.contains(&path) {
            self.file(first, READ);
        }
    }

    fn call_method(&mut self, receiver: &'a Expr, name: &str, call: &'a Call) {
        if outside::PATH_WRITERS.contains(&name) {
            self.file(Some(receiver), WRITE);
        } else if outside::PATH_READERS.contains(&name) {
            self.file(Some(receiver), READ);
        } else if outside::EXPORTERS.contains(&name) {
            self.file(call.args.first(), WRITE);
        }
        let manager = match &receiver.kind {
            ExprKind::Name(name) if name == "objects" => Some("objects".to_owned()),
            ExprKind::Attribute { attr, .. } if attr == "objects" => {
                chain(receiver).map(|parts| parts.join("."))
            }
            _ => None,
        };
        if let Some(manager) = manager {
            let how = if outside::CREATORS.contains(&name) { WRITE } else { READ };
            self.touch(state("database", &[&manager]), how);
        } else if outside::DATABASE.contains(&name) {
            self.touch(state("database", &[""]), READ | WRITE);
        }
    }

    /// A file by the path that an expression names; nothing where that is made of locals.
    fn file(&mut self, path: Option<&'a Expr>, how: u8) {
        let Some(path) = path else { return self.touch(state("file", &["?"]), how) };
        if let Some(text) = path.as_str().or_else(|| self.literals.get(path.as_name()?).copied()) {
            return self.touch(state("file", &[text]), how);
        }
        let is_own = path.any(&mut |part| {
            part.as_name().is_some_and(|name| !matches!(name, "self" | "cls") && self.is_local(name))
        });
        if !is_own {
            let text = self.index.unit(self.unit).module.text(path.span);
            self.touch(state("file", &["~", text]), how);
        }
    }

    /// A call changes the shared object that it belongs to, unless that is a plain value.
    fn change(&mut self, receiver: &[&'a str], method: &str) {
        let Some((place, _)) = self.place(receiver) else { return };
        let plain = match self.meaning_of_receiver(receiver) {
            Some(value) => is_plain(value),
            None => false,
        };
        let mut how = READ;
        if outside::MUTATORS.contains(&method) || !plain {
            how |= WRITE;
            if outside::RESETTERS.contains(&method) {
                how |= RESET;
            }
        }
        self.note(place, how);
    }

    /// The value that a variable or an attribute was first given.
    fn meaning_of_receiver(&self, parts: &[&'a str]) -> Option<&'a Expr> {
        if let ["self" | "cls", name, ..] = parts {
            let owner = self.index.owner_of(&self.lineage, name)?;
            return *self.class(owner).attributes.get(name)?;
        }
        match self.meaning(parts)? {
            Meaning::Attribute(class, name) => *self.class(class).attributes.get(name)?,
            Meaning::Variable { unit, name, .. } => *self.index.unit(unit).globals.get(name)?,
            _ => None,
        }
    }

    /// Finds the functions of the tree that a call leads to.
    fn follow(&mut self, call: &'a Call, parts: Option<&[&'a str]>, last: &'a str) {
        let known = self.out.calls.len();
        match parts {
            Some([own @ ("self" | "cls"), rest @ ..]) if self.params.contains(own) && !rest.is_empty() => {
                match rest {
                    [name] => {
                        let method = self.index.method_of(&self.lineage, name);
                        self.out.calls.extend(method);
                    }
                    [attribute, name] => {
                        let class = self.kept(attribute);
                        self.call_of(class, name);
                    }
                    _ => {}
                }
            }
            Some([name, method]) if self.types.contains_key(name) => {
                self.call_of(self.types.get(name).copied(), method);
            }
            Some([name, method]) if self.params.contains(name) => {
                let class = self.index.given(self.unit, name);
                self.call_of(class, method);
            }
            Some(parts) if !self.is_local(parts[0]) || self.imports.contains_key(parts[0]) => {
                match self.meaning(parts) {
                    Some(Meaning::Function(function)) => self.out.calls.push(function),
                    Some(Meaning::Class(class)) => {
                        for method in ["__init__", "__new__", "__post_init__"] {
                            self.call_of(Some(class), method);
                        }
                    }
                    Some(Meaning::Variable { unit, name, rest: Rest::One(method) }) => {
                        let value = self.index.unit(unit).globals.get(name).copied().flatten();
                        let class = value.and_then(|value| self.made(unit, value));
                        self.call_of(class, method);
                    }
                    _ => {}
                }
            }
            Some(_) => {}
            None => {
                if let ExprKind::Attribute { value, .. } = &call.func.kind {
                    let is_super = value.as_call().is_some_and(|call| call.func.as_name() == Some("super"));
                    if is_super {
                        let bases = self.lineage.get(1..).unwrap_or_default();
                        self.out.calls.extend(self.index.method_of(bases, last));
                    } else {
                        let class = self.made(self.unit, value);
                        self.call_of(class, last);
                    }
                }
            }
        }
        // a method that only one or two classes of the code under test have is meant
        let is_method = matches!(call.func.kind, ExprKind::Attribute { .. });
        if self.out.calls.len() == known
            && is_method
            && !last.starts_with("assert")
            && !outside::is_common(last)
        {
            let methods = self.index.methods_called(last);
            if methods.len() <= 2 {
                self.out.calls.extend(methods);
            }
        }
    }

    fn call_of(&mut self, class: Option<ClassId>, method: &str) {
        let found = class.and_then(|class| self.index.method_of(&self.index.lineage(class), method));
        self.out.calls.extend(found);
    }

    /// The class of what `self.name` holds.
    fn kept(&self, name: &str) -> Option<ClassId> {
        let of_object = self
            .lineage
            .iter()
            .find_map(|class| Some((class.unit, *self.class(*class).set_on_self.get(name)?)));
        let (unit, value) = of_object.or_else(|| {
            let owner = self.index.owner_of(&self.lineage, name)?;
            Some((owner.unit, (*self.class(owner).attributes.get(name)?)?))
        })?;
        self.made(unit, value)
    }

    /// A cache keeps results, a mutable default what is put into it.
    fn kept_between_calls(&mut self, function: &'a Function) {
        let file = &self.index.unit(self.unit).module.file;
        for decorator in &function.decorators {
            let target = decorator.as_call().map_or(decorator, |call| &call.func);
            let last = chain(target).and_then(|parts| parts.last().copied());
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
                expr.as_call().and_then(|call| chain(&call.func)).is_some_and(|parts| {
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

fn environment(name: &str) -> State {
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

/// A value that only its own few methods change.
fn is_plain(value: &Expr) -> bool {
    matches!(
        value.kind,
        ExprKind::List(_)
            | ExprKind::Dict(_)
            | ExprKind::Set(_)
            | ExprKind::Tuple(_)
            | ExprKind::Str { .. }
            | ExprKind::Number { .. }
            | ExprKind::Bool(_)
            | ExprKind::None
    ) || matches!(&value.kind, ExprKind::Comprehension(inner) if inner.kind != Collection::Generator)
}

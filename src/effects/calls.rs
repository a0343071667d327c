//! What a call does to state: by the name of what it calls, by the shared object that it belongs to, and by the functions
//! of the tree that it leads to.

use super::function::{Walk, environment};
use super::meaning::{ClassId, Meaning, Rest};
use super::outside;
use super::{READ, RESET, WRITE, state};
use crate::python::ast::*;

impl<'a> Walk<'_, 'a> {
    pub(super) fn call(&mut self, call: &'a Call) {
        let parts = call.func.dotted();
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
        if matches!(path, "importlib.reload" | "imp.reload") {
            return self.reload(first);
        }
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

    /// A module that runs anew gives all its variables their first values.
    fn reload(&mut self, module: Option<&'a Expr>) {
        let parts = module.and_then(Expr::dotted);
        if let Some(Meaning::Unit(unit)) = parts.and_then(|parts| self.meaning(&parts)) {
            for name in self.index.unit(unit).globals.keys() {
                let variable = self.variable(unit, name);
                self.touch(variable, WRITE | RESET);
            }
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
                receiver.dotted().map(|parts| parts.join("."))
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

//! What one file defines, as names are looked up from other files: functions, classes with what they keep, variables.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::python::ast::*;
use crate::python::{Module, blocks, for_each_statement};

/// One file of a tree.
pub(super) struct Unit<'a> {
    pub module: &'a Module,
    /// Dotted, from the root: `redis.client`; of a package that of its folder.
    pub name: String,
    /// The package that relative imports start from.
    pub package: String,
    pub functions: Vec<Member<'a>>,
    /// Functions at the top, by name.
    pub top: FxHashMap<&'a str, u32>,
    /// Start of a function ─▶ its place in `functions`.
    pub starts: FxHashMap<u32, u32>,
    pub classes: Vec<ClassUnit<'a>>,
    pub class_names: FxHashMap<&'a str, u32>,
    /// Variables at the top with the value last given to them there.
    pub globals: FxHashMap<&'a str, Option<&'a Expr>>,
}

pub(super) struct Member<'a> {
    pub function: &'a Function,
    /// A place in [`Unit::classes`].
    pub class: Option<u32>,
}

/// What a class defines and what its methods keep in it.
#[derive(Default)]
pub(super) struct ClassUnit<'a> {
    pub name: &'a str,
    pub bases: Vec<Vec<&'a str>>,
    pub methods: FxHashMap<&'a str, u32>,
    /// Attributes of the class itself, with the value first given to them.
    pub attributes: FxHashMap<&'a str, Option<&'a Expr>>,
    /// Those that methods give to the class: `cls.x = …`, `Class.x = …`.
    pub set_on_class: FxHashSet<&'a str>,
    /// `self.x = …`, with the first value.
    pub set_on_self: FxHashMap<&'a str, &'a Expr>,
}

impl<'a> Unit<'a> {
    pub(super) fn new(module: &'a Module) -> Unit<'a> {
        let stem = module.file.strip_suffix(".py").unwrap_or(&module.file).replace('/', ".");
        let (name, package) = match stem.strip_suffix("__init__") {
            Some(folder) => {
                let folder = folder.trim_end_matches('.').to_owned();
                (folder.clone(), folder)
            }
            None => {
                let package = stem.rsplit_once('.').map_or("", |(package, _)| package).to_owned();
                (stem, package)
            }
        };
        let mut unit = Unit {
            module,
            name,
            package,
            functions: vec![],
            top: FxHashMap::default(),
            starts: FxHashMap::default(),
            classes: vec![],
            class_names: FxHashMap::default(),
            globals: FxHashMap::default(),
        };
        unit.add(&module.body, None);
        unit
    }

    fn add(&mut self, body: &'a [Stmt], class: Option<u32>) {
        for_each_statement(body, &mut |stmt| match &stmt.kind {
            StmtKind::Function(function) => {
                let place = self.functions.len() as u32;
                self.functions.push(Member { function, class });
                self.starts.insert(function.span.start, place);
                match class {
                    Some(class) => {
                        let known = &mut self.classes[class as usize];
                        known.methods.insert(&function.name, place);
                        keep(known, &function.body);
                    }
                    None => {
                        self.top.insert(&function.name, place);
                    }
                }
            }
            StmtKind::Class(inner) => {
                let place = self.classes.len() as u32;
                let bases = inner.bases.iter().filter_map(Expr::dotted).collect();
                self.classes.push(ClassUnit { name: &inner.name, bases, ..ClassUnit::default() });
                self.class_names.entry(&inner.name).or_insert(place);
                self.add(&inner.body, Some(place));
            }
            StmtKind::Assign { targets, value, .. } => {
                for name in targets.iter().flat_map(names_in) {
                    match class {
                        Some(class) if value.is_some() => {
                            self.classes[class as usize].attributes.insert(name, value.as_ref());
                        }
                        Some(_) => {}
                        None => {
                            self.globals.insert(name, value.as_ref());
                        }
                    }
                }
            }
            _ => {}
        });
    }

    /// The class at a place.
    pub(super) fn class(&self, place: u32) -> &ClassUnit<'a> {
        &self.classes[place as usize]
    }
}

/// Notes what a method keeps in its object and in its class.
fn keep<'a>(class: &mut ClassUnit<'a>, body: &'a [Stmt]) {
    for stmt in body {
        let (targets, value) = match &stmt.kind {
            StmtKind::Assign { targets, value, .. } => (&targets[..], value.as_ref()),
            StmtKind::AugAssign { target, value, .. } => (std::slice::from_ref(target), Some(value)),
            StmtKind::Function(inner) => {
                keep(class, &inner.body);
                continue;
            }
            _ => {
                blocks(stmt).into_iter().for_each(|block| keep(class, block));
                continue;
            }
        };
        for target in targets {
            let ExprKind::Attribute { value: owner, attr } = &target.kind else { continue };
            match owner.as_name() {
                Some("self") => {
                    if let Some(value) = value {
                        class.set_on_self.entry(attr).or_insert(value);
                    }
                }
                Some(name) if name == "cls" || name == class.name => {
                    class.set_on_class.insert(attr);
                    class.attributes.entry(attr).or_insert(value);
                }
                _ => {}
            }
        }
    }
}

/// The plain names that a target binds.
pub(super) fn names_in(target: &Expr) -> Vec<&str> {
    match &target.kind {
        ExprKind::Name(name) => vec![name],
        ExprKind::Tuple(items) | ExprKind::List(items) => items.iter().flat_map(names_in).collect(),
        ExprKind::Starred(inner) => names_in(inner),
        _ => vec![],
    }
}

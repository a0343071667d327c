//! What a dotted name means, followed through imports and re-exports.

use super::index::Index;
use crate::python::is_part_of_python;

/// A function of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FunctionId {
    pub unit: usize,
    pub function: u32,
}

/// A class of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ClassId {
    pub unit: usize,
    pub class: u32,
}

/// What a name stands for in the tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Meaning<'a> {
    Unit(usize),
    Function(FunctionId),
    Class(ClassId),
    /// An attribute of a class that is no method.
    Attribute(ClassId, &'a str),
    /// A variable of a module, and whether more follows; with what follows where it is one name.
    Variable {
        unit: usize,
        name: &'a str,
        rest: Rest<'a>,
    },
}

/// What follows a variable in a dotted name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rest<'a> {
    Nothing,
    One(&'a str),
    More,
}

impl<'a> Rest<'a> {
    fn of(parts: &[&'a str]) -> Rest<'a> {
        match parts {
            [] => Rest::Nothing,
            [one] => Rest::One(one),
            _ => Rest::More,
        }
    }
}

/// How many re-exports are followed.
const MAX_HOPS: u8 = 5;

impl<'a> Index<'a> {
    /// What `parts` mean in a unit; nothing for what stands outside the tree.
    pub(super) fn meaning(&self, unit: usize, parts: &[&'a str], hops: u8) -> Option<Meaning<'a>> {
        let (first, rest) = parts.split_first()?;
        let found = self.defined(unit, first, hops)?;
        self.below(found, rest, hops)
    }

    /// What a name at the top of a unit means.
    fn defined(&self, unit: usize, name: &'a str, hops: u8) -> Option<Meaning<'a>> {
        if hops > MAX_HOPS {
            return None;
        }
        let known = self.unit(unit);
        if let Some(class) = known.class_names.get(name) {
            return Some(Meaning::Class(ClassId { unit, class: *class }));
        }
        if let Some(function) = known.top.get(name) {
            return Some(Meaning::Function(FunctionId { unit, function: *function }));
        }
        if known.globals.contains_key(name) {
            return Some(Meaning::Variable { unit, name, rest: Rest::Nothing });
        }
        match self.imported(unit, name, hops) {
            Some(imported) => imported,
            None => {
                let star = known.module.imports.get("*")?;
                match self.path(unit, star, hops + 1)? {
                    Meaning::Unit(from) if from != unit => self.defined(from, name, hops + 1),
                    _ => None,
                }
            }
        }
    }

    /// What the rest of a dotted name means below what its beginning means.
    fn below(&self, found: Meaning<'a>, rest: &[&'a str], hops: u8) -> Option<Meaning<'a>> {
        let Some((next, after)) = rest.split_first() else { return Some(found) };
        match found {
            Meaning::Unit(unit) => match self.child(unit, next) {
                Some(child) => self.below(Meaning::Unit(child), after, hops),
                None => match self.defined(unit, next, hops + 1) {
                    Some(found) => self.below(found, after, hops),
                    // comes to be in a way that is not seen
                    None => Some(Meaning::Variable { unit, name: next, rest: Rest::of(after) }),
                },
            },
            Meaning::Class(class) => {
                let lineage = self.lineage_after(class, hops + 1);
                Some(match self.method_of(&lineage, next) {
                    Some(method) => Meaning::Function(method),
                    None => Meaning::Attribute(self.owner_of(&lineage, next).unwrap_or(class), next),
                })
            }
            Meaning::Variable { unit, name, rest: Rest::Nothing } => {
                Some(Meaning::Variable { unit, name, rest: Rest::of(rest) })
            }
            Meaning::Variable { unit, name, .. } => Some(Meaning::Variable { unit, name, rest: Rest::More }),
            other => Some(other),
        }
    }

    /// What the path of an import in a unit means.
    pub(super) fn path(&self, unit: usize, path: &'a str, hops: u8) -> Option<Meaning<'a>> {
        if hops > MAX_HOPS {
            return None;
        }
        let dots = path.bytes().take_while(|byte| *byte == b'.').count();
        let parts: Vec<&'a str> =
            path[dots..].split('.').filter(|part| !part.is_empty() && *part != "*").collect();
        let base = self.package(unit, dots);
        for length in (0..=parts.len()).rev() {
            let mut name = base.clone();
            for part in &parts[..length] {
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(part);
            }
            if name.is_empty() {
                break;
            }
            // a file `os.py` somewhere in the tree is not what `os.path` means
            let is_foreign = dots == 0 && length == 1 && parts.len() > 1 && is_foreign(parts[0]);
            if let Some(found) = self.named(&name).filter(|_| !is_foreign) {
                return self.below(Meaning::Unit(found), &parts[length..], hops + 1);
            }
        }
        None
    }

    fn package(&self, unit: usize, dots: usize) -> String {
        if dots == 0 {
            return String::new();
        }
        let mut package = self.unit(unit).package.as_str();
        for _ in 1..dots {
            package = package.rsplit_once('.').map_or("", |(above, _)| above);
        }
        package.to_owned()
    }

    /// The class and its bases in the tree, nearest first.
    pub(super) fn lineage(&self, class: ClassId) -> Vec<ClassId> {
        self.lineage_after(class, 0)
    }

    fn lineage_after(&self, class: ClassId, hops: u8) -> Vec<ClassId> {
        let mut out = vec![class];
        let mut next = 0;
        while next < out.len() && out.len() < 16 && hops <= MAX_HOPS {
            let current = out[next];
            next += 1;
            for base in &self.unit(current.unit).class(current.class).bases {
                if let Some(Meaning::Class(found)) = self.meaning(current.unit, base, hops + 1)
                    && !out.contains(&found)
                {
                    out.push(found);
                }
            }
        }
        out
    }

    /// The method of that name of the nearest class of a lineage that has one.
    pub(super) fn method_of(&self, lineage: &[ClassId], name: &str) -> Option<FunctionId> {
        lineage.iter().find_map(|owner| {
            let function = *self.unit(owner.unit).class(owner.class).methods.get(name)?;
            Some(FunctionId { unit: owner.unit, function })
        })
    }

    /// The class of a lineage that has an attribute of that name.
    pub(super) fn owner_of(&self, lineage: &[ClassId], name: &str) -> Option<ClassId> {
        lineage
            .iter()
            .copied()
            .find(|owner| self.unit(owner.unit).class(owner.class).attributes.contains_key(name))
    }
}

fn is_foreign(name: &str) -> bool {
    is_part_of_python(name) || matches!(name, "numpy" | "django")
}

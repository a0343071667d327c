//! All files of a tree by their dotted names: what a name means, seen from any of them.

use std::sync::OnceLock;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::function::Effects;
use super::meaning::{FunctionId, Meaning};
use super::summary::Summaries;
use super::unit::Unit;
use crate::python::{Analysis, Module};

/// Files of the tests in the order of their [`Analysis`], after them files of the code under test. A file that no other
/// uses is an index of its own on top ([`Index::over`]).
pub struct Index<'a> {
    pub(super) base: Option<&'a Index<'a>>,
    pub(super) analysis: &'a Analysis<'a>,
    /// How many units stand in `base`.
    first: usize,
    units: Vec<Unit<'a>>,
    /// Dotted name of a file, or the end of one, ─▶ its unit.
    by_name: FxHashMap<String, usize>,
    /// Units of a package by their last name.
    children: FxHashMap<usize, FxHashMap<String, usize>>,
    /// Methods of the code under test by name.
    by_method: FxHashMap<&'a str, Vec<FunctionId>>,
    /// For each unit, what the names mean that it imports.
    imported: Vec<FxHashMap<&'a str, Option<Meaning<'a>>>>,
    pub(super) summaries: Vec<Vec<Summaries>>,
}

impl<'a> Index<'a> {
    /// `analysis` knows the files of the tests that others use, `code` is what they import of the code under test.
    pub fn new(analysis: &'a Analysis<'a>, code: &'a [Module]) -> Index<'a> {
        let tests = analysis.project.modules.len();
        let modules: Vec<&Module> = analysis.project.modules.iter().chain(code).collect();
        let units: Vec<Unit<'a>> = modules.into_par_iter().map(Unit::new).collect();
        let mut index = Index::empty(None, analysis, units);
        index.name_units();
        for (unit, known) in index.units.iter().enumerate().skip(tests) {
            for (place, member) in
                known.functions.iter().enumerate().filter(|(_, member)| member.class.is_some())
            {
                let id = FunctionId { unit, function: place as u32 };
                index.by_method.entry(&*member.function.name).or_default().push(id);
            }
        }
        index.imported = (0..index.units.len()).into_par_iter().map(|unit| index.import(unit)).collect();
        index
    }

    /// One more file, the last of `analysis`, on top of those that `base` knows.
    pub fn over(base: &'a Index<'a>, analysis: &'a Analysis<'a>) -> Index<'a> {
        let module = analysis.view(analysis.own()).module;
        let mut index = Index::empty(Some(base), analysis, vec![Unit::new(module)]);
        index.imported = vec![index.import(index.first)];
        index
    }

    fn empty(base: Option<&'a Index<'a>>, analysis: &'a Analysis<'a>, units: Vec<Unit<'a>>) -> Index<'a> {
        let summaries =
            units.iter().map(|unit| unit.functions.iter().map(|_| Summaries::default()).collect()).collect();
        let first = base.map_or(0, |base| base.units.len());
        let (by_name, children, by_method) = Default::default();
        Index { base, analysis, first, units, by_name, children, by_method, imported: vec![], summaries }
    }

    /// The files of the tests.
    pub fn analysis(&self) -> &'a Analysis<'a> {
        self.analysis
    }

    /// Where the file stands that an analysis has at `module`.
    pub fn unit_of(&self, module: usize) -> usize {
        if self.base.is_some() && module == self.analysis.own() { self.first } else { module }
    }

    fn name_units(&mut self) {
        let mut order: Vec<usize> = (0..self.units.len()).collect();
        order.sort_by_key(|unit| self.units[*unit].name.len());
        for &unit in &order {
            let name = &self.units[unit].name;
            self.by_name.entry(name.clone()).or_insert(unit);
            for (at, _) in name.match_indices('.') {
                self.by_name.entry(name[at + 1..].to_owned()).or_insert(unit);
            }
        }
        for unit in order {
            self.by_name.insert(self.units[unit].name.clone(), unit);
        }
        for (unit, known) in self.units.iter().enumerate() {
            if let Some((package, last)) = known.name.rsplit_once('.')
                && let Some(package) = self.by_name.get(package)
            {
                self.children.entry(*package).or_default().insert(last.to_owned(), unit);
            }
        }
    }

    fn root(&self) -> &Index<'a> {
        self.base.unwrap_or(self)
    }

    pub(super) fn unit(&self, unit: usize) -> &Unit<'a> {
        match self.base {
            Some(base) if unit < self.first => &base.units[unit],
            _ => &self.units[unit - self.first],
        }
    }

    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.root().by_name.get(name).copied()
    }

    pub(super) fn child(&self, unit: usize, name: &str) -> Option<usize> {
        self.root().children.get(&unit)?.get(name).copied()
    }

    /// The methods of that name in the code under test.
    pub(super) fn methods_called(&self, name: &str) -> &[FunctionId] {
        self.root().by_method.get(name).map_or(&[], |found| found)
    }

    /// What an imported name means; `None` where the unit imports none of that name.
    pub(super) fn imported(&self, unit: usize, name: &str, hops: u8) -> Option<Option<Meaning<'a>>> {
        let known = match self.base {
            Some(base) if unit < self.first => base.imported.get(unit),
            _ => self.imported.get(unit - self.first),
        };
        match known {
            Some(known) => known.get(name).copied(),
            // while the index is made
            None => self.unit(unit).module.imports.get(name).map(|path| self.path(unit, path, hops + 1)),
        }
    }

    fn import(&self, unit: usize) -> FxHashMap<&'a str, Option<Meaning<'a>>> {
        let module = self.unit(unit).module;
        module.imports.iter().map(|(local, path)| (&**local, self.path(unit, path, 0))).collect()
    }

    /// What a function does itself.
    pub(super) fn effects(&self, id: FunctionId) -> &Effects {
        let cell: &OnceLock<Effects> = &self.cells(id).own;
        cell.get_or_init(|| Effects::of(self, id))
    }

    pub(super) fn cells(&self, id: FunctionId) -> &Summaries {
        match self.base {
            Some(base) if id.unit < self.first => &base.summaries[id.unit][id.function as usize],
            _ => &self.summaries[id.unit - self.first][id.function as usize],
        }
    }
}

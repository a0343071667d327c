//! What a function and everything that it calls does, and from that what a test does with its set-up and fixtures.

use std::sync::OnceLock;

use super::function::Effects;
use super::index::Index;
use super::meaning::{ClassId, FunctionId, Meaning};
use super::{READ, Touch, WRITE, merged};
use crate::python::{FixtureRef, FunctionRef, Scope};

/// How many calls deep functions are followed.
const DEPTH: usize = 5;
/// A test is told apart by no more than this; of some functions nearly everything would be known.
const MOST: usize = 400;

/// What is known of one function, each reckoned when it is first asked for.
#[derive(Default)]
pub(super) struct Summaries {
    pub own: OnceLock<Effects>,
    /// With what it calls, by how deep.
    within: [OnceLock<Box<[Touch]>>; DEPTH],
}

/// The functions that run because of a test and are not called by another.
pub struct Roots<'a, 'v> {
    pub test: FunctionRef<'a>,
    pub setups: Vec<FunctionRef<'a>>,
    pub teardowns: Vec<FunctionRef<'a>>,
    pub fixtures: Vec<FixtureRef<'a, 'v>>,
}

impl<'a> Index<'a> {
    /// What a test reads and changes, sorted by state. Set-up counts as reset where it gives a new value; what only
    /// clean-up does counts as a change.
    pub fn touches(&self, roots: &Roots<'a, '_>) -> Vec<Touch> {
        let own = self.of(roots.test, roots).into_iter();
        let mut all: Vec<Touch> =
            own.map(|touch| Touch { how: touch.how & (READ | WRITE), ..touch }).collect();
        let prepared =
            roots.setups.iter().copied().chain(roots.fixtures.iter().map(|found| found.as_function()));
        all.extend(prepared.flat_map(|function| self.of(function, roots)));
        let yielding =
            roots.fixtures.iter().filter(|found| found.fixture.tears_down).map(|found| found.as_function());
        for touch in
            roots.teardowns.iter().copied().chain(yielding).flat_map(|function| self.of(function, roots))
        {
            if touch.is(WRITE) {
                all.push(Touch { how: WRITE, ..touch });
            }
        }
        let mut all = merged(all);
        all.truncate(MOST);
        all
    }

    /// What a root does, its wide fixtures among it.
    fn of(&self, function: FunctionRef<'a>, roots: &Roots<'a, '_>) -> Vec<Touch> {
        let unit = self.unit_of(function.module);
        let Some(place) = self.unit(unit).starts.get(&function.function.span.start) else { return vec![] };
        let id = FunctionId { unit, function: *place };
        let mut out = self.within(id, DEPTH - 1).to_vec();
        for (name, how) in &self.effects(id).params {
            let found = roots.fixtures.iter().find(|found| found.fixture.name == *name);
            if let Some(found) = found.filter(|found| found.fixture.scope > Scope::Function) {
                out.push(Touch { state: self.wide(found, name), how: *how });
            }
        }
        out
    }

    /// What a function does with what it calls so deep.
    pub(super) fn within(&self, id: FunctionId, depth: usize) -> &[Touch] {
        self.cells(id).within[depth].get_or_init(|| {
            let own = self.effects(id);
            let mut all = own.touches.clone();
            if depth > 0 {
                for callee in own.calls.iter().filter(|callee| **callee != id) {
                    all.extend_from_slice(self.within(*callee, depth - 1));
                }
            }
            let mut all = merged(all);
            all.truncate(MOST);
            all.into()
        })
    }

    /// The class of what the fixture of that name hands out, seen from a unit of the tests.
    pub(super) fn given(&self, unit: usize, name: &str) -> Option<ClassId> {
        let analysis = self.analysis;
        let module =
            if self.base.is_some() && unit == self.unit_of(analysis.own()) { analysis.own() } else { unit };
        if module > analysis.own() || self.base.is_none() && module >= analysis.project.modules.len() {
            return None;
        }
        let found = analysis.fixture_modules(module).iter().find_map(|&module| {
            let view = analysis.view(module);
            let gives = view.fixtures.iter().find(|fixture| fixture.name == name)?.gives.as_deref()?;
            Some((self.unit_of(module), gives.strip_suffix("()")?))
        });
        let (unit, path) = found?;
        let meaning = match path.strip_prefix(':') {
            Some(name) => self.meaning(unit, &[name], 0),
            None if path.starts_with(['@', '~', '#']) || path.contains('(') => None,
            None => self.path(unit, path, 0),
        };
        match meaning? {
            Meaning::Class(class) => Some(class),
            _ => None,
        }
    }
}

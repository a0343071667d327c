//! What one statement does to state.

use super::function::Effects;
use super::index::Index;
use super::meaning::FunctionId;
use super::{Part, Touch, merged, state};
use crate::python::ast::*;
use crate::python::{FixtureRef, Scope, blocks};

/// How many calls deep a statement is followed.
const DEPTH: usize = 3;

impl<'a> Index<'a> {
    /// What the innermost statement at a byte of a file of the tests does, the functions that it calls included, and what
    /// it changes of an object that holds more. Nothing where it stands in no function, or gives a variable the value
    /// that its module begins with.
    pub fn touches_at(
        &self,
        module: usize,
        offset: u32,
        fixtures: &[FixtureRef<'a, '_>],
    ) -> (Vec<Touch>, Option<Part>) {
        let unit = self.unit_of(module);
        let functions = &self.unit(unit).functions;
        let holds = |span: Span| span.start <= offset && offset < span.end;
        let Some(place) = functions.iter().rposition(|member| holds(member.function.span)) else {
            return (vec![], None);
        };
        let id = FunctionId { unit, function: place as u32 };
        let Some(part) = part_at(&functions[place].function.body, &holds) else { return (vec![], None) };
        let (own, changed) = Effects::of_part(self, id, part);
        let mut all = own.touches;
        for callee in own.calls {
            all.extend_from_slice(self.within(callee, DEPTH));
        }
        for (name, how) in &own.params {
            let found = fixtures.iter().find(|found| found.fixture.name == *name);
            if let Some(found) = found.filter(|found| found.fixture.scope > Scope::Function) {
                all.push(Touch { state: self.wide(found, name), how: *how });
            }
        }
        (merged(all), changed)
    }

    /// What a fixture hands to several tests.
    pub(super) fn wide(&self, found: &FixtureRef<'a, '_>, name: &str) -> super::State {
        state("fixture", &[&self.analysis.view(found.module).module.file, name])
    }
}

fn part_at<'a>(body: &'a [Stmt], holds: &dyn Fn(Span) -> bool) -> Option<&'a Stmt> {
    let found = body.iter().find(|stmt| holds(stmt.span))?;
    let mut inner = blocks(found);
    match &found.kind {
        StmtKind::Function(function) => inner.push(&function.body),
        StmtKind::Class(class) => inner.push(&class.body),
        _ => {}
    }
    inner.into_iter().find_map(|block| part_at(block, holds)).or(Some(found))
}

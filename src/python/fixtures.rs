//! pytest's fixtures: who defines one, how long it lives, and which of several of one name a test gets.

use super::ast::*;
use super::cases::TestCase;
use super::module::for_each_statement;
use super::project::{Analysis, ClassRef, FunctionRef, View};
use super::sites;

/// How long a fixture's value lives, shortest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Function,
    Class,
    Module,
    Package,
    Session,
}

impl Scope {
    pub fn name(self) -> &'static str {
        match self {
            Scope::Function => "function",
            Scope::Class => "class",
            Scope::Module => "module",
            Scope::Package => "package",
            Scope::Session => "session",
        }
    }

    fn parse(text: &str) -> Scope {
        [Scope::Class, Scope::Module, Scope::Package, Scope::Session]
            .into_iter()
            .find(|scope| scope.name() == text)
            .unwrap_or(Scope::Function)
    }
}

/// A fixture as one module defines it.
#[derive(Debug)]
pub struct Fixture<'a> {
    pub name: &'a str,
    pub function: &'a Function,
    /// The class it is defined in.
    pub class: Option<&'a Class>,
    pub scope: Scope,
    pub autouse: bool,
    /// It yields, or adds a finalizer.
    pub tears_down: bool,
    /// The path of what it hands out, where that is known.
    pub gives: Option<String>,
}

/// A fixture and the module it stands in.
#[derive(Clone, Copy, Debug)]
pub struct FixtureRef<'a, 'v> {
    pub module: usize,
    pub fixture: &'v Fixture<'a>,
}

impl<'a> FixtureRef<'a, '_> {
    pub fn as_function(self) -> FunctionRef<'a> {
        FunctionRef { module: self.module, function: self.fixture.function, class: self.fixture.class }
    }
}

const DECORATORS: [&str; 4] =
    ["pytest.fixture", "pytest_asyncio.fixture", "pytest.yield_fixture", "_pytest.fixtures.fixture"];

/// The fixtures that a module defines, at its top and in its classes.
pub(super) fn collect<'a>(view: &View<'a>) -> Vec<Fixture<'a>> {
    let mut out = vec![];
    collect_in(view, &view.module.body, None, &mut out);
    out
}

fn collect_in<'a>(view: &View<'a>, body: &'a [Stmt], class: Option<&'a Class>, out: &mut Vec<Fixture<'a>>) {
    for_each_statement(body, &mut |stmt| match &stmt.kind {
        StmtKind::Function(function) => out.extend(fixture(view, function, class)),
        StmtKind::Class(inner) => collect_in(view, &inner.body, Some(inner), out),
        _ => {}
    });
}

fn fixture<'a>(view: &View<'a>, function: &'a Function, class: Option<&'a Class>) -> Option<Fixture<'a>> {
    let decorator = function.decorators.iter().find(|decorator| {
        let target = decorator.as_call().map_or(*decorator, |call| &call.func);
        sites::value_path(target, view.module).is_some_and(|path| DECORATORS.contains(&&*path))
    })?;
    let call = decorator.as_call();
    let text = |name: &str| call.and_then(|call| call.keyword(name)).and_then(|value| value.as_str());
    let sites = view.sites(function);
    let has_finalizer =
        sites.is_some_and(|sites| sites.calls.iter().any(|site| site.path.ends_with(".addfinalizer")));
    Some(Fixture {
        name: text("name").unwrap_or(&function.name),
        function,
        class,
        scope: text("scope").map_or(Scope::Function, Scope::parse),
        autouse: call.and_then(|call| call.keyword("autouse")).is_some_and(Expr::is_true),
        tears_down: has_finalizer || sites.is_some_and(|sites| sites.has_yield),
        gives: sites.and_then(|sites| sites.returns.last()).map(|(_, path)| path.clone()),
    })
}

impl<'a> Analysis<'a> {
    pub(super) fn conftests(&self, module: usize) -> Vec<usize> {
        let mut out = vec![module];
        let mut folder = Some(self.view(module).module.folder());
        while let Some(current) = folder {
            let file =
                if current.is_empty() { "conftest.py".to_owned() } else { format!("{current}/conftest.py") };
            out.extend(self.project.module_at(&file).filter(|found| *found != module));
            folder = match current.rsplit_once('/') {
                Some((above, _)) => Some(above),
                None if current.is_empty() => None,
                None => Some(""),
            };
        }
        out
    }

    /// The fixtures of the classes of a test, its own class first, then its bases and the classes around.
    fn class_fixtures<'v>(&'v self, case: &TestCase<'a>) -> impl Iterator<Item = FixtureRef<'a, 'v>> {
        let around = case.classes.iter().skip(1).map(|class| ClassRef { module: case.module, class });
        let owners: Vec<_> = case.lineage.iter().copied().chain(around).collect();
        owners.into_iter().flat_map(|owner| {
            let fixtures = self.view(owner.module).fixtures.iter();
            fixtures
                .filter(move |fixture| fixture.class.is_some_and(|class| std::ptr::eq(class, owner.class)))
                .map(move |fixture| FixtureRef { module: owner.module, fixture })
        })
    }

    /// The fixture that `name` means for a test; the nearest definition wins, and a fixture that asks for its own
    /// name (`skip`) gets the next one.
    pub fn fixture<'v>(
        &'v self,
        case: &TestCase<'a>,
        name: &str,
        skip: Option<&Function>,
    ) -> Option<FixtureRef<'a, 'v>> {
        let fits = |fixture: &Fixture<'a>| {
            fixture.name == name && skip.is_none_or(|skip| !std::ptr::eq(skip, fixture.function))
        };
        if let Some(found) = self.class_fixtures(case).find(|found| fits(found.fixture)) {
            return Some(found);
        }
        self.fixture_modules(case.module).iter().find_map(|&index| {
            let view = self.view(index);
            if let Some(fixture) =
                view.fixtures.iter().find(|fixture| fixture.class.is_none() && fits(fixture))
            {
                return Some(FixtureRef { module: index, fixture });
            }
            // a fixture imported by name counts as defined here
            let (module, place) = self.imported_fixture(index, name)?;
            let fixture = &self.view(module).fixtures[place];
            skip.is_none_or(|skip| !std::ptr::eq(skip, fixture.function))
                .then_some(FixtureRef { module, fixture })
        })
    }

    /// The autouse fixtures that apply to a test.
    pub fn autouse<'v>(&'v self, case: &TestCase<'a>) -> Vec<FixtureRef<'a, 'v>> {
        let of_modules = self.fixture_modules(case.module).iter().flat_map(|&index| {
            let fixtures = self.view(index).fixtures.iter().filter(|fixture| fixture.class.is_none());
            let imported = self.imported_autouse(index).iter();
            let imported = imported
                .map(|&(module, place)| FixtureRef { module, fixture: &self.view(module).fixtures[place] });
            fixtures.map(move |fixture| FixtureRef { module: index, fixture }).chain(imported)
        });
        self.class_fixtures(case).chain(of_modules).filter(|found| found.fixture.autouse).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::python::{Analysis, Module, Project, PytestConfig};

    #[test]
    fn a_base_class_of_another_file_brings_its_fixtures() {
        let base = "import pytest\n\nclass InFolder:\n    @pytest.fixture(autouse=True)\n    def folder(self): yield\n\n    \
                    @pytest.fixture\n    def name(self): return 'base'\n\n    class Inner:\n        @pytest.fixture(autouse=True)\n        \
                    def inner(self): yield\n";
        let test = "import pytest\nfrom base import InFolder\n\n@pytest.fixture\ndef name(): return 'module'\n\nclass TestA(InFolder):\n    \
                    def test_a(self, name): pass\n\ndef test_b(name): pass\n";
        let modules = vec![
            Module::parse("base.py".into(), base.into()),
            Module::parse("test_a.py".into(), test.into()),
        ];
        let project = Project::new(modules, PytestConfig::load(std::path::Path::new("/nonexistent")));
        let analysis = Analysis::new(&project);
        let cases = analysis.tests(1);
        let (inside, outside) = (&cases[0], &cases[1]);
        let autouse: Vec<_> = analysis.autouse(inside).iter().map(|found| found.fixture.name).collect();
        assert_eq!(autouse, ["folder"]);
        assert!(analysis.autouse(outside).is_empty());
        assert_eq!(analysis.fixture(inside, "name", None).unwrap().module, 0);
        assert_eq!(analysis.fixture(outside, "name", None).unwrap().module, 1);
    }
}

//! pytest's fixtures: who defines one, how long it lives, and which of several of one name a test gets.

use super::ast::*;
use super::module::for_each_statement;
use super::project::{Analysis, FunctionRef, View};
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

    /// The fixture that `name` means for a test in `module` and `classes`; the nearest definition wins, and a
    /// fixture that asks for its own name (`skip`) gets the next one.
    pub fn fixture<'v>(
        &'v self,
        module: usize,
        classes: &[&'a Class],
        name: &str,
        skip: Option<&Function>,
    ) -> Option<FixtureRef<'a, 'v>> {
        let visible = |fixture: &Fixture<'a>, own: bool| {
            fixture.name == name
                && skip.is_none_or(|skip| !std::ptr::eq(skip, fixture.function))
                && match fixture.class {
                    None => true,
                    Some(class) => own && classes.iter().any(|known| std::ptr::eq(*known, class)),
                }
        };
        for (nearness, index) in self.fixture_modules(module).iter().copied().enumerate() {
            let own = nearness == 0;
            let view = self.view(index);
            let mut found: Vec<_> = view.fixtures.iter().filter(|fixture| visible(fixture, own)).collect();
            found.sort_by_key(|fixture| fixture.class.is_none());
            if let Some(fixture) = found.first() {
                return Some(FixtureRef { module: index, fixture });
            }
            // a fixture imported by name counts as defined here
            let imported = view
                .module
                .imports
                .get(name)
                .map(|path| &**path)
                .or_else(|| view.module.imports.contains_key("*").then_some(name));
            if let Some(function) = imported.and_then(|path| self.function(index, path))
                && let Some(fixture) = self.view(function.module).fixtures.iter().find(|fixture| {
                    std::ptr::eq(fixture.function, function.function)
                        && skip.is_none_or(|skip| !std::ptr::eq(skip, fixture.function))
                })
            {
                return Some(FixtureRef { module: function.module, fixture });
            }
        }
        None
    }

    /// The autouse fixtures that apply to a test in `module` and `classes`.
    pub fn autouse<'v>(&'v self, module: usize, classes: &[&'a Class]) -> Vec<FixtureRef<'a, 'v>> {
        self.fixture_modules(module)
            .iter()
            .flat_map(|&index| {
                self.view(index).fixtures.iter().map(move |fixture| FixtureRef { module: index, fixture })
            })
            .filter(|found| found.fixture.autouse)
            .filter(|found| {
                found
                    .fixture
                    .class
                    .is_none_or(|class| classes.iter().any(|known| std::ptr::eq(*known, class)))
            })
            .collect()
    }
}

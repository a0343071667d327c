//! What rules look at: a test together with everything that runs because of it (set-up, fixtures, helpers),
//! each with the way there, and what is mocked.

use std::borrow::Cow;

use rustc_hash::FxHashSet;

use super::mocks::Mocks;
use crate::python::ast::*;
use crate::python::sites::{AssertSite, At, CallSite, Sites, WriteSite};
use crate::python::{
    Analysis, ClassRef, FixtureRef, FunctionRef, Module, Scope, TestCase, View, for_each_statement,
};

/// Why a function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Test,
    Setup,
    Teardown,
    Fixture(Scope),
    Helper,
}

/// One function that runs because of the test.
pub struct Reached<'a, 'v> {
    pub function: FunctionRef<'a>,
    pub sites: &'v Sites<'a>,
    pub role: Role,
    /// The helper or fixture by name, where it is not the test itself.
    pub via: Option<String>,
    /// Where the test's own file leads here.
    pub anchor: Span,
    /// Only functions that are defined on the way call it: handlers, callbacks, simulated work.
    pub is_nested: bool,
    /// The parameters to which the calls that lead here hand something that is surely not None.
    pub given: Vec<&'a str>,
    /// The paths of `sites.calls`, with fixtures, attributes of `self` and results of helpers resolved.
    pub paths: Vec<Cow<'v, str>>,
}

impl<'a> Reached<'a, '_> {
    /// Whether a place is a case of a helper: most often not what this test makes it do.
    pub fn is_rare(&self, at: At) -> bool {
        self.role == Role::Helper && at.in_branch
    }

    /// Whether a function on the way here is patched, so that this one is never called.
    fn is_replaced(&self, mocks: &Mocks) -> bool {
        let is_target = |name: &str| {
            name.len() > 3 && mocks.targets.iter().any(|target| target.rsplit('.').next() == Some(name))
        };
        self.via.as_deref().is_some_and(|via| via.split(" > ").any(is_target))
    }

    /// Whether a call stands under `if x is None`, where x is given.
    fn passes_by(&self, site: &CallSite<'_>) -> bool {
        let is_given = |test: &&Expr| asked_for_none(test).is_some_and(|name| self.has(name, site.at.order));
        !self.given.is_empty() && site.at.in_branch && self.conditions_of(site.expr.span).iter().any(is_given)
    }

    /// What must hold for a place to be reached: the conditions of the `if`s around it, of their first branches.
    pub fn conditions_of(&self, place: Span) -> Vec<&'a Expr> {
        let mut found = vec![];
        for_each_statement(&self.function.function.body, &mut |stmt| {
            if let StmtKind::If { test, body, .. } = &stmt.kind
                && body.iter().any(|stmt| stmt.span.holds(place))
            {
                found.push(test);
            }
        });
        found
    }

    /// Whether a parameter still is what it was given.
    fn has(&self, name: &str, order: u32) -> bool {
        self.given.contains(&name)
            && self.sites.bindings.iter().all(|binding| binding.name != name || binding.at.order > order)
    }

    /// The parameters of `to` to which a call here hands a constant, or what was given itself.
    fn hands(&self, site: &CallSite<'_>, to: &'a Function) -> Vec<&'a str> {
        let is_given = |argument: &Expr| match &argument.kind {
            ExprKind::Str { .. } | ExprKind::Number { .. } | ExprKind::Bool(_) => true,
            ExprKind::List(_) | ExprKind::Tuple(_) | ExprKind::Dict(_) | ExprKind::Set(_) => true,
            ExprKind::Name(name) => self.has(name, site.at.order),
            _ => false,
        };
        let names = to.params.iter().map(|param| &*param.name);
        let names = names.filter(|name| !matches!(*name, "self" | "cls")).enumerate();
        let given =
            names.filter(|(position, name)| site.call.argument(*position, name).is_some_and(is_given));
        given.map(|(_, name)| name).collect()
    }
}

/// The name in `x is None`.
fn asked_for_none(test: &Expr) -> Option<&str> {
    match &test.kind {
        ExprKind::Compare { left, rest } => match rest.as_slice() {
            [(op, Expr { kind: ExprKind::None, .. })] if &**op == "is" => left.as_name(),
            _ => None,
        },
        _ => None,
    }
}

/// A test as the rules see it.
pub struct Context<'a, 'v> {
    pub analysis: &'v Analysis<'a>,
    pub case: &'v TestCase<'a>,
    /// The test first.
    pub reach: Vec<Reached<'a, 'v>>,
    pub fixtures: Vec<FixtureRef<'a, 'v>>,
    /// Dotted paths of decorators and marks with their expressions.
    pub decorators: Vec<(String, &'a Expr)>,
    pub mocks: Mocks,
    /// A mark asks for a fixture that is not in the tree, for what it does.
    pub has_unseen_fixture: bool,
}

pub(super) const SETUPS: [&str; 9] = [
    "setUp",
    "asyncSetUp",
    "setUpClass",
    "setup_method",
    "setup_class",
    "setup",
    "setUpTestData",
    "setUpModule",
    "setup_module",
];
pub(super) const TEARDOWNS: [&str; 8] = [
    "tearDown",
    "asyncTearDown",
    "tearDownClass",
    "teardown_method",
    "teardown_class",
    "teardown",
    "tearDownModule",
    "teardown_module",
];
const MAX_REACH: usize = 60;
const MAX_DEPTH: usize = 3;

impl<'a, 'v> Context<'a, 'v> {
    pub fn new(analysis: &'v Analysis<'a>, case: &'v TestCase<'a>) -> Context<'a, 'v> {
        let decorators = case.decorators(analysis);
        let mut context = Context {
            analysis,
            case,
            reach: vec![],
            fixtures: vec![],
            decorators,
            mocks: Mocks::default(),
            has_unseen_fixture: false,
        };
        let mut seen = FxHashSet::default();
        context.add(case.function, Role::Test, None, case.function.function.name_span, &mut seen);
        context.add_setups(&mut seen);
        context.add_fixtures(&mut seen);
        context.add_helpers(&mut seen);
        let paths: Vec<_> = context
            .reach
            .iter()
            .map(|reached| {
                let expand = |site: &'v CallSite<'a>| context.expand(&site.path, reached.function.module, 0);
                reached.sites.calls.iter().map(expand).collect::<Vec<_>>()
            })
            .collect();
        for (reached, paths) in context.reach.iter_mut().zip(paths) {
            reached.paths = paths;
        }
        context.mocks = Mocks::of(&context);
        let mocks = &context.mocks;
        context.reach.retain(|reached| reached.role != Role::Helper || !reached.is_replaced(mocks));
        context
    }

    /// The test itself.
    pub fn test(&self) -> &Reached<'a, 'v> {
        &self.reach[0]
    }

    /// The module that pytest collects the test from.
    pub fn module(&self) -> &'a Module {
        self.analysis.view(self.case.module).module
    }

    /// Every call with its resolved path, in everything that runs because of the test.
    pub fn calls<'s>(
        &'s self,
    ) -> impl Iterator<Item = (&'s Reached<'a, 'v>, &'v CallSite<'a>, &'s str)> + use<'a, 'v, 's> {
        self.reach.iter().flat_map(|reached| {
            let sites: &'v Sites<'a> = reached.sites;
            let calls = sites.calls.iter().zip(&reached.paths).filter(|(site, _)| !reached.passes_by(site));
            calls.map(move |(site, path)| (reached, site, &**path))
        })
    }

    /// Every write to something that is not a plain local.
    pub fn writes<'s>(
        &'s self,
    ) -> impl Iterator<Item = (&'s Reached<'a, 'v>, &'v WriteSite<'a>)> + use<'a, 'v, 's> {
        self.reach.iter().flat_map(|reached| {
            let sites: &'v Sites<'a> = reached.sites;
            sites.writes.iter().map(move |site| (reached, site))
        })
    }

    /// Every assertion.
    pub fn asserts<'s>(
        &'s self,
    ) -> impl Iterator<Item = (&'s Reached<'a, 'v>, &'v AssertSite<'a>)> + use<'a, 'v, 's> {
        self.reach.iter().flat_map(|reached| {
            let sites: &'v Sites<'a> = reached.sites;
            sites.asserts.iter().map(move |site| (reached, site))
        })
    }

    /// Whether a marker says that the test needs more than this machine, so that people can leave it out.
    pub fn is_set_apart(&self) -> bool {
        const APART: [&str; 18] = [
            "network",
            "integration",
            "live",
            "online",
            "e2e",
            "external",
            "internet",
            "needs_network",
            "requires_network",
            "remote",
            "remote_data",
            "vcr",
            "slow",
            "functional",
            "system",
            "end_to_end",
            "enable_socket",
            "acceptance",
        ];
        self.decorators.iter().any(|(path, _)| APART.contains(&super::words::last(path)))
    }

    /// The hooks of each `conftest.py` above that run around every test.
    pub fn hooks_around(&self) -> impl Iterator<Item = (&'v View<'a>, &'a Function)> {
        const HOOKS: [&str; 5] = [
            "pytest_runtest_protocol",
            "pytest_runtest_setup",
            "pytest_runtest_call",
            "pytest_runtest_teardown",
            "pytest_pyfunc_call",
        ];
        self.fixture_views()
            .flat_map(|view| HOOKS.iter().filter_map(move |hook| Some((view, *view.functions.get(hook)?))))
    }

    /// The test's own file and each `conftest.py` above it, nearest first.
    pub fn fixture_views(&self) -> impl Iterator<Item = &'v View<'a>> {
        let analysis: &'v Analysis<'a> = self.analysis;
        analysis.fixture_modules(self.case.module).iter().map(|module| analysis.view(*module))
    }

    /// Whether a marker sees to it that the test never fails: it is always skipped, or may fail.
    pub fn never_fails(&self) -> bool {
        self.decorators.iter().any(|(path, expr)| match &**path {
            "pytest.mark.skip" | "unittest.skip" => true,
            "pytest.mark.xfail" => expr.as_call().is_none_or(|mark| {
                mark.args.is_empty()
                    && ["strict", "condition", "raises"].iter().all(|name| mark.keyword(name).is_none())
            }),
            _ => false,
        })
    }

    /// The text of an expression that stands in one of the functions reached.
    pub fn text(&self, at: &Reached<'a, 'v>, expr: &Expr) -> &'a str {
        self.analysis.view(at.function.module).module.text(expr.span)
    }

    /// A path with what this test knows put in for a fixture, an attribute of `self` or the result of a helper.
    pub fn expand<'p>(&self, path: &'p str, module: usize, depth: u8) -> Cow<'p, str> {
        if depth > 3 {
            return Cow::Borrowed(path);
        }
        let split = |from: usize| {
            let rest = &path[from..];
            let end = rest.find(['.', '(', '[']).map_or(path.len(), |end| from + end);
            (&path[from..end], &path[end..])
        };
        if let Some(rest) = path.strip_prefix("self.").or_else(|| path.strip_prefix("cls.")) {
            let (name, tail) = split(path.len() - rest.len());
            if let Some(known) = self.self_type(name)
                && !known.starts_with("self.")
            {
                return Cow::Owned(format!("{}{tail}", self.expand(known, module, depth + 1)));
            }
        } else if path.starts_with('@') {
            let (name, tail) = split(1);
            if let Some(found) = self.fixtures.iter().find(|found| found.fixture.name == name)
                && let Some(gives) = &found.fixture.gives
            {
                return Cow::Owned(format!("{}{tail}", self.expand(gives, found.module, depth + 1)));
            }
        } else if path.starts_with(':') {
            let (name, tail) = split(1);
            if let Some(tail) = tail.strip_prefix("()")
                && let Some(helper) = self.analysis.function(module, &format!(":{name}"))
                && let Some((_, gives)) = self.analysis.sites(helper).and_then(|sites| sites.returns.last())
                && !gives.starts_with([':', '@', '~'])
            {
                return Cow::Owned(format!("{gives}{tail}"));
            }
        }
        Cow::Borrowed(path)
    }

    /// The path of the value that the methods of the test's class, or of the nearest base, give to `self.name`.
    fn self_type(&self, name: &str) -> Option<&'v str> {
        let members = |owner: &ClassRef<'a>| self.analysis.view(owner.module).members(owner.class);
        self.case.lineage.iter().find_map(|owner| members(owner)?.self_types.get(name)).map(String::as_str)
    }

    fn add(
        &mut self,
        function: FunctionRef<'a>,
        role: Role,
        via: Option<String>,
        anchor: Span,
        seen: &mut FxHashSet<*const Function>,
    ) {
        if self.reach.len() >= MAX_REACH || !seen.insert(std::ptr::from_ref(function.function)) {
            return;
        }
        let analysis: &'v Analysis<'a> = self.analysis;
        if let Some(sites) = analysis.sites(function) {
            let (is_nested, given, paths) = Default::default();
            self.reach.push(Reached { function, sites, role, via, anchor, is_nested, given, paths });
        }
    }

    /// Where the test's own file names a function, or its class, or the test where neither does.
    fn own_span(&self, function: FunctionRef<'a>) -> Span {
        if function.module == self.case.module {
            function.function.name_span
        } else if self.case.function.module == self.case.module {
            self.case.function.function.name_span
        } else {
            self.case.classes.first().map_or(Span::default(), |class| class.name_span)
        }
    }

    fn add_setups(&mut self, seen: &mut FxHashSet<*const Function>) {
        if self.case.function.module != self.case.module {
            self.reach[0].anchor = self.own_span(self.case.function);
            let function = self.case.function;
            self.reach[0].via = Some(function.class.map_or_else(
                || function.function.name.to_string(),
                |class| format!("{}.{}", class.name, function.function.name),
            ));
        }
        let mut found = vec![];
        for (names, role) in [(&SETUPS[..], Role::Setup), (&TEARDOWNS[..], Role::Teardown)] {
            for owner in &self.case.lineage {
                let members = self.analysis.view(owner.module).members(owner.class);
                let methods = names.iter().filter_map(|name| members?.methods.get(name));
                found.extend(methods.map(|function| {
                    (FunctionRef { module: owner.module, function, class: Some(owner.class) }, role)
                }));
            }
            let view = self.analysis.view(self.case.module);
            for name in names.iter().filter(|name| name.contains("odule")) {
                if let Some(function) = view.functions.get(name) {
                    found.push((FunctionRef { module: self.case.module, function, class: None }, role));
                }
            }
            let each = if role == Role::Setup { "setup_function" } else { "teardown_function" };
            if self.case.classes.is_empty()
                && let Some(function) = view.functions.get(each)
            {
                found.push((FunctionRef { module: self.case.module, function, class: None }, role));
            }
        }
        for (function, role) in found {
            let span = self.own_span(function);
            self.add(function, role, Some(function.function.name.to_string()), span, seen);
        }
    }

    fn add_fixtures(&mut self, seen: &mut FxHashSet<*const Function>) {
        let (analysis, case) = (self.analysis, self.case);
        let test = case.function.function;
        let mut wanted: Vec<(&'a str, Span, Option<&'a Function>)> = vec![];
        if !case.is_unittest {
            for param in test.params.iter().filter(|param| param.default.is_none() && !param.is_variadic) {
                let span = if case.function.module == case.module {
                    param.span
                } else {
                    self.own_span(case.function)
                };
                wanted.push((&param.name, span, None));
            }
        }
        let mut marked: Vec<&str> = vec![];
        let anchor = self.own_span(case.function);
        for (path, expr) in &self.decorators {
            if path == "pytest.mark.usefixtures" {
                let names =
                    expr.as_call().into_iter().flat_map(|call| &call.args).filter_map(|name| name.as_str());
                marked.extend(names);
            }
        }
        wanted.extend(marked.iter().map(|name| (*name, anchor, None)));
        for found in analysis.autouse(case) {
            wanted.push((found.fixture.name, anchor, None));
        }
        for site in &self.reach[0].sites.calls {
            if site.path.ends_with("request.getfixturevalue")
                && let Some(name) = site.call.args.first().and_then(|name| name.as_str())
            {
                wanted.push((name, site.expr.span, None));
            }
        }
        let mut next = 0;
        let mut known: FxHashSet<*const Function> = FxHashSet::default();
        while next < wanted.len() && self.fixtures.len() < MAX_REACH {
            let (name, anchor, skip) = wanted[next];
            next += 1;
            let Some(found) = analysis.fixture(case, name, skip) else {
                self.has_unseen_fixture |= marked.contains(&name);
                continue;
            };
            if !known.insert(std::ptr::from_ref(found.fixture.function)) {
                continue;
            }
            self.fixtures.push(found);
            let via = format!("fixture {}", found.fixture.name);
            self.add(found.as_function(), Role::Fixture(found.fixture.scope), Some(via), anchor, seen);
            for param in &found.fixture.function.params {
                let own = (*param.name == *found.fixture.name).then_some(found.fixture.function);
                wanted.push((&param.name, anchor, own));
            }
        }
    }

    fn add_helpers(&mut self, seen: &mut FxHashSet<*const Function>) {
        let (mut next, mut level_end) = (0, self.reach.len());
        for _ in 0..MAX_DEPTH {
            while next < level_end {
                for (function, site) in self.callees(next) {
                    let from = &self.reach[next];
                    let is_own = from.role == Role::Test && from.function.module == self.case.module;
                    let anchor = if is_own { site.expr.span } else { from.anchor };
                    let is_nested = site.at.in_nested || from.is_nested;
                    let given = from.hands(site, function.function);
                    let is_it = |known: &&mut Reached<'_, '_>| {
                        std::ptr::eq(known.function.function, function.function)
                    };
                    let name = &function.function.name;
                    let via = match &from.via {
                        Some(via) if from.role == Role::Helper => format!("{via} > {name}"),
                        _ => name.to_string(),
                    };
                    let role = if from.role == Role::Teardown { Role::Teardown } else { Role::Helper };
                    let known = self.reach.len();
                    self.add(function, role, Some(via), anchor, seen);
                    if let Some(added) = self.reach.get_mut(known) {
                        (added.is_nested, added.given) = (is_nested, given);
                    } else if let Some(known) = self.reach.iter_mut().find(is_it) {
                        known.given.retain(|name| given.contains(name));
                    }
                }
                next += 1;
            }
            level_end = self.reach.len();
        }
    }

    /// The functions in the tree that the function at `index` calls, and where. Direct calls first, then those that
    /// only a function makes that is defined there.
    fn callees(&self, index: usize) -> Vec<(FunctionRef<'a>, &'v CallSite<'a>)> {
        let from = &self.reach[index];
        let sites: &'v Sites<'a> = from.sites;
        let links = self.analysis.links(from.function);
        let mut out: Vec<_> = links.iter().map(|(call, target)| (*target, &sites.calls[*call])).collect();
        for site in &sites.calls {
            let lineage = self.case.lineage.as_slice();
            let own = site.path.strip_prefix("self.").or_else(|| site.path.strip_prefix("cls."));
            let (method, lineage) = match site.path.strip_prefix("super().") {
                Some(name) => {
                    let is_it = |owner: &ClassRef<'a>| {
                        from.function.class.is_some_and(|class| std::ptr::eq(class, owner.class))
                    };
                    let below = lineage.iter().position(is_it).map_or(lineage.len(), |at| at + 1);
                    (Some(name), &lineage[below..])
                }
                None => (own, lineage),
            };
            if let Some(name) = method.filter(|name| !name.contains(['.', '(', '[']))
                && let Some(found) = self.analysis.method(lineage, name)
            {
                out.push((found, site));
            }
        }
        // what a helper does once it has failed fails nothing
        let has_failed = |site: &CallSite<'_>| from.role == Role::Helper && site.at.in_except;
        out.retain(|(_, site)| !from.passes_by(site) && !has_failed(site));
        out.sort_by_key(|(_, site)| site.at.in_nested);
        out
    }
}

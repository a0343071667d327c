//! # FD604 wide-fixture-changed
//!
//! ## What it detects
//! A test that changes what a class-, module- or session-scoped fixture hands out: an item, an attribute, a list,
//! dict or set in place, or by a method such as `add_item` whose effect it then asserts.
//!
//! ## Why it makes tests unstable
//! The fixture runs once, and all tests of the scope get the same object. What one test changes in it the next one
//! finds, so the outcome depends on their order and on which of them are selected.
//!
//! ## Example
//! ```python
//! @pytest.fixture(scope="module")
//! def settings():
//!     return {"currency": "EUR"}
//!
//! def test_dollar(settings):
//!     settings["currency"] = "USD"
//!     assert price(settings) == "$1"
//! ```
//!
//! ## Use instead
//! A function-scoped fixture, or one that hands out a copy of what the wide one made.
//! ```python
//! @pytest.fixture
//! def settings(default_settings):
//!     return copy.deepcopy(default_settings)
//! ```
//!
//! ## Known false positives
//! An attribute that no other test of the scope reads. What the test puts back, `monkeypatch` included, is not
//! reported; low is what a hook in `conftest.py` that takes the fixture out of `item.funcargs` may put back, medium
//! a constant that is set in a fixture of which no other test of the module knows.

use super::assertions::comparisons;
use super::restored::{is_cleanup, is_reset_before, is_restored};
use super::{Context, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind, Span};
use crate::python::sites::{WriteKind, WriteSite};
use crate::python::{FixtureRef, Scope};

pub(super) struct WideFixtureChanged;

impl Rule for WideFixtureChanged {
    fn code(&self) -> &'static str {
        "FD604"
    }

    fn name(&self) -> &'static str {
        "wide-fixture-changed"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        if test.fixtures.iter().all(|found| found.fixture.scope == Scope::Function) {
            return;
        }
        by_method(test, report);
        for (at, write) in test.writes() {
            let is_own = matches!(at.role, Role::Test | Role::Fixture(Scope::Function));
            let Some(found) = wide(test, &write.path).filter(|_| is_own && !is_cleanup(at, write.at)) else {
                continue;
            };
            if !changes(found, write)
                || is_parameter(test, found.fixture.name)
                || is_reset_before(test, at, write.at.order, &write.path)
                || is_restored(test, at, write.at, &write.path)
            {
                continue;
            }
            let (name, scope) = (found.fixture.name, found.fixture.scope.name());
            let is_value = gives_collection(found);
            let is_wrapped = has_hook_around_tests(test, name);
            report.add(
                at,
                Smell {
                    span: write.span,
                    severity: match at.role {
                        _ if is_wrapped => Severity::Low,
                        Role::Test if is_value && !is_for_one_test(test, found, write) => Severity::Critical,
                        // of an object the others seldom read what this one gave it, and a fixture that fills another
                        // one often does so on purpose
                        _ => Severity::Medium,
                    },
                    confidence: if is_wrapped { 0.4 } else { 0.85 },
                    message: format!(
                        "`{name}` is one object for the whole {scope}; tests that run later get it with this change"
                    ),
                    help: format!(
                        "make `{name}` function-scoped, hand out copy.deepcopy(…) of it, or change it with monkeypatch"
                    ),
                },
            );
        }
    }
}

/// A method with the name of a change (`cart.add_item(…)`), where an assertion then looks at the same fixture.
fn by_method(test: &Context<'_, '_>, report: &mut Report<'_>) {
    let at = test.test();
    for (site, path) in at.sites.calls.iter().zip(&at.paths) {
        let changes = |verb: &str| site.path.rsplit('.').next().is_some_and(|name| name.starts_with(verb));
        if ![
            "add", "append", "insert", "remove", "delete", "push", "pop", "register", "set_", "update",
            "enqueue",
        ]
        .iter()
        .any(|verb| changes(verb))
        {
            continue;
        }
        let Some(found) = wide(test, &site.path).filter(|_| site.path.matches(['.', '(']).count() == 1)
        else {
            continue;
        };
        let name = found.fixture.name;
        let asserted = at.sites.asserts.iter().any(|assert| {
            assert.at.order > site.at.order
                && comparisons(assert.test).iter().any(|comparison| {
                    comparison.is_equality()
                        && [comparison.left, comparison.right]
                            .iter()
                            .any(|side| side.any(&mut |part| part.as_name() == Some(name)))
                })
        });
        // what the wide fixture does at its own end comes too late
        let is_undone = test.calls().any(|(other, call, _)| match other.role {
            Role::Fixture(Scope::Function) => call.path.contains(name),
            Role::Setup | Role::Teardown => true,
            _ => call.at.in_finally,
        });
        if !asserted || is_undone || is_parameter(test, name) || test.mocks.covers(path) {
            continue;
        }
        report.add(
            at,
            Smell {
                span: site.expr.span,
                severity: Severity::Medium,
                confidence: 0.7,
                message: format!(
                    "`{name}` is one object for the whole {}; what `{}` does to it stays for the tests that run later",
                    found.fixture.scope.name(),
                    test.text(at, &site.call.func)
                ),
                help: format!("make `{name}` function-scoped, or undo the change after the test in a fixture"),
            },
        );
    }
}

/// The wide fixture at the root of `@name`, `@name.attribute`.
fn wide<'a, 'v>(test: &Context<'a, 'v>, path: &str) -> Option<FixtureRef<'a, 'v>> {
    let name = path.strip_prefix('@')?.split(['.', '(', '[']).next()?;
    test.fixtures
        .iter()
        .find(|found| found.fixture.name == name && found.fixture.scope > Scope::Function)
        .copied()
}

/// Whether a `conftest.py` has a hook around every test that takes the fixture in hand; it may put back what changed.
fn has_hook_around_tests(test: &Context<'_, '_>, name: &str) -> bool {
    test.hooks_around().any(|(view, hook)| {
        let text = view.module.text(hook.span);
        text.contains("funcargs") && ['"', '\''].iter().any(|quote| text.contains(&format!("{name}{quote}")))
    })
}

/// Whether nothing else in the module names its fixture, and the test sets in it what is written down: then it does
/// so once.
fn is_for_one_test(test: &Context<'_, '_>, found: FixtureRef<'_, '_>, write: &WriteSite<'_>) -> bool {
    let is_written = |value: &Expr| {
        value.as_str().is_some()
            || matches!(value.kind, ExprKind::Number { .. } | ExprKind::Bool(_) | ExprKind::None)
    };
    let own = [found.as_function(), test.case.function];
    let is_own = |module: usize, start: usize| {
        let holds = |span: Span| (span.start as usize..span.end as usize).contains(&start);
        own.iter().any(|function| function.module == module && holds(function.function.span))
    };
    found.fixture.scope == Scope::Module
        && write.kind == WriteKind::Assign
        && write.value.is_some_and(is_written)
        && test.decorators.iter().all(|(path, _)| path != "pytest.mark.parametrize")
        && test.analysis.fixture_modules(test.case.module).iter().all(|module| {
            let source = &test.analysis.view(*module).module.source;
            source.match_indices(found.fixture.name).all(|(start, _)| is_own(*module, start))
        })
}

/// Whether the write changes the object itself, and not something that a call on it returned.
fn changes(found: FixtureRef<'_, '_>, write: &WriteSite<'_>) -> bool {
    if write.path.contains('(') {
        return false;
    }
    let is_whole = write.path.len() == found.fixture.name.len() + 1;
    match write.kind {
        // only of builtin collections is it known that `add` and the like change them
        WriteKind::Method => is_whole && gives_collection(found),
        _ => !is_whole || write.is_item,
    }
}

fn gives_collection(found: FixtureRef<'_, '_>) -> bool {
    matches!(
        found.fixture.gives.as_deref(),
        Some(
            "list()"
                | "dict()"
                | "set()"
                | "json.load()"
                | "json.loads()"
                | "yaml.safe_load()"
                | "collections.OrderedDict()"
                | "collections.defaultdict()"
                | "copy.deepcopy()"
        )
    )
}

/// Whether parametrize gives the name its value instead of the fixture.
fn is_parameter(test: &Context<'_, '_>, name: &str) -> bool {
    test.decorators.iter().filter(|(path, _)| path == "pytest.mark.parametrize").any(|(_, expr)| {
        let names = expr.as_call().and_then(|call| call.args.first()).and_then(|names| names.as_str());
        names.is_some_and(|names| names.split(',').any(|known| known.trim() == name))
    })
}

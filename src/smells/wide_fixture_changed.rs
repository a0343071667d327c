//! # FD604 wide-fixture-changed
//!
//! ## What it detects
//! A test that changes what a class-, module- or session-scoped fixture hands out: an item, an attribute, or a
//! list, dict or set in place.
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
//! reported.

use super::restored::{is_cleanup, is_reset_before, is_restored};
use super::{Context, Report, Role, Rule, Severity, Smell};
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
        for (at, write) in test.writes() {
            let is_own = matches!(at.role, Role::Test | Role::Fixture(Scope::Function));
            let Some(found) = wide(test, &write.path).filter(|_| is_own && !is_cleanup(at, write.at)) else {
                continue;
            };
            if !changes(test, found, write)
                || is_parameter(test, found.fixture.name)
                || is_reset_before(test, at, write.at.order, &write.path)
                || is_restored(test, at, write.at, &write.path)
            {
                continue;
            }
            let (name, scope) = (found.fixture.name, found.fixture.scope.name());
            let is_value = gives_collection(found);
            report.add(
                at,
                Smell {
                    span: write.span,
                    severity: match at.role {
                        Role::Test if is_value => Severity::Critical,
                        Role::Test => Severity::High,
                        // a fixture that fills another one often does so on purpose
                        _ => Severity::Medium,
                    },
                    confidence: 0.85,
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

/// The wide fixture at the root of `@name`, `@name.attribute`.
fn wide<'a, 'v>(test: &Context<'a, 'v>, path: &str) -> Option<FixtureRef<'a, 'v>> {
    let name = path.strip_prefix('@')?.split(['.', '(', '[']).next()?;
    test.fixtures
        .iter()
        .find(|found| found.fixture.name == name && found.fixture.scope > Scope::Function)
        .copied()
}

/// Whether the write changes the object itself, and not something that a call on it returned.
fn changes(test: &Context<'_, '_>, found: FixtureRef<'_, '_>, write: &WriteSite<'_>) -> bool {
    if write.path.contains('(') {
        return false;
    }
    let is_whole = write.path.len() == found.fixture.name.len() + 1;
    let _ = test;
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

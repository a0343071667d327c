//! # FD605 cache-not-cleared
//!
//! ## What it detects
//! A test that fills a cache of the process and leaves it filled: Django's cache, or a function under
//! `functools.lru_cache` that is called with something patched around it.
//!
//! ## Why it makes tests unstable
//! The cache outlives the test. Later tests get the value that was computed for this one, under its patches and
//! its environment, or this test gets an earlier one and its patches have no effect.
//!
//! ## Example
//! ```python
//! def test_region(monkeypatch):
//!     monkeypatch.setenv("REGION", "eu")
//!     get_settings.cache_clear()
//!     assert get_settings().region == "eu"
//! ```
//!
//! ## Use instead
//! An autouse fixture that clears the cache before and after each test.
//! ```python
//! @pytest.fixture(autouse=True)
//! def fresh_settings():
//!     get_settings.cache_clear()
//!     yield
//!     get_settings.cache_clear()
//! ```
//!
//! ## Known false positives
//! Keys that no other test uses. A cache that a set-up, a tear-down or a fixture clears is not reported.

use super::restored::{is_cleanup, registers_cleanup};
use super::words::last;
use super::{Context, Report, Role, Rule, Severity, Smell};
use crate::python::FunctionRef;
use crate::python::ast::Function;
use crate::python::sites::value_path;

pub(super) struct CacheNotCleared;

impl Rule for CacheNotCleared {
    fn code(&self) -> &'static str {
        "FD605"
    }

    fn name(&self) -> &'static str {
        "cache-not-cleared"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        let linked = linked(test);
        for (at, site, path) in test.calls() {
            if !matches!(at.role, Role::Test | Role::Setup) || is_cleanup(at, site.at) || site.at.in_nested {
                continue;
            }
            let (confidence, message) = if fills_django(path) {
                if is_cleared(test, "clear") || is_cleared(test, "delete") || is_own_cache(test) {
                    continue;
                }
                (0.85, "Django keeps this cache from test to test, so later tests find the entry".to_owned())
            } else if path.ends_with(".cache_clear") {
                // the last thing that the test does
                let is_last = !at.sites.calls.iter().any(|call| call.at.order > site.at.order);
                if is_last || !patches(test) || is_cleared(test, "cache_clear") || is_own_object(&site.path) {
                    continue;
                }
                let name = test.text(at, &site.call.func).trim_end_matches(".cache_clear");
                let message = format!(
                    "`{name}` is cleared before but not after; later tests get what it computed under this test's patches"
                );
                (0.7, message)
            } else if let Some(name) =
                linked.iter().find(|(start, _)| *start == site.expr.span.start).map(|(_, name)| *name)
            {
                if at.role != Role::Test || !patches(test) || is_cleared(test, "cache_clear") {
                    continue;
                }
                let message = format!(
                    "`{name}` caches its first result for the whole run, so this test's patches leak or have no effect"
                );
                (0.7, message)
            } else {
                continue;
            };
            report.add(
                at,
                Smell {
                    span: site.expr.span,
                    severity: Severity::Medium,
                    confidence,
                    message,
                    help:
                        "clear the cache in an autouse fixture before and after its yield, or in addCleanup"
                            .to_owned(),
                },
            );
        }
    }
}

/// A method of an object that this test was given or made: its cache keeps what belongs to that object.
fn is_own_object(path: &str) -> bool {
    path.starts_with(['@', '~']) || path.starts_with("self.")
}

fn fills_django(path: &str) -> bool {
    path.strip_prefix("django.core.cache.cache.").is_some_and(|name| {
        matches!(name, "set" | "add" | "incr" | "decr" | "set_many" | "get_or_set" | "aset")
    })
}

/// `override_settings(CACHES=…)`, or a cache that keeps nothing.
fn is_own_cache(test: &Context<'_, '_>) -> bool {
    test.decorators.iter().any(|(path, _)| last(path) == "override_settings")
        || test.calls().any(|(_, _, path)| last(path) == "override_settings")
}

/// Whether a set-up, a fixture or a clean-up calls a method of this name.
fn is_cleared(test: &Context<'_, '_>, method: &str) -> bool {
    test.calls().any(|(at, site, path)| {
        let is_elsewhere = matches!(at.role, Role::Setup | Role::Fixture(_)) || is_cleanup(at, site.at);
        (last(path) == method && is_elsewhere)
            || (registers_cleanup(path)
                && site.call.args.iter().any(|argument| test.text(at, argument).contains(method)))
    }) || cleared_last(test, method)
}

/// The test's last call clears, after all else succeeded.
fn cleared_last(test: &Context<'_, '_>, method: &str) -> bool {
    let mut calls = test.test().sites.calls.iter().filter(|site| last(&site.path) == method);
    calls.next_back().is_some_and(|site| {
        let asserts = &test.test().sites.asserts;
        !asserts.is_empty() && asserts.iter().all(|assert| assert.at.order < site.at.order)
    })
}

/// The test's calls of functions in the tree that are under `lru_cache` or `cache`: where they start, and the name.
fn linked<'a>(test: &Context<'a, '_>) -> Vec<(u32, &'a str)> {
    let at = test.test();
    let links = test.analysis.links(at.function).iter();
    links
        .filter(|(_, target)| is_cached(test, target.module, target.function) && sees_patch(test, *target))
        .map(|(call, target)| (at.sites.calls[*call].expr.span.start, &*target.function.name))
        .collect()
}

fn is_cached(test: &Context<'_, '_>, module: usize, function: &Function) -> bool {
    function.decorators.iter().any(|decorator| {
        let target = decorator.as_call().map_or(decorator, |call| &call.func);
        let path = value_path(target, test.analysis.view(module).module);
        path.is_some_and(|path| matches!(&*path, "functools.lru_cache" | "functools.cache"))
    })
}

/// Whether a function reads what the test replaces: a patched name, or the environment.
fn sees_patch(test: &Context<'_, '_>, target: FunctionRef<'_>) -> bool {
    let module = test.analysis.view(target.module).module;
    let text = module.text(target.function.span);
    let words = || text.split(|c: char| !c.is_alphanumeric() && c != '_');
    let changes_environment = test.calls().any(|(_, _, path)| matches!(last(path), "setenv" | "delenv"));
    test.mocks.targets.iter().any(|patched| words().any(|word| word == last(patched)))
        || (changes_environment && words().any(|word| matches!(word, "environ" | "getenv")))
}

/// Whether the test changes what the function may see.
fn patches(test: &Context<'_, '_>) -> bool {
    !test.mocks.targets.is_empty()
        || test.calls().any(|(_, _, path)| {
            matches!(last(path), "setenv" | "delenv" | "setattr" | "setitem") || path.ends_with("patch.dict")
        })
}

//! # FD611 registration-not-undone
//!
//! ## What it detects
//! A test that registers, subscribes or connects something at an object that was imported, and does not take it
//! away again.
//!
//! ## Why it makes tests unstable
//! Registries belong to the process. The handler of this test runs in the tests after it, and registering the same
//! name again, in a second run or another test, fails.
//!
//! ## Example
//! ```python
//! def test_handler_is_called():
//!     events.subscribe("paid", handler)
//!     events.publish("paid")
//!     assert handler.called
//! ```
//!
//! ## Use instead
//! A fixture that takes it away after its `yield`.
//! ```python
//! @pytest.fixture
//! def subscribed():
//!     events.subscribe("paid", handler)
//!     yield handler
//!     events.unsubscribe("paid", handler)
//! ```
//!
//! ## Known false positives
//! A registry that ignores what it has already, and one that a fixture of another plugin resets.

use super::origins::own_classes;
use super::restored::{is_cleanup, registers_cleanup, says_restore};
use super::words::{is_test_code, last};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Call, ExprKind};

pub(super) struct RegistrationNotUndone;

impl Rule for RegistrationNotUndone {
    fn code(&self) -> &'static str {
        "FD611"
    }

    fn name(&self) -> &'static str {
        "registration-not-undone"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            if !registers(path)
                || !matches!(at.role, Role::Test | Role::Setup)
                || site.at.in_nested
                // `@register_jitable(nrt=False)` of a function of this test
                || (site.call.args.is_empty() && !site.call.keywords.is_empty() && last(path).starts_with("register_"))
                || is_cleanup(at, site.at)
            {
                continue;
            }
            let module = test.analysis.view(at.function.module).module;
            let owner = path.rsplit_once('.').map_or("", |(owner, _)| owner);
            let is_imported = module.imports.values().any(|imported| {
                owner.strip_prefix(&**imported).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            });
            if !is_imported
                || keeps_in_argument(site.call)
                || is_of_own_class(at, site.call)
                || !is_test_code(test, at)
                || test.mocks.covers(path)
                || is_undone(test)
            {
                continue;
            }
            report.add(
                at,
                Smell {
                    span: site.expr.span,
                    // what a library keeps of it is not seen
                    severity: Severity::Medium,
                    confidence: 0.65,
                    message: format!(
                        "`{}` adds to what the whole process shares, and nothing takes it away again",
                        test.text(at, &site.call.func)
                    ),
                    help:
                        "register in a fixture and take it away after the yield, or patch the registry with \
                           mock.patch.dict"
                            .to_owned(),
                },
            );
        }
    }
}

/// A registration at a module or an object of one; what a call made is the test's own.
fn registers(path: &str) -> bool {
    let name = last(path);
    let is_word = matches!(
        name,
        "register" | "subscribe" | "add_listener" | "add_handler" | "addHandler" | "add_observer"
    ) || (name.starts_with("register_") && !name.contains("callback"))
        || (name == "connect" && path.contains("signal"));
    is_word
        && !path.contains(['(', '['])
        && !path.starts_with(['@', '~', '#', ':'])
        && !["self.", "cls.", "atexit.", "abc.", "faulthandler.", "responses.", "httpretty.", "pook.", "pytest."]
            .iter()
            .any(|known| path.starts_with(known))
        // `Base.register(Class)` of an abstract class
        && !path.rsplit('.').nth(1).is_some_and(|owner| owner.starts_with(char::is_uppercase))
}

/// `register(Own)`, where `Own` is a class that this function defines: it is another one each time.
fn is_of_own_class(at: &Reached<'_, '_>, call: &Call) -> bool {
    let name = call.args.first().and_then(|argument| argument.as_name());
    name.is_some_and(|name| own_classes(at.function.function).contains(&name))
}

/// `subscribe(db, …)` registers in what it is given.
fn keeps_in_argument(call: &Call) -> bool {
    let names = call.args.iter().chain(call.keywords.iter().map(|(_, value)| value));
    names.filter_map(|argument| match &argument.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::Attribute { attr, .. } => Some(attr),
        _ => None,
    }).any(|name| matches!(
        &**name,
        "db" | "session"
            | "conn"
            | "connection"
            | "client"
            | "app"
            | "store"
            | "cursor"
            | "engine"
            | "loop"
            | "bot"
            | "registry"
            | "config"
            | "context"
            | "ctx"
            | "parser"
            | "server"
            | "bus"
            | "api"
            | "aconn"
            | "cur"
    ))
}

fn is_undone(test: &Context<'_, '_>) -> bool {
    test.writes().any(|(at, write)| is_cleanup(at, write.at))
        || test.calls().any(|(at, site, path)| {
            let name = last(path);
            registers_cleanup(path)
                || path.ends_with("patch.dict")
                || says_restore(name)
                || [
                    "unregister",
                    "deregister",
                    "unsubscribe",
                    "disconnect",
                    "remove",
                    "clear",
                    "pop",
                    "delete",
                    "uninstall",
                    "stop",
                ]
                .iter()
                .any(|word| name.contains(word))
                || (is_cleanup(at, site.at) && at.role == Role::Teardown && !name.starts_with("close"))
        })
        || test
            .fixtures
            .iter()
            .any(|found| says_restore(found.fixture.name) || found.fixture.name.contains("clear"))
}

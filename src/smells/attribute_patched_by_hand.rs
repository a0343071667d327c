//! # FD606 attribute-patched-by-hand
//!
//! ## What it detects
//! An assignment to an attribute of an imported module, class or object (`app.client.fetch = Mock()`) that nothing
//! puts back.
//!
//! ## Why it makes tests unstable
//! The replacement stays for the rest of the run. Tests that come later, in any file, meet the mock instead of the
//! real thing: they fail or, worse, pass for the wrong reason, depending on the order.
//!
//! ## Example
//! ```python
//! def test_sends():
//!     mailer.send = Mock()
//!     register("ada")
//!     mailer.send.assert_called_once()
//! ```
//!
//! ## Use instead
//! `monkeypatch.setattr` or `mock.patch.object`, which put back what was there.
//! ```python
//! def test_sends():
//!     with mock.patch.object(mailer, "send") as send:
//!         register("ada")
//!     send.assert_called_once()
//! ```
//!
//! ## Known false positives
//! An attribute that no other test uses. What is restored in `finally`, a tear-down, after a fixture's `yield` or
//! by a patch of the same name is not reported, nor is a flag such as `app.testing`, nor what belongs to Flask's
//! `current_app` where a fixture makes one for each test.

use super::mend::patched;
use super::restored::{is_cleanup, is_for_the_run, is_restored, leak_grade};
use super::words::{is_test_code, last};
use super::{Context, Reached, Report, Rule, Severity, Smell};
use crate::python::{Scope, for_each_statement};
use crate::python::ast::{Expr, ExprKind, StmtKind};
use crate::python::sites::{WithSite, WriteKind, WriteSite};

pub(super) struct AttributePatchedByHand;

impl Rule for AttributePatchedByHand {
    fn code(&self) -> &'static str {
        "FD606"
    }

    fn name(&self) -> &'static str {
        "attribute-patched-by-hand"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, write) in test.writes() {
            if write.kind != WriteKind::Assign
                || write.is_item
                || is_cleanup(at, write.at)
                || !is_test_code(test, at)
                || !is_imported(test, at, &write.path)
                || is_flag(write)
                || is_of_before(test, at, write)
                || is_of_own_app(test, write)
                || is_of_a_mock(test, write)
                || is_of_a_new_owner(at, write)
                || has_an_opposite(test, write)
                || is_base_state(at, write)
                || is_for_the_run(test, at)
                || at
                    .sites
                    .enclosing_withs(write.at)
                    .any(WithSite::expects_failure)
                || at
                    .sites
                    .writes
                    .iter()
                    .any(|other| other.path == write.path && other.at.order < write.at.order)
                || is_restored(test, at, write.at, &write.path)
            {
                continue;
            }
            let target = test.text(at, write.target);
            report.add_mended(
                at,
                Smell {
                    span: write.span,
                    // what a nested function does, it does when it is called, often within something of its own
                    // and a switch put on may be what it is anyway
                    severity: if write.at.in_nested || is_switched_on(write) { Severity::Medium } else { leak_grade(test, at.role) },
                    confidence: 0.9,
                    message: format!(
                        "`{target}` is overwritten and never put back, so every test that runs later gets the replacement"
                    ),
                    help: if test.case.is_unittest {
                        "use mock.patch.object(owner, name) as decorator or context manager"
                    } else {
                        "use monkeypatch.setattr(owner, name, value), or mock.patch.object(owner, name)"
                    }
                    .to_owned(),
                },
                |mend| if write.at.in_nested { None } else { patched(mend, write) },
            );
        }
    }
}

/// Whether the path is an attribute of something imported. `sys.stdout` and its like have a rule of their own.
fn is_imported(test: &Context<'_, '_>, at: &Reached<'_, '_>, path: &str) -> bool {
    // pytest runs each test under `warnings.catch_warnings`
    if path.starts_with(['#', ':', '@', '~']) || path.contains(['(', '['])
        || path.starts_with("sys.") || path.starts_with("warnings.") {
        return false;
    }
    let Some((owner, _)) = path.rsplit_once('.') else { return false };
    // the root must be bound by an import, at the top or in the function, and not be a builtin or an unknown name
    let module = test.analysis.view(at.function.module).module;
    // what a framework keeps for the request alone: `flask.g.user`, `request.accept_languages`
    if matches!(last(owner), "g" | "request" | "session" | "current_user" | "_request_ctx_stack")
        || last(owner).ends_with("_request") {
        return false;
    }
    let known = |imported: &str| {
        owner == imported || owner.strip_prefix(imported).is_some_and(|rest| rest.starts_with('.'))
    };
    module.imports.values().any(|imported| known(imported))
        || at.sites.imports.iter().any(|imported| known(imported))
}

/// `app.backend = saved`: what a call of the library changed is put back. So does `app.backend = app._backend`, and
/// so does a variable of the module that was taken from there.
fn is_of_before(test: &Context<'_, '_>, at: &Reached<'_, '_>, write: &WriteSite<'_>) -> bool {
    let is_its_own = write.value.is_some_and(|value| owner(value).is_some() && owner(value) == owner(write.target));
    is_its_own || write.value.and_then(|value| copied(value).as_name()).is_some_and(|name| {
        let globals = &test.analysis.view(at.function.module).globals;
        let first = globals.get(name).and_then(|global| copied(global.value?).dotted());
        (first.is_some() && first == write.target.dotted())
            || ["saved", "orig", "old_", "previous", "before"]
                .iter()
                .any(|word| name.to_ascii_lowercase().contains(word))
    })
}

/// What an expression is a copy of, or the expression itself.
fn copied(expr: &Expr) -> &Expr {
    let Some(call) = expr.as_call() else { return expr };
    match (&call.func.kind, call.args.as_slice()) {
        (ExprKind::Name(name) | ExprKind::Attribute { attr: name, .. }, [inner]) => match &**name {
            "copy" | "deepcopy" | "dict" | "list" => inner,
            _ => expr,
        },
        (ExprKind::Attribute { value, attr }, []) if attr == "copy" => value,
        _ => expr,
    }
}

/// `current_app.cfg.limit`, where a fixture makes the app anew for each test.
fn is_of_own_app(test: &Context<'_, '_>, write: &WriteSite<'_>) -> bool {
    write.path.split('.').any(|part| part == "current_app")
        && test.fixtures.iter().any(|found| {
            found.fixture.scope == Scope::Function
                && found.fixture.name.ends_with("app")
                && found.fixture.gives.as_deref().is_some_and(|gives| gives.ends_with("()"))
        })
}

/// `app.mailer` of `app.mailer.send`, in its parts.
fn owner(attribute: &Expr) -> Option<Vec<&str>> {
    match &attribute.kind {
        ExprKind::Attribute { value, .. } => value.dotted(),
        _ => None,
    }
}

/// One of a pair of helpers, `fake_http` and `unfake_http`: the second puts back what the first kept in `self`.
fn has_an_opposite(test: &Context<'_, '_>, write: &WriteSite<'_>) -> bool {
    let is_kept = |value: &Expr| matches!(&value.kind, ExprKind::Attribute { value, .. } if value.as_name() == Some("self"));
    test.writes().any(|(_, other)| {
        other.kind == WriteKind::Assign && other.path == write.path && other.value.is_some_and(is_kept)
    })
}

/// `time.time.return_value` under `patch("time.time")` goes with the patch.
fn is_of_a_mock(test: &Context<'_, '_>, write: &WriteSite<'_>) -> bool {
    let (owner, name) = write.path.rsplit_once('.').unwrap_or_default();
    matches!(name, "return_value" | "side_effect") || owner.contains("mock.sentinel") || (!owner.is_empty() && test.mocks.targets.iter().any(|target| target == owner))
}

/// `app.pool = Pool()`, then `app.pool.size = 1`: what is changed is not what others have.
fn is_of_a_new_owner(at: &Reached<'_, '_>, write: &WriteSite<'_>) -> bool {
    let owner = write.path.rsplit_once('.').map_or("", |(owner, _)| owner);
    let gives = |other: &WriteSite<'_>| other.kind == WriteKind::Assign && other.path == owner;
    at.sites.writes.iter().any(|other| gives(other) && other.at.order < write.at.order)
}

/// Whether a name can stand for what was there before: no parameter, no function that is defined here, nothing made here.
fn may_be_saved(at: &Reached<'_, '_>, name: &str, order: u32) -> bool {
    let mut is_defined = at.function.function.params.iter().any(|param| *param.name == *name);
    for_each_statement(&at.function.function.body, &mut |stmt| {
        is_defined |= matches!(&stmt.kind, StmtKind::Function(inner) if *inner.name == *name);
    });
    let value = at.sites.value_of(name, order);
    !is_defined && value.is_none_or(|value| matches!(value.kind, ExprKind::Attribute { .. } | ExprKind::Name(_) | ExprKind::Subscript { .. }))
}

/// A switch that a test framework's users set to the same value everywhere.
fn is_flag(write: &WriteSite<'_>) -> bool {
    let name = write.path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let constant = |value: &Expr| matches!(value.kind, ExprKind::Bool(_) | ExprKind::Str { .. });
    // how a function of C is called is the same for all who call it
    matches!(&*name, "argtypes" | "restype" | "errcheck")
        || (matches!(&*name, "testing" | "debug" | "secret_key" | "maxdiff") && write.value.is_some_and(constant))
}

fn is_switched_on(write: &WriteSite<'_>) -> bool {
    write.value.is_some_and(|value| matches!(value.kind, ExprKind::Bool(true)))
}

/// Emptying what earlier tests may have filled, or giving it its initial value again, is no patch.
fn is_base_state(at: &Reached<'_, '_>, write: &WriteSite<'_>) -> bool {
    let (owner, name) = write.path.rsplit_once('.').unwrap_or_default();
    write.value.is_some_and(|value| match &value.kind {
        ExprKind::None | ExprKind::Bool(false) => true,
        ExprKind::List(parts) => parts.is_empty(),
        ExprKind::Dict(parts) => parts.is_empty(),
        ExprKind::Number { value, .. } => *value == 0.0,
        ExprKind::Str { .. } => value.as_str() == Some(""),
        ExprKind::Name(value) => **value == *name && may_be_saved(at, value, write.at.order),
        ExprKind::Call(call) => {
            call.args.is_empty() && matches!(call.func.as_name(), Some("list" | "dict" | "set"))
                // `queue._current = queue.Queue()`
                || at.sites.calls.iter().any(|site| {
                    site.expr.span == value.span
                        && site.path.rsplit_once('.').is_some_and(|(from, class)| {
                            from == owner && class.trim_start_matches('_').starts_with(char::is_uppercase)
                        })
                })
        }
        _ => false,
    })
}

//! # FD601 module-global-changed
//!
//! ## What it detects
//! A test that changes a variable of the module (rebinds it by `global`, or changes it in place) without putting
//! it back, where another test or the test's own assertion reads it.
//!
//! ## Why it makes tests unstable
//! The variable lives as long as the process. What the test leaves in it, the next test finds: both pass in one
//! order and fail in another, or fail as soon as the test runs twice.
//!
//! ## Example
//! ```python
//! SEEN = []
//!
//! def test_first():
//!     SEEN.append("first")
//!     assert SEEN == ["first"]
//! ```
//!
//! ## Use instead
//! A value that each test makes anew, in a function-scoped fixture.
//! ```python
//! @pytest.fixture
//! def seen():
//!     return []
//!
//! def test_first(seen):
//!     seen.append("first")
//!     assert seen == ["first"]
//! ```
//!
//! ## Known false positives
//! A change that code called by name only (a reset in an imported helper) takes back. What a set-up, a
//! function-scoped fixture or the beginning of each reader renews is not reported.

use super::origins::{module_variable, root, users};
use super::mend::patched;
use super::restored::{is_as_at_first, is_cleanup, is_reset_before, is_restored, renews};
use super::words::expects_failure;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind, Function};
use crate::python::sites::{WriteKind, WriteSite};

pub(super) struct ModuleGlobalChanged;

impl Rule for ModuleGlobalChanged {
    fn code(&self) -> &'static str {
        "FD601"
    }

    fn name(&self) -> &'static str {
        "module-global-changed"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        // what runs once before all tests of the module makes what they share
        let is_once = |at: &Reached<'_, '_>| at.role == Role::Setup && at.function.function.name.to_ascii_lowercase().ends_with("module");
        for (at, write) in test.writes().filter(|(at, write)| !is_once(at) && !expects_failure(at, write.at)) {
            let name = match global(&write.path) {
                Some(name) if concerns(test, at, write, name) => name,
                None => match aliased(test, at, write) {
                    Some(name) => name,
                    None => continue,
                },
                _ => continue,
            };
            let path = if write.path.starts_with('#') { write.path.clone() } else { format!("#{name}") };
            if has_own_key(test, at, write) {
                continue;
            }
            if is_reset_before(test, at, write.at.order, &path) || is_restored(test, at, write.at, &path) {
                continue;
            }
            let Some((severity, confidence, reader)) = harm(test, at, write, name) else { continue };
            report.add_mended(
                at,
                Smell {
                    span: write.span,
                    severity,
                    confidence,
                    message: format!("`{name}` belongs to the module and keeps this change; {reader}"),
                    help: format!(
                        "make `{name}` anew for each test in a function-scoped fixture, or change it with monkeypatch"
                    ),
                },
                |mend| if write.is_item && !write.at.in_nested { patched(mend, write) } else { None },
            );
        }
    }
}

/// The name of the variable at the root of `#NAME`, `#NAME.attribute`.
fn global(path: &str) -> Option<&str> {
    path.strip_prefix('#')?.split(['.', '(', '[']).next()
}

/// `TRACES[workflow]` after `workflow = uuid4().hex`: no other test knows that key.
fn has_own_key(test: &Context<'_, '_>, at: &Reached<'_, '_>, write: &WriteSite<'_>) -> bool {
    let ExprKind::Subscript { index, .. } = &write.target.kind else { return false };
    let made = index.first().and_then(Expr::as_name).and_then(|name| at.sites.bound(name, write.at.order));
    made.is_some_and(|made| test.text(at, made).contains("uuid4("))
}

/// The list, dict or set of the module that a write changes under another name: `data = PRICES; data["a"] = 1`.
fn aliased<'a>(test: &Context<'a, '_>, at: &Reached<'a, '_>, write: &WriteSite<'a>) -> Option<&'a str> {
    if !write.is_item || at.role != Role::Test || is_cleanup(at, write.at) {
        return None;
    }
    let name = root(write.target)?;
    at.sites.locals.get(name).filter(|path| !path.starts_with(['@', '~']))?;
    let (name, global) = module_variable(test, at, write.target, write.at.order)?;
    global.is_mutable().then_some(name)
}

/// Whether the write is a test's change of shared state, and not the making of it.
fn concerns(test: &Context<'_, '_>, at: &Reached<'_, '_>, write: &WriteSite<'_>, name: &str) -> bool {
    if is_cleanup(at, write.at) || write.path.contains('(') {
        return false;
    }
    // `kept = PRICES["pear"]` at the beginning, `PRICES["pear"] = kept` at the end
    let kept = write.value.and_then(Expr::as_name).and_then(|kept| at.sites.value_of(kept, write.at.order));
    if write.kind == WriteKind::Assign && kept.and_then(root) == Some(name) {
        return false;
    }
    // `env = os.environ` is another name for what other rules watch
    if known_path(test, at, name).is_some_and(|path| path.contains('.') && !path.contains('(')) {
        return false;
    }
    let is_whole = write.path.len() == name.len() + 1;
    let known = test.analysis.view(at.function.module).globals.get(name);
    match write.kind {
        // only of builtin collections is it known that `add` and the like change them
        WriteKind::Method => {
            is_whole && known.is_some_and(|global| global.is_mutable()) && at.role != Role::Helper
        }
        // `global Shape`, a class of that name and `del Shape`: the test takes its own away
        WriteKind::Delete if is_whole && known.is_none() => false,
        WriteKind::Assign if is_whole && is_as_at_first(test.analysis.view(at.function.module), name, write) => false,
        WriteKind::Assign | WriteKind::Augmented | WriteKind::Delete => at.role == Role::Test,
    }
}

fn known_path<'v>(test: &Context<'_, 'v>, at: &Reached<'_, '_>, name: &str) -> Option<&'v str> {
    test.analysis.view(at.function.module).globals.get(name)?.path.as_deref()
}

/// How bad it is, and who reads it.
fn harm(
    test: &Context<'_, '_>,
    at: &Reached<'_, '_>,
    write: &WriteSite<'_>,
    name: &str,
) -> Option<(Severity, f32, String)> {
    let view = test.analysis.view(at.function.module);
    // of `schema.types["a"] = 1` those meet the change that name `types`
    let part = write.path.trim_start_matches('#').split(['.', '(', '[']).nth(1).unwrap_or("");
    let is_victim = |function: &&&Function| {
        function.name.starts_with("test")
            && !std::ptr::eq(**function, at.function.function)
            && view.module.text(function.span).contains(part)
            && view.sites(function).is_some_and(|sites| {
                !sites.writes.iter().any(|other| other.path == write.path && renews(other))
            })
    };
    if let Some(victim) = users(view, name).iter().find(is_victim) {
        let reader = format!("`{}` reads it and depends on whether this test ran before", victim.name);
        return Some((Severity::Critical, 0.85, reader));
    }
    let grows = match write.kind {
        WriteKind::Augmented => true,
        WriteKind::Delete => !renews(write),
        WriteKind::Method => {
            matches!(write.method, Some("append" | "extend" | "insert" | "pop" | "remove" | "appendleft"))
        }
        _ => false,
    };
    let asserted =
        test.asserts().any(|(_, assert)| assert.test.any(&mut |part: &Expr| part.as_name() == Some(name)));
    (grows && asserted).then(|| {
        (Severity::High, 0.8, "the assertion on it fails when the test runs a second time".to_owned())
    })
}

//! # FD612 leftover-of-another-test
//!
//! ## What it detects
//! A test that reads a variable of the module, or an attribute of something imported, that another test of the
//! file changes and leaves so; or that expects an object of the whole module to be empty.
//!
//! ## Why it makes tests unstable
//! The test passes as long as it runs before the other one, and fails when the order, the selection or the
//! distribution over workers puts it after.
//!
//! ## Example
//! ```python
//! def test_raised_limit():
//!     LIMITS["max"] = 5
//!     assert allowed(5, LIMITS)
//!
//! def test_limit():
//!     assert not allowed(5, LIMITS)
//! ```
//!
//! ## Use instead
//! A fixture that hands out a fresh value, in both tests.
//! ```python
//! @pytest.fixture
//! def limits():
//!     return {"max": 3}
//! ```
//!
//! ## Known false positives
//! A reader for which the change makes no difference. What is put back, or renewed before it is read, is not
//! reported, nor is another key of a dict than those at which the test looks.

use super::assertions::comparisons;
use super::origins::{own_classes, users};
use super::restored::{is_as_at_first, is_restored, registers_cleanup, renews, says_restore};
use super::words::last;
use super::{Context, Reached, Report, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind, Function, Span};
use crate::python::sites::{At, CallSite, WriteKind, WriteSite};
use crate::python::{Global, View, any_expression};

pub(super) struct LeftoverOfAnotherTest;

impl Rule for LeftoverOfAnotherTest {
    fn code(&self) -> &'static str {
        "FD612"
    }

    fn name(&self) -> &'static str {
        "leftover-of-another-test"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        let at = test.test();
        let (mut severity, mut cleared) = (Severity::High, None);
        let (span, confidence, message) = if let Some((what, writer)) = changed_by_another(test) {
            let message = format!(
                "`{writer}` changes `{what}` and leaves it so; this test sees that when it runs later"
            );
            (at.function.function.name_span, 0.8, message)
        } else if let Some((name, user, span)) = expects_empty(test) {
            let message = format!(
                "`{name}` is one for the whole module and empty only as long as `{user}` has not run"
            );
            (span, 0.75, message)
        } else if let Some((name, method, span)) = counts_shared(test) {
            let message = format!("`{name}` is one for the whole module, and what other tests put there counts too");
            (severity, cleared) = (Severity::Medium, Some(format!("{name}.{method}()")));
            (span, 0.7, message)
        } else {
            return;
        };
        report.add_mended(
            at,
            Smell {
                span,
                severity,
                confidence,
                message,
                help: "give each test a fresh one from a function-scoped fixture, and change shared things with \
                       monkeypatch"
                    .to_owned(),
            },
            |mut mend| {
                mend.at_start(&cleared?)?;
                mend.risky("begin with nothing in it")
            },
        );
    }
}

/// A thing of the module, or an attribute of an import, that this test reads and another test of the file leaves
/// changed.
fn changed_by_another(test: &Context<'_, '_>) -> Option<(String, String)> {
    let function = test.case.function.function;
    let at = test.test();
    let view = test.analysis.view(at.function.module);
    if view.shared.is_empty() {
        return None;
    }
    // a name that was imported by `from` stays what it was when the module's attribute is replaced
    let by_attribute = |site: &&CallSite<'_>| matches!(site.call.func.kind, ExprKind::Attribute { .. });
    let called = at.sites.calls.iter().filter(by_attribute).map(|site| (&*site.path, false));
    let mut named: Vec<&str> =
        at.sites.names_read.iter().copied().filter(|name| view.globals.contains_key(*name)).collect();
    named.sort_unstable();
    // a class that the test defines itself is no other test's
    let own = own_classes(function);
    let called = called.filter(|(key, _)| key.split('.').next().is_none_or(|root| !own.contains(&root)));
    called.chain(named.into_iter().map(|name| (name, true))).find_map(|(key, is_variable)| {
        let shared = view.shared.get(key)?;
        let path = if is_variable { format!("#{key}") } else { key.to_owned() };
        let keys = if is_variable { keys_looked_at(at, key) } else { vec![] };
        let mut writers = shared.writers.iter().filter(|writer| {
            writer.name.starts_with("test")
                && !std::ptr::eq(**writer, function)
                && change_left(view, writer, &path).is_some_and(|write| is_seen(write, &keys))
        });
        let writer = writers.next()?;
        let puts_back = |writer: &&Function| {
            let name = writer.name.to_ascii_lowercase();
            name.starts_with("teardown") || name.starts_with("tear_down") || name == "asyncteardown"
        };
        if shared.writers.iter().any(puts_back) {
            return None;
        }
        // what the reader or its set-up renews, or a patch replaces, it does not see
        let renewed = shared.writers.iter().any(|writer| std::ptr::eq(*writer, function))
            || test
                .reach
                .iter()
                .flat_map(|reached| &reached.sites.writes)
                .any(|write| write.path == path && renews(write))
            || is_restored(test, at, At::default(), &path);
        (!renewed).then(|| (key.to_owned(), writer.name.to_string()))
    })
}

/// The keys of a dict at which a test looks, where it looks at nothing else of it: what it hands to a call before
/// that it wants filled.
fn keys_looked_at(at: &Reached<'_, '_>, name: &str) -> Vec<String> {
    let is_it = |expr: &Expr| expr.as_name() == Some(name);
    let (mut uses, mut keys, mut last_look) = (0, vec![], 0);
    any_expression(&at.function.function.body, &mut |part| {
        uses += usize::from(is_it(part));
        if let Some(key) = key_looked_at(part, &is_it) {
            keys.push(key.to_owned());
            last_look = last_look.max(part.span.start);
        }
        false
    });
    let is_asserted = |call: Span| at.sites.asserts.iter().any(|assert| assert.span.holds(call));
    // a builtin looks at all of it
    let may_fill = |site: &&CallSite<'_>| site.path.contains(['.', ':']) && !is_asserted(site.expr.span);
    let takers = at.sites.calls.iter().filter(may_fill);
    let handed: Vec<_> = takers.flat_map(|site| &site.call.args).filter(|argument| is_it(argument)).collect();
    let is_filled = handed.first().is_none_or(|first| first.span.start < last_look);
    if is_filled && uses == keys.len() + handed.len() { keys } else { vec![] }
}

/// `X["key"]`, `X.get("key")`, `"key" in X`
fn key_looked_at<'e>(part: &'e Expr, is_it: &dyn Fn(&Expr) -> bool) -> Option<&'e str> {
    match &part.kind {
        ExprKind::Subscript { value, index } if is_it(value) => index.first()?.as_str(),
        ExprKind::Compare { left, rest } => match rest.as_slice() {
            [(op, right)] if op.ends_with("in") && is_it(right) => left.as_str(),
            _ => None,
        },
        ExprKind::Call(call) => match &call.func.kind {
            ExprKind::Attribute { value, attr } if attr == "get" && is_it(value) => {
                call.args.first()?.as_str()
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether a change may be of one of these keys, or of whatever where there are none.
fn is_seen(write: &WriteSite<'_>, keys: &[String]) -> bool {
    let changed = match &write.target.kind {
        ExprKind::Subscript { index, .. } => index.first(),
        _ if write.method == Some("pop") => write.value,
        _ => None,
    };
    let is_one = |changed: &str| keys.iter().any(|key| key == changed);
    keys.is_empty() || changed.and_then(Expr::as_str).is_none_or(is_one)
}

/// What a test changes of a path and does not put back itself.
fn change_left<'v, 'a>(view: &'v View<'a>, writer: &Function, path: &str) -> Option<&'v WriteSite<'a>> {
    let sites = view.sites(writer)?;
    let mut writes = sites.writes.iter().filter(|write| write.path == path);
    // a second write puts something else there, in a finally or at the end
    let (Some(write), None) = (writes.next(), writes.next()) else { return None };
    let is_guarded = sites.calls.iter().any(|site| registers_cleanup(&site.path) || says_restore(&site.path));
    if is_guarded
        || !writer.decorators.is_empty()
        || !sites.withs.is_empty()
        || write.at.in_finally
        || write.at.in_nested
    {
        return None;
    }
    let is_left = match write.kind {
        // only of builtin collections is it known that `add` and the like change them
        WriteKind::Method => !renews(write) && view.globals.get(&path[1..]).is_some_and(Global::is_mutable),
        WriteKind::Assign if is_as_at_first(view, &path[1..], write) => false,
        WriteKind::Assign => {
            write.is_item || !write.value.is_some_and(|value| matches!(value.kind, ExprKind::None))
        }
        WriteKind::Augmented | WriteKind::Delete => true,
    };
    is_left.then_some(write)
}

/// `assert len(CACHE) == 1` on an object of the module that tests have to clear, before this one has cleared it.
fn counts_shared(test: &Context<'_, '_>) -> Option<(String, String, Span)> {
    let at = test.test();
    let view = test.analysis.view(at.function.module);
    if !at.sites.calls.iter().any(|site| site.path == "len") {
        return None;
    }
    let clears = |site: &CallSite<'_>, name: &str| match &site.call.func.kind {
        ExprKind::Attribute { value, attr } => {
            value.as_name() == Some(name) && matches!(&**attr, "clear" | "reset" | "flush" | "purge")
        }
        _ => false,
    };
    at.sites.asserts.iter().find_map(|assert| {
        let name = comparisons(assert.test).iter().find_map(|comparison| {
            let call = comparison.left.as_call().filter(|call| call.func.as_name() == Some("len"))?;
            let is_count = comparison.op == "==" && comparison.right.as_number().is_some_and(|count| count > 0.0);
            call.args.first().filter(|_| is_count)?.as_name()
        })?;
        let global = view.globals.get(name).filter(|_| !at.sites.locals.contains_key(name))?;
        let is_object = global.is_mutable() || global.path.as_deref().is_some_and(|path| path.ends_with("()"));
        let is_cleared = test.calls().any(|(other, site, _)| {
            let is_before = !std::ptr::eq(other.function.function, at.function.function)
                || site.at.order < assert.at.order;
            is_before && clears(site, name)
        });
        let others = users(view, name);
        let clearing = others.iter().find_map(|user| {
            let site = view.sites(user)?.calls.iter().find(|site| clears(site, name))?;
            Some(last(&site.path).to_owned())
        })?;
        let is_renewed = test
            .reach
            .iter()
            .flat_map(|reached| &reached.sites.writes)
            .any(|write| write.path == format!("#{name}") && renews(write) && write.at.order < assert.at.order);
        (is_object && !is_cleared && !is_renewed).then(|| (name.to_owned(), clearing, assert.span))
    })
}

/// `assert len(CACHE) == 0` on an object of the module that another test uses too: its name, that test, the place.
fn expects_empty(test: &Context<'_, '_>) -> Option<(String, String, Span)> {
    let at = test.test();
    let view = test.analysis.view(at.function.module);
    at.sites.asserts.iter().find_map(|assert| {
        let name = comparisons(assert.test).iter().find_map(|comparison| {
            let call = comparison.left.as_call().filter(|call| call.func.as_name() == Some("len"))?;
            let is_empty = comparison.op == "==" && comparison.right.as_number() == Some(0.0);
            call.args.first().filter(|_| is_empty)?.as_name()
        })?;
        if at.sites.locals.contains_key(name) {
            return None;
        }
        let global = view.globals.get(name)?;
        let is_object =
            global.is_mutable() || global.path.as_deref().is_some_and(|path| path.ends_with("()"));
        let is_cleared = test.calls().any(|(other, site, path)| {
            let is_before = !std::ptr::eq(other.function.function, at.function.function)
                || site.at.order < assert.at.order;
            let word = path.rsplit('.').next().unwrap_or(path);
            is_before
                && (says_restore(path)
                    || ["clear", "flush", "empty", "drop", "delete", "remove", "pop", "init"]
                        .iter()
                        .any(|known| word.contains(known)))
        });
        let is_renewed = test
            .reach
            .iter()
            .flat_map(|reached| &reached.sites.writes)
            .any(|write| write.path == format!("#{name}") && renews(write));
        // later on the test itself may have emptied it
        let is_first = at
            .sites
            .calls
            .iter()
            .filter(|site| site.at.order < assert.at.order)
            .all(|site| last(&site.path).trim_start_matches([':', '_']).starts_with(char::is_uppercase));
        if !is_object || !is_first || is_cleared || is_renewed {
            return None;
        }
        let user = users(view, name)
            .into_iter()
            .find(|user| user.name.starts_with("test") && !std::ptr::eq(*user, at.function.function))?;
        Some((name.to_owned(), user.name.to_string(), assert.span))
    })
}

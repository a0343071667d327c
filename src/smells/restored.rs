//! What puts things back: whether a change of something that outlives a test is undone by the test itself, its
//! tear-down, the end of a fixture or a patch around it.

use super::words::last;
use super::{Context, Reached, Role, Severity};
use crate::python::ast::{Call, Expr, ExprKind};
use crate::python::sites::{At, WriteKind, WriteSite};
use crate::python::{ClassRef, FunctionRef, Scope, View, methods};

/// How bad it is that a change of the whole process stays: what set-up does it does for every test anew, so fewer
/// see it than it seems; and a fixture that is not in the tree may put it back.
pub(super) fn leak_grade(test: &Context<'_, '_>, role: Role) -> Severity {
    if role == Role::Test && !test.has_unseen_fixture { Severity::Critical } else { Severity::Medium }
}

/// Whether a fixture does this for the whole run, or for every test of a folder: that is how the suite is meant to run.
pub(super) fn is_for_the_run(test: &Context<'_, '_>, at: &Reached<'_, '_>) -> bool {
    let found =
        || test.fixtures.iter().find(|found| std::ptr::eq(found.fixture.function, at.function.function));
    matches!(at.role, Role::Fixture(scope) if scope >= Scope::Package)
        || found().is_some_and(|found| found.fixture.autouse && found.module != test.case.module)
}

/// Whether code at this place runs to put things back.
pub(super) fn is_cleanup(at: &Reached<'_, '_>, site: At) -> bool {
    match at.role {
        Role::Teardown => true,
        Role::Fixture(_) => site.in_finally || site.after_yield,
        Role::Helper => site.in_finally || says_restore(&at.function.function.name),
        _ => site.in_finally,
    }
}

/// Whether a change of `path` at `site` is undone. `path` is the resolved one of a write, or of what a call changes.
pub(super) fn is_restored(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: At, path: &str) -> bool {
    let target = path.trim_start_matches(['#', ':']);
    let around = |with: &crate::python::sites::WithSite<'_>| {
        says_restore(&with.path) || mentions(test.text(at, with.expr), target)
    };
    at.sites.enclosing_withs(site).any(around)
        || runs_apart(test)
        || test.decorators.iter().any(|(path, _)| says_restore(path) || last(path).starts_with("with_"))
        || test.fixtures.iter().any(|found| says_restore(found.fixture.name))
        || test.reach.iter().any(keeps_around_the_test)
        || test.case.function.function.params.iter().any(|param| says_restore(&param.name))
        || test.mocks.targets.iter().any(|patched| is_end_of(target, patched) || is_part_of(target, patched))
        || test.reach.iter().any(|reached| {
            let same = std::ptr::eq(reached.function.function, at.function.function);
            reached.sites.writes.iter().any(|write| {
                (touches(&write.path, path)
                    && (is_cleanup(reached, write.at)
                        || (same && write.at.order > site.order && puts_back(write))))
                    || (is_cleanup(reached, write.at) && gives_back(write, path))
            }) || reached.sites.calls.iter().zip(&reached.paths).any(|(call, called)| {
                let position = is_cleanup(reached, call.at) || (same && call.at.order > site.order);
                (registers_cleanup(called) && !is_of_something_else(test, reached, at, call.call, path))
                    || (position && undoes(test, reached, call.call, called, target))
                    || resets_owner(called, target)
                    || (called.ends_with("patch.dict") && argument_mentions(test, reached, call.call, target))
                    || (last(called) == "useFixture" && fixture_writes(test, reached, call.call, path))
            })
        })
}

/// A fixture that yields within `with save_settings():`.
fn keeps_around_the_test(reached: &Reached<'_, '_>) -> bool {
    yields_within(reached, |path| {
        let name = last(path).to_ascii_lowercase();
        ["save", "restor", "preserv", "conserv"].iter().any(|word| name.contains(word))
    })
}

/// Whether something is a fixture that yields and has a `with` of this kind.
pub(super) fn yields_within(reached: &Reached<'_, '_>, keeps: impl Fn(&str) -> bool) -> bool {
    matches!(reached.role, Role::Fixture(_))
        && reached.sites.has_yield
        && reached.sites.withs.iter().any(|with| keeps(&with.path))
}

/// A decorator that runs the test in a process of its own, which takes all changes with it.
pub(super) fn runs_apart(test: &Context<'_, '_>) -> bool {
    let apart = |path: &str| last(path).contains("subprocess") || last(path).contains("forked");
    test.decorators.iter().any(|(path, _)| apart(path))
}

/// `self.mailer.send = self.old_send` in tear-down, where set-up kept both.
fn gives_back(write: &WriteSite<'_>, path: &str) -> bool {
    let of_self =
        |expr: &Expr| expr.dotted().is_some_and(|parts| matches!(parts.first(), Some(&"self" | &"cls")));
    last(&write.path) == last(path) && of_self(write.target) && write.value.is_some_and(of_self)
}

/// `self.useFixture(ResetFixture())`, where a method of that class in the tree writes `path`: what `fixtures` is for is
/// putting back.
fn fixture_writes(test: &Context<'_, '_>, at: &Reached<'_, '_>, call: &Call, path: &str) -> bool {
    let made = call.args.first().and_then(|fixture| {
        at.sites.calls.iter().find(|site| std::ptr::eq(site.expr, fixture)).map(|site| site.path.as_str())
    });
    let class = made.and_then(|made| test.analysis.class(at.function.module, made));
    class.is_some_and(|ClassRef { module, class }| {
        methods(class).any(|function| {
            let sites = test.analysis.sites(FunctionRef { module, function, class: Some(class) });
            sites.is_some_and(|sites| sites.writes.iter().any(|write| touches(&write.path, path)))
        })
    })
}

/// Whether every test that sees the change starts from a fresh value: its set-up, a fixture or its own beginning
/// assigns or empties what `path` names, in the test before `order`.
pub(super) fn is_reset_before(test: &Context<'_, '_>, at: &Reached<'_, '_>, order: u32, path: &str) -> bool {
    test.reach.iter().any(|reached| {
        let same = std::ptr::eq(reached.function.function, at.function.function);
        let before = match reached.role {
            Role::Setup => !reached.function.function.name.ends_with("lass"),
            Role::Fixture(scope) => scope == Scope::Function,
            Role::Test => same,
            _ => false,
        };
        let fresh =
            |write: &WriteSite<'_>| write.path == path && renews(write) && (!same || write.at.order < order);
        before && reached.sites.writes.iter().any(fresh)
    })
}

/// An assignment of the whole, or a call that empties it.
pub(super) fn renews(write: &WriteSite<'_>) -> bool {
    match write.kind {
        WriteKind::Assign => !write.is_item,
        // `del calls[:]`, but not `del calls["a"]`
        WriteKind::Delete => matches!(
            &write.target.kind,
            ExprKind::Subscript { index, .. } if matches!(index.first().map(|index| &index.kind), Some(ExprKind::Other(_)))
        ),
        WriteKind::Method => write.method == Some("clear"),
        WriteKind::Augmented => false,
    }
}

/// `global calls` and `calls = []`, where the module begins with `calls = []`: it is as at first again.
pub(super) fn is_as_at_first(view: &View<'_>, name: &str, write: &WriteSite<'_>) -> bool {
    let first = view.globals.get(name).and_then(|global| global.value);
    first.zip(write.value).is_some_and(|(first, value)| {
        !write.is_item && view.module.text(first.span) == view.module.text(value.span)
    })
}

/// A patch, addCleanup, finalizer or exit stack: what it does is not followed.
pub(super) fn registers_cleanup(path: &str) -> bool {
    matches!(
        last(path),
        "addCleanup"
            | "addfinalizer"
            | "addClassCleanup"
            | "addModuleCleanup"
            | "addAsyncCleanup"
            | "enter_context"
            | "enterContext"
            | "callback"
            | "push_async_callback"
    )
}

/// Whether what a call registers has nothing to do with `path`: it ends something that runs or is open
/// (`addCleanup(mock.patch.stopall)`), or stands in another file than the change and does not speak of putting back.
fn is_of_something_else(
    test: &Context<'_, '_>,
    registers: &Reached<'_, '_>,
    changes: &Reached<'_, '_>,
    call: &Call,
    path: &str,
) -> bool {
    const ENDS: &[&str] = &[
        "stopall",
        "stop",
        "close",
        "aclose",
        "terminate",
        "kill",
        "join",
        "shutdown",
        "quit",
        "disconnect",
        "release",
        "cancel",
        "unlink",
        "rmtree",
        "delete",
    ];
    let target = path.trim_start_matches(['#', ':']);
    // a function inside may put it back
    let writes = registers.sites.writes.iter().any(|write| touches(&write.path, path));
    if argument_mentions(test, registers, call, target) || writes && !std::ptr::eq(registers, changes) {
        return false;
    }
    let called = call.args.first().and_then(Expr::dotted).unwrap_or_default();
    let Some((name, owners)) = called.split_last() else { return false };
    let elsewhere = registers.function.module != changes.function.module;
    let restores = says_restore(name) && owners.iter().all(|owner| matches!(*owner, "self" | "cls"));
    !owners.is_empty() && ENDS.contains(name) || elsewhere && !restores
}

/// A later write in the same function that takes the change back: from a saved name, or by removing it.
pub(super) fn puts_back(write: &WriteSite<'_>) -> bool {
    match write.kind {
        WriteKind::Assign => write.value.is_some_and(is_saved),
        WriteKind::Delete => true,
        WriteKind::Method => matches!(write.method, Some("remove" | "pop" | "clear" | "discard" | "popitem")),
        WriteKind::Augmented => false,
    }
}

fn is_saved(value: &Expr) -> bool {
    matches!(
        value.kind,
        ExprKind::Name(_)
            | ExprKind::Attribute { .. }
            | ExprKind::Subscript { .. }
            | ExprKind::None
            | ExprKind::Bool(_)
            | ExprKind::Number { .. }
            | ExprKind::Str { .. }
    )
}

/// `setattr(app, "fetch", before)`, `importlib.reload(app)`, `registry.reset()`
fn undoes(test: &Context<'_, '_>, at: &Reached<'_, '_>, call: &Call, path: &str, target: &str) -> bool {
    let name = last(path);
    ((matches!(name, "setattr" | "delattr") || name.starts_with("reload"))
        && argument_mentions(test, at, call, target))
        || says_restore(last(path))
}

/// `Config.reset()` anywhere around the test, for a change of `Config.debug`: each test begins or ends afresh.
fn resets_owner(called: &str, target: &str) -> bool {
    let owner =
        |path: &str| path.rsplit_once('.').map(|(owner, _)| owner.trim_start_matches([':', '#']).to_owned());
    (says_restore(last(called)) || last(called).starts_with("clear"))
        && owner(called).is_some_and(|called| owner(target) == Some(called))
}

fn argument_mentions(test: &Context<'_, '_>, at: &Reached<'_, '_>, call: &Call, target: &str) -> bool {
    call.args.iter().any(|argument| mentions(test.text(at, argument), target))
}

/// Whether a text names the end of a path, or its root.
fn mentions(text: &str, target: &str) -> bool {
    let words = || text.split(|c: char| !c.is_alphanumeric() && c != '_');
    let parts = [last(target), target.rsplit('.').nth(1).unwrap_or(target)];
    words().any(|word| !word.is_empty() && parts.contains(&word))
}

/// Words in the name of a function, a context manager or a fixture that puts things back.
pub(super) fn says_restore(path: &str) -> bool {
    let name = path.to_ascii_lowercase();
    [
        "restor",
        "rollback",
        "reset",
        "isolat",
        "preserv",
        "conserv",
        "cleanup",
        "clean_up",
        "teardown",
        "tear_down",
        "overrid",
        "tempora",
        "sandbox",
        "set_default",
        "setdefaults",
    ]
    .iter()
    .any(|word| name.contains(word))
}

/// Whether `patched` names `path` as a whole or its end.
fn is_end_of(path: &str, patched: &str) -> bool {
    path == patched
        || (path.ends_with(patched) && path[..path.len() - patched.len()].ends_with('.'))
        || (patched.ends_with(path) && patched[..patched.len() - path.len()].ends_with('.'))
}

/// Whether `path` belongs to what is replaced as a whole: `web.ctx.site` while `web.ctx` is another.
fn is_part_of(path: &str, patched: &str) -> bool {
    let owner = path.rsplit_once('.').map_or("", |(owner, _)| owner);
    owner.split('.').skip(1).any(|part| part == patched)
        || owner.strip_prefix(patched).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Whether two paths name the same thing or a part of it.
fn touches(one: &str, other: &str) -> bool {
    let within = |long: &str, short: &str| {
        long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    within(one, other) || within(other, one)
}

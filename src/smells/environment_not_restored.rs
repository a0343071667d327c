//! # FD603 environment-not-restored
//!
//! ## What it detects
//! A change of `os.environ`, `sys.path`, `sys.modules`, `sys.argv` or the working directory that nothing undoes.
//!
//! ## Why it makes tests unstable
//! These belong to the whole process. Every test that runs later sees the change, so the suite's result depends on
//! the order in which its tests run.
//!
//! ## Example
//! ```python
//! def test_reads_token():
//!     os.environ["TOKEN"] = "x"
//!     assert read_token() == "x"
//! ```
//!
//! ## Use instead
//! pytest's `monkeypatch`, which puts back what was there.
//! ```python
//! def test_reads_token(monkeypatch):
//!     monkeypatch.setenv("TOKEN", "x")
//!     assert read_token() == "x"
//! ```
//!
//! ## Known false positives
//! A change that a library called by the test undoes. A write undone in `finally`, in a teardown, after a
//! fixture's or a context manager's `yield`, by `patch.dict`, or at the end of the test is not reported; taking
//! something out that is often not there is medium. What a fixture sets for the whole run, or an autouse fixture of
//! `conftest.py` for every test, is how the suite is meant to run, and is not reported.

use super::mend::Mend;
use super::restored::{is_cleanup, is_for_the_run, leak_grade, puts_back, runs_apart, says_restore, yields_within};
use super::words::last;
use super::{Context, Fix, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind, Span, StmtKind};
use crate::python::for_each_statement;
use crate::python::sites::{At, CallSite, WriteKind, WriteSite};

pub(super) struct EnvironmentNotRestored;

impl Rule for EnvironmentNotRestored {
    fn code(&self) -> &'static str {
        "FD603"
    }

    fn name(&self) -> &'static str {
        "environment-not-restored"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        let own = |at: &&Reached<'_, '_>| {
            at.role != Role::Teardown && !is_context_manager(test, at) && !is_for_the_run(test, at)
        };
        for at in test.reach.iter().filter(own) {
            let changes: Vec<Change<'_>> = changes(test, at).collect();
            for change in changes.iter().filter(|change| !is_at_the_end(at, change)) {
                let paired = changes.iter().any(|other| {
                    let later = if other.at.order > change.at.order { other } else { change };
                    other.at.order != change.at.order && other.is_same(change) && later.restores(at)
                });
                let makes_room = change.is_removal() && matches!(at.role, Role::Setup | Role::Fixture(_));
                if !paired && !makes_room && !clears_away(at, change) && !at.is_rare(change.at) && !is_undone(test, at, change) {
                    report.add_mended(at, smell(test, at, change), |mend| put_back(mend, change));
                }
            }
        }
    }
}

/// One change of what belongs to the process.
struct Change<'a> {
    what: &'static str,
    /// Of a mapping, the text of the key.
    key: Option<&'a str>,
    span: Span,
    at: At,
    write: Option<&'a WriteSite<'a>>,
}

impl Change<'_> {
    fn is_same(&self, other: &Change<'_>) -> bool {
        self.what == other.what && (self.key.is_none() || other.key.is_none() || self.key == other.key)
    }

    /// Only takes something out, which may not have been there.
    fn is_removal(&self) -> bool {
        self.write.is_some_and(|write| {
            write.kind == WriteKind::Delete || matches!(write.method, Some("pop" | "remove" | "clear"))
        })
    }

    /// Whether this one, coming second, puts back what was there. A constant does at the very end only.
    fn restores(&self, at: &Reached<'_, '_>) -> bool {
        let Some(write) = self.write else { return true };
        let is_constant = write.kind == WriteKind::Assign
            && write.value.is_some_and(|value| matches!(value.kind, ExprKind::Str { .. } | ExprKind::Number { .. }));
        let is_last = || at.sites.asserts.iter().all(|assert| assert.at.order < self.at.order);
        (puts_back(write) || write.method == Some("update")) && (!is_constant || is_last())
    }
}

fn changes<'r>(test: &'r Context<'_, '_>, at: &'r Reached<'_, '_>) -> impl Iterator<Item = Change<'r>> {
    let writes = at.sites.writes.iter().filter_map(|write| {
        let what = owned_by_process(&write.path)?;
        let key = match &write.target.kind {
            _ if write.kind == WriteKind::Method => first_argument(at, write),
            ExprKind::Subscript { index, .. } => index.first(),
            _ => None,
        };
        let key = key.map(|key| test.text(at, key));
        Some(Change { what, key, span: write.span, at: write.at, write: Some(write) })
    });
    let calls = at.sites.calls.iter().zip(&at.paths).filter_map(|(site, path)| {
        let what = changed_by(path)?;
        Some(Change { what, key: None, span: site.expr.span, at: site.at, write: None })
    });
    writes.chain(calls)
}

/// The key in `os.environ.pop("A")`.
fn first_argument<'r>(at: &'r Reached<'_, '_>, write: &WriteSite<'_>) -> Option<&'r Expr> {
    let is_it = |site: &&CallSite<'_>| site.expr.span == write.span;
    matches!(write.method, Some("pop" | "setdefault")).then_some(())?;
    at.sites.calls.iter().find(is_it)?.call.args.first()
}

fn owned_by_process(path: &str) -> Option<&'static str> {
    ["os.environ", "sys.path", "sys.modules", "sys.argv", "sys.stdout", "sys.stderr", "sys.stdin"]
        .into_iter()
        .find(|known| path == *known)
}

fn changed_by(path: &str) -> Option<&'static str> {
    Some(match path {
        "os.chdir" => "the working directory",
        "os.putenv" | "os.unsetenv" => "os.environ",
        "os.umask" => "the umask",
        "locale.setlocale" => "the locale",
        _ => return None,
    })
}

fn is_at_the_end(at: &Reached<'_, '_>, change: &Change<'_>) -> bool {
    is_cleanup(at, change.at) || (change.at.after_yield && at.role == Role::Helper)
}

/// Takes out what the code under test put in: after all assertions, or once it was called; of the modules what was imported
/// here. Taken out before, it is missing afterwards.
fn clears_away(at: &Reached<'_, '_>, change: &Change<'_>) -> bool {
    let is_first = !at.sites.writes.iter().any(|write| {
        owned_by_process(&write.path) == Some(change.what) && write.at.order < change.at.order
    });
    let is_last = at.sites.asserts.iter().all(|assert| assert.at.order < change.at.order);
    let acted = || {
        let mut before = at.sites.calls.iter().zip(&at.paths).filter(|(call, _)| call.at.order < change.at.order);
        before.any(|(call, path)| {
            let is_own = ["os.", "sys.", "self.assert", "monkeypatch"].iter().any(|own| path.starts_with(own));
            !is_own && call.expr.span != change.span && call.call.func.dotted().is_some()
        })
    };
    let imported = || {
        let mut found = false;
        for_each_statement(&at.function.function.body, &mut |stmt| {
            found |= matches!(stmt.kind, StmtKind::Import(_)) && stmt.span.end < change.span.start;
        });
        found
    };
    let came = match change.what {
        "sys.modules" => imported(),
        "os.environ" => acted(),
        _ => false,
    };
    change.is_removal() && is_first && ((is_last && !at.sites.asserts.is_empty()) || came)
}

/// A method of a class that can be left again.
fn is_context_manager(test: &Context<'_, '_>, at: &Reached<'_, '_>) -> bool {
    let members = at.function.class.and_then(|class| test.analysis.view(at.function.module).members(class));
    members.is_some_and(|members| ["__exit__", "__aexit__"].iter().any(|name| members.methods.contains_key(name)))
}

fn smell(test: &Context<'_, '_>, at: &Reached<'_, '_>, change: &Change<'_>) -> Smell {
    let what = change.what;
    let severity = match at.role {
        _ if change.is_removal() => Severity::Medium,
        // what was there already stays as it is, and others set the same
        _ if change.write.is_some_and(|write| write.method == Some("setdefault")) => Severity::Medium,
        // who reads the arguments mostly sets them first
        Role::Test if what == "sys.argv" => Severity::High,
        // which test needs the folder that it was cannot be told
        Role::Test if what == "the working directory" => Severity::Medium,
        // pytest's capture sets them anew after each phase, unless it is told not to capture
        Role::Test if matches!(what, "sys.stdout" | "sys.stderr" | "sys.stdin") => Severity::Medium,
        role => leak_grade(test, role),
    };
    Smell {
        span: change.span,
        severity,
        confidence: if change.is_removal() { 0.6 } else { 0.85 },
        message: format!("{what} is changed and not put back, so tests that run later see the change"),
        help: match what {
            "the working directory" => "use monkeypatch.chdir(tmp_path)",
            "sys.path" => "use monkeypatch.syspath_prepend(path)",
            "os.environ" => "use monkeypatch.setenv(name, value) or mock.patch.dict(os.environ, …)",
            _ => "use monkeypatch.setattr or a fixture that restores the value after its yield",
        }
        .to_owned(),
    }
}

/// Whether something around the test puts the thing back: a `finally`, a teardown, the end of a fixture or of a
/// context manager, or a patch.
fn is_undone(test: &Context<'_, '_>, at: &Reached<'_, '_>, change: &Change<'_>) -> bool {
    let what = change.what;
    let module = test.analysis.view(at.function.module).module;
    let names = |text: &str| text.contains(what);
    let patched = test.mocks.targets.iter().any(|target| what.ends_with(target.as_str()));
    // the code under test takes it out again, and the test looks that it does
    let asserted_away = at.sites.asserts.iter().any(|assert| {
        assert.at.order > change.at.order
            && matches!(&assert.test.kind, ExprKind::Compare { rest, .. }
                if rest.iter().any(|(op, right)| op == "not in" && module.text(right.span) == "os.environ"))
    });
    // the code under test comes back, and the test looks that it does
    let asserted_back = what == "the working directory" && at.sites.asserts.iter().any(|assert| {
        assert.at.order > change.at.order && test.text(at, assert.test).contains("getcwd()")
    });
    // `sys.path = saved`, where `saved` was copied from it
    let is_copy = change.write.and_then(|write| write.value?.as_name()).is_some_and(|name| {
        let saved = at.sites.bindings.iter().find(|binding| binding.name == name).and_then(|binding| binding.value);
        saved.is_some_and(|saved| test.text(at, saved).contains(what))
    });
    let by_patch = test
        .calls()
        .any(|(of, site, path)| path.ends_with("patch.dict") && site.call.args.first().is_some_and(|arg| names(test.text(of, arg))));
    let by_decorator = test.decorators.iter().any(|(path, expr)| {
        let patched = expr.as_call().and_then(|call| call.args.first());
        path.ends_with("patch.dict") && patched.is_some_and(|arg| names(test.text(test.test(), arg)))
    });
    let undo = || {
        test.reach.iter().any(|reached| {
            let same = std::ptr::eq(reached.function.function, at.function.function);
            let at_the_end = |site: At| {
                reached.role == Role::Teardown
                    || (same && site.in_finally)
                    || (matches!(reached.role, Role::Fixture(_) | Role::Helper)
                        && (site.after_yield || (site.in_finally && reached.sites.has_yield)))
            };
            let writes = &reached.sites.writes;
            let calls = reached.sites.calls.iter().zip(&reached.paths);
            let by_monkeypatch = |path: &str, site: &CallSite<'_>| match last(path) {
                "chdir" => what == "the working directory",
                "syspath_prepend" => what == "sys.path",
                "setenv" | "delenv" => {
                    let key = site.call.args.first().map(|key| test.text(reached, key));
                    what == "os.environ" && (key == change.key || change.write.is_some_and(|write| write.method == Some("update")))
                }
                "setattr" => what.rsplit('.').next().is_some_and(|name| test.text(reached, site.expr).contains(name)),
                _ => false,
            };
            writes.iter().any(|write| owned_by_process(&write.path) == Some(what) && at_the_end(write.at))
                || calls.into_iter().any(|(site, path)| {
                    // `os.environ.__exit__()` too
                    ((changed_by(path) == Some(what) || path.strip_prefix(what) == Some(".__exit__"))
                        && at_the_end(site.at))
                        || (path.contains("monkeypatch") && by_monkeypatch(path, site))
                        || matches!(last(path), "addCleanup" | "addfinalizer")
                        || site.call.args.iter().any(|handed| is_undoing(what, test.text(reached, handed)))
                })
        })
    };
    let by_wrapper = runs_apart(test) || test.decorators.iter().any(|(path, _)| says_restore(path));
    patched || asserted_away || asserted_back || is_copy || by_patch || by_decorator || by_wrapper || has_a_keeper(test, what) || moves_back(test, at, change) || undo()
}

/// `stack.register(os.chdir, before)`: whoever takes the function calls it later.
fn is_undoing(what: &str, handed: &str) -> bool {
    changed_by(handed) == Some(what)
}

/// `with runner.isolated_filesystem():`, `with tmpdir.as_cwd():`; of the streams `with capture():`; of the environment
/// `with temp_environ():`, also one that a fixture stands in while the test runs.
fn moves_back(test: &Context<'_, '_>, at: &Reached<'_, '_>, change: &Change<'_>) -> bool {
    let moves = |path: &str| matches!(last(path), "isolated_filesystem" | "as_cwd" | "chdir" | "working_directory" | "temporary_directory" | "cwd");
    let keeps_streams = |path: &str| ["isolat", "captur", "redirect"].iter().any(|word| last(path).contains(word));
    let keeps_environment = |path: &str| last(path).to_ascii_lowercase().split('_').any(|word| word.contains("environ") || word == "env");
    let keeps = |path: &str| match change.what {
        "the working directory" => moves(path),
        "sys.stdout" | "sys.stderr" | "sys.stdin" => keeps_streams(path),
        "os.environ" => keeps_environment(path),
        _ => false,
    };
    at.sites.enclosing_withs(change.at).any(|with| keeps(&with.path)) || test.reach.iter().any(|reached| yields_within(reached, keeps))
}

/// Whether the test asks for a fixture that by its name keeps the thing: `save_cwd`, `restore_environ`, `clean_argv`.
fn has_a_keeper(test: &Context<'_, '_>, what: &str) -> bool {
    let things: &[&str] = match what {
        "the working directory" => &["cwd", "chdir", "working_dir", "workdir"],
        "os.environ" => &["env"],
        "sys.argv" => &["argv"],
        "sys.path" => &["path"],
        "sys.modules" => &["modules"],
        _ => return false,
    };
    let keeps = |name: &str| {
        ["save", "restor", "rollback", "revert", "reset", "preserv", "isolat", "clean", "keep", "tmp", "temp", "change"].iter().any(|word| name.contains(word))
            && things.iter().any(|thing| name.contains(thing))
    };
    let named = test.decorators.iter().filter(|(path, _)| path == "pytest.mark.usefixtures");
    let named = named.filter_map(|(_, expr)| expr.as_call()).flat_map(|call| &call.args);
    test.fixtures.iter().any(|found| keeps(found.fixture.name))
        || named.filter_map(|name| name.as_str()).any(keeps)
        || test.case.function.function.params.iter().any(|param| keeps(&param.name))
}

/// The same change by `monkeypatch`, which takes it back; in a unittest class a patch around it.
fn put_back(mut mend: Mend<'_>, change: &Change<'_>) -> Option<Fix> {
    let stmt = mend.statement(change.span)?;
    if let Some(register) = mend.own_cleanup() {
        match change.what {
            "os.environ" => {
                let mock = mend.import("unittest.mock")?;
                let name = mend.free_name("environment")?;
                let patch = format!("{name} = {mock}.patch.dict(os.environ)");
                mend.before(stmt, &[&patch, &format!("{name}.start()"), &format!("{register}({name}.stop)")])?;
            }
            "the working directory" => mend.before(stmt, &[&format!("{register}(os.chdir, os.getcwd())")])?,
            _ => return None,
        }
        return mend.risky("take the change back when the test ends");
    }
    let call = match (&stmt.kind, change.what) {
        (StmtKind::Expr(expr), what) => {
            let call = expr.as_call()?;
            let arguments: Vec<&str> = call.args.iter().map(|argument| mend.text(argument)).collect();
            let method = change.write.and_then(|write| write.method);
            match (what, method, arguments.as_slice()) {
                ("the working directory", _, [folder]) => format!("monkeypatch.chdir({folder})"),
                ("sys.path", Some("insert"), [first, path]) if *first == "0" => {
                    format!("monkeypatch.syspath_prepend({path})")
                }
                ("os.environ", Some("pop"), [name, ..]) => format!("monkeypatch.delenv({name}, raising=False)"),
                ("os.environ", Some("setdefault"), [..]) => return None,
                _ => return None,
            }
        }
        (StmtKind::Assign { targets, value: Some(value), .. }, "os.environ") => {
            let [target] = targets.as_slice() else { return None };
            let ExprKind::Subscript { index, .. } = &target.kind else { return None };
            format!("monkeypatch.setenv({}, {})", mend.text(index.first()?), mend.text(value))
        }
        (StmtKind::Assign { targets, value: Some(value), .. }, "sys.argv" | "sys.stdout" | "sys.stderr" | "sys.stdin") => {
            let [target] = targets.as_slice() else { return None };
            let ExprKind::Attribute { value: owner, attr } = &target.kind else { return None };
            format!("monkeypatch.setattr({}, \"{attr}\", {})", mend.text(owner), mend.text(value))
        }
        (StmtKind::Assign { targets, value: Some(value), .. }, "sys.modules") => {
            let [target] = targets.as_slice() else { return None };
            let ExprKind::Subscript { value: owner, index } = &target.kind else { return None };
            format!("monkeypatch.setitem({}, {}, {})", mend.text(owner), mend.text(index.first()?), mend.text(value))
        }
        (StmtKind::Delete(targets), "os.environ") => {
            let [target] = targets.as_slice() else { return None };
            let ExprKind::Subscript { index, .. } = &target.kind else { return None };
            format!("monkeypatch.delenv({})", mend.text(index.first()?))
        }
        _ => return None,
    };
    mend.fixture("monkeypatch")?;
    mend.replace(stmt.span, call);
    mend.risky("change it with monkeypatch, which takes it back when the test ends")
}

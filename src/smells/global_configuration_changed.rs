//! # FD608 global-configuration-changed
//!
//! ## What it detects
//! A call that changes how the whole process behaves and is not taken back: default socket timeouts, disabled
//! logging or garbage collection, signal handlers, event loop policies, NumPy's and pandas' options; or one that
//! closes the event loop that all tests share.
//!
//! ## Why it makes tests unstable
//! Every test that runs later runs under the changed configuration: it times out, logs nothing, or rounds
//! differently, but only when it comes after this one.
//!
//! ## Example
//! ```python
//! def test_slow_server():
//!     socket.setdefaulttimeout(0.1)
//!     assert fetch() is None
//! ```
//!
//! ## Use instead
//! A fixture that puts the setting back after its `yield`, or the context manager that the library has for it.
//! ```python
//! @pytest.fixture
//! def short_timeout():
//!     before = socket.getdefaulttimeout()
//!     socket.setdefaulttimeout(0.1)
//!     yield
//!     socket.setdefaulttimeout(before)
//! ```
//!
//! ## Known false positives
//! A setting that all tests of the suite share; what `conftest.py` sets at its top is known for one. Filters of
//! `warnings` are not reported: pytest resets them.

use super::restored::{is_cleanup, is_for_the_run, registers_cleanup, says_restore};
use super::words::{expects_failure, is_test_code, last};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, StmtKind};
use crate::python::sites::{CallSite, value_path};

pub(super) struct GlobalConfigurationChanged;

/// A call that sets something for the process: `(call, call that takes it back, what it sets, help)`.
type Setting = (&'static str, &'static str, &'static str, &'static str);

const SETTINGS: [Setting; 19] = [
    (
        "socket.setdefaulttimeout",
        "socket.setdefaulttimeout",
        "the default timeout of all sockets",
        "give the timeout to the one socket or client, or restore socket.getdefaulttimeout() in a fixture",
    ),
    (
        "logging.disable",
        "logging.disable",
        "logging as a whole",
        "use caplog.set_level, or call logging.disable(logging.NOTSET) after the fixture's yield",
    ),
    (
        "logging.setLoggerClass",
        "logging.setLoggerClass",
        "the class of all loggers",
        "restore logging.getLoggerClass() after the fixture's yield",
    ),
    (
        "gc.disable",
        "gc.enable",
        "garbage collection",
        "call gc.enable() in a finally or after the fixture's yield",
    ),
    (
        "gc.set_threshold",
        "gc.set_threshold",
        "garbage collection",
        "restore gc.get_threshold() after the fixture's yield",
    ),
    (
        "sys.setrecursionlimit",
        "sys.setrecursionlimit",
        "the recursion limit",
        "restore sys.getrecursionlimit() after the fixture's yield",
    ),
    (
        "sys.setswitchinterval",
        "sys.setswitchinterval",
        "the thread switch interval",
        "restore sys.getswitchinterval() after the fixture's yield",
    ),
    ("sys.settrace", "sys.settrace", "the trace function", "call sys.settrace(None) in a finally"),
    (
        "signal.signal",
        "signal.signal",
        "a signal handler",
        "restore the handler that signal.signal returned in a finally",
    ),
    (
        "asyncio.set_event_loop_policy",
        "asyncio.set_event_loop_policy",
        "the event loop policy",
        "override pytest-asyncio's event_loop_policy fixture, or call set_event_loop_policy(None) afterwards",
    ),
    (
        "multiprocessing.set_start_method",
        "multiprocessing.set_start_method",
        "the start method of processes",
        "use multiprocessing.get_context(method) instead",
    ),
    ("numpy.seterr", "numpy.seterr", "NumPy's error handling", "use with numpy.errstate(…)"),
    (
        "numpy.set_printoptions",
        "numpy.set_printoptions",
        "NumPy's print options",
        "use with numpy.printoptions(…)",
    ),
    ("pandas.set_option", "pandas.reset_option", "pandas' options", "use with pandas.option_context(…)"),
    (
        "torch.set_default_dtype",
        "torch.set_default_dtype",
        "PyTorch's default type",
        "pass dtype= instead, or restore it after the fixture's yield",
    ),
    (
        "torch.set_default_tensor_type",
        "torch.set_default_tensor_type",
        "PyTorch's default type",
        "pass dtype= instead, or restore it after the fixture's yield",
    ),
    (
        "django.utils.translation.activate",
        "django.utils.translation.deactivate",
        "the active language",
        "use with translation.override(language)",
    ),
    (
        "django.utils.timezone.activate",
        "django.utils.timezone.deactivate",
        "the active time zone",
        "use with timezone.override(zone)",
    ),
    (
        "time.tzset",
        "time.tzset",
        "the process's time zone",
        "call time.tzset() again after monkeypatch has restored TZ",
    ),
];

impl Rule for GlobalConfigurationChanged {
    fn code(&self) -> &'static str {
        "FD608"
    }

    fn name(&self) -> &'static str {
        "global-configuration-changed"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            if path == "asyncio.get_event_loop().close" && !is_cleanup_of_fixture(at) && !sets_loop(test) {
                report.add(
                    at,
                    Smell {
                        span: site.expr.span,
                        // who asks for it later cannot be told
                        severity: Severity::Medium,
                        confidence: 0.8,
                        message: "the event loop that all tests of the thread share is closed, so the next one that asks \
                                  for it fails"
                            .to_owned(),
                        help: "run the coroutine with asyncio.run(…), or make a loop of the test's own and close that"
                            .to_owned(),
                    },
                );
                continue;
            }
            let Some(setting) = SETTINGS.iter().find(|setting| setting.0 == path) else { continue };
            let (_, undo, what, help) = *setting;
            if is_for_the_run(test, at)
                || is_cleanup(at, site.at)
                || !is_test_code(test, at)
                || site.at.in_nested
                || expects_failure(at, site.at)
                || is_default(test, at, site)
                || is_of_the_suite(test, at, site, path)
                || test.mocks.covers(path)
                || is_undone(test, at, site, undo)
                || puts_back(test, at, site, path)
            {
                continue;
            }
            report.add(
                at,
                Smell {
                    span: site.expr.span,
                    severity: Severity::Medium,
                    confidence: 0.85,
                    message: format!("`{path}` sets {what} for the whole process, and nothing sets it back"),
                    help: help.to_owned(),
                },
            );
        }
    }
}

/// A fixture that owns the loop closes it at its end.
fn is_cleanup_of_fixture(at: &Reached<'_, '_>) -> bool {
    matches!(at.role, Role::Fixture(_) | Role::Teardown)
}

/// A test that sets a loop closes its own.
fn sets_loop(test: &Context<'_, '_>) -> bool {
    test.calls().any(|(_, _, path)| matches!(path, "asyncio.set_event_loop" | "asyncio.new_event_loop"))
}

/// Setting the default is putting it back.
fn is_default(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    site.call.args.iter().any(|argument| {
        let text = test.text(at, argument);
        text == "None"
            || text.ends_with("NOTSET")
            || text.ends_with("SIG_DFL")
            || text.ends_with("default_int_handler")
    })
}

/// Whether a `conftest.py` sets the same at its top, so that all tests run with it.
fn is_of_the_suite(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>, path: &str) -> bool {
    test.fixture_views().filter(|view| view.module.name() == "conftest.py").any(|view| {
        let is_same = |(value, set): (&Expr, &Expr)| {
            let set = set.as_name().and_then(|name| view.globals.get(name)?.value).unwrap_or(set);
            let mut words = view.module.text(set.span).split(|c: char| !c.is_alphanumeric() && c != '_');
            words.any(|word| word == last(test.text(at, value)))
        };
        view.module.body.iter().any(|stmt| match &stmt.kind {
            StmtKind::Expr(expr) => expr.as_call().is_some_and(|call| {
                value_path(&call.func, view.module).as_deref() == Some(path)
                    && site.call.args.iter().zip(&call.args).all(is_same)
            }),
            _ => false,
        })
    })
}

/// `signal.signal(SIGHUP, before)` after another call for the same signal.
fn puts_back(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>, path: &str) -> bool {
    let key = |site: &CallSite<'_>| site.call.args.first().map(|first| test.text(at, first));
    // `seterr(**before)`
    let all = || site.call.keywords.iter().find(|(name, _)| name.is_none()).map(|(_, value)| value);
    let Some(value) = site.call.args.last().or_else(all) else { return false };
    let is_saved = value.as_name().is_some_and(|name| at.sites.bound(name, site.at.order).is_some());
    let mut others = at.sites.calls.iter().zip(&at.paths);
    is_saved
        && others.any(|(other, known)| {
            known == path && other.at.order < site.at.order && (site.call.args.len() < 2 || key(other) == key(site))
        })
}

fn is_undone(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>, undo: &str) -> bool {
    let around = |with: &crate::python::sites::WithSite<'_>| says_restore(&with.path);
    at.sites.enclosing_withs(site.at).any(around)
        || test.calls().any(|(other, call, path)| {
            let same = std::ptr::eq(other.function.function, at.function.function);
            let later = is_cleanup(other, call.at) || (same && call.at.order > site.at.order);
            later && (path == undo || says_restore(last(path)))
                || (registers_cleanup(path)
                    && call.call.args.iter().any(|argument| {
                        let text = test.text(other, argument);
                        text.contains(last(undo)) || !text.contains('.')
                    }))
        })
}

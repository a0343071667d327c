//! Which calls are given a limit of time, how long it is and how they end when it passes.

use super::flow;
use super::words::last;
use super::{Context, Reached, Role};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::{CallSite, Use};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum GivesUp {
    /// It raises.
    Loudly,
    /// It returns, and only a later look tells.
    Quietly,
    /// The limit is handed to the code under test.
    Elsewhere,
}

/// What a limit that is handed on is called.
const TIMEOUTS: [&str; 8] = [
    "timeout",
    "read",
    "timeout_seconds",
    "timeout_s",
    "connect_timeout",
    "read_timeout",
    "request_timeout",
    "connect",
];

/// The smallest limit that a call hands on, in seconds, and where it stands.
pub(super) fn handed_on<'a>(
    test: &Context<'a, '_>,
    at: &Reached<'a, '_>,
    site: &CallSite<'a>,
) -> Option<(f64, &'a Expr)> {
    let is_fixture = matches!(at.role, Role::Fixture(_));
    if (site.used == Use::Returned || at.role != Role::Test) && !is_fixture
        || last(&site.path) == "addCleanup"
    {
        return None;
    }
    let limits = site.call.keywords.iter().filter_map(|(name, value)| {
        let name = name.as_deref()?;
        let unit = if name.ends_with("timeout_ms") { 1e-3 } else { 1.0 };
        if unit == 1.0 && !TIMEOUTS.contains(&name) {
            return None;
        }
        // elsewhere these count tries
        if matches!(name, "read" | "connect") && !last(&site.path).contains("imeout") {
            return None;
        }
        Some((flow::seconds(test, at, value, site.at.order)? * unit, value))
    });
    limits.min_by(|one, other| one.0.total_cmp(&other.0))
}

/// The time limit of a call that waits, how it ends when the limit passes, and up to how many seconds it is tight.
pub(super) fn limit<'a>(site: &CallSite<'a>, path: &str) -> Option<(&'a Expr, GivesUp, f64)> {
    use GivesUp::{Loudly, Quietly};
    let call = site.call;
    let found = match path {
        "asyncio.wait_for" => (call.argument(1, "timeout"), Loudly),
        "asyncio.timeout" | "async_timeout.timeout" => (call.argument(0, "delay"), Loudly),
        "anyio.fail_after" | "trio.fail_after" => (call.argument(0, "delay"), Loudly),
        "threading.Event().wait" | "multiprocessing.Event().wait" => (call.argument(0, "timeout"), Quietly),
        "threading.Condition().wait_for" => (call.argument(1, "timeout"), Quietly),
        "threading.Barrier().wait" => (call.argument(0, "timeout"), Loudly),
        "threading.Thread().join" | "multiprocessing.Process().join" => {
            return Some((call.argument(0, "timeout")?, Quietly, 5.0));
        }
        "asyncio.wait" | "concurrent.futures.wait" => (call.keyword("timeout"), Quietly),
        "concurrent.futures.as_completed" => (call.keyword("timeout"), Loudly),
        "selenium.webdriver.support.ui.WebDriverWait" | "selenium.webdriver.support.wait.WebDriverWait" => {
            (call.argument(1, "timeout"), Loudly)
        }
        _ => match last(path) {
            "get" if is_queue(path) || takes_like_a_queue(site) => (call.argument(1, "timeout"), Loudly),
            "result" if path.contains('.') => (call.argument(0, "timeout"), Loudly),
            // a whole program starts and ends within it
            "wait" | "communicate" if is_child(path) => {
                return Some((call.argument(usize::from(last(path) != "wait"), "timeout")?, Loudly, 5.0));
            }
            "run" | "check_output" | "check_call" | "call" if path.starts_with("subprocess.") => {
                return Some((call.keyword("timeout")?, Loudly, 5.0));
            }
            "communicate" | "wait_closed" => (call.keyword("timeout"), Loudly),
            "wait" => (call.keyword("timeout"), Quietly),
            // the like of asyncio.timeout in a compatibility layer
            name if site.used == Use::With
                && call.args.len() == 1
                && (name.ends_with("timeout") || name == "fail_after") =>
            {
                (call.args.first(), Loudly)
            }
            _ => return None,
        },
    };
    Some((found.0?, found.1, 2.0))
}

/// Whether a method is one of a child process.
fn is_child(path: &str) -> bool {
    path.starts_with("subprocess.Popen().")
        || path.rsplit_once('.').is_some_and(|(receiver, _)| {
            let name = last(receiver).trim_start_matches(['~', '@', '#']);
            matches!(name, "proc" | "process" | "popen" | "p")
                || name.ends_with("_proc")
                || name.ends_with("_process")
        })
}

fn is_queue(path: &str) -> bool {
    matches!(
        path,
        "queue.Queue().get"
            | "queue.SimpleQueue().get"
            | "queue.LifoQueue().get"
            | "queue.PriorityQueue().get"
            | "multiprocessing.Queue().get"
            | "multiprocessing.SimpleQueue().get"
    ) || path.strip_suffix(".get").is_some_and(|receiver| {
        let name = last(receiver).to_ascii_lowercase();
        name == "~q" || name.ends_with("queue")
    })
}

/// `get(True, 0.1)` and `get(timeout=0.1)`, which nothing but a queue has.
fn takes_like_a_queue(site: &CallSite<'_>) -> bool {
    match site.call.args.first() {
        Some(first) => matches!(first.kind, ExprKind::Bool(true)),
        None => site.call.keyword("timeout").is_some(),
    }
}

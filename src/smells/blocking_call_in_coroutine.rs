//! # FD107 blocking-call-in-coroutine
//!
//! ## What it detects
//! `time.sleep`, a request of `requests` or `urllib`, or a `subprocess` call that waits, made directly in an `async`
//! test, fixture or helper.
//!
//! ## Why it makes tests unstable
//! The call stops the event loop. Tasks that the test relies on cannot run meanwhile, their time-outs expire, and
//! heartbeats are missed; how much of that shows depends on how long the call takes.
//!
//! ## Example
//! ```python
//! async def test_consumer(consumer):
//!     asyncio.create_task(consumer.run())
//!     time.sleep(1)
//!     assert consumer.seen
//! ```
//!
//! ## Use instead
//! The awaited counterpart (`asyncio.Event`, `httpx.AsyncClient`, `asyncio.create_subprocess_exec`), or
//! `asyncio.to_thread` around the call.
//! ```python
//! await asyncio.wait_for(consumer.first_seen.wait(), 30)
//! ```
//!
//! ## Known false positives
//! A call that tests how the loop copes with being blocked. Low is one before which nothing was started or awaited.

use super::words::{is_process, starts_work};
use crate::python::Scope;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::sites::CallSite;

pub(super) struct BlockingCallInCoroutine;

impl Rule for BlockingCallInCoroutine {
    fn code(&self) -> &'static str {
        "FD107"
    }

    fn name(&self) -> &'static str {
        "blocking-call-in-coroutine"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            if !at.function.function.is_async || site.at.in_nested || at.role == Role::Teardown {
                continue;
            }
            let Some(instead) = counterpart(path) else { continue };
            let is_yield = path == "time.sleep"
                && site.call.args.first().and_then(|argument| argument.as_number()) == Some(0.0);
            let mocked = test.mocks.covers(path) || (test.mocks.http && instead.contains("AsyncClient"));
            if mocked || is_yield || site.awaited {
                continue;
            }
            let (severity, confidence) =
                if is_alone(test, at, site) { (Severity::Low, 0.5) } else { (Severity::Medium, 0.75) };
            report.add_mended(
                at,
                Smell {
                    span: site.expr.span,
                    severity,
                    confidence,
                    message: format!(
                        "`{}` stops the event loop, so the tasks this coroutine relies on cannot run and their time-outs expire",
                        test.text(at, &site.call.func)
                    ),
                    help: format!("use {instead}, or asyncio.to_thread around the call"),
                },
                |mut mend| {
                    (path == "time.sleep").then_some(())?;
                    let asyncio = mend.import("asyncio")?;
                    mend.replace(site.call.func.span, format!("await {asyncio}.sleep"));
                    mend.risky("let the event loop go on meanwhile")
                },
            );
        }
    }
}

/// Whether the loop has nothing else to run yet: nothing was started or awaited before, here, in a fixture or in
/// the set-up of a class.
fn is_alone(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let before = at.sites.calls.iter().zip(&at.paths).filter(|(call, _)| call.at.order < site.at.order);
    // what a fixture of many tests awaited has ended before any of them
    let is_wide = matches!(at.role, Role::Fixture(scope) if scope > Scope::Function);
    !before.into_iter().any(|(call, path)| (call.awaited && !is_wide) || starts_work(path))
        && (at.role != Role::Test || test.fixtures.iter().all(|found| !found.fixture.function.is_async))
        && test.case.lineage.is_empty()
}

/// What to await in place of a call that blocks.
fn counterpart(path: &str) -> Option<&'static str> {
    Some(match path {
        "time.sleep" => "an asyncio.Event or asyncio.wait_for on the condition",
        "urllib.request.urlopen" => "httpx.AsyncClient",
        "os.system"
        | "subprocess.run"
        | "subprocess.call"
        | "subprocess.check_call"
        | "subprocess.check_output"
            if is_process(path) =>
        {
            "asyncio.create_subprocess_exec"
        }
        _ => {
            let method = path.strip_prefix("requests.")?;
            let method = method.strip_prefix("Session().").unwrap_or(method);
            if !matches!(method, "get" | "post" | "put" | "delete" | "head" | "options" | "patch" | "request")
            {
                return None;
            }
            "httpx.AsyncClient"
        }
    })
}

//! # FD106 coroutine-never-awaited
//!
//! ## What it detects
//! A call of a coroutine function whose result is thrown away, or asserted, without `await`: functions and methods of
//! the tree, `asyncio.sleep`, and the waits of asyncio's queues, events and locks.
//!
//! ## Why it makes tests unstable
//! The call only makes a coroutine object; nothing runs. What the test goes on to see is left over from elsewhere, or
//! the bare object, which is always true.
//!
//! ## Example
//! ```python
//! async def test_drain(queue):
//!     fill(queue)            # async def fill(queue)
//!     assert queue.empty()
//! ```
//!
//! ## Use instead
//! `await` it, or `asyncio.create_task` it and await the task later. `python -W error::RuntimeWarning` finds the rest.
//! ```python
//! await fill(queue)
//! ```
//!
//! ## Known false positives
//! A function that a decorator turns into an ordinary one.

use super::words::is_sleep;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::sites::{CallSite, Use};
use crate::python::{Analysis, FunctionRef};

pub(super) struct CoroutineNeverAwaited;

impl Rule for CoroutineNeverAwaited {
    fn code(&self) -> &'static str {
        "FD106"
    }

    fn name(&self) -> &'static str {
        "coroutine-never-awaited"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in &test.reach {
            for (index, site) in at.sites.calls.iter().enumerate() {
                let path = &*at.paths[index];
                let is_lost = !site.awaited && (site.used == Use::Dropped || is_asserted_itself(at, site));
                if !is_lost || !(is_coroutine_of_asyncio(path) || leads_to_coroutine(test, at, index, path)) {
                    continue;
                }
                if test.mocks.covers(path) {
                    continue;
                }
                // where nothing is looked at afterwards, it goes the same way every time
                let is_seen = at.role != Role::Teardown && (at.role != Role::Test || at.sites.asserts.iter().any(|assert| assert.at.order >= site.at.order));
                report.add_mended(
                    at,
                    Smell {
                        span: site.expr.span,
                        // without a pause the test is only quicker
                        severity: if is_seen && !is_sleep(path) { Severity::High } else { Severity::Medium },
                        confidence: 0.9,
                        message: format!(
                            "`{}` makes a coroutine that nothing awaits, so its work never happens and what follows sees chance leftovers",
                            test.text(at, site.expr)
                        ),
                        help: "await it, or start it with asyncio.create_task and await the task before the assertions"
                            .to_owned(),
                    },
                    |mut mend| {
                        if !at.function.function.is_async || site.at.in_nested || site.used != Use::Dropped {
                            return None;
                        }
                        mend.insert(site.expr.span.start, "await ");
                        mend.risky("await it")
                    },
                );
            }
        }
    }
}

/// Whether the call is the whole condition of an assertion.
fn is_asserted_itself(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    at.sites.asserts.iter().any(|assert| std::ptr::eq(assert.test, site.expr))
}

fn is_coroutine_of_asyncio(path: &str) -> bool {
    matches!(
        path,
        "asyncio.sleep"
            | "asyncio.wait_for"
            | "asyncio.wait"
            | "anyio.sleep"
            | "trio.sleep"
            | "asyncio.Queue().put"
            | "asyncio.Queue().get"
            | "asyncio.Queue().join"
            | "asyncio.Event().wait"
            | "asyncio.Lock().acquire"
            | "asyncio.Semaphore().acquire"
            | "asyncio.open_connection"
            | "asyncio.start_server"
    )
}

/// Whether the call leads to an `async def` of the tree that is no generator and keeps its nature.
fn leads_to_coroutine<'a>(test: &Context<'a, '_>, at: &Reached<'a, '_>, index: usize, path: &str) -> bool {
    let is_coroutine = |analysis: &Analysis<'a>, target: FunctionRef<'a>| {
        target.function.is_async
            && target.function.decorators.is_empty()
            && analysis.sites(target).is_some_and(|sites| !sites.has_yield)
    };
    let own = || {
        let name = path.strip_prefix("self.").filter(|name| !name.contains(['.', '(', '[']))?;
        test.analysis.method(&test.case.lineage, name)
    };
    let links = test.analysis.links(at.function);
    let linked = links.iter().find(|(call, _)| *call == index).map(|(_, target)| *target);
    linked.or_else(own).is_some_and(|target| is_coroutine(test.analysis, target))
}

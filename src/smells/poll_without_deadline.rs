//! # FD104 poll-without-deadline
//!
//! ## What it detects
//! A loop that sleeps until a condition holds, with nothing that ends it when the condition never does.
//!
//! ## Why it makes tests unstable
//! When the awaited thing fails, the test does not: it hangs until the pipeline's own limit kills the whole run, and
//! the log names no test.
//!
//! ## Example
//! ```python
//! while not server.ready:
//!     time.sleep(0.1)
//! ```
//!
//! ## Use instead
//! A deadline on the monotonic clock, `asyncio.wait_for` around the loop, or a helper such as tenacity's
//! `stop_after_delay`; `pytest.mark.timeout` as a net under all.
//! ```python
//! deadline = time.monotonic() + 30
//! while not server.ready:
//!     assert time.monotonic() < deadline, "server did not start"
//!     time.sleep(0.1)
//! ```
//!
//! ## Known false positives
//! A limit kept inside the condition's own function. Loops that count, look at a clock, raise or assert, and loops
//! under `asyncio.wait_for` or `pytest.mark.timeout`, are not reported.

use super::mend::Mend;
use super::words::{is_clock, is_sleep};
use super::{Context, Fix, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, Span, StmtKind};
use crate::python::sites::LoopSite;

pub(super) struct PollWithoutDeadline;

impl Rule for PollWithoutDeadline {
    fn code(&self) -> &'static str {
        "FD104"
    }

    fn name(&self) -> &'static str {
        "poll-without-deadline"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        let limits = |path: &str| {
            path.ends_with("timeout") || path.ends_with("gen_cluster") || path.ends_with("gen_test")
        };
        if test.decorators.iter().any(|(path, _)| limits(path)) {
            return;
        }
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            for site in at.sites.loops.iter().filter(|site| site.is_while && !site.at.in_nested) {
                let Some(sleep) = sleep_in(at, site.span) else { continue };
                if test.mocks.covers(sleep) || is_limited(test, at, site) {
                    continue;
                }
                report.add_mended(
                    at,
                    Smell {
                        span: Span { start: site.span.start, end: site.head.span.end },
                        severity: Severity::Medium,
                        confidence: 0.8,
                        message: format!(
                            "`while {}` waits with `{sleep}` and no deadline; if the condition never holds, the run hangs",
                            test.text(at, site.head)
                        ),
                        help: "give the loop a deadline on time.monotonic(), put asyncio.wait_for around it, or mark the \
                               test with pytest.mark.timeout"
                            .to_owned(),
                    },
                    |mend| limited(mend, site),
                );
            }
        }
    }
}

fn sleep_in<'v>(at: &'v Reached<'_, '_>, span: Span) -> Option<&'v str> {
    let mut calls = at.sites.calls.iter().zip(&at.paths);
    calls.find(|(site, path)| span.holds(site.expr.span) && is_sleep(path)).map(|(_, path)| &**path)
}

/// Whether something ends the loop in time: a clock, a counter, an exception, or a limit around it.
fn is_limited(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &LoopSite<'_>) -> bool {
    let text = test.analysis.view(at.function.module).module.text(site.span);
    let counted = site.head.any(&mut |part: &Expr| {
        part.as_name().is_some_and(|name| {
            ["+=", "-=", "= next("].iter().any(|sign| text.contains(&format!("{name} {sign}")))
        })
    });
    let asks = at.sites.calls.iter().zip(&at.paths).any(|(call, path)| {
        site.span.holds(call.expr.span)
            && (is_clock(path)
                || path.ends_with(".time")
                || path.contains("timeout")
                || path.contains("deadline")
                || path.contains("time_left")
                || path.contains("expired"))
    });
    let around = at.sites.enclosing_withs(site.at).any(|with| {
        let path = with.path.to_ascii_lowercase();
        path.contains("timeout")
            || path.contains("fail_after")
            || path.contains("move_on_after")
            || path.contains("time_limit")
    });
    // what is asserted of nothing that is asked anew never fails
    let asserts = at.sites.asserts.iter().any(|assert| {
        site.span.holds(assert.span) && assert.test.any(&mut |part| part.as_call().is_some())
    });
    let stops = ["raise ", "fail(", "+= ", "-= ", "timeout", "retries", "attempts"];
    let awaited_with_limit = test.calls().any(|(_, call, path)| {
        path.ends_with("wait_for") && test.text(at, call.expr).contains(&*at.function.function.name)
    });
    counted || asks || asserts || around || awaited_with_limit || stops.iter().any(|stop| text.contains(stop))
}

/// The loop fails after a minute instead of going on for ever.
fn limited(mut mend: Mend<'_>, site: &LoopSite<'_>) -> Option<Fix> {
    let stmt = mend.statement(site.head.span)?;
    let StmtKind::While { body, .. } = &stmt.kind else { return None };
    let first = body.first()?;
    let time = mend.import("time")?;
    let deadline = mend.free_name("deadline")?;
    mend.before(stmt, &[&format!("{deadline} = {time}.monotonic() + 60")])?;
    mend.before(first, &[&format!("assert {time}.monotonic() < {deadline}, \"waited for a minute\"")])?;
    mend.safe("give up after a minute")
}

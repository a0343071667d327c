//! # FD613 process-wide-count
//!
//! ## What it detects
//! An assertion that expects an exact number or list of things that belong to the whole process: its threads, its child
//! processes, its tasks, its objects.
//!
//! ## Why it makes tests unstable
//! Whatever an earlier test left behind, a plugin keeps running or is just about to end is counted too.
//!
//! ## Example
//! ```python
//! assert threading.active_count() == 1
//! ```
//!
//! ## Use instead
//! Look at what the test itself started, or wait until the number is reached.
//! ```python
//! worker.join(timeout=30)
//! assert not worker.is_alive()
//! ```
//!
//! ## Known false positives
//! A test that runs in a process of its own.

use super::assertions::comparisons;
use super::polling::{is_polled, poll_before};
use super::words::last;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::CallSite;

pub(super) struct ProcessWideCount;

impl Rule for ProcessWideCount {
    fn code(&self) -> &'static str {
        "FD613"
    }

    fn name(&self) -> &'static str {
        "process-wide-count"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            let counts: Vec<_> = at
                .sites
                .calls
                .iter()
                .zip(&at.paths)
                .filter(|(site, path)| is_process_wide(at, site, path) && !test.mocks.covers(path))
                .map(|(site, _)| site)
                .collect();
            if counts.is_empty() {
                continue;
            }
            for assert in at.sites.asserts.iter().filter(|assert| assert.at.loops == 0 && !assert.at.in_nested) {
                let found = comparisons(assert.test)
                    .into_iter()
                    .filter(|comparison| comparison.op == "==")
                    .flat_map(|comparison| [comparison.left, comparison.right])
                    .find_map(|side| counts.iter().find(|site| carries(at, side, assert.at.order, site)));
                let is_open = |site: &&&CallSite<'_>| {
                    !cleans(at, assert.at.order) && !is_polled(test, at, site.expr, assert.at.order)
                };
                let Some(site) = found.filter(is_open) else { continue };
                report.add_mended(
                    at,
                    Smell {
                        span: assert.span,
                        severity: Severity::Medium,
                        confidence: 0.7,
                        message: format!(
                            "`{}` counts for the whole process, so what another test left running is in it too",
                            test.text(at, site.expr)
                        ),
                        help: "look at the threads or processes that this test started, or poll with a deadline until \
                               the number is reached"
                            .to_owned(),
                    },
                    |mend| poll_before(mend, assert.span, test.case.is_async),
                );
            }
        }
    }
}

fn is_process_wide(at: &Reached<'_, '_>, site: &CallSite<'_>, path: &str) -> bool {
    if matches!(path, "threading.active_count" | "threading.activeCount" | "threading.enumerate") {
        return true;
    }
    if matches!(path, "multiprocessing.active_children" | "gc.get_objects" | "asyncio.all_tasks") {
        return true;
    }
    // of the process that runs the test, not of one that it started
    let is_own = || match &site.call.func.kind {
        ExprKind::Attribute { value, .. } => {
            let made = value.as_name().and_then(|name| at.sites.bound(name, site.at.order)).unwrap_or(value);
            made.as_call().is_some_and(|call| call.args.is_empty() && call.keywords.is_empty())
        }
        _ => false,
    };
    path.strip_prefix("psutil.Process().").is_some_and(|method| {
        matches!(method, "children" | "threads" | "num_threads" | "num_fds" | "num_handles" | "open_files")
    }) && is_own()
}

/// Whether an expression is the number or list itself, its length, or a name for it.
fn carries(at: &Reached<'_, '_>, expr: &Expr, order: u32, site: &CallSite<'_>) -> bool {
    if expr.span == site.expr.span {
        return true;
    }
    match &expr.kind {
        ExprKind::Name(name) => at.sites.bound(name, order).is_some_and(|value| value.span == site.expr.span),
        ExprKind::Call(call) if matches!(call.func.as_name(), Some("len" | "list" | "set")) => {
            call.args.first().is_some_and(|inner| carries(at, inner, order, site))
        }
        _ => false,
    }
}

/// Whether what others left is cleared away first.
fn cleans(at: &Reached<'_, '_>, order: u32) -> bool {
    at.sites.calls.iter().filter(|site| site.at.order < order).any(|site| {
        let name = last(&site.path).trim_start_matches([':', '~', '@', '_']);
        ["reap", "kill", "cleanup", "terminate"].iter().any(|word| name.starts_with(word))
    })
}

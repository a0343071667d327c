//! # FD205 executor-left-running
//!
//! ## What it detects
//! A thread or process pool that a test, its set-up or a helper makes and that nothing shuts down.
//!
//! ## Why it makes tests unstable
//! Jobs that still run fall into later tests, worker processes hold files and sockets, and a pool that is collected
//! while the interpreter ends can hang the whole run.
//!
//! ## Example
//! ```python
//! pool = ThreadPoolExecutor(4)
//! jobs = [pool.submit(fetch, url) for url in urls]
//! ```
//!
//! ## Use instead
//! A `with` block, which waits for the jobs at its end.
//! ```python
//! with ThreadPoolExecutor(4) as pool:
//!     jobs = [pool.submit(fetch, url) for url in urls]
//! ```
//!
//! ## Known false positives
//! A pool that its new owner closes. A pool that is handed to another object or returned is not reported.

use super::words::last;
use super::mend::in_with;
use super::{Applicability, Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::{CallSite, Use};

pub(super) struct ExecutorLeftRunning;

impl Rule for ExecutorLeftRunning {
    fn code(&self) -> &'static str {
        "FD205"
    }

    fn name(&self) -> &'static str {
        "executor-left-running"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            let Some((what, severity)) = makes_pool(path) else { continue };
            let Use::Assigned(name) = site.used else { continue };
            if at.role == Role::Teardown
                || test.mocks.covers(path)
                || is_shut_down(test)
                || is_handed_on(at, name, site)
            {
                continue;
            }
            report.add_mended(
                at,
                Smell {
                    span: site.expr.span,
                    severity: if site.at.in_nested { Severity::Low } else { severity },
                    confidence: 0.85,
                    message: format!(
                        "nothing shuts down this {what}, so its workers outlive the test and what they still do falls into later ones"
                    ),
                    help: "make it in a `with` block, or call shutdown() (close() and join() for a Pool) in a teardown"
                        .to_owned(),
                },
                |mend| in_with(mend, site, Applicability::Unsafe),
            );
        }
    }
}

fn makes_pool(path: &str) -> Option<(&'static str, Severity)> {
    Some(match path {
        "concurrent.futures.ThreadPoolExecutor"
        | "concurrent.futures.thread.ThreadPoolExecutor"
        | "multiprocessing.pool.ThreadPool"
        | "multiprocessing.dummy.Pool" => ("thread pool", Severity::Medium),
        "concurrent.futures.ProcessPoolExecutor"
        | "concurrent.futures.process.ProcessPoolExecutor"
        | "multiprocessing.Pool"
        | "multiprocessing.pool.Pool"
        | "multiprocessing.get_context().Pool" => ("process pool", Severity::High),
        _ => return None,
    })
}

/// Whether anything that runs because of the test shuts a pool down or enters one.
fn is_shut_down(test: &Context<'_, '_>) -> bool {
    let ends = |name: &str| matches!(name, "shutdown" | "terminate" | "close" | "join" | "stop");
    test.calls().any(|(_, site, path)| {
        let enters = last(path) == "enter_context" || last(path) == "closing";
        let joins_text = path.starts_with("str()") || path.starts_with("os.path");
        let handed = site
            .call
            .args
            .iter()
            .any(|argument| matches!(&argument.kind, ExprKind::Attribute { attr, .. } if ends(attr)));
        (ends(last(path)) && !joins_text) || enters || handed
    }) || test.reach.iter().any(|at| {
        at.sites.withs.iter().any(|with| {
            makes_pool(with.path.trim_end_matches("()")).is_some() && with.expr.as_name().is_some()
        })
    })
}

/// Whether the pool goes to somebody else: as an argument, a result or an attribute of an object.
fn is_handed_on(at: &Reached<'_, '_>, name: &str, site: &CallSite<'_>) -> bool {
    let is_it = |expr: &Expr| {
        expr.as_name() == Some(name)
            || matches!(&expr.kind, ExprKind::Attribute { attr, .. } if **attr == *name)
    };
    let to_call = at.sites.calls.iter().any(|call| {
        !matches!(last(&call.path), "run_in_executor" | "print" | "isinstance" | "len")
            && (call.call.args.iter().any(is_it) || call.call.keywords.iter().any(|(_, value)| is_it(value)))
    });
    let to_caller =
        at.sites.returns.iter().any(|(value, _)| value.any(&mut |part| part.as_name() == Some(name)));
    let to_object = at.sites.writes.iter().any(|write| write.value.is_some_and(is_it));
    to_call || (to_caller && !matches!(at.role, Role::Fixture(_))) || to_object || site.at.in_branch
}

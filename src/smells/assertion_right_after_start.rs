//! # FD202 assertion-right-after-start
//!
//! ## What it detects
//! An assertion that follows the start of a thread, a process or a pool's job with no join, wait or other call in
//! between that could let it finish; also one that tries a lock without blocking while nothing waits for the thread.
//!
//! ## Why it makes tests unstable
//! Nothing says whether the work has been done, half done or not begun when the assertion looks. The scheduler decides,
//! and it decides differently on a busy machine.
//!
//! ## Example
//! ```python
//! threading.Thread(target=results.append, args=(1,)).start()
//! assert results == [1]
//! ```
//!
//! ## Use instead
//! `join()` the thread, take the future's `result()`, or wait for a `threading.Event` that the work sets.
//! ```python
//! thread.start()
//! thread.join(timeout=30)
//! assert results == [1]
//! ```
//!
//! ## Known false positives
//! An assertion about something that the work does not touch. Assertions on the thread's own state (`is_alive`,
//! `name`, `daemon`) are not reported.

use super::assertions::comparisons;
use super::polling::{poll_before, polls_between};
use super::words::{expects_failure, last};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::ExprKind;
use crate::python::sites::{AssertSite, CallSite, Use};

pub(super) struct AssertionRightAfterStart;

impl Rule for AssertionRightAfterStart {
    fn code(&self) -> &'static str {
        "FD202"
    }

    fn name(&self) -> &'static str {
        "assertion-right-after-start"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            for (index, site) in at.sites.calls.iter().enumerate() {
                let path = &*at.paths[index];
                let Some(what) = starts(path) else { continue };
                if site.at.in_nested || test.mocks.covers(path) || expects_failure(at, site.at) {
                    continue;
                }
                let next =
                    at.sites.asserts.iter().find(|assert| assert.at.order > site.at.order && looks(assert));
                let Some(assert) =
                    next.filter(|assert| !assert.at.in_nested && !assert.at.in_except && assert.at.loops == site.at.loops)
                else {
                    continue;
                };
                if tries_at_once(assert) && !waits_between(at, site, assert) {
                    report.add(
                        at,
                        Smell {
                            span: assert.span,
                            severity: Severity::Medium,
                            confidence: 0.75,
                            message: format!(
                                "this assertion tries without waiting, and nothing after `{}` waits until the {what} holds what \
                                 it tries for",
                                test.text(at, site.expr)
                            ),
                            help: "let the thread set a threading.Event once it has what it needs, and wait for that first"
                                .to_owned(),
                        },
                    );
                    continue;
                }
                if lets_it_run(at, site, assert)
                    || gives_something(at, assert)
                    || waits_itself(assert)
                    || is_about_itself(assert)
                    || is_about_parameter(at, assert)
                    || leaves_its_block(at, site, assert)
                    || polls_between(at, site.at.order, assert.at.order)
                {
                    continue;
                }
                report.add_mended(
                    at,
                    Smell {
                        span: assert.span,
                        severity: Severity::Critical,
                        confidence: 0.85,
                        message: format!(
                            "this assertion looks right after `{}` and waits for nothing, so the {what} may not have done its work",
                            test.text(at, site.expr)
                        ),
                        help: "join() the thread, take the future's result(), or wait for a threading.Event with a timeout first"
                            .to_owned(),
                    },
                    |mend| poll_before(mend, assert.span, test.case.is_async),
                );
            }
        }
    }
}

fn starts(path: &str) -> Option<&'static str> {
    match path {
        "threading.Thread().start" | "_thread.start_new_thread" => Some("thread"),
        "multiprocessing.Process().start" | "subprocess.Popen" => Some("process"),
        _ if last(path) == "submit" && path.contains("PoolExecutor()") => Some("job"),
        _ if matches!(last(path), "apply_async" | "map_async") && path.contains("Pool()") => Some("job"),
        _ => None,
    }
}

/// `request = server.assert_request(…)`: what gives something may wait for it.
fn gives_something(at: &Reached<'_, '_>, assert: &AssertSite<'_>) -> bool {
    at.sites.calls.iter().any(|site| std::ptr::eq(site.expr, assert.test) && matches!(site.used, Use::Assigned(_)))
}

/// Whether a call between start and assertion, or in the assertion itself, could wait.
fn lets_it_run(at: &Reached<'_, '_>, start: &CallSite<'_>, assert: &AssertSite<'_>) -> bool {
    let between = |order: u32| start.at.order < order && order < assert.at.order;
    let inside = |site: &CallSite<'_>| {
        assert.span.start <= site.expr.span.start
            && site.expr.span.end <= assert.span.end
            && !last(&site.path).starts_with("assert")
    };
    at.sites.calls.iter().zip(&at.paths).any(|(site, path)| {
        (between(site.at.order) || inside(site)) && !site.at.in_nested && !returns_at_once(path)
    }) || at.sites.loops.iter().any(|site| between(site.at.order))
}

/// `assert not lock.acquire(blocking=False)`
fn tries_at_once(assert: &AssertSite<'_>) -> bool {
    assert.test.any(&mut |part| {
        part.as_call().is_some_and(|call| {
            let no = |value: &crate::python::ast::Expr| matches!(value.kind, ExprKind::Bool(false));
            matches!(&call.func.kind, ExprKind::Attribute { attr, .. } if &**attr == "acquire")
                && (call.args.first().is_some_and(no) || call.keyword("blocking").is_some_and(no))
        })
    })
}

fn waits_between(at: &Reached<'_, '_>, start: &CallSite<'_>, assert: &AssertSite<'_>) -> bool {
    at.sites.calls.iter().any(|site| {
        start.at.order < site.at.order
            && site.at.order < assert.at.order
            && !site.at.in_nested
            && (last(&site.path).contains("wait")
                || matches!(last(&site.path), "join" | "sleep" | "get" | "result" | "recv" | "set"))
    })
}

/// Calls that wait for nothing.
fn returns_at_once(path: &str) -> bool {
    matches!(
        path,
        "print"
            | "len"
            | "range"
            | "list"
            | "set"
            | "dict"
            | "tuple"
            | "sorted"
            | "isinstance"
            | "str"
            | "int"
            | "threading.Thread"
            | "threading.Event"
            | "threading.Lock"
            | "os.path.exists"
            | "os.path.isfile"
    ) || last(path) == "start"
        || path.starts_with("str()")
        || path.starts_with("logging.")
}

/// Whether an assertion looks at something, as `assertRaises` and its kin do not.
fn looks(assert: &AssertSite<'_>) -> bool {
    let name = assert.test.as_call().map(|call| &call.func.kind);
    !matches!(name, Some(ExprKind::Attribute { attr, .. })
        if attr.contains("Raises") || attr.contains("Warns") || attr.contains("Logs") || &**attr == "fail")
}

/// `self.assertEventuallyEqual(…)`, `wait_until(…, timeout=5)`
fn waits_itself(assert: &AssertSite<'_>) -> bool {
    assert.test.as_call().is_some_and(|call| {
        let name = call.func.dotted().and_then(|parts| parts.last().map(|name| name.to_ascii_lowercase()));
        call.keyword("timeout").is_some()
            || name.is_some_and(|name| ["eventually", "wait", "within", "poll"].iter().any(|word| name.contains(word)))
    })
}

/// An assertion on the thread, process or future and not on what it does.
fn is_about_itself(assert: &AssertSite<'_>) -> bool {
    const OWN: [&str; 17] = [
        "is_alive",
        "name",
        "daemon",
        "ident",
        "pid",
        "poll",
        "returncode",
        "done",
        "running",
        "cancelled",
        "_state",
        "native_id",
        "args",
        "started",
        "stdin",
        "stdout",
        "stderr",
    ];
    let is_narrowing = matches!(&assert.test.kind, ExprKind::Compare { left, rest }
        if left.as_name().is_some() && rest.iter().any(|(op, value)| &**op == "is not" && matches!(value.kind, ExprKind::None)));
    is_narrowing || assert
        .test
        .any(&mut |part| matches!(&part.kind, ExprKind::Attribute { attr, .. } if OWN.contains(&&**attr)))
}

/// `assert method == "update"`, of a parameter of the test: no work changes it.
fn is_about_parameter(at: &Reached<'_, '_>, assert: &AssertSite<'_>) -> bool {
    comparisons(assert.test).iter().any(|compared| {
        let given = |name: &str| at.function.function.params.iter().any(|param| *param.name == *name);
        compared.left.as_name().is_some_and(given)
            && matches!(compared.right.kind, ExprKind::Str { .. } | ExprKind::Number { .. })
    })
}

/// Whether a `with` that ends between start and assertion waits for the work.
fn leaves_its_block(at: &Reached<'_, '_>, start: &CallSite<'_>, assert: &AssertSite<'_>) -> bool {
    let depth = |site: crate::python::sites::At| at.sites.enclosing_withs(site).count();
    depth(start.at) > depth(assert.at)
}

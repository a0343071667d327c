//! # FD203 unguarded-shared-write
//!
//! ## What it detects
//! A function, or an object with `__call__`, that a test runs in several threads at once and that reads, changes and writes back a shared value
//! (`total += 1`, `counts[key] = counts[key] + 1`) without a lock.
//!
//! ## Why it makes tests unstable
//! Between reading and writing another thread can write, and its change is lost. The sum is right most of the time.
//!
//! ## Example
//! ```python
//! def work():
//!     nonlocal hits
//!     hits += 1
//!
//! threads = [threading.Thread(target=work) for _ in range(10)]
//! ```
//!
//! ## Use instead
//! A lock around the change, one result for each thread, or a `queue.Queue`; `list.append` and `next(itertools.count())`
//! are safe in CPython.
//! ```python
//! with lock:
//!     hits += 1
//! ```
//!
//! ## Known false positives
//! Threads that something else keeps from running at once. Changes inside any `with` block are not reported.

use super::mend::{Mend, innermost};
use super::words::last;
use super::{Context, Fix, Reached, Report, Rule, Severity, Smell};
use crate::python::any_expression;
use crate::python::ast::*;
use crate::python::for_each_statement;
use crate::python::sites::{CallSite, WriteKind, WriteSite};
use crate::words::is_word_in;

pub(super) struct UnguardedSharedWrite;

impl Rule for UnguardedSharedWrite {
    fn code(&self) -> &'static str {
        "FD203"
    }

    fn name(&self) -> &'static str {
        "unguarded-shared-write"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in &test.reach {
            for (name, call) in workers(at) {
                let Some(worker) = nested(&at.function.function.body, name) else { continue };
                for write in at.sites.writes.iter().filter(|write| is_unguarded(test, at, worker, write)) {
                    if is_only_asked_for(test, at, write) {
                        continue;
                    }
                    add(report, test, at, (write, Severity::High), call, name, |mend| {
                        let lock = mend.free_name("lock")?;
                        in_lock(mend, &worker.body, write, &lock, |mend, made| mend.at_start(made))
                    });
                }
            }
        }
        let at = test.test();
        for (class, call) in counting_objects(test, at) {
            let view = test.analysis.view(at.function.module);
            let called = view.members(class).and_then(|members| members.methods.get("__call__"));
            for write in called.and_then(|method| view.sites(method)).into_iter().flat_map(|sites| &sites.writes) {
                if write.kind == WriteKind::Augmented && write.at.with.is_none() && write.path.starts_with("self.") {
                    let methods = view.members(class).map(|members| &members.methods);
                    add(report, test, at, (write, Severity::Medium), call, &class.name, |mend| {
                        let body = &called?.body;
                        let first = methods?.get("__init__")?.body.first()?;
                        let is_free = !is_word_in("lock", view.module.text(class.span));
                        in_lock(mend, body, write, "self.lock", |mend, made| mend.before(first, &[made]))
                            .filter(|_| is_free)
                    });
                }
            }
        }
    }
}

/// `assert not failures[0]`: a count that lost some is still not zero.
fn is_only_asked_for(test: &Context<'_, '_>, at: &Reached<'_, '_>, write: &WriteSite<'_>) -> bool {
    let target = test.text(at, write.target);
    let mut seen = at.sites.asserts.iter().filter(|assert| test.text(at, assert.test).contains(target)).peekable();
    seen.peek().is_some()
        && seen.all(|assert| {
            let text = test.text(at, assert.test);
            text == target || text.strip_prefix("not ") == Some(target)
        })
}

fn add(
    report: &mut Report<'_>,
    test: &Context<'_, '_>,
    at: &Reached<'_, '_>,
    (write, severity): (&WriteSite<'_>, Severity),
    call: &CallSite<'_>,
    name: &str,
    mend: impl FnOnce(Mend<'_>) -> Option<Fix>,
) {
    report.add_mended(
        at,
        Smell {
            span: write.span,
            severity,
            confidence: 0.85,
            message: format!(
                "`{}` is read and written back by several threads at once (`{}` runs `{name}` in each) and nothing \
                 guards it, so changes get lost",
                test.text(at, write.target),
                test.text(at, &call.call.func)
            ),
            help: "put a threading.Lock around it, give each thread its own result, or collect through a queue.Queue"
                .to_owned(),
        },
        mend,
    );
}

/// The write, a line of `body`, under a lock that `make` makes.
fn in_lock<'r>(
    mut mend: Mend<'r>,
    body: &[Stmt],
    write: &WriteSite<'_>,
    lock: &str,
    make: impl FnOnce(&mut Mend<'r>, &str) -> Option<()>,
) -> Option<Fix> {
    let threading = mend.import("threading")?;
    make(&mut mend, &format!("{lock} = {threading}.Lock()"))?;
    mend.under(innermost(body, write.span)?, &format!("with {lock}:"))?;
    mend.risky("let one thread at a time read and write it")
}

/// The classes of this module whose objects are handed to a call with several jobs (`n_jobs=4`).
fn counting_objects<'a, 'v>(
    test: &Context<'a, 'v>,
    at: &Reached<'a, 'v>,
) -> Vec<(&'a Class, &'v CallSite<'a>)> {
    let classes = &test.analysis.view(at.function.module).classes;
    let sites: &'v crate::python::sites::Sites<'a> = at.sites;
    let mut out = vec![];
    for site in &sites.calls {
        let jobs = ["n_jobs", "num_workers", "max_workers"].iter().find_map(|name| site.call.keyword(name));
        if jobs.is_none_or(|jobs| jobs.is_true() || matches!(jobs.kind, ExprKind::None)) {
            continue;
        }
        for name in site.call.args.iter().filter_map(|argument| argument.as_name()) {
            let made = sites.bound(name, site.at.order).and_then(|value| value.as_call()?.func.as_name());
            if let Some(class) = made.and_then(|made| classes.get(made)) {
                out.push((*class, site));
            }
        }
    }
    out
}

/// The functions, by name, that run in more than one thread, with the call that hands them over.
pub(super) fn workers<'a, 'v>(at: &Reached<'a, 'v>) -> Vec<(&'a str, &'v CallSite<'a>)> {
    let mut found: Vec<(&'a str, &'v CallSite<'a>)> = vec![];
    let mut out: Vec<(&'a str, &'v CallSite<'a>)> = vec![];
    for (site, path) in at.sites.calls.iter().zip(&at.paths) {
        let is_pool = || path.contains("PoolExecutor()") || path.contains("ThreadPool()");
        let (target, many) = match last(path) {
            "Thread" if path.starts_with("threading.") => (site.call.keyword("target"), false),
            "submit" if is_pool() => (site.call.args.first(), false),
            "map" | "imap" | "imap_unordered" | "starmap" if is_pool() => (site.call.args.first(), true),
            "to_thread" if path.starts_with("asyncio.") => (site.call.args.first(), false),
            // a task that hands it over is itself started again and again
            "run_sync" if path.contains("to_thread") => (site.call.args.first(), site.at.in_nested),
            "map_blocks" | "map_partitions" | "map_overlap" | "blockwise" if path.starts_with("dask.") => {
                (site.call.args.first(), true)
            }
            _ => continue,
        };
        let Some(name) = target.and_then(|target| target.as_name()) else { continue };
        let again = found.iter().any(|(known, _)| *known == name);
        if (many || again || site.at.loops > 0) && !out.iter().any(|(known, _)| *known == name) {
            out.push((name, site));
        }
        found.push((name, site));
    }
    out
}

/// The function of this name that is defined within a body.
pub(super) fn nested<'a>(body: &'a [Stmt], name: &str) -> Option<&'a Function> {
    let mut found = None;
    for_each_statement(body, &mut |stmt| {
        if let StmtKind::Function(function) = &stmt.kind
            && *function.name == *name
        {
            found = Some(&**function);
        }
    });
    found
}

fn is_unguarded(
    test: &Context<'_, '_>,
    at: &Reached<'_, '_>,
    worker: &Function,
    write: &WriteSite<'_>,
) -> bool {
    if !worker.span.holds(write.span) || at.sites.enclosing_withs(write.at).count() > outer_withs(at, worker) {
        return false;
    }
    let target = test.text(at, write.target);
    let reads_back = match write.kind {
        WriteKind::Augmented => true,
        WriteKind::Assign => write.value.is_some_and(|value| {
            matches!(value.kind, ExprKind::Binary { .. })
                && value.any(&mut |part| part.span != write.target.span && test.text(at, part) == target)
        }),
        _ => false,
    };
    // what belongs to the thread alone is no concern
    let root = root_name(write.target);
    let is_given = |name: &str| worker.params.iter().any(|param| *param.name == *name);
    let of_thread = |name: &str| {
        let bound = at.sites.bindings.iter().find(|bound| bound.name == name).and_then(|bound| bound.value);
        bound.is_some_and(|made| test.text(at, made).contains("local()"))
    };
    let own = root.is_some_and(is_given) || root.is_some_and(of_thread) || has_own_place(write.target, &is_given) || binds(worker, root, write);
    let locks = any_expression(
        &worker.body,
        &mut |expr| matches!(&expr.kind, ExprKind::Attribute { attr, .. } if &**attr == "acquire"),
    );
    reads_back && !own && !locks
}

/// `counts[number] += 1`, where each thread is given a number.
fn has_own_place(target: &Expr, is_given: &dyn Fn(&str) -> bool) -> bool {
    matches!(&target.kind, ExprKind::Subscript { index, .. } if index.iter().all(|part| part.as_name().is_some_and(is_given)))
}

fn outer_withs(at: &Reached<'_, '_>, worker: &Function) -> usize {
    let first = at.sites.writes.iter().find(|write| worker.span.holds(write.span));
    first.map_or(0, |write| at.sites.enclosing_withs(write.at).filter(|with| !worker.span.holds(with.expr.span)).count())
}

fn root_name(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::Attribute { value, .. } | ExprKind::Subscript { value, .. } => root_name(value),
        _ => None,
    }
}

/// Whether the worker itself makes the object whose part it changes.
fn binds(worker: &Function, root: Option<&str>, write: &WriteSite<'_>) -> bool {
    if write.target.as_name().is_some() {
        return false;
    }
    let mut bound = false;
    for_each_statement(&worker.body, &mut |stmt| match &stmt.kind {
        StmtKind::Assign { targets, .. } => bound |= targets.iter().any(|target| target.as_name() == root),
        StmtKind::For { target, .. } => bound |= target.as_name() == root,
        _ => {}
    });
    bound && root.is_some()
}

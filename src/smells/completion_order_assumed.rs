//! # FD204 completion-order-assumed
//!
//! ## What it detects
//! Results gathered in the order in which parallel work ends (`as_completed`, `imap_unordered`, `append` from several
//! threads, tasks, workers or callbacks that arrive beside the test) and compared with a list in a fixed order.
//!
//! ## Why it makes tests unstable
//! Which job ends first is decided by the scheduler. The order is the expected one nearly always on an idle machine.
//!
//! ## Example
//! ```python
//! results = [job.result() for job in as_completed(jobs)]
//! assert results == [1, 2, 3]
//! ```
//!
//! ## Use instead
//! Compare without order (`sorted`, `collections.Counter`, `set`), or gather in the order of submission
//! (`executor.map`, `asyncio.gather`, `[job.result() for job in jobs]`).
//! ```python
//! assert sorted(results) == [1, 2, 3]
//! ```
//!
//! ## Known false positives
//! Work that is serialized by something else, such as a pool with one worker.

use super::callbacks::filled;
use super::comparison::{Operator, comparisons};
use super::unguarded_shared_write::{nested, workers};
use super::words::{last, receiver};
use super::{Context, Reached, Report, Rule, Severity, Smell};
use crate::python::ast::*;
use crate::python::sites::{CallSite, WriteKind};

pub(super) struct CompletionOrderAssumed;

impl Rule for CompletionOrderAssumed {
    fn code(&self) -> &'static str {
        "FD204"
    }

    fn name(&self) -> &'static str {
        "completion-order-assumed"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in &test.reach {
            let threads = workers(at);
            let streams: Vec<_> = at
                .sites
                .calls
                .iter()
                .zip(&at.paths)
                .filter(|(_, path)| is_by_completion(path))
                .map(|(site, _)| site)
                .collect();
            let appends = at.sites.writes.iter().any(|write| write.at.in_nested && write.method == Some("append"));
            if (threads.is_empty() && streams.is_empty() && !appends) || has_one_worker(at) {
                continue;
            }
            for assert in &at.sites.asserts {
                for pair in comparisons(assert).into_iter().filter(|pair| pair.operator == Operator::Equal) {
                    for (side, other) in [(pair.left, pair.right), (pair.right, pair.left)] {
                        let is_fixed = || {
                            fixes_an_order(test, at, other)
                                && !is_seen_growing(test, at, (side, other), assert.at.order)
                        };
                        let by = gathered(test, at, &streams, &threads, side, assert.at.order);
                        if let Some(by) = by.filter(|_| is_fixed()) {
                            add(report, test, at, assert.span, (side, other), (&by, Severity::High, 0.85));
                        } else if appends
                            && let Some(filled) = filled(at, side, assert.at.order)
                            && (is_fixed()
                                || (filled.takes_any && other.as_name().is_some()))
                        {
                            add(report, test, at, assert.span, (side, other), (&filled.by, Severity::Medium, 0.65));
                        }
                    }
                }
            }
        }
    }
}

fn add<'a>(
    report: &mut Report<'_>,
    test: &Context<'a, '_>,
    at: &Reached<'a, '_>,
    span: Span,
    (side, other): (&'a Expr, &'a Expr),
    (by, severity, confidence): (&str, Severity, f32),
) {
    report.add_mended(
        at,
        Smell {
            span,
            severity,
            confidence,
            message: format!(
                "`{}` holds results in the order in which {by} ended, which the scheduler decides, yet is compared in a \
                 fixed order",
                test.text(at, side)
            ),
            help: "compare sorted(…) or collections.Counter(…), or gather in the order of submission with executor.map \
                   or asyncio.gather"
                .to_owned(),
        },
        |mut mend| {
            // what can be sorted: texts, or numbers
            let ExprKind::List(parts) = &other.kind else { return None };
            let is_plain = parts.iter().all(|part| part.as_str().is_some()) || parts.iter().all(|part| part.as_number().is_some());
            // where the order is what the test is about, it has to be made certain
            let name = &test.case.function.function.name;
            let is_about_order = ["priorit", "order", "delay", "fifo", "lifo", "sequence"].iter().any(|word| name.contains(word));
            // of some of the results it is not certain which they are
            let is_part = matches!(resolved(at, side).kind, ExprKind::Subscript { .. });
            if !is_plain || is_about_order || is_part {
                return None;
            }
            mend.sort([side, other])?;
            mend.risky("compare the results in sorted order")
        },
    );
}

/// What a name was last bound to.
fn resolved<'a>(at: &Reached<'a, '_>, side: &'a Expr) -> &'a Expr {
    side.as_name().and_then(|name| at.sites.value_of(name, u32::MAX)).unwrap_or(side)
}

fn is_by_completion(path: &str) -> bool {
    matches!(path, "concurrent.futures.as_completed" | "asyncio.as_completed")
        || last(path) == "imap_unordered"
}

fn has_one_worker(at: &Reached<'_, '_>) -> bool {
    at.sites.calls.iter().zip(&at.paths).any(|(site, path)| {
        let pool = path.ends_with("PoolExecutor") || path.ends_with("Pool");
        let one = |workers: Option<&Expr>| workers.is_some_and(Expr::is_true);
        (pool && one(site.call.argument(0, "max_workers")))
            || ["worker_threads", "num_workers", "n_workers", "n_jobs", "concurrency", "threads"]
                .iter()
                .any(|name| one(site.call.keyword(name)))
    })
}

/// Whose completion orders the list that `expr` is, if any.
fn gathered<'a>(
    test: &Context<'a, '_>,
    at: &Reached<'a, '_>,
    streams: &[&CallSite<'a>],
    threads: &[(&'a str, &CallSite<'a>)],
    expr: &'a Expr,
    order: u32,
) -> Option<String> {
    match &expr.kind {
        ExprKind::Comprehension(inner) if inner.kind == Collection::List => {
            inner.clauses.iter().find_map(|(_, iter)| {
                let stream = streams.iter().find(|site| iter.span.holds(site.expr.span))?;
                Some(format!("the jobs of `{}`", test.text(at, &stream.call.func)))
            })
        }
        ExprKind::Call(call) if matches!(call.func.as_name(), Some("list" | "tuple")) => {
            let stream =
                streams.iter().find(|site| call.args.iter().any(|arg| arg.span == site.expr.span))?;
            Some(format!("the jobs of `{}`", test.text(at, &stream.call.func)))
        }
        ExprKind::Name(name) => {
            let name = &**name;
            let sorts = at.sites.calls.iter().any(|site| {
                matches!(&site.call.func.kind, ExprKind::Attribute { value, attr }
                    if &**attr == "sort" && value.as_name() == Some(name))
            });
            let value = at.sites.value_of(name, order)?;
            if sorts
                || !matches!(value.kind, ExprKind::List(_) | ExprKind::Comprehension(_) | ExprKind::Call(_))
            {
                return None;
            }
            let appends: Vec<_> = at
                .sites
                .writes
                .iter()
                .filter(|write| write.kind == WriteKind::Method && write.target.as_name() == Some(name))
                .collect();
            let by_loop = at.sites.loops.iter().find(|site| {
                streams.iter().any(|stream| site.head.span.holds(stream.expr.span))
                    && appends.iter().any(|write| site.span.holds(write.span))
            });
            if let Some(site) = by_loop {
                return Some(format!("the jobs of `{}`", test.text(at, site.head)));
            }
            let by_thread = threads.iter().find(|(worker, start)| {
                nested(&at.function.function.body, worker)
                    .is_some_and(|worker| appends.iter().any(|write| worker.span.holds(write.span)))
                    && !joins_each(at, start)
            });
            if let Some((worker, _)) = by_thread {
                return Some(format!("the threads of `{worker}`"));
            }
            if matches!(value.kind, ExprKind::List(_)) {
                return None;
            }
            gathered(test, at, streams, threads, value, order)
        }
        _ => None,
    }
}

/// Whether each thread is joined before the next one starts: in the loop that makes it, or in one that starts it.
fn joins_each(at: &Reached<'_, '_>, made: &CallSite<'_>) -> bool {
    at.sites.loops.iter().any(|site| {
        let within = |name: &str| {
            at.sites.calls.iter().find(|call| last(&call.path) == name && site.span.holds(call.expr.span))
        };
        let Some(join) = within("join") else { return false };
        let starts_it = within("start").is_some_and(|start| match (receiver(start), receiver(join)) {
            (Some(started), Some(joined)) => started == joined && start.at.order < join.at.order,
            _ => false,
        });
        starts_it || site.span.holds(made.expr.span)
    })
}

/// `assert seen == ["a"]`, and later `assert seen == ["a", "b"]`: one more has no order.
fn is_seen_growing(
    test: &Context<'_, '_>,
    at: &Reached<'_, '_>,
    (side, other): (&Expr, &Expr),
    order: u32,
) -> bool {
    let ExprKind::List(parts) = &other.kind else { return false };
    let is_same = |one: &Expr, two: &Expr| test.text(at, one) == test.text(at, two);
    let before = at.sites.asserts.iter().filter(|assert| assert.at.order < order).flat_map(comparisons);
    before.filter(|pair| pair.operator == Operator::Equal && is_same(pair.left, side)).any(|pair| {
        let ExprKind::List(seen) = &pair.right.kind else { return false };
        !seen.is_empty()
            && parts.len() == seen.len() + 1
            && seen.iter().zip(parts).all(|(one, two)| is_same(one, two))
    })
}

/// Whether the other side prescribes an order: a list with parts that differ.
fn fixes_an_order(test: &Context<'_, '_>, at: &Reached<'_, '_>, other: &Expr) -> bool {
    match &other.kind {
        ExprKind::List(parts) | ExprKind::Tuple(parts) => {
            parts.windows(2).any(|pair| test.text(at, &pair[0]) != test.text(at, &pair[1]))
        }
        ExprKind::Comprehension(inner) => inner.kind == Collection::List,
        ExprKind::Call(call) => match call.func.as_name() {
            Some("list" | "tuple") => call.args.first().is_some_and(|arg| {
                arg.as_call().is_some_and(|inner| matches!(inner.func.as_name(), Some("range")))
            }),
            _ => false,
        },
        _ => false,
    }
}

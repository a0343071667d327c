//! Lists that functions defined in a test fill while something else runs them: tasks, workers, threads of a library.
//! Knows no finding; says what decides the order.

use super::Reached;
use super::unguarded_shared_write::nested;
use super::words::{is_spawn, last};
use crate::python::ast::*;
use crate::python::for_each_statement;
use crate::python::sites::{CallSite, WriteKind};

/// A list that is filled beside the test, and by what.
pub(super) struct Filled {
    pub(super) by: String,
    /// Whether also an order that is not written out may be a fixed one.
    pub(super) takes_any: bool,
}

/// Who fills the list that `expr` is at `order`, if functions of the test's own do so that run beside each other.
pub(super) fn filled<'a>(at: &Reached<'a, '_>, expr: &'a Expr, order: u32) -> Option<Filled> {
    let (name, is_part) = list(at, expr, order, 0)?;
    let mut fillers: Vec<&Function> = vec![];
    for_each_statement(&at.function.function.body, &mut |stmt| {
        if let StmtKind::Function(function) = &stmt.kind {
            fillers.push(function);
        }
    });
    fillers.retain(|filler| {
        at.sites.writes.iter().any(|write| {
            write.kind == WriteKind::Method
                && write.method == Some("append")
                && write.target.as_name() == Some(name)
                && filler.span.holds(write.span)
        })
    });
    if fillers.is_empty() {
        return None;
    }
    let by = |by: String| Some(Filled { by, takes_any: false });
    if let Some(jobs) = at.sites.calls.iter().find(|site| has_several_jobs(site)) {
        return by(format!("the jobs of `{}`", last(&jobs.path)));
    }
    if is_part {
        return None;
    }
    fillers.iter().find_map(|filler| {
        let name = &*filler.name;
        if runs_as_tasks(at, name) {
            return by(format!("the tasks of `{name}`"));
        }
        let top = || at.sites.calls.iter().filter(|site| !site.at.in_nested);
        let is_called = top().any(|site| site.call.func.as_name() == Some(name));
        let handed = at.sites.calls.iter().find(|site| hands_on(site, name) && is_callback(&site.path));
        let waits = || top().any(|site| waits_for_others(site));
        if let Some(handed) = handed.filter(|_| !is_called) {
            if waits() {
                return by(format!("the callbacks of `{}`", last(&handed.path)));
            }
            if at.function.function.is_async && last(&handed.path) == "connect" {
                return Some(Filled {
                    by: "the asynchronous senders of the signal".to_owned(),
                    takes_any: true,
                });
            }
        }
        // a worker takes what a decorator registered
        let is_registered =
            !filler.decorators.is_empty() && top().any(|site| joins_worker(site) || waits_for_others(site));
        (is_registered && !is_called).then(|| by(format!("the workers that run `{name}`")))?
    })
}

/// The list behind an expression, by its name, and whether the expression is only a part of it.
fn list<'a>(at: &Reached<'a, '_>, expr: &'a Expr, order: u32, depth: u8) -> Option<(&'a str, bool)> {
    if depth > 3 {
        return None;
    }
    match &expr.kind {
        ExprKind::Name(name) => {
            let is_sorted = at.sites.writes.iter().any(|write| {
                write.method == Some("sort") && write.target.as_name() == Some(name) && write.at.order < order
            });
            let value = at.sites.value_of(name, order).filter(|_| !is_sorted)?;
            match &value.kind {
                ExprKind::List(_) => Some((name, false)),
                ExprKind::Call(call) => match &call.func.kind {
                    ExprKind::Attribute { attr, .. } if &**attr == "list" => Some((name, false)),
                    _ => list(at, value, order, depth + 1),
                },
                _ => list(at, value, order, depth + 1),
            }
        }
        ExprKind::Subscript { value, index } => {
            // a slice is no single index
            let is_single =
                index.first().is_none_or(|index| index.as_number().is_some() || index.as_str().is_some());
            if is_single { None } else { list(at, value, order, depth + 1).map(|(name, _)| (name, true)) }
        }
        ExprKind::Call(call) if call.func.as_name() == Some("list") => {
            list(at, call.args.first()?, order, depth + 1)
        }
        _ => None,
    }
}

/// `n_jobs=2`
fn has_several_jobs(site: &CallSite<'_>) -> bool {
    site.call.keyword("n_jobs").and_then(Expr::as_number).is_some_and(|jobs| !(0.0..=1.0).contains(&jobs))
}

/// Whether a function is started as a task more than once.
fn runs_as_tasks(at: &Reached<'_, '_>, name: &str) -> bool {
    let mut starts = 0;
    for site in at.sites.calls.iter().filter(|site| is_spawn(&site.path)) {
        for argument in &site.call.args {
            let is_it = |part: &Expr| {
                part.as_name() == Some(name)
                    || part.as_call().is_some_and(|call| call.func.as_name() == Some(name))
            };
            if is_it(argument) {
                starts += if site.at.loops > 0 { 2 } else { 1 };
            } else if let ExprKind::Starred(inner) = &argument.kind
                && inner.any(&mut |part| is_it(part))
            {
                starts += 2;
            }
        }
    }
    // tasks that sleep for different times mean to end one after the other
    let paces = nested(&at.function.function.body, name).is_some_and(|worker| {
        at.sites.calls.iter().any(|site| {
            worker.span.holds(site.expr.span)
                && matches!(last(&site.path), "sleep" | "wait" | "acquire" | "get" | "receive" | "checkpoint")
        }) || at.sites.withs.iter().any(|with| worker.span.holds(with.expr.span) && is_lock(&with.path))
    });
    starts > 1 && !paces
}

fn is_lock(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    ["lock", "limiter", "semaphore", "condition"].iter().any(|word| path.contains(word))
}

fn hands_on(site: &CallSite<'_>, name: &str) -> bool {
    let is_it = |argument: &Expr| argument.as_name() == Some(name);
    site.call.args.iter().any(is_it) || site.call.keywords.iter().any(|(_, value)| is_it(value))
}

/// Calls that keep a function, to call it later.
fn is_callback(path: &str) -> bool {
    let name = last(path);
    matches!(name, "connect" | "subscribe" | "on" | "register" | "listen")
        || ["listener", "callback", "handler", "observer", "hook"].iter().any(|word| name.ends_with(word))
}

/// A wait for something that another thread does: `event.wait(5)`.
fn waits_for_others(site: &CallSite<'_>) -> bool {
    !site.awaited
        && last(&site.path) == "wait"
        && !site.path.contains("Popen")
        && !site.path.starts_with("asyncio.")
}

fn joins_worker(site: &CallSite<'_>) -> bool {
    let is_text = site.path.starts_with("str()") || site.path.contains("path.");
    last(&site.path) == "join" && !site.awaited && !is_text && site.call.func.as_name().is_none()
}

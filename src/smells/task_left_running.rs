//! # FD103 task-left-running
//!
//! ## What it detects
//! `asyncio.create_task`, `ensure_future` or `loop.create_task` in a test, its set-up or a helper, whose task is
//! neither awaited nor cancelled nor handed to anything that does so.
//!
//! ## Why it makes tests unstable
//! The task runs at its own pace beside the assertions, its exception is lost, and what is left of it runs on into
//! the closing of the loop: the result depends on how far it happened to get. The loop holds tasks weakly, so a task
//! without a reference can even vanish.
//!
//! ## Example
//! ```python
//! asyncio.create_task(consumer(queue))
//! await queue.put("x")
//! assert seen == ["x"]
//! ```
//!
//! ## Use instead
//! Keep the task and await it, or run it in an `asyncio.TaskGroup`; cancel and await one that would run for ever.
//! ```python
//! async with asyncio.TaskGroup() as group:
//!     group.create_task(consumer(queue))
//!     await queue.put("x")
//! assert seen == ["x"]
//! ```
//!
//! ## Known false positives
//! A task that another object finds by `asyncio.all_tasks()` and awaits.

use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::any_expression;
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::{CallSite, Use};

pub(super) struct TaskLeftRunning;

impl Rule for TaskLeftRunning {
    fn code(&self) -> &'static str {
        "FD103"
    }

    fn name(&self) -> &'static str {
        "task-left-running"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            if !starts_task(path) || at.role == Role::Teardown || test.mocks.covers(path) {
                continue;
            }
            let lost = match site.used {
                Use::Dropped => !site.awaited,
                Use::Assigned(name) => is_local(at, site, name) && !is_used(at, name),
                _ => false,
            };
            if !lost || collects_all_tasks(test) || hands_over(site) {
                continue;
            }
            // the test goes on when what called back has seen the task's work
            let in_callback = site.at.in_nested && at.role == Role::Test;
            let (severity, confidence) =
                if in_callback { (Severity::Low, 0.5) } else { (Severity::Medium, 0.85) };
            report.add(
                at,
                Smell {
                    span: site.expr.span,
                    severity,
                    confidence,
                    message: format!(
                        "the task of `{}` is neither awaited nor cancelled, so how far it has run when the test goes on is chance",
                        test.text(at, &site.call.func)
                    ),
                    help: "keep the task and await it, use asyncio.TaskGroup, or cancel and await it at the end".to_owned(),
                },
            );
        }
    }
}

/// `create_task(queue.put(1))`: whoever takes from the queue waits for it.
fn hands_over(site: &CallSite<'_>) -> bool {
    let work = site.call.args.first().and_then(Expr::as_call);
    work.is_some_and(|call| matches!(&call.func.kind, ExprKind::Attribute { attr, .. } if attr == "put"))
}

fn starts_task(path: &str) -> bool {
    matches!(
        path,
        "asyncio.create_task"
            | "asyncio.ensure_future"
            | "asyncio.get_event_loop().create_task"
            | "asyncio.get_running_loop().create_task"
            | "asyncio.new_event_loop().create_task"
            | "@event_loop.create_task"
            | "@loop.create_task"
    )
}

/// Whether the value goes to a plain local and not to an attribute.
fn is_local(at: &Reached<'_, '_>, site: &CallSite<'_>, name: &str) -> bool {
    at.sites.bindings.iter().any(|binding| {
        binding.name == name
            && binding.value.is_some_and(|value| value.span.holds(site.expr.span))
    })
}

/// Whether the name is read for more than a look at the task's state.
fn is_used(at: &Reached<'_, '_>, name: &str) -> bool {
    let mut reads = 0;
    let mut looks = 0;
    any_expression(&at.function.function.body, &mut |expr| {
        match &expr.kind {
            ExprKind::Name(known) if **known == *name => reads += 1,
            ExprKind::Call(call) => {
                if let ExprKind::Attribute { value, attr } = &call.func.kind
                    && value.as_name() == Some(name)
                    && matches!(&**attr, "done" | "cancelled" | "get_name" | "set_name")
                {
                    looks += 1;
                }
            }
            _ => {}
        }
        false
    });
    // one of the reads is the assignment's own target
    reads > looks + 1
}

fn collects_all_tasks(test: &Context<'_, '_>) -> bool {
    test.calls().any(|(_, _, path)| path.ends_with("all_tasks"))
}

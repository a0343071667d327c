//! # FD111 callback-asserted-at-once
//!
//! ## What it detects
//! A collection that a callback of background work fills (`pool.apply_async(…, callback=seen.append)`,
//! `watcher.watch(seen.append)`), asserted without a wait for the callback itself.
//!
//! ## Why it makes tests unstable
//! The callback runs in another thread, task or greenlet, often after the result can already be had. Whether it has run
//! when the assertion looks is the scheduler's choice.
//!
//! ## Example
//! ```python
//! seen = []
//! result = pool.apply_async(square, (7,), callback=seen.append)
//! assert result.get() == 49
//! assert seen == [49]
//! ```
//!
//! ## Use instead
//! Let the callback set an event or fill a queue, and wait for that.
//! ```python
//! seen = queue.Queue()
//! pool.apply_async(square, (7,), callback=seen.put)
//! assert seen.get(timeout=30) == 49
//! ```
//!
//! ## Known false positives
//! A library that runs the callback before it hands out the result.

use super::flow::mentions;
use super::polling::{poll_before, polls_between};
use super::words::last;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::CallSite;

pub(super) struct CallbackAssertedAtOnce;

impl Rule for CallbackAssertedAtOnce {
    fn code(&self) -> &'static str {
        "FD111"
    }

    fn name(&self) -> &'static str {
        "callback-asserted-at-once"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        let at = test.test();
        if at.role != Role::Test || at.sites.asserts.is_empty() {
            return;
        }
        for site in &at.sites.calls {
            let Some(name) = filled_by(site) else { continue };
            let looks = |expr: &Expr| mentions(expr, name);
            let mut later = at.sites.asserts.iter().filter(|assert| assert.at.order > site.at.order);
            let Some(assert) = later.find(|assert| !assert.at.in_nested && looks(assert.test)) else { continue };
            if waits_for(at, site, assert.at.order, name) || polls_between(at, site.at.order, assert.at.order) {
                continue;
            }
            report.add_mended(
                at,
                Smell {
                    span: assert.span,
                    severity: Severity::Medium,
                    confidence: 0.6,
                    message: format!(
                        "`{name}` is filled by a callback of `{}`, which may run only after this assertion looks",
                        test.text(at, &site.call.func)
                    ),
                    help: "let the callback set a threading.Event or fill a queue.Queue, and wait for that with a time-out"
                        .to_owned(),
                },
                |mend| poll_before(mend, assert.span, test.case.is_async),
            );
        }
    }
}

/// The local that a callback given to this call adds to.
fn filled_by<'a>(site: &CallSite<'a>) -> Option<&'a str> {
    const WATCHES: [&str; 5] = ["watch", "start_watching", "add_done_callback", "listen_in_background", "consume"];
    let name = last(&site.path);
    let callback = if matches!(name, "apply_async" | "map_async" | "starmap_async") {
        site.call.keyword("callback")?
    } else if WATCHES.contains(&name) {
        site.call.args.last().or_else(|| site.call.keyword("callback"))?
    } else {
        return None;
    };
    let added = match &callback.kind {
        ExprKind::Lambda(body) => &body.as_call()?.func,
        _ => callback,
    };
    match &added.kind {
        ExprKind::Attribute { value, attr } if matches!(&**attr, "append" | "add" | "extend") => value.as_name(),
        _ => None,
    }
}

/// Whether something between the call and the assertion waits for the collection itself.
fn waits_for(at: &Reached<'_, '_>, start: &CallSite<'_>, end: u32, name: &str) -> bool {
    let between = |order: u32| start.at.order < order && order < end;
    at.sites.loops.iter().any(|site| between(site.at.order) && site.is_while)
        || at.sites.calls.iter().any(|site| {
            between(site.at.order)
                && (matches!(last(&site.path), "join" | "sleep" | "shutdown" | "wait" | "wait_until" | "run")
                    || site.call.args.iter().any(|argument| mentions(argument, name)))
        })
}

//! # FD213 result-before-join
//!
//! ## What it detects
//! Several threads are started in a loop and joined in another, and what the test asserts on was taken in between.
//!
//! ## Why it makes tests unstable
//! When the result is taken, some threads have done their work and some have not. Joining them afterwards changes
//! nothing about it.
//!
//! ## Example
//! ```python
//! for thread in threads:
//!     thread.start()
//! seen = registry.names()
//! for thread in threads:
//!     thread.join()
//! assert len(seen) == 10
//! ```
//!
//! ## Use instead
//! Join first, then look.
//! ```python
//! for thread in threads:
//!     thread.join()
//! assert len(registry.names()) == 10
//! ```
//!
//! ## Known false positives
//! A result that comes from waiting for the threads in another way.

use super::words::last;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::sites::{CallSite, Use};

pub(super) struct ResultBeforeJoin;

impl Rule for ResultBeforeJoin {
    fn code(&self) -> &'static str {
        "FD213"
    }

    fn name(&self) -> &'static str {
        "result-before-join"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            let in_loop = |site: &&CallSite<'_>| site.at.loops > 0 && !site.at.in_nested;
            let named = |name: &'static str| {
                at.sites.calls.iter().filter(in_loop).find(move |site| last(&site.path) == name)
            };
            if !at.paths.iter().any(|path| path == "threading.Thread") {
                continue;
            }
            let Some(start) = named("start") else { continue };
            let Some(join) = named("join").filter(|join| join.at.order > start.at.order) else { continue };
            let between = |order: u32| start.at.order < order && order < join.at.order;
            let waits = at.sites.calls.iter().any(|site| {
                between(site.at.order)
                    && matches!(last(&site.path), "wait" | "sleep" | "get" | "result" | "acquire" | "set" | "put")
            });
            if waits {
                continue;
            }
            let taken = at.sites.bindings.iter().find_map(|binding| {
                let value = binding.value.filter(|_| between(binding.at.order) && binding.at.loops == 0)?;
                let call = at.sites.calls.iter().find(|site| site.expr.span == value.span)?;
                let is_asserted = at.sites.asserts.iter().any(|assert| {
                    assert.at.order > join.at.order && super::flow::mentions(assert.test, binding.name)
                });
                (is_asserted && takes(call)).then_some(call)
            });
            let Some(taken) = taken else { continue };
            add(report, test, at, taken);
        }
    }
}

/// Whether the result of a call is no clock reading and nothing that the test makes for itself.
fn takes(call: &CallSite<'_>) -> bool {
    !call.path.starts_with("time.")
        && !matches!(&*call.path, "list" | "dict" | "set" | "range" | "len")
        && !matches!(call.used, Use::With)
        && !last(&call.path).starts_with(char::is_uppercase)
}

fn add(report: &mut Report<'_>, test: &Context<'_, '_>, at: &Reached<'_, '_>, taken: &CallSite<'_>) {
    report.add(
        at,
        Smell {
            span: taken.expr.span,
            severity: Severity::Medium,
            confidence: 0.7,
            message: format!(
                "`{}` is taken while the threads run and before they are joined, so some have not done their work",
                test.text(at, &taken.call.func)
            ),
            help: "join the threads first, then take the result".to_owned(),
        },
    );
}

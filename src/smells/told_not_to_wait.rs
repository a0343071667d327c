//! # FD113 told-not-to-wait
//!
//! ## What it detects
//! A call that is told not to wait for its effect (`w=0`, `wait=False`, `block=False`, `acks=0`, `refresh=False`), and an
//! assertion on the effect right after it. A queue of SQS that is asked once, without `WaitTimeSeconds`, after something
//! was sent, and whose answer is asserted, counts as well.
//!
//! ## Why it makes tests unstable
//! The call returns before the work is done; that is what the argument asks for. The assertion then races with the work.
//!
//! ## Example
//! ```python
//! collection.insert(documents, w=0)
//! assert collection.count() == 3
//! ```
//!
//! ## Use instead
//! Let the call wait, or look again until a deadline.
//! ```python
//! collection.insert(documents, w=1)
//! assert collection.count() == 3
//! ```
//!
//! ## Known false positives
//! An assertion on what the call returned, or on the options that it was given.

use super::polling::poll_before;
use super::flow::mentions;
use super::words::{last, wants_nothing};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell, flow};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::{AssertSite, CallSite, Use};

pub(super) struct ToldNotToWait;

impl Rule for ToldNotToWait {
    fn code(&self) -> &'static str {
        "FD113"
    }

    fn name(&self) -> &'static str {
        "told-not-to-wait"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| matches!(at.role, Role::Test | Role::Helper)) {
            for site in &at.sites.calls {
                ask_queue(test, at, site, report);
                let Some(option) = leaves_at_once(site) else { continue };
                let Some(assert) = next_look(at, site) else { continue };
                if test.mocks.covers(&site.path) || site.at.in_nested || site.at.in_while {
                    continue;
                }
                report.add_mended(
                    at,
                    Smell {
                        span: assert.span,
                        severity: Severity::Medium,
                        confidence: 0.55,
                        message: format!(
                            "`{}` is told by `{option}=` not to wait, and this assertion looks at once",
                            test.text(at, &site.call.func)
                        ),
                        help: "let the call wait for its effect, or look again until a deadline".to_owned(),
                    },
                    |mend| poll_before(mend, assert.span, test.case.is_async),
                );
            }
        }
    }
}

/// `sqs.receive_message(QueueUrl=url)`: answers with what is there at this moment, which may be nothing yet.
fn ask_queue(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>, report: &mut Report<'_>) {
    let Use::Assigned(name) = site.used else { return };
    let asks = last(&site.path) == "receive_message"
        && site.call.keyword("QueueUrl").is_some()
        && site.call.keyword("WaitTimeSeconds").is_none();
    if !asks || test.mocks.aws || site.at.in_while || site.at.loops > 0 {
        return;
    }
    let sends = |name: &str| ["send", "publish", "put", "upload"].iter().any(|word| name.starts_with(word));
    let is_sent = at.sites.calls.iter().any(|call| call.at.order < site.at.order && sends(last(&call.path)));
    let is_asserted = at.sites.asserts.iter().any(|assert| {
        let wants_one = mentions(assert.test, name) && !wants_nothing(assert.test);
        assert.at.order > site.at.order && wants_one && !matches!(&assert.test.kind, ExprKind::Compare { rest, .. } if rest.iter().any(|(op, _)| &**op == "not in"))
    });
    let Some((_, end)) = site.call.keywords.last().filter(|_| is_sent && is_asserted) else { return };
    report.add_mended(
        at,
        Smell {
            span: site.expr.span,
            severity: Severity::Low,
            confidence: 0.6,
            message: "the queue is asked once, and what was sent may not have arrived yet".to_owned(),
            help: "let it wait: WaitTimeSeconds=10 returns as soon as a message is there".to_owned(),
        },
        |mut mend| {
            mend.insert(end.span.end, ", WaitTimeSeconds=10");
            mend.risky("wait for a message")
        },
    );
}

/// The argument that tells a call not to wait for its effect.
fn leaves_at_once<'a>(site: &CallSite<'a>) -> Option<&'a str> {
    if !matches!(site.used, Use::Dropped) || last(&site.path).starts_with("assert") {
        return None;
    }
    let off = |value: &Expr| matches!(value.kind, ExprKind::Bool(false));
    site.call.keywords.iter().find_map(|(name, value)| {
        let name = name.as_deref()?;
        let tells = match name {
            "w" | "acks" => value.as_number() == Some(0.0),
            "wait" | "wait_for_completion" | "wait_until_finished" | "wait_for_result" | "blocking" => off(value),
            // locks and queues answer at once and truly
            "block" => off(value) && !matches!(last(&site.path), "get" | "put" | "acquire"),
            "no_wait" | "nowait" | "no_ack" => value.is_true(),
            _ => false,
        };
        // an executor or a thread that is shut down is no effect to look at
        (tells && !matches!(last(&site.path), "shutdown" | "close" | "stop" | "terminate" | "acquire" | "show"))
            .then_some(name)
    })
}

/// The assertion that is the next thing to happen, if it asks something.
fn next_look<'v, 'a>(at: &'v Reached<'a, '_>, site: &CallSite<'_>) -> Option<&'v AssertSite<'a>> {
    flow::next_look(at, site).filter(|assert| {
        at.sites.calls.iter().any(|call| {
            assert.span.holds(call.expr.span)
                && !last(&call.path).starts_with("assert")
                && !matches!(&*call.path, "len" | "list" | "set")
        })
    })
}

//! # FD109 short-deadline
//!
//! ## What it detects
//! A loop that waits for a condition with a deadline of its own, five seconds or less by the clock, or by the number of
//! its tries and the pause between them.
//!
//! ## Why it makes tests unstable
//! Polling is right, but a loaded machine can keep the other side from running for longer than the deadline. The loop
//! gives up though the work would have been done.
//!
//! ## Example
//! ```python
//! deadline = time.time() + 2
//! while time.time() < deadline and not worker.done:
//!     time.sleep(0.05)
//! assert worker.done
//! ```
//!
//! ## Use instead
//! A deadline that only a real hang reaches. The loop ends as soon as its condition holds, so it costs nothing when the
//! test passes.
//! ```python
//! deadline = time.monotonic() + 60
//! while not worker.done:
//!     assert time.monotonic() < deadline, "worker did not finish"
//!     time.sleep(0.05)
//! ```
//!
//! ## Known false positives
//! A loop that gathers for a while and may end with nothing. A loop that only burns time is not reported.

use super::flow::{self, Sources};
use super::words::{is_clock, is_sleep};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::LoopSite;

pub(super) struct ShortDeadline;

impl Rule for ShortDeadline {
    fn code(&self) -> &'static str {
        "FD109"
    }

    fn name(&self) -> &'static str {
        "short-deadline"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        if test.mocks.time {
            return;
        }
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            tries(test, at, report);
            if !at.sites.loops.iter().any(|site| site.is_while) {
                continue;
            }
            let wanted = |path: &str| (is_clock(path) || path.ends_with("loop().time")) && !test.mocks.covers(path);
            let Some(clocks) = Sources::of(at, wanted) else { continue };
            for site in at.sites.loops.iter().filter(|site| site.is_while) {
                let waits = site.has_break || matches!(site.head.kind, ExprKind::Bools(_));
                let Some(seconds) = limit(test, at, &clocks, site, site.head).filter(|_| waits) else { continue };
                if seconds <= 0.0 || seconds > 5.0 {
                    continue;
                }
                report.add_mended(
                    at,
                    Smell {
                        span: site.head.span,
                        severity: if seconds <= 1.0 { Severity::Medium } else { Severity::Low },
                        confidence: if seconds <= 1.0 { 0.7 } else { 0.5 },
                        message: format!(
                            "this loop gives up after {seconds} s, which a loaded machine can need for work that is done right"
                        ),
                        help: "allow 30 s or more: the loop ends as soon as its condition holds, so a long deadline costs \
                               nothing when the test passes"
                            .to_owned(),
                    },
                    |mut mend| {
                        mend.renumber(&written(at, site), seconds, "30")?;
                        mend.risky("allow thirty seconds")
                    },
                );
            }
        }
    }
}

/// `for _ in range(10):` with a way out and a pause: tries that are over soon.
fn tries(test: &Context<'_, '_>, at: &Reached<'_, '_>, report: &mut Report<'_>) {
    for site in at.sites.loops.iter().filter(|site| !site.is_while && site.path == "range()" && site.has_break) {
        let Some([count]) = site.head.as_call().map(|call| call.args.as_slice()) else { continue };
        let Some(tries) = count.as_number() else { continue };
        let mut inside = at.sites.calls.iter().zip(&at.paths).filter(|(call, _)| site.span.holds(call.expr.span));
        let Some((pause, path)) = inside.find(|(_, path)| is_sleep(path)) else { continue };
        let Some(seconds) = pause.call.args.first().and_then(Expr::as_number) else { continue };
        let whole = (tries * seconds * 1e3).round() / 1e3;
        // what gathers for a while may end with nothing; who waits asserts then
        let is_asserted = at.sites.asserts.iter().any(|assert| assert.at.order > pause.at.order);
        if !(0.001..=5.0).contains(&whole) || test.mocks.covers(path) || !is_asserted {
            continue;
        }
        report.add_mended(
            at,
            Smell {
                span: site.head.span,
                severity: if whole <= 1.0 { Severity::Medium } else { Severity::Low },
                confidence: if whole <= 1.0 { 0.6 } else { 0.5 },
                message: format!(
                    "these tries are over after {whole} s, which a loaded machine can need for work that is done right"
                ),
                help: "try for 30 s or more: the loop ends as soon as its condition holds, so more tries cost nothing when \
                       the test passes"
                    .to_owned(),
            },
            |mut mend| {
                mend.replace(count.span, (30.0 / seconds).ceil().to_string());
                mend.risky("try for thirty seconds")
            },
        );
    }
}

/// Where the limit of a loop can be written: in its condition, where a name in that was bound, as a default.
fn written<'a>(at: &Reached<'a, '_>, site: &LoopSite<'a>) -> Vec<&'a Expr> {
    let mut places = vec![site.head];
    let mut next = 0;
    while let Some(place) = places.get(next).copied().filter(|_| next < 8) {
        place.any(&mut |part| {
            let Some(name) = part.as_name() else { return false };
            let mut params = at.function.function.params.iter();
            let default = || params.find(|param| *param.name == *name)?.default.as_ref();
            places.extend(at.sites.value_of(name, site.at.order).or_else(default));
            false
        });
        next += 1;
    }
    places
}

/// How long a loop goes on by what its condition says of the clock.
fn limit<'a>(
    test: &Context<'a, '_>,
    at: &Reached<'a, '_>,
    clocks: &Sources<'a, '_>,
    site: &LoopSite<'a>,
    head: &'a Expr,
) -> Option<f64> {
    match &head.kind {
        ExprKind::Bools(parts) => parts.iter().find_map(|part| limit(test, at, clocks, site, part)),
        ExprKind::Compare { left, rest } => {
            let [(op, right)] = rest.as_slice() else { return None };
            let (early, late) = match &**op {
                "<" | "<=" => (&**left, right),
                ">" | ">=" => (right, &**left),
                _ => return None,
            };
            let order = site.at.order;
            clocks.behind(early, order)?;
            if is_difference(at, early, order) {
                return number(test, at, late, order);
            }
            let late = late.as_name().and_then(|name| at.sites.value_of(name, order)).unwrap_or(late);
            match &late.kind {
                ExprKind::Binary { left, op, right } if &**op == "+" => {
                    number(test, at, right, order).or_else(|| number(test, at, left, order))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn is_difference<'a>(at: &Reached<'a, '_>, expr: &'a Expr, order: u32) -> bool {
    let value = expr.as_name().and_then(|name| at.sites.value_of(name, order)).unwrap_or(expr);
    matches!(&value.kind, ExprKind::Binary { op, .. } if &**op == "-")
}

/// A number, also where it is the default of a parameter.
fn number<'a>(test: &Context<'a, '_>, at: &Reached<'a, '_>, expr: &'a Expr, order: u32) -> Option<f64> {
    let default = || {
        let name = expr.as_name()?;
        let mut params = at.function.function.params.iter();
        params.find(|param| *param.name == *name)?.default.as_ref()?.as_number()
    };
    flow::seconds(test, at, expr, order).or_else(default)
}

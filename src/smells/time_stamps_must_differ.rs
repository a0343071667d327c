//! # FD409 time-stamps-must-differ
//!
//! ## What it detects
//! A strict comparison of two moments that follow each other at once: a stored time stamp with the clock
//! (`stamp < time.time()`), or a time stamp with the one before it (`record.updated_at > before`). And the reverse: two
//! such moments that must be equal (`task.created_at == task.started_at`), or an earlier one that must not lie before the
//! present second (`stamp >= int(time.time())`).
//!
//! ## Why it makes tests unstable
//! Clocks are coarse: 16 ms on some systems, a second for many files, servers and databases. Two moments that follow each
//! other can be the same, or even the wrong way round when the clock is set back.
//!
//! ## Example
//! ```python
//! record.touch()
//! assert record.last_used < time.time()
//! ```
//!
//! ## Use instead
//! Allow them to be equal, or pass the times in (`time-machine`, `freezegun`, a clock as an argument).
//! ```python
//! record.touch()
//! assert record.last_used <= time.time()
//! ```
//!
//! ## Known false positives
//! Moments that lie apart for another reason, such as a date far in the future. Names that speak of expiry or of what
//! comes next are not reported.

use super::comparison::{Comparison, Operator, comparisons};
use super::durations::{is_written_out, may_bound};
use super::flow::Sources;
use super::words::is_wall_clock;
use super::mend::Mend;
use super::{Context, Fix, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::Module;
use crate::python::ast::{Expr, ExprKind, Span};
use crate::python::sites::AssertSite;

pub(super) struct TimeStampsMustDiffer;

impl Rule for TimeStampsMustDiffer {
    fn code(&self) -> &'static str {
        "FD409"
    }

    fn name(&self) -> &'static str {
        "time-stamps-must-differ"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        if test.mocks.time {
            return;
        }
        for at in test.reach.iter().filter(|at| matches!(at.role, Role::Test | Role::Helper)) {
            if at.sites.asserts.is_empty() {
                continue;
            }
            let clocks = Sources::clocks(at, |path| is_wall_clock(path) && !test.mocks.covers(path));
            let may_be = |assert: &&AssertSite<'_>| may_bound(assert.test) || assert.test.any(&mut is_happening);
            for assert in at.sites.asserts.iter().filter(may_be).filter(|assert| !assert.at.in_while) {
                let order = assert.at.order;
                let pairs = comparisons(assert);
                for pair in &pairs {
                    if pair.operator == Operator::Less && !pair.is_strict {
                        is_already_past(test, report, at, assert.span, pair);
                    }
                    if pair.operator == Operator::Equal && are_two_stamps(pair.left, pair.right) {
                        let (left, right) = (test.text(at, pair.left), test.text(at, pair.right));
                        let message = format!(
                            "`{left}` and `{right}` are set one after the other, and differ as soon as the clock moves \
                             in between"
                        );
                        report.add(at, equal_by_luck(assert.span, (Severity::Low, 0.5), message));
                    }
                    if pair.operator != Operator::Less || !pair.is_strict {
                        continue;
                    }
                    let is_now = |expr: &'_ Expr| clocks.as_ref().is_some_and(|clocks| is_reading(at, clocks, expr, order));
                    let with_now = (is_now(pair.left) && is_stamp(pair.right)) || (is_now(pair.right) && is_stamp(pair.left));
                    let successive = is_stamp(pair.right) && is_earlier(at, pair.left, pair.right, order);
                    if !with_now && !successive || rests_between(at, order) {
                        continue;
                    }
                    report.add_mended(
                        at,
                        Smell {
                            span: assert.span,
                            severity: Severity::Low,
                            confidence: 0.5,
                            message: format!(
                                "`{}` and `{}` may be the same moment to a coarse clock, and then the strict comparison fails",
                                test.text(at, pair.left),
                                test.text(at, pair.right)
                            ),
                            help: "allow the two to be equal, or set the times with time-machine, freezegun or an argument"
                                .to_owned(),
                        },
                        |mend| {
                            // what was to be renewed in between could be the old one then
                            if with_now { or_equal(mend, test.module(), &pairs) } else { None }
                        },
                    );
                }
            }
        }
    }
}

/// `claims["auth_time"] >= int(time.time())`: what was stamped before must be no earlier than the second that it is now.
fn is_already_past<'a>(
    test: &Context<'a, '_>,
    report: &mut Report<'_>,
    at: &Reached<'a, '_>,
    span: Span,
    pair: &Comparison<'a>,
) {
    let whole = pair.left.as_call().filter(|call| call.func.as_name() == Some("int")).and_then(|call| call.args.first());
    let reads = |now: &Expr| {
        at.sites.calls.iter().any(|site| site.expr.span == now.span && is_wall_clock(&site.path) && !test.mocks.covers(&site.path))
    };
    if !whole.is_some_and(reads) || !is_stamp(pair.right) {
        return;
    }
    let (stamp, now) = (test.text(at, pair.right), test.text(at, pair.left));
    report.add_mended(
        at,
        equal_by_luck(
            span,
            (Severity::Medium, 0.8),
            format!("`{stamp}` was stamped before `{now}` is read here, and is earlier as soon as a second ends in between"),
        ),
        |mut mend| {
            mend.insert(pair.left.span.end, " - 60");
            mend.risky("allow a minute in between")
        },
    );
}

fn equal_by_luck(span: Span, (severity, confidence): (Severity, f32), message: String) -> Smell {
    let help = "read the clock once, before what stamps, and allow a difference; or set the times with time-machine, \
                freezegun or an argument";
    Smell { span, severity, confidence, message, help: help.to_owned() }
}

/// `task.created_at == task.started_at`
fn are_two_stamps(left: &Expr, right: &Expr) -> bool {
    is_happening(left) && is_happening(right) && last_name(left) != last_name(right)
}

/// What is called the moment at which something happened to a record.
fn is_happening(expr: &Expr) -> bool {
    const MOMENTS: [&str; 7] =
        ["created_at", "started_at", "updated_at", "modified_at", "finished_at", "completed_at", "accessed_at"];
    last_name(expr).is_some_and(|name| MOMENTS.contains(&name))
}

fn last_name(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Attribute { attr, .. } => Some(attr),
        _ => expr.as_name(),
    }
}

/// `<=` in place of `<`, wherever it stands between two of them.
fn or_equal(mut mend: Mend<'_>, module: &Module, pairs: &[Comparison<'_>]) -> Option<Fix> {
    for pair in pairs.iter().filter(|pair| pair.operator == Operator::Less && pair.is_strict) {
        let (one, other) = (pair.left.span, pair.right.span);
        let between = Span { start: one.end.min(other.end), end: one.start.max(other.start) };
        let text = module.text(between);
        let at = text.find(['<', '>']).filter(|_| matches!(text.trim(), "<" | ">"))? as u32 + between.start;
        mend.insert(at + 1, "=");
    }
    mend.risky("allow the two to be equal")
}

/// A call that reads the clock, or a name for one.
fn is_reading(at: &Reached<'_, '_>, clocks: &Sources<'_, '_>, expr: &Expr, order: u32) -> bool {
    let value = expr.as_name().and_then(|name| at.sites.value_of(name, order)).unwrap_or(expr);
    clocks.inside(value).is_some_and(|(site, _)| site.expr.span == value.span)
}

/// What is called a moment that has been: `cached.last_used`, `row["created_at"]`.
fn is_stamp(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Attribute { attr, .. } => names_stamp(attr),
        ExprKind::Subscript { index, .. } => index.first().and_then(Expr::as_str).is_some_and(names_stamp),
        ExprKind::Name(name) => names_stamp(name),
        _ => false,
    }
}

fn names_stamp(name: &str) -> bool {
    const ENDS: [&str; 8] =
        ["_at", "_time", "_date", "timestamp", "mtime", "last_used", "last_seen", "last_modified"];
    const AHEAD: [&str; 8] = ["expir", "next", "until", "deadline", "valid", "due", "end", "stop"];
    ENDS.iter().any(|end| name.ends_with(end)) && !AHEAD.iter().any(|word| name.contains(word))
}

/// Whether `early` holds what `late`, or something of its name, was before.
fn is_earlier<'a>(at: &Reached<'a, '_>, early: &'a Expr, late: &'a Expr, order: u32) -> bool {
    let attribute = |expr: &'a Expr| match &expr.kind {
        ExprKind::Attribute { attr, .. } => Some(&**attr),
        _ => None,
    };
    let Some(name) = early.as_name() else { return false };
    match at.sites.value_of(name, order) {
        Some(value) if attribute(late).is_some() => attribute(value) == attribute(late),
        // `first, stamp = f()` and later `second, new_stamp = f()`
        Some(value) if late.as_name().is_some_and(|late| late != name && late.ends_with(name)) => {
            names_stamp(name) && !is_written_out(value)
        }
        _ => false,
    }
}

/// Whether a pause of a second or more keeps the moments apart.
fn rests_between(at: &Reached<'_, '_>, order: u32) -> bool {
    at.sites.calls.iter().filter(|site| site.at.order < order && !site.at.in_nested).any(|site| {
        super::words::is_sleep(&site.path) && site.call.args.first().and_then(Expr::as_number).is_some_and(|s| s >= 3.0)
    })
}

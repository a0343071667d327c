//! # FD212 far-position
//!
//! ## What it detects
//! An assertion on one record at a far or last position of what was captured: `spans[15]["name"]`,
//! `messages[-2].text`.
//!
//! ## Why it makes tests unstable
//! Between the record meant and the beginning or end lie others, which come from parts that run beside each other. One
//! more, one fewer, or two in another order, and the position holds something else.
//!
//! ## Example
//! ```python
//! assert spans[15]["name"] == "cron:cleanup"
//! ```
//!
//! ## Use instead
//! Look the record up by what it is.
//! ```python
//! [span] = [span for span in spans if span["name"] == "cron:cleanup"]
//! ```
//!
//! ## Known false positives
//! A list that one thread fills in an order that the code promises.

use super::assertions::{Comparison, comparisons};
use super::mend::Mend;
use super::{Context, Fix, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind, Stmt, StmtKind};
use crate::python::sites::{AssertSite, Binding};

/// How lists are called that record what happened.
const CAPTURED: [&str; 12] = [
    "events",
    "spans",
    "logs",
    "stream",
    "messages",
    "requests",
    "traces",
    "transactions",
    "envelopes",
    "notifications",
    "packets",
    "entries",
];

pub(super) struct FarPosition;

impl Rule for FarPosition {
    fn code(&self) -> &'static str {
        "FD212"
    }

    fn name(&self) -> &'static str {
        "far-position"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            let own = test.analysis.view(at.function.module).module.text(at.function.function.span);
            // most functions read no part of a part
            if !(own.contains("][") || own.contains("].")) || !CAPTURED.iter().any(|word| own.contains(word)) {
                continue;
            }
            // where nothing is awaited or waited for, one thread fills the list
            let waits = at.function.function.is_async || at.sites.has_yield;
            for assert in &at.sites.asserts {
                if let Some(found) = far(assert.test, waits) {
                    add(report, test, at, found, |mend| by_its_equalities(mend, at, assert, found));
                }
            }
            for binding in &at.sites.bindings {
                let Some(value) = binding.value else { continue };
                let Some(found) = far_value(value, waits) else { continue };
                let asserted = at.sites.asserts.iter().any(|assert| {
                    assert.at.order > binding.at.order && super::flow::mentions(assert.test, binding.name)
                });
                if asserted {
                    add(report, test, at, found, |mend| by_name(mend, at, binding, value));
                }
            }
        }
    }
}

/// `event = next(one for one in events if one["name"] == "done")`, where `event["name"]` is asserted to be that.
fn by_name(mut mend: Mend<'_>, at: &Reached<'_, '_>, binding: &Binding<'_>, value: &Expr) -> Option<Fix> {
    let ExprKind::Subscript { value: list, .. } = &value.kind else { return None };
    let later = at.sites.asserts.iter().filter(|assert| assert.at.order > binding.at.order);
    let mut pairs = later.flat_map(|assert| comparisons(assert.test)).filter(|pair| pair.op == "==");
    let (key, wanted) = pairs.find_map(|pair| match &pair.left.kind {
        ExprKind::Subscript { value, index } if value.as_name() == Some(binding.name) => {
            Some((index.first().filter(|key| key.as_str().is_some())?, pair.right))
        }
        _ => None,
    })?;
    wanted.as_str()?;
    let one = mend.free_name("one")?;
    let [list, key, wanted] = [list, key, wanted].map(|part| mend.text(part).to_owned());
    mend.replace(value.span, format!("next({one} for {one} in {list} if {one}[{key}] == {wanted})"));
    mend.risky("look the record up by what it is")
}

/// `span = next(one for one in spans if one["name"] == "done")` before the assertions on `spans[4]`, where one of them says
/// that its name is that.
fn by_its_equalities(
    mut mend: Mend<'_>,
    at: &Reached<'_, '_>,
    assert: &AssertSite<'_>,
    record: &Expr,
) -> Option<Fix> {
    let ExprKind::Subscript { value: list, .. } = &record.kind else { return None };
    let (text, list) = (mend.text(record), mend.text(list));
    let first = mend.statement(assert.span)?;
    let block: Vec<&Stmt> = mend.from(first).iter().take_while(|stmt| mend.asserts(stmt)).collect();
    let uses = |stmt: &Stmt, text: &str| mend.text_of(stmt.span).matches(text).count();
    let all: usize = block.iter().map(|stmt| uses(stmt, text)).sum();
    let is_all = mend.text_of(at.function.function.span).matches(text).count() == all;
    let last = block.iter().rposition(|stmt| uses(stmt, text) > 0)?;
    // records that are asserted by turns would need a name each
    if !is_all || block[..=last].iter().any(|stmt| uses(stmt, &format!("{list}[")) != uses(stmt, text)) {
        return None;
    }
    let one = mend.free_name("one")?;
    // what is said of another place of the list too does not tell them apart
    let others = at.sites.asserts.iter().map(|other| mend.text_of(other.span));
    let others: Vec<&str> =
        others.filter(|other| other.contains(&format!("{list}[")) && !other.contains(text)).collect();
    let says_of_another = |value: &str| others.iter().any(|other| other.contains(value));
    let (mut is_one, mut conditions, mut places) = (false, vec![], vec![]);
    for stmt in &block[..=last] {
        places.extend(mend.places(stmt, text));
        let StmtKind::Assert { test, .. } = &stmt.kind else { continue };
        let is_told = |pair: &Comparison<'_>| pair.op == "==" && pair.right.as_str().is_some() && is_name(pair.left);
        for pair in comparisons(test).into_iter().filter(is_told) {
            let Some(asked) = asked_of(&mend, pair.left, text, &one) else { continue };
            is_one |= !says_of_another(mend.text(pair.right));
            conditions.push(format!("{asked} == {}", mend.text(pair.right)));
        }
    }
    let name = mend.free_name(&singular(list).unwrap_or_else(|| "record".to_owned()))?;
    if !is_one || places.len() != all {
        return None;
    }
    let line = format!("{name} = next({one} for {one} in {list} if {})", conditions.join(" and "));
    places.into_iter().for_each(|place| mend.replace(place, name.clone()));
    mend.before(first, &[line])?;
    mend.risky("look the record up by what it is")
}

/// `trace.spans` ─▶ `span`
fn singular(list: &str) -> Option<String> {
    let word = list.rsplit('.').next()?;
    let one = word.strip_suffix("ies").map(|stem| format!("{stem}y"));
    let one = one.or_else(|| word.strip_suffix('s').map(str::to_owned))?;
    one.chars().all(|char| char.is_ascii_lowercase() || char == '_').then_some(one)
}

/// `spans[4]["attributes"]["op"]` of `spans[4]`: `one["attributes"].get("op")`, as not every record has what lies deeper.
fn asked_of(mend: &Mend<'_>, left: &Expr, record: &str, one: &str) -> Option<String> {
    let path = mend.text(left).strip_prefix(record).filter(|path| path.starts_with(['[', '.']))?;
    match &left.kind {
        ExprKind::Subscript { value, index } if mend.text(value) != record => {
            index.first()?.as_str()?;
            let outer = mend.text(value).strip_prefix(record)?;
            Some(format!("{one}{outer}.get({})", mend.text(index.first()?)))
        }
        ExprKind::Subscript { .. } | ExprKind::Attribute { .. } => Some(format!("{one}{path}")),
        _ => None,
    }
}

/// Whether what is compared says which record it is.
fn is_name(expr: &Expr) -> bool {
    let key = match &expr.kind {
        ExprKind::Attribute { attr, .. } => attr,
        ExprKind::Subscript { index, .. } => index.first().and_then(Expr::as_str).unwrap_or_default(),
        _ => return false,
    };
    let last = key.rsplit(['.', '_']).next().unwrap_or_default();
    matches!(last, "name" | "type" | "kind" | "id" | "op" | "event" | "title" | "topic" | "transaction" | "description")
}

fn add(
    report: &mut Report<'_>,
    test: &Context<'_, '_>,
    at: &Reached<'_, '_>,
    found: &Expr,
    mend: impl FnOnce(Mend<'_>) -> Option<Fix>,
) {
    report.add_mended(
        at,
        Smell {
            span: found.span,
            severity: Severity::Low,
            confidence: 0.5,
            message: format!(
                "`{}` counts on how many records come before or after it, which differs between runs",
                test.text(at, found)
            ),
            help: "look the record up by its name or kind instead of its position".to_owned(),
        },
        mend,
    );
}

/// A record at a far position of which a part is read.
fn far(expr: &Expr, waits: bool) -> Option<&Expr> {
    if let ExprKind::Subscript { value, .. } | ExprKind::Attribute { value, .. } = &expr.kind
        && is_far(value, waits)
    {
        return Some(value);
    }
    expr.children().into_iter().find_map(|child| far(child, waits))
}

/// As [`far`], also where the record itself is the value.
fn far_value(expr: &Expr, waits: bool) -> Option<&Expr> {
    if is_far(expr, waits) { Some(expr) } else { far(expr, waits) }
}

fn is_far(expr: &Expr, waits: bool) -> bool {
    let ExprKind::Subscript { value, index } = &expr.kind else { return false };
    let [index] = index.as_slice() else { return false };
    let Some(position) = index.as_number() else { return false };
    let name = match &value.kind {
        ExprKind::Name(name) | ExprKind::Attribute { attr: name, .. } => &**name,
        ExprKind::Subscript { index, .. } => index.first().and_then(|key| key.as_str()).unwrap_or(""),
        _ => return false,
    };
    let is_far = position >= 4.0 || position <= -2.0 || (position < 0.0 && waits);
    is_far && CAPTURED.iter().any(|word| name.ends_with(word))
}

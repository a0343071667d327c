//! Polls of what is asserted: in place of a pause, or where nothing waited.

mod again;
mod condition;

use self::condition::{asked_of_mock, condition, in_one_line, reads_places};
use super::assertions::comparisons;
use super::expectations::awaited;
use super::mend::{Deadline, Mend};
use super::words::is_sleep;
use super::{Context, Fix, Reached};
use crate::python::ast::{Expr, ExprKind, Span, Stmt, StmtKind};
use crate::python::sites::CallSite;

/// Functions that pause, when they are given seconds.
const PAUSES: [&str; 6] =
    ["time.sleep", "asyncio.sleep", "anyio.sleep", "trio.sleep", "gevent.sleep", "eventlet.sleep"];

/// The pause becomes a poll of what is asserted right after it, with a deadline.
pub(super) fn poll(mut mend: Mend<'_>, site: &CallSite<'_>, path: &str) -> Option<Fix> {
    let stmt = mend.statement(site.expr.span)?;
    let StmtKind::Expr(slept) = &stmt.kind else { return None };
    let is_whole = slept.span == site.expr.span
        || matches!(&slept.kind, ExprKind::Await(inner) if inner.span == site.expr.span);
    if !is_whole || !(PAUSES.contains(&path) || is_of_pilot(site, "pause")) {
        return None;
    }
    // a pause until a moment belongs to a timetable
    if site.call.args.iter().any(|until| until.any(&mut |part| part.as_call().is_some())) {
        return None;
    }
    let after = &mend.from(stmt)[1..];
    let call = mend.text(&site.call.func);
    let pause = if site.awaited { format!("    await {call}(0.01)") } else { format!("    {call}(0.01)") };
    let seconds = patience(&mend, site);
    let reads = after.iter().take_while(|next| again::is_reading(&mend, next)).count();
    if reads > 0 {
        return again::read_again(mend, stmt, &after[..reads], &after[reads..], &pause, &seconds);
    }
    let ends = after.iter().take_while(|next| is_end(&mend, next)).count();
    let asserted = &after[ends..];
    let wait = conditions(&mend, asserted).filter(|_| !is_asserted_apart(&mend, asserted))?;
    if ends > 0 && wait.all.iter().any(|one| is_of_end(one)) {
        return None;
    }
    let lines = wait.head(mend.deadline(&seconds)?);
    mend.before(stmt, &lines)?;
    mend.replace(stmt.span, pause);
    mend.risky("wait until what is asserted holds")
}

/// `server.stop()`: what ends what the pause gave time to, so that what is asserted then has come before.
fn is_end(mend: &Mend<'_>, stmt: &Stmt) -> bool {
    const ENDS: [&str; 6] = ["stop", "close", "shutdown", "cancel", "terminate", "disconnect"];
    let StmtKind::Expr(expr) = &stmt.kind else { return false };
    awaited(expr).as_call().is_some_and(|call| {
        let name = mend.text(&call.func).rsplit('.').next().unwrap_or_default();
        call.args.is_empty() && ENDS.contains(&name)
    })
}

/// Whether a condition asks for the end itself.
fn is_of_end(condition: &str) -> bool {
    const SIGNS: [&str; 12] = [
        "stop", "clos", "shut", "cancel", "terminat", "connect", "alive", "running", "done", "finish",
        "exit", "stat",
    ];
    SIGNS.iter().any(|sign| condition.contains(sign))
}

/// How many seconds to wait in place of a pause, as an expression: more than that in any case.
fn patience(mend: &Mend<'_>, site: &CallSite<'_>) -> String {
    match site.call.args.first() {
        None => "10".to_owned(),
        Some(pause) => match pause.as_number() {
            Some(seconds) => (2.0 * seconds).ceil().max(10.0).to_string(),
            None => format!("10 + {}", mend.text(pause)),
        },
    }
}

/// A poll of what is asserted there, before it is asserted.
pub(super) fn poll_before(mut mend: Mend<'_>, assertion: Span, is_async: bool) -> Option<Fix> {
    let stmt = mend.statement(assertion)?;
    let wait = conditions(&mend, mend.from(stmt))?;
    let mut lines = wait.head(mend.deadline("10")?);
    lines.push(format!("    {}", mend.pause(is_async)?));
    mend.before(stmt, &lines)?;
    mend.risky("wait until what is asserted holds")
}

/// Whether something between these two places polls: pauses in a loop that ends with a condition.
pub(super) fn polls_between(at: &Reached<'_, '_>, from: u32, to: u32) -> bool {
    let mut between =
        at.sites.calls.iter().zip(&at.paths).filter(|(call, _)| (from..to).contains(&call.at.order));
    between.any(|(call, path)| call.at.in_while && is_sleep(path))
}

/// Whether a loop before an assertion goes on until what it asks has come.
pub(super) fn is_polled(test: &Context<'_, '_>, at: &Reached<'_, '_>, asked: &Expr, order: u32) -> bool {
    let asked = test.text(at, asked);
    let mut loops = at.sites.loops.iter().filter(|site| site.is_while && site.at.order < order);
    loops.any(|site| test.text(at, site.head).contains(asked))
}

/// What is waited for: the assertions at the start of a block, and how a single one is denied.
struct Wait {
    all: Vec<String>,
    denied: Option<String>,
}

/// A line that is longer is broken.
const LINE: usize = 96;

impl Wait {
    /// That all of them hold.
    fn holds(&self) -> String {
        match self.all.as_slice() {
            [one] => one.clone(),
            more => more.iter().map(|one| format!("({one})")).collect::<Vec<_>>().join(" and "),
        }
    }

    /// The lines with which a poll begins.
    fn head(&self, deadline: Deadline) -> Vec<String> {
        let ahead = deadline.lies_ahead;
        let denied = self.denied.clone().unwrap_or_else(|| format!("not ({})", self.holds()));
        let line = format!("while {denied} and {ahead}:");
        if line.len() <= LINE {
            return vec![deadline.set, line];
        }
        if let [one] = self.all.as_slice() {
            return vec![
                deadline.set,
                "while not (".to_owned(),
                format!("    {one}"),
                format!(") and {ahead}:"),
            ];
        }
        let parts = self.all.iter().enumerate().map(|(at, one)| {
            let and = if at == 0 { "" } else { "and " };
            format!("    {and}({one})")
        });
        let first = [deadline.set, "while not (".to_owned()];
        first.into_iter().chain(parts).chain([format!(") and {ahead}:")]).collect()
    }
}

fn conditions(mend: &Mend<'_>, block: &[Stmt]) -> Option<Wait> {
    let mut asserted: Vec<(&Stmt, String)> =
        block.iter().map_while(|next| Some((next, condition(mend, next)?))).collect();
    // what is read at a place follows from how many there are
    let reads = |(stmt, _): &(&Stmt, String)| match &stmt.kind {
        StmtKind::Assert { test, .. } | StmtKind::Expr(test) => {
            reads_places(test) && asked_of_mock(mend, test).is_none()
        }
        _ => false,
    };
    let plain = asserted.iter().take_while(|one| !reads(one)).count();
    asserted.truncate(plain.max(1));
    let denied = match asserted.as_slice() {
        [] => return None,
        [one] if reads(one) => None,
        [(stmt, one)] => match differs(mend, stmt).and_then(|differs| in_one_line(&differs)) {
            Some(differs) => Some(differs),
            None if one.starts_with("all(") => Some(format!("not {one}")),
            None if one.chars().all(|char| char.is_alphanumeric() || "_.()".contains(char)) => {
                Some(format!("not {one}"))
            }
            None => None,
        },
        _ => None,
    };
    Some(Wait { all: asserted.into_iter().map(|(_, one)| one).collect(), denied })
}

/// Whether more is asserted after an assignment in between, which a poll of what comes before would not wait for.
fn is_asserted_apart(mend: &Mend<'_>, block: &[Stmt]) -> bool {
    let asserted = |stmt: &&Stmt| condition(mend, stmt).is_some();
    let is_plain = |stmt: &&Stmt| match &stmt.kind {
        StmtKind::Assign { value: Some(value), .. } => !value.any(&mut |part| part.as_call().is_some()),
        _ => false,
    };
    let mut rest = block.iter().skip_while(asserted).peekable();
    rest.peek().is_some_and(is_plain)
        && rest.find(|stmt| !is_plain(stmt)).is_some_and(|stmt| mend.asserts(stmt))
}

/// `a != b` for `assert a == b`.
fn differs(mend: &Mend<'_>, stmt: &Stmt) -> Option<String> {
    let (StmtKind::Assert { test, .. } | StmtKind::Expr(test)) = &stmt.kind else { return None };
    match comparisons(test).as_slice() {
        [one] if one.op == "==" && is_whole(test, one.left) => {
            Some(format!("{} != {}", mend.text(one.left), mend.text(one.right)))
        }
        _ => None,
    }
}

/// `a == b` or `self.assertEqual(a, b)` and nothing more, where `left` is `a`.
fn is_whole(test: &Expr, left: &Expr) -> bool {
    match &test.kind {
        ExprKind::Compare { .. } => true,
        ExprKind::Call(call) => call.args.first().is_some_and(|first| std::ptr::eq(first, left)),
        _ => false,
    }
}

/// Whether a call is the method `name` of Textual's pilot.
pub(super) fn is_of_pilot(site: &CallSite<'_>, name: &str) -> bool {
    matches!(&site.call.func.kind, ExprKind::Attribute { value, attr }
        if &**attr == name && value.as_name() == Some("pilot"))
}

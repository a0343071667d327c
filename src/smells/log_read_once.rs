//! # FD118 log-read-once
//!
//! ## What it detects
//! A log or output file of another process, thread or background writer that is read once and then asserted upon.
//!
//! ## Why it makes tests unstable
//! The writer has buffers and its own pace. The line may be written a moment after the read, although everything worked.
//!
//! ## Example
//! ```python
//! server = subprocess.Popen(command)
//! requests.get(url)
//! assert "GET /" in Path(log_file).read_text()
//! ```
//!
//! ## Use instead
//! Read again until the line is there or a deadline has passed, or end the writer (flush, close, join) before the read.
//! ```python
//! server.terminate()
//! server.wait(30)
//! assert "GET /" in Path(log_file).read_text()
//! ```
//!
//! ## Known false positives
//! A file that the test itself wrote, or whose writer had ended before.

use super::mend::Mend;
use super::words::last;
use super::{Context, Fix, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::ExprKind;
use crate::python::sites::{CallSite, Use};

pub(super) struct LogReadOnce;

impl Rule for LogReadOnce {
    fn code(&self) -> &'static str {
        "FD118"
    }

    fn name(&self) -> &'static str {
        "log-read-once"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            for site in &at.sites.calls {
                if !reads_log(test, at, site) || site.at.in_nested || site.at.loops > 0 || !is_asserted(at, site) {
                    continue;
                }
                if !has_writer(test) || writer_has_ended(at, site) || is_read_again(at, site) {
                    continue;
                }
                report.add_mended(
                    at,
                    Smell {
                        span: site.expr.span,
                        severity: Severity::Low,
                        confidence: 0.45,
                        message: format!(
                            "`{}` reads once what something in the background writes, and the line may come a moment later",
                            test.text(at, site.expr)
                        ),
                        help: "read again until the line is there or a deadline has passed, or end the writer first".to_owned(),
                    },
                    |mend| read_on(mend, at, site, test.case.is_async),
                );
            }
        }
    }
}

/// `server.logfile.read()`, `open(log_path).read()`, `Path(log).read_text()`
fn reads_log(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    matches!(last(&site.path), "read" | "readlines" | "read_text" | "readline" | "read_bytes") && {
        let text = test.text(at, &site.call.func);
        text.contains("log") && !text.contains("catalog") && !text.contains("dialog")
    }
}

/// Reads again until what is asserted to be in it has come.
fn read_on(mut mend: Mend<'_>, at: &Reached<'_, '_>, site: &CallSite<'_>, is_async: bool) -> Option<Fix> {
    let Use::Assigned(name) = site.used else { return None };
    let mut later = at.sites.asserts.iter().filter(|assert| assert.at.order > site.at.order);
    let assert = later.find(|assert| super::flow::mentions(assert.test, name))?;
    let (line, text) = match &assert.test.kind {
        ExprKind::Compare { left, rest } => match rest.as_slice() {
            [(op, right)] if &**op == "in" => (&**left, right),
            _ => return None,
        },
        ExprKind::Call(call) if last(call.func.dotted()?.last()?) == "assertIn" => match call.args.as_slice() {
            [line, text, ..] => (line, text),
            _ => return None,
        },
        _ => return None,
    };
    (text.as_name() == Some(name) && !site.awaited).then_some(())?;
    // a file that is kept open goes on where it stopped
    let is_kept = last(&site.path) == "read"
        && matches!(&site.call.func.kind, ExprKind::Attribute { value, .. } if value.as_call().is_none());
    let deadline = mend.deadline("10")?;
    let pause = format!("    {}", mend.pause(is_async)?);
    let lines = [
        deadline.set,
        format!("while {} not in {name} and {}:", mend.text(line), deadline.lies_ahead),
        pause,
        format!("    {name} {} {}", if is_kept { "+=" } else { "=" }, mend.text(site.expr)),
    ];
    let stmt = mend.statement(assert.span)?;
    mend.before(stmt, &lines)?;
    mend.risky("read on until the line is there")
}

/// Whether a loop later reads it again.
fn is_read_again(at: &Reached<'_, '_>, read: &CallSite<'_>) -> bool {
    let mut later = at.sites.calls.iter().filter(|site| site.at.order > read.at.order);
    later.any(|site| site.at.in_while && site.path == read.path)
}

/// Whether the result is asserted, itself or by the name it is given.
fn is_asserted(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let span = site.expr.span;
    at.sites.asserts.iter().any(|assert| match site.used {
        Use::Assigned(name) => {
            assert.at.order > site.at.order && super::flow::mentions(assert.test, name)
        }
        _ => assert.span.holds(span),
    })
}

/// Whether a child process, a server or a thread works beside the test.
fn has_writer(test: &Context<'_, '_>) -> bool {
    let starts = |path: &str| {
        matches!(path, "subprocess.Popen" | "threading.Thread" | "multiprocessing.Process") || path.ends_with(".Popen")
    };
    let names = ["server", "daemon", "worker", "process", "proc"];
    let is_named = |name: &str| names.iter().any(|word| name.ends_with(word));
    test.case.function.function.params.iter().any(|param| is_named(&param.name))
        || test.calls().any(|(at, _, path)| at.role != Role::Teardown && starts(path))
}

/// Whether the writer was ended, or waited for, before the read.
fn writer_has_ended(at: &Reached<'_, '_>, read: &CallSite<'_>) -> bool {
    at.sites.calls.iter().filter(|site| site.at.order < read.at.order).any(|site| match last(&site.path) {
        // a path is joined with something
        "join" => site.call.args.is_empty(),
        name => matches!(name, "wait" | "communicate" | "terminate" | "kill" | "flush" | "stop" | "close"),
    })
}

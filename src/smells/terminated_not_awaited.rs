//! # FD712 terminated-not-awaited
//!
//! ## What it detects
//! A process that is told to end (`terminate()`, `kill()`), or a gRPC server (`stop()`), while nothing waits until it
//! has.
//!
//! ## Why it makes tests unstable
//! Telling returns at once. The process goes on for a while, holds its port and its files, and may write into a folder
//! that is just being removed; the next test finds it still there.
//!
//! ## Example
//! ```python
//! def tearDown(self):
//!     self.process.terminate()
//!     shutil.rmtree(self.folder)
//! ```
//!
//! ## Use instead
//! Wait, with a limit, before anything else is cleared away.
//! ```python
//! def tearDown(self):
//!     self.process.terminate()
//!     self.process.wait(timeout=30)
//!     shutil.rmtree(self.folder)
//! ```
//!
//! ## Known false positives
//! A process that another part waits for.

use super::words::{is_test_code, last};
use super::{Context, Report, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::{CallSite, Use};

pub(super) struct TerminatedNotAwaited;

impl Rule for TerminatedNotAwaited {
    fn code(&self) -> &'static str {
        "FD712"
    }

    fn name(&self) -> &'static str {
        "terminated-not-awaited"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        let ended: Vec<_> = test
            .calls()
            .filter(|(at, site, path)| {
                let ends = ((path.ends_with(".terminate") || path.ends_with(".kill")) && is_process(site, path))
                    || (*path == "grpc.server().stop" && site.used == Use::Dropped);
                // what is ended in a handler was meant to end by itself, and the test has failed
                // `ended = process.kill()` gives something to wait for
                let is_kept = matches!(site.used, Use::Assigned(_));
                ends && !is_kept && is_test_code(test, at) && !site.at.in_except && !test.mocks.covers(path)
            })
            .collect();
        if ended.is_empty() || test.calls().any(|(_, site, path)| awaits(site, path)) {
            return;
        }
        if let Some((at, site, path)) = ended.into_iter().next() {
            report.add_mended(
                at,
                Smell {
                    span: site.expr.span,
                    severity: Severity::Medium,
                    confidence: 0.75,
                    message: format!(
                        "nothing waits after `{}` until it has ended, so it goes on beside what comes next",
                        test.text(at, &site.call.func)
                    ),
                    help: if path.contains("multiprocessing") {
                        "call join(timeout=30) on it"
                    } else if path.starts_with("grpc") {
                        "call wait(30) on what stop() returns"
                    } else {
                        "call wait(timeout=30) on it"
                    }
                    .to_owned(),
                },
                |mut mend| {
                    let ExprKind::Attribute { value, .. } = &site.call.func.kind else { return None };
                    let wait = if path.contains("multiprocessing") {
                        "join"
                    } else if path.contains("subprocess.Popen") {
                        "wait"
                    } else {
                        return None;
                    };
                    let stmt = mend.statement(site.expr.span)?;
                    let line = format!("{}.{wait}(timeout=30)", mend.text(value));
                    mend.after(stmt, &[&line])?;
                    mend.risky("wait until it has ended")
                },
            );
        }
    }
}

fn is_process(site: &CallSite<'_>, path: &str) -> bool {
    let named = receiver(site).is_some_and(|name| name.contains("proc") && !name.contains("processor"));
    path.contains("Popen()") || path.contains(".Process()") || named
}

fn awaits(site: &CallSite<'_>, path: &str) -> bool {
    match last(path) {
        // gives an event to wait for
        "stop" if path == "grpc.server().stop" => false,
        "wait" | "communicate" | "wait_procs" | "waitpid" | "wait_for" | "shutdown" => true,
        "join" => !path.starts_with("str()") && !path.starts_with("os.path") && !path.contains("path.join"),
        name => ["reap", "wait_", "cleanup", "stop"].iter().any(|word| name.contains(word))
            // a bound method handed on
            || site.call.args.iter().any(|argument| {
                matches!(&argument.kind, ExprKind::Attribute { attr, .. } if matches!(&**attr, "wait" | "join" | "communicate"))
            }),
    }
}

/// The last name of what a method is called on.
fn receiver<'a>(site: &CallSite<'a>) -> Option<&'a str> {
    let ExprKind::Attribute { value, .. } = &site.call.func.kind else { return None };
    let value: &'a Expr = value;
    match &value.kind {
        ExprKind::Name(name) | ExprKind::Attribute { attr: name, .. } => Some(name),
        _ => None,
    }
}

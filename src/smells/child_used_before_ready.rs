//! # FD116 child-used-before-ready
//!
//! ## What it detects
//! A child process that is signalled (`terminate()`, `send_signal()`) or asked about itself (`cmdline()`, `name()`)
//! right after its start, with nothing in between that waits for it to have got so far.
//!
//! ## Why it makes tests unstable
//! Starting returns before the child has run its first line: its signal handlers are not set, its command line may still
//! be that of its parent, and a short program may have ended already. Which of these holds is a matter of load.
//!
//! ## Example
//! ```python
//! process = subprocess.Popen([sys.executable, "-c", PROGRAM])
//! process.terminate()
//! assert process.wait(30) == -signal.SIGTERM
//! ```
//!
//! ## Use instead
//! Let the child say that it is ready, and read that first.
//! ```python
//! process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE)
//! assert process.stdout.readline() == b"ready\n"
//! process.terminate()
//! ```
//!
//! ## Known false positives
//! A signal that does the same however far the child has come; `kill()` is not reported.

use super::words::last;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::sites::{CallSite, Use};

pub(super) struct ChildUsedBeforeReady;

impl Rule for ChildUsedBeforeReady {
    fn code(&self) -> &'static str {
        "FD116"
    }

    fn name(&self) -> &'static str {
        "child-used-before-ready"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            for (site, path) in at.sites.calls.iter().zip(&at.paths) {
                if !starts(path) || test.mocks.covers(path) || site.at.in_nested {
                    continue;
                }
                let Some((name, used)) = child(at, site).and_then(|name| Some((name, first_use(at, site, name)?))) else {
                    continue;
                };
                let asked = at.sites.asserts.iter().any(|assert| assert.at.order > used.at.order);
                if !asked || used.at.in_finally || used.at.in_nested || used.at.in_except {
                    continue;
                }
                let signals = matches!(last(&used.path), "terminate" | "send_signal");
                report.add(
                    at,
                    Smell {
                        span: used.expr.span,
                        severity: if signals { Severity::Medium } else { Severity::Low },
                        confidence: if signals { 0.6 } else { 0.5 },
                        message: format!(
                            "`{}` comes right after `{name}` is started and waits for nothing; the child may not have got so far",
                            test.text(at, used.expr)
                        ),
                        help: "let the child print a line when it is ready and read it first, or wait for a file that it writes"
                            .to_owned(),
                    },
                );
            }
        }
    }
}

fn starts(path: &str) -> bool {
    matches!(path, "subprocess.Popen" | "psutil.Popen" | "asyncio.create_subprocess_exec")
        || matches!(last(path), "spawn_subproc" | "spawn_psproc" | "spawn_process" | "start_process" | "spawn_testproc")
}

/// The name that the child goes by.
fn child<'a>(at: &Reached<'a, '_>, site: &CallSite<'a>) -> Option<&'a str> {
    match site.used {
        Use::Assigned(name) => Some(name),
        Use::With => at.sites.withs.iter().find(|with| with.expr.span == site.expr.span)?.target,
        _ => None,
    }
}

/// The use that is the first thing to happen to the child, unless something waits before.
fn first_use<'v, 'a>(at: &'v Reached<'a, '_>, start: &CallSite<'a>, name: &str) -> Option<&'v CallSite<'a>> {
    const ASKS: [&str; 10] = [
        "terminate",
        "send_signal",
        "cmdline",
        "name",
        "exe",
        "cpu_times",
        "environ",
        "children",
        "open_files",
        "memory_maps",
    ];
    let sites = at.sites;
    for site in sites.calls.iter().filter(|site| site.at.order > start.at.order) {
        let method = last(&site.path);
        let receiver = match &site.call.func.kind {
            crate::python::ast::ExprKind::Attribute { value, .. } => value.as_name(),
            _ => None,
        };
        if receiver == Some(name) {
            if ASKS.contains(&method) {
                return Some(site);
            }
            return None;
        }
        if !matches!(method, "dir" | "print" | "str" | "len" | "append" | "addCleanup" | "isinstance" | "callback") {
            return None;
        }
    }
    None
}

//! # FD117 sleep-in-inner-program
//!
//! ## What it detects
//! A pause of less than ten seconds in the text of a program that the test writes or runs (`makepyfile(\"\"\"…
//! time.sleep(0.1)\"\"\")`, `python -c "…"`).
//!
//! ## Why it makes tests unstable
//! The pause is there so that something else happens meanwhile or that something takes measurably long. Both are guesses
//! at a machine's speed, one process further away.
//!
//! ## Example
//! ```python
//! pytester.makepyfile("import time\n\ndef test_a():\n    time.sleep(0.1)\n")
//! result = pytester.runpytest("--timeout=0.05")
//! assert "Timeout" in result.stdout.str()
//! ```
//!
//! ## Use instead
//! Let the inner program wait for the outer one (a line on standard input, a file, a socket) and go on only then, or block
//! for good and be killed.
//! ```python
//! pytester.makepyfile("import threading\n\ndef test_a():\n    threading.Event().wait()\n")
//! ```
//!
//! ## Known false positives
//! A pause that only makes the program's work look real.

use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};

pub(super) struct SleepInInnerProgram;

impl Rule for SleepInInnerProgram {
    fn code(&self) -> &'static str {
        "FD117"
    }

    fn name(&self) -> &'static str {
        "sleep-in-inner-program"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            let module = test.analysis.view(at.function.module).module;
            if !module.text(at.function.function.span).contains("sleep(") {
                continue;
            }
            for argument in at.sites.calls.iter().flat_map(|site| &site.call.args) {
                let Some((text, seconds)) = program(at, argument).and_then(|text| Some((text, pause(text)?))) else {
                    continue;
                };
                if at.sites.asserts.is_empty() && !asserts_by_method(at) {
                    continue;
                }
                report.add(
                    at,
                    Smell {
                        span: argument.span,
                        severity: Severity::Low,
                        confidence: if text.contains("thread") || text.contains("multiprocessing") { 0.5 } else { 0.4 },
                        message: format!(
                            "the program in this text pauses for {seconds} s, a guess at how fast the machine is"
                        ),
                        help: "let the inner program wait for a line on standard input, a file or a socket, or block until it \
                               is killed"
                            .to_owned(),
                    },
                );
            }
        }
    }
}

/// The text of an argument, itself or as the last part of a list or behind a name.
fn program<'a>(at: &Reached<'a, '_>, argument: &'a Expr) -> Option<&'a str> {
    match &argument.kind {
        ExprKind::Str { text, .. } => Some(text),
        ExprKind::List(parts) => parts.iter().find_map(Expr::as_str).and_then(|_| parts.last()?.as_str()),
        ExprKind::Name(name) => match &at.sites.bound(name, u32::MAX)?.kind {
            ExprKind::Str { text, .. } if (text.contains('\n') || text.contains("\\n")) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// The shortest pause in a program's text, if it is under ten seconds.
fn pause(text: &str) -> Option<f64> {
    let pauses = text.match_indices("sleep(").filter_map(|(at, call)| {
        let line = text[at..].lines().next().unwrap_or_default();
        // a loop of pauses only keeps the program alive
        if line.contains(" for ") {
            return None;
        }
        let rest = &text[at + call.len()..];
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        rest[..end].parse::<f64>().ok()
    });
    pauses.filter(|seconds| *seconds > 0.0).reduce(f64::min).filter(|seconds| *seconds < 10.0)
}

/// Whether the result is asserted by methods of its own (`fnmatch_lines`, `assert_outcomes`).
fn asserts_by_method(at: &Reached<'_, '_>) -> bool {
    at.sites.calls.iter().any(|site| site.path.ends_with("fnmatch_lines"))
}

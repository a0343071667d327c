//! # FD412 printed-duration
//!
//! ## What it detects
//! An expected text or pattern in which a measured duration is fixed to some digits (`"0.00s"`, `r"0\..s"`,
//! `"in [0-1].[0-9][0-9]s"`).
//!
//! ## Why it makes tests unstable
//! The program prints how long it took, and on a loaded machine that is another number of digits or another first digit.
//!
//! ## Example
//! ```python
//! result.stdout.fnmatch_lines(["*no tests ran in [0-1].[0-9][0-9]s"])
//! ```
//!
//! ## Use instead
//! A pattern that takes any duration, or a fixed clock.
//! ```python
//! result.stdout.re_match_lines([r".*no tests ran in \d+\.\d+s"])
//! ```
//!
//! ## Known false positives
//! A text about a time that is given and not measured.

use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};

pub(super) struct PrintedDuration;

impl Rule for PrintedDuration {
    fn code(&self) -> &'static str {
        "FD412"
    }

    fn name(&self) -> &'static str {
        "printed-duration"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        if test.mocks.time {
            return;
        }
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            for binding in &at.sites.bindings {
                if let Some(value) = binding.value.filter(|_| binding.is_whole) {
                    look(report, at, value, 0);
                }
            }
            for site in &at.sites.calls {
                site.call.args.iter().for_each(|argument| look(report, at, argument, 0));
            }
        }
    }
}

/// Looks at a text, the parts of a sum of texts, and the items of a list.
fn look(report: &mut Report<'_>, at: &Reached<'_, '_>, expr: &Expr, depth: u8) {
    match &expr.kind {
        ExprKind::Str { text, .. } if fixes_duration(text) => {
            report.add_mended(
                at,
                Smell {
                    span: expr.span,
                    severity: Severity::Low,
                    confidence: 0.5,
                    message: "this pattern fixes digits of a duration that is measured; a slow machine prints another".to_owned(),
                    help: "let the pattern take any duration, or stop the clock".to_owned(),
                },
                |mut mend| {
                    let wider = any_duration(mend.text(expr))?;
                    mend.replace(expr.span, wider);
                    mend.risky("let the pattern take any duration")
                },
            );
        }
        ExprKind::List(items) if depth < 2 => items.iter().for_each(|item| look(report, at, item, depth + 1)),
        ExprKind::Binary { left, op, right } if depth < 3 && &**op == "+" => {
            look(report, at, left, depth + 1);
            look(report, at, right, depth + 1);
        }
        _ => {}
    }
}

/// The literal with any number of digits in place of those that were fixed, for `fnmatch` as for `re`.
fn any_duration(literal: &str) -> Option<String> {
    let is_raw = literal.split(['"', '\'']).next().is_some_and(|prefix| prefix.contains(['r', 'R']));
    let dot = if is_raw { "\\." } else { "\\\\." };
    let any = if is_raw { "\\d+\\." } else { "\\\\d+\\\\." };
    let mut out = literal.replace("[0-1].", "[0-9]*.").replace("[0-2].", "[0-9]*.");
    for digits in ["[0-9]", ".", "0", "\\d"] {
        for unit in ["s", " s", "min", " min"] {
            for stop in [dot, "."] {
                let fixed = format!("0{stop}{digits}{unit}");
                let wider = format!("{any}{}{unit}", if digits == "0" { "." } else { digits });
                out = out.replace(&fixed, &wider);
            }
        }
    }
    (out != literal).then_some(out)
}

/// Whether a pattern holds seconds of which only some digits are free: `0\..s`, `[0-1].[0-9][0-9]s`.
fn fixes_duration(text: &str) -> bool {
    if text.len() > 400 || !text.contains(['[', '\\']) {
        return false;
    }
    let head_of_minutes = ["0.0min", "0\\.0min"];
    if head_of_minutes.iter().any(|head| text.contains(head)) {
        return true;
    }
    ["[0-1].[0-9]", "[0-2].[0-9]", "0.[0-9]", "0\\..", "0\\.[0-9]", "0\\.\\d"].iter().any(|head| {
        text.match_indices(head).any(|(at, _)| {
            let is_free = text[..at].chars().next_back().is_none_or(|c| !c.is_ascii_digit() && c != '.');
            let rest = text[at + head.len()..].trim_start_matches(['[', ']', '0', '9', '-', '+', '*', 'd', '\\']);
            let rest = rest.trim_start();
            let unit = rest.strip_prefix("seconds").or_else(|| rest.strip_prefix('s'));
            is_free && unit.is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
        })
    })
}

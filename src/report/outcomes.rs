//! The observed outcomes of a test as text.

use std::fmt::Write as _;

use super::count;
use crate::risk::history::{Outcomes, Verdict};
use crate::risk::junit::Outcome;

/// So many of the last runs are drawn.
const DRAWN: usize = 60;

/// What is known of one test.
pub fn outcomes(id: &str, seen: &Outcomes) -> String {
    let verdict = match seen.verdict() {
        Some(Verdict::Flaky) => "flaky: it passed and failed without a change between",
        Some(Verdict::Stable) => "never failed",
        Some(Verdict::Broken) => "never passed",
        Some(Verdict::Changed) => "failed and passed; a change may be the reason",
        None => "only ever skipped",
    };
    let mut out = format!("{id}\n{verdict}\n");
    let _ = writeln!(
        out,
        "{}: {} passed, {} failed, {} passed on a retry, {} skipped; {}, {} with both ends",
        count(seen.runs as usize, "run", "runs"),
        seen.passes,
        seen.failures,
        seen.retried,
        seen.skips,
        count(seen.flips as usize, "flip", "flips"),
        count(seen.mixed_commits as usize, "commit", "commits"),
    );
    if let Some(last) = seen.last_failure {
        let _ = writeln!(out, "last failure {last}");
    }
    let drawn: String = seen
        .recent
        .iter()
        .skip(seen.recent.len().saturating_sub(DRAWN))
        .map(|run| match run.outcome {
            Outcome::Passed => '.',
            Outcome::Failed => 'F',
            Outcome::Retried => 'R',
            Outcome::Skipped => 's',
        })
        .collect();
    if !drawn.is_empty() {
        let _ = writeln!(out, "last runs, oldest first: {drawn}");
    }
    for shape in &seen.shapes {
        let _ = writeln!(out, "{} times, last {}: {}", shape.count, shape.last, shape.text);
    }
    out
}

//! A proposed patch for a person at a terminal: the reason above the diff, before and after below it.

use std::fmt::Write as _;

use crate::explain::{Origin, ProposedFix};

/// The patch with what a new scan says of it.
pub fn fix(fix: &ProposedFix) -> String {
    let by = match fix.origin {
        Origin::Rule => "by the rule's own edit",
        Origin::Model => "by the model",
        Origin::History => "by the model, after how it was mended here before",
    };
    let verdict = if fix.verified { "verified" } else { "not verified" };
    let mut out = format!("\nFix {by}: {verdict}\n{}\n\n{}", fix.reason, fix.diff);
    let codes = |codes: &[String]| if codes.is_empty() { "none".to_owned() } else { codes.join(", ") };
    let _ = writeln!(
        out,
        "\nfindings {} -> {}, risk {:.2} -> {:.2}",
        codes(&fix.findings_before),
        codes(&fix.findings_after),
        fix.risk_before,
        fix.risk_after
    );
    out
}

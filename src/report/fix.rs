//! A proposed patch for a person at a terminal: the reason above the diff, before and after below it.

use std::fmt::Write as _;

use crate::explain::{Origin, ProposedFix};
use crate::hunt::RerunVerdict;

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
    if let Some(run) = &fix.run {
        let change = run.perturbation.as_deref().unwrap_or("any change tried");
        let said = match run.verdict {
            RerunVerdict::VerifiedByRunning => format!("verified by running: it failed under {change} before and passes now"),
            RerunVerdict::StillUnstable => format!("running says no: it still fails under {change}"),
            RerunVerdict::Broken => "running says no: with the patch it fails as it is".to_owned(),
            RerunVerdict::NotShownBefore => {
                "running proves little: it passes with the patch, but nothing made it fail before; give more time with \
                 --budget"
                    .to_owned()
            }
        };
        let _ = writeln!(out, "{said} ({:.0} s)", run.seconds);
    }
    out
}

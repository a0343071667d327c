//! What a hunt brought, for a person at a terminal.

use std::fmt::Write as _;

use super::count;
use crate::hunt::Hunted;

/// Every test that was shown unstable with its reason and its command, then the sums.
pub fn hunted(found: &Hunted) -> String {
    let mut out = String::new();
    for unstable in &found.unstable {
        let proof = &unstable.proof;
        let _ = writeln!(out, "{}  ({})", unstable.id, proof.cause);
        let _ = writeln!(
            out,
            "  {}: failed {} of {} with it, {} of {} without",
            proof.perturbation,
            proof.failed_with,
            proof.tried_with,
            proof.failed_without,
            proof.tried_without
        );
        if !proof.needs.is_empty() && proof.perturbation != "twice" {
            let _ = writeln!(out, "  fails after {}", proof.needs.join(", "));
        }
        if !unstable.passes_after.is_empty() {
            let _ = writeln!(out, "  passes only after {}", unstable.passes_after.join(", "));
        }
        if let Some(state) = &unstable.state {
            let _ = writeln!(out, "  what it leaves: {state}");
        }
        if !proof.error.is_empty() {
            let _ = writeln!(out, "  {}", proof.error);
        }
        let tried = match unstable.reproduced {
            Some(true) if unstable.tried == 1 => String::new(),
            Some(true) => format!("  (showed it in {} of {} tries)", unstable.shown_in, unstable.tried),
            Some(false) => {
                let tried = count(unstable.tried as usize, "try", "tries");
                format!("  (not in {tried}, so it takes more of the suite)")
            }
            None => "  (not tried)".to_owned(),
        };
        let _ = writeln!(out, "  $ {}{tried}\n", proof.reproduce);
    }
    for one in &found.unconfirmed {
        let _ =
            writeln!(out, "not confirmed: {} failed once with {}: {}", one.id, one.perturbation, one.error);
    }
    for error in &found.errors {
        let _ = writeln!(out, "not collected: {}: {}", error.id, error.error);
    }
    if !found.plain.failing.is_empty() {
        let _ = writeln!(
            out,
            "{} plainly, so nothing is said of {}",
            count(found.plain.failing.len(), "test fails", "tests fail"),
            if found.plain.failing.len() == 1 { "it" } else { "them" }
        );
    }
    let _ = writeln!(
        out,
        "{} shown unstable of {} that pass plainly; {} in {:.0} s{}",
        count(found.unstable.len(), "test", "tests"),
        found.plain.passed,
        count(found.runs.len(), "round", "rounds"),
        found.seconds,
        if found.stopped { ", ended before its time" } else { "" }
    );
    out
}

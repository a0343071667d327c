//! Why a test has its risk, as text.

use std::fmt::Write as _;

use crate::risk::why::Reasons;

/// The figure, then each kind of evidence under its own head.
pub fn reasons(why: &Reasons) -> String {
    let mut out = format!("{}  ({})\nrisk {:.2}: {}\n", why.test, why.repo, why.risk, why.meaning);
    let _ = writeln!(out, "\nWhat moved the figure (log-odds, the strongest only)");
    for group in &why.groups {
        let parts: Vec<String> =
            group.contributions.iter().map(|part| format!("{} {:+.2}", part.feature, part.value)).collect();
        let _ = writeln!(out, "  {:+.2}  {}  ({})", group.value, group.about, parts.join(", "));
    }
    if why.groups.is_empty() {
        let _ = writeln!(out, "  nothing by as much as 0.005");
    }
    if !why.neighbours.is_empty() {
        let _ = writeln!(out, "\nTests of known outcome with the most similar code");
    }
    for near in &why.neighbours {
        let verdict = if near.flaky { "flaky" } else { "stable" };
        let _ = writeln!(out, "  {verdict}  {}  (likeness {:.2})", near.id, near.likeness);
    }
    let _ = writeln!(out, "\nWhat rules found (severity rests on this alone)");
    for found in &why.findings {
        let _ = writeln!(
            out,
            "  {}  line {}: {} {}: {}",
            found.severity, found.line, found.code, found.name, found.message
        );
    }
    if why.findings.is_empty() {
        let _ = writeln!(out, "  nothing");
    }
    let _ = writeln!(out, "\nWhat runs showed");
    match &why.outcomes {
        Some(known) => {
            let _ = writeln!(out, "  {}: {}", known.verdict, known.words());
        }
        None => {
            let _ = writeln!(out, "  no run is known; 'flakydetector history import' takes in JUnit reports");
        }
    }
    out
}

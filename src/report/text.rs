//! `scan --format text`: for a person at a terminal. The worst come first.

use std::fmt::Write as _;

use super::count;
use crate::risk::{Assessment, Verdict};
use crate::scan::{self, Scan};
use crate::smells::{Applicability, Severity};

/// A scan in words: tests with findings, worst first, then a summary.
pub fn text(scan: &Scan) -> String {
    let mut tests: Vec<_> = scan.tests.iter().map(|test| &test.assessment).collect();
    let seen =
        |test: &Assessment| test.outcomes.as_ref().is_some_and(|known| known.verdict == Verdict::Flaky);
    tests.retain(|test| !test.findings.is_empty() || seen(test));
    tests.sort_by(|a, b| b.severity.cmp(&a.severity).then(b.risk.total_cmp(&a.risk)));
    let mut out = String::new();
    for test in tests {
        let _ = writeln!(out, "{}  {}  risk {:.2}", test.severity, test.id, test.risk);
        if let Some(known) = test.outcomes.as_ref().filter(|known| known.verdict != Verdict::Stable) {
            let _ = writeln!(out, "  seen {}: {}", known.verdict, known.words());
        }
        for finding in &test.findings {
            let place = format!("{}:{}:{}", test.file, finding.line, finding.column + 1);
            let _ = writeln!(out, "  {place}  {} {}  {}", finding.code, finding.name, finding.message);
            let _ = writeln!(out, "    help: {}", finding.help);
            if !finding.read_by.is_empty() {
                let _ = writeln!(out, "    read by: {}", finding.read_by.join(", "));
            }
            if let Some(fix) = &finding.fix {
                let flags = match fix.applicability {
                    Applicability::Safe => "--fix",
                    Applicability::Unsafe => "--fix --unsafe-fixes",
                };
                let _ = writeln!(out, "    {flags}: {}", fix.message);
            }
        }
        out.push('\n');
    }
    for error in &scan.errors {
        let _ = writeln!(out, "{}:{}: {}", error.file, error.line, error.message);
    }
    let counts: Vec<String> = scan::by_severity(scan)
        .into_iter()
        .filter(|(severity, _)| *severity != Severity::None)
        .map(|(severity, count)| format!("{count} {severity}"))
        .collect();
    let _ = writeln!(
        out,
        "{} in {}: {} ({:.2} s). {}",
        count(scan.tests.len(), "test", "tests"),
        count(scan.files, "file", "files"),
        counts.join(", "),
        scan.seconds,
        basis(scan)
    );
    out
}

/// What the risks rest on.
pub(super) fn basis(scan: &Scan) -> String {
    match scan.basis {
        Some(basis) => format!(
            "Risk is adapted to the observed outcomes of {} ({} flaky).",
            count(basis.outcomes, "test", "tests"),
            basis.flaky
        ),
        None if scan.tests.iter().any(|test| test.assessment.outcomes.is_some()) => {
            "Risk orders the tests of this repository; too few outcomes are known to adapt it.".to_owned()
        }
        None => "Risk orders the tests of this repository; no outcome of it is known.".to_owned(),
    }
}

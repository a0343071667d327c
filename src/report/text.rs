//! `scan --format text`: for a person at a terminal. The worst come first.

use std::fmt::Write as _;

use super::count;
use crate::scan::{self, Scan};
use crate::smells::Severity;

/// A scan in words: tests with findings, worst first, then a summary.
pub fn text(scan: &Scan) -> String {
    let mut tests: Vec<_> = scan.tests.iter().map(|test| &test.assessment).collect();
    tests.retain(|test| !test.findings.is_empty());
    tests.sort_by(|a, b| b.severity.cmp(&a.severity).then(b.risk.total_cmp(&a.risk)));
    let mut out = String::new();
    for test in tests {
        let _ = writeln!(out, "{}  {}  risk {:.2}", test.severity, test.id, test.risk);
        for finding in &test.findings {
            let place = format!("{}:{}:{}", test.file, finding.line, finding.column + 1);
            let _ = writeln!(out, "  {place}  {} {}  {}", finding.code, finding.name, finding.message);
            let _ = writeln!(out, "    help: {}", finding.help);
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
        "{} in {}: {} ({:.2} s). Risk orders the tests of this repository; no outcome of it is known.",
        count(scan.tests.len(), "test", "tests"),
        count(scan.files, "file", "files"),
        counts.join(", "),
        scan.seconds
    );
    out
}

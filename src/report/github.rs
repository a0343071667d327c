//! `scan --format github`: workflow commands that become annotations. GitHub shows ten a level and step, so the worst
//! come first; a test's name is untrusted, so everything is escaped.

use std::fmt::Write as _;

use super::notices::{notices, within};
use crate::scan::Scan;
use crate::smells::Severity;

/// One workflow command a place, then one a file that could not be read whole.
pub fn github(scan: &Scan) -> String {
    let mut out = String::new();
    for notice in notices(scan) {
        let finding = notice.finding;
        let level = match finding.severity {
            Severity::Critical => "error",
            Severity::High => "warning",
            _ => "notice",
        };
        let title = format!("{} {} ({})", finding.code, finding.name, finding.severity);
        let text = format!("{}\n{}\n{}", notice.tests[0].id, notice.message(), finding.help);
        let _ = writeln!(
            out,
            "::{level} file={},line={},endLine={},col={},endColumn={},title={}::{}",
            property(&notice.path),
            finding.line,
            finding.end_line,
            finding.column + 1,
            finding.end_column + 1,
            property(&title),
            data(&text)
        );
    }
    for error in &scan.errors {
        let path = property(&within(scan, &error.file));
        let _ = writeln!(out, "::warning file={path},line={}::{}", error.line, data(&error.message));
    }
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

//! `scan --format markdown`: for a pull request's comment or a step's summary.

use std::fmt::Write as _;

use super::count;
use super::notices::notices;
use super::text::basis;
use crate::scan::{self, Scan};
use crate::smells::Severity;

/// So many places are listed.
const LISTED: usize = 50;

/// Counts, then the worst places.
pub fn markdown(scan: &Scan) -> String {
    let mut out = String::from("## Unstable tests\n\n");
    let counts: Vec<String> = scan::by_severity(scan)
        .into_iter()
        .filter(|(severity, _)| *severity != Severity::None)
        .map(|(severity, count)| format!("**{count}** {severity}"))
        .collect();
    let _ = writeln!(
        out,
        "{} in {}: {}. {}\n",
        count(scan.tests.len(), "test", "tests"),
        count(scan.files, "file", "files"),
        counts.join(", "),
        basis(scan)
    );
    let notices = notices(scan);
    if !notices.is_empty() {
        out.push_str("| severity | where | what | what to do |\n| --- | --- | --- | --- |\n");
    }
    for notice in notices.iter().take(LISTED) {
        let finding = notice.finding;
        let name = notice.tests[0].id.rsplit("::").next().unwrap_or_default();
        let _ = writeln!(
            out,
            "| {} | {} {} | {} {} | {} |",
            finding.severity,
            cell(&format!("`{}:{}`", notice.path.replace('`', ""), finding.line)),
            cell(name),
            finding.code,
            cell(&notice.message()),
            cell(&finding.help)
        );
    }
    if notices.len() > LISTED {
        let _ = writeln!(out, "\n… and {} more.", notices.len() - LISTED);
    }
    for error in &scan.errors {
        let _ = writeln!(out, "\n- {}:{}: {}", cell(&error.file), error.line, cell(&error.message));
    }
    out
}

/// Text that cannot leave its cell, nor become markup but for the code in it.
fn cell(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped(&text.replace('`', "'"));
    }
    let part = |(at, part): (usize, &&str)| match at % 2 {
        0 => escaped(part),
        _ => format!("`{}`", part.replace(['\n', '\r'], " ").replace('|', "\\|")),
    };
    parts.iter().enumerate().map(part).collect()
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for char in text.chars() {
        match char {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '|' | '\\' | '*' | '_' | '[' | ']' | '@' | '#' => {
                out.push('\\');
                out.push(char);
            }
            _ => out.push(char),
        }
    }
    out
}

//! `scan --format gitlab`: GitLab's code quality report.

use serde_json::{Value, json};

use super::notices::notices;
use crate::scan::Scan;
use crate::smells::Severity;

/// An array with one object a place.
pub fn gitlab(scan: &Scan) -> Value {
    let issue = |severity| match severity {
        Severity::Critical => "critical",
        Severity::High => "major",
        Severity::Medium => "minor",
        Severity::Low | Severity::None => "info",
    };
    notices(scan)
        .iter()
        .map(|notice| {
            let finding = notice.finding;
            json!({
                "type": "issue",
                "check_name": finding.code,
                "description": format!("{}: {}", finding.name, notice.message()),
                "content": { "body": finding.help },
                "categories": ["Bug Risk"],
                "severity": issue(finding.severity),
                "fingerprint": notice.fingerprint,
                "location": {
                    "path": notice.path,
                    "lines": { "begin": finding.line, "end": finding.end_line },
                },
            })
        })
        .collect()
}

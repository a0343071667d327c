//! Findings as the places that code review shows: one notice a place, however many tests lead there.

use std::collections::HashMap;

use crate::risk::Assessment;
use crate::scan::Scan;
use crate::smells::Finding;

/// A place with what is wrong there.
pub(super) struct Notice<'a> {
    /// Relative to the repository, with `/`.
    pub path: String,
    pub finding: &'a Finding,
    /// The tests that lead there, at least one.
    pub tests: Vec<&'a Assessment>,
    /// The same on every run and after lines moved: of test, rule and how many of the rule came before in the test.
    pub fingerprint: String,
}

impl Notice<'_> {
    /// What is wrong, and how many more tests it concerns.
    pub(super) fn message(&self) -> String {
        let message = &self.finding.message;
        match self.tests.len() {
            1 => message.clone(),
            2 => format!("{message} (and in one more test)"),
            more => format!("{message} (and in {} more tests)", more - 1),
        }
    }
}

/// All places, the worst first.
pub(super) fn notices(scan: &Scan) -> Vec<Notice<'_>> {
    let mut out: Vec<Notice<'_>> = vec![];
    let mut known: HashMap<_, usize> = HashMap::new();
    for test in &scan.tests {
        let test = &test.assessment;
        let mut nth: HashMap<&str, usize> = HashMap::new();
        for finding in &test.findings {
            let before = nth.entry(&finding.code).or_default();
            *before += 1;
            let place = (&test.file, &finding.code, finding.line, finding.column, finding.end_line);
            if let Some(index) = known.get(&place) {
                let notice = &mut out[*index];
                if finding.severity > notice.finding.severity {
                    notice.finding = finding;
                }
                notice.tests.push(test);
                continue;
            }
            known.insert(place, out.len());
            out.push(Notice {
                path: within(scan, &test.file),
                finding,
                tests: vec![test],
                fingerprint: fingerprint(&[&test.repo, &test.id, &finding.code, &before.to_string()]),
            });
        }
    }
    out.sort_by_key(|notice| std::cmp::Reverse(notice.finding.severity));
    out
}

/// A file's path from the top of the repository.
pub(super) fn within(scan: &Scan, file: &str) -> String {
    if scan.within.is_empty() { file.to_owned() } else { format!("{}/{file}", scan.within) }
}

fn fingerprint(parts: &[&str]) -> String {
    blake3::hash(parts.join("\0").as_bytes()).to_hex()[..32].to_owned()
}

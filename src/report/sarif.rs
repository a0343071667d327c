//! `scan --format sarif`: SARIF 2.1.0 as GitHub's code scanning reads it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::notices::{Notice, notices, within};
use crate::scan::Scan;
use crate::smells::{self, Registered, Severity};

/// GitHub refuses a run with more.
const MOST_RESULTS: usize = 25_000;
/// GitHub cuts longer help.
const MOST_HELP: usize = 1024;

/// One run; the worst results first.
pub fn sarif(scan: &Scan) -> Value {
    let mut notices = notices(scan);
    notices.truncate(MOST_RESULTS);
    let mut grades: BTreeMap<&str, (Severity, f32)> = BTreeMap::new();
    for Notice { finding, .. } in &notices {
        let (worst, surest) = grades.entry(&finding.code).or_default();
        *worst = (*worst).max(finding.severity);
        *surest = surest.max(finding.confidence);
    }
    let rules: Vec<Value> =
        grades.iter().filter_map(|(code, grade)| Some(rule(smells::find(code)?, *grade))).collect();
    let place: BTreeMap<&str, usize> = grades.keys().enumerate().map(|(at, code)| (*code, at)).collect();
    let results: Vec<Value> =
        notices.iter().map(|notice| result(notice, place[notice.finding.code.as_str()])).collect();
    let unread: Vec<Value> = scan
        .errors
        .iter()
        .map(|error| {
            json!({
                "level": "warning",
                "message": { "text": error.message },
                "locations": [{ "physicalLocation": {
                    "artifactLocation": artifact(&within(scan, &error.file)),
                    "region": { "startLine": error.line.max(1) },
                } }],
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "FlakyDetector",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "automationDetails": { "id": "flakydetector/" },
            "columnKind": "unicodeCodePoints",
            "invocations": [{ "executionSuccessful": true, "toolExecutionNotifications": unread }],
            "results": results,
        }],
    })
}

fn rule(rule: &Registered, (worst, surest): (Severity, f32)) -> Value {
    let summary = rule.section("What it detects").replace('\n', " ");
    json!({
        "id": rule.code(),
        "name": rule.name(),
        "shortDescription": { "text": rule.name().replace('-', " ") },
        "fullDescription": { "text": cut(&summary) },
        "help": { "text": cut(&rule.section("Use instead")), "markdown": rule.documentation() },
        "defaultConfiguration": { "level": level(worst) },
        "properties": {
            "tags": ["flaky-test", rule.cause().name()],
            "problem.severity": match worst {
                Severity::Critical | Severity::High => "error",
                Severity::Medium => "warning",
                _ => "recommendation",
            },
            "precision": if surest >= 0.8 { "high" } else if surest >= 0.5 { "medium" } else { "low" },
        },
    })
}

fn result(notice: &Notice<'_>, rule: usize) -> Value {
    let finding = notice.finding;
    json!({
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": level(finding.severity),
        "message": { "text": format!("{}\n{}", notice.message(), finding.help) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": artifact(&notice.path),
                "region": {
                    "startLine": finding.line,
                    "startColumn": finding.column + 1,
                    "endLine": finding.end_line,
                    "endColumn": finding.end_column + 1,
                },
            },
            "logicalLocations": [{ "fullyQualifiedName": notice.tests[0].id, "kind": "function" }],
        }],
        "partialFingerprints": { "flakydetector/v1": notice.fingerprint },
    })
}

/// A path as a relative URI; GitHub takes it from the top of the repository.
fn artifact(path: &str) -> Value {
    let mut uri = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    json!({ "uri": uri, "uriBaseId": "%SRCROOT%" })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
        Severity::None => "none",
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_HELP) {
        None => text.to_owned(),
        Some(_) => text.chars().take(MOST_HELP - 1).chain(['…']).collect(),
    }
}

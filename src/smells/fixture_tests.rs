//! Walks all rules: each has its five headings, unstable and stable cases in its fixture, exactly the findings
//! that the fixture's markers (`# flaky: FD101`) expect, and a snapshot of what it says.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::path::Path;

use super::{Context, Finding, HEADINGS, RULES, Registered, Selection, Severity, check};
use crate::python::{Analysis, Module, Project, PytestConfig};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Findings of one rule in one file, with the id of the test.
fn findings(file: &str, source: &str, code: &str) -> Vec<(String, Finding)> {
    let module = Module::parse(file.to_owned(), source.to_owned());
    assert_eq!(module.errors, vec![], "{file} has syntax errors");
    let project = Project::new(vec![module], PytestConfig::load(Path::new("/nonexistent")));
    let analysis = Analysis::new(&project);
    let selection = Selection { select: vec![code.to_owned()], ignore: vec![] };
    analysis
        .tests(0)
        .iter()
        .flat_map(|case| {
            let found = check(&Context::new(&analysis, case), &selection);
            found.into_iter().map(|finding| (case.id.clone(), finding)).collect::<Vec<_>>()
        })
        .collect()
}

fn fixture(rule: &Registered) -> (String, String) {
    let name = rule.name().replace('-', "_");
    let path = format!("{ROOT}/tests/fixtures/smells/{name}.py");
    let source =
        std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} has no fixture {path}", rule.code()));
    (format!("{name}.py"), source)
}

#[test]
fn every_rule_is_documented() {
    for rule in RULES {
        let documentation = rule.documentation();
        let title = format!("# {} {}", rule.code(), rule.name());
        assert!(documentation.starts_with(&title), "{} must begin with '{title}'", rule.code());
        let found: Vec<_> = documentation.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(found, HEADINGS, "headings of {}", rule.code());
        for heading in HEADINGS {
            assert!(rule.section(heading).len() > 20, "{} says nothing under '{heading}'", rule.code());
        }
    }
}

#[test]
fn codes_and_names_are_unique_and_in_order() {
    let codes: Vec<_> = RULES.iter().map(Registered::code).collect();
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(codes, sorted);
    let mut names: Vec<_> = RULES.iter().map(Registered::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), RULES.len());
}

#[test]
fn every_cause_has_a_rule() {
    for cause in super::Cause::ALL {
        assert!(RULES.iter().any(|rule| rule.cause() == cause), "no rule for {cause}");
    }
}

#[test]
fn every_marker_is_found_and_nothing_else() {
    let mut wrong = vec![];
    for rule in RULES {
        let (file, source) = fixture(rule);
        let marker = format!("# flaky: {}", rule.code());
        let expected: Vec<u32> = source
            .lines()
            .enumerate()
            .filter(|(_, line)| line.contains(&marker))
            .map(|(at, _)| at as u32 + 1)
            .collect();
        let found = findings(&file, &source, rule.code());
        let mut lines: Vec<u32> = found.iter().map(|(_, finding)| finding.line).collect();
        lines.sort_unstable();
        lines.dedup();
        if lines != expected {
            wrong.push(format!("{} in {file}: found on lines {lines:?}, expected {expected:?}", rule.code()));
        }
        assert!(!expected.is_empty(), "{file} has no unstable case");
        let unstable: std::collections::BTreeSet<_> = found.iter().map(|(id, _)| id).collect();
        let tests = source.matches("def test").count();
        assert!(unstable.len() < tests, "{file} has no stable case");
        for (_, finding) in &found {
            assert!(finding.end_line as usize <= source.lines().count());
            assert!((0.0..=1.0).contains(&finding.confidence));
            assert!(!finding.message.ends_with('.') && !finding.help.ends_with('.'), "{}", finding.message);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_every_rule_says() {
    insta::with_settings!({ snapshot_path => format!("{ROOT}/tests/snapshots/smells"), prepend_module_to_snapshot => false, omit_expression => true }, {
        for rule in RULES {
            let (file, source) = fixture(rule);
            let mut text = String::new();
            for (id, finding) in findings(&file, &source, rule.code()) {
                let Finding { line, column, severity, confidence, message, help, .. } = &finding;
                writeln!(text, "{id}\n  {line}:{column} {severity} {confidence:.2} {message}\n  help: {help}").unwrap();
            }
            insta::assert_snapshot!(rule.name().replace('-', "_"), text);
        }
    });
}

#[test]
fn severities_are_documented() {
    let mut table =
        String::from("| rule | critical | high | medium | low |\n| --- | --- | --- | --- | --- |\n");
    for rule in RULES {
        let (file, source) = fixture(rule);
        let found = findings(&file, &source, rule.code());
        write!(table, "| {} {} |", rule.code(), rule.name()).unwrap();
        for severity in [Severity::Critical, Severity::High, Severity::Medium, Severity::Low] {
            let percents = found.iter().filter(|(_, finding)| finding.severity == severity);
            let percents: std::collections::BTreeSet<_> =
                percents.map(|(_, finding)| (finding.confidence * 100.0).round() as u32).collect();
            let text = percents.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            write!(table, "{}{text} |", if text.is_empty() { "" } else { " " }).unwrap();
        }
        table.push('\n');
    }
    let path = format!("{ROOT}/docs/severity.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let mark = "writes it anew -->\n";
    let (head, written) = page.split_once(mark).unwrap();
    if std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        std::fs::write(&path, format!("{head}{mark}{table}")).unwrap();
    } else {
        assert_eq!(written, table, "write {path} anew with INSTA_UPDATE=always");
    }
}

#[test]
fn a_comment_silences_a_rule() {
    let source =
        "import time\n\ndef test_a():\n    time.sleep(1)  # flaky: ignore[FD101]\n    assert work()\n";
    assert_eq!(findings("test_a.py", source, "FD101"), vec![]);
    let other = source.replace("FD101", "FD102");
    assert_eq!(findings("test_a.py", &other, "FD101").len(), 1);
}

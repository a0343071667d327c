//! What a pipeline needs of a scan: formats that others read, a baseline, only what changed.

use std::process::Command;

use serde_json::Value;

use super::support::{Suite, text};

const TESTS: &str = "import os\nimport time\n\n\ndef test_a():\n    os.environ['A'] = '1'\n    assert True\n\n\n\
                     def test_b():\n    start()\n    time.sleep(1)\n    assert done()\n";

fn project() -> Suite {
    let suite = Suite::empty();
    suite.file("project/pyproject.toml", "[tool.pytest.ini_options]\n");
    suite.file("project/tests/test_a.py", TESTS);
    git(&suite, &["init", "--quiet"]);
    git(&suite, &["add", "."]);
    git(&suite, &["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "first"]);
    suite
}

fn git(suite: &Suite, arguments: &[&str]) {
    assert!(Command::new("git").args(arguments).current_dir(suite.path()).status().unwrap().success());
}

fn scan(suite: &Suite, arguments: &[&str]) -> Value {
    suite.json(&[&["scan", "project", "--format", "json"], arguments].concat())
}

fn findings(scan: &Value) -> Vec<(&str, &str)> {
    let tests = scan["tests"].as_array().unwrap().iter();
    tests
        .flat_map(|test| {
            let id = test["id"].as_str().unwrap();
            test["findings"]
                .as_array()
                .unwrap()
                .iter()
                .map(move |found| (id, found["code"].as_str().unwrap()))
        })
        .collect()
}

#[test]
fn sarif_names_rules_places_and_paths_from_the_top_of_the_repository() {
    let suite = project();
    let sarif = suite.json(&["scan", "project", "--format", "sarif"]);
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    assert!(run["automationDetails"]["id"].as_str().unwrap().ends_with('/'));
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    for result in results {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(rule["help"]["text"].as_str().unwrap().chars().count() <= 1024);
        assert!(rule["properties"].get("security-severity").is_none());
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "project/tests/test_a.py");
        for field in ["startLine", "startColumn", "endLine", "endColumn"] {
            assert!(place["region"][field].as_u64().unwrap() > 0, "{field}");
        }
    }
    assert_eq!(results[0]["ruleId"], "FD603");
    assert_eq!(results[0]["locations"][0]["physicalLocation"]["region"]["startColumn"], 5);
}

#[test]
fn annotations_are_escaped_and_the_rest_goes_to_the_summary() {
    let suite = project();
    suite.file("project/tests/test_100%,a:b.py", TESTS);
    let summary = suite.file("summary.md", "before\n");
    let output = suite
        .command(&["scan", "project", "--format", "github"])
        .env("GITHUB_STEP_SUMMARY", &summary)
        .output();
    let out = text(&output.unwrap().stdout);
    assert!(out.contains("file=project/tests/test_100%25%2Ca%3Ab.py,line=6,endLine=6,col=5,"), "{out}");
    assert!(out.lines().all(|line| line.starts_with("::")), "{out}");
    assert!(out.starts_with("::error "), "the worst come first: {out}");
    let written = std::fs::read_to_string(summary).unwrap();
    assert!(written.starts_with("before\n") && written.contains("| critical |"), "{written}");
}

#[test]
fn gitlab_and_junit_are_what_they_read() {
    let suite = project();
    let issues = suite.json(&["scan", "project", "--format", "gitlab"]);
    let issues = issues.as_array().unwrap();
    let mut prints: Vec<_> = issues.iter().map(|issue| issue["fingerprint"].as_str().unwrap()).collect();
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), issues.len());
    assert_eq!(issues[0]["location"]["path"], "project/tests/test_a.py");
    assert_eq!(issues[0]["location"]["lines"]["begin"], 6);
    // a line above moves the finding and not its fingerprint
    suite.file("project/tests/test_a.py", format!("\n{TESTS}"));
    let moved = suite.json(&["scan", "project", "--format", "gitlab"]);
    assert_eq!(moved[0]["location"]["lines"]["begin"], 7);
    assert_eq!(moved[0]["fingerprint"], issues[0]["fingerprint"]);

    let junit = suite.run(&["scan", "project", "--format", "junit", "--fail-on", "critical"]);
    assert_eq!(junit.status.code(), Some(1));
    let xml = text(&junit.stdout);
    assert_eq!(xml.matches("<testcase ").count(), 2);
    assert_eq!(xml.matches("<failure ").count(), 1);
    assert!(xml.contains(r#"classname="tests.test_a" name="test_a""#), "{xml}");
    // it is no report of a run, and is not taken for one
    let report = suite.file("scan.xml", &xml);
    let taken = suite.run(&["history", "import", report.to_str().unwrap(), "--project", "project"]);
    assert!(text(&taken.stderr).contains("report of a scan"), "{}", text(&taken.stderr));
}

#[test]
fn markdown_holds_names_in_their_cells() {
    let suite = project();
    let out = text(&suite.run(&["scan", "project", "--format", "markdown"]).stdout);
    let rows: Vec<_> = out.lines().filter(|line| line.starts_with("| ")).collect();
    assert_eq!(rows.len(), 4, "{out}");
    assert!(rows[2].starts_with("| critical | `project/tests/test_a.py:6` test\\_a | FD603 "), "{out}");
}

#[test]
fn a_baseline_hides_what_was_accepted_and_no_second_offence() {
    let suite = project();
    let write = suite.run(&["scan", "project", "--write-baseline", "known.json", "--fail-on", "low"]);
    assert_eq!(write.status.code(), Some(0), "{}", text(&write.stderr));
    assert!(text(&write.stderr).contains("2 findings accepted in known.json"));
    let hidden = scan(&suite, &["--baseline", "known.json"]);
    assert_eq!(findings(&hidden), []);
    assert_eq!(hidden["summary"]["baseline"]["hidden"], 2);
    assert_eq!(hidden["tests"][0]["severity"], "none");

    // lines that move hide still; a second offence in the same test shows
    let more = TESTS
        .replace("    assert True", "    os.environ['A'] = '1'\n    os.environ['B'] = '2'\n    assert True");
    suite.file("project/tests/test_a.py", format!("\n\n{more}"));
    let shown = scan(&suite, &["--baseline", "known.json"]);
    let plain = scan(&suite, &[]);
    assert_eq!(findings(&plain).len() - findings(&shown).len(), 2);
    assert!(findings(&shown).contains(&("tests/test_a.py::test_a", "FD603")));
    let failed = suite.run(&["scan", "project", "--baseline", "known.json", "--fail-on", "high"]);
    assert_eq!(failed.status.code(), Some(1));

    // an entry has an owner and an end
    let text_of = std::fs::read_to_string(suite.path().join("known.json")).unwrap();
    let ended = text_of.replacen(
        "\"count\": 1",
        "\"count\": 1,\n      \"owner\": \"core\",\n      \"expires\": \"2020-01-01\"",
        1,
    );
    suite.file("known.json", ended);
    suite.file("project/tests/test_a.py", TESTS);
    let again = scan(&suite, &["--baseline", "known.json"]);
    assert_eq!(findings(&again).len(), 1);
    assert_eq!(again["summary"]["baseline"]["expired"], 1);
    suite.run(&["scan", "project", "--write-baseline", "known.json"]);
    let kept = std::fs::read_to_string(suite.path().join("known.json")).unwrap();
    assert!(kept.contains("\"owner\": \"core\"") && kept.contains("2020-01-01"), "{kept}");
}

#[test]
fn a_baseline_that_cannot_be_used_is_an_error() {
    let suite = project();
    suite.file("broken.json", "{");
    suite.file("other.json", r#"{"version": 9, "entries": []}"#);
    for (file, said) in
        [("none.json", "--write-baseline"), ("broken.json", "no baseline"), ("other.json", "version is 9")]
    {
        let output = suite.run(&["scan", "project", "--baseline", file]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn only_what_changed_is_reported() {
    let suite = project();
    assert_eq!(findings(&scan(&suite, &["--diff-base", "HEAD"])), []);
    suite.file("project/tests/test_a.py", TESTS.replace("assert done()", "assert done(1)"));
    suite.file("project/tests/test_new.py", TESTS);
    let found = scan(&suite, &["--diff-base", "HEAD"]);
    let ids: Vec<_> =
        found["tests"].as_array().unwrap().iter().map(|test| test["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["tests/test_a.py::test_b", "tests/test_new.py::test_a", "tests/test_new.py::test_b"]);
    let unknown = suite.run(&["scan", "project", "--diff-base", "nowhere"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("nowhere"), "{}", text(&unknown.stderr));
}

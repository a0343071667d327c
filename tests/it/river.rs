//! The main job: scan, index, search, similar, explain and patterns, each by the real binary with its real parts.

use serde_json::Value;

use super::support::{Suite, text};

fn ids(answer: &Value) -> Vec<&str> {
    answer["hits"].as_array().unwrap().iter().map(|hit| hit["id"].as_str().unwrap()).collect()
}

#[test]
fn scan_finds_every_test_and_says_why() {
    let suite = Suite::new();
    let scan = suite.json(&["scan", ".", "--format", "json"]);
    assert_eq!(scan["schema_version"], 1);
    let found: Vec<_> =
        scan["tests"].as_array().unwrap().iter().map(|test| test["id"].as_str().unwrap()).collect();
    assert_eq!(
        found,
        [
            "tests/cache/test_expiry.py::TestExpiry::test_key_expires",
            "tests/cache/test_expiry.py::TestExpiry::test_key_expires_through_a_helper",
            "tests/cache/test_expiry.py::TestExpiry::test_key_is_kept",
            "tests/cache/test_expiry.py::test_lock_is_released",
            "tests/cache/test_expiry.py::test_pubsub_message_arrives",
            "tests/cache/test_expiry.py::test_url_is_parsed",
            "tests/unit/test_settings.py::Base::test_inherited",
            "tests/unit/test_settings.py::SettingsTest::test_inherited",
            "tests/unit/test_settings.py::SettingsTest::test_reads_environment",
            "tests/unit/test_settings.py::SettingsTest::test_registers",
            "tests/unit/test_settings.py::test_addition",
            "tests/unit/test_settings.py::test_shuffle_changes_something",
        ]
    );
    let test =
        |id: &str| scan["tests"].as_array().unwrap().iter().find(|test| test["id"] == id).unwrap().clone();
    let expires = test("tests/cache/test_expiry.py::TestExpiry::test_key_expires");
    assert_eq!(expires["async"], true);
    assert!(expires["causes"].as_array().unwrap().contains(&"async-wait".into()));
    assert!(expires["libraries"].as_array().unwrap().contains(&"redis".into()));
    assert_eq!(expires["teams"], serde_json::json!(["acme/storage"]));
    assert_eq!(expires["features"].as_object().unwrap().len(), 42);
    assert!(!expires["contributions"].as_array().unwrap().is_empty());
    let finding = &expires["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|found| found["code"] == "FD101")
        .unwrap()
        .clone();
    assert_eq!((finding["line"].as_u64(), finding["column"].as_u64()), (Some(12), Some(14)));
    let helped = test("tests/cache/test_expiry.py::TestExpiry::test_key_expires_through_a_helper");
    let ways: Vec<_> =
        helped["findings"].as_array().unwrap().iter().filter_map(|found| found["via"].as_str()).collect();
    assert!(ways.contains(&"wait_for_expiry, tests/conftest.py:15"), "{ways:?}");
    assert_eq!(test("tests/unit/test_settings.py::test_addition")["severity"], "none");
    assert_eq!(scan["summary"]["tests"], 12);
}

#[test]
fn the_river_from_file_to_answer() {
    let suite = Suite::new();
    let indexed = suite.run(&["index", ".", "--repo", "acme/shop"]);
    assert!(indexed.status.success(), "{}", text(&indexed.stderr));
    assert!(
        text(&indexed.stderr).contains("12 added, 0 updated, 0 unchanged, 0 removed"),
        "{}",
        text(&indexed.stderr)
    );
    let again = suite.run(&["index", ".", "--repo", "acme/shop"]);
    assert!(
        text(&again.stderr).contains("0 added, 0 updated, 12 unchanged, 0 removed"),
        "{}",
        text(&again.stderr)
    );

    let answer = suite.json(&["search", "similar async Redis flakes", "--limit", "4", "--format", "json"]);
    assert_eq!(answer["facets"]["async"], true);
    let first_four = ids(&answer);
    assert_eq!(first_four.len(), 4);
    for hit in answer["hits"].as_array().unwrap() {
        assert_eq!(hit["async"], true, "{hit}");
        assert!(hit["libraries"].as_array().unwrap().contains(&"redis".into()), "{hit}");
        assert!(!hit["findings"].as_array().unwrap().is_empty(), "{hit}");
        assert!(!hit["why"].as_array().unwrap().is_empty(), "{hit}");
    }

    let like = suite.json(&["similar", "test_key_expires", "--format", "json"]);
    assert!(!ids(&like).contains(&"tests/cache/test_expiry.py::TestExpiry::test_key_expires"));
    assert!(ids(&like)[0].starts_with("tests/cache/"), "{like}");

    let answer = suite.json(&["explain", "test_key_expires", "--format", "json"]);
    assert_eq!(answer["model"], Value::Null);
    assert!(answer["note"].as_str().unwrap().contains("no model took part"), "{answer}");
    let causes: Vec<_> = answer["causes"].as_array().unwrap().iter().map(|cause| &cause["cause"]).collect();
    assert!(causes.contains(&&Value::from("async-wait")), "{causes:?}");
    let known: Vec<_> =
        answer["sources"].as_array().unwrap().iter().map(|source| source["ref"].clone()).collect();
    let sentences = answer["sentences"].as_array().unwrap();
    assert!(sentences.len() >= 3, "{answer}");
    for sentence in sentences {
        let citations = sentence["citations"].as_array().unwrap();
        assert!(
            !citations.is_empty() && citations.iter().all(|citation| known.contains(citation)),
            "{sentence}"
        );
    }

    let patterns = suite.json(&["patterns", "--format", "json"]);
    assert_eq!(patterns["tests"], 12);
    let sleeping =
        patterns["patterns"].as_array().unwrap().iter().find(|pattern| pattern["code"] == "FD101").unwrap();
    assert_eq!(sleeping["repos"], serde_json::json!(["acme/shop"]));

    std::fs::remove_file(suite.path().join("tests/unit/test_settings.py")).unwrap();
    let gone = suite.run(&["index", ".", "--repo", "acme/shop"]);
    assert!(
        // those that stay have their risk among fewer now
        text(&gone.stderr).contains("0 added, 6 updated, 0 unchanged, 6 removed"),
        "{}",
        text(&gone.stderr)
    );
}

#[test]
fn the_prompt_can_be_seen() {
    let suite = Suite::new();
    assert!(suite.run(&["index", "."]).status.success());
    let shown = text(&suite.run(&["explain", "test_key_expires", "--show-prompt"]).stdout);
    assert!(shown.contains("asyncio.sleep(1.1)") && shown.contains("T1"), "{shown}");
}

#[test]
fn the_threshold_decides_the_exit_code() {
    let suite = Suite::new();
    assert_eq!(suite.run(&["scan", "."]).status.code(), Some(0));
    assert_eq!(suite.run(&["scan", ".", "--fail-on", "low"]).status.code(), Some(1));
    assert_eq!(
        suite
            .run(&["scan", "tests/cache/test_expiry.py", "--select", "FD5", "--fail-on", "low"])
            .status
            .code(),
        Some(0)
    );
}

#[test]
fn rules_explain_themselves() {
    let suite = Suite::new();
    let shown = text(&suite.run(&["rule", "FD101"]).stdout);
    assert!(shown.starts_with("# FD101 sleep-as-synchronization") && shown.contains("## Use instead"));
    let all = suite.json(&["rule", "--all", "--format", "json"]);
    assert!(all.as_array().unwrap().len() >= 15);
}

#[test]
fn a_part_of_a_project_is_indexed_without_losing_the_rest() {
    let suite = Suite::new();
    let said = |arguments: &[&str]| {
        let output = suite.run(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    said(&["index", "."]);
    let part = said(&["index", "tests/unit"]);
    assert!(part.contains("0 added") && part.contains("0 removed"), "{part}");
    let file = suite.path().join("tests/unit/test_settings.py");
    let source = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, source.replace("def test_addition", "def check_addition")).unwrap();
    assert!(said(&["index", "tests/cache"]).contains("0 removed"));
    assert!(said(&["index", "tests/unit"]).contains("1 removed"));
    assert!(said(&["index", "."]).contains("0 removed"));
    assert!(suite.run(&["explain", "test_key_expires", "--model", "none"]).status.success());
}

//! Outcomes of real runs: reports that pytest, pytest-rerunfailures, unittest-xml-reporting and nose2 wrote of the
//! project beside them, taken in, shown, and used.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn reports() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reports")
}

fn run(store: &Path, arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_flakydetector"))
        .args(arguments)
        .env("FLAKYDETECTOR_STORE", store)
        .output()
        .unwrap()
}

fn json(store: &Path, arguments: &[&str]) -> Value {
    let output = run(store, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn reports_of_every_writer_are_taken_in_once() {
    let store = tempfile::tempdir().unwrap();
    let (reports, project) = (reports(), reports().join("project"));
    let import = [
        "history",
        "import",
        text(&reports),
        "--project",
        text(&project),
        "--repo",
        "shop",
        "--format",
        "json",
    ];
    let first = json(store.path(), &import);
    assert_eq!((first["reports"].as_u64(), first["known"].as_u64()), (Some(6), Some(0)));
    assert_eq!(first["unmatched"], serde_json::json!([]));
    let id = |name: &str| format!("tests/test_shop.py::{name}");
    let expected = [id("TestCart::test_total"), id("test_second_try"), id("test_stock")];
    assert_eq!(first["newly_flaky"], serde_json::json!(expected));
    let second = json(store.path(), &import);
    assert_eq!(
        (second["known"].as_u64(), second["newly_flaky"].as_array().map(Vec::len)),
        (Some(6), Some(0))
    );
    let show = |test: &str| {
        json(
            store.path(),
            &["history", "show", test, "--project", text(&project), "--repo", "shop", "--format", "json"],
        )
    };
    let price = show("test_price");
    assert_eq!((price["verdict"].as_str(), price["outcomes"]["runs"].as_u64()), (Some("stable"), Some(4)));
    let again = show("test_second_try");
    assert_eq!(again["outcomes"]["retried"].as_u64(), Some(1));
    assert_eq!(show("test_later")["outcomes"]["skips"].as_u64(), Some(4));
    let stock = show("test_stock");
    assert_eq!(stock["outcomes"]["shapes"].as_array().map(Vec::len), Some(1), "{stock}");
}

#[test]
fn the_risk_adapts_to_what_was_observed() {
    let store = tempfile::tempdir().unwrap();
    let project = tempfile::tempdir().unwrap();
    let folder = project.path().join("tests");
    std::fs::create_dir_all(&folder).unwrap();
    let body = |kind: &str| -> String {
        (0..20)
            .map(|number| format!("def test_{kind}_{number}():\n    assert {kind}({number})\n\n\n"))
            .collect()
    };
    std::fs::write(folder.join("test_lock.py"), format!("from shop import lock\n\n\n{}", body("lock")))
        .unwrap();
    std::fs::write(folder.join("test_sum.py"), format!("from shop import total\n\n\n{}", body("total")))
        .unwrap();
    let scan = || json(store.path(), &["scan", text(project.path()), "--repo", "shop", "--format", "json"]);
    let risk = |scan: &Value, name: &str| {
        let tests = scan["tests"].as_array().unwrap();
        let test = tests.iter().find(|test| test["id"].as_str().unwrap().ends_with(name)).unwrap().clone();
        (test["risk"].as_f64().unwrap(), test)
    };
    let before = scan();
    assert_eq!(risk(&before, "test_lock_9").1["risk_basis"], "prior");
    assert!(before["summary"]["basis"].is_null());
    let report = |round: u32| -> String {
        let case = |kind: &str, file: &str, number: u32, fails: bool| {
            let failure = if fails { "<failure message='late'/>" } else { "" };
            format!(
                "<testcase classname='tests.test_{file}' name='test_{kind}_{number}'>{failure}</testcase>"
            )
        };
        let cases: String = (0..5)
            .map(|number| case("lock", "lock", number, round == 1) + &case("total", "sum", number, false))
            .collect();
        format!("<testsuite timestamp='2026-11-2{round}T10:00:00Z'>{cases}</testsuite>")
    };
    for round in 0..3 {
        std::fs::write(store.path().join(format!("{round}.xml")), report(round)).unwrap();
    }
    let pattern = store.path().join("*.xml");
    json(
        store.path(),
        &[
            "history",
            "import",
            text(&pattern),
            "--project",
            text(project.path()),
            "--repo",
            "shop",
            "--format",
            "json",
        ],
    );
    let after = scan();
    assert_eq!(after["summary"]["basis"], serde_json::json!({ "outcomes": 10, "flaky": 5, "stable": 5 }));
    let (lock, test) = risk(&after, "test_lock_9");
    assert_eq!(test["risk_basis"], "adapted");
    assert_eq!(test["neighbours"][0]["flaky"], true);
    assert!(lock > 2.0 * risk(&after, "test_total_9").0, "{lock}");
    assert!(risk(&after, "test_lock_0").0 >= 0.9);
    let seen = &risk(&after, "test_lock_0").1["outcomes"];
    assert_eq!((&seen["verdict"], &seen["failures"]), (&"flaky".into(), &1.into()));

    let root = text(project.path());
    let hindsight = json(
        store.path(),
        &["evaluate", "--history", "--project", root, "--repo", "shop", "--format", "json"],
    );
    assert_eq!((hindsight["known"].as_u64(), hindsight["flaky"].as_u64()), (Some(10), Some(5)));
    assert_eq!(hindsight["missed"].as_array().map(Vec::len), Some(5), "no rule finds anything in them");

    let index = run(store.path(), &["index", root, "--repo", "shop"]);
    assert!(index.status.success(), "{}", String::from_utf8_lossy(&index.stderr));
    let found = json(store.path(), &["search", "known flaky locks", "--limit", "3", "--format", "json"]);
    assert_eq!(found["facets"]["observed"], "flaky");
    let hits = found["hits"].as_array().unwrap();
    assert!(hits.iter().all(|hit| hit["outcomes"]["verdict"] == "flaky"), "{found}");
    let why = json(store.path(), &["explain", "test_lock_9", "--risk", "--format", "json"]);
    assert_eq!(why["risk_basis"], "adapted");
    assert_eq!(why["neighbours"][0]["flaky"], true);
    let late = report(4).replace("test_lock_4", "test_lock_9").replace("/>", " />");
    std::fs::write(store.path().join("4.xml"), late.replacen("></testcase>", "><failure/></testcase>", 1))
        .unwrap();
    let four = store.path().join("4.xml");
    let import = ["history", "import", text(&four), "--project", root, "--repo", "shop"];
    let output = run(store.path(), &import);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("stored tests know their outcomes"), "{said}");
}

#[test]
fn what_cannot_be_taken_in_is_said() {
    let store = tempfile::tempdir().unwrap();
    let project = reports().join("project");
    let import = |path: &Path| {
        run(store.path(), &["history", "import", text(path), "--project", text(&project), "--repo", "shop"])
    };
    let broken = store.path().join("broken.xml");
    std::fs::write(&broken, "<!DOCTYPE x [<!ENTITY a 'b'>]><testsuite/>").unwrap();
    let output = import(&broken);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("document type") && said.contains("broken.xml"), "{said}");
    let output = import(&store.path().join("nowhere"));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no report at"));
    let output =
        run(store.path(), &["history", "show", "test_price", "--project", text(&project), "--repo", "shop"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("history import"));
}

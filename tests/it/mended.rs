//! `evaluate findings` on a repository made here: what the rules saw of a test before and after it was mended.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::{Suite, text};

/// Two mends: a pause becomes a join, and a test that reads today's date gets a comment that helps nothing.
const BEFORE: &str = "\
import datetime
import threading
import time


def test_waits():
    done = []
    threading.Thread(target=lambda: done.append(1)).start()
    time.sleep(0.2)
    assert done == [1]


def test_today(report):
    assert report.day == datetime.date.today()
";
const AFTER: &str = "\
import datetime
import threading
import time


def test_waits():
    done = []
    thread = threading.Thread(target=lambda: done.append(1))
    thread.start()
    thread.join()
    assert done == [1]


def test_today(report):
    # the day may change here
    assert report.day == datetime.date.today()
";

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=Somebody",
            "-c",
            "user.email=somebody@example.org",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).trim().to_owned()
}

/// A clone below `clones` with both commits; the commit that mends.
fn repository(suite: &Suite) -> String {
    let commit = |content: &str, message: &str| {
        let file: PathBuf = suite.file("clones/owner+name/tests/test_all.py", content);
        let folder = file.parent().unwrap().parent().unwrap().to_owned();
        if !folder.join(".git").is_dir() {
            git(&folder, &["init", "--quiet"]);
        }
        git(&folder, &["add", "."]);
        git(&folder, &["commit", "--quiet", "--message", message]);
        git(&folder, &["rev-parse", "HEAD"])
    };
    commit(BEFORE, "Test waiting and today");
    commit(AFTER, "Mend a flaky test")
}

#[test]
fn mended_tests_are_looked_at_before_and_after() {
    let suite = Suite::new();
    let sha = repository(&suite);
    let rows = [
        format!("owner/name,{sha},tests/test_all.py::test_waits,async-wait,paused instead of joining"),
        format!("owner/name,{sha},tests/test_all.py::test_today,time,compared with today"),
        format!("owner/name,{sha},tests/test_all.py::test_today,network,nothing of the kind"),
        format!("owner/name,{sha},tests/test_all.py::test_other,time,not there"),
        format!("owner/gone,{sha},tests/test_all.py::test_waits,time,no clone"),
    ];
    suite.file("mended.csv", format!("repo,commit,test_id,cause,what\n{}\n", rows.join("\n")));
    let arguments = ["evaluate", "findings", "--table", "mended.csv", "--clones", "clones"];
    let report = suite.json(&[&arguments[..], &["--format", "json"]].concat());
    for (figure, expected) in [("rows", 4), ("tests_found", 3), ("seen", 2), ("near", 2), ("gone", 1)] {
        assert_eq!(report[figure], expected, "{figure}: {report:#}");
    }
    assert_eq!(report["recall"], 0.5);
    assert_eq!(report["gone_share"], 0.5);
    let tests = report["tests"].as_array().unwrap();
    let states: Vec<_> = tests.iter().map(|test| test["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["gone", "stays", "missed", "no-test", "no-clone"]);
    assert!(tests[0]["before"].as_array().unwrap().iter().any(|place| place == "FD101@9"), "{:#}", tests[0]);
    assert!(!tests[0]["after"].to_string().contains("FD101"), "{:#}", tests[0]);
    assert_eq!(report["by_cause"][0][0], "async-wait");
    assert_eq!(report["by_cause"][0][1]["recall"], 1.0);

    let output = suite.run(&arguments);
    let page = text(&output.stdout);
    assert!(output.status.success());
    assert!(page.contains("| all | 4 | 3 | 2 | 50% | 2 | 50% | 1 | 50% |"), "{page}");
    assert!(page.contains("no clone of owner/gone under clones"), "{page}");
}

#[test]
fn a_table_or_clones_that_cannot_be_used_are_one_message() {
    let suite = Suite::new();
    suite.file("labels.csv", "repo,sha,test_id,category\na/b,c,t.py::test_a,NOD\n");
    suite.file("cause.csv", "repo,commit,test_id,cause,what\na/b,c,t.py::test_a,weather,rain\n");
    suite.file("good.csv", "repo,commit,test_id,cause,what\na/b,c,t.py::test_a,time,late\n");
    std::fs::create_dir(suite.path().join("clones")).unwrap();
    for (table, clones, words) in [
        ("none.csv", "clones", "cannot read none.csv"),
        ("labels.csv", "clones", "needs the columns repo, commit, test_id, cause, what"),
        ("cause.csv", "clones", "weather"),
        ("good.csv", "nowhere", "no folder 'nowhere'"),
        ("good.csv", "clones", "'clones' holds no clone"),
    ] {
        let output = suite.run(&["evaluate", "findings", "--table", table, "--clones", clones]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{table}: {message}");
        assert_eq!(
            message.lines().filter(|line| line.starts_with("flakydetector: ")).count(),
            1,
            "{message}"
        );
        assert!(message.contains(words), "{table}: {message}");
    }
}

#[test]
fn commits_that_say_so_become_labels_and_a_table() {
    let suite = Suite::new();
    repository(&suite);
    let folder = suite.path().join("clones/owner+name");
    let last = AFTER.replace("== datetime.date.today()", "in (report.made, datetime.date.today())");
    for (content, message) in [
        (last.clone(), "Steady an intermittent test"),
        (last.replace("done == [1]", "[1] == done"), "Turn a comparison round"),
    ] {
        suite.file("clones/owner+name/tests/test_all.py", content);
        git(&folder, &["commit", "--quiet", "--all", "--message", message]);
    }
    let (before, commit) = (git(&folder, &["rev-parse", "HEAD~2"]), git(&folder, &["rev-parse", "HEAD~1"]));
    let mined = suite.run(&["dataset", "mine", "--clones", "clones"]);
    assert!(mined.status.success(), "{}", text(&mined.stderr));
    // the first mend changed two tests, and the last commit says nothing of the kind
    let label = format!("owner/name,{before},tests/test_all.py::test_today,NOD,{commit}");
    let written = std::fs::read_to_string(suite.path().join("mined.csv")).unwrap();
    assert_eq!(written, format!("repo,sha,test_id,category,commit\n{label}\n"));
    let build =
        ["dataset", "build", "--labels", "mined.csv", "--clones", "clones", "--output", "table.csv.gz"];
    let built = suite.run(&[&build[..], &["--each-commit", "0"]].concat());
    assert!(text(&built.stderr).contains("1 tests, 1 of them flaky"), "{}", text(&built.stderr));

    suite.file("without.txt", "Owner/Name\n");
    let nothing = suite.run(&["dataset", "mine", "--clones", "clones", "--without", "without.txt"]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(text(&nothing.stderr).contains("holds no git clone"), "{}", text(&nothing.stderr));
}

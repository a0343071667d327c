//! `scan --fix` and `--diff` as a user meets them: what is written, what is left alone, and what is said.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use super::support::{Suite, text};

const TEST: &str = "import os\n\n\ndef test_names(out):\n    # in the folder\n    assert os.listdir(out) == [\"a\", \"b\"]  # two\n";
const MENDED: &str = "import os\n\n\ndef test_names(out):\n    # in the folder\n    assert sorted(os.listdir(out)) == [\"a\", \"b\"]  # two\n";

fn read(suite: &Suite, file: &str) -> Vec<u8> {
    std::fs::read(suite.path().join(file)).unwrap()
}

#[test]
fn an_edit_changes_its_place_and_nothing_else_and_a_second_run_nothing() {
    let suite = Suite::empty();
    suite.file("test_a.py", TEST);
    let output = suite.run(&["scan", ".", "--fix", "--fail-on", "low"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("mended 1 finding in 1 file"), "{}", text(&output.stderr));
    assert_eq!(text(&read(&suite, "test_a.py")), MENDED);
    let again = suite.run(&["scan", ".", "--fix"]);
    assert!(text(&again.stderr).contains("mended 0 findings in 0 files"));
    assert_eq!(text(&read(&suite, "test_a.py")), MENDED);
}

#[test]
fn a_diff_writes_nothing_and_git_takes_it() {
    let suite = Suite::empty();
    suite.file("inner/test_a.py", TEST);
    suite.file("inner/pytest.ini", "[pytest]\n");
    Command::new("git").args(["init", "-q"]).current_dir(suite.path()).status().unwrap();
    let output = suite.run(&["scan", "inner", "--diff"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&read(&suite, "inner/test_a.py")), TEST);
    suite.file("x.diff", &output.stdout);
    assert!(
        Command::new("git").args(["apply", "x.diff"]).current_dir(suite.path()).status().unwrap().success()
    );
    assert_eq!(text(&read(&suite, "inner/test_a.py")), MENDED);
    assert_eq!(suite.run(&["scan", "inner", "--diff"]).status.code(), Some(0));
}

#[test]
fn what_may_change_a_test_waits_for_its_flag() {
    let suite = Suite::empty();
    let test =
        "import os\n\n\ndef test_mode():\n    os.environ[\"MODE\"] = \"x\"\n    assert mode() == \"x\"\n";
    suite.file("test_a.py", test);
    let safe = suite.run(&["scan", ".", "--fix"]);
    assert!(text(&safe.stderr).contains("1 more with --unsafe-fixes"), "{}", text(&safe.stderr));
    assert!(
        text(&safe.stdout).contains("--fix --unsafe-fixes: change it with monkeypatch"),
        "{}",
        text(&safe.stdout)
    );
    assert_eq!(text(&read(&suite, "test_a.py")), test);
    suite.run(&["scan", ".", "--fix", "--unsafe-fixes"]);
    let mended = text(&read(&suite, "test_a.py"));
    assert!(
        mended.contains("def test_mode(monkeypatch):\n    monkeypatch.setenv(\"MODE\", \"x\")\n"),
        "{mended}"
    );
}

#[test]
fn line_ends_marks_and_encodings_stay() {
    let suite = Suite::empty();
    suite.file("test_crlf.py", TEST.replace('\n', "\r\n"));
    suite.file("test_mark.py", [b"\xef\xbb\xbf", TEST.as_bytes()].concat());
    let latin: Vec<u8> =
        format!("# coding: latin-1\n{TEST}").replace("two", "zw\u{f6}lf").chars().map(|c| c as u8).collect();
    suite.file("test_latin.py", &latin);
    suite.file("test_tabs.py", TEST.replace("    ", "\t"));
    suite.file(
        "test_cookie.py",
        "# coding: koi8-r\nx = '\u{f6}'\n".chars().map(|c| c as u8).collect::<Vec<_>>(),
    );
    let output = suite.run(&["scan", ".", "--fix"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&read(&suite, "test_crlf.py")), MENDED.replace('\n', "\r\n"));
    assert_eq!(read(&suite, "test_mark.py"), [b"\xef\xbb\xbf", MENDED.as_bytes()].concat());
    let wanted: Vec<u8> = format!("# coding: latin-1\n{MENDED}")
        .replace("two", "zw\u{f6}lf")
        .chars()
        .map(|c| c as u8)
        .collect();
    assert_eq!(read(&suite, "test_latin.py"), wanted);
    assert_eq!(text(&read(&suite, "test_tabs.py")), MENDED.replace("    ", "\t"));
    assert!(text(&output.stdout).contains("test_cookie.py"), "the file that cannot be read is named");
}

#[test]
fn a_syntax_error_elsewhere_does_not_keep_a_test_from_being_mended() {
    let suite = Suite::empty();
    suite.file("test_a.py", format!("{TEST}\n\ndef broken(:\n    pass\n"));
    let output = suite.run(&["scan", ".", "--fix"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&read(&suite, "test_a.py")).starts_with(MENDED));
}

#[test]
fn a_file_that_cannot_be_written_is_named_and_the_others_are_written() {
    let suite = Suite::empty();
    let locked = suite.file("test_a.py", TEST);
    suite.file("test_b.py", TEST);
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o444)).unwrap();
    let output = suite.run(&["scan", ".", "--fix"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("test_a.py: cannot be written: it is read-only") && said.contains("1 file was left"),
        "{said}"
    );
    assert_eq!(text(&read(&suite, "test_a.py")), TEST);
    assert_eq!(text(&read(&suite, "test_b.py")), MENDED);
    assert!(text(&output.stdout).contains("FD802"), "the report tells what is left");
}

#[test]
fn edits_that_overlap_go_one_after_the_other() {
    let suite = Suite::empty();
    suite.file(
        "test_a.py",
        "import os\nimport random\n\n\ndef test_all(out):\n    os.environ[\"A\"] = str(random.random())\n    \
         os.environ[\"B\"] = open(\"a.txt\").read()\n    assert os.listdir(out) == [\"b\", \"a\"]\n",
    );
    let output = suite.run(&["scan", ".", "--fix", "--unsafe-fixes"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mended = text(&read(&suite, "test_a.py"));
    for part in [
        "def test_all(out, monkeypatch):",
        "    monkeypatch.setenv(\"A\", str(random.random()))\n",
        "    with open(\"a.txt\") as file:\n        monkeypatch.setenv(\"B\", file.read())\n",
        "    assert sorted(os.listdir(out)) == sorted([\"b\", \"a\"])\n",
    ] {
        assert!(mended.contains(part), "{part:?} in {mended}");
    }
    assert_eq!(suite.run(&["scan", ".", "--diff", "--unsafe-fixes"]).status.code(), Some(0));
}

#[test]
fn standard_input_has_no_file_to_mend() {
    let suite = Suite::empty();
    let mut command = suite.command(&["scan", "-", "--fix"]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--fix needs files"), "{}", text(&output.stderr));
}

#[test]
fn explain_proposes_checks_and_writes() {
    let suite = Suite::empty();
    suite.file("pytest.ini", "[pytest]\n");
    suite.file("test_a.py", TEST);
    suite.file("test_b.py", "import time\nimport requests\n\n\ndef test_live():\n    assert requests.get(\"http://example.com\").ok\n");
    assert!(suite.run(&["index", "."]).status.success());
    let answer =
        suite.json(&["explain", "test_a.py::test_names", "--fix", "--model", "none", "--format", "json"]);
    let fix = &answer["fix"];
    assert_eq!((&fix["origin"], &fix["verified"]), (&"rule".into(), &true.into()), "{fix}");
    assert_eq!(fix["findings_before"], serde_json::json!(["FD802"]));
    assert_eq!(fix["findings_after"], serde_json::json!([]));
    assert!(fix["diff"].as_str().unwrap().contains("+    assert sorted(os.listdir(out))"), "{fix}");
    assert!(fix["wider"][0].as_str().unwrap().contains("order no longer counts"), "{fix}");
    assert!(fix["risk_after"].as_f64().unwrap() <= fix["risk_before"].as_f64().unwrap());
    assert_eq!(text(&read(&suite, "test_a.py")), TEST, "nothing is written unasked");

    // what no rule mends is said, with the rest of the answer
    let none =
        suite.json(&["explain", "test_b.py::test_live", "--fix", "--model", "none", "--format", "json"]);
    assert_eq!(none["fix"], serde_json::Value::Null);
    assert!(none["fix_note"].as_str().unwrap().contains("no model takes part"), "{none}");
    assert!(!none["sentences"].as_array().unwrap().is_empty());
    let unwritten = suite.run(&["explain", "test_b.py::test_live", "--fix", "--write", "--model", "none"]);
    assert_eq!(unwritten.status.code(), Some(2));

    let written = suite.run(&["explain", "test_a.py::test_names", "--fix", "--write", "--model", "none"]);
    assert!(written.status.success(), "{}", text(&written.stderr));
    assert!(
        text(&written.stdout).contains("Fix by the rule's own edit: verified"),
        "{}",
        text(&written.stdout)
    );
    assert_eq!(text(&read(&suite, "test_a.py")), MENDED);
}

fn commit(suite: &Suite, message: &str) -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(suite.path()).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).trim().to_owned()
    };
    if !suite.path().join(".git").exists() {
        git(&["init", "-q"]);
    }
    git(&["add", "tests", "pytest.ini"]);
    git(&["-c", "user.name=Ada", "-c", "user.email=a@b.c", "commit", "-qm", message]);
    git(&["rev-parse", "HEAD"])
}

#[test]
fn how_it_was_mended_here_is_mined_and_cited() {
    let suite = Suite::empty();
    suite.file("pytest.ini", "[pytest]\n");
    let other = TEST.replace("test_names", "test_other");
    let lost = "\n\ndef test_lost(out):\n    prepare(out)\n    assert os.listdir(out) == [\"c\", \"d\"]\n";
    suite.file("tests/test_old.py", format!("{TEST}{lost}"));
    suite.file("tests/test_b.py", &other);
    commit(&suite, "first");
    // the assertion goes with the finding: no mending
    suite.file(
        "tests/test_old.py",
        format!("{TEST}{}", lost.replace("    assert os.listdir(out) == [\"c\", \"d\"]\n", "")),
    );
    commit(&suite, "drop what fails");
    std::fs::rename(suite.path().join("tests/test_old.py"), suite.path().join("tests/test_a.py")).unwrap();
    commit(&suite, "rename");
    suite.file(
        "tests/test_a.py",
        format!("{MENDED}{}", lost.replace("    assert os.listdir(out) == [\"c\", \"d\"]\n", "")),
    );
    let mend = commit(&suite, "sort");
    let first = suite.run(&["index", ".", "--mine-fixes"]);
    assert!(first.status.success(), "{}", text(&first.stderr));
    assert!(text(&first.stderr).contains("mined 4 commits: 1 mended test ("), "{}", text(&first.stderr));
    let answer = suite.json(&["explain", "test_b.py::test_other", "--model", "none", "--format", "json"]);
    let source =
        answer["sources"].as_array().unwrap().iter().find(|source| source["ref"] == "X1").unwrap().clone();
    assert_eq!((&source["kind"], &source["commit"]), (&"fix".into(), &mend.clone().into()));
    assert!(source["text"].as_str().unwrap().contains("+    assert sorted(os.listdir(out))"), "{source}");
    let cites =
        |sentence: &&serde_json::Value| sentence["citations"].as_array().unwrap().contains(&"X1".into());
    let said = answer["sentences"].as_array().unwrap().iter().find(cites).unwrap()["text"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(said.contains(&mend[..12]), "{said}");

    // what was looked at is not looked at again
    let again = suite.run(&["index", ".", "--mine-fixes"]);
    assert!(text(&again.stderr).contains("mined 0 commits: 0 mended tests"), "{}", text(&again.stderr));
    // a few commits at a time come to the same
    let store = suite.path().join("few");
    let few = |expected: &str| {
        let out = suite.run(&[
            "index",
            ".",
            "--mine-fixes",
            "--mine-commits",
            "2",
            "--store",
            store.to_str().unwrap(),
        ]);
        assert!(text(&out.stderr).contains(expected), "{}", text(&out.stderr));
    };
    few("mined 2 commits: 1 mended test (");
    few("mined 2 commits: 0 mended tests");
    few("mined 0 commits: 0 mended tests");
}

#[test]
fn a_history_that_lacks_a_content_is_mined_all_the_same() {
    let suite = Suite::empty();
    suite.file("pytest.ini", "[pytest]\n");
    suite.file("tests/test_old.py", format!("{TEST}\n\ndef test_more():\n    assert prepare\n"));
    let first = commit(&suite, "first");
    // git compares the two contents to tell that it is a rename
    std::fs::remove_file(suite.path().join("tests/test_old.py")).unwrap();
    suite.file("tests/test_a.py", TEST);
    commit(&suite, "rename and change");
    suite.file("tests/test_a.py", MENDED);
    commit(&suite, "sort");
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(suite.path()).output().unwrap();
        (output.status.success(), text(&output.stdout).trim().to_owned())
    };
    let (_, lost) = git(&["rev-parse", &format!("{first}:tests/test_old.py")]);
    std::fs::remove_file(suite.path().join(".git/objects").join(&lost[..2]).join(&lost[2..])).unwrap();
    assert!(!git(&["log", "--raw", "-M"]).0);
    let mined = suite.run(&["index", ".", "--mine-fixes"]);
    assert!(text(&mined.stderr).contains("mined 3 commits: 1 mended test ("), "{}", text(&mined.stderr));
}

#[test]
fn what_moved_into_a_helper_of_another_file_is_not_mended() {
    let suite = Suite::empty();
    suite.file("pytest.ini", "[pytest]\n");
    let pauses = "import time\nfrom project import start\nfrom tests import helpers\n\n\n\
        def test_done():\n    worker = start()\n    time.sleep(1)\n    assert worker.is_done()\n";
    suite.file("tests/test_a.py", pauses);
    suite.file("tests/test_b.py", pauses);
    let settle = "import time\n\ndef wait_a_moment(worker):\n    time.sleep(1)\n";
    suite.file("tests/helpers.py", settle);
    commit(&suite, "first");
    suite.file("tests/test_a.py", pauses.replace("time.sleep(1)", "helpers.wait_a_moment(worker)"));
    commit(&suite, "the same pause");
    suite.file(
        "tests/helpers.py",
        format!(
            "{settle}\n\ndef wait_until_done(worker):\n    deadline = time.monotonic() + 10\n    \
             while not worker.is_done() and time.monotonic() < deadline:\n        time.sleep(0.01)\n"
        ),
    );
    suite.file("tests/test_b.py", pauses.replace("time.sleep(1)", "helpers.wait_until_done(worker)"));
    commit(&suite, "a poll");
    let mined = suite.run(&["index", ".", "--mine-fixes"]);
    assert!(text(&mined.stderr).contains("mined 3 commits: 1 mended test ("), "{}", text(&mined.stderr));
}

#[test]
fn without_a_repository_there_is_no_history_to_mine() {
    let suite = Suite::empty();
    suite.file("pytest.ini", "[pytest]\n");
    suite.file("test_a.py", TEST);
    let output = suite
        .command(&["index", ".", "--mine-fixes"])
        .env("GIT_CEILING_DIRECTORIES", suite.path().parent().unwrap())
        .output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no git repository"), "{}", text(&output.stderr));
}

#[test]
fn a_sleep_before_nothing_is_no_poll() {
    let suite = Suite::empty();
    let test = "import time\n\n\ndef test_a(worker):\n    calls = []\n    worker.start(calls.append)\n    time.sleep(1)\n    assert calls == []\n";
    suite.file("test_a.py", test);
    suite.run(&["scan", ".", "--fix", "--unsafe-fixes"]);
    assert_eq!(text(&read(&suite, "test_a.py")), test);
    suite.file("test_a.py", test.replace("calls == []", "calls == [1]"));
    suite.run(&["scan", ".", "--fix", "--unsafe-fixes"]);
    assert!(
        text(&read(&suite, "test_a.py"))
            .contains("    while calls != [1] and time.monotonic() < deadline:\n")
    );
}

#[test]
fn what_steps_in_does_so_as_the_file_does() {
    let suite = Suite::empty();
    let test =
        "import time\n\n\ndef test_a(worker):\n\tworker.start()\n\ttime.sleep(1)\n\tassert worker.done\n";
    suite.file("test_tabs.py", test.replace('\n', "\r\n"));
    let output = suite.run(&["scan", ".", "--fix", "--unsafe-fixes"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mended = text(&read(&suite, "test_tabs.py")).to_owned();
    assert!(mended.contains("\r\n\t\ttime.sleep(0.01)\r\n"), "{mended}");
    assert!(!mended.contains("    ") && !mended.replace("\r\n", "").contains('\n'), "{mended}");
}

//! Hunts on little projects with real pytest: what is unstable is shown, with its reason and a command that shows it;
//! what is stable is left alone; and nothing of a hunt stays.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::{Suite, text};

/// The Python of `scripts/setup.sh pytest`.
fn python() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache");
    let cache = || std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("flakydetector");
    let cache = std::env::var_os("FLAKYDETECTOR_CACHE").map_or_else(cache, PathBuf::from);
    let python = cache.join("tools/bin/python");
    let has = Command::new(&python).args(["-c", "import pytest"]).output();
    assert!(
        has.is_ok_and(|output| output.status.success()),
        "no pytest in {}; run scripts/setup.sh pytest",
        python.display()
    );
    python
}

fn command(suite: &Suite, store: &Path, arguments: &[&str]) -> Command {
    let mut command = suite.command(&["hunt", "--yes", "--repo", "shop", "--format", "json"]);
    if !arguments.contains(&"--budget") {
        command.args(["--budget", "90s"]);
    }
    command.arg("--python").arg(python()).arg("--store").arg(store).args(arguments);
    command
}

fn hunt(suite: &Suite, arguments: &[&str]) -> Value {
    let store = tempfile::tempdir().unwrap();
    let output = command(suite, store.path(), arguments).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn case<'v>(found: &'v Value, end: &str) -> &'v Value {
    let all = found["unstable"].as_array().unwrap();
    all.iter()
        .find(|one| one["id"].as_str().unwrap().ends_with(end))
        .unwrap_or_else(|| panic!("{end} in {found:#}"))
}

fn names(found: &Value) -> Vec<String> {
    let id = |one: &Value| one["id"].as_str().unwrap().rsplit("::").next().unwrap().to_owned();
    let mut names: Vec<String> = found["unstable"].as_array().unwrap().iter().map(id).collect();
    names.sort();
    names
}

/// What a shell says of a command.
fn shell(suite: &Suite, command: &str) -> Output {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).current_dir(suite.path()).stdin(Stdio::null());
    shell.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTEST_ADDOPTS", "-p no:cacheprovider").output().unwrap()
}

const STATE: &str = "\
import os
import unittest

import pytest

CACHE = {}


def test_fine():
    assert 1 + 1 == 2


def test_empty():
    assert not CACHE


def test_also_fine():
    assert len('abc') == 3


def test_store():
    CACHE['a'] = 1
    assert CACHE


class TestThings(unittest.TestCase):
    seen = []

    def test_append(self):
        self.seen.append(1)
        self.assertEqual(len(self.seen), 1)


@pytest.mark.parametrize('number', [1, 2])
def test_sets(number):
    os.environ['SHOP_NUMBER'] = str(number)


def test_needs_number():
    assert os.environ['SHOP_NUMBER'] == '2'


def test_fails_always():
    assert False
";

#[test]
fn what_order_and_repetition_show_is_narrowed_and_told() {
    let suite = Suite::empty();
    suite.file("tests/test_state.py", STATE);
    let found = hunt(&suite, &[]);
    assert_eq!(names(&found), ["test_append", "test_empty", "test_needs_number"], "{found:#}");
    assert_eq!((&found["plain"]["passed"], &found["plain"]["failed"]), (&8.into(), &1.into()));
    assert_eq!(found["plain"]["failing"], serde_json::json!(["tests/test_state.py::test_fails_always"]));

    let victim = case(&found, "test_empty");
    assert!(victim["perturbation"].as_str().unwrap().starts_with("order:"));
    assert_eq!(victim["needs"], serde_json::json!(["tests/test_state.py::test_store"]));
    let brittle = case(&found, "test_needs_number");
    assert_eq!(
        (&brittle["perturbation"], &brittle["needs"]),
        (&"order:alone".into(), &serde_json::json!([]))
    );
    assert_eq!(brittle["passes_after"], serde_json::json!(["tests/test_state.py::test_sets[2]"]));
    let twice = case(&found, "test_append");
    assert_eq!(twice["perturbation"], "twice");
    for one in [victim, brittle, twice] {
        assert_eq!((&one["failed_with"], &one["tried_with"]), (&3.into(), &3.into()), "{one:#}");
        assert_eq!((&one["failed_without"], &one["cause"]), (&0.into(), &"shared-state".into()), "{one:#}");
        assert_eq!(one["reproduced"], true, "{one:#}");
        let said = shell(&suite, one["reproduce"].as_str().unwrap());
        assert!(!said.status.success() && text(&said.stdout).contains("1 failed"), "{}", text(&said.stdout));
    }
    let left: Vec<_> = walk(suite.path());
    assert_eq!(left, ["tests/test_state.py"], "nothing of a hunt stays in the project");

    let tried = |end: &str| {
        let tests = found["tests"].as_array().unwrap();
        tests.iter().find(|test| test["id"].as_str().unwrap().ends_with(end)).unwrap()
    };
    let fine = tried("::test_fine");
    assert!(fine["passed"] == true && fine["failed"] == 0 && fine["runs"].as_u64().unwrap() > 10, "{fine}");
    let append = tried("::test_append");
    assert!(append["passed"] == true && append["failed"].as_u64().unwrap() > 0, "{append}");
    assert_eq!(tried("::test_fails_always")["passed"], false);
}

#[test]
fn a_test_runs_twice_where_it_can() {
    let suite = Suite::empty();
    suite.file("pytest.ini", "[pytest]\naddopts = --doctest-modules\n");
    // doctest itself empties what its second run would need
    suite.file(
        "sums.py",
        "def add(a, b):\n    \"\"\"\n    >>> add(1, 2)\n    3\n    \"\"\"\n    return a + b\n",
    );
    suite.file("test_a.py", "SEEN = []\n\ndef test_once():\n    SEEN.append(1)\n    assert SEEN == [1]\n");
    let found = hunt(&suite, &["--only", "twice"]);
    assert_eq!(names(&found), ["test_once"], "{found:#}");

    // what no scan finds pytest runs all the same
    let suite_of_doctests = Suite::empty();
    suite_of_doctests.file("pytest.ini", "[pytest]\naddopts = --doctest-modules\n");
    suite_of_doctests.file("sums.py", "SEEN = []\n\ndef add():\n    \"\"\"\n    >>> add()\n    1\n    \"\"\"\n    SEEN.append(1)\n    return len(SEEN)\n\ndef more():\n    \"\"\"\n    >>> add()\n    2\n    \"\"\"\n");
    let found = hunt(&suite_of_doctests, &["--only", "order"]);
    assert_eq!(names(&found), ["sums.add", "sums.more"], "{found:#}");

    let plugin = suite.run(&["hunt", "--plugin"]);
    let twice = format!(
        "PYTHONPATH='{}' FLAKYDETECTOR_CHANGE='{{\"twice\":true}}' '{}' -m pytest -p flakydetector_changes -rfE",
        text(&plugin.stdout).trim(),
        python().display()
    );
    let said = text(&shell(&suite, &twice).stdout);
    assert!(said.contains("1 failed, 2 passed"), "{said}");
}

const NUMBERS: &str = "\
import os
import random

random.seed(7)
NOTE = os.path.join(os.path.dirname(__file__), 'note-%x' % random.SystemRandom().getrandbits(64))


def test_first_number():
    assert 0.32 < random.random() < 0.33


def test_write():
    with open(NOTE, 'w') as note:
        note.write('1')


def test_read():
    with open(NOTE) as note:
        assert note.read() == '1'
    os.remove(NOTE)
";

#[test]
fn what_importing_makes_is_as_in_a_process_of_its_own() {
    let suite = Suite::empty();
    suite.file("test_numbers.py", NUMBERS);
    let found = hunt(&suite, &[]);
    // a forked child goes on from the seed that the module set
    assert_eq!((&found["plain"]["passed"], &found["plain"]["failed"]), (&3.into(), &0.into()));
    assert_eq!(names(&found), ["test_first_number", "test_read"], "{found:#}");
    // in forks the note of an earlier run lies there now and then; a new process has a name of its own for it
    let read = case(&found, "test_read");
    assert_eq!((&read["perturbation"], &read["reproduced"]), (&"order:alone".into(), &true.into()));
    let said = shell(&suite, read["reproduce"].as_str().unwrap());
    assert!(text(&said.stdout).contains("1 failed"), "{}", text(&said.stdout));
}

#[test]
fn a_test_that_fails_just_now_is_hunted_all_the_same() {
    let suite = Suite::empty();
    // fails in the first process that runs it, and in every second one after that
    suite.file(
        "test_turns.py",
        "import os\n\nNOTE = os.path.join(os.path.dirname(__file__), 'turn')\n\ndef test_turn():\n    \
         turn = len(open(NOTE).read()) if os.path.exists(NOTE) else 0\n    open(NOTE, 'a').write('x')\n    assert turn % 2\n",
    );
    let found = hunt(&suite, &[]);
    assert_eq!(found["plain"]["passed"], 1, "{found:#}");
    assert_eq!(names(&found), ["test_turn"], "{found:#}");
    assert_eq!(case(&found, "test_turn")["perturbation"], "rerun");
}

/// Files below a folder.
fn walk(folder: &Path) -> Vec<String> {
    let (mut pending, mut out) = (vec![folder.to_owned()], vec![]);
    while let Some(at) = pending.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                out.push(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    out.sort();
    out
}

const CHANGES: &str = "\
import datetime
import os
import random
import socket
import threading
import time


def test_same_year():
    assert datetime.date.today().strftime('%m-%d') != '02-29'


def test_same_day():
    first = datetime.datetime.now()
    assert datetime.datetime.now().date() == first.date()


def test_clock_goes_on():
    began = time.time()
    assert sum(range(1000)) and time.time() > began


def test_worker_is_done():
    done = []
    worker = threading.Thread(target=lambda: done.append(1))
    worker.start()
    time.sleep(0.05)
    assert done
    worker.join()


def test_order_of_names():
    names = {'alpha', 'beta', 'gamma', 'delta', 'epsilon'}
    assert list(names) == list(names)
    assert ''.join(names)[0] == FIRST


FIRST = ''.join({'alpha', 'beta', 'gamma', 'delta', 'epsilon'})[0]
EXPECTED = os.environ.get('PYTHONHASHSEED') == '0'


def test_hash_seed():
    names = {'alpha', 'beta', 'gamma'}
    assert list(names) and EXPECTED


def test_high_number():
    assert random.random() < 0.9


def test_stable():
    assert sorted({3, 1, 2}) == [1, 2, 3]
    assert socket.gethostbyname('localhost')
    assert time.monotonic() > 0 and datetime.datetime.now().year > 2000
";

#[test]
fn what_the_code_speaks_for_is_changed() {
    let suite = Suite::empty();
    suite.file("tests/test_changes.py", CHANGES);
    let found = hunt(&suite, &[]);
    let year = case(&found, "test_same_year");
    assert_eq!((&year["perturbation"], &year["cause"]), (&"clock:leap-day".into(), &"time".into()));
    assert_eq!(case(&found, "test_same_day")["perturbation"], "clock:midnight-after-1");
    assert_eq!(case(&found, "test_clock_goes_on")["perturbation"], "clock:coarse");
    let worker = case(&found, "test_worker_is_done");
    assert!(worker["perturbation"].as_str().unwrap().starts_with("pauses:"), "{worker:#}");
    // plain pytest with our plugin shows it, and what goes by chance says in how many tries
    for one in [year, worker] {
        assert!(
            one["reproduce"].as_str().unwrap().contains(" -m pytest -p flakydetector_changes "),
            "{one:#}"
        );
        assert_eq!(one["reproduced"], true, "{one:#}");
        assert!(one["shown_in"].as_u64() <= one["tried"].as_u64(), "{one:#}");
    }
    let hash = case(&found, "test_hash_seed");
    assert_eq!((&hash["perturbation"], &hash["cause"]), (&"hash-seed:1".into(), &"unordered".into()));
    assert!(hash["reproduce"].as_str().unwrap().starts_with("PYTHONHASHSEED=1 "), "{hash:#}");
    assert_eq!(hash["reproduced"], true);
    assert!(
        !names(&found).iter().any(|name| name == "test_stable" || name == "test_order_of_names"),
        "{found:#}"
    );
}

const PLACES: &str = "\
import os
import socket
import tempfile


def test_port():
    with socket.socket() as server:
        server.bind(('127.0.0.1', PORT))
        server.listen()


def test_given_port():
    with socket.socket() as first:
        first.bind(('127.0.0.1', 0))
        port = first.getsockname()[1]
    with socket.socket() as server:
        server.bind(('127.0.0.1', port))


def test_home():
    with tempfile.TemporaryFile(dir=os.path.expanduser('~')) as file:
        assert file.write(b'mine')


def depth(left):
    return 0 if left == 0 else 1 + depth(left - 1)


def test_deep():
    assert depth(700) == 700


def test_shallow():
    assert depth(100) == 100
";

#[test]
fn taken_ports_a_closed_home_and_a_shallow_stack_show_who_needs_them() {
    let suite = Suite::empty();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    suite.file("tests/test_places.py", PLACES.replace("PORT", &free.to_string()));
    let found = hunt(&suite, &[]);
    assert_eq!(names(&found), ["test_deep", "test_home", "test_port"], "{found:#}");
    for (test, change) in [
        ("test_port", "network:ports-taken"),
        ("test_home", "folder:home-read-only"),
        ("test_deep", "limits:recursion"),
    ] {
        let one = case(&found, test);
        assert_eq!((&one["perturbation"], &one["reproduced"]), (&change.into(), &true.into()), "{one:#}");
    }
}

#[test]
fn a_test_is_hunted_by_its_node_id() {
    let suite = Suite::empty();
    suite.file("tests/test_changes.py", CHANGES);
    let found = hunt(&suite, &["tests/test_changes.py::test_same_year"]);
    assert_eq!((names(&found), &found["plain"]["passed"]), (vec!["test_same_year".to_owned()], &1.into()));
    assert!(
        found["runs"]
            .as_array()
            .unwrap()
            .iter()
            .all(|run| !run["perturbation"].as_str().unwrap().starts_with("order")),
        "one test has no order: {found:#}"
    );
    let plugin = suite.command(&["hunt", "--plugin"]).env("XDG_CACHE_HOME", suite.path()).output().unwrap();
    assert!(Path::new(text(&plugin.stdout).trim()).join("flakydetector_changes.py").is_file());
}

#[test]
fn outcomes_become_history_and_a_pipeline_can_fail_on_them() {
    let suite = Suite::empty();
    suite.file("tests/test_state.py", STATE);
    let store = tempfile::tempdir().unwrap();
    let output =
        command(&suite, store.path(), &["--tests", "test_empty", "--fail-on", "proved"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(names(&found), ["test_empty"], "others are not suspected");
    let store = store.path().to_str().unwrap();
    let shown = suite.json(&[
        "history",
        "show",
        "test_empty",
        "--repo",
        "shop",
        "--store",
        store,
        "--format",
        "json",
    ]);
    assert_eq!(shown["verdict"], "flaky");
    assert_eq!(
        shown["outcomes"]["proofs"][0]["needs"],
        serde_json::json!(["tests/test_state.py::test_store"])
    );
    let scan = suite.json(&["scan", ".", "--repo", "shop", "--store", store, "--format", "json"]);
    let test =
        scan["tests"].as_array().unwrap().iter().find(|test| test["id"] == "tests/test_state.py::test_empty");
    assert_eq!(test.unwrap()["outcomes"]["proofs"].as_array().map(Vec::len), Some(1));
}

#[test]
fn what_dies_or_never_ends_does_not_take_the_hunt_with_it() {
    let suite = Suite::empty();
    suite.file(
        "tests/test_bad.py",
        "import os, signal, subprocess, sys, time\n\nLEFT = []\n\n\
         def test_a():\n    assert not LEFT\n\n\
         def test_exits():\n    os._exit(3)\n\n\
         def test_kills():\n    os.kill(os.getpid(), signal.SIGKILL)\n\n\
         def test_never_ends():\n    while True:\n        time.sleep(1)\n\n\
         def test_prints():\n    print('\\0' * 1000)\n    os.write(1, b'\\xff\\0')\n\n\
         def test_starts():\n    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(120)', 'fdhunt-left'])\n\n\
         def test_folder():\n    os.chdir('/')\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\n\
         def test_z():\n    LEFT.append(1)\n",
    );
    let found = hunt(&suite, &[]);
    assert!(names(&found).contains(&"test_a".to_owned()), "{found:#}");
    assert_eq!((&found["plain"]["failed"], &found["plain"]["passed"]), (&3.into(), &5.into()), "{found:#}");
    let running = Command::new("sh").args(["-c", "ps ax | grep -c '[f]dhunt-left'"]).output().unwrap();
    assert_eq!(text(&running.stdout).trim(), "0", "a child of a test is left running");
}

#[test]
fn a_hang_among_few_tests_leaves_time_for_the_others() {
    let suite = Suite::empty();
    suite.file(
        "tests/test_few.py",
        "import time\n\ndef test_hangs():\n    time.sleep(1000)\n\ndef test_ends():\n    assert True\n",
    );
    let store = tempfile::tempdir().unwrap();
    let told = |arguments: &[&str]| {
        let output = command(&suite, store.path(), arguments).output().unwrap();
        (output.status.code(), text(&output.stderr).to_owned(), output.stdout)
    };
    let (code, said, found) = told(&["--budget", "12s"]);
    let found: Value = serde_json::from_slice(&found).unwrap_or_default();
    assert_eq!((code, said.matches("did not end within").count()), (Some(0), 1), "{said}");
    assert_eq!((&found["plain"]["failed"], &found["plain"]["passed"]), (&1.into(), &1.into()), "{found:#}");

    let (code, said, _) = told(&["--budget", "12s", "tests/test_few.py::test_hangs"]);
    assert_eq!((code, said.matches("1 of 1 tests did not end").count()), (Some(2), 1), "{said}");
}

#[test]
fn what_cannot_be_kept_is_told_all_the_same() {
    let suite = Suite::empty();
    suite.file(
        "tests/test_bad.py",
        "LEFT = []\n\ndef test_a():\n    assert not LEFT\n\ndef test_z():\n    LEFT.append(1)\n",
    );
    // a folder that nobody can make
    let output = command(&suite, Path::new("/proc/flakydetector"), &["--only", "order"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("cannot be written"), "{}", text(&output.stderr));
    assert_eq!(names(&serde_json::from_slice(&output.stdout).unwrap()), ["test_a"]);
}

#[test]
fn an_interrupt_ends_everything_and_keeps_what_was_found() {
    let suite = Suite::empty();
    suite.file(
        "tests/test_slow.py",
        "import time\n\ndef test_a():\n    assert True\n\ndef test_b():\n    time.sleep(60)\n",
    );
    let store = tempfile::tempdir().unwrap();
    let mut child =
        command(&suite, store.path(), &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let pytest = || {
        let path = suite.path().to_str().unwrap();
        let listed = Command::new("sh")
            .args(["-c", &format!("ps ax | grep -- '--rootdir={path}' | grep -vc grep")])
            .output();
        text(&listed.unwrap().stdout).trim() != "0"
    };
    while !pytest() {
        assert!(Instant::now() < deadline, "pytest never started");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_secs(2));
    let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    let status = child.wait().unwrap();
    assert!(status.code().is_some(), "it ended by itself: {status}");
    assert!(!pytest(), "pytest is left running");
}

#[test]
fn without_consent_pytest_or_tests_nothing_is_run() {
    let suite = Suite::empty();
    suite.file("tests/test_a.py", "import pathlib\n\ndef test_a():\n    pathlib.Path('ran').touch()\n");
    let refused =
        suite.command(&["hunt"]).env("HOME", suite.path()).env_remove("XDG_CONFIG_HOME").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("--yes"), "{}", text(&refused.stderr));
    let no_pytest = suite.run(&["hunt", "--yes", "--python", "/bin/false"]);
    assert_eq!(no_pytest.status.code(), Some(2));
    assert!(text(&no_pytest.stderr).contains("--python"), "{}", text(&no_pytest.stderr));
    assert!(!suite.path().join("ran").exists(), "a test was run");
    for arguments in
        [["--only", "gremlins"], ["--tests", "nowhere"], ["--budget", "soon"], ["--diff-base", "nowhere"]]
    {
        let output = suite.command(&["hunt", "--yes"]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    suite.file("flakydetector.toml", "[hunt]\nallow = true\n");
    let store = tempfile::tempdir().unwrap();
    let allowed = suite
        .command(&["hunt", "--budget", "20s", "--store"])
        .arg(store.path())
        .arg("--python")
        .arg(python())
        .output();
    let allowed = allowed.unwrap();
    assert!(allowed.status.success(), "{}", text(&allowed.stderr));
}

#[test]
fn changed_tests_are_the_suspects_of_a_review() {
    let suite = Suite::empty();
    let git = |arguments: &[&str]| {
        let name = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "init.defaultBranch=main"];
        let status =
            Command::new("git").current_dir(suite.path()).args(name).args(arguments).output().unwrap().status;
        assert!(status.success(), "{arguments:?}");
    };
    suite.file("tests/test_state.py", STATE);
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "first"]);
    suite.file("tests/test_state.py", STATE.replace("assert not CACHE", "assert not CACHE, CACHE"));
    let found = hunt(&suite, &["--diff-base", "HEAD"]);
    assert_eq!(names(&found), ["test_empty"]);
}

const LEAK: &str = "\
import os


def test_mode():
    os.environ['SHOP_MODE'] = os.environ.get('SHOP_MODE', '') + 'x'
    assert os.environ['SHOP_MODE'] == 'x'


def test_other():
    assert len('abc') == 3
";

#[test]
fn a_fix_is_verified_by_running() {
    let suite = Suite::empty();
    suite.file("tests/test_mode.py", LEAK);
    assert!(suite.run(&["index", ".", "--repo", "shop"]).status.success());
    let fixed = |more: &[&str]| {
        let mut command =
            suite.command(&["explain", "test_mode", "--model", "none", "--fix", "--format", "json"]);
        command.args(more).output().unwrap()
    };
    let python = python().display().to_string();
    let output = fixed(&["--run", "--yes", "--budget", "60s", "--python", &python]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let fix = &answer["fix"];
    assert_eq!((&fix["verified"], &fix["origin"]), (&true.into(), &"rule".into()), "{answer:#}");
    assert_eq!(fix["run"]["verdict"], "verified-by-running", "{fix:#}");
    assert_eq!(fix["run"]["perturbation"], "twice");
    assert_eq!(std::fs::read_to_string(suite.path().join("tests/test_mode.py")).unwrap(), LEAK);

    // nothing runs unless it is asked for and allowed
    let answer: Value = serde_json::from_slice(&fixed(&[]).stdout).unwrap();
    assert!(answer["fix"]["run"].is_null(), "{answer:#}");
    let refused = fixed(&["--run"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("--yes"), "{}", text(&refused.stderr));
}

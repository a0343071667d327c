//! What pytest and unittest make of a project, seen through findings: names from elsewhere, fixtures however they are
//! asked for, set-up of every kind, bases in other files, mocks and clean-up however they are made.

use serde_json::Value;

use super::support::Suite;

/// `(test, code, via)` of every finding in a file.
fn findings(suite: &Suite, code: &str) -> Vec<(String, String)> {
    let scan = suite.json(&["scan", ".", "--format", "json", "--select", code]);
    assert_eq!(scan["errors"], Value::Array(vec![]));
    let mut out = vec![];
    for test in scan["tests"].as_array().unwrap() {
        let name = test["id"].as_str().unwrap().split_once("::").unwrap().1;
        for finding in test["findings"].as_array().unwrap() {
            out.push((name.to_owned(), finding["via"].as_str().unwrap_or("itself").to_owned()));
        }
    }
    out
}

fn check(suite: &Suite, code: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> =
        expected.iter().map(|(test, via)| ((*test).to_owned(), (*via).to_owned())).collect();
    assert_eq!(findings(suite, code), expected);
}

fn project(files: &[(&str, &str)]) -> Suite {
    let suite = Suite::empty();
    for (file, text) in files {
        suite.file(file, text);
    }
    suite
}

#[test]
fn names_are_followed_through_aliases_reexports_and_helpers() {
    let suite = project(&[
        ("pytest.ini", "[pytest]\n"),
        ("tests/__init__.py", ""),
        ("tests/support/__init__.py", "from .waiting import wait_ready as ready\n"),
        (
            "tests/support/waiting.py",
            "import time as clock\n\ndef wait_ready():\n    pause()\n\ndef pause():\n    clock.sleep(1)\n",
        ),
        ("tests/conftest.py", "from time import sleep\n\ndef settle():\n    sleep(2)\n"),
        (
            "tests/test_names.py",
            "import time as t\nfrom asyncio import sleep as nap\nfrom tests.support import ready\nfrom .conftest import settle\n\n\
             def test_alias():\n    t.sleep(1)\n    assert done()\n\n\
             async def test_from():\n    await nap(1)\n    assert done()\n\n\
             def test_reexport():\n    ready()\n    assert done()\n\n\
             def test_conftest():\n    settle()\n    assert done()\n\n\
             def own():\n    t.sleep(3)\n\n\
             def test_own():\n    own()\n    assert done()\n\n\
             def test_nothing():\n    sleep = print\n    sleep(1)\n    assert done()\n",
        ),
    ]);
    check(
        &suite,
        "FD101",
        &[
            ("test_alias", "itself"),
            ("test_from", "itself"),
            ("test_reexport", "wait_ready > pause, tests/support/waiting.py:7"),
            ("test_conftest", "settle, tests/conftest.py:4"),
            ("test_own", "own, line 23"),
        ],
    );
}

#[test]
fn fixtures_are_found_however_they_are_asked_for() {
    let suite = project(&[
        ("pytest.ini", "[pytest]\n"),
        (
            "conftest.py",
            "import os\nimport pytest\n\n@pytest.fixture\ndef token():\n    os.environ['TOKEN'] = 'x'\n\n\
             @pytest.fixture\ndef kept():\n    os.environ['TOKEN'] = 'x'\n    yield\n    del os.environ['TOKEN']\n\n\
             @pytest.fixture\ndef finalized(request):\n    os.environ['TOKEN'] = 'x'\n    \
             request.addfinalizer(lambda: os.environ.pop('TOKEN'))\n\n\
             @pytest.fixture\ndef factory():\n    def make():\n        os.environ['TOKEN'] = 'x'\n    return make\n\n\
             @pytest.fixture\ndef through(token):\n    return 1\n",
        ),
        (
            "test_asked.py",
            "import pytest\n\ndef test_by_name(token): assert run()\n\ndef test_through_another(through): assert run()\n\n\
             @pytest.mark.usefixtures('token')\ndef test_by_mark(): assert run()\n\n\
             def test_by_request(request):\n    request.getfixturevalue('token')\n    assert run()\n\n\
             def test_factory(factory):\n    factory()\n    assert run()\n\n\
             def test_kept(kept): assert run()\n\ndef test_finalized(finalized): assert run()\n\ndef test_none(): assert run()\n",
        ),
        (
            "module/test_marked.py",
            "import pytest\n\npytestmark = pytest.mark.usefixtures('token')\n\ndef test_by_module(): assert run()\n",
        ),
        ("override/conftest.py", "import pytest\n\n@pytest.fixture\ndef token(): return 'own'\n"),
        (
            "override/test_override.py",
            "def test_overridden(token): assert run()\n\ndef test_still_through(through): assert run()\n",
        ),
        (
            "auto/conftest.py",
            "import time\nimport pytest\n\n@pytest.fixture(autouse=True, scope='session')\ndef path():\n    time.sleep(3)\n",
        ),
        ("auto/test_auto.py", "def test_autouse(): assert run()\n"),
        ("testing/__init__.py", ""),
        (
            "testing/fixtures.py",
            "import time\nimport pytest\n\n@pytest.fixture(autouse=True)\ndef settled():\n    time.sleep(3)\n",
        ),
        ("named/conftest.py", "from testing.fixtures import settled\n"),
        ("named/test_named.py", "def test_imported_by_name(): assert run()\n"),
        ("all/conftest.py", "from testing.fixtures import *\n"),
        ("all/test_all.py", "def test_imported_with_all(): assert run()\n"),
    ]);
    let through = |line: u32| format!("fixture token, conftest.py:{line}");
    let token = through(6);
    check(
        &suite,
        "FD603",
        &[
            ("test_by_module", &token),
            ("test_by_name", &token),
            ("test_through_another", &token),
            ("test_by_mark", &token),
            ("test_by_request", &token),
            ("test_factory", "fixture factory, conftest.py:22"),
        ],
    );
    let settled = "fixture settled, testing/fixtures.py:6";
    check(
        &suite,
        "FD105",
        &[
            ("test_imported_with_all", settled),
            ("test_autouse", "fixture path, auto/conftest.py:6"),
            ("test_imported_by_name", settled),
        ],
    );
}

#[test]
fn set_up_and_bases_of_every_kind_are_seen() {
    let suite = project(&[
        ("pytest.ini", "[pytest]\n"),
        (
            "base.py",
            "import time\nimport unittest\n\nclass Slow(unittest.TestCase):\n    def setUp(self):\n        self.wait()\n\n    def wait(self):\n        time.sleep(1)\n\n    def test_inherited(self):\n        self.assertTrue(run())\n",
        ),
        (
            "test_setup.py",
            "import asyncio, os, time, unittest\nfrom base import Slow\n\n\
             class TestSlow(Slow):\n    def test_base(self):\n        self.assertTrue(run())\n\n\
             class TestClass(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls):\n        os.environ['A'] = '1'\n\n    \
             def test_class(self):\n        self.assertTrue(run())\n\n\
             class TestCleaned(unittest.TestCase):\n    def setUp(self):\n        os.environ['A'] = '1'\n        \
             self.addCleanup(os.environ.pop, 'A')\n\n    def test_cleaned(self):\n        self.assertTrue(run())\n\n\
             class TestAsync(unittest.IsolatedAsyncioTestCase):\n    async def asyncSetUp(self):\n        os.environ['A'] = '1'\n\n    \
             async def test_async(self):\n        self.assertTrue(await run())\n\n\
             class Deep(Slow):\n    def wait(self):\n        super().wait()\n\n\
             class TestDeep(Deep):\n    def test_super(self):\n        self.assertTrue(run())\n\n\
             class TestPlain:\n    def setup_method(self):\n        os.chdir('/')\n\n    def teardown_method(self):\n        os.chdir('..')\n\n    \
             def test_restored(self):\n        assert run()\n",
        ),
    ]);
    check(
        &suite,
        "FD101",
        &[
            ("TestSlow::test_inherited", "wait, base.py:9"),
            ("TestSlow::test_base", "wait, base.py:9"),
            ("Deep::test_inherited", "wait > wait, base.py:9"),
            ("TestDeep::test_inherited", "wait > wait, base.py:9"),
            ("TestDeep::test_super", "wait > wait, base.py:9"),
        ],
    );
    check(
        &suite,
        "FD603",
        &[("TestClass::test_class", "setUpClass, line 11"), ("TestAsync::test_async", "asyncSetUp, line 26")],
    );
    let scan = suite.json(&["scan", ".", "--format", "json"]);
    let of = |name: &str| {
        scan["tests"]
            .as_array()
            .unwrap()
            .iter()
            .find(|test| test["id"].as_str().unwrap().ends_with(name))
            .unwrap()
    };
    assert_eq!(of("test_async")["async"], true);
    assert_eq!(of("test_base")["framework"], "unittest");
    assert_eq!(of("test_restored")["framework"], "pytest");
}

#[test]
fn what_is_mocked_is_no_smell_however_it_is_mocked() {
    let suite = project(&[
        ("pytest.ini", "[pytest]\n"),
        (
            "test_mocked.py",
            "import time\nimport pytest\nimport requests\nimport responses\nfrom unittest import mock\nfrom unittest.mock import patch\n\n\
             def test_live():\n    assert requests.get('https://api.example.com/users').ok\n\n\
             @patch('requests.get')\ndef test_decorator(get):\n    assert requests.get('https://api.example.com').ok\n\n\
             def test_with():\n    with mock.patch.object(requests, 'get'):\n        assert requests.get('https://api.example.com').ok\n\n\
             def test_mocker(mocker):\n    mocker.patch('requests.get')\n    assert requests.get('https://api.example.com').ok\n\n\
             def test_monkeypatch(monkeypatch):\n    monkeypatch.setattr(requests, 'get', print)\n    \
             assert requests.get('https://api.example.com').ok\n\n\
             @responses.activate\ndef test_library():\n    assert requests.get('https://api.example.com').ok\n\n\
             @pytest.fixture\ndef fake(monkeypatch):\n    monkeypatch.setattr('requests.get', print)\n\n\
             def test_fixture(fake):\n    assert requests.get('https://api.example.com').ok\n",
        ),
        (
            "auto/test_auto.py",
            "import pytest\nimport requests\n\n@pytest.fixture(autouse=True)\ndef no_network(monkeypatch):\n    \
             monkeypatch.setattr('requests.get', print)\n\ndef test_autouse():\n    assert requests.get('https://api.example.com').ok\n",
        ),
    ]);
    check(&suite, "FD301", &[("test_live", "itself")]);
}

#[test]
fn what_a_test_does_and_what_is_done_for_it() {
    use flakydetector::scan::{ScanRequest, scan_text};
    use flakydetector::smells::Activity::{Environment, Poll, Sleep, TemporaryFiles, Threads};
    let of = |code: &str| {
        let mut scan = scan_text("test_a.py", code.to_owned(), &ScanRequest::default(), None);
        let test = scan.tests.remove(0).assessment;
        (test.does, test.does_itself)
    };
    let (all, itself) = of(
        "import threading, time\nimport pytest\n\n@pytest.fixture\ndef worker():\n    t = threading.Thread(target=print)\n    \
         t.start()\n    yield t\n    t.join()\n\ndef test_x(worker, tmp_path, monkeypatch):\n    \
         monkeypatch.setenv('A', 'b')\n    while not worker.done:\n        time.sleep(0.1)\n",
    );
    assert_eq!(itself, [Sleep, Poll, TemporaryFiles, Environment]);
    assert!(all.contains(&Threads) && itself.iter().all(|one| all.contains(one)), "{all:?}");

    // a test that only computes does nothing of it
    assert_eq!(of("def test_x():\n    assert ', '.join(['a']) == 'a'\n").0, []);
    assert_eq!(of("import os\n\ndef test_x():\n    assert os.path.join('a', 'b')\n").0, []);
}

#[test]
fn what_pytest_does_not_collect_is_no_test() {
    let suite = project(&[
        ("pytest.ini", "[pytest]\n"),
        (
            "conftest.py",
            "collect_ignore = ['vendored', 'setup_test.py']\ncollect_ignore_glob = ['*_old.py']\n",
        ),
        ("vendored/test_a.py", "import time\n\ndef test_a():\n    time.sleep(1)\n    assert done()\n"),
        ("test_old.py", "import time\n\ndef test_old():\n    time.sleep(1)\n    assert done()\n"),
        (
            "test_b.py",
            "import time\n\nclass TestBase:\n    def test_c(self):\n        time.sleep(1)\n        assert done()\n\n\
             class TestOne(TestBase):\n    pass\n\ndel TestBase\n\n\
             if False:\n    def test_never():\n        time.sleep(1)\n        assert done()\n",
        ),
    ]);
    check(&suite, "FD101", &[("TestOne::test_c", "itself")]);
}

#[test]
fn what_a_fixture_sets_for_every_test_is_how_the_suite_runs() {
    let sets = |how: &str| {
        let conftest = format!(
            "import pytest\nimport shop.config\n\n@pytest.fixture{how}\ndef rate():\n    shop.config.RATE = 5\n"
        );
        let suite = project(&[
            ("pytest.ini", "[pytest]\n"),
            ("conftest.py", &conftest),
            ("test_rate.py", "def test_rate(rate): assert run()\n"),
        ]);
        findings(&suite, "FD606").len()
    };
    assert_eq!(sets("(autouse=True)"), 0);
    assert_eq!(sets(""), 1);
}

#[test]
fn a_hook_that_takes_the_fixture_in_hand_may_put_it_back() {
    let conftest = "import pytest\n\n@pytest.fixture(scope='module')\ndef env():\n    return object()\n\n";
    let hook = "@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_call(item):\n    \
                env = item.funcargs.get('env')\n    with env.anchor():\n        yield\n";
    let severity = |conftest: &str| {
        let suite = project(&[
            ("pytest.ini", "[pytest]\n"),
            ("conftest.py", conftest),
            (
                "test_a.py",
                "def test_a(env):\n    env.timestamp = 3\n    assert run(env)\n\ndef test_b(env):\n    assert env\n",
            ),
        ]);
        let scan = suite.json(&["scan", ".", "--format", "json", "--select", "FD604"]);
        scan["tests"][0]["findings"][0]["severity"].as_str().map(str::to_owned)
    };
    assert_eq!(severity(conftest).as_deref(), Some("medium"));
    assert_eq!(severity(&format!("{conftest}{hook}")).as_deref(), Some("low"));
}

#[test]
fn what_a_conftest_does_for_every_test_holds_for_each() {
    let suite = project(&[
        ("pytest.ini", "[pytest]\n"),
        (
            "tests/conftest.py",
            "import gc, socket\n\nSECONDS = float(5)\nsocket.setdefaulttimeout(SECONDS)\ngc.disable()\n\n\
             def pytest_runtest_setup(item):\n    app.set_rng_seed(3)\n",
        ),
        (
            "tests/test_a.py",
            "import gc, random, socket, statistics\n\n\
             def test_same():\n    socket.setdefaulttimeout(5)\n    gc.disable()\n    assert fetch()\n\n\
             def test_other():\n    socket.setdefaulttimeout(9)\n    assert fetch()\n\n\
             def test_mean():\n    draws = [random.random() for _ in range(99)]\n    \
             assert statistics.mean(draws) < 0.6\n",
        ),
        (
            "more/test_b.py",
            "import random, statistics\n\n\
             def test_mean():\n    draws = [random.random() for _ in range(99)]\n    \
             assert statistics.mean(draws) < 0.6\n",
        ),
    ]);
    check(&suite, "FD608", &[("test_other", "itself")]);
    let scan = suite.json(&["scan", ".", "--format", "json", "--select", "FD504"]);
    let found: Vec<_> = scan["tests"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|test| !test["findings"].as_array().unwrap().is_empty())
        .collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["file"], "more/test_b.py");
}

/// A suite of more tests than say nothing by their silence, one of which leaves something changed.
fn leaking(leak: &str, others: &str) -> (String, Vec<String>) {
    let quiet: String = (0..20).map(|n| format!("def test_quiet_{n}(): assert {n} + 1\n\n")).collect();
    let suite = project(&[
        ("pytest.ini", "[pytest]\n"),
        ("shop/__init__.py", ""),
        (
            "shop/config.py",
            "import os\n\nRATE: int = 5\nNAMES = {}\n\ndef mode():\n    return os.environ.get('SHOP_MODE', 'live')\n\n\
             def rate():\n    return RATE\n\nclass Shop:\n    def __init__(self, host, limits=None):\n        \
             self.host = host\n        self.limits = limits or {}\n\nSHOP = Shop('a.example')\n",
        ),
        ("tests/test_leak.py", leak),
        ("tests/test_others.py", &format!("import os\nfrom shop import config\n\n{others}\n\n{quiet}")),
    ]);
    let scan = suite.json(&["scan", ".", "--format", "json", "--select", "FD6"]);
    let tests = scan["tests"].as_array().unwrap();
    let leaks = tests.iter().find(|test| test["id"].as_str().unwrap().ends_with("::test_leak")).unwrap();
    let finding = &leaks["findings"][0];
    let read_by = finding["read_by"].as_array().map(|tests| {
        tests.iter().map(|test| test.as_str().unwrap().split_once("::").unwrap().1.to_owned()).collect()
    });
    assert_eq!(finding["severity"], leaks["severity"]);
    (finding["severity"].as_str().unwrap().to_owned(), read_by.unwrap_or_default())
}

#[test]
fn a_leak_is_critical_where_another_test_reads_it() {
    let variable = "import os\n\ndef test_leak():\n    os.environ['SHOP_MODE'] = 'test'\n    assert run()\n";
    let unread = ("medium".to_owned(), vec![]);
    let read = |by: &str| ("critical".to_owned(), vec![by.to_owned()]);
    assert_eq!(leaking(variable, ""), unread);
    let asks_for_it = "def test_mode(): assert os.environ.get('SHOP_MODE') is None";
    assert_eq!(leaking(variable, asks_for_it), read("test_mode"));
    // who depends on it without a word, through the code under test, is not sure to
    assert_eq!(leaking(variable, "def test_mode(): assert config.mode() == 'live'"), unread);
    // who sets it first does not see what was left, nor who patches it
    let patches = "from unittest import mock\n\n@mock.patch.dict(os.environ, {'SHOP_MODE': 'live'})\ndef test_mode():\n    \
                   assert os.environ['SHOP_MODE'] == 'live'";
    assert_eq!(leaking(variable, patches), unread);
    let sets_it = "def test_mode():\n    os.environ['SHOP_MODE'] = 'live'\n    assert os.environ['SHOP_MODE'] == 'live'";
    assert_eq!(leaking(variable, sets_it), unread);

    let attribute =
        "from shop import config\n\ndef test_leak():\n    config.RATE = 7\n    assert config.rate() == 7\n";
    let reads_it = "def test_rate(): assert config.RATE == 5";
    assert_eq!(leaking(attribute, ""), unread);
    assert_eq!(leaking(attribute, reads_it), read("test_rate"));
    assert_eq!(leaking(attribute, "def test_rate(): assert config.rate() == 5"), unread);
    // the value with which the module begins
    assert_eq!(leaking(&attribute.replace('7', "5"), reads_it), unread);
    // who runs the module anew first has its first values
    let runs_anew =
        "import importlib\n\ndef test_rate():\n    importlib.reload(config)\n    assert config.RATE == 5";
    assert_eq!(leaking(attribute, runs_anew), unread);

    let part = "from shop import config\n\ndef test_leak():\n    config.SHOP.host = 'b.example'\n    assert config.SHOP.host\n";
    let reads_part = "def test_host(): assert config.SHOP.host == 'a.example'";
    assert_eq!(leaking(part, reads_part), read("test_host"));
    assert_eq!(leaking(part, "def test_host(): assert config.ABLE.host == 'a.example'"), unread);
    // what the object was made with
    assert_eq!(leaking(&part.replace("b.", "a."), reads_part), unread);
    // set-up gives it a value, before the test and not after it
    let given = |before: &str, after: &str| {
        format!(
            "import pytest\n\n@pytest.fixture(autouse=True)\ndef host():\n    {before}\n    yield\n    {after}\n\n{reads_part}"
        )
    };
    let (sets, nothing) = ("config.SHOP.host = 'a.example'", "pass");
    assert_eq!(leaking(part, &given(sets, nothing)), unread);
    assert_eq!(leaking(part, &given(nothing, sets)), read("test_host"));
    // some key, and a reader that asks for none
    let key = |reads: &str| {
        let code = "NAMES = {'a': 1}\n\ndef test_leak(name):\n    NAMES[name] = 2\n    assert NAMES[name]\n\ndef test_names(): ";
        leaking(&format!("{code}{reads}\n"), "")
    };
    assert_eq!(key("assert NAMES['a'] == 1"), read("test_names"));
    assert_eq!(key("assert NAMES.__class__"), unread);
    // the folder of the process can be said to be read by everything
    let folder = "import os\n\ndef test_leak(tmp_path):\n    os.chdir(tmp_path)\n    assert run()\n";
    assert_eq!(leaking(folder, "def test_here(): assert os.path.abspath('a')"), unread);
}

#[test]
fn one_file_alone_does_not_say_that_nobody_reads_a_leak() {
    let suite = project(&[
        ("pytest.ini", "[pytest]\n"),
        (
            "test_leak.py",
            "import os\n\ndef test_leak():\n    os.environ['SHOP_MODE'] = 'test'\n    assert run()\n",
        ),
    ]);
    for path in ["test_leak.py", "."] {
        let scan = suite.json(&["scan", path, "--format", "json", "--select", "FD603"]);
        assert_eq!(scan["tests"][0]["severity"], "critical", "{path}");
    }
}

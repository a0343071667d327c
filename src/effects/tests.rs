//! What tests do to state, on small trees.

#![allow(clippy::unwrap_used)]

use super::{Index, READ, RESET, Roots, State, Touch, WRITE, state};
use crate::python::{Analysis, FunctionRef, Module, Project, PytestConfig, TestCase};

/// The touches of every test of `test_a.py`, by name of the test.
fn touches(test: &str, code: &[(&str, &str)]) -> Vec<(String, Vec<Touch>)> {
    let parse = |(file, text): &(&str, &str)| Module::parse((*file).into(), (*text).into());
    let code: Vec<Module> = code.iter().map(parse).collect();
    let config = PytestConfig::load(std::path::Path::new("/nonexistent"));
    let project = Project::new(vec![], config);
    let base = Analysis::new(&project);
    let names = Index::new(&base, &code);
    let module = parse(&("test_a.py", test));
    let analysis = Analysis::over(&base, &module);
    let index = Index::over(&names, &analysis);
    let cases = analysis.tests(analysis.own());
    cases
        .iter()
        .map(|case| (case.function.function.name.to_string(), index.touches(&roots(&analysis, case))))
        .collect()
}

fn roots<'a, 'v>(analysis: &'v Analysis<'a>, case: &TestCase<'a>) -> Roots<'a, 'v> {
    let method =
        |name: &str| analysis.method(&case.lineage, name).into_iter().collect::<Vec<FunctionRef<'a>>>();
    let params = case.function.function.params.iter();
    let fixtures = params.filter_map(|param| analysis.fixture(case, &param.name, None)).collect();
    Roots { test: case.function, setups: method("setUp"), teardowns: method("tearDown"), fixtures }
}

fn how(found: &[(String, Vec<Touch>)], test: &str, state: State) -> u8 {
    let (_, touches) = found.iter().find(|(name, _)| name == test).unwrap();
    touches.iter().find(|touch| touch.state == state).map_or(0, |touch| touch.how)
}

#[test]
fn state_is_followed_into_the_code_under_test() {
    let code = [
        ("shop/__init__.py", "from .cart import Cart\n"),
        (
            "shop/cart.py",
            "from shop import registry\n\nclass Cart:\n    def add(self, item):\n        registry.store(item)\n",
        ),
        (
            "shop/registry.py",
            "ITEMS = {}\n\ndef store(item):\n    ITEMS[item] = 1\n\ndef count():\n    return len(ITEMS)\n",
        ),
    ];
    let test = "from shop import Cart, registry\n\ndef test_add():\n    cart = Cart()\n    cart.add('a')\n\n\
                def test_count():\n    assert registry.count() == 0\n\ndef test_other():\n    items = {}\n    items['a'] = 1\n";
    let found = touches(test, &code);
    let items = state("variable", &["shop/registry.py", "ITEMS"]);
    assert_eq!(how(&found, "test_add", items), READ | WRITE);
    assert_eq!(how(&found, "test_count", items), READ);
    assert_eq!(how(&found, "test_other", items), 0);
}

#[test]
fn what_an_object_keeps_is_its_own_and_what_a_class_keeps_is_not() {
    let test = "import unittest\n\nclass TestA(unittest.TestCase):\n    seen = []\n    limit = 3\n\n    def setUp(self):\n        \
                self.limit = 1\n        TestA.seen = []\n\n    def test_add(self):\n        self.seen.append(1)\n\n    \
                def test_limit(self):\n        assert self.limit == 1\n";
    let found = touches(test, &[]);
    let seen = state("attribute", &["test_a.py", "TestA", "seen"]);
    assert_eq!(how(&found, "test_add", seen), READ | WRITE | RESET);
    assert_eq!(how(&found, "test_limit", seen), WRITE | RESET);
    assert_eq!(how(&found, "test_limit", state("attribute", &["test_a.py", "TestA", "limit"])), 0);
}

#[test]
fn process_files_caches_and_wide_fixtures_are_state() {
    let test = "import os\nimport functools\nimport pytest\n\n@functools.lru_cache\ndef answer():\n    return 42\n\n\
                @pytest.fixture(scope='module')\ndef basket():\n    return []\n\n@pytest.fixture\ndef fresh():\n    return []\n\n\
                def test_all(basket, fresh):\n    os.environ['MODE'] = 'x'\n    os.chdir('/')\n    \
                open('out.txt', 'w').write(str(answer()))\n    basket.append(1)\n    fresh.append(1)\n\n\
                def test_mode():\n    assert os.environ.get('MODE') and os.path.exists('out.txt')\n";
    let found = touches(test, &[]);
    for (state, writer, reader) in [
        (state("environment", &["MODE"]), WRITE, READ),
        (state("process", &["cwd"]), WRITE, 0),
        (state("file", &["out.txt"]), WRITE, READ),
        (state("fixture", &["test_a.py", "basket"]), READ | WRITE, 0),
        (state("fixture", &["test_a.py", "fresh"]), 0, 0),
    ] {
        assert_eq!(how(&found, "test_all", state), writer);
        assert_eq!(how(&found, "test_mode", state), reader);
    }
    let caches = found[0].1.iter().filter(|touch| touch.how == READ | WRITE).count();
    assert_eq!(caches, 2, "the cache and the wide fixture");
}

#[test]
fn names_that_lead_in_circles_end() {
    let code = [
        ("a/__init__.py", "from .b import X\nfrom .b import *\n"),
        (
            "a/b.py",
            "from . import X\nfrom a import Y\n\nclass Z(Z.W):\n    def run(self):\n        return self.run()\n",
        ),
    ];
    let test = "from a import X, Y, Z\nfrom a.b import Z as Other\n\ndef test_x():\n    X.y()\n    Y.z.w()\n    Z().run()\n    Other().run()\n";
    assert_eq!(touches(test, &code).len(), 1);
}

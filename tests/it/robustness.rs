//! Nothing that stands in a file makes the scanner panic, hang or point outside the file: nasty files one by one,
//! then generated ones. `FUZZ_SECONDS=600` goes on for that long with ever new seeds (`make fuzz`).

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use flakydetector::scan::{ScanRequest, scan_text};
use serde_json::Value;

use super::support::{Suite, text};

/// Scans a text and checks that every finding stands inside it.
fn scan(source: String, told: &str) -> usize {
    let lines: Vec<String> = source.split('\n').map(str::to_owned).collect();
    let found = scan_text("test_generated.py", source, &ScanRequest::default(), None);
    for test in found.tests.iter().map(|test| &test.assessment) {
        assert!(test.line >= 1 && test.end_line >= test.line, "{told}: {}", test.id);
        assert!(test.features.0.iter().all(|value| value.is_finite()), "{told}: {}", test.id);
        for finding in &test.findings {
            let inside = |line: u32, column: u32| {
                let text = line.checked_sub(1).and_then(|index| lines.get(index as usize));
                text.is_some_and(|text| column as usize <= text.chars().count())
            };
            assert!(inside(finding.line, finding.column), "{told}: {finding:?}");
            assert!(inside(finding.end_line, finding.end_column), "{told}: {finding:?}");
            let ordered = (finding.line, finding.column) <= (finding.end_line, finding.end_column);
            assert!(ordered, "{told}: {finding:?}");
        }
    }
    found.tests.len()
}

#[test]
fn nasty_texts() {
    let long = format!("def test_long():\n    assert [{}]\n", "1, ".repeat(350_000));
    let nested = format!("def test_deep():\n    x = {}1{}\n", "(".repeat(10_000), ")".repeat(10_000));
    let unclosed = format!("def test_open():\n    x = {}\n", "[{(".repeat(10_000));
    let mut indented = String::new();
    for depth in 0..300 {
        let _ = writeln!(indented, "{}if x:", " ".repeat(depth));
    }
    let many: String = (0..100_000).fold(String::new(), |mut all, number| {
        let _ = writeln!(all, "def test_{number}(): assert {number}");
        all
    });
    let cases = [
        ("one line of 1 MB", long, 1),
        ("10,000 nested brackets", nested, 1),
        ("10,000 open brackets", unclosed, 0),
        ("300 nested blocks", indented + &" ".repeat(301) + "pass\n\ndef test_a(): pass\n", 1),
        ("100,000 tests", many, 100_000),
        ("form feeds", "\x0c\ndef test_a():\n\x0c    pass\n".into(), 1),
        ("tabs", "class TestA:\n\tdef test_a(self):\n\t\tassert 1\n".into(), 1),
        ("carriage returns", "def test_a():\r\n    import time\r\n    time.sleep(1)\r\n    assert 1\r\n".into(), 1),
        ("null bytes", "def test_a():\n    x = '\0'\n".into(), 1),
        ("no final newline", "def test_a(): pass".into(), 1),
        ("match", "def test_a():\n    match x:\n        case [1, *_] if y: pass\n        case _: assert 1\n".into(), 1),
        ("walrus", "def test_a():\n    while (n := next(it)) and (m := n): assert n\n".into(), 1),
        ("PEP 695", "type A[T] = list[T]\n\ndef test_a[T: (int, str)](x: T) -> T:\n    assert x\n\nclass TestB[T]:\n    def test_b(self): pass\n".into(), 2),
        ("PEP 701", "def test_a():\n    assert f'{f\"{x!r:{width}}\"} {\"a\" if 'b' else \"\\n\"}'\n".into(), 1),
        ("star expressions", "def test_a():\n    a, *b = x[1, *y]\n    assert f(*a, **b)\n".into(), 1),
        ("except groups", "def test_a():\n    try: pass\n    except* (A, B) as e: assert e\n".into(), 1),
        ("a class that is its own base", "class TestA(TestA):\n    def test_a(self): pass\n".into(), 1),
        ("bidirectional and zero-width", "def test_a():\n    x = '\u{202e}\u{200b}é'; time.sleep(1); assert x\n".into(), 1),
    ];
    for (name, source, at_least) in cases {
        let found = scan(source, name);
        assert!(found >= at_least, "{name}: {found} tests");
    }
}

#[test]
fn circles_in_files_and_folders() {
    let suite = Suite::new();
    suite.file("tests/test_one.py", "from tests.test_two import *\nfrom . import test_two\n\ndef test_one(): helper()\ndef helper(): other()\n");
    suite.file(
        "tests/test_two.py",
        "from tests.test_one import *\n\ndef test_two(): other()\ndef other(): helper()\n",
    );
    suite.file(
        "tests/test_fixtures.py",
        "import pytest\n\n@pytest.fixture\ndef a(b): return b\n\n@pytest.fixture\ndef b(a): return a\n\n\
         @pytest.fixture\ndef c(c): return c\n\ndef test_circle(a, b, c): assert a\n\n\
         class A(B):\n    pass\n\nclass B(A):\n    def test_b(self): pass\n\nclass TestC(A):\n    pass\n",
    );
    std::os::unix::fs::symlink(suite.path(), suite.path().join("tests/loop")).unwrap();
    std::os::unix::fs::symlink("test_dangling.py", suite.path().join("tests/test_dangling.py")).unwrap();
    let output = suite.run(&["scan", ".", "--format", "json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let scan: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ids: Vec<_> =
        scan["tests"].as_array().unwrap().iter().map(|test| test["id"].as_str().unwrap()).collect();
    for id in [
        "tests/test_one.py::test_one",
        "tests/test_two.py::test_two",
        "tests/test_fixtures.py::test_circle",
        "tests/test_fixtures.py::TestC::test_b",
    ] {
        assert_eq!(ids.iter().filter(|found| **found == id).count(), 1, "{id} in {ids:?}");
    }
}

#[test]
fn generated_texts() {
    let corpus = corpus();
    let until =
        std::env::var("FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let started = Instant::now();
    let mut seed = if until.is_some() { fastrand::u64(..) } else { 1 };
    let (mut texts, mut tests) = (0_u64, 0);
    while until.map_or(texts < 400, |until| started.elapsed() < until) {
        let source = generate(&mut fastrand::Rng::with_seed(seed), &corpus);
        let told = format!("seed {seed}");
        let watched = watch(&told);
        tests += scan(source, &told);
        drop(watched);
        seed = seed.wrapping_add(1);
        texts += 1;
    }
    eprintln!("{texts} texts with {tests} tests");
    assert!(tests > 400, "the generated texts hold too few tests: {tests}");
}

/// Ends the process when a text takes longer than any text may, and says which.
fn watch(told: &str) -> std::sync::mpsc::Sender<()> {
    let (done, waits) = std::sync::mpsc::channel::<()>();
    let told = told.to_owned();
    std::thread::spawn(move || {
        if waits.recv_timeout(Duration::from_secs(60)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            eprintln!("{told}: still not done after a minute");
            std::process::abort();
        }
    });
    done
}

fn corpus() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/smells");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// Statements of the rules' own fixtures and of a small grammar, mixed and then broken in a few places.
fn generate(random: &mut fastrand::Rng, corpus: &[String]) -> String {
    let mut lines: Vec<String> = vec![];
    for _ in 0..random.usize(1..4) {
        let source: Vec<&str> = corpus[random.usize(..corpus.len())].lines().collect();
        let start = random.usize(..source.len());
        lines.extend(source[start..].iter().take(random.usize(1..120)).map(|line| (*line).to_owned()));
        block(random, 0, &mut lines);
    }
    for _ in 0..random.usize(..8) {
        damage(random, &mut lines);
    }
    let mut all = lines.join(if random.u8(..) < 20 { "\r\n" } else { "\n" });
    if random.u8(..) < 40 {
        let cut = (0..=random.usize(..=all.len())).rev().find(|at| all.is_char_boundary(*at)).unwrap_or(0);
        all.truncate(cut);
    }
    all
}

const WORDS: [&str; 24] = [
    "time", "sleep", "os", "environ", "self", "cls", "test_a", "x", "asyncio", "thread", "redis", "é", "_",
    "random", "patch", "mock", "open", "datetime", "now", "yield", "request", "queue", "seen", "CACHE",
];

fn word(random: &mut fastrand::Rng) -> &'static str {
    WORDS[random.usize(..WORDS.len())]
}

fn expression(random: &mut fastrand::Rng, depth: u8) -> String {
    let inner = |random: &mut fastrand::Rng| expression(random, depth + 1);
    match if depth > 4 { random.u8(..3) } else { random.u8(..16) } {
        0 => word(random).to_owned(),
        1 => random.u32(..1000).to_string(),
        2 => format!("'{}'", word(random)),
        3 => format!("{}.{}", inner(random), word(random)),
        4 | 5 => format!("{}({}, {}={})", inner(random), inner(random), word(random), inner(random)),
        6 => format!("{}[{}]", inner(random), inner(random)),
        7 => format!("[{}, *{}]", inner(random), inner(random)),
        8 => format!("{{{}: {}, **{}}}", inner(random), inner(random), inner(random)),
        9 => format!("({} if {} else {})", inner(random), inner(random), inner(random)),
        10 => format!("[{} for {} in {} if {}]", inner(random), word(random), inner(random), inner(random)),
        11 => format!("(lambda {}: {})", word(random), inner(random)),
        12 => format!("{} < {} == {}", inner(random), inner(random), inner(random)),
        13 => format!("f\"{{{}!r}}\"", word(random)),
        14 => format!("(await {})", inner(random)),
        _ => format!("{} and not {}", inner(random), inner(random)),
    }
}

fn block(random: &mut fastrand::Rng, depth: usize, lines: &mut Vec<String>) {
    let pad = "    ".repeat(depth);
    for _ in 0..random.usize(1..5) {
        let value = expression(random, 0);
        let (head, nested) = match random.u8(..14) {
            0 => (format!("def test_{}({}):", word(random), word(random)), true),
            1 => (format!("async def {}(self, *a, {}=None):", word(random), word(random)), true),
            2 => (format!("class Test{}({}):", word(random), word(random)), true),
            3 => (format!("with {value} as {}:", word(random)), true),
            4 => (format!("for {} in {value}:", word(random)), true),
            5 => (format!("while {value}:"), true),
            6 => (format!("if {value}:"), true),
            7 => ("try:".to_owned(), true),
            8 => (format!("@{}.{}", word(random), word(random)), false),
            9 => (format!("global {}", word(random)), false),
            10 => (format!("{}.{} = {value}", word(random), word(random)), false),
            11 => (format!("from {} import {} as {}", word(random), word(random), word(random)), false),
            12 => (format!("assert {value}"), false),
            _ => (value, false),
        };
        lines.push(format!("{pad}{head}"));
        if nested && depth < 5 {
            block(random, depth + 1, lines);
        }
        if head == "try:" {
            lines.push(format!("{pad}finally:\n{pad}    pass"));
        }
    }
}

fn damage(random: &mut fastrand::Rng, lines: &mut Vec<String>) {
    const SPLINTERS: [&str; 18] = [
        "(",
        ")",
        "[",
        "{",
        "\"\"\"",
        "'",
        "\\",
        "\t",
        "\x0c",
        "\0",
        "\u{feff}",
        "\u{202e}",
        ":",
        "    ",
        "# flaky: ignore",
        "@",
        "*",
        "lambda",
    ];
    if lines.is_empty() {
        return;
    }
    let at = random.usize(..lines.len());
    match random.u8(..5) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[at].clone()),
        2 => lines[at] = lines[at].trim_start().to_owned(),
        3 => lines.swap(at, 0),
        _ => {
            let line = &mut lines[at];
            let place = (0..=random.usize(..=line.len()))
                .rev()
                .find(|place| line.is_char_boundary(*place))
                .unwrap_or(0);
            line.insert_str(place, SPLINTERS[random.usize(..SPLINTERS.len())]);
        }
    }
}

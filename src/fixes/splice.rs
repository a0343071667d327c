//! A model's answer put into the file: the functions that it gives back take the place of those of the same name, new
//! ones come before the test, and missing imports of what the project uses are added.

use std::collections::BTreeMap;

use super::functions::functions;
use super::names::unbound;
use crate::python::Module;
use crate::python::ast::{Function, Stmt, StmtKind};

/// Modules of the standard library that tests are mended with.
const STANDARD: [&str; 32] = [
    "asyncio",
    "collections",
    "contextlib",
    "copy",
    "datetime",
    "functools",
    "gc",
    "glob",
    "io",
    "itertools",
    "json",
    "logging",
    "math",
    "os",
    "pathlib",
    "queue",
    "random",
    "re",
    "select",
    "shutil",
    "signal",
    "socket",
    "string",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "unittest",
    "uuid",
    "warnings",
    "zlib",
];

/// Why an answer is no mended test.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpliceError {
    #[error("there is no Python code in the answer")]
    NoCode,
    #[error("the code in the answer does not parse (line {line})")]
    Syntax { line: u32 },
    #[error("the answer does not hold the function `{name}`")]
    NoTest { name: String },
}

/// The file with the answer in it. `path` is the test's way in the file, `TestLock::test_expires`; `others` are other
/// files of the project, whose imports are known to work.
///
/// # Errors
/// The answer holds no such function.
pub fn splice(text: &str, path: &str, answer: &str, others: &[Module]) -> Result<String, SpliceError> {
    let code = dedented(code(answer).ok_or(SpliceError::NoCode)?);
    let given = Module::parse("answer.py".to_owned(), code);
    if let Some(error) = given.errors.first() {
        return Err(SpliceError::Syntax { line: given.line(error.offset) });
    }
    let module = Module::parse("file.py".to_owned(), text.to_owned());
    let (class, name) = path.rsplit_once("::").unwrap_or(("", path));
    let given_functions = functions(&given);
    let known = functions(&module);
    let test = known.get(path).ok_or_else(|| SpliceError::NoTest { name: name.to_owned() })?;
    if !given_functions.keys().any(|given| given == path || given == name) {
        return Err(SpliceError::NoTest { name: name.to_owned() });
    }
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut changes: Vec<(usize, usize, String)> = vec![];
    let mut before = String::new();
    for (given_path, function) in &given_functions {
        let short = given_path.rsplit("::").next().unwrap_or(given_path);
        let in_class = format!("{class}::{short}");
        let target =
            [given_path.as_str(), in_class.as_str(), short].into_iter().find_map(|path| known.get(path));
        let source = given.whole_lines(function.span);
        match target {
            Some(target) => {
                let start = target.span.start as usize;
                let indent = indent(&module, target);
                changes.push((start, target.span.end as usize, indented(&dedented(source), indent, newline)));
            }
            // a fixture or a helper of its own
            None if !given_path.contains("::") => {
                let own = indented(&dedented(source), "", newline);
                before += &format!("{own}{newline}{newline}{newline}");
            }
            None => {}
        }
    }
    if !before.is_empty() {
        let start = outermost(&module, test);
        changes.push((start, start, before));
    }
    changes.sort();
    let mut out = text.to_owned();
    for (start, end, content) in changes.into_iter().rev() {
        let tail = if text[..end].ends_with('\n') && !content.ends_with('\n') { newline } else { "" };
        out.replace_range(start..end, &format!("{content}{tail}"));
    }
    Ok(import(out, &module, &given, others))
}

/// The first fenced block, else the answer from its first line of code on.
fn code(answer: &str) -> Option<&str> {
    if let Some((_, rest)) = answer.split_once("```") {
        let rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        let block = rest.split("```").next().unwrap_or_default();
        return Some(block).filter(|block| !block.trim().is_empty());
    }
    let starts = |line: &str| {
        let line = line.trim_start();
        ["def ", "async def ", "@", "import ", "from ", "class "].iter().any(|word| line.starts_with(word))
    };
    let at = answer.split_inclusive('\n').scan(0, |at, line| {
        let here = *at;
        *at += line.len();
        Some((here, line))
    });
    at.into_iter().find(|(_, line)| starts(line)).map(|(at, _)| &answer[at..])
}

fn dedented(code: &str) -> String {
    // a model may quote as it was quoted to
    let is_quoted = code.lines().all(|line| line.trim().is_empty() || line.starts_with('|'));
    let unquoted: String = code
        .lines()
        .map(|line| {
            line.strip_prefix("| ").or_else(|| line.strip_prefix('|')).filter(|_| is_quoted).unwrap_or(line)
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let code = unquoted.as_str();
    let filled = || code.lines().filter(|line| !line.trim().is_empty());
    let least = filled().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    code.lines().map(|line| format!("{}\n", line.get(least..).unwrap_or("").trim_end())).collect()
}

/// The lines with an indentation, but for the first, whose place has it.
fn indented(code: &str, indent: &str, newline: &str) -> String {
    let lines = code.trim_end().lines().enumerate().map(|(at, line)| match (at, line.is_empty()) {
        (0, _) | (_, true) => line.to_owned(),
        _ => format!("{indent}{line}"),
    });
    lines.collect::<Vec<_>>().join(newline)
}

fn indent<'m>(module: &'m Module, function: &Function) -> &'m str {
    let line = module.line_text(module.line(function.span.start));
    &line[..line.len() - line.trim_start().len()]
}

/// Where the statement at the top begins that holds the function.
fn outermost(module: &Module, function: &Function) -> usize {
    let holds = |stmt: &&Stmt| {
        let span = match &stmt.kind {
            StmtKind::Function(function) => function.span,
            StmtKind::Class(class) => class.span,
            _ => stmt.span,
        };
        span.holds(function.span)
    };
    module.body.iter().find(holds).map_or(function.span.start, |stmt| match &stmt.kind {
        StmtKind::Function(function) => function.span.start,
        StmtKind::Class(class) => class.span.start,
        _ => stmt.span.start,
    }) as usize
}

/// The text with imports of what is bound nowhere: as the answer has them, as another file of the project has, or of the
/// standard library.
fn import(text: String, before: &Module, given: &Module, others: &[Module]) -> String {
    let after = Module::parse("file.py".to_owned(), text);
    let was = functions(before);
    let mut wanted: BTreeMap<String, String> = BTreeMap::new();
    for (path, function) in functions(&after) {
        let same = was.get(&path).is_some_and(|was| before.text(was.span) == after.text(function.span));
        if same {
            continue;
        }
        for name in unbound(&after, function, &path) {
            let known =
                std::iter::once(given).chain(others).find_map(|module| module.imports.get(name.as_str()));
            let known = known.map(|path| path.to_string()).filter(|path| !path.starts_with('.'));
            let standard = || STANDARD.contains(&name.as_str()).then(|| name.clone());
            let usual = || {
                matches!(name.as_str(), "pytest" | "mock").then(|| match name.as_str() {
                    "mock" => "unittest.mock".to_owned(),
                    _ => name.clone(),
                })
            };
            if let Some(path) = known.or_else(standard).or_else(usual) {
                wanted.insert(name, path);
            }
        }
    }
    let newline = if after.source.contains("\r\n") { "\r\n" } else { "\n" };
    let lines: String = wanted.iter().map(|(name, path)| line(name, path) + newline).collect();
    if lines.is_empty() {
        return after.source;
    }
    let is_import = |stmt: &&Stmt| matches!(stmt.kind, StmtKind::Import(_));
    let mut out = after.source.clone();
    let place = after.body.iter().rfind(is_import).map(|stmt| after.line(stmt.span.end) + 1);
    let place = place.unwrap_or_else(|| after.body.first().map_or(1, |first| after.line(first.span.start)));
    out.insert_str(after.line_start(place) as usize, &lines);
    out
}

fn line(name: &str, path: &str) -> String {
    match path.rsplit_once('.') {
        Some((package, last)) if last == name => format!("from {package} import {name}"),
        Some((package, last)) => format!("from {package} import {last} as {name}"),
        None if path == name => format!("import {name}"),
        None => format!("import {path} as {name}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FILE: &str = "import os\n\nX = 1\n\n\nclass TestA:\n    @mark\n    def test_b(self):\n        go(X)\n        assert os.x\n\n    def other(self):\n        pass\n";

    #[test]
    fn the_function_takes_its_place_and_imports_come() {
        let answer = "Here it is:\n```python\n@mark\ndef test_b(self):\n    time.sleep(0)\n    assert os.x\n```\nDone.";
        let out = splice(FILE, "TestA::test_b", answer, &[]).unwrap();
        let wanted = FILE
            .replace("        go(X)\n", "        time.sleep(0)\n")
            .replace("import os\n", "import os\nimport time\n");
        assert_eq!(out, wanted);
    }

    #[test]
    fn a_class_around_it_and_a_fixture_beside_it_are_understood() {
        let answer = "```\nimport pytest\n\n@pytest.fixture\ndef made():\n    return 1\n\nclass TestA:\n    @mark\n    def test_b(self, made):\n        assert os.x == made\n```";
        let out = splice(FILE, "TestA::test_b", answer, &[]).unwrap();
        assert!(out.contains("import os\nimport pytest\n"), "{out}");
        assert!(out.contains("@pytest.fixture\ndef made():\n    return 1\n\n\nclass TestA:\n    @mark\n    def test_b(self, made):\n        assert os.x == made\n"), "{out}");
    }

    #[test]
    fn what_is_no_such_function_is_refused() {
        for answer in [
            "",
            "I cannot do this.",
            "```python\n```",
            "```python\nx = 1\n```",
            "def test_c(self):\n    pass\n",
        ] {
            assert!(splice(FILE, "TestA::test_b", answer, &[]).is_err(), "{answer}");
        }
        assert_eq!(
            splice(FILE, "TestA::test_b", "def test_b(:\n", &[]),
            Err(SpliceError::Syntax { line: 1 })
        );
    }
}

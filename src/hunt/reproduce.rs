//! One command line for each case, which shows it with the user's pytest, and trying it.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::perturbations::Change;
use super::runs::{Runs, Test};
use super::worker::Setup;

/// The longest that one command may take.
const LONGEST: Duration = Duration::from_secs(120);

/// A case as a command line.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) command: String,
    /// The test that fails.
    test: String,
    /// Whether it is plain pytest, and can be tried here.
    plain: bool,
}

/// The command for running `list`, whose last is the failing one, with a change or without.
pub(super) fn case(runs: &Runs<'_>, list: &[Test], test: Test, change: Option<&Change>) -> Case {
    let environment = &runs.setup().environment;
    let python = quote(&environment.python.display().to_string());
    let options: String = environment.neutral.iter().map(|option| format!(" {}", quote(option))).collect();
    let id = runs.ids[test].clone();
    let names: Vec<String> = list.iter().map(|test| quote(&runs.ids[*test])).collect();
    let pytest = format!("{python} -m pytest{options} {}", names.join(" "));
    let (command, plain) = match change {
        // pytest drops a name that it was given before, so the process is given it twice
        None if list.len() > 1 && list.iter().all(|other| other == &test) => {
            let code = format!(
                "import pytest, sys; arguments = {}; sys.exit(pytest.main(arguments) or pytest.main(arguments))",
                python_list(environment.neutral.iter().chain([&id]))
            );
            (format!("{python} -c {}", quote(&code)), true)
        }
        None => (pytest, true),
        Some(change) if !change.variables.is_empty() => {
            let pairs: String =
                change.variables.iter().map(|(name, value)| format!("{name}={} ", quote(value))).collect();
            (format!("{pairs}{pytest}"), true)
        }
        Some(change) => {
            let name = change.name.split(':').next().unwrap_or(&change.name);
            let suspect = quote(super::test_of(&id));
            (format!("flakydetector hunt --yes --only {name} --tests {suspect}"), false)
        }
    };
    Case { command, test: id, plain }
}

/// Whether the command shows it; nothing where it is not plain pytest.
pub(super) fn shows(setup: &Setup, case: &Case, left: Duration) -> Option<bool> {
    if !case.plain {
        return None;
    }
    let output = setup.folder().join("shown");
    let file = std::fs::File::create(&output).ok()?;
    let mut process = Command::new("sh")
        .arg("-c")
        .arg(&case.command)
        .current_dir(&setup.root)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTEST_ADDOPTS", addopts(setup))
        .stdin(Stdio::null())
        .stderr(file.try_clone().ok()?)
        .stdout(file)
        .process_group(0)
        .spawn()
        .ok()?;
    let end = Instant::now() + left.min(LONGEST);
    while process.try_wait().ok()?.is_none() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    if let Some(group) = Pid::from_raw(process.id().cast_signed()) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = process.wait();
    let said = std::fs::read(&output).ok()?;
    Some(String::from_utf8_lossy(&said).lines().any(|line| is_failure(line, &case.test)))
}

/// Nothing is left in the project, and failures are listed.
fn addopts(setup: &Setup) -> String {
    let theirs = std::env::var("PYTEST_ADDOPTS").unwrap_or_default();
    format!("{theirs} -o cache_dir={} -rfE", setup.folder().join("cache").display())
}

/// `FAILED tests/test_a.py::test_b - assert …`
fn is_failure(line: &str, test: &str) -> bool {
    let Some(rest) = line.strip_prefix("FAILED ").or_else(|| line.strip_prefix("ERROR ")) else {
        return false;
    };
    // pytest's root may lie deeper than ours
    let id = rest.split(" - ").next().unwrap_or(rest).trim();
    test == id || test.ends_with(&format!("/{id}")) || id.ends_with(&format!("/{test}"))
}

fn python_list<'s>(words: impl Iterator<Item = &'s String>) -> String {
    let words: Vec<String> =
        words.map(|word| format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))).collect();
    format!("[{}]", words.join(", "))
}

/// For a shell.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quote("tests/test_a.py::test_b"), "tests/test_a.py::test_b");
        assert_eq!(quote("test_a.py::test_b[x y]"), "'test_a.py::test_b[x y]'");
        assert_eq!(quote("it's"), "'it'\\''s'");
    }

    #[test]
    fn a_failure_is_told_by_its_line() {
        assert!(is_failure("FAILED tests/test_a.py::test_b - assert 1 == 2", "tests/test_a.py::test_b"));
        assert!(is_failure("ERROR test_a.py::test_b", "tests/test_a.py::test_b"));
        assert!(!is_failure("FAILED tests/test_a.py::test_bc", "tests/test_a.py::test_b"));
        assert!(!is_failure("tests/test_a.py::test_b FAILED", "tests/test_a.py::test_b"));
    }
}

//! One command line for each case, which shows it with the user's pytest, and trying it.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::perturbations::Change;
use super::runs::{Runs, Test};
use super::worker::{Setup, end_of};

/// The longest that one command may take.
const LONGEST: Duration = Duration::from_secs(120);
/// Failures are listed at the end; a test may have said gigabytes before.
const END: u64 = 4 << 20;
/// So often a command is tried whose case goes by chance.
const TRIES: u32 = 5;

/// A case as command lines, the simplest first.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// Plain pytest; can be tried here.
    plain: Vec<String>,
    /// Ours, where plain pytest cannot make the change, or does not show it.
    ours: String,
    /// The test that fails.
    test: String,
}

impl Case {
    /// The command that is told as long as none was tried.
    pub(super) fn first(&self) -> &str {
        self.plain.first().unwrap_or(&self.ours)
    }

    pub(super) fn test(&self) -> &str {
        &self.test
    }
}

/// The command for running `list`, whose last is the failing one, with a change or without.
pub(super) fn case(runs: &Runs<'_>, list: &[Test], test: Test, change: Option<&Change>) -> Case {
    let environment = &runs.setup().environment;
    let python = quote(&environment.python.display().to_string());
    let options: String = environment.neutral.iter().map(|option| format!(" {}", quote(option))).collect();
    let id = runs.ids[test].clone();
    let names: Vec<String> = list.iter().map(|test| quote(&runs.ids[*test])).collect();
    let pytest = format!("{python} -m pytest{options} {}", names.join(" "));
    let (mut plain, mut kind) = (vec![], "order");
    match change {
        // pytest runs a name once, however often it is given
        None if list.len() > 1 && list.iter().all(|other| *other == test) => {
            kind = "twice";
            for code in twice(&environment.neutral, &id) {
                plain.push(format!("{python} -c {}", quote(&code)));
            }
            let once = format!("{python} -m pytest{options} {}", quote(&id));
            plain.push(with_plugin("{\"twice\":true}", &once));
        }
        None => {
            plain.push(pytest);
            // what a test leans on may be what importing the others does
            if list.len() == 1 {
                let paths: String =
                    runs.request.paths.iter().map(|path| format!(" {}", quote(path))).collect();
                plain.push(format!("{python} -m pytest{options}{paths} -k {}", quote(&picked(&id))));
            }
        }
        Some(change) => {
            kind = change.name.split(':').next().unwrap_or(kind);
            plain.push(changed(change, &pytest));
        }
    }
    Case { plain, ours: hunt_again(runs, kind, &id), test: id }
}

/// The command for the suite as it is.
pub(super) fn suite(runs: &Runs<'_>, test: Test) -> Case {
    let case = case(runs, &[], test, None);
    Case { plain: vec![case.first().trim_end().to_owned() + &paths(runs)], ..case }
}

/// Pytest with a change: by the environment, beside busy cores, or with our plugin.
fn changed(change: &Change, pytest: &str) -> String {
    if change.busy {
        let busy = "for core in $(seq $((2 * $(nproc)))); do timeout 30 sh -c 'while :; do :; done' & done";
        return format!("{busy}; {pytest}");
    }
    if !change.variables.is_empty() {
        let pairs = change.variables.iter().map(|(name, value)| format!("{name}={} ", quote(value)));
        return pairs.collect::<String>() + pytest;
    }
    with_plugin(&serde_json::to_string(&change.inside).unwrap_or_default(), pytest)
}

fn with_plugin(wanted: &str, pytest: &str) -> String {
    let pytest = pytest.replacen(" -m pytest", " -m pytest -p flakydetector_changes", 1);
    let wanted = quote(wanted);
    format!("PYTHONPATH=\"$(flakydetector hunt --plugin)\" FLAKYDETECTOR_CHANGE={wanted} {pytest}")
}

/// An expression for `-k`, with which all is collected and only this runs: `TestLock and test_expires`.
fn picked(id: &str) -> String {
    super::test_of(id).split("::").skip(1).collect::<Vec<_>>().join(" and ")
}

/// The command for a test that was not narrowed down.
pub(super) fn in_a_crowd(runs: &Runs<'_>, test: Test) -> Case {
    let id = runs.ids[test].clone();
    Case { plain: vec![], ours: hunt_again(runs, "order", &id), test: id }
}

/// A hunt for one test with one kind of change, with the same Python and the same tests around.
fn hunt_again(runs: &Runs<'_>, kind: &str, id: &str) -> String {
    let python = quote(&runs.setup().environment.python.display().to_string());
    let test = quote(super::test_of(id));
    format!("flakydetector hunt{} --yes --only {kind} --python {python} --tests {test}", paths(runs))
}

/// What pytest was given to collect, as further words of a command.
fn paths(runs: &Runs<'_>) -> String {
    runs.request.paths.iter().map(|path| format!(" {}", quote(path))).collect()
}

/// Programs that run a test twice in one process: in two sessions, and as two cases of one.
fn twice(options: &[String], id: &str) -> [String; 2] {
    let sessions = format!(
        "import pytest, sys; arguments = {}; sys.exit(pytest.main(arguments) or pytest.main(arguments))",
        python_list(options.iter().map(String::as_str).chain([id]))
    );
    let cases = format!(
        "import pytest, sys; \
         twice = lambda self, metafunc: (metafunc.fixturenames.append(\"twice\"), metafunc.parametrize(\"twice\", [1, 2])); \
         sys.exit(pytest.main({}, plugins=[type(\"Twice\", (), {{\"pytest_generate_tests\": twice}})()]))",
        python_list(options.iter().map(String::as_str).chain([super::test_of(id)]))
    );
    [sessions, cases]
}

/// The first of the case's commands that shows it, in how many tries it did, and of how many; nothing where none could
/// be tried. What goes by chance is tried [`TRIES`] times, as far as there is time.
pub(super) fn try_out(
    setup: &Setup,
    case: &Case,
    by_chance: bool,
    left: &dyn Fn() -> Duration,
) -> Option<(String, u32, u32)> {
    let most = if by_chance { TRIES } else { 1 };
    let mut tried = 0;
    for command in &case.plain {
        let mut shown = 0;
        tried = 0;
        while tried < most && left() >= Duration::from_secs(2) {
            shown += u32::from(shows(setup, command, &case.test, left())?);
            tried += 1;
        }
        if shown > 0 {
            return Some((command.clone(), shown, tried));
        }
    }
    (tried > 0).then(|| (case.ours.clone(), 0, tried))
}

/// Whether the test fails when this command runs; nothing where it cannot be run.
pub(super) fn shows(setup: &Setup, command: &str, test: &str, left: Duration) -> Option<bool> {
    Some(said(setup, command, left)?.lines().any(|line| is_failure(line, test)))
}

/// What a command says at its end; nothing where it cannot be run.
pub(super) fn said(setup: &Setup, command: &str, left: Duration) -> Option<String> {
    let output = setup.folder().join("shown");
    let file = std::fs::File::create(&output).ok()?;
    // a shell that may not have us in its path
    let us = std::env::current_exe().ok()?;
    let us = format!("flakydetector() {{ {} \"$@\"; }}; ", quote(&us.display().to_string()));
    let mut process = Command::new("sh")
        .arg("-c")
        .arg(us + command)
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
    end_of(&output, END).ok()
}

/// Nothing is left in the project, and failures are listed.
fn addopts(setup: &Setup) -> String {
    let theirs = std::env::var("PYTEST_ADDOPTS").unwrap_or_default();
    format!("{theirs} -o cache_dir={} -rfE --tb=native", setup.folder().join("cache").display())
}

/// `FAILED tests/test_a.py::test_b - assert …`
pub(super) fn is_failure(line: &str, test: &str) -> bool {
    let Some(rest) = line.strip_prefix("FAILED ").or_else(|| line.strip_prefix("ERROR ")) else {
        return false;
    };
    // pytest's root may lie deeper than ours
    let id = rest.split(" - ").next().unwrap_or(rest).trim();
    let (id, test) = (super::test_of(id), super::test_of(test));
    test == id || test.ends_with(&format!("/{id}")) || id.ends_with(&format!("/{test}"))
}

fn python_list<'s>(words: impl Iterator<Item = &'s str>) -> String {
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
    fn a_test_is_picked_among_all_that_are_collected() {
        assert_eq!(picked("tests/test_a.py::TestA::test_b[x-1]"), "TestA and test_b");
        assert_eq!(picked("test_a.py::test_b"), "test_b");
    }

    #[test]
    fn a_failure_is_told_by_its_line() {
        assert!(is_failure("FAILED tests/test_a.py::test_b - assert 1 == 2", "tests/test_a.py::test_b"));
        assert!(is_failure("ERROR test_a.py::test_b", "tests/test_a.py::test_b"));
        assert!(!is_failure("FAILED tests/test_a.py::test_bc", "tests/test_a.py::test_b"));
        assert!(!is_failure("tests/test_a.py::test_b FAILED", "tests/test_a.py::test_b"));
    }
}

//! Whether a change of a test cured what a finding says, or only put it out of the rule's sight: moved into a helper, under
//! another name, behind another import.

use std::collections::{BTreeMap, BTreeSet};

use super::mined::different_lines;
use crate::smells::Finding;

/// A test's code and the line where it begins.
pub(super) struct Text {
    pub(super) text: String,
    pub(super) line: u32,
}

/// What gives a test a folder of its own.
const OWN_FOLDERS: [&str; 8] = [
    "tmp_path",
    "tmpdir",
    "tmp_dir",
    "mktemp",
    "mkdtemp",
    "TemporaryDirectory",
    "NamedTemporaryFile",
    "chdir",
];
/// What makes a folder or file that stays.
const STAYING: [&str; 3] = ["mkdtemp(", "mkstemp(", "mktemp("];
/// What removes one.
const REMOVING: [&str; 5] = ["rmtree", "addCleanup", "unlink", "remove(", "cleanup"];
/// What makes draws repeat.
const SEEDS: [&str; 6] = ["seed", "Random(", "RandomState(", "default_rng(", "derandomize", "Generator("];
/// What draws.
const DRAWS: [&str; 5] = ["random.", "rand(", "randint(", "randbytes(", "randn("];
/// What stands in for a service, or clears what was put into it.
const STAND_INS: [&str; 11] =
    ["mock", "Mock", "fake", "patch", "moto", "drop", "flush", "addCleanup", "delete", "rollback", "uuid"];
/// What ends or waits for tasks.
const WAITS: [&str; 6] = ["await", "cancel", "gather", "wait", "nursery", "join"];
/// What hides a failure.
const SKIPS: [&str; 6] = ["skip", "Skip", "xfail", "KnownFail", "expectedFailure", "flaky"];
/// So few changed lines stand together.
const FEW: usize = 6;

/// Whether what the finding names is gone or has what it lacked.
pub(super) fn is_cured(finding: &Finding, before: &Text, after: &Text) -> bool {
    let new = added(&before.text, &after.text);
    let has = |words: &[&str]| words.iter().any(|word| after.text.contains(word));
    let brings = |words: &[&str]| new.iter().any(|line| words.iter().any(|word| line.contains(word)));
    if brings(&SKIPS) {
        return false;
    }
    let gone = || is_gone(finding, before, after);
    let is_near = || gone() || different_lines(&before.text, &after.text) <= FEW;
    match finding.code.as_str() {
        // what waits too short or for nothing stands in its own line, and something else comes in its place
        "FD101" => gone() && waits_otherwise(&new),
        "FD102" | "FD104" | "FD109" => gone(),
        "FD103" => gone() || (is_near() && brings(&WAITS)),
        "FD105" | "FD107" | "FD108" | "FD117" => is_near() && waits_otherwise(&new),
        "FD303" => is_near() && brings(&STAND_INS),
        "FD501" | "FD502" => has(&SEEDS) || !has(&DRAWS),
        "FD507" => has(&["derandomize", "seed("]),
        "FD701" => is_near() && (brings(&[".close("]) || !new.iter().any(|line| opens(line))),
        "FD703" => brings(&OWN_FOLDERS),
        "FD704" => !has(&STAYING) || brings(&REMOVING),
        _ => is_near(),
    }
}

/// Lines that only the second text has, or has more often, without white space at their ends.
fn added<'t>(before: &str, after: &'t str) -> Vec<&'t str> {
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    before.lines().for_each(|line| *known.entry(line.trim()).or_default() += 1);
    let mut new = vec![];
    for line in after.lines().map(str::trim) {
        match known.get_mut(line) {
            Some(left) if *left > 0 => *left -= 1,
            _ => new.push(line),
        }
    }
    new
}

/// Whether lines bring something to wait for, and not another pause.
fn waits_otherwise(new: &[&str]) -> bool {
    let asks_again = new.iter().any(|line| line.starts_with("while ") || line.starts_with("for "));
    new.iter().any(|line| is_code(line)) && (asks_again || !new.iter().any(|line| pauses(line)))
}

/// Whether a line does something: no comment, head, import or closing bracket.
fn is_code(line: &str) -> bool {
    const OTHER: [&str; 9] = ["#", "@", "\"\"\"", "'''", "import ", "from ", "def ", "async def ", ")"];
    !line.is_empty() && !OTHER.iter().any(|head| line.starts_with(head))
}

/// `time.sleep(0.1)`, `granularity_sleep()`, `await pilot.pause(DELAY)`: nothing but a pause of a fixed length.
fn pauses(line: &str) -> bool {
    let call = line.strip_prefix("await ").or_else(|| line.strip_prefix("yield from ")).unwrap_or(line);
    let Some((name, rest)) = call.split_once('(') else { return false };
    let Some((length, rest)) = rest.split_once(')') else { return false };
    let is_fixed =
        |char: char| char.is_ascii_digit() || char.is_ascii_uppercase() || matches!(char, '.' | '_');
    name.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '.' | '_'))
        && ["sleep", "pause", "wait_for_timeout"].iter().any(|word| name.contains(word))
        && length.chars().all(is_fixed)
        && (rest.is_empty() || rest.trim_start().starts_with('#'))
}

/// `json.load(open(path))`
fn opens(line: &str) -> bool {
    line.contains("open(") && !line.contains("with ")
}

/// Whether a line of the finding is not there any more.
fn is_gone(finding: &Finding, before: &Text, after: &Text) -> bool {
    let lines: Vec<&str> = before.text.lines().collect();
    let inside = |line: u32| {
        (line.checked_sub(before.line)).and_then(|at| lines.get(at as usize)).map(|text| text.trim())
    };
    let kept: BTreeSet<&str> = after.text.lines().map(str::trim).collect();
    (finding.line..=finding.end_line.max(finding.line)).filter_map(inside).any(|line| !kept.contains(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_by_another_name_is_a_pause() {
        for line in ["time.sleep(0.1)", "granularity_sleep()", "await pilot.pause(DELAY)", "sleep(1)  # why"]
        {
            assert!(pauses(line), "{line}");
        }
        for line in ["_sleep_enough(done)", "queue.wait(timeout=1)", "sleep(1) or f()", "x = sleep(1)"] {
            assert!(!pauses(line), "{line}");
        }
    }

    #[test]
    fn what_is_only_left_out_is_no_wait() {
        assert!(!waits_otherwise(&[]));
        assert!(!waits_otherwise(&["# no pause"]));
        assert!(!waits_otherwise(&["sleep(2)"]));
        assert!(waits_otherwise(&["while not done():", "sleep(0.1)"]));
        assert!(waits_otherwise(&["done.wait(10)"]));
    }

    #[test]
    fn a_line_is_new_where_there_are_more_of_it() {
        assert_eq!(added("a\nb\n", "b\na\na\nc\n"), ["a", "c"]);
    }
}

//! Whether a change of a test cured what a finding says, or only put it out of the rule's sight: moved into a helper, under
//! another name, behind another import.

use std::collections::BTreeSet;

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
/// So few changed lines stand together.
const FEW: usize = 6;

/// Whether what the finding names is gone or has what it lacked.
pub(super) fn is_cured(finding: &Finding, before: &Text, after: &Text) -> bool {
    let was: BTreeSet<&str> = before.text.lines().map(str::trim).collect();
    let has = |words: &[&str]| words.iter().any(|word| after.text.contains(word));
    let brings = |words: &[&str]| {
        let mut new = after.text.lines().filter(|line| !was.contains(line.trim()));
        new.any(|line| words.iter().any(|word| line.contains(word)))
    };
    match finding.code.as_str() {
        // what waits too short or for nothing stands in its own line
        "FD101" | "FD102" | "FD104" | "FD109" => is_gone(finding, before, after),
        "FD501" | "FD502" => has(&SEEDS) || !has(&DRAWS),
        "FD507" => has(&["derandomize", "seed("]),
        "FD703" => brings(&OWN_FOLDERS),
        "FD704" => !has(&STAYING) || brings(&REMOVING),
        _ => is_gone(finding, before, after) || different_lines(&before.text, &after.text) <= FEW,
    }
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

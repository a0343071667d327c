//! Whether a change of a test cured what a finding says, or only put it out of the rule's sight: moved into a helper, under
//! another name, behind another import.

mod lines;

use std::collections::BTreeSet;

use self::lines::*;
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
const DRAWS: [&str; 9] =
    ["random.", "rand(", "randint(", "randbytes(", "randn(", "urandom(", "token_", "secrets.", "choice("];
/// What stands in for a service, or clears what was put into it.
const STAND_INS: [&str; 11] =
    ["mock", "Mock", "fake", "patch", "moto", "drop", "flush", "addCleanup", "delete", "rollback", "uuid"];
/// What ends or waits for tasks.
const WAITS: [&str; 6] = ["await", "cancel", "gather", "wait", "nursery", "join"];
/// What takes a registration away again.
const UNREGISTERS: [&str; 5] = ["unregister", "pop(", "finally", "addCleanup", "del "];
/// What asks a page or a store until it is so.
const ASKS_AGAIN: [&str; 6] = ["expect(", "wait", "until", "eventually", "poll", "retry"];
/// What makes an order certain, or of no matter.
const ORDERS: [&str; 6] = ["sort", "order", "set(", "Counter", "CountEqual", "ItemsEqual"];
/// What hides a failure.
const SKIPS: [&str; 6] = ["skip", "Skip", "xfail", "KnownFail", "expectedFailure", "flaky"];
/// So few changed lines stand together.
const FEW: usize = 6;

/// Whether what the finding names is gone or has what it lacked.
pub(super) fn is_cured(finding: &Finding, before: &Text, after: &Text) -> bool {
    let new = added(&before.text, &after.text);
    let has = |words: &[&str]| words.iter().any(|word| after.text.contains(word));
    let brings = |words: &[&str]| new.iter().any(|line| words.iter().any(|word| line.contains(word)));
    let found = lines_of(finding, before);
    if brings(&SKIPS) || is_renamed(&finding.code, &found, &new) {
        return false;
    }
    let gone = || is_gone(&found, &after.text);
    let is_near = || gone() || different_lines(&before.text, &after.text) <= FEW;
    match finding.code.as_str() {
        // what waits too short or for nothing stands in its own line, and something else comes in its place
        "FD101" => gone() && waits_otherwise(&found, before, after),
        "FD102" => gone() && !keeps_limit(&found, &new),
        "FD104" | "FD109" | "FD614" => gone(),
        "FD103" => gone() || (is_near() && brings(&WAITS)),
        "FD105" | "FD107" | "FD108" | "FD117" => {
            is_near() && new.iter().any(|line| is_code(line)) && !new.iter().any(|line| pauses(line))
        }
        "FD110" => gone() || brings(&ASKS_AGAIN),
        "FD303" => is_near() && brings(&STAND_INS),
        "FD501" | "FD502" => has(&SEEDS) || !has(&DRAWS),
        "FD507" => has(&["derandomize", "seed("]),
        "FD611" => brings(&UNREGISTERS),
        "FD701" => is_near() && (brings(&[".close("]) || !new.iter().any(|line| opens(line))),
        "FD703" => brings(&OWN_FOLDERS),
        "FD704" => !has(&STAYING) || brings(&REMOVING),
        "FD805" => brings(&ORDERS),
        _ => is_near(),
    }
}

/// The lines that a finding is about.
fn lines_of<'t>(finding: &Finding, before: &'t Text) -> Vec<&'t str> {
    let lines: Vec<&str> = before.text.lines().map(str::trim).collect();
    let inside = |line: u32| lines.get(line.checked_sub(before.line)? as usize).copied();
    (finding.line..=finding.end_line.max(finding.line)).filter_map(inside).collect()
}

/// Whether a line of the finding is not there any more.
fn is_gone(found: &[&str], after: &str) -> bool {
    let kept: BTreeSet<&str> = after.lines().map(str::trim).collect();
    found.iter().any(|line| !kept.contains(line))
}

/// Whether lines of the finding came again with another name for what they call, where the name is not what is wrong.
fn is_renamed(code: &str, found: &[&str], new: &[&str]) -> bool {
    const BY_ANY_NAME: [&str; 11] =
        ["FD102", "FD103", "FD110", "FD201", "FD202", "FD302", "FD310", "FD401", "FD611", "FD702", "FD704"];
    let again = |line: &&str| {
        let plain = without_callees(line);
        plain.contains('(') && new.iter().any(|other| other != line && without_callees(other) == plain)
    };
    BY_ANY_NAME.contains(&code) && found.iter().any(again)
}

/// Whether what came for a pause waits: a call of something else in its place, a loop or a block anywhere, a clock that is
/// stopped, or the same with another number.
fn waits_otherwise(found: &[&str], before: &Text, after: &Text) -> bool {
    let hunks = hunks(&before.text, &after.text);
    let here = hunks.iter().filter(|hunk| hunk.gone.iter().any(|line| found.contains(&line.as_str())));
    let calls_another = |hunk: &Hunk| {
        let known: BTreeSet<&str> = hunk.gone.iter().flat_map(|line| callees(line)).collect();
        hunk.new.iter().filter(|line| is_code(line) && !pauses(line) && !line.contains("patch(")).any(
            |line| {
                let called = callees(line);
                !called.is_empty() && called.is_disjoint(&known)
            },
        )
    };
    let stops_clock = |line: &str| {
        line.contains("freez")
            || line.contains("tick(")
            || (line.contains("time") && (line.contains("mock") || line.contains("patch")))
    };
    let gone: BTreeSet<String> =
        hunks.iter().flat_map(|hunk| &hunk.gone).map(|line| without_numbers(line)).collect();
    let mut new = hunks.iter().flat_map(|hunk| &hunk.new);
    here.into_iter().any(calls_another)
        || new.any(|line| {
            let renumbered =
                || !numbers(line).is_empty() && !pauses(line) && gone.contains(&without_numbers(line));
            opens_block(line) || stops_clock(line) || renumbered()
        })
}

/// Whether a limit of the same length came for one that went.
fn keeps_limit(found: &[&str], new: &[&str]) -> bool {
    let called: BTreeSet<&str> = found.iter().flat_map(|line| callees(line)).collect();
    let known: BTreeSet<&str> = found.iter().flat_map(|line| numbers(line)).collect();
    new.iter().any(|line| {
        let limits = line.contains("imeout") || line.contains("wait") || !callees(line).is_disjoint(&called);
        limits && !numbers(line).is_disjoint(&known)
    })
}

/// `json.load(open(path))`
fn opens(line: &str) -> bool {
    line.contains("open(") && !line.contains("with ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(before: &str, after: &str) -> bool {
        let text = |text: &str| Text { text: text.to_owned(), line: 1 };
        waits_otherwise(&["time.sleep(1)"], &text(before), &text(after))
    }

    #[test]
    fn what_is_only_left_out_is_no_wait() {
        let before = "start()\ntime.sleep(1)\nassert done\n";
        assert!(!waits(before, "start()\nassert done\n"));
        assert!(!waits(before, "start()\n# no pause\nassert done\nmore()\n"));
        assert!(!waits(before, "start()\nother.sleep(2)\nassert done\n"));
        assert!(waits(before, "start()\nwhile not done:\n    time.sleep(0.1)\nassert done\n"));
        assert!(waits(before, "start()\nfinished.wait(10)\nassert done\n"));
    }

    #[test]
    fn a_limit_of_the_same_length_is_the_same_limit() {
        assert!(keeps_limit(&["queue.get(timeout=0.5)"], &["queue.get(True, 0.5)"]));
        assert!(!keeps_limit(&["queue.get(timeout=0.5)"], &["queue.get(timeout=10)"]));
        assert!(is_renamed("FD103", &["task = create_task(f())"], &["task = spawn(f())"]));
        assert!(!is_renamed("FD106", &["f()"], &["await f()"]));
    }
}

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
const REMOVING: [&str; 4] = ["rmtree", "rmdir", "addCleanup", "cleanup"];
/// What makes draws repeat.
const SEEDS: [&str; 6] = ["seed", "Random(", "RandomState(", "default_rng(", "derandomize", "Generator("];
/// What draws.
const DRAWS: [&str; 9] =
    ["random.", "rand(", "randint(", "randbytes(", "randn(", "urandom(", "token_", "secrets.", "choice("];
/// What stands in for a service, or clears what was put into it.
const STAND_INS: [&str; 11] =
    ["mock", "Mock", "fake", "patch", "moto", "drop", "flush", "addCleanup", "delete", "rollback", "uuid"];
/// What ends or waits for tasks.
const WAITS: [&str; 7] = ["await", "cancel", "gather", "wait", "nursery", "join", "TaskGroup"];
/// What ends a loop in time.
const LIMITS: [&str; 10] = [
    "timeout",
    "deadline",
    "range(",
    "monotonic",
    "time()",
    "wait_for",
    "max_",
    "retries",
    "attempt",
    "poll_",
];
/// What finds a port that may be taken by somebody else at once.
const FREE_PORTS: [&str; 6] =
    ["free_port", "unused_port", "open_port", "available_port", "tcp_port", "get_port"];
/// What puts things back.
const PUTS_BACK: [&str; 4] = ["finally", "addCleanup", "yield", "patch"];
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
    let brings_code = || new.iter().any(|line| is_code(line));
    // `random.seed()` draws a seed
    let is_seeded = || {
        let text = after.text.replace("seed()", "");
        SEEDS.iter().any(|word| text.contains(word))
    };
    let is_near = || gone() || different_lines(&before.text, &after.text) <= FEW;
    match finding.code.as_str() {
        // what waits too short or for nothing stands in its own line, and something else comes in its place
        "FD101" => gone() && waits_otherwise(&found, before, after) && !sleeps_again(&found, &new),
        "FD102" => gone() && !keeps_limit(finding, &found, &new),
        "FD103" => is_near() && brings(&WAITS),
        "FD104" => gone() && brings(&LIMITS),
        "FD105" | "FD107" | "FD108" | "FD117" => {
            let same = sleeps_again(&found, &new) || new.iter().any(|line| pauses(line));
            is_near() && brings_code() && !same && !brings(&["call_later", "call_soon"])
        }
        "FD109" => gone(),
        "FD110" => gone() || brings(&ASKS_AGAIN),
        "FD303" => is_near() && brings(&STAND_INS),
        "FD304" => is_near() && brings_code(),
        "FD306" => is_near() && !brings(&FREE_PORTS),
        "FD501" | "FD502" => is_seeded() || !has(&DRAWS),
        "FD507" => is_seeded(),
        "FD603" => is_near() && (has(&PUTS_BACK) || !brings(&["environ.pop(", "del os.environ"])),
        "FD606" => is_near() && !is_left_out(finding, before, after, &new),
        "FD611" => brings(&UNREGISTERS),
        "FD614" => gone() && !new.iter().any(|line| compares_all(line)),
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

/// Whether a limit of the same length came for one that went: the length that the finding names, or in milliseconds.
fn keeps_limit(finding: &Finding, found: &[&str], new: &[&str]) -> bool {
    let named = finding.message.split_once("gives up after ").and_then(|(_, rest)| rest.split(' ').next());
    let Some(limit) = named.and_then(|limit| limit.parse::<f64>().ok()) else { return false };
    let called: BTreeSet<&str> = found.iter().flat_map(|line| callees(line)).collect();
    new.iter().any(|line| {
        let limits = line.contains("imeout") || line.contains("wait") || !callees(line).is_disjoint(&called);
        let numbers = numbers(line);
        let mut numbers = numbers.iter().filter_map(|number| number.parse::<f64>().ok());
        limits && numbers.any(|number| number == limit || number == limit * 1000.0)
    })
}

/// Whether something that sleeps by its name does so for as long as what went.
fn sleeps_again(found: &[&str], new: &[&str]) -> bool {
    let known: BTreeSet<&str> = found.iter().flat_map(|line| numbers(line)).collect();
    new.iter().any(|line| {
        let name = line.to_ascii_lowercase();
        (name.contains("sleep") || name.contains("pause")) && !numbers(line).is_disjoint(&known)
    })
}

/// Whether an attribute that the test put back by hand is only not touched any more.
fn is_left_out(finding: &Finding, before: &Text, after: &Text, new: &[&str]) -> bool {
    let Some(target) = finding.message.split('`').nth(1) else { return false };
    let name = target.rsplit('.').next().unwrap_or(target);
    let replaces = ["patch", "setattr", "setitem", "mock_object", "with "];
    before.text.matches(target).count() > 1
        && !after.text.contains(name)
        && !new.iter().any(|line| replaces.iter().any(|word| line.contains(word)))
}

/// `assert sorted(caplog.record_tuples) == […]`
fn compares_all(line: &str) -> bool {
    line.contains("==")
        && !line.contains(" for ")
        && ["record_tuples", "records", "messages"].iter().any(|all| line.contains(all))
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
    fn the_same_by_another_name_is_the_same() {
        assert!(sleeps_again(&["await asyncio.sleep(0.5)"], &["await asleep(0.5)"]));
        assert!(!sleeps_again(&["await asyncio.sleep(0.5)"], &["await asyncio.sleep(0.1)"]));
        assert!(is_renamed("FD103", &["task = create_task(f())"], &["task = spawn(f())"]));
        assert!(!is_renamed("FD106", &["f()"], &["await f()"]));
        assert!(compares_all("assert sorted(caplog.records) == [1]"));
        assert!(!compares_all("own = [one for one in caplog.records if one.name == 'a']"));
    }
}

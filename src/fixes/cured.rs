//! Whether a change of a test cured what a finding says, or only put it out of the rule's sight: moved into a helper, under
//! another name, behind another import.

mod lines;
mod words;

use std::collections::BTreeSet;

use self::lines::*;
use self::words::*;
use super::mined::different_lines;
use crate::smells::{Finding, Severity};

/// A test's code and the line where it begins.
pub(super) struct Text {
    pub(super) text: String,
    pub(super) line: u32,
}

/// So few changed lines stand together.
const FEW: usize = 6;
/// Below this confidence a finding is a hint, of low severity below the second; what went with it is nothing to learn from.
const HINTS: (f32, f32) = (0.6, 0.8);

/// Whether what the finding names has what it lacked, or something else came in its place.
pub(super) fn is_cured(finding: &Finding, before: &Text, after: &Text) -> bool {
    let gone_lines = added(&after.text, &before.text);
    let new: Vec<&str> = added(&before.text, &after.text)
        .into_iter()
        .filter(|line| !has_another_name(&finding.code, line, &gone_lines))
        .collect();
    let has = |words: &[&str]| words.iter().any(|word| after.text.contains(word));
    let brings = |words: &[&str]| new.iter().any(|line| words.iter().any(|word| line.contains(word)));
    let found = lines_of(finding, before);
    if is_hint(finding) || brings(&SKIPS) || is_renamed(&finding.code, &found, &new) {
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
    let brings_a_call = |words: &[&str]| new.iter().any(|line| calls_one_of(line, words));
    let pauses_again = || sleeps_again(&found, &new) || new.iter().any(|line| pauses(line));
    let loosens = || {
        // a bound that is written down again is the same
        let bound: BTreeSet<&str> = found.iter().flat_map(|line| numbers(line)).collect();
        let is_another = |line: &str| {
            let numbers = numbers(line);
            !numbers.is_empty() && numbers.is_disjoint(&bound) && is_bound(line)
        };
        new.iter().any(|line| stops_clock(line) || line.contains("approx") || is_another(line))
    };
    match finding.code.as_str() {
        // what waits too short or for nothing stands in its own line, and something else comes in its place
        "FD101" => gone() && waits_otherwise(&found, before, after) && !sleeps_again(&found, &new),
        "FD102" | "FD109" => gone() && is_longer(finding, &found, &new),
        "FD103" => is_near() && ends_tasks(&after.text, &new),
        "FD104" => gone() && brings(&LIMITS),
        "FD105" | "FD107" | "FD117" => {
            is_near() && brings_code() && !pauses_again() && !brings(&["call_later", "call_soon"])
        }
        "FD106" => gone() && brings(&["await ", "asyncio.run(", "run_until_complete("]),
        "FD108" => {
            gone() && !pauses_again() && (new.iter().any(|line| opens_block(line)) || brings_a_call(&WAITS))
        }
        "FD110" => gone() || brings(&ASKS_AGAIN),
        "FD201" | "FD202" | "FD712" => is_near() && brings_a_call(&WAITS),
        "FD206" => brings(&[".cancel", ".join"]),
        "FD301" | "FD307" => is_near() && brings(&STAND_INS),
        "FD302" => gone() && !numbers(&finding.message).iter().any(|port| after.text.contains(port)),
        "FD303" => is_near() && (brings(&STAND_INS) || brings(&CLEARS)),
        "FD304" => is_near() && brings_code(),
        "FD306" => is_near() && !brings(&FREE_PORTS),
        "FD402" | "FD408" | "FD411" => gone() && loosens(),
        "FD501" | "FD502" => is_seeded() || !has(&DRAWS),
        "FD507" => is_seeded(),
        "FD601" | "FD602" | "FD603" | "FD604" | "FD605" | "FD606" | "FD607" | "FD608" | "FD609" | "FD610" => {
            let in_block = |line: &&str| {
                line.starts_with("with ") && !line.contains("open(") && !line.contains("aises(")
            };
            is_near()
                && (finding.code != "FD606" || after.text.contains(last_name(finding)))
                && (brings(&PUTS_BACK)
                    || new.iter().any(in_block)
                    || is_put_back_by_hand(finding, after, &new))
        }
        "FD611" => brings(&UNREGISTERS),
        "FD614" => gone() && !new.iter().any(|line| compares_all(line)),
        "FD701" => is_near() && brings(&CLOSES),
        "FD702" => is_near() && (brings(&CLOSES) || brings_a_call(&ENDS)),
        // `mktemp` by another name is what the finding is about
        "FD713" => brings(&OWN_FOLDERS) && !brings_a_call(&["mktemp"]),
        "FD703" | "FD714" => brings(&OWN_FOLDERS),
        "FD704" => (!has(&STAYING) && brings(&OWN_FOLDERS)) || brings(&REMOVING),
        "FD801" | "FD802" | "FD803" | "FD805" | "FD806" | "FD204" | "FD208" => is_near() && brings(&ORDERS),
        _ => gone() && brings_code(),
    }
}

fn is_hint(finding: &Finding) -> bool {
    finding.confidence < HINTS.0 || (finding.severity <= Severity::Low && finding.confidence < HINTS.1)
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

/// Whether a new line is one that went, but for the names of what it calls, where what is called by another name is the same.
fn has_another_name(code: &str, line: &str, gone: &[&str]) -> bool {
    let plain = without_callees(line);
    ["FD1", "FD3", "FD4", "FD6"].iter().any(|group| code.starts_with(group))
        && plain.contains(char::is_alphabetic)
        && plain != line
        && gone.iter().any(|other| without_callees(other) == plain)
}

/// Whether what came for a pause waits: a call of something else in its place, a loop or a block anywhere, a clock that is
/// stopped, or the same with another number.
fn waits_otherwise(found: &[&str], before: &Text, after: &Text) -> bool {
    let hunks = hunks(&before.text, &after.text);
    let here = hunks.iter().filter(|hunk| hunk.gone.iter().any(|line| found.contains(&line.as_str())));
    let calls_another = |hunk: &Hunk| {
        let known: BTreeSet<&str> = hunk.gone.iter().flat_map(|line| callees(line)).collect();
        hunk.new.iter().filter(|line| is_code(line) && !pauses(line)).any(|line| {
            let is_awaited = line.contains("await ") || line.contains("yield ");
            callees(line).is_disjoint(&known) && (is_awaited || calls_one_of(line, &WAITS))
        })
    };
    let gone: BTreeSet<String> =
        hunks.iter().flat_map(|hunk| &hunk.gone).map(|line| without_numbers(line)).collect();
    let mut new = hunks.iter().flat_map(|hunk| &hunk.new);
    here.into_iter().any(calls_another)
        || new.any(|line| {
            let renumbered = || {
                ["imeout", "wait", "deadline", "ries"].iter().any(|word| line.contains(word))
                    && !numbers(line).is_empty()
                    && !pauses(line)
                    && gone.contains(&without_numbers(line))
            };
            opens_block(line) || stops_clock(line) || renumbered()
        })
}

fn stops_clock(line: &str) -> bool {
    line.contains("freez")
        || line.contains("tick(")
        || (line.contains("time") && (line.contains("mock") || line.contains("patch")))
}

/// `assert took < 2`, `self.assertLess(took, 2)`, `assert took == approx(2)`, `delta=2`
fn is_bound(line: &str) -> bool {
    ["<", ">", "Less", "Greater", "Almost", "isclose", "abs=", "rel=", "delta="]
        .iter()
        .any(|word| line.contains(word))
}

/// Whether a longer limit came for the one that went, or what was limited is called without one.
fn is_longer(finding: &Finding, found: &[&str], new: &[&str]) -> bool {
    let named = finding.message.split_once("gives up after ").and_then(|(_, rest)| rest.split(' ').next());
    let Some(limit) = named.and_then(|limit| limit.parse::<f64>().ok()) else { return true };
    let called: BTreeSet<&str> = found.iter().flat_map(|line| callees(line)).collect();
    let (mut is_longer, mut is_same) = (false, false);
    for line in new {
        let calls_it = !callees(line).is_disjoint(&called);
        let speaks_of_one =
            calls_it || ["imeout", "TIMEOUT", "wait", "deadline"].iter().any(|word| line.contains(word));
        let limits: Vec<f64> = numbers(line).iter().filter_map(|number| number.parse().ok()).collect();
        is_same |= speaks_of_one && limits.iter().any(|one| *one == limit || *one == limit * 1000.0);
        let unlimited = calls_it && limits.is_empty() && !line.to_ascii_lowercase().contains("timeout");
        is_longer |= speaks_of_one && (limits.iter().any(|one| *one > limit) || unlimited);
    }
    is_longer && !is_same
}

/// Whether something that sleeps by its name does so for as long as what went.
fn sleeps_again(found: &[&str], new: &[&str]) -> bool {
    let known: BTreeSet<&str> = found.iter().flat_map(|line| numbers(line)).collect();
    new.iter().any(|line| {
        let name = line.to_ascii_lowercase();
        (name.contains("sleep") || name.contains("pause")) && !numbers(line).is_disjoint(&known)
    })
}

/// Whether a task that has a name is ended or waited for by it; any is, where none has.
fn ends_tasks(after: &str, new: &[&str]) -> bool {
    let makes = |line: &str| ["create_task(", "ensure_future("].iter().any(|call| line.contains(call));
    let names: Vec<&str> = after
        .lines()
        .filter(|line| makes(line))
        .filter_map(|line| Some(line.split_once(" = ")?.0.trim()))
        .collect();
    let ends =
        |line: &&str| ENDS_TASKS.iter().any(|word| line.contains(word)) && (names.is_empty() || !makes(line));
    new.iter()
        .filter(|line| ends(line))
        .any(|line| names.is_empty() || names.iter().any(|name| parts(line).any(|part| part == *name)))
}

/// The last part of the name that a finding begins with: `send` of `shop.mailer.send`.
fn last_name(finding: &Finding) -> &str {
    let named = finding.message.split('`').nth(1).unwrap_or_default();
    let target = named.split([' ', '(', '[']).next().unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default()
}

/// Whether the test ends now with another value for what the finding names.
fn is_put_back_by_hand(finding: &Finding, after: &Text, new: &[&str]) -> bool {
    let named = finding.message.split('`').nth(1).unwrap_or_default();
    let target = named.split([' ', '(']).next().unwrap_or_default();
    let last = after.text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    !target.is_empty() && new.contains(&last) && last.starts_with(target) && last.contains(" = ")
}

/// `assert sorted(caplog.record_tuples) == […]`
fn compares_all(line: &str) -> bool {
    line.contains("==")
        && !line.contains(" for ")
        && ["record_tuples", "records", "messages"].iter().any(|all| line.contains(all))
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
    fn a_task_is_ended_by_its_name() {
        let kept = "task = asyncio.create_task(f())\nassert task\n";
        assert!(!ends_tasks(kept, &["task = asyncio.create_task(f())", "assert task", "await other()"]));
        assert!(ends_tasks(kept, &["task = asyncio.create_task(f())", "task.cancel()"]));
        assert!(ends_tasks("await gather(f(), g())\n", &["await gather(f(), g())"]));
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

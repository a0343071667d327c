//! What a change of a text did, line by line; white space at the ends of lines aside.

use std::collections::{BTreeMap, BTreeSet};

/// Lines that only the second text has, or has more often.
pub(super) fn added<'t>(before: &str, after: &'t str) -> Vec<&'t str> {
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

/// Lines that went and lines that came, where they stand together.
#[derive(Debug, Default)]
pub(super) struct Hunk {
    pub(super) gone: Vec<String>,
    pub(super) new: Vec<String>,
}

/// What changed together; empty lines in between part nothing.
pub(super) fn hunks(before: &str, after: &str) -> Vec<Hunk> {
    let mut options = diffy::DiffOptions::new();
    options.set_context_len(0);
    let filled = |text: &str| -> String {
        text.lines().filter(|line| !line.trim().is_empty()).map(|line| format!("{line}\n")).collect()
    };
    let (before, after) = (filled(before), filled(after));
    let patch = options.create_patch(&before, &after);
    let mut out = vec![];
    for hunk in patch.hunks() {
        let mut change = Hunk::default();
        for line in hunk.lines() {
            match *line {
                diffy::Line::Delete(line) => change.gone.push(line.trim().to_owned()),
                diffy::Line::Insert(line) => change.new.push(line.trim().to_owned()),
                diffy::Line::Context(_) => {}
            }
        }
        out.push(change);
    }
    out
}

/// Whether a line does something: no comment, head, import or closing bracket.
pub(super) fn is_code(line: &str) -> bool {
    const OTHER: [&str; 9] = ["#", "@", "\"\"\"", "'''", "import ", "from ", "def ", "async def ", ")"];
    !line.is_empty() && !OTHER.iter().any(|head| line.starts_with(head))
}

/// Whether a line begins a loop or a block of `with`.
pub(super) fn opens_block(line: &str) -> bool {
    let line = line.strip_prefix("async ").unwrap_or(line);
    ["with ", "while ", "for "].iter().any(|head| line.starts_with(head))
}

/// `time.sleep(0.1)`, `granularity_sleep()`, `await pilot.pause(DELAY)`, `yield deferLater(reactor, 5)`: nothing but a pause of
/// a fixed length.
pub(super) fn pauses(line: &str) -> bool {
    let heads = ["await ", "yield from ", "yield "];
    let call = heads.iter().find_map(|head| line.strip_prefix(head)).unwrap_or(line);
    let Some((name, rest)) = call.split_once('(') else { return false };
    if name.ends_with("deferLater") {
        return true;
    }
    let Some((length, rest)) = rest.split_once(')') else { return false };
    let is_fixed =
        |char: char| char.is_ascii_digit() || char.is_ascii_uppercase() || matches!(char, '.' | '_');
    name.chars().all(|char| is_part(char) || char == '.')
        && ["sleep", "pause", "wait_for_timeout"].iter().any(|word| name.contains(word))
        && length.chars().all(is_fixed)
        && (rest.is_empty() || rest.trim_start().starts_with('#'))
}

/// The names and numbers of a line.
pub(super) fn parts(line: &str) -> impl Iterator<Item = &str> {
    line.split(|char| !is_part(char)).filter(|part| !part.is_empty())
}

/// The last names of what a line calls.
pub(super) fn callees(line: &str) -> BTreeSet<&str> {
    let calls = line.match_indices('(').map(|(at, _)| &line[..at]);
    calls
        .filter_map(|before| before.rsplit(|char| !is_part(char)).next())
        .filter(|name| !name.is_empty())
        .collect()
}

/// Whether a line calls something whose name, or that of the object, holds one of the words.
pub(super) fn calls_one_of(line: &str, words: &[&str]) -> bool {
    let before = line.rsplit_once('(').map_or("", |(before, _)| before).replace("await ", "");
    is_code(line) && words.iter().any(|word| before.contains(word))
}

/// A line without the names of what it calls: `f(1)` and `self.g(1)` are alike.
pub(super) fn without_callees(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for char in line.chars() {
        if char == '(' {
            out.truncate(out.trim_end_matches(|char| is_part(char) || char == '.').len());
        }
        out.push(char);
    }
    out
}

/// The numbers that a line holds, as they are written.
pub(super) fn numbers(line: &str) -> BTreeSet<&str> {
    let words = line.split(|char| !(is_part(char) || char == '.'));
    words.filter(|word| word.starts_with(|char: char| char.is_ascii_digit())).collect()
}

/// A line with one sign in place of each number.
pub(super) fn without_numbers(line: &str) -> String {
    let number = |char: char| char.is_ascii_digit() || matches!(char, '.' | '-');
    let mut out = String::with_capacity(line.len());
    for char in line.chars() {
        match number(char) {
            true if out.ends_with('9') => {}
            true => out.push('9'),
            false => out.push(char),
        }
    }
    out
}

fn is_part(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_by_another_name_is_a_pause() {
        for line in [
            "time.sleep(0.1)",
            "granularity_sleep()",
            "await pilot.pause(DELAY)",
            "sleep(1)  # why",
            "yield deferLater(reactor, 5.1, lambda: None)",
        ] {
            assert!(pauses(line), "{line}");
        }
        for line in ["_sleep_enough(done)", "queue.wait(timeout=1)", "sleep(1) or f()", "x = sleep(1)"] {
            assert!(!pauses(line), "{line}");
        }
    }

    #[test]
    fn a_line_is_new_where_there_are_more_of_it() {
        assert_eq!(added("a\nb\n", "b\na\na\nc\n"), ["a", "c"]);
    }

    #[test]
    fn what_changed_stands_together() {
        let found = hunks("a\nb\nc\nd\n", "a\nx\nc\nd\ny\n");
        let told: Vec<_> = found.iter().map(|hunk| (hunk.gone.clone(), hunk.new.clone())).collect();
        let lines = |lines: &[&str]| lines.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(told, [(lines(&["b"]), lines(&["x"])), (lines(&[]), lines(&["y"]))]);
    }

    #[test]
    fn lines_are_alike_but_for_names_or_numbers() {
        assert_eq!(without_callees("task = loop.create_task(f(1))"), "task = ((1))");
        assert_eq!(without_numbers("wait(-1.5, 20)"), "wait(9, 9)");
        assert_eq!(callees("a.b(c(1))").into_iter().collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(numbers("f1(2, 0.5, x3)").into_iter().collect::<Vec<_>>(), ["0.5", "2"]);
    }
}

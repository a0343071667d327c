//! The tests of a file told apart by lines, without parsing: most changes of a history are seen to be no mending so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::MOST_LINES;
use crate::smells::Finding;

/// The first lines of the tests of one text that stand changed, by not too much, in the other. Reads lines only.
pub(super) fn changed_tests(before: &str, after: &str) -> BTreeSet<String> {
    // tests of several classes may have one name: the first is the first, the second the second
    let mut is: BTreeMap<&str, VecDeque<&str>> = BTreeMap::new();
    for (name, start, end) in tests(after) {
        is.entry(name).or_default().push_back(&after[start..end]);
    }
    let mut out = BTreeSet::new();
    for (name, start, end) in tests(before) {
        let now = is.get_mut(name).and_then(VecDeque::pop_front);
        let text = &before[start..end];
        if now.is_some_and(|now| text != now && (1..=MOST_LINES).contains(&different_lines(text, now))) {
            out.insert(name.to_owned());
        }
    }
    out
}

/// Each test function by its first line up to the parameters, and where it lies: from there to the next line that
/// stands as far out.
fn tests(text: &str) -> Vec<(&str, usize, usize)> {
    let mut out = vec![];
    let mut open: Option<(&str, usize, usize)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let inner = line.trim_start();
        let indent = line.len() - inner.len();
        if let Some((name, depth, start)) = open
            && indent <= depth
            && !inner.is_empty()
            && !inner.starts_with([')', '#'])
        {
            out.push((name, start, at));
            open = None;
        }
        if open.is_none() && (inner.starts_with("def test") || inner.starts_with("async def test")) {
            open = Some((line.split('(').next().unwrap_or(line), indent, at));
        }
        at += line.len();
    }
    out.extend(open.map(|(name, _, start)| (name, start, text.len())));
    out
}

/// The text with only these tests whole; of the others the name and the number of lines stay.
pub(super) fn with_tests(text: &str, wanted: &BTreeSet<String>) -> String {
    let mut out = String::with_capacity(text.len() / 4);
    let mut at = 0;
    for (name, start, end) in tests(text).into_iter().filter(|(name, ..)| !wanted.contains(*name)) {
        out.push_str(&text[at..start]);
        out.push_str(name);
        out.push_str("(): pass");
        out.extend(text[start..end].matches('\n'));
        at = end;
    }
    out.push_str(&text[at..]);
    out
}

/// Whether the line of a finding is in the new file as often, but not in the test.
pub(super) fn is_moved(finding: &Finding, (before, after): (&str, &str), now: &str) -> bool {
    let line = before.lines().nth(finding.line.saturating_sub(1) as usize).unwrap_or_default().trim();
    let count = |text: &str| text.lines().filter(|other| other.trim() == line).count();
    let outside = |text: &str| count(&with_tests(text, &BTreeSet::new()));
    count(now) == 0 && (count(after) >= count(before) || outside(after) > outside(before))
}

/// Lines of either text that the other does not have.
pub(in crate::fixes) fn different_lines(one: &str, two: &str) -> usize {
    fn count(text: &str) -> BTreeMap<&str, i64> {
        let mut out: BTreeMap<&str, i64> = BTreeMap::new();
        for line in text.lines() {
            *out.entry(line.trim()).or_default() += 1;
        }
        out
    }
    let (a, b) = (count(one), count(two));
    let only = |x: &BTreeMap<&str, i64>, y: &BTreeMap<&str, i64>| -> i64 {
        x.iter().map(|(line, n)| (n - y.get(line).copied().unwrap_or(0)).max(0)).sum()
    };
    usize::try_from(only(&a, &b) + only(&b, &a)).unwrap_or(usize::MAX)
}

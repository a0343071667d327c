//! The lines of a test that tell most, within a number of tokens. Knows no prompt.

use super::evidence::weighty;
use super::tokens::estimate;
use super::untrusted::quoted;
use crate::index::IndexedTest;

/// A longer line is data, not code, and is cut.
const LONGEST_LINE: usize = 240;
/// What stands for lines that were left out.
const GAP: &str = "...";

/// Quoted lines of the test that cost at most `budget` tokens: those with findings first, then its
/// signature, its assertions, and what stands around them. Empty where not even one line fits.
pub(super) fn excerpt(test: &IndexedTest, budget: u32) -> String {
    let lines: Vec<String> = dedented(&test.source);
    // Counted from the end: the source may begin before the test's line, with its decorators.
    let end = test.assessment.end_line;
    let found: Vec<usize> = weighty(test)
        .iter()
        .filter_map(|finding| usize::try_from(end.checked_sub(finding.line)?).ok())
        .filter_map(|before_end| lines.len().checked_sub(before_end + 1))
        .collect();
    let signature = lines.iter().position(|line| line.trim_end().ends_with(':')).unwrap_or(0);
    let mut order: Vec<usize> = (0..lines.len()).filter(|index| !lines[*index].trim().is_empty()).collect();
    order.sort_by_key(|index| (rank(*index, &lines[*index], &found, signature), *index));

    let mut chosen = vec![false; lines.len()];
    let mut left = i64::from(budget);
    for index in order {
        // A line may stand alone between two gaps.
        let cost = i64::from(estimate(&quoted(&lines[index])) + 1 + estimate(GAP) / 2);
        if cost <= left {
            left -= cost;
            chosen[index] = true;
        }
    }
    if !chosen.contains(&true) {
        return String::new();
    }
    let mut text = String::new();
    let mut gap = false;
    for (line, chosen) in lines.iter().zip(chosen).filter(|(line, _)| !line.trim().is_empty()) {
        if chosen {
            text.push_str(&quoted(line));
        } else if !gap {
            text.push_str(&quoted(GAP));
        }
        gap = !chosen;
    }
    text
}

/// Smaller tells more.
fn rank(index: usize, line: &str, found: &[usize], signature: usize) -> usize {
    let code = line.trim_start();
    let nearest = found.iter().map(|at| at.abs_diff(index)).min();
    let rank = match nearest {
        Some(0) => 0,
        _ if index <= signature => 1,
        Some(1) => 2,
        _ if code.starts_with("assert") || code.starts_with("self.assert") || code.contains("raises(") => 3,
        Some(distance) => 3 + distance,
        None => 4 + index,
    };
    // What is said about code tells less than code.
    if code.starts_with('#') || code.starts_with("\"\"\"") { rank + 6 } else { rank }
}

/// The lines without the indentation that they share, long ones cut.
fn dedented(source: &str) -> Vec<String> {
    let margin = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let lines = || source.lines().filter(|line| !line.trim().is_empty());
    let shared = lines().map(margin).min().unwrap_or(0);
    source
        .lines()
        .map(|line| {
            let line = line.get(shared..).unwrap_or_default();
            match line.char_indices().nth(LONGEST_LINE) {
                Some((end, _)) => format!("{}…", &line[..end]),
                None => line.to_string(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::samples::{self, finding, test};
    use crate::explain::untrusted::QUOTED;
    use crate::smells::Cause;

    #[test]
    fn a_short_test_is_whole() {
        let whole = excerpt(&samples::sleeping(), 200);
        assert_eq!(whole.lines().count(), 5);
        assert!(whole.starts_with("| async def test_expires(r):\n|     lock = "));
    }

    #[test]
    fn a_long_test_keeps_what_tells_most_and_its_budget() {
        let mut source = "@pytest.mark.slow\ndef test_long(self):\n".to_string();
        for n in 0..60 {
            source.push_str(&format!("    step_{n} = prepare(values[{n}], mode='x')\n\n"));
        }
        source.push_str("    time.sleep(3)\n    assert done\n");
        let line = 11 + source.lines().count() as u32 - 1;
        let found = finding("FD101", "sleep-as-synchronization", Cause::AsyncWait, line, "sleeps", "poll");
        let long = test("tests/a.py::test_long", &source, vec![found]);
        for budget in [30, 60, 120, 400] {
            let text = excerpt(&long, budget);
            assert!(estimate(&text) <= budget, "{budget}: {} {text}", estimate(&text));
            assert!(text.contains("time.sleep(3)"), "{budget}: {text}");
            assert!(text.lines().all(|line| line.starts_with(QUOTED)));
        }
        let text = excerpt(&long, 60);
        assert!(
            text.contains("def test_long") && text.contains("| ...\n") && text.contains("assert done"),
            "{text}"
        );
        assert_eq!(excerpt(&long, 2), "");
    }

    #[test]
    fn data_in_a_line_does_not_eat_the_budget() {
        let source = format!("def test_blob():\n    blob = '{}'\n    assert blob\n", "x1".repeat(50_000));
        let text = excerpt(&test("a.py::test_blob", &source, Vec::new()), 900);
        assert!(text.len() < 1000 && text.contains('…') && text.contains("assert blob"));
    }
}

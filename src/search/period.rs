//! Times of failure in plain words: "failed in the last 7 days", "broke yesterday", "within two weeks". Knows stems only.

use crate::words::stem;

/// How many days back the phrase at the start of `stems` reaches, and how many words it has. A length of time alone is
/// no phrase: it takes a word for failing, or one that looks back ("in the last week").
pub(super) fn period(stems: &[String]) -> Option<(usize, u32)> {
    let is = |at: usize, words: &[&str]| {
        stems.get(at).is_some_and(|known| words.iter().any(|word| stem(word) == *known))
    };
    let mut at = 0;
    let fails = |stem: &String| ["fail", "brok", "break"].iter().any(|word| stem.starts_with(word));
    let failed = stems.get(at).is_some_and(fails);
    at += usize::from(failed);
    if failed && is(at, &["recently", "lately"]) {
        return Some((at + 1, 7));
    }
    let leads = is(at, &["in", "within", "during", "over", "since"]);
    at += usize::from(leads);
    at += usize::from(is(at, &["the"]));
    if (failed || leads) && is(at, &["yesterday", "today"]) {
        return Some((at + 1, if is(at, &["today"]) { 1 } else { 2 }));
    }
    let back = is(at, &["last", "past", "previous", "this"]);
    at += usize::from(back);
    let count = stems.get(at).and_then(|stem| number(stem));
    at += usize::from(count.is_some());
    let unit = match stems.get(at)?.as_str() {
        "hour" | "h" => 0,
        "day" | "d" => 1,
        "week" | "w" => 7,
        "month" => 30,
        "quarter" => 91,
        "year" => 365,
        _ => return None,
    };
    let looks_back = (failed && (back || leads)) || (leads && back);
    let days = match (unit, count.unwrap_or(1)) {
        (0, hours) => hours.div_ceil(24),
        (unit, count) => unit * count,
    };
    looks_back.then_some((at + 1, days))
}

fn number(known: &str) -> Option<u32> {
    let words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let word = || words.iter().position(|word| stem(word) == known).map(|at| at as u32 + 1);
    known.parse().ok().filter(|number| (1..=10_000).contains(number)).or_else(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(text: &str) -> Option<u32> {
        let stems: Vec<String> = text.split_whitespace().map(stem).collect();
        period(&stems).map(|(_, days)| days)
    }

    #[test]
    fn times_as_people_say_them() {
        for (text, expected) in [
            ("failed in the last 7 days", 7),
            ("failing within 2 weeks", 14),
            ("failures last month", 30),
            ("failed yesterday", 2),
            ("broke today", 1),
            ("failed recently", 7),
            ("in the past three days", 3),
            ("failed in the last 36 hours", 2),
            ("fails this week", 7),
        ] {
            assert_eq!(days(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_length_of_time_is_no_time_of_failure() {
        for text in ["7 days", "last page", "fails after 3 days", "week", "in a day", "the last item"] {
            assert_eq!(days(text), None, "{text}");
        }
    }
}

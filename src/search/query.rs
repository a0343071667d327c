//! A question in plain words into facets that can be checked, and the text that is left for meaning. Knows no store.

use super::facets::{Facets, push};
use super::negation::{named_after, negated, note_not, plainly_turned};
use super::period::period;
use super::vocabulary::{self, Meaning};
use crate::smells::{Activity, Cause};
use crate::words::stem;

/// Reads a query.
pub fn read(query: &str) -> Facets {
    let mut facets = Facets::default();
    let mut words = Vec::new();
    for token in tokens(&query.replace("(not ", "without ")) {
        if !prefixed(&mut facets, &token) {
            words.extend(split(&token));
            if let Some(name) = code_name(&token) {
                push(&mut facets.names, name.to_owned());
            }
        }
    }
    let words = plainly_turned(words);
    let stems: Vec<String> = words.iter().map(|word| stem(&word.to_lowercase())).collect();
    let mut kept: Vec<&str> = Vec::new();
    let mut left: Vec<&str> = Vec::new();
    let mut topics = Vec::new();
    let mut unmocked = false;
    let mut turned: Vec<(Meaning, &[String])> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let word = words[at].to_lowercase();
        if let Some(code) = code(&words[at]) {
            push(&mut facets.codes, code);
            kept.push(&words[at]);
            at += 1;
            continue;
        }
        if let Some((length, days)) = period(&stems[at..]) {
            facets.failed_within_days = Some(days);
            at += length;
            continue;
        }
        if let Some((length, meaning)) = vocabulary::longest(&stems[at..]) {
            let phrase = words[at..at + length].iter().map(String::as_str);
            match meaning {
                Meaning::Filler | Meaning::Itself => {}
                Meaning::Opening if kept.is_empty() => {}
                Meaning::Topic(_)
                | Meaning::Opening
                | Meaning::Subject
                | Meaning::Does(_)
                | Meaning::Hint(_) => {
                    kept.extend(phrase.clone());
                    left.extend(phrase);
                }
                Meaning::Unmocked => unmocked = true,
                _ => kept.extend(phrase),
            }
            note(&mut facets, &mut topics, meaning);
            at += length;
            continue;
        }
        // "instead of" may be part of a phrase, which was looked for before
        let instead = word == "instead" && words.get(at + 1).is_some_and(|next| next == "of");
        if (vocabulary::is_negator(&word) || instead)
            && let Some((from, length, meaning)) = negated(&words, &stems, at + 1)
        {
            turned.push((meaning, &words[from..from + length]));
            at = from + length;
            continue;
        }
        if vocabulary::leaves_out(&word)
            && let Some(next) = named_after(&words, at)
        {
            push(&mut facets.not_words, words[next].to_lowercase());
            at = next + 1;
            continue;
        }
        kept.push(&words[at]);
        left.push(&words[at]);
        at += 1;
    }
    for (meaning, phrase) in turned {
        note_not(&mut facets, meaning, phrase);
    }
    if unmocked {
        let asks_for_network = [Activity::Http, Activity::Sockets]
            .iter()
            .any(|one| facets.does.contains(one) || facets.hints.contains(one));
        if asks_for_network || topics.contains(&Cause::Network) {
            push(&mut facets.causes, Cause::Network);
        } else if !facets.does.contains(&Activity::Mocks) {
            push(&mut facets.not_does, Activity::Mocks);
        }
    }
    // not those that are not wanted
    facets.names.retain(|name| split(name).iter().all(|part| kept.contains(&part.as_str())));
    // "flaky network tests" asks for a cause, "network tests" for a topic
    let unstable = facets.flaky == Some(true);
    for cause in topics {
        push(if unstable { &mut facets.causes } else { &mut facets.topics }, cause);
    }
    facets.topics.retain(|topic| !facets.causes.contains(topic));
    facets.hints.retain(|hint| !facets.does.contains(hint));
    if left.iter().any(|word| !crate::words::is_stop_word(&word.to_lowercase())) {
        facets.remainder = left.join(" ");
    }
    facets.text = kept.join(" ");
    facets
}

/// `team:core`, `-repo:"my repo"`, `lib:redis` and their kin; `false` where the token is none of them.
fn prefixed(facets: &mut Facets, token: &str) -> bool {
    let (not, rest) = token.strip_prefix('-').map_or((false, token), |rest| (true, rest));
    let Some((key, value)) = rest.split_once(':') else { return false };
    let value = value.trim_matches('"');
    if value.is_empty() {
        return false;
    }
    let text = value.to_string();
    match (key.to_lowercase().as_str(), not) {
        ("team", false) => push(&mut facets.teams, text),
        ("repo", false) => push(&mut facets.repos, text),
        ("repo", true) => push(&mut facets.not_repos, text),
        ("path" | "file", false) => push(&mut facets.paths, text),
        ("lib" | "library", false) => push(&mut facets.libraries, text.to_lowercase()),
        ("lib" | "library", true) => push(&mut facets.not_libraries, text.to_lowercase()),
        ("rule" | "code", false) => push(&mut facets.codes, text.to_uppercase()),
        ("async", false) => match value {
            "true" | "yes" => facets.is_async = Some(true),
            "false" | "no" => facets.is_async = Some(false),
            _ => return false,
        },
        ("cause", _) => match (value.parse(), not) {
            (Ok(cause), false) => push(&mut facets.causes, cause),
            (Ok(cause), true) => push(&mut facets.not_causes, cause),
            _ => return false,
        },
        ("does", _) => match (value.parse(), not) {
            (Ok(activity), false) => push(&mut facets.does, activity),
            (Ok(activity), true) => push(&mut facets.not_does, activity),
            _ => return false,
        },
        ("framework", false) => facets.framework = Some(text.to_lowercase()),
        ("severity", false) => match value.parse() {
            Ok(severity) => push(&mut facets.severities, severity),
            Err(_) => return false,
        },
        _ => return false,
    }
    true
}

fn note(facets: &mut Facets, topics: &mut Vec<Cause>, meaning: Meaning) {
    match meaning {
        Meaning::Async(value) => facets.is_async = Some(value),
        Meaning::Library(name) => push(&mut facets.libraries, name.to_string()),
        Meaning::Cause(cause) => push(&mut facets.causes, cause),
        Meaning::Topic(cause) => push(topics, cause),
        Meaning::Does(activity) => push(&mut facets.does, activity),
        Meaning::Hint(activity) => push(&mut facets.hints, activity),
        Meaning::Framework(name) => facets.framework = Some(name.to_string()),
        Meaning::Severity(severities) => {
            severities.iter().for_each(|severity| push(&mut facets.severities, *severity));
        }
        Meaning::Flaky(value) => facets.flaky = Some(value),
        Meaning::Observed(verdict) => facets.observed = Some(verdict),
        Meaning::Proved => facets.proved = Some(true),
        Meaning::Itself => facets.itself = true,
        Meaning::Subject | Meaning::Unmocked | Meaning::Filler | Meaning::Opening => {}
    }
}

/// A name as it stands in code: `time.sleep`, `datetime.now()`, `tmp_path`, `AsyncMock`.
fn code_name(token: &str) -> Option<&str> {
    let name = token.trim_matches(|c: char| !(c.is_alphanumeric() || c == '_'));
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    let is_file = name.ends_with(".py");
    let parts: Vec<&str> = name.split('.').collect();
    let is_dotted = parts.len() > 1 && parts.iter().all(|part| part.len() > 1);
    let letters: Vec<char> = name.chars().collect();
    let has_hump =
        letters.windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    (is_plain && !is_file && (is_dotted || has_hump || name.contains('_'))).then_some(name)
}

fn code(word: &str) -> Option<String> {
    let digits = word.strip_prefix("FD").or_else(|| word.strip_prefix("fd"))?;
    (digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| word.to_uppercase())
}

/// Splits at white space, but not inside quotes.
fn tokens(query: &str) -> Vec<String> {
    let mut tokens = vec![String::new()];
    let mut quoted = false;
    for c in query.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => {
                tokens.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(token) = tokens.last_mut() {
            token.push(c);
        }
    }
    tokens.retain(|token| !token.is_empty());
    tokens
}

/// The words of a token; identifiers stay whole, `order-dependent` and `time.sleep` come apart, "don't" is "dont".
pub(super) fn split(token: &str) -> Vec<String> {
    token
        .replace('’', "'")
        .trim_end_matches(|c: char| !(c.is_alphanumeric() || c == '_' || c == '\''))
        .trim_end_matches("'s")
        .replace('\'', "")
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .map(String::from)
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::risk::Verdict;
    use crate::smells::Severity;

    #[test]
    fn the_question_of_the_house() {
        let facets = read("similar async Redis flakes");
        assert_eq!(
            facets,
            Facets {
                is_async: Some(true),
                flaky: Some(true),
                libraries: vec!["redis".into()],
                text: "async Redis flakes".into(),
                ..Facets::default()
            }
        );
    }

    #[test]
    fn what_is_no_facet_stays_for_meaning() {
        let facets = read("find tests where the lock expires too early");
        assert_eq!(facets.text, "where the lock expires too early");
        assert_eq!((facets.remainder.as_str(), facets.causes.len()), ("where the lock expires too early", 0));
    }

    #[test]
    fn causes_by_the_words_people_use() {
        for (query, cause) in [
            ("tests that sleep instead of waiting", Cause::AsyncWait),
            ("race conditions between threads", Cause::Concurrency),
            ("HTTP calls that are not mocked", Cause::Network),
            ("flaky network tests", Cause::Network),
            ("asserts on elapsed time", Cause::Time),
            ("unseeded random numbers", Cause::Randomness),
            ("leaks state into os.environ", Cause::SharedState),
            ("order-dependent tests", Cause::SharedState),
            ("files that are never closed", Cause::Resources),
            ("relies on directory listing", Cause::Unordered),
            ("float equality", Cause::Structure),
        ] {
            assert_eq!(read(query).causes, [cause], "{query}");
        }
    }

    #[test]
    fn what_a_test_does_is_a_facet_and_stays_for_meaning() {
        for (query, activity) in [
            ("tests that start threads", Activity::Threads),
            ("time.sleep calls", Activity::Sleep),
            ("changes environment variables", Activity::Environment),
            ("depends on the current time", Activity::Clock),
            ("monkeypatched", Activity::Mocks),
            ("does:signals", Activity::Signals),
        ] {
            assert_eq!(read(query).does, [activity], "{query}");
        }
        let facets = read("unittest test cases that wait for a file, -does:sleep");
        assert_eq!(
            (facets.hints, facets.not_does),
            (vec![Activity::Wait, Activity::Files], vec![Activity::Sleep])
        );
        assert_eq!(facets.framework.as_deref(), Some("unittest"));
        assert_eq!(read("start threads").remainder, "start threads");
    }

    #[test]
    fn a_topic_is_a_cause_only_where_instability_is_asked_for() {
        let topic = read("network retry tests");
        assert_eq!((topic.causes.len(), topic.topics), (0, vec![Cause::Network]));
        assert_eq!(read("unstable because of timing").causes, [Cause::AsyncWait]);
    }

    #[test]
    fn negations_exclude_and_leave_the_text() {
        let facets = read("async tests without Redis that do not use any sleep");
        assert_eq!(facets.not_libraries, ["redis"]);
        assert_eq!(facets.not_does, [Activity::Sleep]);
        assert_eq!(facets.is_async, Some(true));
        assert!(
            !facets.text.to_lowercase().contains("redis") && !facets.text.contains("sleep"),
            "{}",
            facets.text
        );
        assert_eq!(read("tests that are not flaky").flaky, Some(false));
        assert_eq!(read("non-async Kafka").is_async, Some(false));
        // a phrase that contains its own "not" is a cause, not a negation
        assert_eq!(read("sockets not closed").causes, [Cause::Resources]);
    }

    #[test]
    fn words_that_are_left_out_are_no_text() {
        let facets = read("header lines (not trailers)");
        assert_eq!(
            (facets.not_words, facets.remainder.as_str()),
            (vec!["trailers".to_owned()], "header lines")
        );
        assert_eq!(read("files without the header").not_words, Vec::<String>::new());
    }

    #[test]
    fn without_is_said_in_many_ways() {
        for query in [
            "child processes, leaving the docker based ones aside",
            "child processes apart from Docker",
            "child processes but not with docker",
            "child processes (not docker)",
            "child processes instead of Docker",
        ] {
            let facets = read(query);
            assert_eq!(
                (facets.not_libraries, facets.libraries.len()),
                (vec!["docker".to_owned()], 0),
                "{query}"
            );
        }
        assert_eq!(read("time zones, but not from babel").not_words, ["babel"]);
        assert_eq!(read("no real socket").not_does, [Activity::Sockets]);
        // what is wanted in other words cannot be excluded as a whole
        let facets = read("calls tempfile itself, without pytest's tmp_path fixture");
        assert_eq!((facets.does, facets.not_does), (vec![Activity::TemporaryFiles], vec![]));
        assert_eq!((facets.not_words, facets.names.len()), (vec!["tmp_path".to_owned()], 0));
        assert!(facets.itself);
    }

    #[test]
    fn not_mocked_asks_for_the_network_only_where_it_is_spoken_of() {
        assert_eq!(read("HTTP calls that are not mocked").causes, [Cause::Network]);
        let facets = read("begin and commit a transaction, not mocked");
        assert_eq!((facets.causes, facets.not_does), (vec![], vec![Activity::Mocks]));
    }

    #[test]
    fn names_as_they_stand_in_code_are_kept() {
        assert_eq!(read("time.sleep or datetime.now() in async tests").names, ["time.sleep", "datetime.now"]);
        assert_eq!(read("tests that lean on AsyncMock").names, ["AsyncMock"]);
        assert!(read("tests/test_lock.py e.g. Redis, HTTP").names.is_empty());
        assert!(read("no time.sleep").names.is_empty());
    }

    #[test]
    fn words_of_other_meaning_in_a_phrase_are_no_facets() {
        assert!(read("logging in with a bad password").does.is_empty());
        assert!(read("search index, full-text search").remainder.contains("full text search"));
        assert!(read("search for full-text indexes").remainder.starts_with("full"));
        assert!(read("cron jobs when the clocks go back").does.is_empty());
    }

    #[test]
    fn prefixes_are_conditions() {
        let facets = read(
            "team:core repo:\"my repo\" path:tests/asyncio -lib:numpy cause:time severity:high async:false -repo:old x",
        );
        let required = facets.required(Timestamp::UNIX_EPOCH);
        assert_eq!(required.teams, ["core"]);
        assert_eq!(required.repos, ["my repo"]);
        assert_eq!(required.paths, ["tests/asyncio"]);
        assert_eq!(required.not_libraries, ["numpy"]);
        assert_eq!(required.not_repos, ["old"]);
        assert_eq!((facets.causes, facets.severities), (vec![Cause::Time], vec![Severity::High]));
        assert_eq!((facets.is_async, facets.text.as_str()), (Some(false), "x"));
    }

    #[test]
    fn what_runs_showed_can_be_asked_for() {
        let facets = read("Redis tests that failed in the last 7 days");
        assert_eq!((facets.failed_within_days, facets.remainder.as_str()), (Some(7), ""));
        let now = Timestamp::from_second(10 * 86_400).unwrap();
        assert_eq!(facets.required(now).failed_since, Some(3 * 86_400));
        assert_eq!(read("known flaky async tests").observed, Some(Verdict::Flaky));
        assert_eq!(read("tests proved unstable").proved, Some(true));
        assert_eq!(read("flaky but not proved").proved, Some(false));
        assert_eq!(read("tests that never failed").observed, Some(Verdict::Stable));
        assert_eq!(read("tests of the last page").failed_within_days, None);
    }

    #[test]
    fn unknown_prefixes_and_identifiers_are_text() {
        assert_eq!(read("foo:bar tests/test_lock.py::test_x").text, "foo bar test_lock py test_x");
        assert_eq!(read("cause:nonsense").causes, []);
        assert_eq!(read("rule fd101").codes, ["FD101"]);
    }

    #[test]
    fn odd_queries_are_no_trouble() {
        for query in ["", "   ", "\"", "not", "without", "-:", "team:", "测试 async", "no no no"] {
            let _ = read(query);
        }
        assert_eq!(read("测试 async").is_async, Some(true));
    }

    #[test]
    fn facets_survive_json_and_leave_out_what_is_empty() {
        let facets = read("flaky async redis");
        let json = serde_json::to_value(&facets).unwrap();
        assert_eq!((&json["async"], &json["remainder"]), (&true.into(), &"".into()));
        assert!(json.get("causes").is_none());
        assert_eq!(serde_json::from_value::<Facets>(json).unwrap(), Facets { text: String::new(), ..facets });
    }
}

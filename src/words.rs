//! Text and code into words that meet: `test_lock_expires`, "locks" and "expire" share their words.
//! Knows nothing of weights or vectors.

/// Words that say nothing about a test: Python's keywords where they carry no meaning of their own,
/// English function words, and what every test contains. `async`, `await`, `global` and `yield` stay.
const STOP_WORDS: &[&str] = &[
    "a",
    "about",
    "after",
    "all",
    "also",
    "an",
    "and",
    "any",
    "are",
    "as",
    "assert",
    "at",
    "be",
    "been",
    "before",
    "break",
    "but",
    "by",
    "can",
    "class",
    "cls",
    "continue",
    "def",
    "del",
    "do",
    "does",
    "elif",
    "else",
    "except",
    "false",
    "finally",
    "for",
    "from",
    "get",
    "give",
    "has",
    "have",
    "how",
    "if",
    "import",
    "in",
    "into",
    "is",
    "it",
    "its",
    "like",
    "me",
    "my",
    "none",
    "nonlocal",
    "of",
    "on",
    "or",
    "our",
    "pass",
    "return",
    "self",
    "show",
    "so",
    "some",
    "such",
    "than",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "these",
    "they",
    "this",
    "those",
    "to",
    "true",
    "try",
    "was",
    "we",
    "were",
    "what",
    "when",
    "where",
    "which",
    "while",
    "who",
    "why",
    "will",
    "with",
    "you",
    "test",
    "tests",
    "testing",
    "find",
    "similar",
    "please",
    "instead",
    "whose",
    "look",
    "eg",
    "one",
    "another",
    "between",
    "themselves",
    "something",
    "thing",
    "per",
    "via",
    "not",
    "only",
    "just",
    "both",
    "either",
    "each",
    "own",
];

/// Whether `word` (lower case) carries no meaning for a search.
pub fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.contains(&word)
}

/// The words of `text` in order, lower case and stemmed. Identifiers come apart at underscores, changes of case and
/// digits; one of several parts is also kept whole. Stop words, single letters and short numbers are left out.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for identifier in identifiers(text) {
        let parts = parts(identifier);
        if parts.len() > 1 {
            let whole = identifier.trim_matches('_').to_lowercase();
            if whole.chars().count() <= MAX_WORD {
                words.push(whole);
            }
        }
        words.extend(parts.iter().filter(|part| counts(part)).map(|part| stem(part)));
    }
    words
}

/// The plain words of `text` in order, neither stemmed nor filtered: `test_lockExpires` is "test lock expires".
pub fn plain(text: &str) -> Vec<String> {
    identifiers(text).flat_map(parts).collect()
}

/// Longer runs are data (hashes, base64), not names.
const MAX_WORD: usize = 48;

fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|run| run.chars().any(char::is_alphanumeric))
}

fn counts(part: &str) -> bool {
    let length = part.chars().count();
    let number = part.chars().all(|c| c.is_ascii_digit());
    // three digits may be a status code or a port; shorter ones are noise
    (if number { (3..=5).contains(&length) } else { (2..=MAX_WORD).contains(&length) }) && !is_stop_word(part)
}

/// `AsyncRedisLock2` → async, redis, lock, 2; `HTTPServer` → http, server. Lower case.
fn parts(identifier: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for run in identifier.split('_').filter(|run| !run.is_empty()) {
        let chars: Vec<char> = run.chars().collect();
        let mut start = 0;
        for at in 1..chars.len() {
            let (before, here) = (chars[at - 1], chars[at]);
            let lower_to_upper = before.is_lowercase() && here.is_uppercase();
            let end_of_capitals = before.is_uppercase()
                && here.is_uppercase()
                && chars.get(at + 1).is_some_and(|next| next.is_lowercase());
            // `utf8`, `s3` and `oauth2` are one word; `test12` and `2fa` hardly matter
            let letter_after_digit = before.is_ascii_digit() && here.is_uppercase();
            if lower_to_upper || end_of_capitals || letter_after_digit {
                parts.push(chars[start..at].iter().collect::<String>().to_lowercase());
                start = at;
            }
        }
        parts.push(chars[start..].iter().collect::<String>().to_lowercase());
    }
    parts
}

/// Takes off plural, -ing, -ed and a final e, so that what people ask meets what is written.
/// Both sides pass through here, so the stem need not be a word.
pub fn stem(word: &str) -> String {
    // "timing" is about waiting, "time" about clocks
    if word == "timing"
        || !word.is_ascii()
        || word.len() < 4
        || word.bytes().any(|byte| byte.is_ascii_digit())
    {
        return word.to_string();
    }
    let mut stem = singular(word);
    if let Some(base) = stem.strip_suffix("ied").filter(|base| base.len() >= 2) {
        stem = format!("{base}y");
    } else if let Some(base) = stem.strip_suffix("ing").or_else(|| stem.strip_suffix("ed"))
        && base.len() >= 3
        && has_vowel(base)
        && !(base.ends_with('e') && stem.ends_with("ed"))
    {
        stem = undouble(base).to_string();
    }
    // "cancelled" and "cancel" meet
    if stem.len() > 5 && stem.ends_with("ll") {
        stem.pop();
    }
    match stem.strip_suffix('e') {
        Some(base) if base.len() >= 3 => base.to_string(),
        _ => stem,
    }
}

fn singular(word: &str) -> String {
    if let Some(base) = word.strip_suffix("ies").filter(|base| base.len() >= 2) {
        return format!("{base}y");
    }
    if let Some(base) = word.strip_suffix("es")
        && (base.ends_with("sh") || base.ends_with("ch") || base.ends_with(['s', 'x', 'z']))
    {
        return base.to_string();
    }
    match word.strip_suffix('s') {
        Some(base) if !base.ends_with(['s', 'u', 'i']) && base.len() >= 3 => base.to_string(),
        _ => word.to_string(),
    }
}

fn has_vowel(text: &str) -> bool {
    text.contains(['a', 'e', 'i', 'o', 'u', 'y'])
}

/// `runn` → `run`; but `poll`, `pass` and `buzz` keep theirs.
fn undouble(base: &str) -> &str {
    let bytes = base.as_bytes();
    match bytes {
        [.., a, b] if a == b && !matches!(b, b'l' | b's' | b'z' | b'e' | b'o') => &base[..base.len() - 1],
        _ => base,
    }
}

/// Whether `name` stands in `text` as a word of its own.
pub fn is_word_in(name: &str, text: &str) -> bool {
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + name.len()..].starts_with(is_part))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_people_ask_meets_what_is_written() {
        for family in [
            &["lock", "locks", "locked", "locking"][..],
            &["expire", "expires", "expired", "expiring"],
            &["cache", "caches", "cached", "caching"],
            &["retry", "retries", "retried", "retrying"],
            &["run", "runs", "running"],
            &["poll", "polls", "polled", "polling"],
            &["process", "processes", "processed", "processing"],
            &["queue", "queues", "queued"],
            &["share", "shared", "shares", "sharing"],
            &["database", "databases"],
            &["cancel", "cancels", "cancelled", "cancelling", "canceled"],
            &["install", "installed", "installing"],
        ] {
            let stems: Vec<String> = family.iter().map(|word| stem(word)).collect();
            assert!(stems.iter().all(|stem| *stem == stems[0]), "{family:?} became {stems:?}");
        }
    }

    #[test]
    fn names_that_end_like_a_suffix_stay_whole() {
        for word in ["redis", "status", "string", "class", "seed", "bus", "s3", "utf8", "thing"] {
            assert_eq!(stem(word), word);
        }
        assert_ne!(stem("string"), stem("strip"));
    }

    #[test]
    fn identifiers_come_apart_and_stay_whole() {
        assert_eq!(words("test_lock_expires"), ["test_lock_expires", "lock", "expir"]);
        assert_eq!(words("AsyncRedisLock"), ["asyncredislock", "async", "redis", "lock"]);
        assert_eq!(words("HTTPServer"), ["httpserver", "http", "server"]);
        assert_eq!(words("self.client.setTimeout(404)"), ["client", "settimeout", "set", "timeout", "404"]);
    }

    #[test]
    fn noise_is_left_out_but_async_stays() {
        assert_eq!(words("async def test_x(self): return 1"), ["async", "test_x"]);
        assert!(words("for the of and is 12 _ __").is_empty());
        assert!(words("").is_empty());
    }

    #[test]
    fn other_scripts_pass_through() {
        assert_eq!(words("größe Übergröße"), ["größe", "übergröße"]);
        assert_eq!(words("测试"), ["测试"]);
    }

    #[test]
    fn plain_words_are_as_written() {
        assert_eq!(plain("test_lock_expires"), ["test", "lock", "expires"]);
    }
}

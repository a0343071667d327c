//! Words that programmers use for the same thing: what is asked in one is written in another.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::index::store::Terms;
use crate::index::terms;
use crate::words::{is_stop_word, plain, stem};

/// Groups of words that stand for each other. A word may be in several.
const GROUPS: &[&str] = &[
    "symlink symbolic readlink",
    "timezone tz tzinfo zone",
    "certificate cert x509",
    "environment environ env",
    "directory dir folder",
    "database db",
    "authentication auth authenticate login",
    "authorization authorize permission",
    "configuration config settings",
    "message msg",
    "connection conn connect",
    "parameter param",
    "argument arg",
    "temporary tmp temp",
    "asynchronous async",
    "delete remove unlink",
    "cancel cancellation abort",
    "exception error",
    "permission chmod eacces",
    "process proc",
    "command cmd",
    "request req",
    "response resp reply",
    "transaction txn",
    "document doc",
    "statistics stats",
    "initialize init",
    "synchronize sync lock",
    "acknowledge ack",
    "reject nack",
    "expire ttl expiration",
    "random rand",
    "number num",
    "average mean",
    "array ndarray",
    "approximate approx almost",
    "equal eq",
    "ssl tls",
    "http https",
    "retry retries attempt backoff",
    "redirect location",
    "mtime modification st_mtime",
    "daylight dst",
    "weekday byweekday",
    "recurring recurrence rrule",
    "upload put",
    "download get",
    "copy copytree copyfile",
    "move rename",
    "compress compression gzip deflate zlib",
    "serialize serialization pickle dump",
    "cache memoize lru",
    "schedule scheduler cron",
    "job task",
    "hostname host",
    "address addr",
    "buffer buf bytesio stringio",
    "garbage gc",
    "weak weakref",
    "geospatial geo geoadd georadius",
    "root superuser uid",
    "folder directory",
    "callback handler hook",
    "subscribe subscription pubsub",
    "publish pubsub",
    "terminate kill",
    "memory mem rss",
    "thread threading",
    "concurrent parallel simultaneous",
    "elapsed duration took",
    "patch monkeypatch",
    "utc gmt",
];

static ALIKE: LazyLock<HashMap<String, Vec<String>>> = LazyLock::new(|| {
    let mut alike: HashMap<String, Vec<String>> = HashMap::new();
    for group in GROUPS {
        let stems: Vec<String> = group.split(' ').map(stem).collect();
        for one in &stems {
            let known = alike.entry(one.clone()).or_default();
            for other in stems.iter().filter(|other| *other != one) {
                if !known.contains(other) {
                    known.push(other.clone());
                }
            }
        }
    }
    alike
});

/// A stem and those that stand for it, itself first.
pub(super) fn alike(stem: &str) -> Vec<String> {
    let others = ALIKE.get(stem).cloned().unwrap_or_default();
    std::iter::once(stem.to_owned()).chain(others).collect()
}

/// What a synonym weighs in a query beside the word itself.
const SYNONYM: f32 = 0.4;

/// The words of a question as a query, with their synonyms, and neighbours as one: "fail point" is in `failPoint` and
/// `fail_point` too.
pub(super) fn expanded(question: &str) -> Terms {
    let own = terms::query(question);
    let mut others = String::new();
    let words = plain(question);
    for word in &words {
        for other in alike(&stem(word)).iter().skip(1) {
            others.push(' ');
            others.push_str(other);
        }
    }
    for pair in words.windows(2).filter(|pair| pair.iter().all(|word| !is_stop_word(word))) {
        let (first, second) = (&pair[0], &pair[1]);
        let single = stem_plural(second);
        others.push_str(&format!(" {first}{single} {first}_{single}"));
    }
    terms::join(own, terms::query(&others), SYNONYM)
}

fn stem_plural(word: &str) -> &str {
    word.strip_suffix('s').filter(|one| one.len() > 2 && !one.ends_with('s')).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_synonym_weighs_less_than_the_word() {
        let plain_query = terms::query("certificates");
        let query = expanded("certificates");
        assert!(query.indices.len() > plain_query.indices.len());
        assert!(query.indices.is_sorted_by(|a, b| a < b));
        let at = query.indices.iter().position(|index| *index == plain_query.indices[0]);
        assert_eq!(at.map(|at| query.values[at]), Some(1.0));
        assert!(query.values.contains(&SYNONYM));
    }

    #[test]
    fn synonyms_are_stems() {
        assert!(alike("certificat").contains(&"cert".to_owned()), "{:?}", alike("certificat"));
        assert_eq!(alike("frobnicat"), ["frobnicat"]);
    }
}

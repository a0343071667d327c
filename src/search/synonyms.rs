//! Words that programmers use for the same thing: what is asked in one is written in another.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::index::store::{Names, Terms};
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
    "refuse reject deny denied forbidden",
    "fail failure failed error",
    "evict cull purge",
    "foreign fk",
    "websocket ws",
    "startup lifespan",
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

/// What the words of one question stand for, beside what words stand for in general.
#[derive(Default)]
pub(super) struct Synonyms {
    own: HashMap<String, Vec<String>>,
}

impl Synonyms {
    /// Those of `question`: the initials of what is said in several words (`fts`, for "full text search"), and the
    /// indexed projects and libraries that are called by a word of it (`asyncssh`, for "SSH").
    pub(super) fn of(question: &str, names: &Names) -> Synonyms {
        let mut synonyms = Synonyms::default();
        let words = plain(question);
        for phrase in words.split(|word| is_stop_word(word)).flat_map(initials) {
            for word in phrase.1 {
                synonyms.add(word, &phrase.0);
            }
        }
        for word in words.iter().filter(|word| is_distinctive(word)) {
            for name in names.repos.keys().chain(names.libraries.keys()).filter(|name| is_in(word, name)) {
                synonyms.add(word, &name.to_lowercase());
            }
        }
        synonyms
    }

    fn add(&mut self, word: &str, other: &str) {
        let others = self.own.entry(stem(word)).or_default();
        if !others.iter().any(|known| known == other) {
            others.push(other.to_owned());
        }
    }

    /// A stem and those that stand for it, itself first.
    pub(super) fn alike(&self, stem: &str) -> Vec<String> {
        let general = ALIKE.get(stem).into_iter().flatten();
        let own = self.own.get(stem).into_iter().flatten();
        std::iter::once(stem).chain(general.chain(own).map(String::as_str)).map(str::to_owned).collect()
    }
}

/// The initials of three or four neighbouring words, with those words.
fn initials(words: &[String]) -> Vec<(String, &[String])> {
    let of = |words: &[String]| words.iter().filter_map(|word| word.chars().next()).collect::<String>();
    [3, 4].into_iter().flat_map(|count| words.windows(count)).map(|words| (of(words), words)).collect()
}

/// Whether a word may tell one project from another.
fn is_distinctive(word: &str) -> bool {
    word.len() > 2 && !is_stop_word(word) && super::vocabulary::longest(&[stem(word)]).is_none()
}

/// Letters of a project's name that may stand around a word of it.
const AROUND: usize = 6;

/// Whether a project or library is called by a word and little more: `pymongo` and `mongo-utils` by "mongo".
fn is_in(word: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    name != word && name.len() <= word.len() + AROUND && (name.starts_with(word) || name.ends_with(word))
}

/// What a synonym weighs in a query beside the word itself.
const SYNONYM: f32 = 0.4;

/// The words of a question as a query, with their synonyms, and neighbours as one: "fail point" is in `failPoint` and
/// `fail_point` too.
pub(super) fn expanded(question: &str, synonyms: &Synonyms) -> Terms {
    let own = terms::query(question);
    let mut others = String::new();
    let words = plain(question);
    for word in &words {
        for other in synonyms.alike(&stem(word)).iter().skip(1) {
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
        let query = expanded("certificates", &Synonyms::default());
        assert!(query.indices.len() > plain_query.indices.len());
        assert!(query.indices.is_sorted_by(|a, b| a < b));
        let at = query.indices.iter().position(|index| *index == plain_query.indices[0]);
        assert_eq!(at.map(|at| query.values[at]), Some(1.0));
        assert!(query.values.contains(&SYNONYM));
    }

    #[test]
    fn synonyms_are_stems() {
        let synonyms = Synonyms::default();
        assert!(synonyms.alike("certificat").contains(&"cert".to_owned()));
        assert_eq!(synonyms.alike("frobnicat"), ["frobnicat"]);
    }
}

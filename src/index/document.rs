//! What is remembered of a test, and what of it is embedded. Knows no store and no model.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::Terms;
use super::terms;
use crate::effects::{self, Touch};
use crate::risk::{Assessment, ScannedTest};
use crate::smells::Cause;
use crate::words;

/// Changes whenever [`sentences`] or the words of [`IndexedTest::terms`] change; a store keeps one version.
pub const DOCUMENT_VERSION: u32 = 4;

/// Bytes of source whose words are indexed.
const INDEXED_SOURCE: usize = 8_000;

/// An assessment with its source, as it lies in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IndexedTest {
    #[serde(flatten)]
    pub assessment: Assessment,
    /// The test's code, as it stands in the file.
    pub source: String,
    /// The sentences that were embedded.
    pub document: String,
    /// Which state it reads and changes, hashed; what it shares with others follows when outcomes come.
    #[serde(default, with = "effects::as_text", skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = String)]
    pub touches: Vec<Touch>,
    /// How it was mended, in the collection of fixes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mended: Option<Mended>,
    /// BLAKE3 of everything above that can change; equal hashes need no new embedding.
    pub content_hash: String,
}

/// What became of a test in the commit that mended it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mended {
    pub commit: String,
    /// Seconds since 1970.
    pub date: i64,
    pub author: String,
    /// The test's id; that of its point has the commit in it.
    pub test: String,
    /// Codes of the findings that are gone since.
    pub codes: Vec<String>,
    /// The code after.
    pub after: String,
}

impl IndexedTest {
    /// A mended test as a point of the collection of fixes: found by what it was before.
    pub fn of_fix(mut assessment: Assessment, source: String, mended: Mended) -> Self {
        let short: String = mended.commit.chars().take(12).collect();
        assessment.id = format!("{}@{short}", assessment.id);
        IndexedTest { mended: Some(mended), ..IndexedTest::new(assessment, source) }
    }

    /// Adds the document and the hash to an assessment and its source.
    pub fn new(assessment: Assessment, source: String) -> Self {
        let document = build(&assessment);
        let content_hash = content_hash(&assessment, &source, &document);
        IndexedTest { assessment, source, document, touches: vec![], mended: None, content_hash }
    }

    /// As [`IndexedTest::new`], with all that a scan knows.
    pub fn scanned(test: ScannedTest) -> Self {
        let mut out = IndexedTest { touches: test.touches, ..IndexedTest::new(test.assessment, test.source) };
        let touches = effects::text(&out.touches);
        out.content_hash = blake3::hash(format!("{} {touches}", out.content_hash).as_bytes()).to_string();
        out
    }

    /// What of it is embedded.
    pub(super) fn sentences(&self) -> Vec<Sentence> {
        sentences(&self.assessment)
    }

    /// The id of its point.
    pub fn point_id(&self) -> Uuid {
        point_id(&self.assessment.repo, &self.assessment.id)
    }

    /// The words it can be found by: those of its sentences, its codes, and all of its source.
    pub fn terms(&self) -> Terms {
        terms::document(&self.searchable())
    }

    /// The text behind [`IndexedTest::terms`].
    pub fn searchable(&self) -> String {
        let mut text = build(&self.assessment);
        text.push('\n');
        text.push_str(&self.assessment.file);
        for word in
            self.assessment.findings.iter().map(|finding| &finding.code).chain(&self.assessment.fixtures)
        {
            text.push(' ');
            text.push_str(word);
        }
        text.push('\n');
        text.push_str(&self.source[..floor_char_boundary(&self.source, INDEXED_SOURCE)]);
        text
    }
}

/// The namespace of all point ids.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_7c52_8a3e_5b49_9d20_c4e1_77ab_3f08);

/// The point id of a test: UUIDv5 of repository and node id, so that indexing twice changes nothing.
pub fn point_id(repo: &str, test_id: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{repo}\0{test_id}").as_bytes())
}

/// A sentence about a test, and what it is worth in the test's vector.
pub(super) struct Sentence {
    pub(super) text: String,
    pub(super) worth: f32,
}

/// What a name is worth beside the classes it stands in, the place and the kind of the test, what it does, and what is
/// unstable about it. Measured on the questions of `tests/retrieval/` (`docs/search.md`).
const WORTH: [f32; 5] = [1.0, 0.5, 0.7, 0.6, 0.6];

/// What of a test is embedded: sentences in the words people search with, each of which many tests may share. Its code
/// is found by its words (see [`IndexedTest::terms`]); what embedding it too would cost and bring stands in
/// `docs/search.md`.
fn sentences(assessment: &Assessment) -> Vec<Sentence> {
    let kind = if assessment.is_async { "Async test" } else { "Test" };
    let mut place = [kind, &place(&assessment.file)].join(": ").trim_end_matches(": ").to_owned();
    if !assessment.libraries.is_empty() {
        place.push_str(", uses ");
        place.push_str(&first(&assessment.libraries, 4).join(", "));
    }
    let others = assessment.does.iter().filter(|one| !assessment.does_itself.contains(one));
    let does: Vec<&str> =
        assessment.does_itself.iter().chain(others).take(5).map(|activity| activity.phrase()).collect();
    let does = (!does.is_empty()).then(|| format!("It {}", does.join(", ")));
    let (classes, name) = names(&assessment.id);
    [Some(name), classes, Some(place), does, instability(assessment)]
        .into_iter()
        .zip(WORTH)
        .filter_map(|(text, worth)| Some(Sentence { text: text?, worth }))
        .collect()
}

/// The sentences as a text.
fn build(assessment: &Assessment) -> String {
    let texts: Vec<String> = sentences(assessment).into_iter().map(|one| one.text + ".").collect();
    texts.join(" ")
}

/// BLAKE3, in hexadecimal, of what a stored test is made of.
pub fn content_hash(assessment: &Assessment, source: &str, document: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&DOCUMENT_VERSION.to_le_bytes());
    // an assessment holds plain values only, so it always serialises
    hasher.update(&serde_json::to_vec(assessment).unwrap_or_default());
    for part in [source, document] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// `Flaky: sleep as synchronization (async wait, timing)`
fn instability(assessment: &Assessment) -> Option<String> {
    let parts: Vec<String> = assessment
        .causes
        .iter()
        .take(3)
        .filter_map(|cause| {
            let of_cause = assessment.findings.iter().filter(|finding| finding.cause == *cause);
            let worst = of_cause.max_by_key(|finding| finding.severity)?;
            Some(format!("{} ({})", worst.name.replace('-', " "), in_plain_words(*cause)))
        })
        .collect();
    (!parts.is_empty()).then(|| format!("Flaky: {}", parts.join("; ")))
}

/// `tests/asyncio/test_lock.py` → `asyncio lock`.
fn place(file: &str) -> String {
    let stem = file.strip_suffix(".py").unwrap_or(file);
    let mut words: Vec<String> = words::plain(stem);
    words.retain(|word| !matches!(word.as_str(), "test" | "tests" | "unit" | "src" | "t"));
    words.dedup();
    words.join(" ")
}

/// The words that people search a cause with.
fn in_plain_words(cause: Cause) -> &'static str {
    match cause {
        Cause::AsyncWait => "async wait, timing",
        Cause::Concurrency => "race condition, concurrency",
        Cause::Network => "network, live service",
        Cause::Time => "date, time, clock",
        Cause::Randomness => "random",
        Cause::SharedState => "shared state, test order",
        Cause::Resources => "files, resource leak",
        Cause::Unordered => "unordered",
        Cause::Structure => "fragile",
    }
}

/// `tests/test_lock.py::TestAsyncLock::test_expires` → `async lock`, `expires`.
fn names(id: &str) -> (Option<String>, String) {
    let names = id.split_once("::").map_or(id, |(_, names)| names);
    let (classes, name) = names.rsplit_once("::").unwrap_or(("", names));
    let said = |names: &str| {
        let words: Vec<String> = words::plain(names).into_iter().filter(|word| word != "test").collect();
        (!words.is_empty()).then(|| words.join(" "))
    };
    (said(classes), said(name).unwrap_or_else(|| name.to_owned()))
}

fn first(names: &[String], most: usize) -> &[String] {
    &names[..names.len().min(most)]
}

fn floor_char_boundary(text: &str, most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::index::samples::{assessment, finding};
    use crate::smells::Activity;

    fn lock() -> Assessment {
        let mut lock = assessment("redis-py", "tests/test_lock.py::TestLock::test_expires");
        lock.is_async = true;
        lock.libraries = vec!["redis".into()];
        lock.fixtures = vec!["r".into()];
        lock.findings = vec![finding("FD101", "sleep-as-synchronization", Cause::AsyncWait, 14)];
        lock.causes = vec![Cause::AsyncWait];
        lock.severity = crate::smells::Severity::High;
        lock
    }

    #[test]
    fn the_document_says_what_a_test_is_in_words_people_search_with() {
        let mut lock = lock();
        (lock.does, lock.does_itself) = (vec![Activity::Sleep, Activity::Threads], vec![Activity::Sleep]);
        assert_eq!(
            build(&lock),
            "expires. lock. Async test: lock, uses redis. It sleeps, starts threads. \
             Flaky: sleep as synchronization (async wait, timing)."
        );
    }

    #[test]
    fn a_test_without_findings_is_not_called_flaky() {
        let document = build(&assessment("a", "test_a.py::test_x"));
        assert!(!document.to_lowercase().contains("flaky"), "{document}");
    }

    #[test]
    fn the_hash_follows_what_can_change() {
        let test = IndexedTest::new(lock(), "def test(): pass".into());
        let same = IndexedTest::new(lock(), "def test(): pass".into());
        assert_eq!(test.content_hash, same.content_hash);
        let mut moved = lock();
        moved.line += 1;
        let mut owned = lock();
        owned.teams = vec!["core".into()];
        for other in [
            IndexedTest::new(moved, "def test(): pass".into()),
            IndexedTest::new(owned, "def test(): pass".into()),
            IndexedTest::new(lock(), "def test(): ...".into()),
        ] {
            assert_ne!(other.content_hash, test.content_hash);
        }
    }

    #[test]
    fn words_beyond_the_excerpt_can_be_found() {
        let source =
            format!("def test():\n{}    frobnicate()\n", "    x = some_call(another, value)\n".repeat(100));
        let test = IndexedTest::new(lock(), source);
        assert!(!test.document.contains("frobnicate"));
        let query = terms::query("frobnicate FD101");
        let found = test.terms().indices;
        assert!(query.indices.iter().all(|index| found.contains(index)));
    }

    #[test]
    fn ids_are_stable_and_apart() {
        assert_eq!(point_id("a", "t::x"), point_id("a", "t::x"));
        assert_ne!(point_id("a", "t::x"), point_id("b", "t::x"));
        assert_eq!(point_id("redis-py", "tests/test_lock.py::test_x").get_version_num(), 5);
    }

    #[test]
    fn a_name_of_nothing_but_test_stands_for_itself() {
        assert_eq!(names("t.py::test"), (None, "test".to_owned()));
        let (classes, name) = names("t.py::TestAsyncLock::TestEdges::test_timeout_expires");
        assert_eq!((classes.as_deref(), name.as_str()), (Some("async lock edges"), "timeout expires"));
    }
}

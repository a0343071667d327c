//! What lies in a point's payload beside the test, and a [`Filter`] as conditions on it, in a form that both stores
//! translate word for word.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::document::{IndexedTest, Mended};
use super::store::{Filter, StoreError};
use crate::effects;
use crate::risk::Assessment;

/// Payload keys that carry an index of keywords. `repo` is first: it is the tenant key.
pub(super) const KEYWORDS: [&str; 11] =
    [REPO, "teams", "causes", "severity", LIBRARIES, "does", "framework", "file", PATH_PARTS, CODES, VERDICT];
/// Payload keys that carry an index of booleans.
pub(super) const BOOLEANS: [&str; 2] = ["async", PROVED];
/// Payload keys that carry an index of integers.
pub(super) const INTEGERS: [&str; 1] = [LAST_FAILURE];
/// The payload key of the repository's name.
pub(super) const REPO: &str = "repo";
/// The payload key of the libraries used.
pub(super) const LIBRARIES: &str = "libraries";
/// The payload key of the content hash.
pub(super) const CONTENT_HASH: &str = "content_hash";
/// Every folder above a file, the file, and each single part of its path.
const PATH_PARTS: &str = "path_parts";
/// Codes of findings.
const CODES: &str = "codes";
const VERDICT: &str = "verdict";
/// Whether a run with one thing changed showed it unstable.
const PROVED: &str = "proved";
/// Seconds since 1970.
const LAST_FAILURE: &str = "last_failure";
/// The payload key of the whole test as JSON text, which is read without a copy of its parts.
pub(super) const TEST: &str = "test";

/// One condition on the payload or the id.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    /// The key holds one of these words, or a list with one of them.
    AnyOf(&'static str, Vec<String>),
    Is(&'static str, bool),
    AtLeast(&'static str, i64),
    Ids(Vec<Uuid>),
}

/// All of `must` and none of `must_not`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Conditions {
    pub(super) must: Vec<Condition>,
    pub(super) must_not: Vec<Condition>,
}

impl Conditions {
    pub(super) fn is_empty(&self) -> bool {
        self.must.is_empty() && self.must_not.is_empty()
    }
}

impl From<&Filter> for Conditions {
    fn from(filter: &Filter) -> Self {
        let paths =
            filter.paths.iter().map(|path| path.trim_matches('/').trim_start_matches("./").to_string());
        let must = [
            (REPO, filter.repos.clone()),
            ("teams", filter.teams.clone()),
            ("causes", filter.causes.iter().map(ToString::to_string).collect()),
            ("severity", filter.severities.iter().map(ToString::to_string).collect()),
            (LIBRARIES, filter.libraries.clone()),
            ("framework", filter.framework.iter().cloned().collect()),
            (CODES, filter.codes.clone()),
            (PATH_PARTS, paths.collect()),
            (VERDICT, filter.verdicts.iter().map(ToString::to_string).collect()),
        ];
        let must_not = [
            (REPO, filter.not_repos.clone()),
            (LIBRARIES, filter.not_libraries.clone()),
            ("causes", filter.not_causes.iter().map(ToString::to_string).collect()),
            ("does", filter.not_does.iter().map(ToString::to_string).collect()),
        ];
        let mut conditions = Conditions { must: any_of(must), must_not: any_of(must_not) };
        let all = filter.does.iter().map(|one| Condition::AnyOf("does", vec![one.to_string()]));
        conditions.must.extend(all);
        conditions.must.extend(filter.is_async.map(|value| Condition::Is("async", value)));
        conditions.must.extend(filter.proved.map(|value| Condition::Is(PROVED, value)));
        conditions.must.extend(filter.failed_since.map(|time| Condition::AtLeast(LAST_FAILURE, time)));
        for further in &filter.and {
            let further = Conditions::from(further);
            conditions.must.extend(further.must);
            conditions.must_not.extend(further.must_not);
        }
        if !filter.not_ids.is_empty() {
            conditions.must_not.push(Condition::Ids(filter.not_ids.clone()));
        }
        conditions
    }
}

fn any_of(lists: impl IntoIterator<Item = (&'static str, Vec<String>)>) -> Vec<Condition> {
    lists
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(key, values)| Condition::AnyOf(key, values))
        .collect()
}

/// The payload of a test: what it is filtered by, and the test itself.
pub(super) fn payload(test: &IndexedTest) -> Result<Map<String, Value>, StoreError> {
    let IndexedTest { assessment, source, document, touches, mended, content_hash } = test;
    let refused =
        |error: serde_json::Error| StoreError::Refused { action: "store a test", reason: error.to_string() };
    let mut short = serde_json::to_value(assessment).map_err(refused)?;
    (short["features"], short["shares"]) =
        (json!(assessment.features.0.as_slice()), json!(assessment.shares.0));
    let parts = (short, source, document, effects::text(touches), mended, content_hash);
    let whole = serde_json::to_string(&parts).map_err(refused)?;
    let codes: Vec<&String> = assessment.findings.iter().map(|finding| &finding.code).collect();
    let outcomes = assessment.outcomes.as_ref();
    let payload = [
        (REPO, json!(assessment.repo)),
        ("teams", json!(assessment.teams)),
        ("causes", json!(assessment.causes)),
        ("severity", json!(assessment.severity)),
        (LIBRARIES, json!(assessment.libraries)),
        ("does", json!(assessment.does)),
        ("framework", json!(assessment.framework)),
        ("file", json!(assessment.file)),
        (PATH_PARTS, json!(path_parts(&assessment.file))),
        (CODES, json!(codes)),
        ("async", json!(assessment.is_async)),
        (VERDICT, json!(outcomes.map(|known| known.verdict))),
        (PROVED, json!(outcomes.is_some_and(|known| !known.proofs.is_empty()))),
        (LAST_FAILURE, json!(outcomes.and_then(|known| known.last_failure).map(|last| last.as_second()))),
        (CONTENT_HASH, json!(content_hash)),
        (TEST, json!(whole)),
    ];
    let known = payload.into_iter().filter(|(_, value)| !value.is_null());
    Ok(known.map(|(key, value)| (key.to_owned(), value)).collect())
}

/// The test that a payload holds.
pub(super) fn test(payload: &Map<String, Value>) -> Result<IndexedTest, StoreError> {
    let refused = |reason: String| StoreError::Refused {
        action: "read a test",
        reason: format!("what is stored does not fit this version ({reason}); rebuild the index"),
    };
    let whole = payload.get(TEST).and_then(Value::as_str).unwrap_or_default();
    type Parts = (Assessment, String, String, String, Option<Mended>, String);
    let parts: Parts = serde_json::from_str(whole).map_err(|error| refused(error.to_string()))?;
    let (assessment, source, document, touches, mended, content_hash) = parts;
    let touches =
        effects::from_text(&touches).ok_or_else(|| refused(format!("'{touches}' are no touches")))?;
    Ok(IndexedTest { assessment, source, document, touches, mended, content_hash })
}

/// `tests/asyncio/test_lock.py` → itself, `tests`, `tests/asyncio`, `asyncio`, `test_lock.py`.
fn path_parts(file: &str) -> Vec<String> {
    let mut parts = vec![file.to_string()];
    parts.extend(file.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| file[..at].to_string()));
    parts.extend(file.split('/').map(String::from));
    parts.retain(|part| !part.is_empty());
    parts.sort();
    parts.dedup();
    parts
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::index::samples::sample;
    use crate::smells::Cause;

    #[test]
    fn an_empty_filter_has_no_conditions() {
        assert!(Conditions::from(&Filter::default()).is_empty());
    }

    #[test]
    fn each_part_of_a_filter_becomes_a_condition() {
        let filter = Filter {
            repos: vec!["a".into()],
            causes: vec![Cause::AsyncWait],
            is_async: Some(false),
            paths: vec!["./tests/asyncio/".into()],
            not_ids: vec![Uuid::nil()],
            not_libraries: vec!["redis".into()],
            ..Filter::default()
        };
        let conditions = Conditions::from(&filter);
        assert_eq!(
            conditions.must,
            [
                Condition::AnyOf(REPO, vec!["a".into()]),
                Condition::AnyOf("causes", vec!["async-wait".into()]),
                Condition::AnyOf(PATH_PARTS, vec!["tests/asyncio".into()]),
                Condition::Is("async", false),
            ]
        );
        assert_eq!(conditions.must_not.len(), 2);
    }

    #[test]
    fn paths_are_found_by_folder_file_and_part() {
        let parts = path_parts("tests/asyncio/test_lock.py");
        for part in ["tests", "tests/asyncio", "asyncio", "test_lock.py", "tests/asyncio/test_lock.py"] {
            assert!(parts.contains(&part.to_string()), "{part} is not in {parts:?}");
        }
    }

    #[test]
    fn a_test_survives_its_payload() {
        let before = sample("a", "tests/test_a.py::test_x");
        assert_eq!(test(&payload(&before).unwrap()).unwrap(), before);
        assert!(test(&Map::new()).is_err());
        let mut odd = payload(&before).unwrap();
        odd[TEST] = odd[TEST].as_str().unwrap().replace(",\"\",null,", ",\"no touch\",null,").into();
        assert!(test(&odd).unwrap_err().to_string().contains("no touch"));
    }
}

//! What every store owes, as tests that run on each: on the embedded one always, on a server where `QDRANT_URL` names
//! one.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::edge::{Access, EdgeStore};
use super::fuse::HybridQuery;
use super::holder;
use super::qdrant::{Layout, QdrantStore};
use super::samples::{assessment, id_of, point, sample, unstable};
use super::store::{Filter, Near, Point, Ranking, StoreError, Terms, VectorStore};
use super::terms;
use crate::index::IndexedTest;
use crate::risk::{Observed, Verdict};
use crate::smells::{Activity, Cause, Severity};

const MODEL: &str = "a-model";
/// In seconds since 1970.
const LAST_FAILURE: i64 = 1_800_000_000;

/// Three tests of two repositories that differ in everything that can be filtered by.
fn some_points() -> Vec<Point> {
    let mut lock = unstable(
        "a",
        "tests/asyncio/test_lock.py::test_expires",
        Cause::AsyncWait,
        "def test_expires(r):\n    sleep(1)\n",
    )
    .assessment;
    lock.is_async = true;
    lock.libraries = vec!["redis".into()];
    lock.does = vec![Activity::Sleep, Activity::Threads];
    lock.framework = "unittest".into();
    lock.teams = vec!["core".into(), "infra".into()];
    let mut random = unstable(
        "a",
        "tests/test_random.py::test_draw",
        Cause::Randomness,
        "def test_draw():\n    random()\n",
    )
    .assessment;
    random.severity = Severity::Low;
    random.teams = vec!["infra".into()];
    random.outcomes = Some(Observed {
        verdict: Verdict::Flaky,
        runs: 3,
        failures: 1,
        retried: 0,
        flips: 2,
        last_run: None,
        last_failure: Timestamp::from_second(LAST_FAILURE).ok(),
        messages: vec![],
        proofs: vec![],
    });
    let mut plain = assessment("b", "tests/test_plain.py::test_sum");
    plain.libraries = vec!["redis".into(), "numpy".into()];
    vec![
        point(
            IndexedTest::new(
                lock,
                "async def test_expires(r):\n    time.sleep(1)\n    assert lock.expired\n".into(),
            ),
            1,
        ),
        point(IndexedTest::new(random, "def test_draw():\n    assert random.random() < 0.9\n".into()), 2),
        point(IndexedTest::new(plain, "def test_sum():\n    assert 1 + 1 == 2\n".into()), 3),
    ]
}

fn axis(axis: usize) -> Vec<f32> {
    point(sample("q", "q"), axis).text
}

fn names(tests: impl IntoIterator<Item = IndexedTest>) -> Vec<String> {
    tests.into_iter().map(|test| test.assessment.id.rsplit("::").next().unwrap().to_string()).collect()
}

async fn found(store: &Arc<dyn VectorStore>, query: HybridQuery) -> Vec<String> {
    names(query.best(&**store).await.unwrap().into_iter().map(|scored| scored.test))
}

async fn listed(store: &Arc<dyn VectorStore>, filter: Filter) -> BTreeSet<String> {
    let page = store.scroll(filter.clone(), None, 100).await.unwrap();
    assert_eq!(page.next, None);
    assert_eq!(store.count(filter).await.unwrap(), page.tests.len());
    names(page.tests).into_iter().collect()
}

/// Every promise of [`VectorStore`] but those about files and processes. The store is empty before and after.
pub(crate) async fn keeps_the_contract(store: Arc<dyn VectorStore>) {
    assert_eq!(store.count(Filter::default()).await.unwrap(), 0);
    assert!(
        HybridQuery { text: Some(axis(1)), weights: [1.0; 3], limit: 5, ..HybridQuery::default() }
            .best(&*store)
            .await
            .unwrap()
            .is_empty()
    );
    stores_and_replaces(&store).await;
    ranks(&store).await;
    filters(&store).await;
    pages(&store).await;
    removes(&store).await;
}

async fn stores_and_replaces(store: &Arc<dyn VectorStore>) {
    let points = some_points();
    store.upsert(points.clone()).await.unwrap();
    store.upsert(Vec::new()).await.unwrap();
    assert_eq!(store.count(Filter::default()).await.unwrap(), 3);
    for before in &points {
        let after = store.get(before.id).await.unwrap().unwrap();
        assert_eq!(after.test, before.test);
        assert_eq!(after.terms, before.terms);
        let close =
            |a: &[f32], b: &[f32]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(close(&after.text, &before.text) && close(&after.structure, &before.structure));
    }
    assert!(store.get(Uuid::nil()).await.unwrap().is_none());

    let mut changed = points[0].clone();
    changed.test.source.push_str("    # changed\n");
    changed.test.content_hash = "changed".into();
    changed.text = axis(9);
    store.upsert(vec![changed.clone()]).await.unwrap();
    let after = store.get(changed.id).await.unwrap().unwrap();
    assert_eq!(after.test.content_hash, "changed");
    assert!((after.text[9] - changed.text[9]).abs() < 1e-5);
    assert_eq!(store.count(Filter::default()).await.unwrap(), 3);
    store.upsert(vec![points[0].clone()]).await.unwrap();

    let hashes = store.hashes("a").await.unwrap();
    let expected = points[..2].iter().map(|point| (point.id, point.test.content_hash.clone())).collect();
    assert_eq!(hashes, expected);
    assert!(store.hashes("unknown").await.unwrap().is_empty());
    assert_eq!(known(store).await, [("a".to_owned(), 2), ("b".to_owned(), 1)]);
    let libraries = &store.names().await.unwrap().libraries;
    assert_eq!((libraries.get("redis"), libraries.get("numpy")), (Some(&2), Some(&1)));
}

/// The repositories that are known, and how many tests each has.
async fn known(store: &Arc<dyn VectorStore>) -> Vec<(String, usize)> {
    let names = store.names().await.unwrap();
    let known: BTreeMap<_, _> = names.repos.iter().collect();
    known.into_iter().map(|(repo, tests)| (repo.clone(), *tests)).collect()
}

async fn ranks(store: &Arc<dyn VectorStore>) {
    let one = |query: HybridQuery| HybridQuery { weights: [1.0; 3], limit: 3, ..query };
    let by_text = found(store, one(HybridQuery { text: Some(axis(2)), ..HybridQuery::default() })).await;
    assert_eq!(by_text[0], "test_draw");
    let lock_terms = Some(terms::query("locks expiring"));
    let by_terms =
        found(store, one(HybridQuery { terms: lock_terms.clone(), ..HybridQuery::default() })).await;
    assert_eq!(by_terms, ["test_expires"]);
    let no_words = Ranking { near: Near::Terms(Terms::default()), filter: Filter::default(), depth: 3 };
    let some = Ranking { near: Near::Text(axis(2)), ..no_words.clone() };
    let ranked = store.rank(vec![no_words, some]).await.unwrap();
    assert_eq!((ranked[0].len(), ranked[1].len()), (0, 3));
    assert!(store.rank(vec![]).await.unwrap().is_empty());
    let structure = Some(some_points().remove(1).structure);
    let by_structure =
        found(store, one(HybridQuery { structure: structure.clone(), ..HybridQuery::default() })).await;
    assert_eq!(by_structure[0], "test_draw");

    // text says sum, structure says draw: the weight decides, and a ranking of weight 0 has no say
    let torn = HybridQuery { text: Some(axis(3)), structure, limit: 3, ..HybridQuery::default() };
    let to_text = found(store, HybridQuery { weights: [3.0, 0.0, 1.0], ..torn.clone() }).await;
    assert_eq!(to_text[0], "test_sum");
    let to_structure = found(store, HybridQuery { weights: [1.0, 0.0, 3.0], ..torn.clone() }).await;
    assert_eq!(to_structure[0], "test_draw");
    // whom words and text agree on is before whom only one of them wants
    let agreed =
        HybridQuery { text: Some(axis(3)), terms: lock_terms.clone(), limit: 3, ..HybridQuery::default() };
    let both = found(store, HybridQuery { weights: [1.0, 1.0, 0.0], ..agreed.clone() }).await;
    assert_eq!(both[0], "test_expires");
    let only_terms = found(store, HybridQuery { weights: [0.0, 1.0, 1.0], ..agreed.clone() }).await;
    assert_eq!(only_terms, ["test_expires"]);

    let scored = HybridQuery { weights: [1.0; 3], ..torn.clone() }.best(&**store).await.unwrap();
    assert!(
        scored.is_sorted_by(|a, b| a.score >= b.score)
            && scored.iter().all(|hit| hit.score > 0.0 && hit.score <= 1.0)
    );
    assert_eq!(HybridQuery { limit: 1, weights: [1.0; 3], ..torn }.best(&**store).await.unwrap().len(), 1);
    assert!(
        HybridQuery { limit: 3, weights: [1.0; 3], ..HybridQuery::default() }
            .best(&**store)
            .await
            .unwrap()
            .is_empty()
    );
}

async fn filters(store: &Arc<dyn VectorStore>) {
    let all = ["test_draw", "test_expires", "test_sum"];
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<String>>();
    let none = Filter::default;
    let cases: Vec<(Filter, &[&str])> = vec![
        (none(), &all),
        (Filter { repos: words(&["a"]), ..none() }, &all[..2]),
        (Filter { repos: words(&["a", "b", "c"]), ..none() }, &all),
        (Filter { teams: words(&["core"]), ..none() }, &["test_expires"]),
        (Filter { teams: words(&["infra"]), ..none() }, &all[..2]),
        (Filter { causes: vec![Cause::AsyncWait], ..none() }, &["test_expires"]),
        (Filter { causes: vec![Cause::AsyncWait, Cause::Randomness], ..none() }, &all[..2]),
        (Filter { severities: vec![Severity::None], ..none() }, &["test_sum"]),
        (Filter { severities: vec![Severity::High, Severity::Low], ..none() }, &all[..2]),
        (Filter { libraries: words(&["redis"]), ..none() }, &all[1..]),
        (Filter { libraries: words(&["numpy", "unknown"]), ..none() }, &["test_sum"]),
        (
            Filter {
                libraries: words(&["redis"]),
                and: vec![Filter { libraries: words(&["numpy"]), not_repos: words(&["a"]), ..none() }],
                ..none()
            },
            &["test_sum"],
        ),
        (Filter { is_async: Some(true), ..none() }, &["test_expires"]),
        (Filter { is_async: Some(false), ..none() }, &["test_draw", "test_sum"]),
        (Filter { codes: words(&["FD101"]), ..none() }, &["test_expires"]),
        (Filter { does: vec![Activity::Threads, Activity::Sleep], ..none() }, &["test_expires"]),
        (Filter { does: vec![Activity::Threads, Activity::Clock], ..none() }, &[]),
        (Filter { not_does: vec![Activity::Sleep, Activity::Clock], ..none() }, &["test_draw", "test_sum"]),
        (Filter { framework: Some("pytest".into()), ..none() }, &["test_draw", "test_sum"]),
        (Filter { paths: words(&["tests/asyncio"]), ..none() }, &["test_expires"]),
        (Filter { paths: words(&["asyncio", "test_plain.py"]), ..none() }, &all[1..]),
        (Filter { paths: words(&["tests/"]), ..none() }, &all),
        (Filter { not_ids: vec![id_of("b", "tests/test_plain.py::test_sum")], ..none() }, &all[..2]),
        (Filter { not_repos: words(&["a"]), ..none() }, &["test_sum"]),
        (Filter { not_libraries: words(&["redis"]), ..none() }, &["test_draw"]),
        (Filter { not_causes: vec![Cause::AsyncWait], ..none() }, &["test_draw", "test_sum"]),
        (
            Filter {
                is_async: Some(true),
                libraries: words(&["redis"]),
                causes: vec![Cause::AsyncWait],
                severities: vec![Severity::High],
                ..none()
            },
            &["test_expires"],
        ),
        (Filter { libraries: words(&["redis"]), not_repos: words(&["a"]), ..none() }, &["test_sum"]),
        (Filter { verdicts: vec![Verdict::Flaky], ..none() }, &["test_draw"]),
        (Filter { proved: Some(false), ..none() }, &all),
        (Filter { proved: Some(true), ..none() }, &[]),
        (Filter { failed_since: Some(LAST_FAILURE), ..none() }, &["test_draw"]),
        (Filter { failed_since: Some(LAST_FAILURE + 1), ..none() }, &[]),
        (Filter { is_async: Some(true), libraries: words(&["numpy"]), ..none() }, &[]),
    ];
    for (filter, expected) in cases {
        let expected: BTreeSet<String> = expected.iter().map(ToString::to_string).collect();
        assert_eq!(listed(store, filter.clone()).await, expected, "{filter:?}");
        // what is said in memory is what a store says, but for what only stores know
        if filter.paths.is_empty() && filter.not_ids.is_empty() && filter.failed_since.is_none() {
            let fitting = some_points().into_iter().map(|point| point.test).filter(|test| filter.fits(test));
            assert_eq!(names(fitting).into_iter().collect::<BTreeSet<_>>(), expected, "{filter:?}");
        }
        let query = HybridQuery {
            text: Some(axis(1)),
            weights: [1.0; 3],
            limit: 10,
            filter,
            ..HybridQuery::default()
        };
        let hits: BTreeSet<String> = found(store, query.clone()).await.into_iter().collect();
        assert_eq!(hits, expected, "{:?}", query.filter);
    }
}

async fn pages(store: &Arc<dyn VectorStore>) {
    let many: Vec<Point> =
        (0..25).map(|n| point(sample("many", &format!("t.py::test_{n}")), 1 + n)).collect();
    store.upsert(many.clone()).await.unwrap();
    let filter = Filter { repos: vec!["many".into()], ..Filter::default() };
    let (mut seen, mut from, mut sizes) = (Vec::new(), None, Vec::new());
    loop {
        let page = store.scroll(filter.clone(), from, 10).await.unwrap();
        sizes.push(page.tests.len());
        seen.extend(page.tests.iter().map(IndexedTest::point_id));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [10, 10, 5]);
    assert!(seen.is_sorted_by(|a, b| a < b), "pages are in the order of ids");
    assert_eq!(store.hashes("many").await.unwrap().len(), 25);
    store.optimize().await.unwrap();
    assert_eq!(store.count(filter).await.unwrap(), 25);
    store.delete(many.into_iter().map(|point| point.id).collect()).await.unwrap();
}

async fn removes(store: &Arc<dyn VectorStore>) {
    let ids: Vec<Uuid> = some_points().into_iter().map(|point| point.id).collect();
    store.delete(vec![ids[0], Uuid::nil()]).await.unwrap();
    store.delete(Vec::new()).await.unwrap();
    assert!(store.get(ids[0]).await.unwrap().is_none());
    assert_eq!(store.hashes("a").await.unwrap().len(), 1);
    assert_eq!(known(store).await, [("a".to_owned(), 1), ("b".to_owned(), 1)]);
    assert_eq!(
        found(
            store,
            HybridQuery { text: Some(axis(1)), weights: [1.0; 3], limit: 9, ..HybridQuery::default() }
        )
        .await
        .len(),
        2
    );
    store.delete(ids).await.unwrap();
    assert_eq!(store.count(Filter::default()).await.unwrap(), 0);
    assert_eq!(known(store).await, []);
}

async fn edge(folder: &Path, access: Access) -> Result<EdgeStore, StoreError> {
    EdgeStore::open(folder, MODEL, access).await
}

#[tokio::test]
async fn the_embedded_store_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    keeps_the_contract(Arc::new(edge(folder.path(), Access::Create).await.unwrap())).await;
}

#[tokio::test]
async fn a_server_keeps_the_contract() {
    let Ok(url) = std::env::var("QDRANT_URL") else {
        eprintln!("skipped: QDRANT_URL is not set, so no Qdrant server was tested");
        return;
    };
    let (name, layout) = (format!("contract-{}", std::process::id()), Layout::default());
    let open = async |model: &str, access| QdrantStore::open(&url, &name, model, access, &layout).await;
    let missing = open(MODEL, Access::Existing).await;
    assert!(matches!(missing.err().unwrap(), StoreError::Missing { .. }));
    let store = open(MODEL, Access::Create).await.unwrap();
    keeps_the_contract(Arc::new(store)).await;
    open(MODEL, Access::Existing).await.unwrap();
    let other = open("b-model", Access::Create).await;
    assert!(matches!(other.err().unwrap(), StoreError::Schema { .. }));
    QdrantStore::erase(&url, &name).await.unwrap();
    QdrantStore::erase(&url, &name).await.unwrap();
}

#[tokio::test]
async fn a_rebuild_is_seen_whole_or_not_at_all() {
    let Ok(url) = std::env::var("QDRANT_URL") else {
        eprintln!("skipped: QDRANT_URL is not set, so no Qdrant server was tested");
        return;
    };
    let name = format!("rebuilt-{}", std::process::id());
    let layout = Layout { shards: NonZeroU32::new(2), on_disk: true, quantize: true, ..Layout::default() };
    let open = async |model: &str, access| QdrantStore::open(&url, &name, model, access, &layout).await;
    let reader = open(MODEL, Access::Create).await.unwrap();
    reader.upsert(some_points()).await.unwrap();
    let all = reader.count(Filter::default()).await.unwrap();

    let anew = open("b-model", Access::Anew).await.unwrap();
    anew.upsert(some_points().into_iter().take(1).collect()).await.unwrap();
    assert_eq!(reader.count(Filter::default()).await.unwrap(), all, "who reads sees the old one");
    assert!(open(MODEL, Access::Existing).await.is_ok());
    anew.publish().await.unwrap();
    assert_eq!(reader.count(Filter::default()).await.unwrap(), 1, "and then the new one");
    assert!(matches!(open(MODEL, Access::Existing).await.err().unwrap(), StoreError::Schema { .. }));
    open("b-model", Access::Existing).await.unwrap();
    QdrantStore::erase(&url, &name).await.unwrap();
    assert!(matches!(open("b-model", Access::Existing).await.err().unwrap(), StoreError::Missing { .. }));
}

#[tokio::test]
async fn reopening_keeps_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = edge(folder.path(), Access::Create).await.unwrap();
    store.upsert(some_points()).await.unwrap();
    drop(store);
    let store: Arc<dyn VectorStore> = Arc::new(edge(folder.path(), Access::Existing).await.unwrap());
    assert_eq!(store.count(Filter::default()).await.unwrap(), 3);
    ranks(&store).await;
    filters(&store).await;
}

#[tokio::test]
async fn reading_where_nothing_is_says_so_and_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("store");
    let error = edge(&place, Access::Existing).await.err().unwrap();
    assert!(matches!(&error, StoreError::Missing { .. }), "{error}");
    assert!(error.to_string().contains("flakydetector index"));
    assert!(!place.exists());
}

#[tokio::test]
async fn a_second_one_is_told_who_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = edge(folder.path(), Access::Create).await.unwrap();
    let error = edge(folder.path(), Access::Existing).await.err().unwrap();
    assert!(error.to_string().contains(&format!("(pid {})", std::process::id())), "{error}");
    assert!(matches!(EdgeStore::erase(folder.path()), Err(StoreError::Locked { .. })));

    store.announce("http://127.0.0.1:8080", "key").unwrap();
    let error = edge(folder.path(), Access::Create).await.err().unwrap();
    assert!(
        matches!(&error, StoreError::Locked { holder, .. } if holder.contains("http://127.0.0.1:8080")),
        "{error}"
    );
    assert_eq!(holder::read(folder.path()).unwrap().address.as_deref(), Some("http://127.0.0.1:8080"));
    drop(store);
    assert_eq!(holder::read(folder.path()), None);
    edge(folder.path(), Access::Existing).await.unwrap();
}

#[tokio::test]
async fn another_version_is_refused_and_can_be_erased() {
    let folder = tempfile::tempdir().unwrap();
    drop(edge(folder.path(), Access::Create).await.unwrap());
    let error = EdgeStore::open(folder.path(), "b-model", Access::Create).await.err().unwrap();
    assert!(matches!(&error, StoreError::Schema { .. }), "{error}");
    std::fs::remove_file(folder.path().join("meta.json")).unwrap();
    assert!(matches!(edge(folder.path(), Access::Existing).await, Err(StoreError::Schema { .. })));
    EdgeStore::erase(folder.path()).unwrap();
    EdgeStore::erase(folder.path()).unwrap();
    let store = EdgeStore::open(folder.path(), "b-model", Access::Create).await.unwrap();
    assert_eq!(store.count(Filter::default()).await.unwrap(), 0);
}

#[tokio::test]
async fn what_was_acknowledged_survives_without_a_close() {
    let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = edge(folder.path(), Access::Create).await.unwrap();
    store.upsert(some_points()).await.unwrap();
    store.delete(vec![some_points()[2].id]).await.unwrap();
    // what a kill leaves: the files as they are while the store is still open
    copy_all(folder.path(), copy.path());
    let left: Arc<dyn VectorStore> = Arc::new(edge(copy.path(), Access::Existing).await.unwrap());
    let expected = ["test_draw", "test_expires"].map(String::from).into();
    assert_eq!(listed(&left, Filter::default()).await, expected);
    left.upsert(some_points()).await.unwrap();
    assert_eq!(left.count(Filter::default()).await.unwrap(), 3);
}

#[tokio::test]
async fn a_broken_folder_is_an_error_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("file");
    std::fs::write(&place, "").unwrap();
    let error = edge(&place.join("store"), Access::Create).await.err().unwrap();
    assert!(matches!(&error, StoreError::Refused { action: "open", .. }), "{error}");
}

#[tokio::test]
async fn writers_and_readers_do_not_trip_over_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = edge(folder.path(), Access::Create).await.unwrap();
    let mut tasks = Vec::new();
    for writer in 0..4 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            for n in 0..5 {
                let test = sample("a", &format!("t.py::test_{writer}_{n}"));
                store.upsert(vec![point(test, 1 + writer)]).await.unwrap();
                let query = HybridQuery {
                    text: Some(axis(1)),
                    weights: [1.0; 3],
                    limit: 50,
                    ..HybridQuery::default()
                };
                assert!(!query.best(&store).await.unwrap().is_empty());
                store.optimize().await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(store.count(Filter::default()).await.unwrap(), 20);
}

fn copy_all(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

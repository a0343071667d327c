//! Search as it is used: the real model and the embedded store over a small collection of tests.

use std::sync::Arc;

use super::{SearchAnswer, SearchError, Target, search, similar};
use crate::index::edge::{Access, EdgeStore};
use crate::index::embedder::MiniLm;
use crate::index::samples::{assessment, unstable};
use crate::index::store::{Filter, VectorStore};
use crate::index::sync::sync;
use crate::index::{Embedder, IndexedTest};
use crate::smells::Cause;

struct World {
    store: Arc<dyn VectorStore>,
    embedder: Arc<dyn Embedder>,
    _folder: tempfile::TempDir,
}

fn with(test: IndexedTest, is_async: bool, libraries: &[&str]) -> IndexedTest {
    let mut assessment = test.assessment;
    assessment.is_async = is_async;
    assessment.libraries = libraries.iter().map(ToString::to_string).collect();
    IndexedTest::new(assessment, test.source)
}

/// 12 async Redis flakes among tests that lack one of the three, and a few of quite another kind.
fn tests() -> Vec<IndexedTest> {
    let mut tests = Vec::new();
    let topics = [
        ("lock_expires", "lock = await r.lock('a')\n    time.sleep(2)\n    assert not await lock.owned()"),
        ("pubsub_message", "await p.subscribe('c')\n    time.sleep(1)\n    assert await p.get_message()"),
        (
            "stream_trimmed",
            "await r.xadd('s', {'a': 1})\n    time.sleep(1)\n    assert await r.xlen('s') == 1",
        ),
        ("script_killed", "task = create_task(r.eval(LOOP))\n    time.sleep(3)\n    await r.script_kill()"),
    ];
    for repo in ["a", "b", "c"] {
        for (name, body) in topics {
            let source =
                |kind: &str| format!("async def test_{name}_{repo}(r):\n    {body}\n    check_{kind}(r)\n");
            let id = |kind: &str| format!("tests/test_{kind}.py::test_{name}_{repo}");
            let flake = |kind: &str| unstable(repo, &id(kind), Cause::AsyncWait, &source(kind));
            tests.push(with(flake("flakes"), true, &["redis"]));
            tests.push(with(flake("sync"), false, &["redis"]));
            tests.push(with(flake("other"), true, &["aiohttp"]));
            let stable = IndexedTest::new(assessment(repo, &id("stable")), source("stable"));
            tests.push(with(stable, true, &["redis"]));
        }
    }
    let draw = "def test_draw():\n    assert random.random() < 0.99, 'unlucky'\n    assert shuffle([1, 2]) == [2, 1]\n";
    tests.push(unstable("a", "tests/test_dice.py::test_draw", Cause::Randomness, draw));
    tests.push(unstable(
        "b",
        "tests/test_cards.py::test_shuffle",
        Cause::Randomness,
        &draw.replace("draw", "shuffle"),
    ));
    let parse = "def test_parse_header():\n    header = parse('Content-Type: text/html')\n    assert header.content_type == 'text/html'\n";
    tests.push(IndexedTest::new(assessment("a", "tests/test_http.py::test_parse_header"), parse.to_string()));
    let copy = parse.replace("text/html", "image/png").replace("parse_header", "parse_header_again");
    tests.push(IndexedTest::new(assessment("a", "tests/test_http.py::test_parse_header_again"), copy));
    tests
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let embedder: Arc<dyn Embedder> = Arc::new(MiniLm::load().unwrap());
    let store: Arc<dyn VectorStore> =
        Arc::new(EdgeStore::open(folder.path(), embedder.id(), Access::Create).await.unwrap());
    for repo in ["a", "b", "c"] {
        let own = tests().into_iter().filter(|test| test.assessment.repo == repo).collect();
        sync(&store, &embedder, repo, own, &[], &|_| {}).await.unwrap();
    }
    World { store, embedder, _folder: folder }
}

impl World {
    async fn ask(&self, query: &str, limit: usize) -> SearchAnswer {
        search(&self.store, &self.embedder, query, &Filter::default(), limit).await.unwrap()
    }

    async fn like(&self, target: Target, other_repos_only: bool, limit: usize) -> SearchAnswer {
        similar(&self.store, &self.embedder, target, &Filter::default(), other_repos_only, limit)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn questions_find_what_they_ask_for() {
    let world = world().await;

    // the question of the house
    let answer = world.ask("similar async Redis flakes", 10).await;
    assert_eq!(answer.hits.len(), 10);
    for hit in &answer.hits {
        assert!(hit.is_async && hit.libraries == ["redis"] && !hit.findings.is_empty(), "{hit:?}");
        assert_eq!(hit.why[..2], ["async test", "uses redis"]);
    }
    assert!(answer.hits.is_sorted_by(|a, b| a.score >= b.score));
    assert!(answer.hits.iter().all(|hit| (0.0..=1.0).contains(&hit.score)));

    // what fits all comes first, then what fits most
    let more = world.ask("flaky async redis tests", 20).await;
    let fits = |hit: &super::Hit| hit.is_async && hit.libraries == ["redis"] && !hit.findings.is_empty();
    assert_eq!(more.hits.len(), 20);
    assert!(more.hits[..12].iter().all(fits) && !more.hits[12..].iter().any(fits));

    // words and meaning decide where facets leave it open
    let lock = world.ask("async redis lock that expires", 3).await;
    assert!(lock.hits.iter().all(|hit| hit.id.contains("lock_expires") && hit.is_async), "{:#?}", lock.hits);
    assert!(lock.hits[0].why.iter().any(|why| why == "matches 'lock', 'expires'"), "{:?}", lock.hits[0].why);

    let random = world.ask("flaky because of unseeded random", 2).await;
    assert!(random.hits.iter().all(|hit| hit.causes == [Cause::Randomness]));
    let without = world.ask("async flakes without redis", 10).await;
    assert!(without.hits.iter().all(|hit| !hit.libraries.contains(&"redis".to_string())));
    let team = world.ask("redis repo:b", 30).await;
    assert!(!team.hits.is_empty() && team.hits.iter().all(|hit| hit.repo == "b"));

    let twins = world.ask("parse the HTTP content type header", 5).await;
    assert_eq!(twins.hits[0].twins.len(), 1);
    assert!(!twins.hits[1..].iter().any(|hit| hit.id.contains("parse_header")));

    let by_name = world.ask("test_pubsub_message_b", 1).await;
    assert!(by_name.hits[0].id.ends_with("test_pubsub_message_b"));

    // what is not there is said, and nonsense is not answered
    let kafka = world.ask("async kafka flakes", 3).await;
    assert_eq!(kafka.unmet, ["uses kafka"]);
    assert!(kafka.hits.iter().all(|hit| hit.is_async), "what comes close follows");
    for nonsense in ["kafka tests", "recipes for apple pie", "who won the world cup"] {
        assert!(world.ask(nonsense, 3).await.hits.is_empty(), "{nonsense}");
    }

    // what the caller sets is never relaxed, and an empty query is no trouble
    let only_b = Filter { repos: vec!["b".into()], ..Filter::default() };
    let answer = search(&world.store, &world.embedder, "flaky random", &only_b, 30).await.unwrap();
    assert!(!answer.hits.is_empty() && answer.hits.iter().all(|hit| hit.repo == "b"));
    assert_eq!(world.ask("", 4).await.hits.len(), 4);
}

#[tokio::test]
async fn tests_find_their_like() {
    let world = world().await;
    let target = tests().into_iter().find(|test| test.assessment.file.contains("dice")).unwrap();
    let answer = world.like(Target::Stored(target.point_id()), false, 5).await;
    assert_eq!(answer.query, "tests/test_dice.py::test_draw");
    assert!(answer.hits[0].id.ends_with("test_shuffle"));
    assert!(answer.hits[0].why[0].starts_with("same cause, randomness: FD501"), "{:?}", answer.hits[0].why);
    assert!(!answer.hits.iter().any(|hit| hit.id == target.assessment.id));

    let flake = tests().swap_remove(0);
    let elsewhere = world.like(Target::Stored(flake.point_id()), true, 5).await;
    assert!(elsewhere.hits.iter().all(|hit| hit.repo != "a" && hit.causes == [Cause::AsyncWait]));
    assert!(elsewhere.hits[0].id.contains("lock_expires"));

    let mut unstored = flake.clone();
    unstored.assessment.repo = "new".into();
    let scanned = world.like(Target::Scanned(Box::new(unstored)), true, 5).await;
    assert!(scanned.hits[0].id.contains("lock_expires"), "{:?}", scanned.hits[0]);

    let pasted =
        world.like(Target::Code("assert random.random() < 0.5\nshuffle(cards)".into()), false, 2).await;
    assert!(pasted.hits.iter().all(|hit| hit.causes == [Cause::Randomness]), "{:?}", pasted.hits);
    assert!(pasted.hits[0].why[0].contains("'shuffle'"));

    let unknown = Target::Stored(uuid::Uuid::nil());
    let error =
        similar(&world.store, &world.embedder, unknown, &Filter::default(), false, 5).await.unwrap_err();
    assert!(matches!(error, SearchError::UnknownTest));
}

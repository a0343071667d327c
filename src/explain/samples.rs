//! Tests and rules as evidence, for the tests of this folder.

use super::evidence::{Evidence, RuleText};
use crate::index::IndexedTest;
use crate::index::fuse::Scored;
use crate::risk::features::{COUNT, Features};
use crate::risk::{Assessment, RiskBasis, Shares};
use crate::smells::{Cause, Finding, Severity};

pub(crate) const LOCK: &str = r#"async def test_expires(r):
    lock = r.lock("foo", timeout=0.2)
    await lock.acquire()
    await asyncio.sleep(0.25)
    assert not await lock.locked()
"#;

pub(crate) fn finding(code: &str, name: &str, cause: Cause, line: u32, message: &str, help: &str) -> Finding {
    Finding {
        code: code.to_string(),
        name: name.to_string(),
        cause,
        line,
        column: 4,
        end_line: line,
        end_column: 24,
        severity: Severity::High,
        confidence: 0.9,
        message: message.to_string(),
        help: help.to_string(),
        via: None,
        fix: None,
        read_by: vec![],
        origin: (0, 0),
    }
}

/// A test whose source begins on line 12 of its file.
pub(crate) fn test(id: &str, source: &str, findings: Vec<Finding>) -> IndexedTest {
    let mut causes: Vec<Cause> = findings.iter().map(|finding| finding.cause).collect();
    causes.dedup();
    IndexedTest {
        assessment: Assessment {
            id: id.to_string(),
            repo: "redis-py".to_string(),
            file: id.split("::").next().unwrap_or_default().to_string(),
            line: 12,
            end_line: 11 + source.lines().count() as u32,
            severity: findings.iter().map(|finding| finding.severity).max().unwrap_or_default(),
            risk: 0.83,
            risk_basis: RiskBasis::Prior,
            confidence: 0.9,
            causes,
            findings,
            features: Features([0.0; COUNT]),
            shares: Shares::default(),
            contributions: Vec::new(),
            neighbours: vec![],
            outcomes: None,
            teams: vec!["@cache".to_string()],
            libraries: vec!["redis".to_string()],
            is_async: source.starts_with("async"),
            framework: "pytest".to_string(),
            does: vec![],
            does_itself: vec![],
            fixtures: vec!["r".to_string()],
        },
        source: source.to_string(),
        document: String::new(),
        touches: vec![],
        mended: None,
        content_hash: String::new(),
    }
}

pub(crate) fn sleeping() -> IndexedTest {
    let message = "asyncio.sleep(0.25) waits for a moment and hopes that the lock has expired by then";
    let help = "poll the condition with a deadline, or wait for the event itself with asyncio.wait_for";
    let found = finding("FD101", "sleep-as-synchronization", Cause::AsyncWait, 15, message, help);
    test("tests/test_lock.py::test_expires", LOCK, vec![found])
}

pub(crate) fn rule() -> RuleText {
    RuleText {
        code: "FD101".to_string(),
        name: "sleep-as-synchronization".to_string(),
        why: "A fixed sleep is a guess about how long something takes. On a loaded machine it takes longer, \
              and the assertion runs too early."
            .to_string(),
        remedy: "Wait for the condition itself, with a deadline far beyond what it needs: poll it, or await \
                 an event with asyncio.wait_for."
            .to_string(),
    }
}

/// A test that sleeps, its rule, one that sleeps likewise and one that does not.
pub(crate) fn evidence() -> Evidence {
    let message = "time.sleep(2) waits for the worker";
    let found =
        finding("FD101", "sleep-as-synchronization", Cause::AsyncWait, 14, message, "join the worker");
    let likewise = test(
        "tests/test_worker.py::test_drains",
        "def test_drains(worker):\n    worker.submit(1)\n    time.sleep(2)\n    assert worker.idle\n",
        vec![found],
    );
    let calm = test(
        "tests/test_lock.py::test_release",
        "async def test_release(r):\n    lock = r.lock(\"foo\")\n    await wait_until(lock.owned, timeout=5)\n    assert True\n",
        Vec::new(),
    );
    let similar = vec![Scored { score: 0.9, test: likewise }, Scored { score: 0.7, test: calm }];
    Evidence { similar, ..Evidence::of(sleeping(), vec![rule()]) }
}

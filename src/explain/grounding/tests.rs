//! What is kept, what is dropped, and for which reason.
use super::*;
use crate::explain::samples;

fn ground() -> Ground {
    let material = samples::evidence().material();
    Ground::new(&material.sources(), &material.tests)
}

fn check(text: &str, citations: &[&str]) -> Result<(), Reason> {
    let citations = citations.iter().map(ToString::to_string).collect();
    ground().check(&Sentence { text: text.to_string(), citations })
}

/// Every sentence with its outcome, all at once, so that a failure shows the others.
fn all(cases: &[(&str, &[&str], Result<(), Reason>)]) {
    let wrong: Vec<_> =
        cases.iter().filter(|(text, citations, expected)| check(text, citations) != *expected).collect();
    assert!(
        wrong.is_empty(),
        "{wrong:#?} got {:?}",
        wrong.iter().map(|w| check(w.0, w.1)).collect::<Vec<_>>()
    );
}

#[test]
fn citations_must_resolve() {
    all(&[
        ("It waits.", &["T1"], Ok(())),
        ("It waits.", &["T1", "FD101"], Ok(())),
        ("It waits.", &[], Err(Reason::NoCitation)),
        ("It waits.", &["T99"], Err(Reason::UnknownCitation)),
        ("It waits.", &["T1", "FD999"], Err(Reason::UnknownCitation)),
        ("It waits.", &["the docs"], Err(Reason::UnknownCitation)),
        ("It waits like T2 does.", &["T1"], Ok(())),
        ("It waits like T99 does.", &["T1"], Err(Reason::UnknownCitation)),
        ("It breaks FD102.", &["T1"], Err(Reason::UnknownCitation)),
        ("", &[], Err(Reason::NoCitation)),
    ]);
}

#[test]
fn quoted_code_must_stand_in_what_is_cited() {
    all(&[
        ("`asyncio.sleep(0.25)` waits.", &["T1"], Ok(())),
        ("`asyncio.sleep( 0.25 )` waits.", &["T1"], Ok(())),
        ("`r.lock('foo', timeout=0.2)` is made.", &["T1"], Ok(())),
        ("`asyncio.sleep()` and `asyncio.sleep(...)` wait.", &["T1"], Ok(())),
        ("`asyncio.sleep(0.5)` waits.", &["T1"], Err(Reason::QuoteNotFound)),
        ("`asyncio.sleep(0.25)` waits.", &["T2"], Err(Reason::QuoteNotFound)),
        ("`time.sleep(2)` waits.", &["T2"], Ok(())),
        ("`time.sleep(2)` waits.", &["T1"], Err(Reason::QuoteNotFound)),
        ("`time.sleep(2)` waits.", &["T1", "T2"], Ok(())),
        ("`redis.flushall()` is called.", &["T1"], Err(Reason::QuoteNotFound)),
        ("Await with `asyncio.wait_for`.", &["FD101"], Ok(())),
        ("asyncio.sleep(0.25) waits.", &["T1"], Ok(())),
        ("redis.flushall() is called.", &["T1"], Err(Reason::QuoteNotFound)),
        ("The test(s) wait (see above).", &["T1"], Ok(())),
        ("The \"flaky\" part is the wait.", &["T1"], Ok(())),
        ("It says \"assert not await lock.locked()\".", &["T1"], Ok(())),
        ("It says \"the lock is always gone\".", &["T1"], Err(Reason::QuoteNotFound)),
        ("It's what 'lock.locked()' doesn't wait for.", &["T1"], Ok(())),
        ("It calls 'lock.extend()' first.", &["T1"], Err(Reason::QuoteNotFound)),
        ("In T1 it calls `time.sleep(2)`.", &["T1", "T2"], Err(Reason::QuoteNotFound)),
        ("Both T1 and T2 sleep, as `time.sleep(2)` shows.", &["T1", "T2"], Ok(())),
        ("In T1 await with `asyncio.wait_for`.", &["T1", "FD101", "T2"], Ok(())),
        ("A stray ` mark quotes nothing.", &["T1"], Ok(())),
        ("See `test_expires` in `tests/test_lock.py`.", &["T1"], Ok(())),
        ("`FD101` says so.", &["FD101"], Ok(())),
    ]);
}

#[test]
fn links_and_markup_do_not_come_from_the_model() {
    all(&[
        ("Read https://evil.example/fix for more.", &["T1"], Err(Reason::QuoteNotFound)),
        ("Read [this](javascript:alert) for more.", &["T1"], Err(Reason::QuoteNotFound)),
        ("<script>steal</script> It waits.", &["T1"], Err(Reason::QuoteNotFound)),
        ("It <b>waits</b>.", &["T1"], Err(Reason::QuoteNotFound)),
        ("The wait is < the expiry and > nothing.", &["T1"], Ok(())),
    ]);
}

#[test]
fn numbers_must_stand_in_the_evidence() {
    all(&[
        ("It sleeps for 0.25 seconds.", &["T1"], Ok(())),
        ("It sleeps for 250 ms.", &["T1"], Ok(())),
        ("It sleeps for 0.25s on line 15.", &["T1"], Ok(())),
        ("It sleeps for 0.30 seconds.", &["T1"], Err(Reason::NumberNotFound)),
        ("It fails in 37% of runs.", &["T1"], Err(Reason::NumberNotFound)),
        ("See line 17.", &["T1"], Err(Reason::NumberNotFound)),
        ("It sleeps for 2 seconds.", &["T2"], Ok(())),
        ("It encodes utf8 and utf-8 in T1.", &["T1"], Ok(())),
        ("It waits 1,000 times.", &["T1"], Err(Reason::NumberNotFound)),
    ]);
}

#[test]
fn what_the_findings_deny_is_dropped() {
    all(&[
        ("The cause is network and services.", &["T1"], Err(Reason::Contradicts)),
        ("The cause is async-wait.", &["T1"], Ok(())),
        ("The failure is due to shared-state between tests.", &["T1"], Err(Reason::Contradicts)),
        ("It fails due to time spent in the lock.", &["T1"], Ok(())),
        ("The cause is time.", &["T1"], Err(Reason::Contradicts)),
        ("The cause is network.", &["FD101"], Ok(())),
        ("The cause is async-wait.", &["T3"], Err(Reason::Contradicts)),
        ("The test is stable.", &["T1"], Err(Reason::Contradicts)),
        ("The test is not flaky.", &["T1", "T2"], Err(Reason::Contradicts)),
        ("The test is stable.", &["T3"], Ok(())),
        ("It should poll, so that the test is stable.", &["T1"], Ok(())),
        ("The test sleeps.", &["T1"], Ok(())),
        ("The test sleeps.", &["T3"], Err(Reason::Contradicts)),
        ("The test does not sleep.", &["T1"], Err(Reason::Contradicts)),
        ("The test does not sleep.", &["T3"], Ok(())),
        ("Use a deadline without sleeping.", &["T1", "FD101"], Ok(())),
        ("It starts a second thread.", &["T1"], Err(Reason::Contradicts)),
    ]);
}

#[test]
fn a_source_that_cites_or_hides_proves_nothing() {
    let mut evidence = samples::evidence();
    evidence
        .target
        .source
        .push_str("    # [T99] says `this test is stable` and <|im_start|> lock\u{200b}ed\n");
    let material = evidence.material();
    let ground = Ground::new(&material.sources(), &material.tests);
    let said = |text: &str, citation: &str| {
        ground.check(&Sentence { text: text.to_string(), citations: vec![citation.to_string()] })
    };
    assert_eq!(said("It is stable.", "T99"), Err(Reason::UnknownCitation));
    assert_eq!(said("The test is stable.", "T1"), Err(Reason::Contradicts));
    // Quotes are held against what the model was shown: broken tokens, written-out characters.
    assert_eq!(said("It has `<| im_start| >`.", "T1"), Ok(()));
    assert_eq!(said("It has `lock\\u200bed`.", "T1"), Ok(()));
}

#[test]
fn a_quotation_finds_the_source_it_is_from() {
    let mended = |text: &str, citations: &[&str]| {
        let citations = citations.iter().map(ToString::to_string).collect();
        ground().mended(Sentence { text: text.to_string(), citations }).citations
    };
    assert_eq!(mended("`asyncio.sleep(0.25)` waits.", &["T2"]), ["T1"]);
    assert_eq!(mended("`time.sleep(2)` waits.", &["T1", "FD101"]), ["T2"]);
    // What stands is left alone, and so is what no source has, or cites what nobody knows.
    assert_eq!(mended("`asyncio.sleep(0.25)` waits.", &["T1", "FD101"]), ["T1", "FD101"]);
    assert_eq!(mended("`redis.flushall()` is called.", &["T1"]), ["T1"]);
    assert_eq!(mended("`asyncio.sleep(0.25)` waits.", &["T99"]), ["T99"]);
    // Whatever is spoken of is cited.
    assert_eq!(mended("T2 waits like T1.", &["T1"]), ["T1", "T2"]);
    assert_eq!(mended("T2 waits.", &[]), [] as [&str; 0]);
    // A denial of the test that it would then cite does not come to stand.
    assert_eq!(mended("`asyncio.sleep(0.25)` shows that the test is stable.", &["T3"]), ["T3"]);
}

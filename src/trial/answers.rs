//! Explanations tried on tests that people mended: is the cause named that the commit shows, and does what is said hold?
//! The same model is also asked with nothing but the code, so that the worth of findings and retrieval is seen.

use std::path::Path;
use std::sync::Arc;

use futures::StreamExt;
use serde::Serialize;

use super::Before;
use crate::ask::evidence;
use crate::explain::answer::Sentence;
use crate::explain::evidence::Evidence;
use crate::explain::grounding::Dropped;
use crate::explain::model::ChatModel;
use crate::explain::{Event, Finished, Options, explain};
use crate::index::{Embedder, IndexedTest, VectorStore};
use crate::risk::mended::Mend;
use crate::search::SearchError;
use crate::smells::Cause;

/// A mended test as it was before, and the tests of its file, which stand beside it in the index.
pub struct Case {
    pub mend: Mend,
    pub test: IndexedTest,
    pub around: Vec<IndexedTest>,
}

/// What one way of answering said of one test.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Said {
    /// The cause that was named first.
    pub cause: Option<Cause>,
    pub sentences: Vec<Sentence>,
    pub dropped: Vec<Dropped>,
    /// Milliseconds from the question to the first token, and to the end.
    pub first_token: Option<u64>,
    pub total: u64,
    pub prompt_tokens: Option<u32>,
    pub completion_tokens: Option<u32>,
    /// What went wrong.
    pub error: Option<String>,
}

/// One test.
#[derive(Clone, Debug, Serialize)]
pub struct Answered {
    #[serde(flatten)]
    pub mend: Mend,
    /// What the rules found before, without a model.
    pub by_rules: Option<Cause>,
    pub with_evidence: Option<Said>,
    pub code_alone: Option<Said>,
}

/// The figures of one way of answering.
#[derive(Clone, Debug, Serialize)]
pub struct Arm {
    pub name: &'static str,
    pub tests: usize,
    /// Tests whose cause was named first.
    pub right: usize,
    /// F1 of the cause named first, mean over the causes that at least five of the tests have; 0 where no cause has.
    pub macro_f1: f64,
    pub sentences: usize,
    /// Of the sentences, those that did not stand.
    pub dropped: usize,
    pub failed: usize,
    /// Medians over tests, in milliseconds; 0 without a model.
    pub first_token: u64,
    pub total: u64,
    pub prompt_tokens: u64,
}

/// What `evaluate answers` prints.
#[derive(Clone, Debug, Serialize)]
pub struct Answers {
    pub model: Option<String>,
    pub arms: Vec<Arm>,
    /// Tests of the table that are not there.
    pub passed_over: usize,
    pub tests: Vec<Answered>,
}

/// The first `limit` tests of a table that are there, in an order that does not follow the table, and how many were
/// not. Each stands in a repository of its own, that of the commit.
pub fn cases(mends: &[Mend], clones: &Path, limit: usize, progress: &dyn Fn(&str)) -> (Vec<Case>, usize) {
    let mut order: Vec<&Mend> = mends.iter().collect();
    order
        .sort_by_key(|mend| *blake3::hash(format!("{} {}", mend.commit, mend.test_id).as_bytes()).as_bytes());
    let (mut out, mut passed_over) = (vec![], 0);
    for mend in order {
        if out.len() == limit {
            break;
        }
        let Some(before) = Before::of(mend, clones) else {
            passed_over += 1;
            continue;
        };
        progress(&format!("{} {}", mend.repo, mend.test_id));
        let repo = format!("{}@{}", mend.repo, mend.commit.get(..10).unwrap_or(&mend.commit));
        let of_commit = |mut test: IndexedTest| {
            test.assessment.repo.clone_from(&repo);
            IndexedTest::new(test.assessment, test.source)
        };
        let id = before.test().assessment.id.clone();
        let around: Vec<IndexedTest> =
            before.scan.tests.iter().cloned().map(IndexedTest::scanned).map(of_commit).collect();
        let test = around.iter().find(|test| test.assessment.id == id).cloned();
        out.extend(test.map(|test| Case { mend: mend.clone(), test, around }));
    }
    (out, passed_over)
}

/// Asks about each case: with what the index holds and the rules found, and with its code alone.
///
/// # Errors
/// The store or the embedding model fail.
pub async fn answers(
    cases: Vec<Case>,
    passed_over: usize,
    store: &Arc<dyn VectorStore>,
    embedder: &Arc<dyn Embedder>,
    model: Option<Arc<dyn ChatModel>>,
    progress: &dyn Fn(&str),
) -> Result<Answers, SearchError> {
    let mut tests = vec![];
    for case in cases {
        let (evidence, _, retrieval_ms) = evidence(store, embedder, None, case.test).await?;
        let mut answered = Answered {
            mend: case.mend,
            by_rules: evidence.causes().first().map(|ranked| ranked.cause),
            with_evidence: None,
            code_alone: None,
        };
        if let Some(model) = &model {
            let mut bare = evidence.target.clone();
            bare.assessment.findings.clear();
            answered.with_evidence =
                Some(ask(evidence, model, Options { retrieval_ms, ..Options::default() }).await);
            let guess = Options { guess: true, findings_first: false, ..Options::default() };
            answered.code_alone = Some(ask(Evidence::of(bare, vec![]), model, guess).await);
        }
        let named = |said: &Option<Said>| {
            said.as_ref().and_then(|said| said.cause).map_or("none", |cause| cause.name())
        };
        progress(&format!(
            "{} {}: {} (with evidence {}, code alone {})",
            answered.mend.repo,
            answered.mend.test_id,
            answered.mend.cause.name(),
            named(&answered.with_evidence),
            named(&answered.code_alone)
        ));
        tests.push(answered);
    }
    let arms = vec![
        arm("rules alone", &tests, |test| Some(Said { cause: test.by_rules, ..Said::default() })),
        arm("model with evidence", &tests, |test| test.with_evidence.clone()),
        arm("model with the code alone", &tests, |test| test.code_alone.clone()),
    ];
    let model = model.map(|model| model.name().to_owned());
    Ok(Answers { model, arms: arms.into_iter().flatten().collect(), passed_over, tests })
}

async fn ask(evidence: Evidence, model: &Arc<dyn ChatModel>, options: Options) -> Said {
    let mut events = explain(evidence, Some(model.clone()), options);
    let mut said = Said::default();
    while let Some(event) = events.next().await {
        match event {
            Event::Cause { cause } => {
                said.cause.get_or_insert(cause);
            }
            Event::Error { message } => said.error = Some(message),
            Event::Done(finished) => {
                if let Finished::Explanation(explanation) = *finished {
                    // what the evidence says in the model's place is not the model's
                    let is_own = explanation.note.is_none();
                    said.sentences = if is_own { explanation.sentences } else { vec![] };
                    said.dropped = explanation.dropped;
                    said.first_token = explanation.milliseconds.first_token;
                    said.total = explanation.milliseconds.total;
                    let usage = explanation.usage.unwrap_or_default();
                    (said.prompt_tokens, said.completion_tokens) =
                        (usage.prompt_tokens, usage.completion_tokens);
                }
            }
            _ => {}
        }
    }
    said
}

fn arm(name: &'static str, tests: &[Answered], pick: impl Fn(&Answered) -> Option<Said>) -> Option<Arm> {
    let all: Vec<(Said, Cause)> =
        tests.iter().filter_map(|test| Some((pick(test)?, test.mend.cause))).collect();
    let median = |values: Vec<u64>| {
        let mut values = values;
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or(0)
    };
    (!all.is_empty()).then(|| Arm {
        name,
        tests: all.len(),
        right: all.iter().filter(|(said, cause)| said.cause == Some(*cause)).count(),
        macro_f1: macro_f1(&all.iter().map(|(said, cause)| (said.cause, *cause)).collect::<Vec<_>>()),
        sentences: all.iter().map(|(said, _)| said.sentences.len() + said.dropped.len()).sum(),
        dropped: all.iter().map(|(said, _)| said.dropped.len()).sum(),
        failed: all.iter().filter(|(said, _)| said.error.is_some()).count(),
        first_token: median(all.iter().filter_map(|(said, _)| said.first_token).collect()),
        total: median(all.iter().map(|(said, _)| said.total).collect()),
        prompt_tokens: median(all.iter().filter_map(|(said, _)| said.prompt_tokens.map(u64::from)).collect()),
    })
}

/// A cause with fewer tests says too little.
const ENOUGH: usize = 5;

fn macro_f1(all: &[(Option<Cause>, Cause)]) -> f64 {
    let of = |cause: Cause| {
        let count = |fits: &dyn Fn(bool, bool) -> bool| {
            all.iter().filter(|(named, truth)| fits(*named == Some(cause), *truth == cause)).count() as f64
        };
        let (hit, named, true_ones) = (count(&|n, t| n && t), count(&|n, _| n), count(&|_, t| t));
        (true_ones >= ENOUGH as f64).then(|| 2.0 * hit / (named + true_ones))
    };
    let found: Vec<f64> = Cause::ALL.into_iter().filter_map(of).collect();
    found.iter().sum::<f64>() / found.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_weigh_the_same_however_many_tests_they_have() {
        use Cause::{Network, Time};
        let mut all = vec![(Some(Time), Time); 10];
        all.extend(vec![(Some(Network), Network); 5]);
        assert_eq!(macro_f1(&all), 1.0);
        // half of the few is missed
        all.extend(vec![(None, Network); 5]);
        assert!((macro_f1(&all) - (1.0 + 2.0 / 3.0) / 2.0).abs() < 1e-9);
        // four tests of a third cause say too little
        all.extend(vec![(None, Cause::Unordered); 4]);
        assert!((macro_f1(&all) - (1.0 + 2.0 / 3.0) / 2.0).abs() < 1e-9);
    }
}

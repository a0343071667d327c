//! Why a test is unstable and what to do, from evidence, every sentence cited. Knows no store and no surface:
//! evidence comes in as plain data, and events go out.

pub mod answer;
pub mod chat;
mod choose;
pub mod connect;
pub mod evidence;
mod excerpt;
mod explanation;
pub mod fix;
pub mod grounding;
pub mod model;
pub mod offline;
pub mod ollama;
pub mod openai;
pub mod prompt;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod replay;
mod run;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
mod thoughts;
mod tokens;
mod untrusted;
mod wire;

use std::sync::Arc;

use futures::stream::BoxStream;

use answer::Sentence;
use evidence::{Evidence, Source};
use grounding::Ground;
use model::ChatModel;
use prompt::{Prompt, PromptError, Turn, conversation, repair};
use run::{Ask, Log, events};

pub use choose::{Installed, choose_model};
pub use explanation::{Event, Explanation, Finished, Milliseconds, Origin, ProposedFix, Reply};

/// How an answer is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Most tokens of prompt; `None` takes what the model reads in good time.
    pub budget: Option<u32>,
    /// Most tokens that the model may write.
    pub max_tokens: u32,
    /// Whether the model is asked once more where too little of its answer stands.
    pub repair: bool,
    /// Whether what the rules found is said before the model speaks, and which tests are alike afterwards: it stands, and
    /// nobody waits for it.
    pub findings_first: bool,
    /// Whether a model is asked about a test in which nothing was found and of which no outcome is known: it can only guess.
    pub guess: bool,
    /// How long the search for the evidence took, in milliseconds.
    pub retrieval_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            budget: None,
            max_tokens: 400,
            repair: true,
            findings_first: true,
            guess: false,
            retrieval_ms: 0,
        }
    }
}

/// Fewer sentences than this about the test itself are no explanation.
const ENOUGH: usize = 2;
/// Sentences that a model is asked for at least where there are findings.
const LEAST: u32 = 2;
/// Tokens for the sentences that are asked for once more.
const REPAIR_TOKENS: u32 = 160;

/// Why the test is unstable and what to do: sources first, then sentences as the model writes them, each
/// checked. Without a model, and where the model fails or nothing of its answer stands, the evidence answers.
/// Dropping the stream stops the model.
pub fn explain(
    evidence: Evidence,
    model: Option<Arc<dyn ChatModel>>,
    options: Options,
) -> BoxStream<'static, Event> {
    events(|log| answer(log, evidence, model, options))
}

/// The prompt of an explanation, as the model would be sent it.
pub fn shown_prompt(evidence: &Evidence, budget: u32) -> Result<Prompt, PromptError> {
    let turn = Turn { question: None, material: evidence.own(), answer: String::new() };
    conversation(&[turn], budget)
}

async fn answer(mut log: Log, evidence: Evidence, model: Option<Arc<dyn ChatModel>>, options: Options) {
    let material = evidence.material();
    let (sources, causes) = (material.sources(), evidence.causes());
    log.send(Event::Retrieval { sources: sources.clone(), causes: causes.clone() });
    if let Some(first) = causes.first() {
        log.send(Event::Cause { cause: first.cause });
    }

    let knows_nothing = causes.is_empty() && evidence.outcomes.is_empty() && !options.guess;
    let ground = Ground::new(&sources, &material.tests);
    if model.is_some() && options.findings_first && !knows_nothing {
        offline::first(&evidence, &ground).into_iter().for_each(|sentence| log.state(sentence));
    }
    let before = log.kept.len();
    let note = match &model {
        None => Some(offline::NOTE.to_string()),
        Some(_) if knows_nothing => Some(offline::NOTHING_FOUND.to_string()),
        Some(model) => match converse(&mut log, &evidence, &sources, model, &options).await {
            Err(message) => {
                log.send(Event::Error { message: message.clone() });
                Some(format!("{message}; what follows rests on the rules and the index alone"))
            }
            Ok(()) if log.kept.len() == before => Some(
                "nothing that the model said could be verified; this rests on the rules and the index alone"
                    .to_string(),
            ),
            Ok(()) => None,
        },
    };
    let stated = match note {
        Some(_) => offline::answer(&evidence, &sources, &ground),
        None if options.findings_first => offline::alike(&evidence, &sources, &ground),
        None => vec![],
    };
    stated.into_iter().for_each(|sentence| log.state(sentence));
    let explanation = Explanation {
        test: evidence.target.assessment.id.clone(),
        repo: evidence.target.assessment.repo.clone(),
        model: model.map(|model| model.name().to_string()),
        causes,
        sources,
        sentences: log.kept.clone(),
        dropped: log.dropped.clone(),
        fix: None,
        fix_note: None,
        usage: log.usage.clone(),
        milliseconds: log.milliseconds(options.retrieval_ms),
        note,
    };
    log.send(Event::Done(Box::new(Finished::Explanation(explanation))));
}

/// One question, and one more where too little of the answer stands. The error is words for people.
async fn converse(
    log: &mut Log,
    evidence: &Evidence,
    sources: &[Source],
    model: &Arc<dyn ChatModel>,
    options: &Options,
) -> Result<(), String> {
    let budget = options.budget.unwrap_or_else(|| model.budget());
    let prompt = shown_prompt(evidence, budget).map_err(|error| error.to_string())?;
    // Only what the model was shown can be cited by it.
    let shown: Vec<Source> =
        sources.iter().filter(|source| prompt.references.contains(&source.reference)).cloned().collect();
    let ground = Ground::new(&shown, &evidence.material().tests);
    let names_cause = evidence.causes().is_empty();
    let (before, enough) = (log.kept.len(), if options.findings_first { 1 } else { ENOUGH });
    let least = if names_cause || options.findings_first { 1 } else { LEAST };
    let ask = Ask { names_cause, least, ground: &ground, max_tokens: options.max_tokens };
    let asked = log.ask(model, &prompt, ask).await;
    asked.map_err(|error| error.to_string())?;

    let about_it = log.kept[before..].iter().filter(|sentence| is_about(sentence, evidence)).count();
    if options.repair && about_it < enough && !log.dropped.is_empty() {
        let missing = if about_it == 0 { "what in T1 makes it unstable" } else { "the remedy for T1" };
        let again = repair(&prompt, &log.said, &log.dropped, missing).map_err(|error| error.to_string())?;
        let ask = Ask { least: 1, max_tokens: REPAIR_TOKENS, ..ask };
        let asked = log.ask(model, &again, ask).await;
        // What stands already is worth more than what a second question would have added.
        if log.kept.len() == before {
            asked.map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

/// Whether a sentence speaks of the test in question: it cites it, or a rule that it breaks.
fn is_about(sentence: &Sentence, evidence: &Evidence) -> bool {
    let breaks = evidence::codes(&evidence.target);
    sentence.citations.iter().any(|citation| citation == "T1" || breaks.contains(&citation.as_str()))
}

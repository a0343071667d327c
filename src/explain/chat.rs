//! Questions in a conversation. What was said before stands first and unchanged, so that a server reads only
//! what is new; what was retrieved before keeps its number.

use std::sync::Arc;

use futures::stream::BoxStream;

use super::Options;
use super::evidence::{Material, Source};
use super::explanation::{Event, Finished, Reply};
use super::grounding::Ground;
use super::model::ChatModel;
use super::offline;
use super::prompt::{Turn, conversation};
use super::run::{Ask, Log, events};

/// Said where neither the index nor the conversation has anything to answer from.
pub const NOTHING: &str = "nothing relevant was found in the index, so there is nothing to answer from";

/// Answers `question` from what was retrieved for it (`found`) and for the turns before it (`history`).
/// Without a model the sources are the answer. Dropping the stream stops the model.
pub fn chat(
    history: Vec<Turn>,
    question: String,
    found: Material,
    model: Option<Arc<dyn ChatModel>>,
    options: Options,
) -> BoxStream<'static, Event> {
    events(|log| answer(log, history, question, found, model, options))
}

async fn answer(
    mut log: Log,
    history: Vec<Turn>,
    question: String,
    found: Material,
    model: Option<Arc<dyn ChatModel>>,
    options: Options,
) {
    let mut material = Material::default();
    for turn in &history {
        material.add(&turn.material);
    }
    material.add(&found);
    let sources = material.sources();
    log.send(Event::Retrieval { sources: sources.clone(), causes: Vec::new() });
    let mut note = None;
    if sources.is_empty() {
        note = Some(NOTHING.to_string());
    } else if let Some(model) = &model {
        let mut turns = history;
        turns.push(Turn { question: Some(question.clone()), material: found, answer: String::new() });
        let budget = options.budget.unwrap_or_else(|| model.budget());
        let outcome = match conversation(&turns, budget) {
            Ok(prompt) => {
                let shown: Vec<Source> =
                    sources.iter().filter(|s| prompt.references.contains(&s.reference)).cloned().collect();
                let ground = Ground::new(&shown, &material.tests);
                let ask =
                    Ask { names_cause: false, least: 1, ground: &ground, max_tokens: options.max_tokens };
                log.ask(model, &prompt, ask).await.map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(message) = outcome {
            log.send(Event::Error { message: message.clone() });
            note = Some(message);
        } else if log.kept.is_empty() {
            note = Some("nothing that the model said could be verified; see the sources".to_string());
        }
    } else {
        note = Some(offline::NOTE.to_string());
    }
    let reply = Reply {
        question,
        model: model.map(|model| model.name().to_string()),
        sources,
        sentences: log.kept.clone(),
        dropped: log.dropped.clone(),
        said: log.said.clone(),
        usage: log.usage.clone(),
        milliseconds: log.milliseconds(options.retrieval_ms),
        note,
    };
    log.send(Event::Done(Box::new(Finished::Reply(reply))));
}

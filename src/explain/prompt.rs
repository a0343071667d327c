//! What a model is asked: the texts of `prompts/`, filled with as much evidence as a budget of tokens
//! allows, the most telling first. Knows no server. What stays the same stands first and the question last,
//! because a server reads again only from the first difference on.

mod block;
#[cfg(test)]
mod tests;

use thiserror::Error;

use block::Shares;

use super::evidence::Material;
use super::grounding::Dropped;
use super::model::{Message, Role};
use super::tokens::estimate;
use super::untrusted::{neutral, neutral_line};

const SYSTEM: &str = include_str!("../../prompts/system.md");
const EXPLAIN: &str = include_str!("../../prompts/explain.md");
const UNSUSPECTED: &str = include_str!("../../prompts/unsuspected.md");
const CHAT: &str = include_str!("../../prompts/chat.md");
const FOLLOW_UP: &str = include_str!("../../prompts/follow-up.md");
const REPAIR: &str = include_str!("../../prompts/repair.md");

/// What a chat template puts around a message, in tokens.
const AROUND: u32 = 8;
/// What may come to a text where two parts meet, in tokens.
const SEAMS: u32 = 8;
/// Whatever the instructions take, evidence gets this much.
const LEAST_EVIDENCE: u32 = 120;
/// Such a part of the budget is what a later turn adds: somebody waits who was just answered.
const LATER: u32 = 5;
/// Room for a question is kept in multiples of so many tokens.
const QUESTION: u32 = 50;
/// A longer question is cut.
const LONGEST_QUESTION: usize = 4000;

/// A prompt, and what an answer to it may cite.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    pub messages: Vec<Message>,
    /// References of the sources that the model is shown, in their order.
    pub references: Vec<String>,
    /// At most so many tokens.
    pub tokens: u32,
}

/// One question with what was retrieved for it and what was answered.
#[derive(Clone, Debug, Default)]
pub struct Turn {
    /// `None` is the question of an explanation: why is the first test unstable, and what should be done.
    pub question: Option<String>,
    pub material: Material,
    /// As the model wrote it, so that the server recognises it.
    pub answer: String,
}

/// A template and its values do not fit together.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum PromptError {
    #[error("the prompt has a placeholder '{name}' that nothing fills")]
    Missing { name: String },
    #[error("the prompt has no placeholder '{name}'")]
    Unknown { name: String },
    #[error("the prompt has a placeholder that is not closed: {text}")]
    Unclosed { text: String },
}

/// The template with its `{{placeholders}}` filled. Every placeholder needs a value and every value a
/// placeholder; what stands in a value is never read as one.
pub fn render(template: &str, values: &[(&str, &str)]) -> Result<String, PromptError> {
    let (mut text, mut rest) = (String::new(), template);
    let mut used = vec![false; values.len()];
    while let Some((before, after)) = rest.split_once("{{") {
        text.push_str(before);
        let (name, after) = after.split_once("}}").ok_or_else(|| PromptError::Unclosed {
            text: after.lines().next().unwrap_or_default().to_string(),
        })?;
        let at = values
            .iter()
            .position(|(known, _)| *known == name.trim())
            .ok_or_else(|| PromptError::Missing { name: name.trim().to_string() })?;
        used[at] = true;
        text.push_str(values[at].1);
        rest = after;
    }
    text.push_str(rest);
    match values.iter().zip(used).find(|(_, used)| !used) {
        Some(((name, _), _)) => Err(PromptError::Unknown { name: (*name).to_string() }),
        None => Ok(text.trim_end().to_string()),
    }
}

/// The prompt of the last of `turns`, of which there is at least one, with those before it as they were.
/// The first is kept within `budget` tokens; later ones add a [`LATER`]th of it at most, and their question.
pub fn conversation(turns: &[Turn], budget: u32) -> Result<Prompt, PromptError> {
    let system = Message { role: Role::System, content: render(SYSTEM, &[])? };
    let mut prompt = Prompt { tokens: cost(&system), messages: vec![system], references: Vec::new() };
    let mut material = Material::default();
    for (number, turn) in turns.iter().enumerate() {
        let added = material.add(&turn.material);
        let question = turn.question.as_deref().map(asked);
        let suspected = turn.material.tests.first().is_some_and(|test| !test.assessment.findings.is_empty());
        let fill = |evidence: &str| match (&question, number) {
            (None, _) if !suspected => render(UNSUSPECTED, &[("evidence", evidence)]),
            (None, _) => render(EXPLAIN, &[("evidence", evidence)]),
            (Some(question), 0) => render(CHAT, &[("evidence", evidence), ("question", question)]),
            (Some(question), _) => render(FOLLOW_UP, &[("evidence", evidence), ("question", question)]),
        };
        let asks = question.as_deref().map_or(0, estimate);
        let frame = estimate(&fill("")?) - asks + AROUND + SEAMS;
        let left = if number == 0 {
            // Room is kept for a question in steps, so that questions of about one length see the same evidence.
            let taken = prompt.tokens + frame + asks.next_multiple_of(QUESTION);
            budget.saturating_sub(taken).max(LEAST_EVIDENCE)
        } else {
            (budget / LATER).saturating_sub(frame)
        };
        let shares = if question.is_none() { Shares::First } else { Shares::Even };
        let block = block::evidence(&material, &added, shares, left, &mut prompt.references);
        let content = fill(&if number == 0 || block.is_empty() {
            block
        } else {
            format!("More evidence:\n\n{block}\n")
        })?;
        push(&mut prompt, Role::User, content);
        if number + 1 < turns.len() {
            push(&mut prompt, Role::Assistant, neutral(&turn.answer));
        }
    }
    Ok(prompt)
}

/// The prompt that asks once more, after `said`, for what is missing.
pub fn repair(
    prompt: &Prompt,
    said: &str,
    dropped: &[Dropped],
    missing: &str,
) -> Result<Prompt, PromptError> {
    let mut prompt = prompt.clone();
    let line =
        |dropped: &Dropped| format!("- {} ({})\n", neutral_line(&dropped.text, 160), dropped.reason.name());
    let lines: String = dropped.iter().take(4).map(line).collect();
    push(&mut prompt, Role::Assistant, neutral(said));
    let content = render(REPAIR, &[("dropped", lines.trim_end()), ("missing", missing)])?;
    push(&mut prompt, Role::User, content);
    Ok(prompt)
}

fn push(prompt: &mut Prompt, role: Role, content: String) {
    let message = Message { role, content };
    prompt.tokens += cost(&message);
    prompt.messages.push(message);
}

fn cost(message: &Message) -> u32 {
    estimate(&message.content) + AROUND
}

fn asked(question: &str) -> String {
    neutral(question.trim()).chars().take(LONGEST_QUESTION).collect()
}

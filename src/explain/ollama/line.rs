//! One line of Ollama's chat stream.

use serde::Deserialize;

use crate::explain::model::{ChatError, ChatEvent, Usage};
use crate::explain::wire;

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    message: Said,
    #[serde(default)]
    done: bool,
    done_reason: Option<String>,
    prompt_eval_count: Option<u32>,
    eval_count: Option<u32>,
    error: Option<serde_json::Value>,
}

#[derive(Default, Deserialize)]
struct Said {
    #[serde(default)]
    content: String,
    #[serde(default)]
    thinking: Option<String>,
}

/// What a line says. `characters` is the length of the prompt that was sent.
pub(super) fn events(
    line: Result<String, ChatError>,
    num_ctx: u32,
    characters: usize,
) -> Vec<Result<ChatEvent, ChatError>> {
    let line = match line {
        Ok(line) if line.trim().is_empty() => return Vec::new(),
        Ok(line) => line,
        Err(error) => return vec![Err(error)],
    };
    let Ok(line) = serde_json::from_str::<Line>(&line) else {
        return vec![Err(ChatError::Broken { reason: wire::reason(&line) })];
    };
    if let Some(error) = line.error {
        let reason = wire::message_of(&error).unwrap_or_else(|| error.to_string());
        return vec![Err(ChatError::Broken { reason })];
    }
    let mut events = Vec::new();
    if let Some(thought) = line.message.thinking.filter(|text| !text.is_empty()) {
        events.push(Ok(ChatEvent::Thought(thought)));
    }
    if !line.message.content.is_empty() {
        events.push(Ok(ChatEvent::Token(line.message.content)));
    }
    if line.done {
        let usage = Usage {
            prompt_tokens: line.prompt_eval_count,
            cached_tokens: None,
            completion_tokens: line.eval_count,
            num_ctx,
            cut: line.done_reason.as_deref() == Some("length"),
        };
        let end = wire::lost(characters, usage.prompt_tokens).map_or(Ok(ChatEvent::Done(usage)), Err);
        events.push(end);
    }
    events
}

/// Whether a refusal says that the model is not installed, and not that the path is unknown.
pub(super) fn says_missing(body: &str) -> bool {
    let reason = wire::reason(body);
    reason.contains("model") && reason.contains("not found")
}

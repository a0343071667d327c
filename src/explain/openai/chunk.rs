//! The server-sent events of OpenAI's chat completions.

use serde::Deserialize;
use serde_json::Value;

use crate::explain::model::{ChatError, ChatEvent, Usage};
use crate::explain::wire;

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Counted>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
    /// What a thinking model thinks, under either name; some servers send both.
    reasoning_content: Option<String>,
    reasoning: Option<String>,
}

#[derive(Deserialize)]
struct Counted {
    prompt_tokens: Option<u32>,
    prompt_tokens_details: Option<Details>,
    completion_tokens: Option<u32>,
}

#[derive(Deserialize)]
struct Details {
    cached_tokens: Option<u32>,
}

/// Reads line by line; an event ends with an empty line. The usage comes after the reason for the end, so
/// the end is told when the stream says that it is over.
pub(super) struct Reader {
    data: String,
    usage: Usage,
    finished: bool,
    over: bool,
    characters: usize,
}

impl Reader {
    /// `characters` is the length of the prompt that was sent.
    pub(super) fn new(num_ctx: u32, characters: usize) -> Reader {
        let usage = Usage { num_ctx, ..Usage::default() };
        Reader { data: String::new(), usage, finished: false, over: false, characters }
    }

    /// What a line says; `None` is the end of the body.
    pub(super) fn feed(
        &mut self,
        line: Option<Result<String, ChatError>>,
    ) -> Vec<Result<ChatEvent, ChatError>> {
        if self.over {
            return Vec::new();
        }
        match line {
            Some(Err(error)) => vec![Err(error)],
            Some(Ok(line)) if line.is_empty() => self.event(),
            Some(Ok(line)) => self.line(&line),
            None => {
                let mut events = self.event();
                // Some servers close without a last word; what they finished is whole.
                if self.finished && !self.over {
                    events.push(self.end());
                }
                events
            }
        }
    }

    fn line(&mut self, line: &str) -> Vec<Result<ChatEvent, ChatError>> {
        if let Some(data) = line.strip_prefix("data:") {
            if !self.data.is_empty() {
                self.data.push('\n');
            }
            self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            return Vec::new();
        }
        let field = line.split(':').next().unwrap_or_default();
        if matches!(field, "" | "event" | "id" | "retry") {
            return Vec::new();
        }
        // No field of an event: an error that came without a frame, or a page.
        vec![Err(ChatError::Broken { reason: wire::reason(line) })]
    }

    fn event(&mut self) -> Vec<Result<ChatEvent, ChatError>> {
        let data = std::mem::take(&mut self.data);
        if data.is_empty() {
            return Vec::new();
        }
        if data.trim() == "[DONE]" {
            return vec![self.end()];
        }
        let Ok(chunk) = serde_json::from_str::<Chunk>(&data) else {
            return vec![Err(ChatError::Broken { reason: wire::reason(&data) })];
        };
        if let Some(error) = chunk.error {
            let reason = wire::message_of(&error).unwrap_or_else(|| error.to_string());
            return vec![Err(ChatError::Broken { reason })];
        }
        if let Some(counted) = chunk.usage {
            self.usage.prompt_tokens = counted.prompt_tokens;
            self.usage.cached_tokens = counted.prompt_tokens_details.and_then(|told| told.cached_tokens);
            self.usage.completion_tokens = counted.completion_tokens;
        }
        let mut events = Vec::new();
        for choice in chunk.choices {
            let some = |text: Option<String>| text.filter(|text| !text.is_empty());
            events.extend(
                some(choice.delta.reasoning_content.or(choice.delta.reasoning))
                    .map(|text| Ok(ChatEvent::Thought(text))),
            );
            events.extend(some(choice.delta.content).map(|text| Ok(ChatEvent::Token(text))));
            if let Some(reason) = choice.finish_reason {
                self.finished = true;
                self.usage.cut = reason == "length";
            }
        }
        events
    }

    fn end(&mut self) -> Result<ChatEvent, ChatError> {
        self.over = true;
        match wire::lost(self.characters, self.usage.prompt_tokens) {
            Some(error) => Err(error),
            None => Ok(ChatEvent::Done(self.usage.clone())),
        }
    }
}

//! Takes the thoughts of a model that writes them into its answer (`<think>…</think>`) out of it.
//! Knows no server.

use futures::{Stream, StreamExt, stream};

use super::model::{ChatError, ChatEvent};

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// The same events with what stands between the tags at the beginning of an answer as
/// [`ChatEvent::Thought`]. Tags further on are text like any other.
pub(super) fn apart<S>(events: S) -> impl Stream<Item = Result<ChatEvent, ChatError>> + Send
where
    S: Stream<Item = Result<ChatEvent, ChatError>> + Send,
{
    let mut splitter = Splitter::default();
    events.flat_map(move |event| {
        stream::iter(match event {
            Ok(ChatEvent::Token(text)) => splitter.feed(&text).into_iter().map(Ok).collect(),
            Ok(ChatEvent::Done(usage)) => {
                splitter.rest().into_iter().chain([ChatEvent::Done(usage)]).map(Ok).collect()
            }
            other => vec![other],
        })
    })
}

#[derive(Default)]
enum State {
    #[default]
    Unknown,
    Thinking,
    Answering,
}

/// What is held back is the beginning of a tag that may not be one.
#[derive(Default)]
struct Splitter {
    state: State,
    held: String,
}

impl Splitter {
    fn feed(&mut self, text: &str) -> Vec<ChatEvent> {
        if matches!(self.state, State::Answering) {
            return vec![ChatEvent::Token(text.to_string())];
        }
        self.held.push_str(text);
        let mut events = Vec::new();
        if matches!(self.state, State::Unknown) {
            let start = self.held.trim_start();
            if start.len() < OPEN.len() && OPEN.starts_with(start) {
                return events;
            }
            if let Some(rest) = start.strip_prefix(OPEN) {
                self.held = rest.to_string();
                self.state = State::Thinking;
            } else {
                self.state = State::Answering;
                return vec![ChatEvent::Token(std::mem::take(&mut self.held))];
            }
        }
        if let Some((thought, answer)) = self.held.split_once(CLOSE) {
            let (thought, answer) = (thought.to_string(), answer.trim_start().to_string());
            self.state = State::Answering;
            self.held.clear();
            events.extend((!thought.is_empty()).then_some(ChatEvent::Thought(thought)));
            events.extend((!answer.is_empty()).then_some(ChatEvent::Token(answer)));
        } else {
            let held = (0..CLOSE.len()).rev().find(|n| self.held.ends_with(&CLOSE[..*n])).unwrap_or(0);
            let keep = self.held.split_off(self.held.len() - held);
            let thought = std::mem::replace(&mut self.held, keep);
            events.extend((!thought.is_empty()).then_some(ChatEvent::Thought(thought)));
        }
        events
    }

    /// What is still held when the answer ends.
    fn rest(&mut self) -> Option<ChatEvent> {
        let held = std::mem::take(&mut self.held);
        let event = match self.state {
            State::Thinking => ChatEvent::Thought(held.clone()),
            _ => ChatEvent::Token(held.clone()),
        };
        (!held.is_empty()).then_some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thoughts and answer of `text` fed in pieces of `size` characters.
    fn split(text: &str, size: usize) -> (String, String) {
        let (mut splitter, mut thought, mut answer) = (Splitter::default(), String::new(), String::new());
        let characters: Vec<char> = text.chars().collect();
        let mut events: Vec<ChatEvent> = Vec::new();
        for piece in characters.chunks(size) {
            events.extend(splitter.feed(&piece.iter().collect::<String>()));
        }
        events.extend(splitter.rest());
        for event in events {
            match event {
                ChatEvent::Token(text) => answer.push_str(&text),
                ChatEvent::Thought(text) => thought.push_str(&text),
                ChatEvent::Done(_) => {}
            }
        }
        (thought, answer)
    }

    #[test]
    fn thoughts_are_kept_apart_however_they_arrive() {
        for size in 1..12 {
            let (thought, answer) = split("<think>\nIt sleeps </b> a < b.\n</think>\n\nIt waits [T1].", size);
            assert_eq!(thought, "\nIt sleeps </b> a < b.\n");
            assert_eq!(answer.trim_start(), "It waits [T1].");
            assert_eq!(split("No <think>tag</think> here", size).1, "No <think>tag</think> here");
            assert_eq!(split("<th", size), (String::new(), "<th".to_string()));
            assert_eq!(split("<think>never closed", size), ("never closed".to_string(), String::new()));
        }
    }
}

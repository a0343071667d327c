//! Asks a model and holds every sentence of its answer to the evidence, while it streams. Knows no server and
//! no question: what is asked comes as a prompt, and what is kept goes into a log.

use std::sync::Arc;

use futures::channel::mpsc::UnboundedSender;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, stream};
use tokio::time::Instant;

use super::answer::{Parser, Piece, Sentence, schema};
use super::explanation::{Event, Milliseconds};
use super::grounding::{Dropped, Ground};
use super::model::{ChatError, ChatEvent, ChatModel, ChatRequest, Usage};
use super::prompt::Prompt;
use super::tokens::window;

/// A token is rarely longer; more than this many bytes for each that was allowed is an answer without end.
const BYTES_A_TOKEN: usize = 16;
/// A model that says the same again so often is in a loop, and so is one whose last characters are all the same.
const REPETITIONS: usize = 2;
const STUTTER: usize = 24;

/// What an answer is held to.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    /// Whether the model is to name the cause: where nothing was found.
    pub(super) names_cause: bool,
    /// Least number of sentences.
    pub(super) least: u32,
    pub(super) ground: &'a Ground,
    pub(super) max_tokens: u32,
}

/// What one answer has come to.
pub(super) struct Log {
    events: UnboundedSender<Event>,
    started: Instant,
    next: usize,
    pub(super) kept: Vec<Sentence>,
    pub(super) dropped: Vec<Dropped>,
    /// What the model wrote.
    pub(super) said: String,
    pub(super) usage: Option<Usage>,
    first_token: Option<u64>,
    repeated: usize,
}

/// Runs `body` as a stream of the events that it sends. Dropping the stream drops whatever `body` waits for.
pub(super) fn events<F, Body>(body: F) -> BoxStream<'static, Event>
where
    F: FnOnce(Log) -> Body,
    Body: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = futures::channel::mpsc::unbounded();
    let log = Log {
        events: sender,
        started: Instant::now(),
        next: 0,
        kept: Vec::new(),
        dropped: Vec::new(),
        said: String::new(),
        usage: None,
        first_token: None,
        repeated: 0,
    };
    let work = body(log).into_stream().filter_map(|()| std::future::ready(None));
    stream::select(receiver, work).boxed()
}

impl Log {
    pub(super) fn send(&self, event: Event) {
        // Nobody listens any more; the stream is about to be dropped.
        let _ = self.events.unbounded_send(event);
    }

    /// Where the time went, `retrieval` milliseconds of it before this began.
    pub(super) fn milliseconds(&self, retrieval: u64) -> Milliseconds {
        Milliseconds { retrieval, first_token: self.first_token, total: retrieval + self.elapsed() }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A sentence that needs no model and stands.
    pub(super) fn state(&mut self, sentence: Sentence) {
        let known = squeezed(&sentence.text);
        if self.kept.iter().any(|kept| squeezed(&kept.text) == known) {
            return;
        }
        self.send(Event::Token { sentence: self.next, text: sentence.text.clone() });
        self.judge(sentence, |_| Ok(()));
    }

    /// Asks the model, and keeps of its answer what stands on the ground. What was kept before an error
    /// stays kept.
    pub(super) async fn ask(
        &mut self,
        model: &Arc<dyn ChatModel>,
        prompt: &Prompt,
        ask: Ask<'_>,
    ) -> Result<(), ChatError> {
        let Ask { names_cause, least, max_tokens, .. } = ask;
        let request = ChatRequest {
            messages: prompt.messages.clone(),
            schema: Some(schema(&prompt.references, names_cause, least)),
            max_tokens,
            temperature: 0.0,
            num_ctx: window(prompt.tokens + max_tokens),
        };
        self.said.clear();
        let mut stream = model.chat(request).await?;
        let mut parser = Parser::default();
        let most = BYTES_A_TOKEN * (max_tokens as usize + 8);
        let mut ended = Ok(());
        while let Some(event) = stream.next().await {
            match event {
                Ok(ChatEvent::Token(text)) => {
                    let elapsed = self.elapsed();
                    self.first_token.get_or_insert(elapsed);
                    let left = most.saturating_sub(self.said.len());
                    let end = (0..=left.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
                    let piece = &text[..end.unwrap_or(0)];
                    self.said.push_str(piece);
                    let pieces = parser.feed(piece);
                    self.take(pieces, ask);
                    if piece.len() < text.len() || self.repeated > REPETITIONS || stutters(&self.said) {
                        break;
                    }
                }
                Ok(ChatEvent::Thought(_)) => {}
                Ok(ChatEvent::Done(usage)) => self.add(usage),
                Err(error) => {
                    ended = Err(error);
                    break;
                }
            }
        }
        // Leaving the stream is what stops the model.
        drop(stream);
        let rest = parser.finish();
        self.take(rest, ask);
        ended
    }

    fn add(&mut self, usage: Usage) {
        let sum = |a: Option<u32>, b: Option<u32>| match (a, b) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        let before = self.usage.take().unwrap_or_default();
        self.usage = Some(Usage {
            prompt_tokens: sum(before.prompt_tokens, usage.prompt_tokens),
            cached_tokens: sum(before.cached_tokens, usage.cached_tokens),
            completion_tokens: sum(before.completion_tokens, usage.completion_tokens),
            num_ctx: usage.num_ctx,
            cut: usage.cut,
        });
    }

    fn take(&mut self, pieces: Vec<Piece>, Ask { names_cause, ground, .. }: Ask<'_>) {
        for piece in pieces {
            match piece {
                Piece::Cause(cause) if names_cause => self.send(Event::Cause { cause }),
                // what no schema keeps a model from saying
                Piece::Cause(_) => {}
                Piece::Text(text) => self.send(Event::Token { sentence: self.next, text }),
                Piece::Sentence(sentence) => {
                    let sentence = ground.mended(sentence);
                    self.judge(sentence, |sentence| ground.check(sentence));
                }
            }
        }
    }

    fn judge(
        &mut self,
        sentence: Sentence,
        check: impl FnOnce(&Sentence) -> Result<(), super::grounding::Reason>,
    ) {
        let number = self.next;
        self.next += 1;
        self.send(Event::Citation { sentence: number, citations: sentence.citations.clone() });
        let known = squeezed(&sentence.text);
        let again = self.kept.iter().any(|kept| squeezed(&kept.text) == known)
            || self.dropped.iter().any(|dropped| squeezed(&dropped.text) == known);
        let verdict = check(&sentence);
        self.send(Event::Verification {
            sentence: number,
            text: sentence.text.clone(),
            citations: sentence.citations.clone(),
            kept: verdict.is_ok() && !again,
            reason: verdict.err().filter(|_| !again),
        });
        match verdict {
            _ if again => self.repeated += 1,
            Ok(()) => self.kept.push(sentence),
            Err(reason) => self.dropped.push(Dropped { text: sentence.text, reason }),
        }
    }
}

/// Whether a text ends in one and the same character, over and over; white space of laid-out JSON is none.
fn stutters(text: &str) -> bool {
    let last: Vec<char> = text.chars().rev().take(STUTTER).collect();
    last.len() == STUTTER && !last[0].is_whitespace() && last.iter().all(|character| *character == last[0])
}

/// For telling whether two sentences are one.
fn squeezed(text: &str) -> String {
    text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::stutters;

    #[test]
    fn a_loop_within_a_word_is_known() {
        assert!(stutters(&format!("take any duration (`{}", "µ".repeat(24))));
        assert!(!stutters(&format!("{{{}", " ".repeat(40))));
        assert!(!stutters("Instead, wait for the event."));
    }
}

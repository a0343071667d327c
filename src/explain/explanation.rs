//! What leaves here: an explanation as one object, and the same parts as events. Plain data.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::Sentence;
use super::evidence::{RankedCause, Source};
use super::grounding::{Dropped, Reason};
use super::model::Usage;
use crate::hunt::Rerun;
use crate::smells::Cause;

/// Why a test is unstable and what to do: the object of `explain --format json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The test's node id.
    pub test: String,
    pub repo: String,
    /// The model that answered; `null` where none took part.
    pub model: Option<String>,
    /// From the findings, the weightiest first; never from the model.
    pub causes: Vec<RankedCause>,
    pub sources: Vec<Source>,
    pub sentences: Vec<Sentence>,
    pub dropped: Vec<Dropped>,
    pub fix: Option<ProposedFix>,
    /// Why there is no fix, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix_note: Option<String>,
    pub usage: Option<Usage>,
    pub milliseconds: Milliseconds,
    /// One plain line where the answer is not simply a model's: that none took part, or what went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The answer to a question of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reply {
    pub question: String,
    pub model: Option<String>,
    pub sources: Vec<Source>,
    pub sentences: Vec<Sentence>,
    pub dropped: Vec<Dropped>,
    /// What the model wrote, to be handed back with the next question.
    pub said: String,
    pub usage: Option<Usage>,
    pub milliseconds: Milliseconds,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Where a proposed patch comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    Rule,
    Model,
    History,
}

/// A patch with what a new scan says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProposedFix {
    pub origin: Origin,
    pub diff: String,
    pub verified: bool,
    /// Why it counts as verified, or what is wrong with it.
    pub reason: String,
    /// Assertions that accept more than before, each with its line.
    #[serde(default)]
    pub wider: Vec<String>,
    pub findings_before: Vec<String>,
    pub findings_after: Vec<String>,
    pub risk_before: f32,
    pub risk_after: f32,
    pub rounds: u32,
    /// What running the test before and after says; missing where nothing was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Box<Rerun>>,
}

/// Where the time went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Milliseconds {
    pub retrieval: u64,
    /// `null` where no model said anything.
    pub first_token: Option<u64>,
    pub total: u64,
}

/// One step of an answer. As JSON it is the data of a server-sent event called [`Event::name`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// First of all: what the answer may rest on.
    Retrieval { sources: Vec<Source>, causes: Vec<RankedCause> },
    /// The cause: that of the weightiest findings; where nothing was found, the one that the model names.
    Cause { cause: Cause },
    /// The next characters of a sentence, not checked yet.
    Token { sentence: usize, text: String },
    /// The sentence is whole, and this is what it cites.
    Citation { sentence: usize, citations: Vec<String> },
    /// Whether the sentence stands. One that does not is to be taken away again.
    Verification {
        sentence: usize,
        text: String,
        citations: Vec<String>,
        kept: bool,
        /// `null` also for one that only says again what was said.
        reason: Option<Reason>,
    },
    /// Something went wrong; what follows rests on the evidence alone.
    Error { message: String },
    /// The last event.
    Done(Box<Finished>),
}

/// The whole answer, with which an answer ends.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Finished {
    Explanation(Explanation),
    Reply(Reply),
}

impl Event {
    /// Its name as a server-sent event.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Retrieval { .. } => "retrieval",
            Event::Cause { .. } => "cause",
            Event::Token { .. } => "token",
            Event::Citation { .. } => "citation",
            Event::Verification { .. } => "verification",
            Event::Error { .. } => "error",
            Event::Done(_) => "done",
        }
    }
}

//! The port to a chat model, and the plain types that cross it.

use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use utoipa::ToSchema;

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    System,
    User,
    Assistant,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    pub role: Role,
    pub content: String,
}

/// What is asked of the model.
#[derive(Clone, Debug)]
pub struct ChatRequest {
    pub messages: Vec<Message>,
    /// A JSON schema that the answer has to follow, where the server can hold it to one.
    pub schema: Option<Value>,
    /// Most tokens to write.
    pub max_tokens: u32,
    pub temperature: f32,
    /// Context window in tokens; the adapter never lets a prompt be cut in silence.
    pub num_ctx: u32,
}

/// What a model says, piece by piece.
#[derive(Clone, Debug, PartialEq)]
pub enum ChatEvent {
    Token(String),
    /// What a thinking model thinks; never part of the answer.
    Thought(String),
    /// The last event of an answer that ended properly.
    Done(Usage),
}

/// What an answer cost. `None` where the server does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    pub prompt_tokens: Option<u32>,
    /// Tokens of the prompt that the server still had from before and did not read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u32>,
    pub completion_tokens: Option<u32>,
    pub num_ctx: u32,
    /// The answer was ended by `max_tokens`, so its end is missing.
    #[serde(skip)]
    pub cut: bool,
}

/// How long to wait, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the first byte: the model may have to be loaded and the prompt read.
    pub first: Duration,
    /// Between two pieces of an answer.
    pub between: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience { first: Duration::from_secs(180), between: Duration::from_secs(60) }
    }
}

/// Why a model did not answer.
#[derive(Debug, Error)]
pub enum ChatError {
    #[error(
        "no model server answers at {url}; start Ollama (ollama serve), or name another with OLLAMA_HOST or --llm-url"
    )]
    Unreachable { url: String },
    #[error("the model server at {url} has no model '{model}'; {hint}")]
    NoModel { url: String, model: String, hint: String },
    #[error("the prompt does not fit the model's context of {num_ctx} tokens")]
    TooLong { num_ctx: u32 },
    #[error("the model server at {url} is busy")]
    Busy { url: String },
    #[error("the model said nothing for {seconds} s")]
    Silent { seconds: u64 },
    #[error("the answer broke off: {reason}")]
    Broken { reason: String },
    #[error("the model server at {url} refused ({status}): {reason}")]
    Refused { url: String, status: u16, reason: String },
}

/// The pieces of an answer as they come. Dropping the stream stops the model.
pub type ChatStream = BoxStream<'static, Result<ChatEvent, ChatError>>;

/// A model that answers, on a server that the user runs.
#[async_trait]
pub trait ChatModel: Send + Sync {
    /// The model's name, as the server knows it.
    fn name(&self) -> &str;
    /// How many tokens of prompt it reads without making people wait.
    fn budget(&self) -> u32 {
        700
    }
    /// Starts an answer. Errors that come before the first piece are returned here.
    async fn chat(&self, request: ChatRequest) -> Result<ChatStream, ChatError>;
}

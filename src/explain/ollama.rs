//! Ollama: which models it has, pulling one, and answers from it. The only place that names `ollama_rs`,
//! whose types and plain calls are used; its chat stream is not, because it drops characters that a network
//! read cuts in two, takes errors for ends, and knows neither `truncate` nor `done_reason`.

mod host;
mod line;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use ollama_rs::error::OllamaError;
use ollama_rs::generation::chat::{ChatMessage, MessageRole, request::ChatMessageRequest};
use ollama_rs::generation::parameters::{FormatType, KeepAlive, ThinkType, TimeUnit};
use ollama_rs::models::ModelOptions;
use reqwest::{Client, Response, Url};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::choose::{Installed, named, ranked};
use super::model::{ChatError, ChatModel, ChatRequest, ChatStream, Patience, Role};
use super::{thoughts, wire};

pub use host::{HostError, parse as address};

/// How long a small question (which models, what can this one do) may take.
const ASKING: Duration = Duration::from_secs(10);
/// Kept loaded between two questions of one person.
const KEEP_ALIVE: KeepAlive = KeepAlive::Until { time: 15, unit: TimeUnit::Minutes };

/// A server.
#[derive(Clone)]
pub struct Ollama {
    url: Url,
    client: Client,
    api: ollama_rs::Ollama,
    patience: Patience,
    pause: Duration,
}

/// What a server says about one model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// Tokens that the model can hold.
    pub context: Option<u32>,
    /// `completion`, `tools`, `thinking`, `embedding`, …; empty where the server does not say.
    pub capabilities: Vec<String>,
}

impl Card {
    /// Whether it writes answers at all.
    pub fn answers(&self) -> bool {
        self.capabilities.is_empty() || self.capabilities.iter().any(|name| name == "completion")
    }
}

/// How far a pull has come; bytes where the step has any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    pub step: String,
    pub completed: Option<u64>,
    pub total: Option<u64>,
}

impl Ollama {
    /// The server at `url`, which [`address`] makes.
    pub fn new(url: Url, patience: Patience) -> Result<Ollama, ChatError> {
        let client = wire::client(&url)?;
        let api = ollama_rs::Ollama::builder().url(url.clone()).reqwest_client(client.clone()).build();
        Ok(Ollama { url, client, api, patience, pause: wire::PAUSE })
    }

    /// Its address, for messages.
    pub fn address(&self) -> String {
        wire::shown(&self.url)
    }

    /// The models on its disk.
    pub async fn installed(&self) -> Result<Vec<Installed>, ChatError> {
        let models = self.ask(self.api.list_local_models(), "api/tags").await?;
        Ok(models.into_iter().map(|model| Installed { name: model.name, bytes: Some(model.size) }).collect())
    }

    /// What `model` can do. A model that is not installed is [`ChatError::NoModel`].
    pub async fn card(&self, model: &str) -> Result<Card, ChatError> {
        let info = match timeout(ASKING, self.api.show_model_info(model.to_string())).await {
            Ok(Err(OllamaError::Other(text))) if line::says_missing(&text) => {
                return Err(self.missing(model).await);
            }
            Ok(Err(error)) => return Err(self.explain(error, "api/tags").await),
            Ok(Ok(info)) => info,
            Err(_) => return Err(wire::silent(ASKING)),
        };
        let context = info.model_info.iter().find(|(key, _)| key.ends_with(".context_length"));
        let context = context.and_then(|(_, value)| value.as_u64()).and_then(|n| u32::try_from(n).ok());
        Ok(Card { context, capabilities: info.capabilities })
    }

    /// Whether a loaded model lies in an accelerator's memory; `None` while nothing is loaded.
    pub async fn accelerated(&self) -> Option<bool> {
        let url = self.url.join("api/ps").ok()?;
        let value: Value = self.client.get(url).timeout(ASKING).send().await.ok()?.json().await.ok()?;
        let models = value.get("models")?.as_array()?;
        let in_memory = |model: &Value| model.get("size_vram").and_then(Value::as_u64).unwrap_or(0) > 0;
        (!models.is_empty()).then(|| models.iter().any(in_memory))
    }

    /// Fetches `model` into the server, step by step.
    pub async fn pull(
        &self,
        model: &str,
    ) -> Result<BoxStream<'static, Result<Pulled, ChatError>>, ChatError> {
        let stream = match self.api.pull_model_stream(model.to_string(), false).await {
            Ok(stream) => stream,
            Err(error) => return Err(self.explain(error, "api/tags").await),
        };
        Ok(stream
            .map(|step| match step {
                Ok(step) => Ok(Pulled { step: step.message, completed: step.completed, total: step.total }),
                Err(error) => Err(ChatError::Broken { reason: error.to_string() }),
            })
            .boxed())
    }

    /// The model that answers: `configured`, or the best one installed for code that can write.
    pub async fn model(&self, configured: Option<&str>) -> Result<OllamaModel, ChatError> {
        let installed = self.installed().await?;
        let candidates: Vec<&str> = match configured {
            Some(name) => named(name, &installed).into_iter().collect(),
            None => ranked(&installed).into_iter().map(|model| model.name.as_str()).collect(),
        };
        for name in candidates {
            let card = self.card(name).await?;
            if card.answers() {
                let budget = if self.accelerated().await == Some(true) { 3000 } else { 700 };
                return Ok(OllamaModel { server: self.clone(), name: name.to_string(), card, budget });
            }
        }
        Err(self.missing(configured.unwrap_or("qwen2.5-coder:1.5b")).await)
    }

    /// That `model` is not there, and what to do.
    async fn missing(&self, model: &str) -> ChatError {
        let mut hint = format!("get it with 'ollama pull {model}'");
        let installed = self.installed().await.unwrap_or_default();
        let names: Vec<_> = ranked(&installed).into_iter().map(|model| model.name.as_str()).collect();
        if names.is_empty() {
            hint.push_str("; none is installed that answers");
        } else {
            hint.push_str(&format!(", or take one that is installed: {}", names.join(", ")));
        }
        ChatError::NoModel { url: self.address(), model: model.to_string(), hint }
    }

    async fn ask<T>(
        &self,
        call: impl Future<Output = Result<T, OllamaError>>,
        path: &str,
    ) -> Result<T, ChatError> {
        match timeout(ASKING, call).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.explain(error, path).await),
            Err(_) => Err(wire::silent(ASKING)),
        }
    }

    /// Words for an error of `ollama_rs`, which keeps no status: `path` is asked again for it.
    async fn explain(&self, error: OllamaError, path: &str) -> ChatError {
        match error {
            OllamaError::ReqwestError(error) => wire::unsent(&self.url, &error),
            OllamaError::Other(text) => {
                let url = self.url.join(path).unwrap_or_else(|_| self.url.clone());
                match self.client.get(url).timeout(ASKING).send().await {
                    Ok(response) => self.refused(response.status().as_u16(), &text),
                    Err(error) => wire::unsent(&self.url, &error),
                }
            }
            other => ChatError::Broken {
                reason: format!(
                    "{} does not speak Ollama's protocol: {}",
                    self.address(),
                    wire::chain(&other)
                ),
            },
        }
    }

    fn refused(&self, status: u16, body: &str) -> ChatError {
        let reason = if status == 403 && body.is_empty() {
            "it accepts neither this host name nor this origin; name it by its address in OLLAMA_HOST, \
             or allow them with OLLAMA_ORIGINS there"
                .to_string()
        } else {
            wire::reason(body)
        };
        ChatError::Refused { url: self.address(), status, reason }
    }
}

/// One model of a server.
pub struct OllamaModel {
    server: Ollama,
    name: String,
    card: Card,
    budget: u32,
}

#[async_trait]
impl ChatModel for OllamaModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn budget(&self) -> u32 {
        self.budget
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatStream, ChatError> {
        let started = Instant::now();
        let server = &self.server;
        let num_ctx = request.num_ctx.min(self.card.context.unwrap_or(u32::MAX));
        let characters = request.messages.iter().map(|message| message.content.chars().count()).sum();
        let url =
            server.url.join("api/chat").map_err(|error| ChatError::Broken { reason: error.to_string() })?;
        let body = self.body(request, num_ctx)?;
        let sending = server.client.post(url).json(&body);
        let response = wire::send(sending, &server.url, server.patience, started, server.pause).await?;
        if !response.status().is_success() {
            return Err(self.refusal(response, num_ctx).await);
        }
        let events =
            wire::lines(response).flat_map(move |line| stream::iter(line::events(line, num_ctx, characters)));
        wire::begin(Box::pin(thoughts::apart(events)), server.patience, started).await
    }
}

impl OllamaModel {
    /// The request as `ollama_rs` writes it, and what it lacks. A prompt that does not fit is to be refused:
    /// otherwise the server drops whole messages without a word.
    fn body(&self, request: ChatRequest, num_ctx: u32) -> Result<Value, ChatError> {
        let messages = request.messages.into_iter().map(|message| {
            let role = match message.role {
                Role::System => MessageRole::System,
                Role::User => MessageRole::User,
                Role::Assistant => MessageRole::Assistant,
            };
            ChatMessage::new(role, message.content)
        });
        let options = ModelOptions::default()
            .num_ctx(u64::from(num_ctx))
            .num_predict(i32::try_from(request.max_tokens).unwrap_or(i32::MAX))
            .temperature(request.temperature)
            .seed(1);
        let mut wire = ChatMessageRequest::new(self.name.clone(), messages.collect())
            .options(options)
            .keep_alive(KEEP_ALIVE);
        if self.card.capabilities.iter().any(|name| name == "thinking") {
            // Thoughts are never shown, and on a small machine they would be minutes of waiting.
            wire = wire.think(ThinkType::False);
        }
        let unwritable = |error: serde_json::Error| ChatError::Broken { reason: error.to_string() };
        if let Some(schema) = request.schema {
            wire = wire.format(serde_json::from_value::<FormatType>(schema).map_err(unwritable)?);
        }
        let mut body = serde_json::to_value(wire).map_err(unwritable)?;
        body["stream"] = Value::Bool(true);
        body["truncate"] = Value::Bool(false);
        Ok(body)
    }

    async fn refusal(&self, response: Response, num_ctx: u32) -> ChatError {
        let status = response.status().as_u16();
        let body = wire::body(response, self.server.patience.between).await;
        match status {
            404 if line::says_missing(&body) => self.server.missing(&self.name).await,
            400 if wire::reason(&body).contains("context length") => ChatError::TooLong { num_ctx },
            _ => self.server.refused(status, &body),
        }
    }
}

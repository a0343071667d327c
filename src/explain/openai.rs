//! Any server that speaks OpenAI's chat completions: llama.cpp, vLLM, LM Studio, Ollama's other door.

mod chunk;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::time::{Instant, timeout};

use super::choose::{Installed, choose_model};
use super::model::{ChatError, ChatModel, ChatRequest, ChatStream, Patience};
use super::{thoughts, wire};

/// How long the list of models may take.
const ASKING: Duration = Duration::from_secs(10);

/// One model of such a server.
pub struct OpenAi {
    url: Url,
    client: Client,
    key: Option<String>,
    /// What the server calls the model, and what people are shown of it.
    id: String,
    name: String,
    /// Its context in tokens, where the server says.
    context: Option<u32>,
    patience: Patience,
    pause: Duration,
}

#[derive(Deserialize)]
struct Models {
    data: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    /// vLLM's word for the context.
    max_model_len: Option<u32>,
    /// llama.cpp's.
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    n_ctx: Option<u32>,
    size: Option<u64>,
}

impl OpenAi {
    /// The model `configured`, or the best for code, of the server at `url`, which [`address`] makes.
    /// `key` is sent as a bearer token.
    pub async fn connect(
        url: Url,
        configured: Option<&str>,
        key: Option<&str>,
        patience: Patience,
    ) -> Result<OpenAi, ChatError> {
        let mut server = OpenAi {
            client: wire::client(&url)?,
            url,
            key: key.map(str::to_string),
            id: String::new(),
            name: String::new(),
            context: None,
            patience,
            pause: wire::PAUSE,
        };
        let models = server.models().await?;
        let installed: Vec<Installed> = models
            .iter()
            .map(|m| Installed { name: m.id.clone(), bytes: m.meta.as_ref().and_then(|meta| meta.size) })
            .collect();
        let chosen = choose_model(configured, &installed);
        let chosen = models.iter().find(|model| Some(model.id.as_str()) == chosen).ok_or_else(|| {
            let names: Vec<_> = models.iter().map(|model| shown(&model.id)).collect();
            ChatError::NoModel {
                url: wire::shown(&server.url),
                model: configured.unwrap_or("that answers").to_string(),
                hint: match names.is_empty() {
                    true => "it offers none at all; load one there".to_string(),
                    false => format!("it offers {}; choose with --model", names.join(", ")),
                },
            }
        })?;
        server.id.clone_from(&chosen.id);
        server.name = shown(&chosen.id).to_string();
        server.context = chosen.max_model_len.or(chosen.meta.as_ref().and_then(|meta| meta.n_ctx));
        Ok(server)
    }

    async fn models(&self) -> Result<Vec<Listed>, ChatError> {
        let request = self.authorized(self.client.get(self.endpoint("models")?));
        let asking = async {
            let started = Instant::now();
            let response = wire::send(request, &self.url, self.patience, started, self.pause).await?;
            let status = response.status();
            let body = wire::body(response, ASKING).await;
            match serde_json::from_str::<Models>(&body) {
                Ok(models) if status.is_success() => Ok(models.data),
                _ if status.is_success() => Err(self.refused(status, "it does not list models at /models")),
                _ => Err(self.refused(status, &body)),
            }
        };
        timeout(self.patience.first.max(ASKING), asking).await.map_err(|_| wire::silent(ASKING))?
    }

    fn endpoint(&self, path: &str) -> Result<Url, ChatError> {
        self.url.join(path).map_err(|error| ChatError::Broken { reason: error.to_string() })
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    fn refused(&self, status: StatusCode, body: &str) -> ChatError {
        ChatError::Refused {
            url: wire::shown(&self.url),
            status: status.as_u16(),
            reason: wire::reason(body),
        }
    }

    fn body(&self, request: &ChatRequest, schema: bool) -> Value {
        let mut body = json!({
            "model": self.id,
            "messages": request.messages,
            "stream": true,
            "stream_options": { "include_usage": true },
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "seed": 1,
        });
        if let Some(schema) = request.schema.as_ref().filter(|_| schema) {
            body["response_format"] = json!({
                "type": "json_schema",
                "json_schema": { "name": "answer", "strict": true, "schema": schema },
            });
        }
        body
    }
}

#[async_trait]
impl ChatModel for OpenAi {
    fn name(&self) -> &str {
        &self.name
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatStream, ChatError> {
        let started = Instant::now();
        let num_ctx = self.context.unwrap_or(request.num_ctx);
        let characters = request.messages.iter().map(|message| message.content.chars().count()).sum();
        let url = self.endpoint("chat/completions")?;
        let mut with_schema = request.schema.is_some();
        let response = loop {
            let sending = self.client.post(url.clone()).json(&self.body(&request, with_schema));
            let sending = self.authorized(sending);
            let response = wire::send(sending, &self.url, self.patience, started, self.pause).await?;
            let status = response.status();
            if status.is_success() {
                break response;
            }
            let body = wire::body(response, self.patience.between).await;
            let reason = wire::reason(&body).to_lowercase();
            // A server that cannot hold a model to a schema still answers in sentences.
            if with_schema && status.is_client_error() && names_the_schema(&reason) {
                with_schema = false;
                continue;
            }
            return Err(match status {
                StatusCode::BAD_REQUEST if says_too_long(&reason, &body) => ChatError::TooLong { num_ctx },
                StatusCode::NOT_FOUND if reason.contains("model") => ChatError::NoModel {
                    url: wire::shown(&self.url),
                    model: self.name.clone(),
                    hint: "it was there a moment ago; list its models and choose with --model".to_string(),
                },
                _ => self.refused(status, &body),
            });
        };
        let mut reader = chunk::Reader::new(num_ctx, characters);
        let events = wire::lines(response)
            .map(Some)
            .chain(stream::iter([None]))
            .flat_map(move |line| stream::iter(reader.feed(line)));
        wire::begin(Box::pin(thoughts::apart(events)), self.patience, started).await
    }
}

/// An `--llm-url` that names no server.
#[derive(Debug, Error)]
#[error("--llm-url '{value}' is no address: {reason}; write it as http://127.0.0.1:8000/v1")]
pub struct UrlError {
    value: String,
    reason: String,
}

/// The base address with the version in its path and a slash at its end. Without a path it gets `/v1/`.
pub fn address(llm_url: &str) -> Result<Url, UrlError> {
    let refuse = |reason: String| UrlError { value: llm_url.to_string(), reason };
    let text = llm_url.trim();
    let text = if text.contains("://") { text.to_string() } else { format!("http://{text}") };
    let mut url = Url::parse(&text).map_err(|error| refuse(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse(format!("'{}' is neither http nor https", url.scheme())));
    }
    let path = url.path().trim_end_matches('/').trim_end_matches("/chat/completions");
    let path = if path.is_empty() { "/v1/".to_string() } else { format!("{path}/") };
    url.set_path(&path);
    url.set_query(None);
    Ok(url)
}

/// A model's name without the folder and the ending of its file, which some servers take for its name.
fn shown(id: &str) -> &str {
    let Some(file) = id.strip_suffix(".gguf") else { return id };
    file.rsplit(['/', '\\']).next().unwrap_or(file)
}

fn names_the_schema(reason: &str) -> bool {
    ["response_format", "json_schema", "schema", "grammar", "guided", "structured"]
        .iter()
        .any(|word| reason.contains(word))
}

fn says_too_long(reason: &str, body: &str) -> bool {
    body.contains("exceed_context_size")
        || body.contains("context_length_exceeded")
        || ["context length", "context size", "context window", "maximum context"]
            .iter()
            .any(|words| reason.contains(words))
}

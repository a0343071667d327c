//! Which model answers, out of the settings. Whoever asked for a certain one is told why it fails; whoever
//! asked for none gets the evidence alone.

use std::sync::Arc;

use thiserror::Error;

use super::model::{ChatError, ChatModel, Patience};
use super::ollama::{self, HostError, Ollama};
use super::openai::{self, OpenAi, UrlError};

/// What the user said about models, from flags, environment and files.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `OLLAMA_HOST`
    pub ollama_host: Option<String>,
    /// `--llm-url`: an OpenAI-compatible server, asked instead of Ollama.
    pub llm_url: Option<String>,
    /// Its key, where it wants one.
    pub llm_key: Option<String>,
    /// `--model`
    pub model: Option<String>,
    /// `--no-model`
    pub none: bool,
    pub patience: Patience,
}

/// Why the model that was asked for cannot answer.
#[derive(Debug, Error)]
pub enum ConnectError {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Url(#[from] UrlError),
    #[error(transparent)]
    Chat(#[from] ChatError),
}

/// The model to ask. `None` where none is wanted, and where nobody asked for one and no Ollama answers.
pub async fn connect(settings: &Settings) -> Result<Option<Arc<dyn ChatModel>>, ConnectError> {
    let model = settings.model.as_deref().filter(|name| !name.trim().is_empty());
    if settings.none {
        return Ok(None);
    }
    if let Some(url) = settings.llm_url.as_deref().filter(|url| !url.trim().is_empty()) {
        let url = openai::address(url)?;
        let server = OpenAi::connect(url, model, settings.llm_key.as_deref(), settings.patience).await?;
        return Ok(Some(Arc::new(server)));
    }
    let url = ollama::address(settings.ollama_host.as_deref().unwrap_or_default())?;
    let server = Ollama::new(url, settings.patience)?;
    match server.model(model).await {
        Ok(model) => Ok(Some(Arc::new(model))),
        Err(error) if model.is_some() => Err(error.into()),
        Err(error) => {
            tracing::info!(%error, "no model takes part");
            Ok(None)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::explain::replay::Replay;

    /// An address of this machine on which nobody listens.
    async fn nobody() -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().to_string()
    }

    async fn name(settings: Settings) -> Result<Option<String>, String> {
        let model = connect(&settings).await.map_err(|error| error.to_string())?;
        Ok(model.map(|model| model.name().to_string()))
    }

    #[tokio::test]
    async fn nobody_asked_and_nobody_there_is_no_error() {
        let settings = Settings { ollama_host: Some(nobody().await), ..Settings::default() };
        assert_eq!(name(settings.clone()).await, Ok(None));
        assert_eq!(name(Settings { none: true, model: Some("x".into()), ..settings }).await, Ok(None));
        let empty = Replay::of(&["tags-empty"]).await;
        assert_eq!(
            name(Settings { ollama_host: Some(empty.address.clone()), ..Settings::default() }).await,
            Ok(None)
        );
    }

    #[tokio::test]
    async fn what_was_asked_for_and_fails_is_said() {
        let gone = nobody().await;
        let asked =
            Settings { ollama_host: Some(gone.clone()), model: Some("a:1b".into()), ..Settings::default() };
        assert!(name(asked).await.unwrap_err().contains("no model server answers"));
        let url = Settings { llm_url: Some(format!("http://{gone}/v1")), ..Settings::default() };
        assert!(name(url).await.unwrap_err().contains("no model server answers"));
        let host = Settings { ollama_host: Some("ftp://x".into()), ..Settings::default() };
        assert!(name(host).await.unwrap_err().contains("OLLAMA_HOST"));
        let url = Settings { llm_url: Some("ftp://x".into()), ..Settings::default() };
        assert!(name(url).await.unwrap_err().contains("--llm-url"));
        let replay = Replay::of(&["tags", "show-missing"]).await;
        let missing = Settings {
            ollama_host: Some(replay.address.clone()),
            model: Some("a:1b".into()),
            ..Settings::default()
        };
        assert!(name(missing).await.unwrap_err().contains("ollama pull a:1b"));
    }

    #[tokio::test]
    async fn the_model_that_is_there_is_taken() {
        let replay = Replay::of(&["tags", "show", "openai-models"]).await;
        let host = Settings { ollama_host: Some(replay.address.clone()), ..Settings::default() };
        assert_eq!(name(host.clone()).await, Ok(Some("qwen2.5-coder:1.5b".to_string())));
        assert_eq!(
            name(Settings { model: Some("smollm2:135m".into()), ..host }).await,
            Ok(Some("smollm2:135m".to_string()))
        );
        let url = Settings { llm_url: Some(replay.address.clone()), ..Settings::default() };
        assert_eq!(name(url).await, Ok(Some("qwen2.5-coder:1.5b".to_string())));
    }
}

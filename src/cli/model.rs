//! Which chat model takes part: the arguments that say so.

use crate::config::ProjectFile;
use crate::explain::connect::Settings;
use crate::explain::model::Patience;

/// Which model
#[derive(clap::Args, Clone, Debug, Default)]
pub(super) struct ModelArgs {
    /// An OpenAI-compatible server instead of Ollama (`http://127.0.0.1:8000/v1`)
    #[arg(long, value_name = "URL", env = "FLAKYDETECTOR_LLM_URL")]
    pub llm_url: Option<String>,
    /// The model by its name on the server; the best one installed otherwise; `none` for evidence alone
    #[arg(long, value_name = "NAME", env = "FLAKYDETECTOR_MODEL")]
    pub model: Option<String>,
    /// Where Ollama answers
    #[arg(long, value_name = "HOST", env = "OLLAMA_HOST")]
    pub ollama_host: Option<String>,
}

impl ModelArgs {
    pub(super) fn settings(&self, project: &ProjectFile) -> Settings {
        let model = self.model.clone().or_else(|| project.model.clone());
        let none = model.as_deref() == Some("none");
        Settings {
            ollama_host: self.ollama_host.clone().or_else(|| project.ollama_host.clone()),
            llm_url: self.llm_url.clone().or_else(|| project.llm_url.clone()),
            llm_key: std::env::var("FLAKYDETECTOR_LLM_KEY").ok(),
            model: model.filter(|_| !none),
            none,
            patience: Patience::default(),
        }
    }
}

//! Text into vectors of meaning: the port, and all-MiniLM-L6-v2 on ONNX Runtime. Knows no test and no store.

mod graph;
mod onnx;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use fastembed::{InitOptionsUserDefined, Pooling, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel};
use ort::environment::Environment;
use thiserror::Error;

use super::models;
use super::store::TEXT_DIMENSIONS;

/// Tokens of a text that are read; what follows is ignored.
const MAX_TOKENS: usize = 128;
/// Every session keeps its own copy of the weights, some 50 MB.
const MAX_SESSIONS: usize = 4;
/// Texts for which starting another session pays.
const WORTH_A_SESSION: usize = 32;

/// Why there is no vector.
#[derive(Debug, Error)]
pub enum EmbedError {
    #[error(
        "{path} is missing, and nothing can be embedded without it; run 'make setup', or set FLAKYDETECTOR_MODELS to the folder that holds the model (models/embedding.toml says what belongs there)"
    )]
    Missing { path: String },
    #[error(
        "{path} is not the file that was pinned (its SHA-256 is {found}, expected {expected}); delete it and run 'make setup' (models/embedding.toml says where it comes from)"
    )]
    Wrong { path: String, found: String, expected: String },
    #[error(
        "cannot load ONNX Runtime from {path}: {reason}; run 'make setup', or set ORT_DYLIB_PATH to a libonnxruntime of version 1.20 or newer"
    )]
    Runtime { path: String, reason: String },
    #[error(
        "{path} is an ONNX Runtime that reports to its maker; run 'make setup' for one that does not, use version 1.28 or older, or set ORT_DISABLE_TELEMETRY=1"
    )]
    Reports { path: String },
    #[error("the embedding model failed to {action}: {reason}")]
    Failed { action: &'static str, reason: String },
}

/// Turns texts into vectors of unit length.
pub trait Embedder: Send + Sync {
    /// One vector of [`TEXT_DIMENSIONS`] values a text, in the same order. The same text gives the same vector. Blocks: call it where blocking is allowed.
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError>;
    /// Reads the model, so that the first text does not wait for it.
    fn warm(&self) -> Result<(), EmbedError> {
        self.embed(&[String::new()]).map(drop)
    }
    /// Names the model. Vectors of models with different ids do not compare.
    fn id(&self) -> &str;
}

/// all-MiniLM-L6-v2 with 8-bit weights.
pub struct MiniLm {
    folder: PathBuf,
    library: PathBuf,
    /// Made when first needed; a few texts need only the first. A core that has its own does more than cores that share
    /// one, and a question leaves the others to search.
    sessions: Vec<OnceLock<Mutex<TextEmbedding>>>,
}

impl MiniLm {
    /// Finds the model in the models folder (see [`models::folder`]).
    pub fn load() -> Result<Self, EmbedError> {
        Self::load_from(&models::folder())
    }

    /// Finds the model in `folder` and verifies its files. It is read when a text is first embedded: who only looks at
    /// what is stored does not wait for it.
    pub fn load_from(folder: &Path) -> Result<Self, EmbedError> {
        models::verify(folder)?;
        let library = models::runtime(folder)?;
        let sessions = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_SESSIONS);
        let sessions = (0..sessions).map(|_| OnceLock::new()).collect();
        Ok(MiniLm { folder: folder.to_path_buf(), library, sessions })
    }

    fn session(&self, at: usize) -> Result<MutexGuard<'_, TextEmbedding>, EmbedError> {
        let cell = &self.sessions[at];
        if cell.get().is_none() {
            let session = Mutex::new(self.new_session()?);
            // another thread may have been faster; then its session is used
            let _ = cell.set(session);
        }
        match cell.get() {
            Some(session) => Ok(session.lock().unwrap_or_else(PoisonError::into_inner)),
            None => Err(EmbedError::Failed { action: "start", reason: "no session".to_string() }),
        }
    }

    fn new_session(&self) -> Result<TextEmbedding, EmbedError> {
        let graph = graph::quantized(models::read(&self.folder, "model.onnx")?)
            .map_err(|reason| EmbedError::Failed { action: "load", reason })?;
        self.session_of(graph)
    }

    fn session_of(&self, graph: Vec<u8>) -> Result<TextEmbedding, EmbedError> {
        let read = |name: &str| models::read(&self.folder, name);
        let tokenizer = TokenizerFiles {
            tokenizer_file: read("tokenizer.json")?,
            config_file: read("config.json")?,
            special_tokens_map_file: read("special_tokens_map.json")?,
            tokenizer_config_file: read("tokenizer_config.json")?,
        };
        let model = UserDefinedEmbeddingModel::new(graph, tokenizer).with_pooling(Pooling::Mean);
        let options = InitOptionsUserDefined::new()
            .with_environment(environment(&self.library)?)
            .with_max_length(MAX_TOKENS)
            .with_intra_threads(1);
        TextEmbedding::try_new_from_user_defined(model, options)
            .map_err(|error| EmbedError::Failed { action: "load", reason: error.to_string() })
    }

    /// Embeds what is still in `queue`, with session `at`.
    fn work<'t>(
        &self,
        at: usize,
        queue: &Mutex<Vec<&'t str>>,
    ) -> Result<Vec<(&'t str, Vec<f32>)>, EmbedError> {
        let mut session = self.session(at)?;
        let mut done = Vec::new();
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(text) = next else { return Ok(done) };
            let vectors = session
                .embed([text], None)
                .map_err(|error| EmbedError::Failed { action: "embed", reason: error.to_string() })?;
            done.extend(vectors.into_iter().map(|vector| (text, vector)));
        }
    }
}

impl Embedder for MiniLm {
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        // equal texts are embedded once
        let mut order: Vec<&str> = texts.iter().map(String::as_str).collect();
        order.sort_unstable_by(|a, b| a.len().cmp(&b.len()).then(a.cmp(b)));
        order.dedup();
        let workers = self.sessions.len().min(order.len() / WORTH_A_SESSION).max(1);
        // taken from the end, so the longest come first and all sessions finish at about the same time
        let queue = Mutex::new(order);
        let results: Vec<_> = std::thread::scope(|scope| {
            let (queue, this) = (&queue, &self);
            let others: Vec<_> = (1..workers).map(|at| scope.spawn(move || this.work(at, queue))).collect();
            let own = self.work(0, queue);
            let others = others.into_iter().map(|thread| {
                thread.join().unwrap_or_else(|_| {
                    Err(EmbedError::Failed { action: "embed", reason: "it panicked".to_string() })
                })
            });
            std::iter::once(own).chain(others).collect()
        });
        let mut vectors: HashMap<&str, Vec<f32>> = HashMap::new();
        for result in results {
            vectors.extend(result?);
        }
        let whole = |text: &String| match vectors.get(text.as_str()) {
            Some(vector) if vector.len() == TEXT_DIMENSIONS => Ok(vector.clone()),
            odd => Err(EmbedError::Failed {
                action: "embed",
                reason: format!("it gave {} dimensions, expected {TEXT_DIMENSIONS}", odd.map_or(0, Vec::len)),
            }),
        };
        texts.iter().map(whole).collect()
    }

    fn id(&self) -> &str {
        &models::PINS.model
    }
}

/// ONNX Runtime is loaded once a process; the first path wins.
fn environment(library: &Path) -> Result<Environment, EmbedError> {
    static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);
    let mut loaded = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*loaded {
        return Ok(environment.clone());
    }
    let refused = |reason: String| EmbedError::Runtime { path: library.display().to_string(), reason };
    let environment = ort::init_from(library)
        .map_err(|error| refused(error.to_string()))?
        .with_name("flakydetector")
        .with_telemetry(false)
        .build()
        .map_err(|error| refused(error.to_string()))?;
    *loaded = Some(environment.clone());
    Ok(environment)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn meaning_decides_who_is_near() {
        let model = MiniLm::load().unwrap();
        let vectors = model
            .embed(&texts(&[
                "async test that sleeps while waiting for a Redis lock",
                "coroutine waits a fixed time for the lock in redis to expire",
                "the colour of the button is blue",
            ]))
            .unwrap();
        assert!(cosine(&vectors[0], &vectors[1]) > cosine(&vectors[0], &vectors[2]) + 0.3);
        for vector in &vectors {
            assert_eq!(vector.len(), TEXT_DIMENSIONS);
            assert!((cosine(vector, vector) - 1.0).abs() < 1e-4);
        }
    }

    #[test]
    fn answers_keep_the_order_and_do_not_depend_on_company() {
        let model = MiniLm::load().unwrap();
        let many: Vec<String> =
            (0..40).map(|n| format!("test number {n} {}", "waits ".repeat(n * 7 % 31))).collect();
        let together = model.embed(&many).unwrap();
        for (text, vector) in many.iter().zip(&together) {
            let alone = model.embed(std::slice::from_ref(text)).unwrap();
            assert_eq!(*vector, alone[0], "{text}");
        }
        assert!(model.embed(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_is_multiplied_in_8_bits_means_what_the_file_says() {
        let model = MiniLm::load().unwrap();
        let texts =
            texts(&["lock expires", "Async test: lock, uses redis", &"waits for a thread ".repeat(9)]);
        let file = models::read(&model.folder, "model.onnx").unwrap();
        let as_it_stands = model.session_of(file).unwrap().embed(&texts, Some(1)).unwrap();
        for (ours, wide) in model.embed(&texts).unwrap().iter().zip(&as_it_stands) {
            let cosine = cosine(ours, wide);
            assert!(cosine > 0.98, "{cosine}");
        }
    }

    #[test]
    fn another_model_is_refused_with_what_it_lacks() {
        assert!(graph::quantized(b"no model".to_vec()).is_err());
        let empty = onnx::Model { graph: Some(onnx::Graph::default()), ..onnx::Model::default() };
        let reason = graph::quantized(prost::Message::encode_to_vec(&empty)).unwrap_err();
        assert!(reason.contains("token_type_embeddings"), "{reason}");
    }

    #[test]
    fn long_and_empty_texts_have_a_vector_too() {
        let model = MiniLm::load().unwrap();
        let vectors = model.embed(&["".to_string(), "redis lock ".repeat(5_000)]).unwrap();
        assert!(vectors.iter().all(|vector| vector.iter().all(|value| value.is_finite())));
    }

    #[test]
    fn a_missing_model_names_the_file_and_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let error = MiniLm::load_from(folder.path()).err().unwrap().to_string();
        assert!(error.contains("model.onnx") && error.contains("make setup"), "{error}");
    }
}

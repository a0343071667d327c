//! Why a test is unstable and what to do, from evidence, every sentence cited.

pub mod answer;
mod choose;
pub mod evidence;
pub mod grounding;
pub mod model;
pub mod ollama;
pub mod openai;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod replay;
#[cfg(test)]
mod samples;
mod thoughts;
mod untrusted;
mod wire;

pub use choose::{Installed, choose_model};

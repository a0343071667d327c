//! Why a test is unstable and what to do, from evidence, every sentence cited.

mod choose;
pub mod model;
pub mod ollama;
pub mod openai;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod replay;
mod thoughts;
mod wire;

pub use choose::{Installed, choose_model};

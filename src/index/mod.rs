//! The memory: tests as points in a vector store. Knows neither prompts nor how results are shown.

pub mod backup;
pub mod call;
mod conditions;
#[cfg(test)]
pub(crate) mod contract;
pub mod document;
pub mod edge;
pub mod embedder;
mod folder;
pub mod fuse;
mod guard;
pub mod holder;
pub mod meaning;
mod meta;
pub mod models;
pub mod qdrant;
mod room;
#[cfg(test)]
pub(crate) mod samples;
pub mod seen;
pub mod served;
mod server_url;
pub mod store;
pub mod structure;
pub mod sync;
pub mod terms;

pub use document::{IndexedTest, point_id};
pub use embedder::{EmbedError, Embedder};
pub use store::VectorStore;

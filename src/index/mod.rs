//! The memory: tests as points in a vector store. Knows neither prompts nor how results are shown.

pub mod document;
pub mod store;

pub use document::{IndexedTest, point_id};
pub use store::VectorStore;

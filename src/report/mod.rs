//! What people and programs read: one file per format. Knows the nouns, and nothing of how they came to be.

mod evaluation;
mod json;
mod text;

pub use evaluation::evaluation;
pub use json::json;
pub use text::text;

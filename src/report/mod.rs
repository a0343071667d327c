//! What people and programs read: one file per format. Knows the nouns, and nothing of how they came to be.

mod answers;
mod evaluation;
mod explanation;
mod fix;
mod github;
mod gitlab;
mod hindsight;
mod hunted;
mod json;
mod junit;
mod markdown;
mod notices;
mod outcomes;
mod plots;
mod reasons;
mod recall;
mod retrieval;
mod sarif;
mod search;
mod text;
mod trial;

pub use answers::answers;
pub use evaluation::evaluation;
pub use explanation::{answer_end, explanation_head, prompt, sentence};
pub use fix::fix;
pub use github::github;
pub use gitlab::gitlab;
pub use hindsight::hindsight;
pub use hunted::hunted;
pub use json::ScanReport;
pub use junit::junit;
pub use markdown::markdown;
pub use outcomes::outcomes;
pub use plots::page;
pub use reasons::reasons;
pub use recall::recall;
pub use retrieval::retrieval;
pub use sarif::sarif;
pub use search::{hits, patterns};
pub use text::text;
pub use trial::trial;

/// A number with its noun.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

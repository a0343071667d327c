//! Finding tests: by what people ask, and by what another test is like. Knows the store's port, not its kind, and no
//! prompt.

mod candidates;
mod coverage;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod end_to_end;
pub mod evaluation;
mod facets;
mod follow_up;
mod hit;
mod hybrid;
mod name;
mod negation;
mod period;
mod plan;
mod query;
mod score;
mod similar;
mod synonyms;
mod twins;
mod vocabulary;
mod wishes;

use thiserror::Error;

pub use facets::Facets;
pub use follow_up::{Following, follow};
pub use hit::{Hit, SearchAnswer};
pub use hybrid::{answer, search};
pub use name::by_name;
pub use query::read;
pub use similar::{Target, similar};

use crate::index::embedder::EmbedError;
use crate::index::store::StoreError;

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum SearchError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Embed(#[from] EmbedError),
    #[error("no such test is indexed; index its repository, or search for its name")]
    UnknownTest,
}

//! What is remembered of a test, and what of it is embedded. Knows no store and no model.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::risk::Assessment;

/// An assessment with its source, as it lies in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IndexedTest {
    #[serde(flatten)]
    pub assessment: Assessment,
    /// The test's code, as it stands in the file.
    pub source: String,
    /// The sentences and the code that were embedded.
    pub document: String,
    /// BLAKE3 of everything above that can change; equal hashes need no new embedding.
    pub content_hash: String,
}

/// The namespace of all point ids.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_7c52_8a3e_5b49_9d20_c4e1_77ab_3f08);

/// The point id of a test: UUIDv5 of repository and node id, so that indexing twice changes nothing.
pub fn point_id(repo: &str, test_id: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{repo}\0{test_id}").as_bytes())
}

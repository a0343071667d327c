//! The port's calls as values, so that they can cross to the process that holds a store.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::document::IndexedTest;
use super::meta::Meta;
use super::store::{Filter, Names, Page, Point, Ranked, Ranking, StoreError, VectorStore};

/// One call of [`VectorStore`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// What the store was written with.
    Meta,
    Upsert(Vec<Point>),
    Delete(Vec<Uuid>),
    Rank(Vec<Ranking>),
    Tests(Vec<Uuid>),
    Points(Vec<Uuid>),
    Scroll {
        filter: Filter,
        from: Option<Uuid>,
        limit: usize,
    },
    Hashes(String),
    Count(Filter),
    Names,
    Optimize,
}

/// What it gave.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    Meta(Meta),
    Done,
    Ranked(Vec<Ranked>),
    Tests(Vec<(Uuid, IndexedTest)>),
    Points(Vec<Point>),
    Page(Page),
    Hashes(BTreeMap<Uuid, String>),
    Count(usize),
    Names(Arc<Names>),
}

/// Makes the call on a store whose vectors are those of the model `embedding`.
///
/// # Errors
/// Those of the store.
pub async fn answer(store: &Arc<dyn VectorStore>, embedding: &str, call: Call) -> Result<Reply, StoreError> {
    Ok(match call {
        Call::Meta => Reply::Meta(Meta::current(embedding)),
        Call::Upsert(points) => store.upsert(points).await.map(|()| Reply::Done)?,
        Call::Delete(ids) => store.delete(ids).await.map(|()| Reply::Done)?,
        Call::Rank(rankings) => Reply::Ranked(store.rank(rankings).await?),
        Call::Tests(ids) => Reply::Tests(store.tests(ids).await?),
        Call::Points(ids) => Reply::Points(store.points(ids).await?),
        Call::Scroll { filter, from, limit } => Reply::Page(store.scroll(filter, from, limit).await?),
        Call::Hashes(repo) => Reply::Hashes(store.hashes(&repo).await?),
        Call::Count(filter) => Reply::Count(store.count(filter).await?),
        Call::Names => Reply::Names(store.names().await?),
        Call::Optimize => store.optimize().await.map(|()| Reply::Done)?,
    })
}

//! The store of another process: an embedded store belongs to one, and while `serve` holds it, others ask through it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::call::{Call, Reply};
use super::document::IndexedTest;
use super::holder::Holder;
use super::meta::Meta;
use super::store::{Filter, Names, Page, Point, Ranked, Ranking, StoreError, VectorStore};

/// Points a request.
const BATCH: usize = 64;
/// An optimisation of a large store takes this long.
const PATIENCE: Duration = Duration::from_secs(300);

/// A store that another process holds and serves.
pub struct ServedStore {
    client: reqwest::Client,
    /// Where its calls are answered.
    url: String,
    key: String,
}

impl ServedStore {
    /// Connects to the process that holds the store `collection`, for vectors of the model `embedding`; `None` where it
    /// does not serve.
    ///
    /// # Errors
    /// It does not answer, or is of another version.
    pub async fn open(
        holder: &Holder,
        collection: &str,
        embedding: &str,
    ) -> Result<Option<Self>, StoreError> {
        let (Some(address), Some(key)) = (&holder.address, &holder.key) else { return Ok(None) };
        let url = format!("{address}/api/v1/store/{collection}");
        let fail = |error: reqwest::Error| served(&url, &error.to_string());
        // no proxy stands between two processes of one machine
        let builder = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
        let client = builder.connect_timeout(Duration::from_secs(3)).build().map_err(fail)?;
        let store = ServedStore { client, url: url.clone(), key: key.clone() };
        match store.call(Call::Meta).await? {
            Reply::Meta(found) => Meta::current(embedding).check(address, Some(&found))?,
            _ => return Err(store.odd()),
        }
        Ok(Some(store))
    }

    async fn call(&self, call: Call) -> Result<Reply, StoreError> {
        let request = self.client.post(&self.url).bearer_auth(&self.key).json(&call);
        let fail = |error: reqwest::Error| served(&self.url, &error.to_string());
        let response = request.send().await.map_err(fail)?;
        if response.status().is_success() {
            return response.json().await.map_err(fail);
        }
        let status = response.status();
        let problem: serde_json::Value = response.json().await.unwrap_or_default();
        let detail = problem["detail"].as_str().map_or_else(|| status.to_string(), str::to_owned);
        Err(served(&self.url, &detail))
    }

    async fn done(&self, call: Call) -> Result<(), StoreError> {
        match self.call(call).await? {
            Reply::Done => Ok(()),
            _ => Err(self.odd()),
        }
    }

    fn odd(&self) -> StoreError {
        served(&self.url, "it gave an answer to another question")
    }
}

fn served(url: &str, reason: &str) -> StoreError {
    let address = url.split("/api/").next().unwrap_or(url).to_owned();
    StoreError::Served { address, reason: reason.to_owned() }
}

#[async_trait]
impl VectorStore for ServedStore {
    async fn upsert(&self, points: Vec<Point>) -> Result<(), StoreError> {
        for batch in points.chunks(BATCH) {
            self.done(Call::Upsert(batch.to_vec())).await?;
        }
        Ok(())
    }

    async fn delete(&self, ids: Vec<Uuid>) -> Result<(), StoreError> {
        self.done(Call::Delete(ids)).await
    }

    async fn rank(&self, rankings: Vec<Ranking>) -> Result<Vec<Ranked>, StoreError> {
        match self.call(Call::Rank(rankings)).await? {
            Reply::Ranked(ranked) => Ok(ranked),
            _ => Err(self.odd()),
        }
    }

    async fn tests(&self, ids: Vec<Uuid>) -> Result<Vec<(Uuid, IndexedTest)>, StoreError> {
        match self.call(Call::Tests(ids)).await? {
            Reply::Tests(tests) => Ok(tests),
            _ => Err(self.odd()),
        }
    }

    async fn points(&self, ids: Vec<Uuid>) -> Result<Vec<Point>, StoreError> {
        match self.call(Call::Points(ids)).await? {
            Reply::Points(points) => Ok(points),
            _ => Err(self.odd()),
        }
    }

    async fn scroll(&self, filter: Filter, from: Option<Uuid>, limit: usize) -> Result<Page, StoreError> {
        match self.call(Call::Scroll { filter, from, limit }).await? {
            Reply::Page(page) => Ok(page),
            _ => Err(self.odd()),
        }
    }

    async fn hashes(&self, repo: &str) -> Result<BTreeMap<Uuid, String>, StoreError> {
        match self.call(Call::Hashes(repo.to_owned())).await? {
            Reply::Hashes(hashes) => Ok(hashes),
            _ => Err(self.odd()),
        }
    }

    async fn count(&self, filter: Filter) -> Result<usize, StoreError> {
        match self.call(Call::Count(filter)).await? {
            Reply::Count(count) => Ok(count),
            _ => Err(self.odd()),
        }
    }

    async fn names(&self) -> Result<Arc<Names>, StoreError> {
        match self.call(Call::Names).await? {
            Reply::Names(names) => Ok(names),
            _ => Err(self.odd()),
        }
    }

    async fn optimize(&self) -> Result<(), StoreError> {
        self.done(Call::Optimize).await
    }
}

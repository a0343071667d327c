//! The store on a Qdrant server or cluster, over gRPC. The only module that names `qdrant_client`.

mod collection;
mod connection;
mod convert;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::try_join;
use futures::{StreamExt, TryStreamExt, stream};
use qdrant_client::qdrant::{
    CountPointsBuilder, DeletePointsBuilder, FacetCountsBuilder, GetPointsBuilder, PayloadIncludeSelector,
    PointId, PointsIdsList, Query, QueryBatchPointsBuilder, QueryPoints, QueryPointsBuilder, RetrievedPoint,
    ScrollPointsBuilder, UpsertPointsBuilder, VectorInput, facet_value,
};
use qdrant_client::{Qdrant, QdrantError};
use uuid::Uuid;

pub use self::collection::Layout;
use self::connection::{connect, failed, patiently};
use self::convert::{from_server, server_filter, server_id, test, to_server, uuid};
use super::conditions::{CONTENT_HASH, LIBRARIES, REPO, TEST};
use super::document::IndexedTest;
use super::folder::Access;
use super::meta::Meta;
use super::store::{Filter, Names, Near, Page, Point, Ranked, Ranking, StoreError, VectorStore};

/// The environment variable with the server's key.
pub const KEY_VARIABLE: &str = "QDRANT_API_KEY";

const TEXT: &str = "text";
const STRUCTURE: &str = "structure";
const TERMS: &str = "terms";
/// Points a request: a message stays well below the server's limit of 32 MB.
const BATCH: usize = 128;
/// Requests with points that are under way at once.
const PARALLEL: usize = 4;
/// More names than there are.
const ALL_NAMES: u64 = 1_000_000;
/// Points read at once where all of a repository are.
const PAGE: u32 = 5_000;

/// Tests on a server, shared by as many processes as like.
pub struct QdrantStore {
    client: Qdrant,
    url: String,
    /// What others know the collection by.
    name: String,
    /// Where calls go: the name, or a collection that is to take its place.
    collection: String,
}

impl QdrantStore {
    /// Connects to the server at `url` (gRPC, port 6334 unless it names another) with the key in `QDRANT_API_KEY`, if
    /// there is one, and opens the collection for vectors of the model `embedding`; one that is made is laid out as told.
    pub async fn open(
        url: &str,
        name: &str,
        embedding: &str,
        access: Access,
        layout: &Layout,
    ) -> Result<Self, StoreError> {
        let (client, url) = connect(url)?;
        let mut store = QdrantStore { client, url, name: name.to_owned(), collection: name.to_owned() };
        store.prepare(&Meta::current(embedding), access, layout).await?;
        Ok(store)
    }

    /// Removes the collection with all that was remembered. None there is no error.
    pub async fn erase(url: &str, name: &str) -> Result<(), StoreError> {
        let (client, url) = connect(url)?;
        if let Some(found) =
            Self::target(&client, name).await.map_err(|error| failed(&url, "open", &error))?
        {
            client.delete_collection(found).await.map_err(|error| failed(&url, "be removed", &error))?;
        }
        Ok(())
    }

    fn fail(&self, action: &'static str) -> impl Fn(QdrantError) -> StoreError + '_ {
        move |error| failed(&self.url, action, &error)
    }

    /// How many tests have each value of what is indexed by `key`.
    async fn values(&self, key: &str) -> Result<HashMap<String, usize>, StoreError> {
        let facets = FacetCountsBuilder::new(&self.collection, key).limit(ALL_NAMES).exact(true);
        let answer = self.client.facet(facets).await.map_err(self.fail("list names"))?;
        let named = answer.hits.into_iter().filter_map(|hit| match hit.value?.variant? {
            facet_value::Variant::StringValue(name) => Some((name, hit.count as usize)),
            _ => None,
        });
        Ok(named.collect())
    }

    async fn retrieve(&self, ids: Vec<PointId>, vectors: bool) -> Result<Vec<RetrievedPoint>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let get = GetPointsBuilder::new(&self.collection, ids).with_payload(only(TEST)).with_vectors(vectors);
        Ok(self.client.get_points(get).await.map_err(self.fail("read a test"))?.result)
    }
}

#[async_trait]
impl VectorStore for QdrantStore {
    async fn upsert(&self, points: Vec<Point>) -> Result<(), StoreError> {
        let points = points.into_iter().map(to_server).collect::<Result<Vec<_>, _>>()?;
        let batches: Vec<_> = points
            .chunks(BATCH)
            .map(|batch| UpsertPointsBuilder::new(&self.collection, batch).wait(true).build())
            .collect();
        let written = stream::iter(batches)
            .map(|batch| async move { patiently(|| self.client.upsert_points(batch.clone())).await });
        written
            .buffer_unordered(PARALLEL)
            .try_for_each(|_| async { Ok(()) })
            .await
            .map_err(self.fail("store tests"))
    }

    async fn delete(&self, ids: Vec<Uuid>) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = PointsIdsList { ids: ids.into_iter().map(server_id).collect() };
        let delete = DeletePointsBuilder::new(&self.collection).points(ids).wait(true).build();
        patiently(|| self.client.delete_points(delete.clone())).await.map_err(self.fail("remove tests"))?;
        Ok(())
    }

    async fn rank(&self, rankings: Vec<Ranking>) -> Result<Vec<Ranked>, StoreError> {
        // a server refuses an empty vector, which nothing is like
        let is_asked =
            |ranking: &Ranking| !matches!(&ranking.near, Near::Terms(terms) if terms.indices.is_empty());
        let asked: Vec<bool> = rankings.iter().map(is_asked).collect();
        if !asked.contains(&true) {
            return Ok(vec![Ranked::new(); asked.len()]);
        }
        let queries = rankings.into_iter().filter(is_asked).map(|ranking| {
            let (name, vector) = match ranking.near {
                Near::Text(vector) => (TEXT, VectorInput::new_dense(vector)),
                Near::Terms(terms) => (TERMS, VectorInput::new_sparse(terms.indices, terms.values)),
                Near::Structure(vector) => (STRUCTURE, VectorInput::new_dense(vector)),
            };
            let search = QueryPointsBuilder::new(&self.collection)
                .query(Query::new_nearest(vector))
                .using(name)
                .limit(ranking.depth as u64)
                .with_payload(false);
            match server_filter(&ranking.filter) {
                Some(filter) => search.filter(filter).build(),
                None => search.build(),
            }
        });
        let batch = QueryBatchPointsBuilder::new(&self.collection, queries.collect::<Vec<QueryPoints>>());
        let answer = self.client.query_batch(batch).await.map_err(self.fail("search"))?;
        let mut ranked = answer.result.into_iter().map(|ranking| {
            ranking.result.into_iter().filter_map(|point| Some((uuid(point.id)?, point.score))).collect()
        });
        Ok(asked
            .into_iter()
            .map(|asked| if asked { ranked.next() } else { None }.unwrap_or_default())
            .collect())
    }

    async fn tests(&self, ids: Vec<Uuid>) -> Result<Vec<(Uuid, IndexedTest)>, StoreError> {
        let found = self.retrieve(ids.into_iter().map(server_id).collect(), false).await?;
        let known = found.into_iter().filter_map(|point| Some((uuid(point.id)?, point.payload)));
        known.map(|(id, payload)| Ok((id, test(payload)?))).collect()
    }

    async fn points(&self, ids: Vec<Uuid>) -> Result<Vec<Point>, StoreError> {
        let found = self.retrieve(ids.into_iter().map(server_id).collect(), true).await?;
        let known = found.into_iter().filter_map(|point| Some((uuid(point.id.clone())?, point)));
        known.map(|(id, point)| from_server(id, point)).collect()
    }

    async fn scroll(&self, filter: Filter, from: Option<Uuid>, limit: usize) -> Result<Page, StoreError> {
        let mut scroll = ScrollPointsBuilder::new(&self.collection)
            .limit(u32::try_from(limit.max(1)).unwrap_or(u32::MAX))
            .with_payload(only(TEST))
            .with_vectors(false);
        if let Some(filter) = server_filter(&filter) {
            scroll = scroll.filter(filter);
        }
        if let Some(from) = from {
            scroll = scroll.offset(server_id(from));
        }
        let answer = self.client.scroll(scroll).await.map_err(self.fail("list tests"))?;
        let tests = answer.result.into_iter().map(|point| test(point.payload)).collect::<Result<_, _>>()?;
        Ok(Page { tests, next: uuid(answer.next_page_offset) })
    }

    async fn hashes(&self, repo: &str) -> Result<BTreeMap<Uuid, String>, StoreError> {
        let filter = Filter::of_repo(repo);
        let filter = server_filter(&filter).unwrap_or_default();
        let mut hashes = BTreeMap::new();
        let mut offset: Option<PointId> = None;
        loop {
            let mut scroll = ScrollPointsBuilder::new(&self.collection)
                .filter(filter.clone())
                .limit(PAGE)
                .with_payload(only(CONTENT_HASH))
                .with_vectors(false);
            if let Some(offset) = offset {
                scroll = scroll.offset(offset);
            }
            let answer = self.client.scroll(scroll).await.map_err(self.fail("list tests"))?;
            hashes.extend(answer.result.into_iter().filter_map(|point| {
                let hash = point.payload.get(CONTENT_HASH)?.as_str()?.to_string();
                Some((uuid(point.id)?, hash))
            }));
            offset = answer.next_page_offset;
            if offset.is_none() {
                return Ok(hashes);
            }
        }
    }

    async fn count(&self, filter: Filter) -> Result<usize, StoreError> {
        let mut count = CountPointsBuilder::new(&self.collection).exact(true);
        if let Some(filter) = server_filter(&filter) {
            count = count.filter(filter);
        }
        let answer = self.client.count(count).await.map_err(self.fail("count tests"))?;
        Ok(answer.result.unwrap_or_default().count as usize)
    }

    async fn names(&self) -> Result<Arc<Names>, StoreError> {
        let (repos, libraries) = try_join(self.values(REPO), self.values(LIBRARIES)).await?;
        Ok(Arc::new(Names::new(repos, libraries)))
    }

    /// A server does this by itself.
    async fn optimize(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn publish(&self) -> Result<(), StoreError> {
        self.take_the_place().await
    }
}

fn only(key: &str) -> PayloadIncludeSelector {
    PayloadIncludeSelector { fields: vec![key.to_string()] }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::index::samples::{id_of, point, sample, unstable};
    use crate::smells::Cause;

    #[tokio::test]
    async fn no_server_is_said_with_url_and_remedy() {
        // a port that was free a moment ago
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}");
        let error = QdrantStore::open(&url, "tests", "a-model", Access::Existing, &Layout::default())
            .await
            .err()
            .unwrap();
        assert!(matches!(&error, StoreError::Unreachable { url: said, .. } if *said == url), "{error}");
        assert!(error.to_string().contains("docker compose up qdrant"));
    }

    #[tokio::test]
    async fn a_server_that_speaks_http_only_is_said_to_be_no_grpc() {
        // answers as Qdrant's REST port does to what is not its language
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                use tokio::io::AsyncWriteExt;
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
            }
        });
        let error = QdrantStore::open(&url, "tests", "a-model", Access::Existing, &Layout::default())
            .await
            .err()
            .unwrap();
        server.abort();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    }

    #[test]
    fn a_test_survives_the_servers_value_types() {
        let before = unstable("a", "t.py::test_x", Cause::AsyncWait, "def test_x():\n    sleep(1)\n");
        let sent = to_server(point(before.clone(), 3)).unwrap();
        assert_eq!(test(sent.payload).unwrap(), before);
        assert_eq!(uuid(sent.id).unwrap(), id_of("a", "t.py::test_x"));
        assert!(test(HashMap::new()).is_err());
    }

    #[test]
    fn a_filter_becomes_the_servers() {
        assert_eq!(server_filter(&Filter::default()), None);
        let filter = Filter {
            repos: vec!["a".into(), "b".into()],
            is_async: Some(true),
            not_ids: vec![sample("a", "t").point_id()],
            ..Filter::default()
        };
        let server = server_filter(&filter).unwrap();
        assert_eq!((server.must.len(), server.must_not.len()), (2, 1));
    }
}

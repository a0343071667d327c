//! The store on a Qdrant server or cluster, over gRPC. The only module that names `qdrant_client`.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use qdrant_client::qdrant::vector_output::Vector as Output;
use qdrant_client::qdrant::vectors_config::Config as VectorsKind;
use qdrant_client::qdrant::vectors_output::VectorsOptions;
use qdrant_client::qdrant::{
    Condition as ServerCondition, CountPointsBuilder, CreateCollectionBuilder,
    CreateFieldIndexCollectionBuilder, DeletePointsBuilder, Distance, FieldType, Filter as ServerFilter,
    GetPointsBuilder, KeywordIndexParamsBuilder, Modifier, NamedVectors, PayloadIncludeSelector, PointId,
    PointStruct, PointsIdsList, Query, QueryBatchPointsBuilder, QueryPoints, QueryPointsBuilder, Range,
    RetrievedPoint, ScrollPointsBuilder, SparseVectorParamsBuilder, SparseVectorsConfigBuilder,
    UpsertPointsBuilder, Value, Vector, VectorInput, VectorParamsBuilder, VectorsConfigBuilder,
    VectorsOutput, point_id::PointIdOptions,
};
use qdrant_client::{Payload, Qdrant, QdrantError};
use uuid::Uuid;

use super::conditions::{self, BOOLEANS, CONTENT_HASH, Condition, Conditions, INTEGERS, KEYWORDS};
use super::folder::Access;
use super::fuse::{depth, fuse};
use super::meta::Meta;
use super::server_url::{hint, normalize, plain_message};
use super::store::{
    Filter, HybridQuery, Page, Point, STRUCTURE_DIMENSIONS, Scored, StoreError, TEXT_DIMENSIONS, Terms,
    VectorStore,
};

/// The collection of tests, where none is named.
pub const COLLECTION: &str = "tests";
/// The environment variable with the server's key.
pub const KEY_VARIABLE: &str = "QDRANT_API_KEY";

const TEXT: &str = "text";
const STRUCTURE: &str = "structure";
const TERMS: &str = "terms";
const META: &str = "flakydetector";
/// Points a request: a message stays well below the server's limit of 32 MB.
const BATCH: usize = 128;
/// Points read at once where all of a repository are.
const PAGE: u32 = 5_000;

/// Tests on a server, shared by as many processes as like.
pub struct QdrantStore {
    client: Qdrant,
    url: String,
    collection: String,
}

impl QdrantStore {
    /// Connects to the server at `url` (gRPC, port 6334 unless it names another) with the key in `QDRANT_API_KEY`, if
    /// there is one, and opens the collection for vectors of the model `embedding`.
    pub async fn open(
        url: &str,
        collection: &str,
        embedding: &str,
        access: Access,
    ) -> Result<Self, StoreError> {
        let (client, url) = connect(url)?;
        let store = QdrantStore { client, url, collection: collection.to_string() };
        store.prepare(&Meta::current(embedding), access).await?;
        Ok(store)
    }

    /// Removes the collection with all that was remembered. None there is no error.
    pub async fn erase(url: &str, collection: &str) -> Result<(), StoreError> {
        let (client, url) = connect(url)?;
        let exists =
            client.collection_exists(collection).await.map_err(|error| failed(&url, "open", &error))?;
        if exists {
            client.delete_collection(collection).await.map_err(|error| failed(&url, "be removed", &error))?;
        }
        Ok(())
    }

    async fn prepare(&self, meta: &Meta, access: Access) -> Result<(), StoreError> {
        let fail = |error| failed(&self.url, "open", &error);
        let place = format!("{} (collection {})", self.url, self.collection);
        if self.client.collection_exists(&self.collection).await.map_err(fail)? {
            return self.check(meta, &place).await;
        }
        if access == Access::Existing {
            return Err(StoreError::Missing { path: place });
        }
        let mut dense = VectorsConfigBuilder::default();
        dense.add_named_vector_params(
            TEXT,
            VectorParamsBuilder::new(TEXT_DIMENSIONS as u64, Distance::Cosine),
        );
        dense.add_named_vector_params(
            STRUCTURE,
            VectorParamsBuilder::new(STRUCTURE_DIMENSIONS as u64, Distance::Euclid),
        );
        let mut sparse = SparseVectorsConfigBuilder::default();
        sparse.add_named_vector_params(TERMS, SparseVectorParamsBuilder::default().modifier(Modifier::Idf));
        let metadata = HashMap::from([(META.to_string(), serde_json::json!(meta))]);
        let create = CreateCollectionBuilder::new(&self.collection)
            .vectors_config(dense)
            .sparse_vectors_config(sparse)
            .metadata(metadata);
        match self.client.create_collection(create).await {
            Ok(_) => {}
            // another process may have been faster
            Err(error) if error.to_string().contains("already exists") => {
                return self.check(meta, &place).await;
            }
            Err(error) => return Err(fail(error)),
        }
        for (at, key) in KEYWORDS.into_iter().enumerate() {
            let index = CreateFieldIndexCollectionBuilder::new(&self.collection, key, FieldType::Keyword)
                .field_index_params(KeywordIndexParamsBuilder::default().is_tenant(at == 0))
                .wait(true);
            self.client.create_field_index(index).await.map_err(fail)?;
        }
        let booleans = BOOLEANS.map(|key| (key, FieldType::Bool));
        for (key, kind) in booleans.into_iter().chain(INTEGERS.map(|key| (key, FieldType::Integer))) {
            let index = CreateFieldIndexCollectionBuilder::new(&self.collection, key, kind).wait(true);
            self.client.create_field_index(index).await.map_err(fail)?;
        }
        Ok(())
    }

    /// Whether the collection is one of this program and of this version. Servers before 1.16 keep no note of it; there
    /// only the vectors can be looked at.
    async fn check(&self, meta: &Meta, place: &str) -> Result<(), StoreError> {
        let info = self
            .client
            .collection_info(&self.collection)
            .await
            .map_err(|error| failed(&self.url, "open", &error))?;
        let config = info.result.and_then(|info| info.config).unwrap_or_default();
        if let Some(note) = config.metadata.get(META) {
            let found = serde_json::from_value(note.clone().into_json()).ok();
            return meta.check(place, found.as_ref());
        }
        let vectors = config.params.unwrap_or_default().vectors_config.and_then(|vectors| vectors.config);
        let fits = matches!(vectors, Some(VectorsKind::ParamsMap(map)) if
            map.map.get(TEXT).is_some_and(|params| params.size == TEXT_DIMENSIONS as u64)
            && map.map.get(STRUCTURE).is_some_and(|params| params.size == STRUCTURE_DIMENSIONS as u64));
        if fits { Ok(()) } else { meta.check(place, None) }
    }

    fn fail(&self, action: &'static str) -> impl Fn(QdrantError) -> StoreError + '_ {
        move |error| failed(&self.url, action, &error)
    }

    async fn retrieve(&self, ids: Vec<PointId>, vectors: bool) -> Result<Vec<RetrievedPoint>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let get = GetPointsBuilder::new(&self.collection, ids).with_payload(true).with_vectors(vectors);
        Ok(self.client.get_points(get).await.map_err(self.fail("read a test"))?.result)
    }
}

#[async_trait]
impl VectorStore for QdrantStore {
    async fn upsert(&self, points: Vec<Point>) -> Result<(), StoreError> {
        let points = points.into_iter().map(to_server).collect::<Result<Vec<_>, _>>()?;
        for batch in points.chunks(BATCH) {
            let upsert = UpsertPointsBuilder::new(&self.collection, batch).wait(true);
            self.client.upsert_points(upsert).await.map_err(self.fail("store tests"))?;
        }
        Ok(())
    }

    async fn delete(&self, ids: Vec<Uuid>) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = PointsIdsList { ids: ids.into_iter().map(server_id).collect() };
        let delete = DeletePointsBuilder::new(&self.collection).points(ids).wait(true);
        self.client.delete_points(delete).await.map_err(self.fail("remove tests"))?;
        Ok(())
    }

    async fn query(&self, query: HybridQuery) -> Result<Vec<Scored>, StoreError> {
        let terms = query.terms.filter(|terms| !terms.indices.is_empty());
        let vectors = [
            (TEXT, query.text.map(VectorInput::new_dense)),
            (TERMS, terms.map(|terms| VectorInput::new_sparse(terms.indices, terms.values))),
            (STRUCTURE, query.structure.map(VectorInput::new_dense)),
        ];
        let filter = server_filter(&query.filter);
        let (mut weights, mut queries): (Vec<(f32, &str)>, Vec<QueryPoints>) = (Vec::new(), Vec::new());
        for (weight, (name, vector)) in query.weights.into_iter().zip(vectors) {
            let Some(vector) = vector.filter(|_| weight > 0.0) else { continue };
            let mut search = QueryPointsBuilder::new(&self.collection)
                .query(Query::new_nearest(vector))
                .using(name)
                .limit(depth(query.limit) as u64)
                .with_payload(false);
            if let Some(filter) = &filter {
                search = search.filter(filter.clone());
            }
            weights.push((weight, name));
            queries.push(search.build());
        }
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        let batch = QueryBatchPointsBuilder::new(&self.collection, queries);
        let answer = self.client.query_batch(batch).await.map_err(self.fail("search"))?;
        let (mut rankings, mut bm25): (Vec<(f32, Vec<Uuid>)>, HashMap<Uuid, f32>) = Default::default();
        for ((weight, name), ranking) in weights.into_iter().zip(answer.result) {
            let ranked = ranking.result.into_iter().filter_map(|point| Some((uuid(point.id)?, point.score)));
            let ranked: Vec<(Uuid, f32)> = ranked.collect();
            rankings.push((weight, ranked.iter().map(|(id, _)| *id).collect()));
            if name == TERMS {
                bm25.extend(ranked);
            }
        }
        let fused = fuse(&rankings, query.limit);
        let ids = fused.iter().map(|(id, _)| server_id(*id)).collect();
        let mut points: HashMap<Uuid, RetrievedPoint> = self
            .retrieve(ids, false)
            .await?
            .into_iter()
            .filter_map(|point| Some((uuid(point.id.clone())?, point)))
            .collect();
        fused
            .into_iter()
            .filter_map(|(id, score)| points.remove(&id).map(|point| (id, score, point)))
            .map(|(id, score, point)| {
                let bm25 = bm25.get(&id).copied().unwrap_or_default();
                Ok(Scored { score, bm25, test: test(point.payload)? })
            })
            .collect()
    }

    async fn get(&self, id: Uuid) -> Result<Option<Point>, StoreError> {
        let points = self.retrieve(vec![server_id(id)], true).await?;
        points.into_iter().next().map(|point| from_server(id, point)).transpose()
    }

    async fn scroll(&self, filter: Filter, from: Option<Uuid>, limit: usize) -> Result<Page, StoreError> {
        let mut scroll = ScrollPointsBuilder::new(&self.collection)
            .limit(u32::try_from(limit.max(1)).unwrap_or(u32::MAX))
            .with_payload(true)
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
        let filter = Filter { repos: vec![repo.to_string()], ..Filter::default() };
        let filter = server_filter(&filter).unwrap_or_default();
        let mut hashes = BTreeMap::new();
        let mut offset: Option<PointId> = None;
        loop {
            let mut scroll = ScrollPointsBuilder::new(&self.collection)
                .filter(filter.clone())
                .limit(PAGE)
                .with_payload(PayloadIncludeSelector { fields: vec![CONTENT_HASH.to_string()] })
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

    /// A server does this by itself.
    async fn optimize(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A client for the server at `url`, and the URL in full. Nothing is sent yet.
fn connect(url: &str) -> Result<(Qdrant, String), StoreError> {
    let url = normalize(url);
    let client = Qdrant::from_url(&url)
        .api_key(std::env::var(KEY_VARIABLE).ok().filter(|key| !key.is_empty()))
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(60))
        .skip_compatibility_check()
        .build()
        .map_err(|error| unreachable(&url, &error.to_string()))?;
    Ok((client, url))
}

fn unreachable(url: &str, reason: &str) -> StoreError {
    let reason = format!("{}{}", plain_message(reason), hint(url));
    StoreError::Unreachable { url: url.to_string(), reason }
}

fn failed(url: &str, action: &'static str, error: &QdrantError) -> StoreError {
    let (QdrantError::ResponseError { status } | QdrantError::ResourceExhaustedError { status, .. }) = error
    else {
        return unreachable(url, &error.to_string());
    };
    if status.message().starts_with("Failed to connect") {
        return unreachable(url, status.message());
    }
    let message = plain_message(status.message());
    // gRPC's numbers: 4 deadline exceeded, 14 unavailable, 1 cancelled, 2 unknown (no gRPC at the other end),
    // 7 permission denied, 16 unauthenticated
    match status.code() as i32 {
        1 | 2 | 4 | 14 => unreachable(url, &message),
        7 | 16 => StoreError::Refused {
            action,
            reason: format!("{message}; set {KEY_VARIABLE} to the server's key"),
        },
        13 if url.ends_with(":6333") => unreachable(url, &message),
        _ => StoreError::Refused { action, reason: message },
    }
}

fn server_filter(filter: &Filter) -> Option<ServerFilter> {
    let conditions = Conditions::from(filter);
    if conditions.is_empty() {
        return None;
    }
    let translate = |conditions: Vec<Condition>| -> Vec<ServerCondition> {
        conditions
            .into_iter()
            .map(|condition| match condition {
                Condition::AnyOf(key, values) => ServerCondition::matches(key, values),
                Condition::Is(key, value) => ServerCondition::matches(key, value),
                Condition::AtLeast(key, value) => {
                    ServerCondition::range(key, Range { gte: Some(value as f64), ..Range::default() })
                }
                Condition::Ids(ids) => ServerCondition::has_id(ids.into_iter().map(server_id)),
            })
            .collect()
    };
    Some(ServerFilter {
        must: translate(conditions.must),
        must_not: translate(conditions.must_not),
        ..ServerFilter::default()
    })
}

fn to_server(point: Point) -> Result<PointStruct, StoreError> {
    let vectors = NamedVectors::default()
        .add_vector(TEXT, Vector::new_dense(point.text))
        .add_vector(STRUCTURE, Vector::new_dense(point.structure))
        .add_vector(TERMS, Vector::new_sparse(point.terms.indices, point.terms.values));
    let payload = Payload::from(conditions::payload(&point.test)?);
    Ok(PointStruct::new(server_id(point.id), vectors, payload))
}

fn from_server(id: Uuid, point: RetrievedPoint) -> Result<Point, StoreError> {
    let mut back = Point {
        id,
        text: Vec::new(),
        structure: Vec::new(),
        terms: Terms::default(),
        test: test(point.payload)?,
    };
    if let Some(VectorsOutput { vectors_options: Some(VectorsOptions::Vectors(named)) }) = point.vectors {
        for (name, vector) in named.vectors {
            match (name.as_str(), vector.into_vector()) {
                (TEXT, Output::Dense(vector)) => back.text = vector.data,
                (STRUCTURE, Output::Dense(vector)) => back.structure = vector.data,
                (TERMS, Output::Sparse(vector)) => {
                    back.terms = Terms { indices: vector.indices, values: vector.values };
                }
                _ => {}
            }
        }
    }
    Ok(back)
}

fn test(payload: HashMap<String, Value>) -> Result<super::IndexedTest, StoreError> {
    conditions::test(payload.into_iter().map(|(key, value)| (key, value.into_json())).collect())
}

fn server_id(id: Uuid) -> PointId {
    PointId::from(id.to_string())
}

fn uuid(id: Option<PointId>) -> Option<Uuid> {
    match id?.point_id_options? {
        PointIdOptions::Uuid(text) => Uuid::parse_str(&text).ok(),
        PointIdOptions::Num(_) => None,
    }
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
        let error = QdrantStore::open(&url, COLLECTION, "a-model", Access::Existing).await.err().unwrap();
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
        let error = QdrantStore::open(&url, COLLECTION, "a-model", Access::Existing).await.err().unwrap();
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

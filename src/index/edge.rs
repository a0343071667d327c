//! The store inside this process: Qdrant's own engine on a folder. The only module that names `qdrant_edge`.
//!
//! The engine does not replay its log when it opens, so what is not flushed is lost by a kill: every write is flushed
//! before it is acknowledged. Its flush panics where it should wait or return an error, so writers take turns and
//! every call into it passes a border that turns panics into errors.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use qdrant_edge::{
    Condition as EdgeCondition, CountRequest, CreateIndex, Distance, EdgeConfig, EdgeOptimizersConfig,
    EdgeShard, EdgeSparseVectorParams, EdgeVectorParams, FieldCondition, FieldIndexOperations,
    Filter as EdgeFilter, HasIdCondition, JsonPath, Match, Modifier, NamedQuery, OperationResult, Payload,
    PayloadFieldSchema, PayloadSchemaType, PointId, PointInsertOperations, PointOperations,
    PointStructPersisted, QueryEnum, QueryRequest, Range, Record, ScoringQuery, ScrollRequest, SparseVector,
    UpdateOperation, VectorInternal, VectorPersisted, VectorStructInternal, VectorStructPersisted,
    WalOptions, WithPayloadInterface, WithVector,
};
use rayon::prelude::*;
use uuid::Uuid;

use super::conditions::{self, BOOLEANS, CONTENT_HASH, Condition, Conditions, INTEGERS, KEYWORDS, TEST};
pub use super::folder::Access;
use super::folder::{StoreFolder, blocking, refused};
use super::fuse::{depth, fuse};
use super::guard::guarded;
use super::holder;
use super::meta::Meta;
use super::room;
use super::store::{
    Filter, HybridQuery, Page, Point, STRUCTURE_DIMENSIONS, Scored, StoreError, TEXT_DIMENSIONS, Terms,
    VectorStore,
};

const TEXT: &str = "text";
const STRUCTURE: &str = "structure";
const TERMS: &str = "terms";

/// How long to wait for a process that holds the store and does not serve: a search takes less.
const PATIENCE: Duration = Duration::from_secs(3);
/// Points read at once where all of a repository are.
const PAGE: usize = 10_000;
/// Kilobytes of text vectors, some 30,000 tests: what is rewritten at once stands in memory twice.
const SEGMENT: usize = 48_000;
/// The log is never read again, so it may stay small.
const LOG_SEGMENT: usize = 8 << 20;

/// Tests in a folder of this machine. One process at a time may have it open.
#[derive(Clone)]
pub struct EdgeStore {
    inner: Arc<Inner>,
}

struct Inner {
    folder: StoreFolder,
    /// Taken only when the store closes.
    shard: Option<EdgeShard>,
    /// Held by who writes. Holds why writing is over, once the engine has failed half-way.
    writer: Mutex<Option<String>>,
}

impl EdgeStore {
    /// Opens the store in `folder` for vectors of the model `embedding`, waiting a few seconds if another process is
    /// just about to finish with it.
    pub async fn open(folder: &Path, embedding: &str, access: Access) -> Result<Self, StoreError> {
        let (folder, meta) = (StoreFolder::new(folder), Meta::current(embedding));
        blocking(move || Inner::open(folder, &meta, access))
            .await
            .map(|inner| EdgeStore { inner: Arc::new(inner) })
    }

    /// Says where this process answers for which key, so that others ask it instead of opening the store.
    pub fn announce(&self, address: &str, key: &str) -> Result<(), StoreError> {
        holder::write(self.inner.folder.path(), Some((address, key)))
            .map_err(|error| refused("say who serves it", error.to_string()))
    }

    /// Removes the store in `folder` with all that was remembered, unless a process holds it.
    /// No store there is no error.
    pub fn erase(folder: &Path) -> Result<(), StoreError> {
        StoreFolder::new(folder).erase()
    }

    async fn read<T: Send + 'static>(
        &self,
        action: &'static str,
        work: impl FnOnce(&EdgeShard) -> OperationResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = self.inner.clone();
        blocking(move || {
            let shard = inner.shard()?;
            guarded(|| work(shard))
                .map_err(|panic| refused(action, panic))?
                .map_err(|error| refused(action, error.to_string()))
        })
        .await
    }

    async fn write(
        &self,
        action: &'static str,
        bytes: u64,
        work: impl FnOnce(&EdgeShard) -> OperationResult<()> + Send + 'static,
    ) -> Result<(), StoreError> {
        let inner = self.inner.clone();
        blocking(move || inner.write(action, bytes, work)).await
    }
}

impl Inner {
    fn open(folder: StoreFolder, meta: &Meta, access: Access) -> Result<Self, StoreError> {
        if access == Access::Anew {
            folder.erase()?;
        }
        folder.prepare(meta, access)?;
        let shard = load(&folder)?;
        // not being able to say who holds it is no reason not to
        let _ = holder::write(folder.path(), None);
        folder.drop_leftovers();
        folder.drop_old_log();
        let inner = Inner { folder, shard: Some(shard), writer: Mutex::new(None) };
        let known = inner.shard()?.info().payload_schema.len();
        if known < KEYWORDS.len() + BOOLEANS.len() + INTEGERS.len() {
            inner.write("open", 0, make_indexes)?;
        }
        Ok(inner)
    }

    fn shard(&self) -> Result<&EdgeShard, StoreError> {
        self.shard.as_ref().ok_or_else(|| refused("answer", "it is closed".to_string()))
    }

    /// Runs `work` alone and flushes. After a failure half-way the store no longer takes writes.
    fn write(
        &self,
        action: &'static str,
        bytes: u64,
        work: impl FnOnce(&EdgeShard) -> OperationResult<()>,
    ) -> Result<(), StoreError> {
        let mut over = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = &*over {
            return Err(refused(action, format!("an earlier write failed ({reason}); start again")));
        }
        room::check(self.folder.path(), bytes).map_err(|reason| refused(action, reason))?;
        let shard = self.shard()?;
        let result = guarded(|| {
            let done = work(shard);
            shard.flush();
            done
        });
        match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(refused(action, error.to_string())),
            Err(panic) => {
                *over = Some(panic.clone());
                Err(refused(action, panic))
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.folder.drop_old_log();
        holder::clear(self.folder.path());
        // closing flushes once more, which may panic
        let shard = self.shard.take();
        if let Err(reason) = guarded(|| drop(shard)) {
            tracing::warn!("the store at {} did not close properly: {reason}", self.folder.path().display());
        }
    }
}

#[async_trait]
impl VectorStore for EdgeStore {
    async fn upsert(&self, points: Vec<Point>) -> Result<(), StoreError> {
        let mut bytes = 0;
        let mut stored = Vec::with_capacity(points.len());
        for point in points {
            bytes += (point.test.source.len() * 2 + 16_384) as u64;
            stored.push(to_edge(point)?);
        }
        if stored.is_empty() {
            return Ok(());
        }
        let points = PointOperations::UpsertPoints(PointInsertOperations::PointsList(stored));
        self.write("store tests", bytes, move |shard| shard.update(UpdateOperation::PointOperation(points)))
            .await
    }

    async fn delete(&self, ids: Vec<Uuid>) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = ids.into_iter().map(PointId::Uuid).collect();
        let delete = UpdateOperation::PointOperation(PointOperations::DeletePoints { ids });
        self.write("remove tests", 0, move |shard| shard.update(delete)).await
    }

    async fn query(&self, query: HybridQuery) -> Result<Vec<Scored>, StoreError> {
        let found = self
            .read("search", move |shard| {
                let HybridQuery { text, terms, structure, weights, filter, limit } = query;
                let terms = terms.filter(|terms| !terms.indices.is_empty());
                let vectors = [
                    (TEXT, text.map(VectorInternal::Dense)),
                    (TERMS, terms.map(|terms| VectorInternal::Sparse(sparse(terms)))),
                    (STRUCTURE, structure.map(VectorInternal::Dense)),
                ];
                let filter = edge_filter(&filter);
                let ranked: Vec<(f32, &str, Vec<(Uuid, f32)>)> = weights
                    .into_par_iter()
                    .zip(vectors)
                    .filter(|(weight, _)| *weight > 0.0)
                    .filter_map(|(weight, (name, vector))| {
                        let ranked = rank(shard, name, vector?, filter.clone(), depth(limit));
                        Some(ranked.map(|ranked| (weight, name, ranked)))
                    })
                    .collect::<OperationResult<_>>()?;
                let ids = |ranked: &[(Uuid, f32)]| ranked.iter().map(|(id, _)| *id).collect();
                let rankings: Vec<_> =
                    ranked.iter().map(|(weight, _, ranked)| (*weight, ids(ranked))).collect();
                let terms = ranked.into_iter().find(|(_, name, _)| *name == TERMS);
                let bm25: HashMap<Uuid, f32> =
                    terms.map(|(_, _, ranked)| ranked.into_iter().collect()).unwrap_or_default();
                let fused = fuse(&rankings, limit);
                let ids: Vec<PointId> = fused.iter().map(|(id, _)| PointId::Uuid(*id)).collect();
                let records = shard.retrieve(&ids, Some(whole()), None)?;
                let tests: Vec<_> =
                    records.into_par_iter().map(|record| (record.id, test(record.payload))).collect();
                Ok((fused, bm25, tests))
            })
            .await?;
        let (fused, bm25, tests) = found;
        let scores: HashMap<PointId, f32> =
            fused.into_iter().map(|(id, score)| (PointId::Uuid(id), score)).collect();
        tests
            .into_iter()
            .map(|(id, test)| {
                let score = scores.get(&id).copied().unwrap_or_default();
                let bm25 = uuid(id).and_then(|id| bm25.get(&id).copied()).unwrap_or_default();
                Ok(Scored { score, bm25, test: test? })
            })
            .collect()
    }

    async fn points(&self, ids: Vec<Uuid>) -> Result<Vec<Point>, StoreError> {
        let ids: Vec<PointId> = ids.into_iter().map(PointId::Uuid).collect();
        let records = self
            .read("read tests", move |shard| {
                shard.retrieve(&ids, Some(whole()), Some(WithVector::Bool(true)))
            })
            .await?;
        records.into_iter().map(from_edge).collect()
    }

    async fn scroll(&self, filter: Filter, from: Option<Uuid>, limit: usize) -> Result<Page, StoreError> {
        let request = ScrollRequest {
            offset: from.map(PointId::Uuid),
            limit: Some(limit.max(1)),
            filter: edge_filter(&filter),
            with_payload: Some(whole()),
            ..ScrollRequest::default()
        };
        let (records, next) = self.read("list tests", move |shard| shard.scroll(request)).await?;
        let tests = records.into_iter().map(|record| test(record.payload)).collect::<Result<_, _>>()?;
        Ok(Page { tests, next: next.and_then(uuid) })
    }

    async fn hashes(&self, repo: &str) -> Result<BTreeMap<Uuid, String>, StoreError> {
        let filter = edge_filter(&Filter::of_repo(repo));
        self.read("list tests", move |shard| {
            let mut hashes = BTreeMap::new();
            let mut offset = None;
            loop {
                let request = ScrollRequest {
                    offset,
                    limit: Some(PAGE),
                    filter: filter.clone(),
                    with_payload: Some(WithPayloadInterface::Fields(vec![path(CONTENT_HASH)])),
                    ..ScrollRequest::default()
                };
                let (records, next) = shard.scroll(request)?;
                hashes.extend(records.into_iter().filter_map(|record| {
                    let hash = record.payload?.0.get(CONTENT_HASH)?.as_str()?.to_string();
                    Some((uuid(record.id)?, hash))
                }));
                if next.is_none() {
                    return Ok(hashes);
                }
                offset = next;
            }
        })
        .await
    }

    async fn count(&self, filter: Filter) -> Result<usize, StoreError> {
        let request = CountRequest { filter: edge_filter(&filter), exact: true };
        self.read("count tests", move |shard| shard.count(request)).await
    }

    async fn optimize(&self) -> Result<(), StoreError> {
        // while it runs, new segments stand beside the old ones
        let bytes = self.inner.folder.size();
        self.write("optimize", bytes, |shard| {
            shard.optimize()?;
            make_indexes(shard)
        })
        .await?;
        self.inner.folder.drop_old_log();
        Ok(())
    }
}

/// Loads or makes the shard, and waits a little where another process holds it.
fn load(folder: &StoreFolder) -> Result<EdgeShard, StoreError> {
    let started = Instant::now();
    loop {
        let error = match guarded(|| EdgeShard::load(&folder.shard(), Some(config()))) {
            Ok(Ok(shard)) => return Ok(shard),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => panic,
        };
        if !error.contains("WouldBlock") {
            return Err(refused("open", error));
        }
        let holder = holder::read(folder.path());
        let stays = holder.is_some_and(|holder| holder.address.is_some() || holder.pid == std::process::id());
        if stays || started.elapsed() > PATIENCE {
            return Err(folder.locked());
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}

fn config() -> EdgeConfig {
    let text = EdgeVectorParams::builder(TEXT_DIMENSIONS, Distance::Cosine).build();
    let structure = EdgeVectorParams::builder(STRUCTURE_DIMENSIONS, Distance::Euclid).build();
    let terms = EdgeSparseVectorParams::builder().modifier(Modifier::Idf).build();
    let optimizers =
        EdgeOptimizersConfig { max_segment_size: Some(SEGMENT), ..EdgeOptimizersConfig::default() };
    EdgeConfig::builder()
        .vector(TEXT, text)
        .vector(STRUCTURE, structure)
        .sparse_vector(TERMS, terms)
        .optimizers(optimizers)
        .wal_options(WalOptions { segment_capacity: LOG_SEGMENT, ..WalOptions::default() })
        .build()
}

/// Indexes on what is filtered by. Making one that exists changes nothing.
fn make_indexes(shard: &EdgeShard) -> OperationResult<()> {
    let keywords = KEYWORDS.map(|key| (key, PayloadSchemaType::Keyword));
    let booleans = BOOLEANS.map(|key| (key, PayloadSchemaType::Bool));
    let integers = INTEGERS.map(|key| (key, PayloadSchemaType::Integer));
    for (key, kind) in keywords.into_iter().chain(booleans).chain(integers) {
        shard.update(UpdateOperation::FieldIndexOperation(FieldIndexOperations::CreateIndex(
            CreateIndex { field_name: path(key), field_schema: Some(PayloadFieldSchema::FieldType(kind)) },
        )))?;
    }
    Ok(())
}

/// The ids nearest to `vector` with their scores, best first.
fn rank(
    shard: &EdgeShard,
    name: &str,
    vector: VectorInternal,
    filter: Option<EdgeFilter>,
    limit: usize,
) -> OperationResult<Vec<(Uuid, f32)>> {
    let points = shard.query(QueryRequest {
        prefetches: Vec::new(),
        query: Some(ScoringQuery::Vector(QueryEnum::Nearest(NamedQuery::new(vector, name)))),
        filter,
        score_threshold: None,
        limit,
        offset: 0,
        params: None,
        with_vector: WithVector::Bool(false),
        with_payload: WithPayloadInterface::Bool(false),
    })?;
    Ok(points.into_iter().filter_map(|point| Some((uuid(point.id)?, point.score))).collect())
}

fn edge_filter(filter: &Filter) -> Option<EdgeFilter> {
    let conditions = Conditions::from(filter);
    if conditions.is_empty() {
        return None;
    }
    let translate = |conditions: Vec<Condition>| {
        let translated: Vec<EdgeCondition> = conditions
            .into_iter()
            .map(|condition| match condition {
                Condition::AnyOf(key, values) => {
                    EdgeCondition::Field(FieldCondition::new_match(path(key), Match::from(values)))
                }
                Condition::Is(key, value) => {
                    EdgeCondition::Field(FieldCondition::new_match(path(key), Match::from(value)))
                }
                Condition::AtLeast(key, value) => {
                    let range = Range { gte: Some((value as f64).into()), lt: None, gt: None, lte: None };
                    EdgeCondition::Field(FieldCondition::new_range(path(key), range))
                }
                Condition::Ids(ids) => {
                    EdgeCondition::HasId(ids.into_iter().map(PointId::Uuid).collect::<HasIdCondition>())
                }
            })
            .collect();
        (!translated.is_empty()).then_some(translated)
    };
    Some(EdgeFilter {
        must: translate(conditions.must),
        must_not: translate(conditions.must_not),
        ..EdgeFilter::new()
    })
}

fn to_edge(point: Point) -> Result<PointStructPersisted, StoreError> {
    let vectors = HashMap::from([
        (TEXT.to_string(), VectorPersisted::Dense(point.text)),
        (STRUCTURE.to_string(), VectorPersisted::Dense(point.structure)),
        (TERMS.to_string(), VectorPersisted::Sparse(sparse(point.terms))),
    ]);
    Ok(PointStructPersisted {
        id: PointId::Uuid(point.id),
        vector: VectorStructPersisted::Named(vectors),
        payload: Some(Payload(conditions::payload(&point.test)?)),
    })
}

fn from_edge(record: Record) -> Result<Point, StoreError> {
    let PointId::Uuid(id) = record.id else {
        return Err(refused("read a test", "an id that is none of ours".to_owned()));
    };
    let mut point = Point {
        id,
        text: Vec::new(),
        structure: Vec::new(),
        terms: Terms::default(),
        test: test(record.payload)?,
    };
    if let Some(VectorStructInternal::Named(vectors)) = record.vector {
        for (name, vector) in vectors {
            match (name.as_str(), vector) {
                (TEXT, VectorInternal::Dense(values)) => point.text = values,
                (STRUCTURE, VectorInternal::Dense(values)) => point.structure = values,
                (TERMS, VectorInternal::Sparse(vector)) => {
                    point.terms = Terms { indices: vector.indices, values: vector.values };
                }
                _ => {}
            }
        }
    }
    Ok(point)
}

fn test(payload: Option<Payload>) -> Result<super::IndexedTest, StoreError> {
    conditions::test(&payload.unwrap_or_default().0)
}

fn sparse(terms: Terms) -> SparseVector {
    SparseVector { indices: terms.indices, values: terms.values }
}

fn uuid(id: PointId) -> Option<Uuid> {
    match id {
        PointId::Uuid(id) => Some(id),
        PointId::NumId(_) => None,
    }
}

/// What of the payload is read: what it is filtered by stands in the test too.
fn whole() -> WithPayloadInterface {
    WithPayloadInterface::Fields(vec![path(TEST)])
}

fn path(key: &str) -> JsonPath {
    JsonPath::from_str(key).expect("the keys are constants, and every store makes an index of each")
}

//! The store inside this process: Qdrant's own engine on a folder. The only module that names `qdrant_edge`.
//!
//! The engine does not replay its log when it opens, so what is not flushed is lost by a kill: every write is flushed
//! before it is acknowledged. Its flush panics where it should wait or return an error, so writers take turns and
//! every call into it passes a border that turns panics into errors.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use qdrant_edge::{
    Condition as EdgeCondition, CountRequest, CreateIndex, Distance, EdgeConfig, EdgeOptimizersConfig,
    EdgeShard, EdgeSparseVectorParams, EdgeVectorParams, FacetRequest, FacetValue, FieldCondition,
    FieldIndexOperations, Filter as EdgeFilter, HasIdCondition, JsonPath, Match, Modifier, NamedQuery,
    OperationResult, Payload, PayloadFieldSchema, PayloadSchemaType, PointId, PointInsertOperations,
    PointOperations, PointStructPersisted, QueryEnum, QueryRequest, Range, Record, ScoringQuery,
    ScrollRequest, SparseVector, UpdateOperation, VectorInternal, VectorPersisted, VectorStructInternal,
    VectorStructPersisted, WalOptions, WithPayloadInterface, WithVector,
};
use rayon::prelude::*;
use uuid::Uuid;

use super::conditions::{
    self, BOOLEANS, CONTENT_HASH, Condition, Conditions, INTEGERS, KEYWORDS, LIBRARIES, REPO, TEST,
};
use super::document::IndexedTest;
pub use super::folder::Access;
use super::folder::{StoreFolder, blocking, refused};
use super::guard::guarded;
use super::holder;
use super::meta::Meta;
use super::room;
use super::store::{
    Filter, Names, Near, Page, Point, Ranked, Ranking, STRUCTURE_DIMENSIONS, StoreError, TEXT_DIMENSIONS,
    Terms, VectorStore,
};

const TEXT: &str = "text";
const STRUCTURE: &str = "structure";
const TERMS: &str = "terms";

/// How long to wait for a process that holds the store and does not serve: a search takes less.
const PATIENCE: Duration = Duration::from_secs(3);
/// Tests that a core reads at once.
const READ_AT_ONCE: usize = 16;
/// More names than there are.
const ALL_NAMES: usize = 1_000_000;
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
    /// How often was written, and what was known by name after so many writes.
    written: AtomicU64,
    names: Mutex<Option<(u64, Arc<Names>)>>,
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
        let inner = Inner {
            folder,
            shard: Some(shard),
            writer: Mutex::default(),
            written: AtomicU64::new(0),
            names: Mutex::default(),
        };
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
        self.written.fetch_add(1, Ordering::Release);
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

    async fn rank(&self, rankings: Vec<Ranking>) -> Result<Vec<Ranked>, StoreError> {
        let ranked = move |shard: &EdgeShard| rankings.into_par_iter().map(|one| rank(shard, one)).collect();
        self.read("search", ranked).await
    }

    async fn tests(&self, ids: Vec<Uuid>) -> Result<Vec<(Uuid, IndexedTest)>, StoreError> {
        let ids: Vec<PointId> = ids.into_iter().map(PointId::Uuid).collect();
        let read = move |shard: &EdgeShard| {
            let some = |ids: &[PointId]| {
                let records = shard.retrieve(ids, Some(whole()), None)?;
                let known = records.into_iter().filter_map(|record| Some((uuid(record.id)?, record.payload)));
                Ok(known.map(|(id, payload)| Ok((id, test(payload)?))).collect::<Vec<_>>())
            };
            ids.par_chunks(READ_AT_ONCE).map(some).collect::<OperationResult<Vec<_>>>()
        };
        self.read("read tests", read).await?.into_iter().flatten().collect()
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

    async fn names(&self) -> Result<Arc<Names>, StoreError> {
        let written = self.inner.written.load(Ordering::Acquire);
        let known = || self.inner.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, names)) = &*known()
            && *of == written
        {
            return Ok(names.clone());
        }
        let read =
            |shard: &EdgeShard| Ok(Arc::new(Names::new(values(shard, REPO)?, values(shard, LIBRARIES)?)));
        let names = self.read("list names", read).await?;
        *known() = Some((written, names.clone()));
        Ok(names)
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

    fn warm(&self) {
        self.inner.folder.read_ahead();
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

/// The ids that rank first, with their scores.
fn rank(shard: &EdgeShard, ranking: Ranking) -> OperationResult<Ranked> {
    let (name, vector) = match ranking.near {
        Near::Text(vector) => (TEXT, VectorInternal::Dense(vector)),
        Near::Terms(terms) => (TERMS, VectorInternal::Sparse(sparse(terms))),
        Near::Structure(vector) => (STRUCTURE, VectorInternal::Dense(vector)),
    };
    let points = shard.query(QueryRequest {
        prefetches: Vec::new(),
        query: Some(ScoringQuery::Vector(QueryEnum::Nearest(NamedQuery::new(vector, name)))),
        filter: edge_filter(&ranking.filter),
        score_threshold: None,
        limit: ranking.depth,
        offset: 0,
        params: None,
        with_vector: WithVector::Bool(false),
        with_payload: WithPayloadInterface::Bool(false),
    })?;
    Ok(points.into_iter().filter_map(|point| Some((uuid(point.id)?, point.score))).collect())
}

/// How many tests have each value of what is indexed by `key`.
fn values(shard: &EdgeShard, key: &str) -> OperationResult<HashMap<String, usize>> {
    let found = shard.facet(FacetRequest { key: path(key), limit: ALL_NAMES, filter: None, exact: true })?;
    let named = found.hits.into_iter().filter_map(|hit| match hit.value {
        FacetValue::Keyword(name) => Some((name, hit.count)),
        _ => None,
    });
    Ok(named.collect())
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

fn test(payload: Option<Payload>) -> Result<IndexedTest, StoreError> {
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

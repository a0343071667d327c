//! The port to a vector store, and the plain types that cross it. No library's type passes here.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use super::document::IndexedTest;
use crate::risk::Verdict;
use crate::smells::{Activity, Cause, Severity};

/// Dimensions of the dense text vector (all-MiniLM-L6-v2).
pub const TEXT_DIMENSIONS: usize = 384;
/// Dimensions of the structure vector: the 42 features, standardized.
pub const STRUCTURE_DIMENSIONS: usize = crate::risk::features::COUNT;

/// Sparse BM25 weights by hashed term. Indices are unique and ascending.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    pub indices: Vec<u32>,
    pub values: Vec<f32>,
}

/// One test with its three vectors.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Point {
    pub id: Uuid,
    /// [`TEXT_DIMENSIONS`] values, unit length.
    pub text: Vec<f32>,
    /// [`STRUCTURE_DIMENSIONS`] values.
    pub structure: Vec<f32>,
    pub terms: Terms,
    pub test: IndexedTest,
}

/// Every condition must hold; within one list, any value. Empty means no condition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    pub repos: Vec<String>,
    pub teams: Vec<String>,
    pub causes: Vec<Cause>,
    pub severities: Vec<Severity>,
    pub libraries: Vec<String>,
    pub is_async: Option<bool>,
    /// `pytest` or `unittest`
    pub framework: Option<String>,
    /// Does all of these.
    pub does: Vec<Activity>,
    /// Codes of findings (`FD101`).
    pub codes: Vec<String>,
    /// Files or folders, whole or any part of a path: `tests/asyncio`, `asyncio`, `test_lock.py`.
    pub paths: Vec<String>,
    /// Points to leave out.
    pub not_ids: Vec<Uuid>,
    /// Repositories to leave out.
    pub not_repos: Vec<String>,
    /// Leaves out tests that touch any of these.
    pub not_libraries: Vec<String>,
    /// Leaves out tests that do any of these.
    pub not_does: Vec<Activity>,
    /// Leaves out tests with any of these causes.
    pub not_causes: Vec<Cause>,
    /// What runs showed.
    pub verdicts: Vec<Verdict>,
    /// Shown to be unstable by running with one thing changed.
    pub proved: Option<bool>,
    /// Failed at this time or later, in seconds since 1970.
    pub failed_since: Option<i64>,
    /// Filters that must hold as well (two libraries at once, say).
    pub and: Vec<Filter>,
}

impl Filter {
    /// Everything in one repository.
    pub fn of_repo(repo: &str) -> Filter {
        Filter { repos: vec![repo.to_owned()], ..Filter::default() }
    }

    /// Whether a test fits, as a store would say it; ids, paths and times of failure are for stores alone.
    pub fn fits(&self, test: &IndexedTest) -> bool {
        let assessment = &test.assessment;
        let any = |wanted: &[String], has: &[String]| {
            wanted.is_empty() || wanted.iter().any(|one| has.contains(one))
        };
        let verdict = assessment.outcomes.as_ref().map(|known| known.verdict);
        let proved = assessment.outcomes.as_ref().is_some_and(|known| !known.proofs.is_empty());
        (self.repos.is_empty() || self.repos.contains(&assessment.repo))
            && any(&self.teams, &assessment.teams)
            && any(&self.libraries, &assessment.libraries)
            && (self.causes.is_empty() || self.causes.iter().any(|cause| assessment.causes.contains(cause)))
            && (self.severities.is_empty() || self.severities.contains(&assessment.severity))
            && self.is_async.is_none_or(|wanted| wanted == assessment.is_async)
            && self.framework.as_ref().is_none_or(|wanted| *wanted == assessment.framework)
            && self.does.iter().all(|one| assessment.does.contains(one))
            && (self.codes.is_empty()
                || assessment.findings.iter().any(|finding| self.codes.contains(&finding.code)))
            && (self.verdicts.is_empty() || verdict.is_some_and(|verdict| self.verdicts.contains(&verdict)))
            && self.proved.is_none_or(|wanted| wanted == proved)
            && !self.not_repos.contains(&assessment.repo)
            && !self.not_libraries.iter().any(|one| assessment.libraries.contains(one))
            && !self.not_causes.iter().any(|one| assessment.causes.contains(one))
            && !self.not_does.iter().any(|one| assessment.does.contains(one))
            && self.and.iter().all(|further| further.fits(test))
    }
}

/// What tests are ranked by: nearness of meaning or of structure, or BM25 over words.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Near {
    Text(Vec<f32>),
    Terms(Terms),
    Structure(Vec<f32>),
}

/// Asks for the `depth` best of what fits the filter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ranking {
    pub near: Near,
    pub filter: Filter,
    pub depth: usize,
}

/// Ids with their scores in one ranking, best first.
pub type Ranked = Vec<(Uuid, f32)>;

/// How many tests each repository holds, and how many use each library.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    pub repos: HashMap<String, usize>,
    pub libraries: HashMap<String, usize>,
}

impl Names {
    /// Of what the engine counted; it still lists what it has removed all points of.
    pub fn new(repos: HashMap<String, usize>, libraries: HashMap<String, usize>) -> Names {
        let held = |mut names: HashMap<String, usize>| {
            names.retain(|_, tests| *tests > 0);
            names
        };
        Names { repos: held(repos), libraries: held(libraries) }
    }
}

/// A page of tests in the order of their point ids, and where the next one starts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Page {
    pub tests: Vec<IndexedTest>,
    pub next: Option<Uuid>,
}

/// Why a store refused.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error(
        "the store at {path} is in use by another process{holder}; stop that process, or give this one a store of its own with --store DIR"
    )]
    Locked { path: String, holder: String },
    #[error(
        "the store at {path} was written with {found}, but this version needs {expected}; rebuild it with 'flakydetector index --rebuild PATH'"
    )]
    Schema { path: String, found: String, expected: String },
    #[error("there is no index at {path}; make one with 'flakydetector index PATH'")]
    Missing { path: String },
    #[error(
        "cannot reach Qdrant at {url}: {reason}; start it (docker compose up qdrant), correct --qdrant-url, or leave it out to use the embedded store"
    )]
    Unreachable { url: String, reason: String },
    #[error(
        "the store is served by {address}, which says: {reason}; try again, or stop that process and this one opens the store itself"
    )]
    Served { address: String, reason: String },
    #[error("the store refused to {action}: {reason}")]
    Refused { action: &'static str, reason: String },
}

/// Where tests are remembered. A call that returns `Ok` after writing means that a kill loses nothing of it.
#[async_trait]
pub trait VectorStore: Send + Sync {
    /// Inserts or replaces, and flushes.
    async fn upsert(&self, points: Vec<Point>) -> Result<(), StoreError>;
    /// Removes, and flushes. Unknown ids are no error.
    async fn delete(&self, ids: Vec<Uuid>) -> Result<(), StoreError>;
    /// What each of the rankings asks for, in the same order.
    async fn rank(&self, rankings: Vec<Ranking>) -> Result<Vec<Ranked>, StoreError>;
    /// Those tests that are known, in no order.
    async fn tests(&self, ids: Vec<Uuid>) -> Result<Vec<(Uuid, IndexedTest)>, StoreError>;
    /// Vectors and tests of those points that are known, in no order.
    async fn points(&self, ids: Vec<Uuid>) -> Result<Vec<Point>, StoreError>;
    /// The vectors and test of one point; `None` where it is unknown.
    async fn get(&self, id: Uuid) -> Result<Option<Point>, StoreError> {
        Ok(self.points(vec![id]).await?.pop())
    }
    /// Tests in the order of their ids, from `from` on.
    async fn scroll(&self, filter: Filter, from: Option<Uuid>, limit: usize) -> Result<Page, StoreError>;
    /// Point id and content hash of everything in one repository.
    async fn hashes(&self, repo: &str) -> Result<BTreeMap<Uuid, String>, StoreError>;
    /// How many tests fit the filter.
    async fn count(&self, filter: Filter) -> Result<usize, StoreError>;
    /// What is known by name.
    async fn names(&self) -> Result<Arc<Names>, StoreError>;
    /// Builds what makes queries fast, after a large write.
    async fn optimize(&self) -> Result<(), StoreError>;
    /// Reads ahead what questions will need, so that the first does not wait for it. Blocks.
    fn warm(&self) {}
    /// Puts what was written in the place of what was there before, where it was written aside ([`Access::Anew`]).
    ///
    /// [`Access::Anew`]: super::edge::Access::Anew
    async fn publish(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

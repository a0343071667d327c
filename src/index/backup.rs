//! Stores as one file, and back: what one kind of store wrote, the other reads.
//!
//! ```text
//! gzip of JSON lines
//! {"backup": 1, "meta": {…}}                     what the stores were written with
//! {"collection": "tests", "point": {…}}          a test with its vectors, one a line
//! {"end": {"tests": 2138, "fixes": 12}}          how many there were
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::meta::Meta;
use super::store::{Filter, Point, StoreError, VectorStore};

/// Points that are read or written together.
const BATCH: usize = 512;
const VERSION: u32 = 1;

/// Points in each collection.
pub type Counts = BTreeMap<String, usize>;

/// Why there is no backup, or nothing was restored.
#[derive(Debug, Error)]
pub enum BackupError {
    #[error("cannot write {path}: {reason}; choose another file or make room")]
    Unwritable { path: String, reason: String },
    #[error("{path} is no whole backup: {reason}; nothing was changed")]
    Unreadable { path: String, reason: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Serialize, Deserialize)]
struct Head {
    backup: u32,
    meta: Meta,
}

#[derive(Serialize, Deserialize)]
struct Line {
    collection: String,
    point: Point,
}

#[derive(Serialize, Deserialize)]
struct End {
    end: Counts,
}

/// Writes all that the collections hold, whose vectors are those of the model `embedding`, to `path`: whole, or not at
/// all.
///
/// # Errors
/// The file cannot be written, or a store cannot be read.
pub async fn backup(
    collections: &[(&str, Arc<dyn VectorStore>)],
    embedding: &str,
    path: &Path,
) -> Result<Counts, BackupError> {
    let unwritable = |error: std::io::Error| BackupError::Unwritable {
        path: path.display().to_string(),
        reason: error.to_string(),
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = tempfile::NamedTempFile::new_in(folder).map_err(unwritable)?;
    let mut file = GzEncoder::new(BufWriter::new(draft), Compression::fast());
    let mut counts = Counts::new();
    line(&mut file, &Head { backup: VERSION, meta: Meta::current(embedding) }).map_err(unwritable)?;
    for (name, store) in collections {
        let mut from = None;
        loop {
            let page = store.scroll(Filter::default(), from, BATCH).await?;
            let ids = page.tests.iter().map(super::IndexedTest::point_id).collect();
            for point in store.points(ids).await? {
                line(&mut file, &Line { collection: (*name).to_owned(), point }).map_err(unwritable)?;
                *counts.entry((*name).to_owned()).or_default() += 1;
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
    }
    line(&mut file, &End { end: counts.clone() }).map_err(unwritable)?;
    let draft = file.finish().and_then(|file| file.into_inner().map_err(std::io::IntoInnerError::into_error));
    let draft = draft.map_err(unwritable)?;
    draft.as_file().sync_all().map_err(unwritable)?;
    draft.persist(path).map_err(|error| unwritable(error.error))?;
    Ok(counts)
}

fn line(file: &mut impl Write, what: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *file, what)?;
    file.write_all(b"\n")
}

/// A backup that was read to its end and fits this version.
#[derive(Debug)]
pub struct Backup {
    path: PathBuf,
    /// What it holds.
    pub counts: Counts,
}

impl Backup {
    /// Reads the file through, so that nothing is replaced by half of one.
    ///
    /// # Errors
    /// It is no backup, is cut off, or was written with another embedding model or schema.
    pub fn open(path: &Path, embedding: &str) -> Result<Backup, BackupError> {
        let mut found = Counts::new();
        let mut lines = read(path)?;
        let head: Head = match lines.next() {
            Some(line) => {
                serde_json::from_str(&line?).map_err(|error| unreadable(path, &error.to_string()))?
            }
            None => return Err(unreadable(path, "it is empty")),
        };
        if head.backup != VERSION {
            return Err(unreadable(
                path,
                &format!("its version is {}, this program reads {VERSION}", head.backup),
            ));
        }
        Meta::current(embedding).check(&path.display().to_string(), Some(&head.meta))?;
        while let Some(line) = lines.next() {
            let line = line?;
            if let Ok(End { end }) = serde_json::from_str(&line) {
                // the checksum stands behind the last line
                return match lines.next() {
                    Some(more) => more.and_then(|_| Err(unreadable(path, "it goes on after its end"))),
                    None if end == found => Ok(Backup { path: path.to_owned(), counts: end }),
                    None => Err(unreadable(path, "it holds fewer tests than it says")),
                };
            }
            let Line { collection, .. } =
                serde_json::from_str(&line).map_err(|error| unreadable(path, &error.to_string()))?;
            *found.entry(collection).or_default() += 1;
        }
        Err(unreadable(path, "its end is missing"))
    }

    /// Writes what it holds of one collection to a store; `progress` hears how many points are done.
    ///
    /// # Errors
    /// The file changed meanwhile, or the store refuses.
    pub async fn restore(
        &self,
        collection: &str,
        store: &Arc<dyn VectorStore>,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<usize, BackupError> {
        let mut batch = Vec::with_capacity(BATCH);
        let mut done = 0;
        for line in read(&self.path)?.skip(1) {
            let Ok(line) = serde_json::from_str::<Line>(&line?) else { break };
            if line.collection != collection {
                continue;
            }
            batch.push(line.point);
            if batch.len() == BATCH {
                done += batch.len();
                store.upsert(std::mem::take(&mut batch)).await?;
                progress(done);
            }
        }
        done += batch.len();
        store.upsert(batch).await?;
        store.optimize().await?;
        Ok(done)
    }
}

fn read(path: &Path) -> Result<impl Iterator<Item = Result<String, BackupError>>, BackupError> {
    let file = File::open(path).map_err(|error| unreadable(path, &error.to_string()))?;
    let place = path.to_owned();
    let lines = BufReader::new(MultiGzDecoder::new(BufReader::new(file))).lines();
    Ok(lines.map(move |line| line.map_err(|error| unreadable(&place, &error.to_string()))))
}

fn unreadable(path: &Path, reason: &str) -> BackupError {
    BackupError::Unreadable { path: path.display().to_string(), reason: reason.to_owned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::index::edge::{Access, EdgeStore};
    use crate::index::samples::{point, sample};

    async fn store(folder: &Path) -> Arc<dyn VectorStore> {
        Arc::new(EdgeStore::open(folder, "a-model", Access::Create).await.unwrap())
    }

    #[tokio::test]
    async fn what_was_backed_up_comes_back_with_its_vectors() {
        let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = before.path().join("all.backup");
        let points: Vec<Point> =
            (0..BATCH + 3).map(|n| point(sample("a", &format!("t.py::test_{n}")), n % 300)).collect();
        let full = store(&before.path().join("store")).await;
        full.upsert(points.clone()).await.unwrap();
        let counts = backup(&[("tests", full)], "a-model", &path).await.unwrap();
        assert_eq!(counts, Counts::from([("tests".to_owned(), points.len())]));

        let empty = store(after.path()).await;
        let found = Backup::open(&path, "a-model").unwrap();
        assert_eq!(found.restore("tests", &empty, &|_| ()).await.unwrap(), points.len());
        assert_eq!(empty.count(Filter::default()).await.unwrap(), points.len());
        let known = empty.get(points[7].id).await.unwrap().unwrap();
        assert_eq!(
            (known.test, known.structure, known.terms),
            (points[7].test.clone(), points[7].structure.clone(), points[7].terms.clone())
        );
        assert_eq!(std::fs::read_dir(before.path()).unwrap().count(), 2, "no draft is left");
    }

    #[tokio::test]
    async fn half_a_backup_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.backup");
        let full = store(&folder.path().join("store")).await;
        full.upsert((0..40).map(|n| point(sample("a", &format!("t.py::test_{n}")), n)).collect())
            .await
            .unwrap();
        backup(&[("tests", full)], "a-model", &path).await.unwrap();
        let other = Backup::open(&path, "b-model").unwrap_err().to_string();
        assert!(other.contains("a-model") && other.contains("b-model"), "{other}");

        let whole = std::fs::read(&path).unwrap();
        for cut in [0, 1, 30, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let error = Backup::open(&path, "a-model").unwrap_err().to_string();
            assert!(
                error.contains("no whole backup") && error.contains("nothing was changed"),
                "{cut}: {error}"
            );
        }
        std::fs::write(&path, "hello").unwrap();
        assert!(Backup::open(&path, "a-model").is_err());
        assert!(Backup::open(&folder.path().join("none"), "a-model").is_err());
    }
}

//! What a store was written with. Vectors of another model, features of another schema or documents of another
//! version do not compare, so a store that holds them is refused instead of answering wrongly.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::document::DOCUMENT_VERSION;
use super::store::StoreError;
use crate::risk::features;

/// Changes whenever names of vectors or payload keys change.
const FORMAT: u32 = 3;

/// Versions of everything that must agree between a store and the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    format: u32,
    embedding: String,
    features: String,
    document: u32,
}

impl Meta {
    /// What this program writes, with the embedding model `embedding`.
    pub(super) fn current(embedding: &str) -> Self {
        Meta {
            format: FORMAT,
            embedding: embedding.to_string(),
            features: features::SCHEMA.to_string(),
            document: DOCUMENT_VERSION,
        }
    }

    /// Whether a store at `place` that was written with `found` can be used.
    pub(super) fn check(&self, place: &str, found: Option<&Meta>) -> Result<(), StoreError> {
        if found == Some(self) {
            return Ok(());
        }
        Err(StoreError::Schema {
            path: place.to_string(),
            found: found.map_or_else(|| "an unknown version".to_string(), ToString::to_string),
            expected: self.to_string(),
        })
    }

    /// The one beside a store; `None` where there is none or it cannot be understood.
    pub(super) fn read(path: &Path) -> Option<Meta> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        write_whole(path, &serde_json::to_vec_pretty(self)?, false)
    }
}

impl std::fmt::Display for Meta {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Meta { format, embedding, features, document } = self;
        write!(f, "format {format}, embedding model {embedding}, features {features}, document {document}")
    }
}

/// Writes a file so that at any moment it is either the old one or the new one, whole. What is `secret` only the user
/// may read.
pub(super) fn write_whole(path: &Path, content: &[u8], secret: bool) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.open(&draft)?;
    let written =
        file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written?;
    // makes the new name last; not every file system can
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn any_difference_is_refused_and_named() {
        let current = Meta::current("a-model");
        current.check("/store", Some(&current)).unwrap();
        let other = Meta { embedding: "b-model".into(), ..current.clone() };
        let message = current.check("/store", Some(&other)).unwrap_err().to_string();
        assert!(
            message.contains("b-model") && message.contains("a-model") && message.contains("--rebuild"),
            "{message}"
        );
        assert!(current.check("/store", None).is_err());
        for other in [
            Meta { format: 0, ..current.clone() },
            Meta { features: "fd42-0".into(), ..current.clone() },
            Meta { document: 0, ..current.clone() },
        ] {
            assert!(current.check("/store", Some(&other)).is_err());
        }
    }

    #[test]
    fn it_survives_its_file_and_leaves_no_drafts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("meta.json");
        assert_eq!(Meta::read(&path), None);
        Meta::current("a").write(&path).unwrap();
        Meta::current("b").write(&path).unwrap();
        assert_eq!(Meta::read(&path), Some(Meta::current("b")));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::write(&path, "{").unwrap();
        assert_eq!(Meta::read(&path), None);
    }
}

//! What was last brought into a store, so that a run in which nothing changed neither scans nor embeds.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::meta::write_whole;

/// What the last run over a repository left, beside the embedded store: on a server others may have come since.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Of everything that the result depends on.
    pub stamp: String,
    /// How many tests the store had of the repository then.
    pub tests: usize,
}

impl Seen {
    /// What the last run left; `None` where there was none.
    pub fn read(folder: &Path, repo: &str) -> Option<Seen> {
        serde_json::from_slice(&fs::read(place(folder, repo)).ok()?).ok()
    }

    /// Forgets what the last run left. Whoever is about to write to the repository in the store does so first.
    pub fn forget(folder: &Path, repo: &str) {
        let _ = fs::remove_file(place(folder, repo));
    }

    /// Keeps it. What cannot be kept is scanned again.
    pub fn write(&self, folder: &Path, repo: &str) {
        let path = place(folder, repo);
        let written = serde_json::to_vec(self)
            .map_err(std::io::Error::from)
            .and_then(|content| fs::create_dir_all(path.parent().unwrap_or(folder)).map(|()| content))
            .and_then(|content| write_whole(&path, &content, false));
        if let Err(error) = written {
            tracing::debug!("{}: {error}", path.display());
        }
    }
}

fn place(folder: &Path, repo: &str) -> PathBuf {
    let name: String = format!("{:x}", Sha256::digest(repo)).chars().take(16).collect();
    folder.join("seen").join(format!("{name}.json"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_repository_has_its_own() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Seen::read(folder.path(), "a"), None);
        let seen = |tests| Seen { stamp: "s".into(), tests };
        seen(3).write(folder.path(), "a");
        seen(4).write(folder.path(), "b/c");
        assert_eq!(Seen::read(folder.path(), "a"), Some(seen(3)));
        assert_eq!(Seen::read(folder.path(), "b/c"), Some(seen(4)));
        Seen::forget(folder.path(), "b/c");
        Seen::forget(folder.path(), "b/c");
        assert_eq!(Seen::read(folder.path(), "b/c"), None);
        fs::write(place(folder.path(), "a"), "{").unwrap();
        assert_eq!(Seen::read(folder.path(), "a"), None);
    }
}

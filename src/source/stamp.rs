//! Whether anything changed: names, sizes and times of the files that a scan may read, as one hash.

use std::path::Path;
use std::time::UNIX_EPOCH;

use ignore::WalkBuilder;
use sha2::{Digest, Sha256};

use super::files::{SKIPPED, relative};
use crate::python::CONFIG_FILES;

/// The hash of what lies below `root`: Python files, settings, owners and the name of the remote. A file that was
/// replaced by another of its size and time is not told apart.
pub fn stamp(root: &Path) -> String {
    let mut files: Vec<String> = WalkBuilder::new(root)
        .filter_entry(|entry| {
            let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            !(entry.depth() > 0
                && is_folder
                && entry.file_name().to_str().is_some_and(|name| SKIPPED.contains(&name)))
        })
        .require_git(false)
        .build()
        .filter_map(|entry| Some(relative(entry.ok()?.path(), root)))
        .filter(|file| matters(file.rsplit('/').next().unwrap_or(file)))
        .collect();
    // hidden, and so not walked
    files.extend(
        [".git/config", ".github/CODEOWNERS", ".gitlab/CODEOWNERS", ".pytest.ini", ".pytest.toml"]
            .map(str::to_owned),
    );
    files.sort_unstable();
    let mut hash = Sha256::new();
    for file in files {
        let about = root.join(&file).metadata().ok();
        let time = about.as_ref().and_then(|about| about.modified().ok()?.duration_since(UNIX_EPOCH).ok());
        hash.update(file);
        hash.update(about.map_or(0, |about| about.len()).to_le_bytes());
        hash.update(time.unwrap_or_default().as_nanos().to_le_bytes());
    }
    format!("{:x}", hash.finalize())
}

fn matters(name: &str) -> bool {
    name.ends_with(".py")
        || CONFIG_FILES.contains(&name)
        || matches!(name, "setup.py" | "CODEOWNERS" | ".gitignore" | ".ignore" | "flakydetector.toml")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_a_scan_reads_counts_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (root, test) = (folder.path(), folder.path().join("test_a.py"));
        fs::write(&test, "def test_a(): pass\n").unwrap();
        let first = stamp(root);
        assert_eq!(stamp(root), first);
        fs::write(root.join("notes.md"), "hello").unwrap();
        assert_eq!(stamp(root), first);
        fs::write(&test, "def test_ab(): pass\n").unwrap();
        let second = stamp(root);
        assert_ne!(second, first);
        let file = fs::File::options().write(true).open(&test).unwrap();
        file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(5)).unwrap();
        assert_ne!(stamp(root), second);
        let third = stamp(root);
        fs::write(root.join("conftest.py"), "").unwrap();
        assert_ne!(stamp(root), third);
        fs::remove_file(root.join("conftest.py")).unwrap();
        assert_eq!(stamp(root), third);
        fs::write(root.join("pytest.ini"), "[pytest]\n").unwrap();
        assert_ne!(stamp(root), third);
    }
}

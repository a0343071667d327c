//! Whether a disk has room for what is about to be written. The engine maps its files into memory, where a full disk
//! is not an error but a signal that ends the process; so it is asked before.

use std::fs;
use std::path::Path;

/// What must stay free beyond what is written: files grow by pieces of this order.
const RESERVE: u64 = 160 << 20;

/// `Err` with what to say where writing about `bytes` below `folder` could fill the disk.
/// A file system that does not tell is trusted.
pub(super) fn check(folder: &Path, bytes: u64) -> Result<(), String> {
    match fs4::available_space(folder) {
        Ok(free) if free < RESERVE + bytes => Err(format!(
            "only {} MB are free at {}, and it needs {} MB to be safe; make room, or choose another folder with --store DIR",
            free >> 20,
            folder.display(),
            (RESERVE + bytes) >> 20
        )),
        _ => Ok(()),
    }
}

/// Bytes of all files below `folder`; 0 where it cannot be read.
pub(super) fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn more_than_any_disk_has_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let message = check(folder.path(), u64::MAX / 4).unwrap_err();
        assert!(message.contains("free") && message.contains("--store"), "{message}");
    }

    #[test]
    fn size_counts_files_below() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/b"), [0; 10]).unwrap();
        fs::write(folder.path().join("c"), [0; 5]).unwrap();
        assert_eq!(size(folder.path()), 15);
        assert_eq!(size(&folder.path().join("none")), 0);
    }
}

//! The folder of an embedded store: what lies in it beside the engine's own files, and who may have it.
//!
//! ```text
//! meta.json    what the store was written with
//! holder.json  who has it open
//! seen/        what the last run over each repository left
//! shard/       the engine's: wal, segments
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::holder;
use super::meta::Meta;
use super::room;
use super::store::StoreError;

/// What to do where no store exists yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Make one.
    Create,
    /// Make one also where there is one already, whose place it takes.
    Anew,
    /// Say that there is none ([`StoreError::Missing`]).
    Existing,
}

pub(super) struct StoreFolder {
    path: PathBuf,
}

impl StoreFolder {
    pub(super) fn new(path: &Path) -> Self {
        StoreFolder { path: path.to_path_buf() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn shard(&self) -> PathBuf {
        self.path.join("shard")
    }

    fn log(&self) -> PathBuf {
        self.shard().join("wal")
    }

    fn meta(&self) -> PathBuf {
        self.path.join("meta.json")
    }

    /// Checks that the store there is of this version, or makes the folders of a new one.
    pub(super) fn prepare(&self, meta: &Meta, access: Access) -> Result<(), StoreError> {
        let place = self.path.display().to_string();
        if self.shard().is_dir() {
            return meta.check(&place, Meta::read(&self.meta()).as_ref());
        }
        if access == Access::Existing {
            return Err(StoreError::Missing { path: place });
        }
        let unusable = |error: std::io::Error| refused("open", format!("{place}: {error}"));
        // the meta file comes first, so that a kill in between leaves nothing that looks like another version
        fs::create_dir_all(&self.path).map_err(unusable)?;
        room::check(&self.path, 0).map_err(|reason| refused("open", reason))?;
        meta.write(&self.meta()).map_err(unusable)?;
        fs::create_dir_all(self.shard()).map_err(unusable)
    }

    /// Bytes that the engine's data takes.
    pub(super) fn size(&self) -> u64 {
        room::size(&self.shard().join("segments"))
    }

    /// Reads the tests once, since the engine has the system forget them when it opens a store.
    pub(super) fn read_ahead(&self) {
        let segments = glob::Pattern::escape(&self.shard().join("segments").to_string_lossy());
        let pages = glob::glob(&format!("{segments}/*/payload_storage/page_*")).into_iter().flatten();
        for page in pages.flatten() {
            // what cannot be read now is read when it is asked for
            let _ = fs::File::open(page).and_then(|mut page| io::copy(&mut page, &mut io::sink()));
        }
    }

    /// Removes what an optimisation leaves that was killed. Only for who holds the store.
    pub(super) fn drop_leftovers(&self) {
        let _ = fs::remove_dir_all(self.shard().join("temp_segments"));
    }

    /// Removes all closed pieces of the engine's log but the last, which tells how operations are numbered: it is never
    /// replayed, and would grow with every write. Only for who holds the store.
    pub(super) fn drop_old_log(&self) {
        let Ok(entries) = fs::read_dir(self.log()) else { return };
        let mut closed: Vec<(u64, PathBuf)> = entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let start = path.file_name()?.to_str()?.strip_prefix("closed-")?.parse().ok()?;
                Some((start, path))
            })
            .collect();
        closed.sort();
        closed.pop();
        for (_, path) in closed {
            let _ = fs::remove_file(path);
        }
    }

    /// Removes the store with all that was remembered, unless a process holds it. None there is no error.
    pub(super) fn erase(&self) -> Result<(), StoreError> {
        // the engine locks this folder
        if let Ok(log) = fs::File::open(self.log())
            && matches!(log.try_lock(), Err(fs::TryLockError::WouldBlock))
        {
            return Err(self.locked());
        }
        for file in [self.meta(), self.path.join("holder.json")] {
            removed(fs::remove_file(file))?;
        }
        removed(fs::remove_dir_all(self.path.join("seen")))?;
        removed(fs::remove_dir_all(self.shard()))
    }

    /// The error that says who has it.
    pub(super) fn locked(&self) -> StoreError {
        let holder = holder::read(&self.path).map(|holder| format!(" ({holder})")).unwrap_or_default();
        StoreError::Locked { path: self.path.display().to_string(), holder }
    }
}

pub(super) fn refused(action: &'static str, reason: String) -> StoreError {
    // the engine's errors can carry a backtrace after the first line
    let reason = reason.lines().next().unwrap_or_default().to_string();
    StoreError::Refused { action, reason }
}

/// Runs `work` where blocking is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(refused("answer", error.to_string())),
    }
}

fn removed(result: std::io::Result<()>) -> Result<(), StoreError> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(refused("be removed", error.to_string()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_closed_piece_of_the_log_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = StoreFolder::new(folder.path());
        fs::create_dir_all(store.log()).unwrap();
        for name in ["closed-0", "closed-9", "closed-120", "open-4", "first-index"] {
            fs::write(store.log().join(name), "").unwrap();
        }
        store.drop_old_log();
        let mut left: Vec<String> = fs::read_dir(store.log())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["closed-120", "first-index", "open-4"]);
    }

    #[test]
    fn an_error_keeps_its_first_line() {
        let error = refused("open", "no room\n   0: backtrace".to_string());
        assert_eq!(error.to_string(), "the store refused to open: no room");
    }
}

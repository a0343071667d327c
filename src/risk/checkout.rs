//! One commit of a clone on disk for as long as it is scanned, and the test in it that a list names.
//! Knows nothing of what the list is for.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::ScannedTest;
use crate::source::git;

/// Scans the paths of a repository; the reason in words where that fails.
pub type Scanner = dyn Fn(&str, Vec<PathBuf>) -> Result<Vec<ScannedTest>, String> + Sync;

/// A folder with the files of one commit; it goes when it is dropped.
pub struct Checkout(PathBuf);

impl Checkout {
    /// Takes the files that `keep` wants out of git.
    ///
    /// # Errors
    /// In words: git fails, the commit is not there, or the folder cannot be written.
    pub fn new(
        git_dir: &Path,
        repo: &str,
        sha: &str,
        keep: &dyn Fn(&str) -> bool,
    ) -> Result<Checkout, String> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("flakydetector-{}-{number}-{}", std::process::id(), repo.replace('/', "-"));
        let folder = Checkout(std::env::temp_dir().join(name));
        // a settings file below would otherwise become the root
        std::fs::create_dir_all(folder.0.join(".git")).map_err(|error| error.to_string())?;
        git::export(git_dir, repo, sha, &folder.0, keep).map_err(|error| error.to_string())?;
        Ok(folder)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The scanned test that a label names: the same id without parameters, else the same class and function in the
/// same file, else the only one of that class and function.
pub fn matching<'s>(tests: &'s [ScannedTest], label: &str) -> Option<&'s ScannedTest> {
    let wanted = label.split('[').next().unwrap_or(label).trim_end_matches('?');
    let find = |fits: &dyn Fn(&str) -> bool| tests.iter().find(|test| fits(&test.assessment.id));
    if let Some(exact) = find(&|id| id == wanted) {
        return Some(exact);
    }
    let (file, name) = wanted.split_once("::")?;
    let function = name.rsplit("::").next().unwrap_or(name);
    let (head, tail) = (format!("{file}::"), format!("::{function}"));
    if let Some(same_file) = find(&|id| id.starts_with(&head) && id.ends_with(&tail)) {
        return Some(same_file);
    }
    let tail = format!("::{name}");
    let mut elsewhere = tests.iter().filter(|test| test.assessment.id.ends_with(&tail));
    let only = elsewhere.next()?;
    elsewhere.next().is_none().then_some(only)
}

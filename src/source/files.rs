//! Finds and reads the Python files that matter to a project's tests. What cannot be read is listed, not fatal.

use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use super::code;
use crate::python::{PytestConfig, candidates, imports};

/// A file that could not be used, or not wholly. An element of `errors` in `scan --format json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileError {
    pub file: String,
    pub line: u32,
    pub message: String,
}

/// Why a path that was given cannot be scanned at all.
#[derive(Debug, Error)]
pub enum SourceError {
    #[error("there is no file or folder '{}'; check the path", .0.display())]
    Missing(PathBuf),
    #[error("'{}' cannot be read: {reason}; check its permissions", .path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("'{}' is not a Python file; give a .py file or a folder", .0.display())]
    NotPython(PathBuf),
}

/// A file's text and its path relative to the root.
#[derive(Clone, Debug)]
pub struct SourceFile {
    pub file: String,
    pub text: String,
}

/// The files of a scan, apart by whether another one uses them: what nobody imports need not be kept.
#[derive(Debug, Default)]
pub struct Discovered {
    /// `conftest.py` files, helpers, and test files that others import.
    pub shared: Vec<SourceFile>,
    /// Test files that no other file uses.
    pub leaves: Vec<SourceFile>,
    /// What the tests import of the code under test, and what that imports, most wanted first.
    pub code: Vec<SourceFile>,
    /// Root-relative paths of the files whose tests are wanted.
    pub tests: FxHashSet<String>,
    pub errors: Vec<FileError>,
}

/// Folders that hold other people's code.
pub(super) const SKIPPED: [&str; 7] =
    ["node_modules", "site-packages", "__pycache__", ".tox", ".nox", "venv", ".venv"];
/// A larger file is listed as an error: nobody wrote it by hand.
const MAX_BYTES: u64 = 32 << 20;

/// Finds and reads the test files under `paths`, the `conftest.py` files above them and the helpers that they
/// import. `root` is what paths and ids are relative to.
///
/// # Errors
/// A path that does not exist, cannot be read, or is a file that is not Python.
pub fn discover(paths: &[PathBuf], root: &Path, config: &PytestConfig) -> Result<Discovered, SourceError> {
    let mut out = Discovered::default();
    let mut next: Vec<PathBuf> = vec![];
    for path in paths {
        // one file has one name, however it is reached
        let path = &std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let found = std::fs::metadata(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => SourceError::Missing(path.clone()),
            _ => SourceError::Unreadable { path: path.clone(), reason: error.to_string() },
        })?;
        if found.is_file() {
            if path.extension().is_none_or(|extension| extension != "py") {
                return Err(SourceError::NotPython(path.clone()));
            }
            out.tests.insert(relative(path, root));
            next.push(path.clone());
        } else {
            std::fs::read_dir(path)
                .map_err(|error| SourceError::Unreadable { path: path.clone(), reason: error.to_string() })?;
            walk(path, root, config, &mut next, &mut out);
        }
    }
    let mut helpers = Helpers::new(root);
    next.extend(helpers.conftests(&next));
    let mut known: FxHashSet<PathBuf> = FxHashSet::default();
    let mut files: Vec<SourceFile> = vec![];
    let mut wanted: Vec<(String, Vec<String>)> = vec![];
    // helpers import helpers: three waves are enough for what rules follow
    for wave in 0..3 {
        next.sort();
        next.retain(|path| known.insert(path.clone()));
        let read: Vec<_> = next.par_iter().map(|path| read(path, root)).collect();
        let mut imported = vec![];
        for result in read {
            match result {
                Ok((file, imports)) => {
                    imported.extend(imports.iter().filter_map(|path| helpers.find(&file.file, path)));
                    wanted.push((file.file.clone(), imports));
                    files.push(file);
                }
                Err(error) => out.errors.push(error),
            }
        }
        if wave == 2 {
            break;
        }
        imported.extend(helpers.conftests(&imported));
        next = imported;
    }
    out.code = code::under_test(root, wanted, &known);
    files.sort_by(|a, b| a.file.cmp(&b.file));
    (out.shared, out.leaves) = files.into_iter().partition(|file| helpers.used.contains(&file.file));
    Ok(out)
}

fn walk(path: &Path, root: &Path, config: &PytestConfig, wanted: &mut Vec<PathBuf>, out: &mut Discovered) {
    let is_whole = path == root;
    let settings = config.clone();
    let walker = WalkBuilder::new(path)
        .filter_entry(move |entry| {
            let is_below = entry.depth() > 0 && entry.file_type().is_some_and(|kind| kind.is_dir());
            !(is_below
                && entry
                    .file_name()
                    .to_str()
                    .is_some_and(|name| SKIPPED.contains(&name) || settings.is_left_out(name)))
        })
        .require_git(false)
        .build();
    for entry in walker {
        match entry {
            Ok(entry) => {
                let is_file = entry.file_type().is_some_and(|kind| kind.is_file())
                    || (entry.path_is_symlink() && entry.path().is_file());
                let file = relative(entry.path(), root);
                let is_asked_for = (!is_whole || config.is_in_testpaths(&file)) && !config.is_ignored(&file);
                if is_file && is_asked_for && file.ends_with(".py") && config.is_test_file(&file) {
                    out.tests.insert(file);
                    wanted.push(entry.into_path());
                } else if is_file && entry.file_name() == "conftest.py" {
                    wanted.push(entry.into_path());
                }
            }
            Err(error) => out.errors.push(FileError {
                file: relative(path, root),
                line: 1,
                message: format!("cannot be read: {error}; check its permissions"),
            }),
        }
    }
}

/// `path` relative to `root`, with forward slashes.
pub fn relative(path: &Path, root: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let path = path.strip_prefix(root).unwrap_or(&path);
    let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

/// Which files in the tree others use, each looked for once.
struct Helpers<'r> {
    root: &'r Path,
    /// (folder, dotted path) ─▶ the file it means.
    known: FxHashMap<(String, String), Option<String>>,
    folders: FxHashSet<PathBuf>,
    listed: Listed,
    used: FxHashSet<String>,
}

impl<'r> Helpers<'r> {
    fn new(root: &'r Path) -> Helpers<'r> {
        let (known, folders, listed, used) = Default::default();
        Helpers { root, known, folders, listed, used }
    }

    /// The `conftest.py` files beside and above `paths` that were not named before.
    fn conftests(&mut self, paths: &[PathBuf]) -> Vec<PathBuf> {
        let mut out = vec![];
        for path in paths {
            for folder in path.ancestors().skip(1).take_while(|folder| folder.starts_with(self.root)) {
                if !self.folders.insert(folder.to_owned()) {
                    break;
                }
                let file = folder.join("conftest.py");
                if file.is_file() {
                    self.used.insert(relative(&file, self.root));
                    out.push(file);
                }
            }
        }
        out
    }

    /// The file in the tree that an import in `file` names, where it looks like a test helper: it stands beside
    /// a test, or below a folder named for tests.
    fn find(&mut self, file: &str, path: &str) -> Option<PathBuf> {
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let (root, listed) = (self.root, &mut self.listed);
        let found = self.known.entry((folder.to_owned(), path.to_owned())).or_insert_with(|| {
            candidates(folder, path)
                .into_iter()
                .find(|candidate| is_helper(candidate, folder) && is_there(root, listed, candidate))
        });
        let found = found.as_ref().filter(|found| *found != file)?;
        self.used.insert(found.clone());
        Some(root.join(found))
    }
}

/// Folder ─▶ the Python files in it, where it was listed.
pub(super) type Listed = FxHashMap<String, FxHashSet<String>>;

/// Whether there is such a file. Each folder is listed once: most of what is asked for is not there.
pub(super) fn is_there(root: &Path, listed: &mut Listed, file: &str) -> bool {
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let names = match listed.get(folder) {
        Some(names) => names,
        None => listed.entry(folder.to_owned()).or_insert_with(|| python_files(&root.join(folder))),
    };
    names.contains(name)
}

fn python_files(folder: &Path) -> FxHashSet<String> {
    let is_file = |entry: &std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_symlink() => entry.path().is_file(),
        kind => kind.is_ok_and(|kind| kind.is_file()),
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter(|entry| entry.path().extension().is_some_and(|kind| kind == "py"));
    names.filter(is_file).filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Whether a file that one in `folder` uses belongs to the tests: it stands beside it, or below a folder named for tests.
pub fn is_helper(file: &str, folder: &str) -> bool {
    let own = file.rsplit_once('/').map_or("", |(own, _)| own);
    own == folder || file.split('/').any(|part| part.contains("test") || part == "conftest.py")
}

/// A file with the dotted paths that it imports.
pub(super) fn read(path: &Path, root: &Path) -> Result<(SourceFile, Vec<String>), FileError> {
    let file = relative(path, root);
    let fail = |message: String| FileError { file: file.clone(), line: 1, message };
    let size = std::fs::metadata(path).map(|meta| meta.len()).unwrap_or(0);
    if size > MAX_BYTES {
        return Err(fail(format!("is larger than {} MB and was left out", MAX_BYTES >> 20)));
    }
    let bytes = std::fs::read(path)
        .map_err(|error| fail(format!("cannot be read: {error}; check its permissions")))?;
    let text = decode(bytes).map_err(fail)?;
    let imports = imports(&text);
    Ok((SourceFile { file, text }, imports))
}

/// The bytes of a changed text, in the encoding in which the file was; `None` where that cannot hold it.
pub fn encode(original: &[u8], text: &str) -> Option<Vec<u8>> {
    let mark: &[u8] = if original.starts_with(b"\xef\xbb\xbf") { b"\xef\xbb\xbf" } else { b"" };
    if std::str::from_utf8(original).is_ok() {
        return Some([mark, text.as_bytes()].concat());
    }
    text.chars().map(|char| u8::try_from(u32::from(char)).ok()).collect()
}

/// The text of a Python file: UTF-8 with or without a byte order mark, or Latin-1 where a coding line says so.
///
/// # Errors
/// What is wrong with the file, in words.
pub fn decode(mut bytes: Vec<u8>) -> Result<String, String> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    if bytes.iter().take(8192).any(|byte| *byte == 0) {
        return Err("holds null bytes, so it is not Python text and was left out".to_owned());
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            let (error, bytes) = (error.utf8_error(), error.into_bytes());
            let head: Vec<_> = bytes.split(|byte| *byte == b'\n').take(2).collect();
            let says = |name: &[u8]| {
                head.iter().any(|line| {
                    let line = line.to_ascii_lowercase();
                    line.windows(6).any(|part| part == b"coding")
                        && line.windows(name.len()).any(|part| part == name)
                })
            };
            if says(b"latin-1")
                || says(b"latin1")
                || says(b"iso-8859-1")
                || says(b"iso8859")
                || says(b"cp1252")
            {
                return Ok(bytes.iter().map(|byte| char::from(*byte)).collect());
            }
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            Err(format!("is not UTF-8 (line {line}); save it as UTF-8 or name its encoding in a coding line"))
        }
    }
}

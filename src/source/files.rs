//! Finds and reads the Python files that matter to a project's tests. What cannot be read is listed, not fatal.

use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use rayon::prelude::*;
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use crate::python::{Module, PytestConfig, candidates};

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

/// The parsed files of a scan.
#[derive(Debug, Default)]
pub struct Discovered {
    pub modules: Vec<Module>,
    /// Root-relative paths of the files whose tests are wanted.
    pub tests: FxHashSet<String>,
    pub errors: Vec<FileError>,
}

/// Folders that hold other people's code.
const SKIPPED: [&str; 7] = ["node_modules", "site-packages", "__pycache__", ".tox", ".nox", "venv", ".venv"];
/// A larger file is listed as an error: nobody wrote it by hand.
const MAX_BYTES: u64 = 32 << 20;

/// Finds the test files under `paths`, the `conftest.py` files above them and the helpers that they import,
/// and parses them all. `root` is what paths and ids are relative to.
///
/// # Errors
/// A path that does not exist, cannot be read, or is a file that is not Python.
pub fn discover(paths: &[PathBuf], root: &Path, config: &PytestConfig) -> Result<Discovered, SourceError> {
    let mut out = Discovered::default();
    let mut wanted: Vec<PathBuf> = vec![];
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
            wanted.push(path.clone());
        } else {
            std::fs::read_dir(path)
                .map_err(|error| SourceError::Unreadable { path: path.clone(), reason: error.to_string() })?;
            walk(path, root, config, &mut wanted, &mut out);
        }
    }
    let mut known: FxHashSet<PathBuf> = FxHashSet::default();
    let mut next: Vec<PathBuf> = wanted;
    let conftests: Vec<PathBuf> = next.iter().flat_map(|path| conftests_above(path, root)).collect();
    next.extend(conftests);
    // helpers import helpers: three waves are enough for what rules follow
    for wave in 0..3 {
        next.sort();
        next.retain(|path| known.insert(path.clone()));
        let read: Vec<_> = next.par_iter().map(|path| read_module(path, root)).collect();
        let mut wave_modules = vec![];
        for result in read {
            match result {
                Ok((module, errors)) => {
                    out.errors.extend(errors);
                    wave_modules.push(module);
                }
                Err(error) => out.errors.push(error),
            }
        }
        next = if wave < 2 {
            let imported = |module: &Module| helpers_of(module, root);
            wave_modules.par_iter().flat_map_iter(imported).collect()
        } else {
            vec![]
        };
        let above: Vec<PathBuf> = next.iter().flat_map(|path| conftests_above(path, root)).collect();
        next.extend(above);
        out.modules.extend(wave_modules);
    }
    out.modules.sort_by(|a, b| a.file.cmp(&b.file));
    out.errors.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    Ok(out)
}

fn walk(path: &Path, root: &Path, config: &PytestConfig, wanted: &mut Vec<PathBuf>, out: &mut Discovered) {
    let walker = WalkBuilder::new(path)
        .filter_entry(|entry| !entry.file_name().to_str().is_some_and(|name| SKIPPED.contains(&name)))
        .require_git(false)
        .build();
    for entry in walker {
        match entry {
            Ok(entry) => {
                let is_file = entry.file_type().is_some_and(|kind| kind.is_file())
                    || (entry.path_is_symlink() && entry.path().is_file());
                let file = relative(entry.path(), root);
                if is_file && file.ends_with(".py") && config.is_test_file(&file) {
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
fn relative(path: &Path, root: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let path = path.strip_prefix(root).unwrap_or(&path);
    let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

fn conftests_above(path: &Path, root: &Path) -> Vec<PathBuf> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.ancestors()
        .skip(1)
        .take_while(|folder| folder.starts_with(root))
        .map(|folder| folder.join("conftest.py"))
        .filter(|file| file.is_file())
        .collect()
}

/// The files in the tree that a module imports and that look like test helpers: they stand beside a test, or
/// below a folder named for tests.
fn helpers_of(module: &Module, root: &Path) -> Vec<PathBuf> {
    let folder = module.folder();
    let mut out = vec![];
    for path in module.imported_paths() {
        for file in candidates(folder, path) {
            let full = root.join(&file);
            if file != module.file && is_helper(&file, folder) && full.is_file() {
                out.push(full);
                break;
            }
        }
    }
    out
}

fn is_helper(file: &str, folder: &str) -> bool {
    let own = file.rsplit_once('/').map_or("", |(own, _)| own);
    own == folder || file.split('/').any(|part| part.contains("test") || part == "conftest.py")
}

fn read_module(path: &Path, root: &Path) -> Result<(Module, Vec<FileError>), FileError> {
    let file = relative(path, root);
    let fail = |message: String| FileError { file: file.clone(), line: 1, message };
    let size = std::fs::metadata(path).map(|meta| meta.len()).unwrap_or(0);
    if size > MAX_BYTES {
        return Err(fail(format!("is larger than {} MB and was left out", MAX_BYTES >> 20)));
    }
    let bytes = std::fs::read(path)
        .map_err(|error| fail(format!("cannot be read: {error}; check its permissions")))?;
    let text = decode(&bytes).map_err(fail)?;
    let module = Module::parse(file.clone(), text);
    let errors = module
        .errors
        .iter()
        .take(1)
        .map(|error| FileError {
            file: file.clone(),
            line: module.line(error.offset),
            message: format!("{}; the rest of the file was scanned", error.message),
        })
        .collect();
    Ok((module, errors))
}

/// The text of a Python file: UTF-8 with or without a byte order mark, or Latin-1 where a coding line says so.
///
/// # Errors
/// What is wrong with the file, in words.
pub fn decode(bytes: &[u8]) -> Result<String, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.iter().take(8192).any(|byte| *byte == 0) {
        return Err("holds null bytes, so it is not Python text and was left out".to_owned());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
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

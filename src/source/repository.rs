//! The root that pytest would take, and the name of the repository.

use std::path::{Path, PathBuf};

use crate::python::{CONFIG_FILES, pytest_section};

/// The nearest folder at or above `path` with pytest's configuration or `.git`, else with `setup.py` (pytest does
/// the same), else `path` itself (its folder, for a file). The result is absolute.
pub fn project_root(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let start = if path.is_file() { path.parent().unwrap_or(&path).to_owned() } else { path };
    let has_setup = |folder: &&Path| folder.join("setup.py").is_file();
    let root = start.ancestors().find(|folder| is_root(folder)).or_else(|| start.ancestors().find(has_setup));
    root.unwrap_or(&start).to_owned()
}

fn is_root(folder: &Path) -> bool {
    folder.join(".git").exists()
        || CONFIG_FILES.iter().any(|name| {
            std::fs::read_to_string(folder.join(name)).is_ok_and(|text| pytest_section(name, &text).is_some())
        })
}

/// The way from the top of the work tree down to `root`, with `/`; empty at the top, and where there is no `.git`.
pub fn within_repository(root: &Path) -> String {
    let top = root.ancestors().find(|folder| folder.join(".git").exists());
    let inner = top.and_then(|top| root.strip_prefix(top).ok());
    inner.map(|inner| inner.to_string_lossy().into_owned()).unwrap_or_default()
}

/// `owner/name` of the remote `origin`, else the folder's name.
pub fn repository_name(root: &Path) -> String {
    let folder = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let remote = std::fs::read_to_string(root.join(".git/config")).ok().and_then(|config| {
        let mut in_origin = false;
        config.lines().find_map(|line| {
            let line = line.trim();
            if line.starts_with('[') {
                in_origin = line == "[remote \"origin\"]";
            }
            let (key, url) = line.split_once('=')?;
            (in_origin && key.trim() == "url").then(|| url.trim().to_owned())
        })
    });
    let Some(remote) = remote else { return folder };
    let parts: Vec<&str> = remote.trim_end_matches('/').trim_end_matches(".git").split(['/', ':']).collect();
    match parts.as_slice() {
        [.., owner, name] if !owner.is_empty() && !name.is_empty() => format!("{owner}/{name}"),
        _ => folder,
    }
}

//! Which files of the code under test are worth reading: what the tests import, and what that imports.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::files::{Listed, SourceFile, is_there, read};
use crate::python::candidates;

/// So much is read: a scan takes about as long as its tests make it.
const MAX_BYTES: u64 = 256 << 10;
/// So far imports of imports are followed.
const WAVES: usize = 4;

/// The files that `wanted` (files of the tests with what they import) lead to, the most imported of each wave first;
/// `known` are read already. What cannot be read is left out: nothing is found in it.
pub(super) fn under_test(
    root: &Path,
    mut wanted: Vec<(String, Vec<String>)>,
    known: &FxHashSet<PathBuf>,
) -> Vec<SourceFile> {
    let (mut found, mut listed, mut seen) = (FxHashMap::default(), Listed::default(), FxHashSet::default());
    let (mut out, mut left) = (vec![], MAX_BYTES);
    for _ in 0..WAVES {
        let mut importers: FxHashMap<String, usize> = FxHashMap::default();
        for (file, imports) in &wanted {
            for path in imports {
                if let Some(file) = find(root, &mut found, &mut listed, file, path) {
                    *importers.entry(file).or_default() += 1;
                }
            }
        }
        let mut next: Vec<(usize, String)> = importers
            .into_iter()
            .filter(|(file, _)| !known.contains(&root.join(file)) && seen.insert(file.clone()))
            .map(|(file, count)| (count, file))
            .collect();
        next.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        next.retain(|(_, file)| {
            let size = std::fs::metadata(root.join(file)).map_or(u64::MAX, |meta| meta.len());
            let fits = size <= left;
            if fits {
                left -= size;
            }
            fits
        });
        let read: Vec<_> =
            next.par_iter().filter_map(|(_, file)| read(&root.join(file), root).ok()).collect();
        wanted = read.iter().map(|(file, imports)| (file.file.clone(), imports.clone())).collect();
        out.extend(read.into_iter().map(|(file, _)| file));
        if wanted.is_empty() {
            break;
        }
    }
    out
}

/// The file that an import in `file` names: beside it, above it, or below `src`.
fn find(
    root: &Path,
    found: &mut FxHashMap<(String, String), Option<String>>,
    listed: &mut Listed,
    file: &str,
    path: &str,
) -> Option<String> {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let look = || {
        let mut all = candidates(folder, path);
        if !path.starts_with('.') {
            all.extend(candidates("src", path));
        }
        all.into_iter().find(|candidate| is_there(root, listed, candidate))
    };
    found
        .entry((folder.to_owned(), path.to_owned()))
        .or_insert_with(look)
        .clone()
        .filter(|found| found != file)
}

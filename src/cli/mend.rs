//! `scan --fix` and `scan --diff`: the rules' own edits, written or shown.

use std::path::Path;

use super::{note, print};
use crate::fixes::{self, Mended, MendedFile};
use crate::report::count;
use crate::risk::RiskModel;
use crate::scan::ScanRequest;
use crate::source;

/// Prints what the edits would change; whether there is anything.
pub(super) fn show(request: &ScanRequest, model: &RiskModel, unsafe_too: bool) -> anyhow::Result<bool> {
    let mended = fixes::mend(request, Some(model), unsafe_too, None)?;
    for file in &mended.files {
        print(&fixes::diff(&path_of(&mended, file), &file.before, &file.after))?;
    }
    tell(&mended, mended.files.iter(), "would mend");
    Ok(!mended.files.is_empty())
}

/// Writes what the edits change. Files that cannot be written stay as they are and are named.
///
/// # Errors
/// A file could not be written; the others were.
pub(super) fn write(request: &ScanRequest, model: &RiskModel, unsafe_too: bool) -> anyhow::Result<()> {
    let mended = fixes::mend(request, Some(model), unsafe_too, None)?;
    let mut written = vec![];
    for file in &mended.files {
        match replace(&mended.scan.root.join(&file.file), &file.bytes, &file.after) {
            Ok(()) => written.push(file),
            Err(reason) => note(&format!("{}: {reason}", file.file)),
        }
    }
    let left = mended.files.len() - written.len();
    tell(&mended, written.into_iter(), "mended");
    anyhow::ensure!(left == 0, "{} left as before (see above)", count(left, "file was", "files were"));
    Ok(())
}

/// Writes a mended file, unless it is another than was read.
pub(super) fn replace(path: &Path, read: &[u8], after: &str) -> Result<(), String> {
    let now = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    if now != read {
        return Err("was changed meanwhile; run it again".to_owned());
    }
    let bytes = source::encode(read, after)
        .ok_or("its encoding cannot hold the new text; save it as UTF-8 and run it again")?;
    source::replace(path, &bytes).map_err(|error| format!("cannot be written: {error}"))
}

/// The path in a diff, so that `git apply` takes it at the top of the repository.
fn path_of(mended: &Mended, file: &MendedFile) -> String {
    if mended.scan.within.is_empty() {
        file.file.clone()
    } else {
        format!("{}/{}", mended.scan.within, file.file)
    }
}

fn tell<'m>(mended: &Mended, files: impl Iterator<Item = &'m MendedFile>, verb: &str) {
    let (mut edits, mut number) = (0, 0);
    for file in files {
        number += 1;
        edits += file.edits.len();
        for (code, message) in &file.edits {
            note(&format!("{}: {code} {message}", file.file));
        }
    }
    for refused in &mended.refused {
        note(&format!("{}: {} left as it is: {}", refused.test, refused.code, refused.reason));
    }
    let more = match mended.unsafe_left {
        0 => String::new(),
        left => format!("; {left} more with --unsafe-fixes"),
    };
    note(&format!(
        "{verb} {} in {}{more}",
        count(edits, "finding", "findings"),
        count(number, "file", "files")
    ));
}

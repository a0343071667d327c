//! Writing so that a reader, or a crash, sees the old content or the new one, never a half.

use std::io::{Error, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Puts `content` where `path` is; a link stays a link, and permissions stay as they were.
///
/// # Errors
/// The file may not be written, or there is no room; what stood there stays.
pub fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let known = std::fs::metadata(&path).ok().map(|known| known.permissions());
    if known.as_ref().is_some_and(std::fs::Permissions::readonly) {
        return Err(Error::new(ErrorKind::PermissionDenied, "it is read-only"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // a new file is one that others may read, as far as the user's mask allows
    let new = std::fs::Permissions::from_mode(0o666);
    let mut draft = tempfile::Builder::new().permissions(new).tempfile_in(folder)?;
    if let Some(known) = known {
        draft.as_file().set_permissions(known)?;
    }
    draft.write_all(content)?;
    draft.as_file().sync_all()?;
    draft.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn permissions_stay_and_a_read_only_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test_a.py");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o754)).unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o754);
        // also what the mask would take away
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o776)).unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o776);
        let fresh = folder.path().join("fresh.json");
        replace(&fresh, b"{}").unwrap();
        std::fs::write(folder.path().join("plain.json"), b"{}").unwrap();
        let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode("fresh.json"), mode("plain.json"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
        assert!(replace(&path, b"other").is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }
}

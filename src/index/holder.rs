//! Who holds an embedded store: a small file beside the lock, so that a second process can say whom to stop,
//! or ask the one that serves.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The process that has the store open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub pid: u32,
    /// Where it answers, if it serves: `http://127.0.0.1:8080`
    #[serde(default)]
    pub address: Option<String>,
    /// What others must say to use the store through it.
    #[serde(default)]
    pub key: Option<String>,
}

/// Who holds the store in `folder`; `None` where nobody does, as far as is known. A file left behind by a process
/// that was killed is not believed.
pub fn read(folder: &Path) -> Option<Holder> {
    let holder: Holder = serde_json::from_slice(&fs::read(path(folder)).ok()?).ok()?;
    is_alive(holder.pid).then_some(holder)
}

/// Says that this process holds the store and, where it serves, at which address and for which key. Only the user may
/// read it.
pub(super) fn write(folder: &Path, served: Option<(&str, &str)>) -> io::Result<()> {
    let holder = Holder {
        pid: std::process::id(),
        address: served.map(|(address, _)| address.to_owned()),
        key: served.map(|(_, key)| key.to_owned()),
    };
    super::meta::write_whole(&path(folder), &serde_json::to_vec(&holder)?, true)
}

/// Says that nobody does. Not being able to is no harm: the file is not believed once the process is gone.
pub(super) fn clear(folder: &Path) {
    let _ = fs::remove_file(path(folder));
}

fn path(folder: &Path) -> PathBuf {
    folder.join("holder.json")
}

fn is_alive(pid: u32) -> bool {
    // where there is no /proc, the file is all there is to go by
    !Path::new("/proc/self").exists() || Path::new("/proc").join(pid.to_string()).exists()
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.address {
            Some(address) => write!(f, "pid {}, serving at {address}", self.pid),
            None => write!(f, "pid {}", self.pid),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_living_are_known_and_the_dead_are_not() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), None);
        write(folder.path(), Some(("http://127.0.0.1:8080", "secret"))).unwrap();
        let holder = read(folder.path()).unwrap();
        assert_eq!(holder.pid, std::process::id());
        assert!(holder.to_string().ends_with("serving at http://127.0.0.1:8080"));
        assert_eq!(holder.key.as_deref(), Some("secret"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(super::path(folder.path())).unwrap().permissions().mode() & 0o077, 0);
        }
        clear(folder.path());
        assert_eq!(read(folder.path()), None);

        if Path::new("/proc/self").exists() {
            fs::write(path(folder.path()), r#"{"pid": 4294967294}"#).unwrap();
            assert_eq!(read(folder.path()), None);
        }
    }
}

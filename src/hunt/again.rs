//! Whether a patch mends what a hunt shows: the same hunt on the project as it is and on a copy with the patch. The
//! project itself is left as it is.

use std::fs;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Environment, HuntError, Hunted, Request, Stop, hunt};
use crate::risk::Assessment;

/// What running says of a patch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rerun {
    pub verdict: RerunVerdict,
    /// What made the test fail before (`order:reversed`), and what it said then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perturbation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub seconds: f64,
}

/// The verdict of [`Rerun`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RerunVerdict {
    /// It failed under a change before, and passes under the same change with the patch.
    VerifiedByRunning,
    /// It still fails under that change.
    StillUnstable,
    /// With the patch it no longer passes as it is.
    Broken,
    /// It passes with the patch, but nothing made it fail before, so that this proves little.
    NotShownBefore,
}

/// A file of the project, relative to its root, as the patch leaves it.
pub struct Patched<'p> {
    pub file: &'p str,
    pub bytes: &'p [u8],
}

/// Hunts for the one suspected test of `request`, half of the budget before the patch and half after.
///
/// # Errors
/// As [`hunt`]; there is no room for the copy.
pub fn rerun(
    request: &Request,
    patched: &Patched<'_>,
    tests: &[&Assessment],
    stop: &Stop,
    say: &dyn Fn(&str),
) -> Result<Rerun, HuntError> {
    let half = Request { budget: request.budget / 2, ..request.clone() };
    say("as it is:");
    let before = hunt(&half, tests, stop, say)?;
    let shown = before.unstable.first().map(|unstable| unstable.proof.clone());
    // the Python that the project's own folder leads to
    let python = Environment::find(request.python.as_deref(), &request.root)?.python;
    let python = if python.components().count() > 1 {
        std::path::absolute(&python).map_err(HuntError::NoRoom)?
    } else {
        python
    };
    let folder = tempfile::tempdir().map_err(HuntError::NoRoom)?;
    let copy = folder.path().join("project");
    copy_project(&request.root, &copy).map_err(HuntError::NoRoom)?;
    fs::write(copy.join(patched.file), patched.bytes).map_err(HuntError::NoRoom)?;
    let kind = shown.as_ref().and_then(|proof| proof.perturbation.split(':').next()).map(str::to_owned);
    let half = Request { root: copy, python: Some(python), only: kind.or(half.only.clone()), ..half };
    say("with the patch:");
    let (verdict, seconds) = match hunt(&half, tests, stop, say) {
        Ok(after) => (verdict(request, shown.is_some(), &after), after.seconds),
        Err(HuntError::NothingPasses { seconds }) => (RerunVerdict::Broken, seconds),
        Err(error) => return Err(error),
    };
    Ok(Rerun {
        verdict,
        perturbation: shown.as_ref().map(|proof| proof.perturbation.clone()),
        error: shown.map(|proof| proof.error),
        seconds: before.seconds + seconds,
    })
}

fn verdict(request: &Request, was_shown: bool, after: &Hunted) -> RerunVerdict {
    let is_it =
        |id: &str| request.suspects.as_ref().is_none_or(|suspects| suspects.contains(super::test_of(id)));
    if after.plain.failing.iter().any(|id| is_it(id)) {
        RerunVerdict::Broken
    } else if after.unstable.iter().any(|unstable| is_it(&unstable.id)) {
        RerunVerdict::StillUnstable
    } else if was_shown {
        RerunVerdict::VerifiedByRunning
    } else {
        RerunVerdict::NotShownBefore
    }
}

/// Folders that a run of the tests does not need in the copy.
const LEFT_OUT: [&str; 9] =
    [".git", ".hg", ".tox", ".nox", ".venv", "venv", "node_modules", "__pycache__", ".flakydetector"];

/// Copies what the tests may need, ignored files among it (built extensions).
fn copy_project(from: &Path, to: &Path) -> std::io::Result<()> {
    let walker = WalkBuilder::new(from)
        .standard_filters(false)
        .filter_entry(|entry| entry.file_name().to_str().is_none_or(|name| !LEFT_OUT.contains(&name)))
        .build();
    for entry in walker {
        let entry = entry.map_err(std::io::Error::other)?;
        let target: PathBuf = to.join(entry.path().strip_prefix(from).unwrap_or(entry.path()));
        let kind = entry.file_type();
        if kind.is_some_and(|kind| kind.is_dir()) {
            fs::create_dir_all(&target)?;
        } else if kind.is_some_and(|kind| kind.is_symlink()) {
            std::os::unix::fs::symlink(fs::read_link(entry.path())?, &target)?;
        } else if kind.is_some_and(|kind| kind.is_file()) {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_what_tests_need() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for folder in ["pkg/data", ".git", "tests/__pycache__"] {
            fs::create_dir_all(from.path().join(folder)).unwrap();
        }
        for file in
            ["pkg/data/a.bin", ".git/HEAD", "tests/test_a.py", ".gitignore", "tests/__pycache__/x.pyc"]
        {
            fs::write(from.path().join(file), "*.bin\n").unwrap();
        }
        std::os::unix::fs::symlink("pkg", from.path().join("link")).unwrap();
        let copy = to.path().join("copy");
        copy_project(from.path(), &copy).unwrap();
        for file in ["pkg/data/a.bin", "tests/test_a.py", ".gitignore", "link/data/a.bin"] {
            assert!(copy.join(file).is_file(), "{file}");
        }
        assert!(!copy.join(".git").exists() && !copy.join("tests/__pycache__").exists());
    }
}

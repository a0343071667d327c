//! Whether a project's tests may be run: asked once per project, and remembered in the user's own settings, never in the
//! project, which could otherwise allow itself.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use super::note;

/// Asks, unless somebody said so before.
///
/// # Errors
/// Nobody allows it, or there is nobody to ask.
pub(super) fn ask(root: &Path, yes: bool, allowed: bool) -> anyhow::Result<()> {
    let list = list();
    if yes || allowed || remembered(list.as_deref(), root) {
        return Ok(());
    }
    anyhow::ensure!(
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
        "hunt runs the tests of {} with your own pytest, again and again; allow it with --yes, or with allow = true \
         under [hunt] in flakydetector.toml",
        root.display()
    );
    let mut to = std::io::stderr();
    write!(
        to,
        "hunt runs the tests of {} with your own pytest, again and again, also in other orders.\n\
         Run them, now and later? [y/N] ",
        root.display()
    )?;
    to.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    anyhow::ensure!(matches!(answer.trim(), "y" | "Y" | "yes"), "nothing was run");
    if let Some(list) = list
        && let Err(error) = remember(&list, root)
    {
        note(&format!("{} cannot be written ({error}), so the next hunt asks again", list.display()));
    }
    Ok(())
}

/// The file of the projects that are allowed.
fn list() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".config"));
    let folder = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    Some(folder.or_else(home)?.join("flakydetector/hunt-allowed"))
}

fn remembered(list: Option<&Path>, root: &Path) -> bool {
    let text = list.and_then(|list| std::fs::read_to_string(list).ok()).unwrap_or_default();
    text.lines().any(|line| Path::new(line) == root)
}

fn remember(list: &Path, root: &Path) -> std::io::Result<()> {
    if let Some(folder) = list.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(list)?;
    writeln!(file, "{}", root.display())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_allowed_is_remembered_for_that_project_alone() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("deep/hunt-allowed");
        assert!(!remembered(Some(&list), Path::new("/a")));
        remember(&list, Path::new("/a")).unwrap();
        remember(&list, Path::new("/b")).unwrap();
        assert!(remembered(Some(&list), Path::new("/a")) && !remembered(Some(&list), Path::new("/a/c")));
    }
}

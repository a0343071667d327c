//! Reading git repositories through the `git` command: nothing is checked out and nothing of them is run.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use thiserror::Error;

/// Why a repository could not be read.
#[derive(Debug, Error)]
pub enum GitError {
    #[error("no clone of {repo} under {}", .folder.display())]
    NoClone { repo: String, folder: PathBuf },
    #[error("{repo} has no commit {sha}; fetch its full history")]
    NoCommit { repo: String, sha: String },
    #[error("git could not be run: {0}; install git")]
    NoGit(std::io::Error),
    #[error("{repo} at {sha} could not be exported: {reason}")]
    Export { repo: String, sha: String, reason: String },
}

/// The git directory of `owner/name` in a folder of clones, bare or not: `owner/name`, `owner+name`, or `name`.
///
/// # Errors
/// There is no such clone.
pub fn find_clone(folder: &Path, repo: &str) -> Result<PathBuf, GitError> {
    let flat = repo.replace('/', "+");
    let name = repo.rsplit('/').next().unwrap_or(repo);
    [repo, &flat, name]
        .iter()
        .find_map(|stem| git_dir_in(&folder.join(stem)))
        .ok_or_else(|| GitError::NoClone { repo: repo.to_owned(), folder: folder.to_owned() })
}

/// The git directory of the clone that a folder is or holds, bare or not.
fn git_dir_in(folder: &Path) -> Option<PathBuf> {
    let inner = ["", ".git", "repo", "repo/.git"].iter().map(|inner| folder.join(inner));
    inner.into_iter().find(|path| path.join("HEAD").is_file() && path.join("objects").is_dir())
}

/// The git clones in a folder, bare or not, by `owner/name` or `name`; or the one that the folder itself is.
pub fn clones(folder: &Path) -> Vec<(String, PathBuf)> {
    let name =
        |path: &Path| path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    if let Some(only) = git_dir_in(folder) {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        return vec![(name(&folder), only)];
    }
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
    };
    let mut out = vec![];
    for path in list(folder) {
        match git_dir_in(&path) {
            Some(found) => out.push((name(&path).replacen('+', "/", 1), found)),
            None => {
                let below = list(&path).into_iter();
                out.extend(
                    below.filter_map(|one| {
                        Some((format!("{}/{}", name(&path), name(&one)), git_dir_in(&one)?))
                    }),
                );
            }
        }
    }
    out.sort();
    out
}

/// Writes those Python files and test settings of one commit below `into` that `keep` wants, given their paths.
/// Files whose content the clone lacks are passed over.
///
/// # Errors
/// The commit is not there, git fails, or a file cannot be written.
pub fn export(
    git_dir: &Path,
    repo: &str,
    sha: &str,
    into: &Path,
    keep: &dyn Fn(&str) -> bool,
) -> Result<(), GitError> {
    let sha = sha.trim();
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.arg("--git-dir").arg(git_dir).args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
        command
    };
    let known = git(&["cat-file", "-e", &format!("{sha}^{{commit}}")]).status().map_err(GitError::NoGit)?;
    if !known.success() {
        return Err(GitError::NoCommit { repo: repo.to_owned(), sha: sha.to_owned() });
    }
    let failed = |reason: String| GitError::Export { repo: repo.to_owned(), sha: sha.to_owned(), reason };
    let listing = git(&["ls-tree", "-r", "-z", sha]).output().map_err(GitError::NoGit)?;
    let files: Vec<(&str, &str)> = listing
        .stdout
        .split(|byte| *byte == 0)
        .filter_map(|entry| std::str::from_utf8(entry).ok()?.split_once('\t'))
        .filter(|(_, path)| is_wanted(path) && keep(path) && !path.split('/').any(|part| part == ".."))
        .filter_map(|(head, path)| Some((head.split(' ').nth(2)?, path)))
        .collect();
    let mut reader = git(&["cat-file", "--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(GitError::NoGit)?;
    let (Some(mut ask), Some(answers)) = (reader.stdin.take(), reader.stdout.take()) else {
        return Err(failed("no pipe".to_owned()));
    };
    let written = std::thread::scope(|scope| {
        let wanted = &files;
        scope.spawn(move || wanted.iter().try_for_each(|(object, _)| writeln!(ask, "{object}")));
        write_blobs(BufReader::new(answers), wanted, into)
    });
    let _ = reader.wait();
    written.map_err(|error| failed(error.to_string()))
}

/// The lines of `file` at `from` that are others at `to`, first and last, counted from 1. Where lines only come in, the
/// one before them. Spaces do not count.
///
/// # Errors
/// Git cannot be run.
pub fn changed_lines(git_dir: &Path, from: &str, to: &str, file: &str) -> Result<Vec<(u32, u32)>, GitError> {
    let diff = Command::new("git")
        .arg("--git-dir")
        .arg(git_dir)
        .args([
            "diff",
            "--no-color",
            "--no-ext-diff",
            "--unified=0",
            "--ignore-all-space",
            from,
            to,
            "--",
            file,
        ])
        .stdin(Stdio::null())
        .output()
        .map_err(GitError::NoGit)?;
    let hunk = |line: &str| {
        let lines = line.strip_prefix("@@ -")?.split(' ').next()?;
        let (start, count) = lines.split_once(',').unwrap_or((lines, "1"));
        let (start, count) = (start.parse::<u32>().ok()?, count.parse::<u32>().ok()?);
        Some((start, start + count.max(1) - 1))
    };
    Ok(String::from_utf8_lossy(&diff.stdout).lines().filter_map(hunk).collect())
}

/// A file, and the first and last of each run of lines in it that are new or changed.
pub type ChangedFile = (String, Vec<(u32, u32)>);

/// What of a work tree is other than at `base`: files relative to `root`, each with the lines that are new or changed,
/// first and last. Files that git does not know yet are changed as a whole.
///
/// # Errors
/// Git cannot be run, or there is no such commit.
pub fn changed_since(root: &Path, base: &str) -> Result<Vec<ChangedFile>, GitError> {
    let git = |arguments: &[&str]| {
        Command::new("git")
            .arg("-C")
            .arg(root)
            .args(["-c", "core.quotepath=off"])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(GitError::NoGit)
    };
    // what changed since the two went apart, as a review shows it
    let merge_base = git(&["merge-base", base, "HEAD"])?;
    let from = String::from_utf8_lossy(&merge_base.stdout).trim().to_owned();
    if !merge_base.status.success() || from.is_empty() {
        return Err(GitError::NoCommit { repo: root.display().to_string(), sha: base.to_owned() });
    }
    let diff = git(&[
        "diff",
        "--no-color",
        "--no-ext-diff",
        "--unified=0",
        "--relative",
        "--no-prefix",
        "--diff-filter=d",
        &from,
    ])?;
    let mut out: Vec<ChangedFile> = vec![];
    for line in String::from_utf8_lossy(&diff.stdout).lines() {
        if let Some(file) = line.strip_prefix("+++ ") {
            out.push((file.to_owned(), vec![]));
        } else if let Some((start, count)) = new_lines(line)
            && let Some((_, lines)) = out.last_mut()
        {
            lines.push((start, start + count.max(1) - 1));
        }
    }
    let new = git(&["ls-files", "--others", "--exclude-standard"])?;
    out.extend(
        String::from_utf8_lossy(&new.stdout).lines().map(|file| (file.to_owned(), vec![(1, u32::MAX)])),
    );
    Ok(out)
}

/// `@@ -1,2 +3,4 @@` ─▶ 3 and 4.
fn new_lines(line: &str) -> Option<(u32, u32)> {
    let (_, after) = line.strip_prefix("@@ ")?.split_once(" +")?;
    let lines = after.split(' ').next()?;
    let (start, count) = lines.split_once(',').unwrap_or((lines, "1"));
    Some((start.parse().ok()?, count.parse().ok()?))
}

fn is_wanted(path: &str) -> bool {
    [".py", ".ini", ".cfg", ".toml"].iter().any(|ending| path.ends_with(ending))
}

/// Reads what `cat-file --batch` answers, in the order asked.
fn write_blobs(mut answers: impl BufRead, files: &[(&str, &str)], into: &Path) -> std::io::Result<()> {
    for (_, path) in files {
        let mut head = String::new();
        answers.read_line(&mut head)?;
        let Some(size) = head.trim_end().rsplit(' ').next().and_then(|size| size.parse::<usize>().ok())
        else {
            continue;
        };
        let mut content = vec![0; size + 1];
        answers.read_exact(&mut content)?;
        content.pop();
        let target = into.join(path);
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(target, content)?;
    }
    Ok(())
}

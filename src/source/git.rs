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
        .flat_map(|stem| {
            ["", ".git", "repo", "repo/.git"].iter().map(move |inner| folder.join(stem).join(inner))
        })
        .find(|candidate| candidate.join("HEAD").is_file() && candidate.join("objects").is_dir())
        .ok_or_else(|| GitError::NoClone { repo: repo.to_owned(), folder: folder.to_owned() })
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

//! A repository's history as changes of files, and the texts behind them.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::git::GitError;

/// A commit with the first line of its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub commit: String,
    /// Seconds since 1970.
    pub date: i64,
    pub author: String,
    pub subject: String,
    /// How many files it changed in all.
    pub files: usize,
}

/// A file that a commit changed, or renamed and changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// As it is called after.
    pub path: String,
    /// As it is called before.
    pub was: String,
    /// Names of the contents.
    pub before: String,
    pub after: String,
}

/// Commits without merges, from `from` back, at most `most` of them and none that `until` can reach, each with the files
/// that it changed and that `keep` wants; of `saying` only those whose message fits this extended regular expression.
///
/// # Errors
/// Git cannot be run, or there is no such commit.
pub fn file_changes(
    git_dir: &Path,
    repo: &str,
    from: &str,
    until: Option<&str>,
    most: usize,
    saying: Option<&str>,
    keep: &dyn Fn(&str) -> bool,
) -> Result<Vec<(Head, Vec<FileChange>)>, GitError> {
    // what is renamed is told by contents, of which a clone may lack some
    let read = |renames| log(git_dir, repo, from, until, (most, saying, renames), keep);
    read("-M").or_else(|_| read("--no-renames"))
}

fn log(
    git_dir: &Path,
    repo: &str,
    from: &str,
    until: Option<&str>,
    (most, saying, renames): (usize, Option<&str>, &str),
    keep: &dyn Fn(&str) -> bool,
) -> Result<Vec<(Head, Vec<FileChange>)>, GitError> {
    let mut command = Command::new("git");
    command.arg("--git-dir").arg(git_dir).args([
        "-c",
        "core.quotepath=off",
        "log",
        "--no-merges",
        "--raw",
        "--no-abbrev",
        renames,
    ]);
    command.args(saying.iter().flat_map(|pattern| ["-i", "-E", "--grep", pattern]));
    command.args(["--format=%x01%H%x00%at%x00%an%x00%s", &format!("--max-count={most}"), from]);
    command.args(until.map(|until| format!("^{until}")));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(GitError::NoGit)?;
    let mut out: Vec<(Head, Vec<FileChange>)> = vec![];
    if let Some(answers) = child.stdout.take() {
        for line in BufReader::new(answers).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            if let Some(head) = line.strip_prefix('\x01') {
                let mut parts = head.split('\0');
                let mut next = || parts.next().unwrap_or_default().to_owned();
                let (commit, date, author, subject) = (next(), next(), next(), next());
                let date = date.parse().unwrap_or_default();
                out.push((Head { commit, date, author, subject, files: 0 }, vec![]));
            } else if let Some((head, changes)) = out.last_mut() {
                head.files += usize::from(line.starts_with(':'));
                changes.extend(change(&line).filter(|change| keep(&change.path)));
            }
        }
    }
    let ended = child.wait().map_err(GitError::NoGit)?;
    if !ended.success() {
        return Err(GitError::NoCommit { repo: repo.to_owned(), sha: from.to_owned() });
    }
    Ok(out)
}

/// `:100644 100644 <before> <after> M\tpath`, or with `R087\told\tnew`
fn change(line: &str) -> Option<FileChange> {
    let (head, paths) = line.strip_prefix(':')?.split_once('\t')?;
    let mut parts = head.split(' ').skip(2);
    let (before, after, kind) = (parts.next()?, parts.next()?, parts.next()?);
    let (was, path) = paths.split_once('\t').unwrap_or((paths, paths));
    kind.starts_with(['M', 'R']).then(|| FileChange {
        path: path.to_owned(),
        was: was.to_owned(),
        before: before.to_owned(),
        after: after.to_owned(),
    })
}

/// Contents of a repository, one after the other.
pub struct Blobs {
    child: Child,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Blobs {
    /// # Errors
    /// Git cannot be run.
    pub fn open(git_dir: &Path) -> Result<Blobs, GitError> {
        let mut child = Command::new("git")
            .arg("--git-dir")
            .arg(git_dir)
            .args(["cat-file", "--batch"])
            // what a clone lacks is not fetched
            .env("GIT_NO_LAZY_FETCH", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(GitError::NoGit)?;
        let ask = child.stdin.take();
        let answers = child.stdout.take().map(BufReader::new);
        answers
            .map(|answers| Blobs { child, ask, answers })
            .ok_or_else(|| GitError::NoGit(std::io::Error::other("no pipe to git")))
    }

    /// A content as text; nothing where the clone lacks it or it is no UTF-8.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let ask = self.ask.as_mut()?;
        writeln!(ask, "{name}").and_then(|()| ask.flush()).ok()?;
        let mut head = String::new();
        self.answers.read_line(&mut head).ok()?;
        let size: usize = head.trim_end().rsplit(' ').next()?.parse().ok()?;
        let mut content = vec![0; size + 1];
        self.answers.read_exact(&mut content).ok()?;
        content.pop();
        String::from_utf8(content).ok()
    }
}

impl Drop for Blobs {
    fn drop(&mut self) {
        drop(self.ask.take());
        let _ = self.child.wait();
    }
}

/// The git directory of the work tree around `folder`, and whether the clone is shallow.
pub fn git_dir(folder: &Path) -> Option<(std::path::PathBuf, bool)> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["rev-parse", "--absolute-git-dir", "--is-shallow-repository"])
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines();
    Some((lines.next()?.into(), lines.next() == Some("true")))
}

/// The whole name of a commit; `None` where there is none.
pub fn commit(git_dir: &Path, name: &str) -> Option<String> {
    let output = Command::new("git")
        .arg("--git-dir")
        .arg(git_dir)
        .args(["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

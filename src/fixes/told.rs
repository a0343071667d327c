//! Tests that a commit says it mends: commits whose message speaks of an unstable test and that change one test alone, out
//! of a repository's history. The test before is the label; its source is not kept.

use std::path::Path;

use rayon::prelude::*;

use super::functions::functions;
use super::mined::{MOST_LINES, different_lines, is_test_file};
use crate::python::ast::{Function, Span};
use crate::python::{Analysis, Module, Project, PytestConfig};
use crate::source::git::GitError;
use crate::source::history::{self, Blobs, FileChange, file_changes};

/// What a message says that is about an unstable test, as git reads patterns.
const SAYS: &str =
    "flak(y|ey|iness)|intermittent|sporadic|unreliable|nondeterministic|non-deterministic|race condition";
/// What it says where the commit is about something else.
const OTHERWISE: [&str; 12] = [
    "backport",
    "revert",
    "lint",
    "typo",
    "skip ",
    "xfail",
    "mark ",
    "quarantine",
    "flake8",
    "rerun",
    "disable",
    "pyflakes",
];
/// Markers that hide a failure, in the words of a decorator.
const HIDES: [&str; 6] = ["skip", "xfail", "flaky", "retry", "rerun", "expectedFailure"];

/// A test that was unstable until a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The last commit at which it was unstable.
    pub before: String,
    pub commit: String,
    /// As pytest calls it before: `tests/test_a.py::TestA::test_b`
    pub test_id: String,
}

/// Looks at the last `most` commits without merges whose message speaks of unstable tests.
///
/// # Errors
/// Git cannot be run, or the repository has no commit.
pub fn told(git_dir: &Path, repo: &str, most: usize) -> Result<Vec<Told>, GitError> {
    let commits = file_changes(git_dir, repo, "HEAD", None, most, Some(SAYS), &|path| path.ends_with(".py"))?;
    let mut blobs = Blobs::open(git_dir)?;
    let mut texts = vec![];
    for (head, changes) in &commits {
        let says_otherwise = OTHERWISE.iter().any(|word| head.subject.to_ascii_lowercase().contains(word));
        if let [change] = changes.as_slice()
            && is_test_file(&change.path)
            && !says_otherwise
            && let (Some(before), Some(after)) = (blobs.text(&change.before), blobs.text(&change.after))
        {
            texts.push((head, change, before, after));
        }
    }
    let found: Vec<Told> = texts
        .into_par_iter()
        .filter_map(|(head, change, before, after)| {
            let test_id = the_one(change, before, after)?;
            let before = history::commit(git_dir, &format!("{}^", head.commit))?;
            Some(Told { before, commit: head.commit.clone(), test_id })
        })
        .collect();
    Ok(found)
}

/// The id of the test that is all that a change touched, where it is one and was changed by not too much.
fn the_one(change: &FileChange, before: String, after: String) -> Option<String> {
    // a renamed file is called otherwise before
    let file = change.was.clone();
    let (old, new) = (Module::parse(file.clone(), before), Module::parse(file, after));
    let changed = {
        let (was, is) = (functions(&old), functions(&new));
        let differs =
            |name: &String| is.get(name).is_none_or(|now| old.text(was[name].span) != new.text(now.span));
        let mut changed = was.keys().filter(|name| differs(name));
        let only = changed.next()?.clone();
        let now = is.get(&only)?;
        let (one, two) = (body(&old, was[&only]), body(&new, now));
        let hides = |module: &Module, function: &Function| {
            let marks = function.decorators.iter().map(|decorator| module.text(decorator.span));
            let marked =
                marks.flat_map(|text| HIDES.iter().filter(move |word| text.contains(**word))).count();
            marked
                + body(module, function).matches("skip(").count()
                + body(module, function).matches("skipTest(").count()
        };
        let is_mend = changed.next().is_none()
            && (1..=MOST_LINES).contains(&different_lines(one, two))
            && hides(&new, now) <= hides(&old, was[&only]);
        is_mend.then_some(only)?
    };
    let project = Project::new(vec![old], PytestConfig::load(Path::new("/nonexistent")));
    let analysis = Analysis::new(&project);
    let id = format!("{}::{changed}", project.modules[0].file);
    analysis.tests(0).into_iter().map(|case| case.id).find(|known| *known == id)
}

/// A function without its decorators: who only changes a mark mends nothing.
fn body<'m>(module: &'m Module, function: &Function) -> &'m str {
    module.text(Span { start: function.name_span.start, end: function.span.end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(before: &str, after: &str) -> Option<String> {
        let change = FileChange {
            path: "t/test_a.py".into(),
            was: "t/test_a.py".into(),
            before: String::new(),
            after: String::new(),
        };
        the_one(&change, before.into(), after.into())
    }

    #[test]
    fn one_changed_test_is_the_label() {
        let before = "class TestA:\n    def test_b(self):\n        wait(0.1)\n        assert done()\n\ndef test_c():\n    pass\n";
        let after = before.replace("0.1", "10");
        assert_eq!(one(before, &after).as_deref(), Some("t/test_a.py::TestA::test_b"));
    }

    #[test]
    fn two_changes_a_helper_and_a_marker_are_none() {
        let before = "def wait(n): sleep(n)\n\ndef test_b():\n    wait(1)\n\ndef test_c():\n    wait(2)\n";
        assert_eq!(one(before, &before.replace("wait(1)", "wait(3)").replace("wait(2)", "wait(4)")), None);
        assert_eq!(one(before, &before.replace("sleep(n)", "sleep(n + 1)")), None);
        assert_eq!(one(before, &before.replace("def test_b", "@pytest.mark.flaky\ndef test_b")), None);
        let marked = before.replace("def test_b", "@pytest.mark.flaky\ndef test_b");
        assert_eq!(one(&marked, before), None);
        assert_eq!(one(before, &before.replace("test_b", "test_d")), None);
        assert_eq!(one(before, before), None);
    }
}

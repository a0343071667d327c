//! How tests were mended here before: commits after which a finding of a test is gone while its assertions stand, out of
//! a repository's history. Reads git and nothing else; what a clone lacks is passed over.

mod helpers;
mod lines;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;

use self::helpers::judge_in_its_tree;
pub(super) use self::lines::different_lines;
use self::lines::{changed_tests, is_moved, with_tests};
use super::assertions;
use super::cured::{Text, is_cured};
use super::functions::functions;
use crate::python::{Analysis, Module, Project, PytestConfig};
use crate::risk::ScannedTest;
use crate::scan::{ScanRequest, scan_text};
use crate::smells::{self, Context, Finding, Selection};
use crate::source::git::GitError;
use crate::source::history::{Blobs, FileChange, Head, file_changes};

/// A commit that changes more files than this is no mending of one test.
const MOST_FILES: usize = 12;
/// So many lines of the test may differ, added and removed together.
pub(super) const MOST_LINES: usize = 40;
/// A commit that changes no more files, and no more lines of the test, is about the test.
const SMALL: (usize, usize) = (5, 8);
/// Rules whose cure is seen in the test alone, whatever else a commit does: what is put back, closed, or has a place of its
/// own. Of 120 pairs read, all 40 of these were right.
const PLAIN: [&str; 6] = ["FD602", "FD603", "FD701", "FD703", "FD712", "FD713"];
/// File changes looked at between two looks at the clock.
const CHUNK: usize = 64;
/// Pairs of one commit that show the same.
const MOST_ALIKE: usize = 3;

/// A test before and after the commit that mended it.
#[derive(Clone, Debug)]
pub struct Pair {
    pub commit: String,
    /// Seconds since 1970.
    pub date: i64,
    pub author: String,
    /// The test before, with its findings; [`ScannedTest::source`] is its code.
    pub before: ScannedTest,
    pub after: String,
    /// Codes of the findings that are gone.
    pub codes: Vec<String>,
}

/// What a walk through the history brought.
#[derive(Debug, Default)]
pub struct Walk {
    pub pairs: Vec<Pair>,
    /// Commits looked at.
    pub commits: usize,
    /// The last commit that was looked at, where there are more.
    pub rest: Option<String>,
}

/// Walks back from `from` (`HEAD` at first), over at most `most` commits and as long as `goes_on` says so; `until` is where an
/// earlier walk began.
///
/// # Errors
/// Git cannot be run, or there is no such commit.
pub fn walk(
    git_dir: &Path,
    repo: &str,
    (from, until): (&str, Option<&str>),
    most: usize,
    goes_on: &(dyn Fn(usize) -> bool + Sync),
) -> Result<Walk, GitError> {
    let commits = file_changes(git_dir, repo, from, until, most, None, &is_test_file)?;
    let mut out = Walk::default();
    let total = commits.len();
    let mut left = commits.into_iter();
    let mut blobs = Blobs::open(git_dir)?;
    loop {
        let chunk: Vec<(Head, Vec<FileChange>)> = left.by_ref().take(CHUNK).collect();
        let Some((last, _)) = chunk.last() else { break };
        let last = last.commit.clone();
        out.commits += chunk.len();
        let mut texts = vec![];
        for (head, changes) in chunk.iter().filter(|(_, changes)| (1..=MOST_FILES).contains(&changes.len())) {
            for change in changes {
                if let (Some(before), Some(after)) = (blobs.text(&change.before), blobs.text(&change.after)) {
                    texts.push((head, change, before, after));
                }
            }
        }
        let found: Vec<(&FileChange, Vec<Pair>)> = texts
            .into_par_iter()
            .map(|(head, change, before, after)| (change, pairs(repo, head, &change.path, before, after)))
            .collect();
        for (change, mut pairs) in found {
            pairs.iter_mut().for_each(|pair| judge_in_its_tree(pair, change, &mut blobs));
            out.pairs.extend(pairs.into_iter().filter(|pair| !pair.codes.is_empty()));
        }
        if !goes_on(out.commits) && out.commits < total {
            out.rest = Some(last);
            break;
        }
        if out.commits == total && total == most {
            out.rest = Some(last);
        }
    }
    few_of_each(&mut out.pairs);
    Ok(out)
}

/// What one commit did to many tests shows as much in a few of them.
fn few_of_each(pairs: &mut Vec<Pair>) {
    let mut seen: BTreeMap<(String, Vec<String>), usize> = BTreeMap::new();
    // a commit may have been picked into several branches
    let mut texts: BTreeSet<(String, String)> = BTreeSet::new();
    pairs.retain(|pair| {
        if !texts.insert((pair.before.source.clone(), pair.after.clone())) {
            return false;
        }
        let count = seen.entry((pair.commit.clone(), pair.codes.clone())).or_default();
        *count += 1;
        *count <= MOST_ALIKE
    });
}

pub(super) fn is_test_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.ends_with(".py")
        && (name.starts_with("test") || name.ends_with("_test.py") || name.ends_with("_tests.py"))
}

/// The tests of one file that a commit mended.
fn pairs(repo: &str, head: &Head, file: &str, before: String, after: String) -> Vec<Pair> {
    // most changes add tests or touch none, which is seen without parsing; of the others only what changed is parsed
    let changed_lines = changed_tests(&before, &after);
    if changed_lines.is_empty() {
        return vec![];
    }
    let old = Module::parse(file.to_owned(), with_tests(&before, &changed_lines));
    let new = Module::parse(file.to_owned(), with_tests(&after, &changed_lines));
    if old.errors.is_empty() && !new.errors.is_empty() {
        return vec![];
    }
    let changed: BTreeSet<String> = {
        let (was, is) = (functions(&old), functions(&new));
        was.into_iter()
            .filter(|(name, function)| {
                is.get(name).is_some_and(|now| {
                    let (one, two) = (old.text(function.span), new.text(now.span));
                    one != two
                        && (1..=MOST_LINES).contains(&different_lines(one, two))
                        && assertions::compare((&old, function), (&new, now)).weaker.is_empty()
                })
            })
            .map(|(name, _)| name)
            .collect()
    };
    if changed.is_empty() {
        return vec![];
    }
    let unmended = put_back(&old, &new, &changed);
    let (was, is) = (findings(vec![old], &changed), findings(vec![new], &changed));
    let mut out = vec![];
    for (id, (found, text)) in &was {
        let Some((left, now)) = is.get(id) else { continue };
        let count = |all: &[Finding], code: &str| all.iter().filter(|finding| finding.code == code).count();
        let fresh = left.iter().any(|finding| count(left, &finding.code) > count(found, &finding.code));
        let mut codes: Vec<String> = found
            .iter()
            .filter(|finding| count(left, &finding.code) == 0 && is_about(finding))
            .filter(|finding| {
                is_cured(finding, text, now) && !is_moved(finding, (&before, &after), &now.text)
            })
            .map(|finding| finding.code.clone())
            .collect();
        codes.sort();
        codes.dedup();
        if codes.is_empty() || fresh {
            continue;
        }
        // what the old test is found with in the new file too is mended by the change of the test
        let path = id.strip_prefix(&format!("{file}::")).unwrap_or(id);
        let still = unmended.get(path).and_then(|text| {
            let module = Module::parse(file.to_owned(), text.clone());
            findings(vec![module], &BTreeSet::from([path.to_owned()])).remove(id)
        });
        let still = still.map_or_else(Vec::new, |(found, _)| found);
        let is_small = head.files <= SMALL.0 && different_lines(&text.text, &now.text) <= SMALL.1;
        codes.retain(|code| count(&still, code) > 0 && (is_small || PLAIN.contains(&code.as_str())));
        if codes.is_empty() {
            continue;
        }
        let scan = scan_text(
            file,
            before.clone(),
            &ScanRequest { repo: Some(repo.to_owned()), ..ScanRequest::default() },
            None,
        );
        let Some(before) = scan.tests.into_iter().find(|test| test.assessment.id == *id) else { continue };
        tracing::debug!("{} {id} mended of {}", head.commit, codes.join(", "));
        out.push(Pair {
            commit: head.commit.clone(),
            date: head.date,
            author: head.author.clone(),
            before,
            after: now.text.clone(),
            codes,
        });
    }
    out
}

/// The new file with the old text of one test, by the test's name.
fn put_back(old: &Module, new: &Module, changed: &BTreeSet<String>) -> BTreeMap<String, String> {
    let (was, is) = (functions(old), functions(new));
    let with = |name: &String| {
        let (before, now) = (was.get(name)?, is.get(name)?.span);
        let (head, tail) = (new.source.get(..now.start as usize)?, new.source.get(now.end as usize..)?);
        Some((name.clone(), format!("{head}{}{tail}", old.text(before.span))))
    };
    changed.iter().filter_map(with).collect()
}

/// What a mending of a test is about: not its shape.
fn is_about(finding: &Finding) -> bool {
    finding.via.is_none() && !matches!(finding.code.as_str(), "FD902" | "FD903" | "FD904" | "FD907")
}

/// The findings of the tests of the first file among the functions named, with their code.
fn findings(modules: Vec<Module>, wanted: &BTreeSet<String>) -> BTreeMap<String, (Vec<Finding>, Text)> {
    let project = Project::new(modules, PytestConfig::load(Path::new("/nonexistent")));
    let analysis = Analysis::new(&project);
    let file = project.modules[0].file.clone();
    let mut out = BTreeMap::new();
    for case in analysis.tests(0) {
        let path = case.id.strip_prefix(&format!("{file}::")).unwrap_or(&case.id);
        if !wanted.contains(path) {
            continue;
        }
        let module = analysis.view(case.function.module).module;
        let span = case.function.function.span;
        let text = Text { text: module.whole_lines(span).to_owned(), line: module.line(span.start) };
        out.insert(
            case.id.clone(),
            (smells::check(&Context::new(&analysis, &case), &Selection::default()), text),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(before: &str, after: &str) -> Vec<String> {
        let head = Head { commit: "c".into(), date: 0, author: "a".into(), subject: "s".into(), files: 1 };
        let found = pairs("r", &head, "t/test_a.py", before.to_owned(), after.to_owned());
        found.into_iter().flat_map(|pair| pair.codes).collect()
    }

    #[test]
    fn what_was_mended_is_a_pair() {
        let folder =
            "def test_a():\n    open('/tmp/state', 'w').write('x')\n    assert load('/tmp/state') == 'x'\n";
        let own =
            folder.replace("test_a()", "test_a(tmp_path)").replace("'/tmp/state'", "tmp_path / 'state'");
        assert_eq!(codes(folder, &own), ["FD703"]);
        let set = "import os\n\ndef test_a():\n    os.environ['A'] = '1'\n    assert load() == 1\n";
        let undone = set.replace("test_a()", "test_a(monkeypatch)");
        let undone = undone.replace("os.environ['A'] = '1'", "monkeypatch.setenv('A', '1')");
        assert_eq!(codes(set, &undone), ["FD603"]);
    }

    #[test]
    fn what_is_only_out_of_sight_is_none() {
        let folder =
            "def test_a():\n    open('/tmp/state', 'w').write('x')\n    assert load('/tmp/state') == 'x'\n";
        let helper = folder.replace("open('/tmp/state', 'w').write('x')", "dump('/tmp/state', 'x')");
        assert!(!codes(folder, &helper).contains(&"FD703".to_owned()), "{:?}", codes(folder, &helper));
        // the old test is not found with it in the new file either
        let set = "import os\n\ndef test_a():\n    os.environ['A'] = '1'\n    assert load() == 1\n";
        let elsewhere = set.replace("import os", "from project import os");
        let elsewhere = elsewhere.replace("    assert", "    with silence():\n        assert");
        assert_eq!(codes(set, &elsewhere), Vec::<String>::new());
    }
}

//! The rules' own edits on whole suites, pass after pass: what overlaps waits for the next one, what does not do what it
//! is for is taken back. A second run finds nothing to do.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::assertions;
use super::edits::{Agreed, Change, changes};
use super::functions::functions;
use super::syntax::defects;
use super::verify::{counts, is_harm};
use crate::python::Module;
use crate::risk::{Assessment, RiskModel};
use crate::scan::{Overlay, Scan, ScanError, ScanRequest, scan, scan_over};
use crate::smells::{Applicability, Finding};
use crate::source;

/// Nothing goes on for ever; a suite needs as many passes as the most overlapping edits in one file.
const MOST_PASSES: usize = 60;

/// What was mended, in memory.
#[derive(Debug)]
pub struct Mended {
    /// Those that changed.
    pub files: Vec<MendedFile>,
    pub refused: Vec<Refused>,
    /// The project with everything mended.
    pub scan: Scan,
    /// Findings left that only an unsafe edit mends.
    pub unsafe_left: usize,
}

/// A file before and after.
#[derive(Debug)]
pub struct MendedFile {
    /// Relative to the root.
    pub file: String,
    /// As it was read.
    pub bytes: Vec<u8>,
    pub before: String,
    pub after: String,
    /// Codes and what was done, in the order in which it was done.
    pub edits: Vec<(String, String)>,
}

/// An edit that was not made, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub test: String,
    pub code: String,
    pub line: u32,
    pub reason: String,
}

/// One edit of a pass.
struct Choice {
    file: String,
    test: String,
    code: String,
    line: u32,
    key: Key,
    message: String,
}

/// A finding across passes, in which its line moves: test, rule, and the line's text.
type Key = (String, String, String);

/// Makes the edits of all rules that `request` selects, unsafe ones only where `unsafe_too`, of one test or of all.
/// Nothing is written.
///
/// # Errors
/// The project cannot be scanned.
pub fn mend(
    request: &ScanRequest,
    model: Option<&RiskModel>,
    unsafe_too: bool,
    only: Option<&str>,
) -> Result<Mended, ScanError> {
    let found = scan(request, model)?;
    let only = only.map(str::to_owned);
    let mut files = read(&found, only.as_deref());
    let overlay: Overlay = files.iter().map(|file| (file.file.clone(), file.before.clone())).collect();
    let scan = if overlay.is_empty() { found } else { scan_over(request, model, &overlay)? };
    let mut work = Work { overlay, scan, unsafe_too, only, refused: BTreeMap::new(), alone: BTreeSet::new() };
    for _ in 0..MOST_PASSES {
        let (next, choices) = work.choose();
        if choices.is_empty() {
            break;
        }
        let after = scan_over(request, model, &next)?;
        let failing = work.failing(&after, &next, &choices);
        if failing.is_empty() {
            for choice in choices {
                if let Some(file) = files.iter_mut().find(|file| file.file == choice.file) {
                    file.edits.push((choice.code, choice.message));
                }
            }
            (work.overlay, work.scan) = (next, after);
        } else {
            work.take_back(&failing, &choices);
        }
    }
    for file in &mut files {
        file.after.clone_from(&work.overlay[&file.file]);
    }
    files.retain(|file| file.after != file.before);
    let is_unsafe = |finding: &&Finding| {
        finding.fix.as_ref().is_some_and(|fix| fix.applicability == Applicability::Unsafe)
    };
    let left = work.scan.tests.iter().filter(|test| test.touched).flat_map(|test| &test.assessment.findings);
    let unsafe_left = if unsafe_too { 0 } else { left.filter(is_unsafe).count() };
    Ok(Mended { files, refused: work.refused.into_values().collect(), scan: work.scan, unsafe_left })
}

/// The files that some edit concerns.
fn read(scan: &Scan, only: Option<&str>) -> Vec<MendedFile> {
    let concerned = scan.tests.iter().filter(|test| test.touched).map(|test| &test.assessment);
    let concerned = concerned.filter(|test| only.is_none_or(|only| test.id == only));
    let wanted: BTreeSet<&str> = concerned
        .filter(|test| test.findings.iter().any(|finding| finding.fix.is_some()))
        .map(|test| test.file.as_str())
        .collect();
    wanted
        .into_iter()
        .filter_map(|file| {
            let bytes = std::fs::read(scan.root.join(file)).ok()?;
            let before = source::decode(bytes.clone()).ok()?;
            Some(MendedFile { file: file.to_owned(), bytes, after: before.clone(), before, edits: vec![] })
        })
        .collect()
}

struct Work {
    overlay: Overlay,
    scan: Scan,
    unsafe_too: bool,
    only: Option<String>,
    refused: BTreeMap<Key, Refused>,
    /// Tests that take one edit a pass, since some of theirs did not go together.
    alone: BTreeSet<String>,
}

impl Work {
    /// The texts after this pass, and the edits in it.
    fn choose(&mut self) -> (Overlay, Vec<Choice>) {
        let mut agreed: HashMap<String, Agreed> = HashMap::new();
        let mut choices: Vec<Choice> = vec![];
        for test in self.scan.tests.iter().filter(|test| test.touched) {
            let test = &test.assessment;
            if self.only.as_ref().is_some_and(|only| test.id != *only) {
                continue;
            }
            let Some(text) = self.overlay.get(&test.file) else { continue };
            for finding in &test.findings {
                let Some(fix) = &finding.fix else { continue };
                if fix.applicability == Applicability::Unsafe && !self.unsafe_too {
                    continue;
                }
                let key = key(test, finding, text);
                let is_second =
                    self.alone.contains(&test.id) && choices.iter().any(|known| known.test == test.id);
                if self.refused.contains_key(&key) || is_second {
                    continue;
                }
                let Some(wanted) = changes(text, &fix.edits) else { continue };
                let agreed = agreed.entry(test.file.clone()).or_default();
                // one edit of a set-up is met by all tests of its class, and looked at once
                if !agreed.holds(&wanted)
                    && let Err(reason) = stands(&test.file, text, &wanted)
                {
                    self.refused.insert(key, refused(test, finding, reason));
                    continue;
                }
                if agreed.take(&wanted) {
                    choices.push(Choice {
                        file: test.file.clone(),
                        test: test.id.clone(),
                        code: finding.code.clone(),
                        line: finding.line,
                        key,
                        message: fix.message.clone(),
                    });
                }
            }
        }
        let mut next = self.overlay.clone();
        for (file, agreed) in agreed.into_iter().filter(|(_, agreed)| !agreed.is_empty()) {
            if let Some(text) = next.get_mut(&file) {
                *text = agreed.apply(text);
            }
        }
        (next, choices)
    }

    /// Tests for which the pass did not do what it is for, each with the reason.
    fn failing(&self, after: &Scan, next: &Overlay, choices: &[Choice]) -> BTreeMap<String, String> {
        let known: HashMap<&str, &Assessment> =
            after.tests.iter().map(|test| (test.assessment.id.as_str(), &test.assessment)).collect();
        let mut chosen: HashMap<&str, BTreeMap<&str, usize>> = HashMap::new();
        for choice in choices {
            *chosen.entry(&choice.test).or_default().entry(&choice.code).or_default() += 1;
        }
        let mut out = BTreeMap::new();
        for old in self.scan.tests.iter().map(|test| &test.assessment) {
            let Some(new) = known.get(old.id.as_str()) else {
                out.insert(old.id.clone(), "the test would be gone".to_owned());
                continue;
            };
            let (was, is) = (counts(old), counts(new));
            let count = |all: &BTreeMap<&str, usize>, code: &str| all.get(code).copied().unwrap_or(0);
            let stays = |(code, chosen): (&&str, &usize)| count(&is, code) + chosen > count(&was, code);
            if let Some(code) = is.keys().find(|code| is_harm(code) && count(&is, code) > count(&was, code)) {
                out.insert(old.id.clone(), format!("a new {code} would come of it"));
            } else if chosen.get(old.id.as_str()).is_some_and(|codes| codes.iter().any(stays)) {
                out.insert(old.id.clone(), "the finding would stay".to_owned());
            }
        }
        let concerned: BTreeSet<&str> = choices.iter().map(|choice| choice.file.as_str()).collect();
        for file in concerned {
            let errors =
                |overlay: &Overlay| defects(&Module::parse(file.to_owned(), overlay[file].clone())).len();
            if errors(next) > errors(&self.overlay) {
                for choice in choices.iter().filter(|choice| choice.file == file) {
                    out.insert(choice.test.clone(), "the file would not parse".to_owned());
                }
            }
        }
        out
    }

    /// Edits of the failing tests are tried one by one from now on; one that failed so is refused.
    fn take_back(&mut self, failing: &BTreeMap<String, String>, choices: &[Choice]) {
        for (test, reason) in failing {
            let of_test: Vec<&Choice> = choices.iter().filter(|choice| choice.test == *test).collect();
            let file = test.split("::").next().unwrap_or_default();
            let of_file = || choices.iter().filter(|choice| choice.file == file).collect::<Vec<_>>();
            let guilty = match of_test.is_empty() {
                false => of_test,
                // what a test shares with others was changed
                true if !of_file().is_empty() => of_file(),
                true => choices.iter().collect(),
            };
            for choice in &guilty {
                if guilty.len() == 1 || self.alone.contains(&choice.test) {
                    self.refused.insert(
                        choice.key.clone(),
                        Refused {
                            test: choice.test.clone(),
                            code: choice.code.clone(),
                            line: choice.line,
                            reason: reason.clone(),
                        },
                    );
                }
                self.alone.insert(choice.test.clone());
            }
        }
    }
}

/// Whether an edit by itself leaves a text that parses and asserts what it asserted.
fn stands(file: &str, text: &str, wanted: &[Change]) -> Result<(), String> {
    let mut alone = Agreed::default();
    if !alone.take(wanted) {
        return Err("its parts overlap".to_owned());
    }
    let before = Module::parse(file.to_owned(), text.to_owned());
    let after = Module::parse(file.to_owned(), alone.apply(text));
    if defects(&after).len() > defects(&before).len() {
        return Err("the file would not parse".to_owned());
    }
    let (old, new) = (functions(&before), functions(&after));
    for (name, was) in old {
        let Some(is) = new.get(&name) else { return Err(format!("`{name}` would be gone")) };
        if before.text(was.span) == after.text(is.span) {
            continue;
        }
        if let Some(weaker) = assertions::compare((&before, was), (&after, is)).weaker.into_iter().next() {
            return Err(weaker);
        }
    }
    Ok(())
}

fn key(test: &Assessment, finding: &Finding, text: &str) -> Key {
    let line = text.lines().nth(finding.line as usize - 1).unwrap_or_default();
    (test.id.clone(), finding.code.clone(), line.trim().to_owned())
}

fn refused(test: &Assessment, finding: &Finding, reason: String) -> Refused {
    Refused { test: test.id.clone(), code: finding.code.clone(), line: finding.line, reason }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fixes::diff;
    use crate::smells::RULES;

    /// Every rule's fixture, mended by that rule alone: what changed is told in a snapshot, the findings that had an
    /// edit are gone, and a second run changes nothing.
    #[test]
    fn what_every_rule_mends() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/smells");
        let (mut told, mut safe, mut all) = (String::new(), 0, 0);
        for rule in RULES {
            let name = format!("test_{}.py", rule.name().replace('-', "_"));
            let text = std::fs::read_to_string(format!("{root}/{}", &name["test_".len()..])).unwrap();
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(&name), &text).unwrap();
            let request = ScanRequest {
                paths: vec![folder.path().to_owned()],
                selection: crate::smells::Selection { select: vec![rule.code().to_owned()], ignore: vec![] },
                ..ScanRequest::default()
            };
            let mended = mend(&request, None, true, None).unwrap();
            for refused in &mended.refused {
                told += &format!("{} refused: {}\n", refused.code, refused.reason);
            }
            let Some(file) = mended.files.first() else { continue };
            told += &diff(&name, &file.before, &file.after);
            all += 1;
            std::fs::write(folder.path().join(&name), &file.after).unwrap();
            let again = mend(&request, None, true, None).unwrap();
            assert_eq!(again.files.len(), 0, "{} changes the file again", rule.code());
            std::fs::write(folder.path().join(&name), &text).unwrap();
            safe += usize::from(!mend(&request, None, false, None).unwrap().files.is_empty());
        }
        assert!(all >= 12 && safe >= 6, "{all} rules mend, {safe} of them safely");
        insta::with_settings!({snapshot_path => "../../tests/snapshots", prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!("fixes", told);
        });
    }
}

//! A test among the files that it uses, as they stood at a commit: what is put back there was no flaw, and what moved there is
//! not mended.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Pair, findings};
use crate::python::{Module, candidates, imports};
use crate::smells::Severity;
use crate::source::history::{Blobs, FileChange};
use crate::source::is_helper;

/// So many files around a test are read.
const MOST_HELPERS: usize = 32;

/// Takes out the codes that the old test is not found with where its base classes, fixtures and helpers are known, and those
/// of which the new test has more than the old one by way of them.
pub(super) fn judge_in_its_tree(pair: &mut Pair, change: &FileChange, blobs: &mut Blobs) {
    let name = pair.before.assessment.id.split_once("::").map_or("", |(_, name)| name).to_owned();
    let before = counts(blobs, &format!("{}^", pair.commit), &change.was, &name);
    let after = counts(blobs, &pair.commit, &change.path, &name);
    // a test whose base class lies too far is not known for one
    let (Some(before), Some(after)) = (before, after) else { return };
    let [own, by_helpers] = [false, true];
    let count = |of: &Counts, code: &String, via| of.get(&(code.clone(), via)).copied().unwrap_or(0);
    pair.codes.retain(|code| {
        count(&before, code, own) > 0 && count(&after, code, by_helpers) <= count(&before, code, by_helpers)
    });
}

/// (code, by way of a helper) ─▶ how often.
type Counts = BTreeMap<(String, bool), usize>;

/// How often each code is found in a test of a commit, hints by way of helpers aside; `None` where there is no such test.
fn counts(blobs: &mut Blobs, commit: &str, file: &str, name: &str) -> Option<Counts> {
    let modules = around(blobs, commit, file);
    let is_read = modules.first().is_some_and(|module| module.file == file);
    let mut tests = is_read.then(|| findings(modules, &BTreeSet::from([name.to_owned()])))?;
    let (_, (found, _)) = tests.pop_first()?;
    let mut out = Counts::new();
    for finding in found {
        if finding.via.is_none() || finding.severity > Severity::Low {
            *out.entry((finding.code, finding.via.is_some())).or_default() += 1;
        }
    }
    Some(out)
}

/// A file of a commit, with what of its imports belongs to the tests and each `conftest.py` above it.
fn around(blobs: &mut Blobs, commit: &str, file: &str) -> Vec<Module> {
    let mut known = BTreeSet::new();
    let mut next = VecDeque::from([vec![file.to_owned()]]);
    let mut conftests: Vec<String> =
        file.match_indices('/').map(|(at, _)| format!("{}conftest.py", &file[..=at])).collect();
    conftests.push("conftest.py".to_owned());
    next.extend(conftests.into_iter().map(|one| vec![one]));
    let mut out: Vec<Module> = vec![];
    while let Some(places) = next.pop_front()
        && out.len() < MOST_HELPERS
    {
        // the first place where there is one
        let found = places.into_iter().find_map(|place| {
            let is_new = known.insert(place.clone());
            let text = is_new.then(|| blobs.text(&format!("{commit}:{place}"))).flatten();
            text.map(|text| (place, text))
        });
        let Some((place, text)) = found else { continue };
        let folder = place.rsplit_once('/').map_or("", |(folder, _)| folder);
        let helpers = |path: &String| {
            candidates(folder, path).into_iter().filter(|file| is_helper(file, folder)).collect::<Vec<_>>()
        };
        next.extend(imports(&text).iter().map(helpers));
        out.push(Module::parse(place, text));
    }
    out
}

//! The one check for every patch: applied in memory, parsed, scanned and scored with the repository around it. Nothing
//! of it is run, nothing is written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;
use utoipa::ToSchema;

use super::added::{harm, missing};
use super::assertions::{self, Wider, Width};
use super::edits::diff;
use super::functions::{functions, rest};
use super::names::{imported, read, unbound, unused};
use super::syntax::defects;
use crate::python::Module;
use crate::python::ast::{Function, Span};
use crate::risk::{Assessment, RiskModel};
use crate::scan::{Overlay, Scan, ScanError, ScanRequest, scan_over, scan_text};
use crate::smells::{Cause, Finding};

/// A changed file, and the test that it is to mend.
#[derive(Clone, Debug)]
pub struct Patch {
    /// Relative to the root.
    pub file: String,
    pub before: String,
    pub after: String,
    /// The test's id.
    pub test: String,
    /// Written by a rule: what it adds needs no suspicion.
    pub by_rule: bool,
}

/// What the check says of a patch.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Verdict {
    pub verified: bool,
    /// What is wrong with it, or in one line why it counts as verified, with what it makes wider.
    pub reason: String,
    pub problems: Vec<String>,
    /// Assertions that accept more than before, each with its line.
    pub wider: Vec<String>,
    pub diff: String,
    pub findings_before: Vec<String>,
    pub findings_after: Vec<String>,
    pub risk_before: f32,
    pub risk_after: f32,
}

/// Checks a patch. The project that `request` names is scanned twice: as it is, and with the patch in it.
///
/// # Errors
/// The project cannot be scanned.
pub fn verify(
    patch: &Patch,
    request: &ScanRequest,
    model: Option<&RiskModel>,
    libraries: &[PathBuf],
) -> Result<Verdict, ScanError> {
    let before =
        scan_over(request, model, &Overlay::from_iter([(patch.file.clone(), patch.before.clone())]))?;
    let after = scan_over(request, model, &Overlay::from_iter([(patch.file.clone(), patch.after.clone())]))?;
    Ok(judge(patch, &before, &after, libraries))
}

/// As [`verify`], of the file alone, without anything around it.
pub fn verify_text(patch: &Patch, model: Option<&RiskModel>) -> Verdict {
    let request = ScanRequest::default();
    let scan = |text: &String| scan_text(&patch.file, text.clone(), &request, model);
    judge(patch, &scan(&patch.before), &scan(&patch.after), &[])
}

/// As [`verify`], of two scans that were made.
fn judge(patch: &Patch, before: &Scan, after: &Scan, libraries: &[PathBuf]) -> Verdict {
    let find = |scan: &Scan| {
        let mut tests = scan.tests.iter().map(|test| &test.assessment);
        tests.find(|test| test.id == patch.test).cloned()
    };
    let (old, new) = (find(before), find(after));
    let mut problems = vec![];
    let mut wider = vec![];
    match (&old, &new) {
        (None, _) => problems.push(format!("there is no test {}", patch.test)),
        (Some(_), None) => problems.push(format!("{} is gone, or is no test any more", patch.test)),
        (Some(old), Some(new)) => {
            problems.extend(text_problems(patch, old, libraries, &mut wider));
            problems.extend(finding_problems(old, new));
        }
    }
    if patch.before == patch.after {
        problems = vec!["it changes nothing".to_owned()];
    }
    problems.extend(elsewhere(patch, before, after));
    problems.dedup();
    let wider: Vec<String> =
        wider.iter().map(|wider| format!("line {}: {}", wider.line, wider.what)).collect();
    let codes = |test: &Option<Assessment>| -> Vec<String> {
        test.iter().flat_map(|test| &test.findings).map(|finding| finding.code.clone()).collect()
    };
    let gone = gone(&codes(&old), &codes(&new));
    let reason = match (problems.as_slice(), wider.as_slice()) {
        ([], []) => format!("parsed, scanned and scored again: {gone}, every assertion stands"),
        ([], wider) => format!("parsed, scanned and scored again: {gone}; wider now: {}", wider.join("; ")),
        (problems, _) => problems.join("; "),
    };
    Verdict {
        verified: problems.is_empty(),
        reason,
        wider,
        diff: diff(&patch.file, &patch.before, &patch.after),
        findings_before: codes(&old),
        findings_after: codes(&new),
        risk_before: old.as_ref().map_or(0.0, |test| test.risk),
        risk_after: new.as_ref().map_or(0.0, |test| test.risk),
        problems,
    }
}

/// `FD101 gone (FD904 left)`
fn gone(before: &[String], after: &[String]) -> String {
    let list = |codes: BTreeSet<&String>| codes.into_iter().cloned().collect::<Vec<_>>().join(", ");
    let gone = before.iter().filter(|code| {
        let count = |all: &[String]| all.iter().filter(|other| other == code).count();
        count(after) < count(before)
    });
    let left =
        if after.is_empty() { String::new() } else { format!(" ({} left)", list(after.iter().collect())) };
    format!("{} gone{left}", list(gone.collect()))
}

/// What the two texts show.
fn text_problems(
    patch: &Patch,
    test: &Assessment,
    libraries: &[PathBuf],
    wider: &mut Vec<Wider>,
) -> Vec<String> {
    let before = Module::parse(patch.file.clone(), patch.before.clone());
    let after = Module::parse(patch.file.clone(), patch.after.clone());
    let wrong = defects(&after);
    if wrong.len() > defects(&before).len() {
        let line = wrong.first().map_or(1, |offset| after.line(*offset));
        return vec![format!("the patched file does not parse (line {line})")];
    }
    let (old, new) = (functions(&before), functions(&after));
    let mut out = vec![];
    let text = |module: &Module, function: &Function| module.text(function.span).trim_end().to_owned();
    let mut used = BTreeSet::new();
    for (name, function) in &new {
        let was = old.get(name).copied();
        if was.is_some_and(|was| text(&before, was) == text(&after, function)) {
            continue;
        }
        used.extend(read(function));
        out.extend(
            unbound(&after, function, name)
                .into_iter()
                .filter(|missing| {
                    // what was unbound before is not the patch's fault
                    was.is_none_or(|was| !unbound(&before, was, name).contains(missing))
                })
                .map(|missing| format!("`{missing}` is bound nowhere")),
        );
        out.extend(
            unused(was, function).into_iter().map(|name| format!("adds `{name}`, which nothing uses")),
        );
        let known = was.map(|was| (&before, was));
        if !patch.by_rule {
            out.extend(harm(known, (&after, function)));
        }
        out.extend(missing(known, (&after, function), libraries));
        let Some(was) = was else { continue };
        // what a method needs is made where its object is
        let makes_for = |other: &str| {
            let class = name.strip_suffix("::__init__");
            class.is_some_and(|class| other.strip_prefix(class).is_some_and(|rest| rest.starts_with("::")))
        };
        let is_concerned = touches(test, &before, was, name)
            || old
                .iter()
                .any(|(other, function)| makes_for(other) && touches(test, &before, function, other));
        if !is_concerned {
            out.push(format!("changes `{name}`, which the finding does not touch"));
        }
        let kept = assertions::compare((&before, was), (&after, function));
        out.extend(kept.weaker);
        for found in kept.wider {
            if may_be_wider(test, &found, &before, was) {
                wider.push(found);
            } else {
                out.push(format!("line {}: {}, which no finding is about", found.line, found.what));
            }
        }
    }
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        out.push(format!("removes `{name}`"));
    }
    for name in new.keys().filter(|name| !old.contains_key(*name)) {
        let short = name.rsplit("::").next().unwrap_or(name);
        let is_asked = new.values().any(|function| function.params.iter().any(|param| &*param.name == short));
        if !used.contains(short) && !is_asked {
            out.push(format!("adds `{name}`, which nothing uses"));
        }
    }
    let (was, is) = (rest(&before), rest(&after));
    if let Some(gone) = was.iter().find(|text| !is.contains(text)) {
        out.push(format!("changes `{}`, which stands outside the test", first_line(gone)));
    }
    if let Some(added) = is.iter().find(|text| !was.contains(text)) {
        out.push(format!("adds `{}` outside the test", first_line(added)));
    }
    let body = patch.after.as_str();
    for (local, path) in imported(&before, &after) {
        if body.matches(&local).count() < 2 && !used.contains(&local) {
            out.push(format!("imports `{path}`, which nothing uses"));
        }
    }
    out
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Whether a function runs because of the test: it is the test, or a finding of it lies there or leads there.
fn touches(test: &Assessment, module: &Module, function: &Function, name: &str) -> bool {
    let (from, to) = (module.line(function.span.start), module.line(function.span.end.saturating_sub(1)));
    let is_test = test.id.strip_prefix(&format!("{}::", test.file)).is_some_and(|path| path == name);
    let holds = |finding: &Finding| finding.line >= from && finding.line <= to;
    let leads = |finding: &Finding| {
        finding.via.as_ref().is_some_and(|via| via.split(',').next() == Some(&*function.name))
    };
    let is_fixture = test.fixtures.iter().any(|fixture| **fixture == *function.name);
    is_test || is_fixture || test.findings.iter().any(|finding| holds(finding) || leads(finding))
}

/// A wider assertion is what some findings ask for.
fn may_be_wider(test: &Assessment, found: &Wider, before: &Module, function: &Function) -> bool {
    let lines = |span: Span| (before.line(span.start), before.line(span.end.saturating_sub(1)));
    let (from, to) = lines(function.span);
    test.findings.iter().any(|finding| {
        let here = (from..=to).contains(&finding.line);
        let there = (finding.line..=finding.end_line).contains(&found.line);
        match found.kind {
            Width::Order => {
                here && matches!(finding.cause, Cause::Unordered | Cause::Concurrency | Cause::Network)
            }
            Width::Own => here && matches!(&*finding.code, "FD212" | "FD614"),
            Width::Bound => {
                there || (here && matches!(finding.cause, Cause::Time) && finding.line <= found.line)
            }
        }
    })
}

/// What a new scan says of the test itself.
fn finding_problems(old: &Assessment, new: &Assessment) -> Vec<String> {
    let (was, is) = (counts(old), counts(new));
    let mut out = new_findings(&was, &is, "");
    let fewer = was.iter().any(|(code, count)| is.get(code).copied().unwrap_or(0) < *count);
    if !was.is_empty() && !fewer {
        let codes: Vec<&str> = was.keys().copied().collect();
        out.push(format!("the scan finds {} still", codes.join(", ")));
    }
    out
}

/// How many findings of each code.
pub(super) fn counts(test: &Assessment) -> BTreeMap<&str, usize> {
    let mut out = BTreeMap::new();
    for finding in &test.findings {
        *out.entry(finding.code.as_str()).or_default() += 1;
    }
    out
}

/// Codes of findings that no fix is to bring; a loop that polls adds a branch, and that alone makes no test unstable.
pub(super) fn is_harm(code: &str) -> bool {
    code != "FD902"
}

fn new_findings(was: &BTreeMap<&str, usize>, is: &BTreeMap<&str, usize>, of: &str) -> Vec<String> {
    is.iter()
        .filter(|(code, count)| is_harm(code) && **count > was.get(*code).copied().unwrap_or(0))
        .map(|(code, _)| format!("the scan finds a new {code}{of}"))
        .collect()
}

/// What the patch does to other tests.
fn elsewhere(patch: &Patch, before: &Scan, after: &Scan) -> Vec<String> {
    let known: BTreeMap<&str, &Assessment> =
        after.tests.iter().map(|test| (test.assessment.id.as_str(), &test.assessment)).collect();
    let mut out = vec![];
    for old in before.tests.iter().map(|test| &test.assessment).filter(|old| old.id != patch.test) {
        match known.get(old.id.as_str()) {
            None => out.push(format!("{} is gone", old.id)),
            Some(new) => out.extend(new_findings(&counts(old), &counts(new), &format!(" in {}", old.id))),
        }
    }
    out.truncate(5);
    out
}

/// The folders in which the project's Python keeps its modules: of a virtual environment in the project, else of the
/// machine. Nothing is run to find them.
pub fn libraries(root: &Path) -> Vec<PathBuf> {
    let homes = [".venv", "venv", "env"].map(|name| root.join(name).join("lib"));
    let machine = ["/usr/lib", "/usr/local/lib"].map(PathBuf::from);
    let mut out = vec![];
    for lib in homes.into_iter().chain(machine) {
        let Ok(entries) = std::fs::read_dir(&lib) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("python3") {
                out.push(entry.path().join("site-packages"));
                out.push(entry.path());
            }
        }
    }
    out
}

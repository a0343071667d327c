//! The first half of the river in one call: paths ─▶ files ─▶ tests ─▶ findings ─▶ features ─▶ risk.
//! Needs no network, no store and no model server, and runs nothing of what it reads.

use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;
use thiserror::Error;

use crate::effects::{Index, Roots};
use crate::python::{Analysis, Module, Project, PytestConfig, SyntaxError, TestCase};
use crate::risk::history::Outcomes;
use crate::risk::{
    Adapter, Assessment, Basis, History, Known, Place, RiskBasis, RiskModel, ScannedTest, Shares, given,
    hear, leaks, measure, share,
};
use crate::smells::{self, Cause, Context, Role, Selection, Severity};
use crate::source::git::ChangedFile;
use crate::source::{self, Discovered, FileError, Owners, SourceError, SourceFile};

/// A file with this many tests is worth splitting over the cores; smaller ones go whole, so that few are in memory.
const MANY_TESTS: usize = 200;

/// What to scan, and as what.
#[derive(Clone, Debug, Default)]
pub struct ScanRequest {
    pub paths: Vec<PathBuf>,
    /// `None`: the name of the git remote, else of the root folder.
    pub repo: Option<String>,
    /// Owner of what CODEOWNERS gives to nobody.
    pub team: Option<String>,
    pub selection: Selection,
    /// What runs of the repository showed.
    pub history: History,
    /// What is other than at the base of a comparison; decides on [`ScannedTest::touched`].
    pub changed: Option<Vec<ChangedFile>>,
}

/// The result of a scan, tests in the order of their files.
#[derive(Clone, Debug)]
pub struct Scan {
    pub root: PathBuf,
    /// The way from the top of the repository to `root`; empty at the top.
    pub within: String,
    /// The files and folders that were scanned, relative to `root`; empty where all of it was.
    pub scope: Vec<String>,
    pub repo: String,
    pub files: usize,
    pub tests: Vec<ScannedTest>,
    pub errors: Vec<FileError>,
    /// What the risks rest on; nothing where too few outcomes are known.
    pub basis: Option<Basis>,
    /// What a baseline took out.
    pub baseline: Option<Applied>,
    pub seconds: f64,
}

/// What a baseline did to a scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// Findings that it hides.
    pub hidden: usize,
    /// Findings of entries whose time is over; they are reported again.
    pub expired: usize,
    /// Entries that match nothing any more, wholly or in part.
    pub stale: usize,
}

/// Why nothing could be scanned.
#[derive(Debug, Error)]
pub enum ScanError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("no tests under {paths}; pytest would look for {looked_for} there")]
    NoTests { paths: String, looked_for: &'static str, errors: Vec<FileError> },
}

/// Scans files and folders. Without a model every risk is 0.
///
/// # Errors
/// A path that cannot be used at all, or no test in any of them. Single files that cannot be read are listed in
/// [`Scan::errors`].
pub fn scan(request: &ScanRequest, model: Option<&RiskModel>) -> Result<Scan, ScanError> {
    scan_over(request, model, &Overlay::default())
}

/// Texts in place of what files hold, by their paths from the root.
pub type Overlay = FxHashMap<String, String>;

/// As [`scan`], with other texts in some of the files.
///
/// # Errors
/// As [`scan`].
pub fn scan_over(
    request: &ScanRequest,
    model: Option<&RiskModel>,
    overlay: &Overlay,
) -> Result<Scan, ScanError> {
    let started = Instant::now();
    let first = request.paths.first().cloned().unwrap_or_else(|| PathBuf::from("."));
    if !first.exists() {
        return Err(SourceError::Missing(first).into());
    }
    let root = source::project_root(&first);
    let config = PytestConfig::load(&root);
    let mut found = source::discover(&request.paths, &root, &config)?;
    for file in found.shared.iter_mut().chain(&mut found.leaves) {
        if let Some(text) = overlay.get(&file.file) {
            file.text.clone_from(text);
        }
    }
    let wanted = std::mem::take(&mut found.tests);
    let errors = std::mem::take(&mut found.errors);
    let mut scan = scan_files(request, &root, config, found, &wanted, model);
    scan.errors.extend(errors);
    scan.errors.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    if scan.tests.is_empty() {
        let paths =
            request.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        let errors = scan.errors;
        return Err(ScanError::NoTests { paths, looked_for: "test_*.py and *_test.py", errors });
    }
    scan.scope = scope(&request.paths, &root);
    scan.seconds = started.elapsed().as_secs_f64();
    Ok(scan)
}

/// The paths relative to the root; nothing where one of them is the root itself.
fn scope(paths: &[PathBuf], root: &Path) -> Vec<String> {
    let all: Vec<String> = paths.iter().map(|path| source::relative(path, root)).collect();
    if all.iter().any(|path| path.is_empty() || path == ".") { vec![] } else { all }
}

/// Scans one text as if it were a file, without anything around it (`-` on the command line, `POST /scan`).
pub fn scan_text(file: &str, text: String, request: &ScanRequest, model: Option<&RiskModel>) -> Scan {
    let started = Instant::now();
    let config = PytestConfig::load(Path::new("/nonexistent"));
    let wanted = FxHashSet::from_iter([file.to_owned()]);
    let leaves = vec![SourceFile { file: file.to_owned(), text }];
    let found = Discovered { leaves, ..Discovered::default() };
    let mut scan = scan_files(request, Path::new("."), config, found, &wanted, model);
    scan.seconds = started.elapsed().as_secs_f64();
    scan
}

/// What others use is parsed and kept; a file that nobody uses lives only while it is looked at.
fn scan_files(
    request: &ScanRequest,
    root: &Path,
    config: PytestConfig,
    found: Discovered,
    wanted: &FxHashSet<String>,
    model: Option<&RiskModel>,
) -> Scan {
    let Discovered { shared, mut leaves, code, .. } = found;
    let repo = request.repo.clone().unwrap_or_else(|| source::repository_name(root));
    let owners = Owners::load(root, request.team.as_deref());
    let parse = |file: SourceFile| Module::parse(file.file, file.text);
    let code: Vec<Module> = code.into_par_iter().map(parse).collect();
    let project = Project::new(shared.into_par_iter().map(parse).collect(), config);
    let base = Analysis::new(&project);
    let names = Index::new(&base, &code);
    let look = |names: &Index<'_>, index: usize| scan_module(names, index, wanted, &repo, &owners, request);
    let mut parts: Vec<Part> =
        (0..project.modules.len()).into_par_iter().map(|index| look(&names, index)).collect();
    // the longest first and each by itself, so that no core is left with a long one at the end
    leaves.sort_by_key(|file| std::cmp::Reverse(file.text.len()));
    parts.par_extend(leaves.into_par_iter().with_max_len(1).map(|file| {
        let module = parse(file);
        let analysis = Analysis::over(&base, &module);
        look(&Index::over(&names, &analysis), analysis.own())
    }));
    parts.sort_by(|a, b| a.file.cmp(&b.file));
    let within = source::within_repository(root);
    let (mut tests, mut errors) = (vec![], vec![]);
    for part in parts {
        tests.extend(part.tests);
        errors.extend(part.errors);
    }
    share(&mut tests);
    hear(&mut tests, request.paths.iter().any(|path| path.is_dir()));
    if let Some(model) = model {
        model.assess(&mut tests);
    }
    for test in &mut tests {
        test.assessment.outcomes = request.history.get(&test.assessment.id).and_then(Outcomes::observed);
    }
    let basis = model.and_then(|_| adapt(&mut tests, &request.history));
    Scan {
        root: root.to_owned(),
        within,
        scope: vec![],
        repo,
        files: wanted.len(),
        tests,
        errors,
        basis,
        baseline: None,
        seconds: 0.0,
    }
}

/// Lets the known outcomes speak, where there are enough of them.
pub fn adapt(tests: &mut [ScannedTest], history: &History) -> Option<Basis> {
    let known: Vec<Option<Known>> =
        tests.iter().map(|test| history.get(&test.assessment.id)?.known()).collect();
    if known.iter().all(Option::is_none) {
        return None;
    }
    match Adapter::built_in() {
        Ok(adapter) => adapter.adapt(tests, &known),
        Err(error) => {
            tracing::error!("{error}");
            None
        }
    }
}

/// What one file gives.
struct Part {
    file: String,
    tests: Vec<ScannedTest>,
    errors: Vec<FileError>,
}

fn scan_module(
    names: &Index<'_>,
    index: usize,
    wanted: &FxHashSet<String>,
    repo: &str,
    owners: &Owners,
    request: &ScanRequest,
) -> Part {
    let analysis = names.analysis();
    let module = analysis.view(index).module;
    let file = module.file.clone();
    let mut errors: Vec<FileError> =
        module.errors.first().into_iter().map(|error| syntax_error(module, error)).collect();
    let is_named = || request.paths.iter().any(|path| path.is_file() && path.ends_with(module.name()));
    if !wanted.contains(&file) || (analysis.is_left_out(index) && !is_named()) {
        return Part { file, tests: vec![], errors };
    }
    let cases = analysis.tests(index);
    let teams = owners.of(&file);
    let assess = |case| assess(names, case, cases.len(), repo, &teams, request);
    let tests: Vec<_> = if cases.len() < MANY_TESTS {
        cases.iter().map(assess).collect()
    } else {
        cases.par_iter().map(assess).collect()
    };
    errors.extend(unused_suppressions(analysis, index, &tests, &cases, &request.selection));
    Part { file, tests, errors }
}

fn syntax_error(module: &Module, error: &SyntaxError) -> FileError {
    FileError {
        file: module.file.clone(),
        line: module.line(error.offset),
        message: format!("{}; the rest of the file was scanned", error.message),
    }
}

fn assess(
    names: &Index<'_>,
    case: &TestCase<'_>,
    tests_in_file: usize,
    repo: &str,
    teams: &[String],
    request: &ScanRequest,
) -> ScannedTest {
    let analysis = names.analysis();
    let context = Context::new(analysis, case);
    let findings = smells::check(&context, &request.selection);
    let features = measure(&context, &findings);
    let (does, does_itself) = smells::activities(&context);
    let own = analysis.view(case.module).module;
    let defining = analysis.view(case.function.module).module;
    let span = case.function.function.span;
    let source = defining.whole_lines(span).to_owned();
    // an inherited test stands where its class does
    let shown = match case.classes.first() {
        Some(class) if case.function.module != case.module => class.name_span,
        _ => span,
    };
    let place = Place {
        position: case.position as f32 / tests_in_file.max(1) as f32,
        tests_in_file: tests_in_file as f32,
        lines: source.lines().count() as f32,
        depth: case.classes.len() as f32,
    };
    let mut fixtures: Vec<String> =
        context.fixtures.iter().map(|found| found.fixture.name.to_owned()).collect();
    fixtures.sort();
    fixtures.dedup();
    let touched = request.changed.as_ref().is_none_or(|changed| touches(&context, changed));
    let mut assessment = Assessment {
        id: case.id.clone(),
        repo: repo.to_owned(),
        file: own.file.clone(),
        line: own.line(shown.start),
        end_line: own.line(shown.end.saturating_sub(1).max(shown.start)),
        severity: Severity::None,
        risk: 0.0,
        risk_basis: RiskBasis::Prior,
        confidence: 0.0,
        causes: vec![],
        findings,
        features,
        shares: Shares::default(),
        contributions: vec![],
        neighbours: vec![],
        outcomes: None,
        teams: teams.to_vec(),
        libraries: smells::libraries(&context),
        does,
        does_itself,
        is_async: case.is_async,
        framework: if case.is_unittest { "unittest" } else { "pytest" }.to_owned(),
        fixtures,
    };
    assessment.summarize();
    let roots = roots(&context);
    let setups = roots.setups.iter().map(|setup| setup.function);
    let given = given(setups.chain(roots.fixtures.iter().map(|found| found.fixture.function)));
    let touches = names.touches(&roots);
    let leaks =
        leaks(&assessment.findings, |(module, offset)| names.touches_at(module, offset, &context.fixtures));
    ScannedTest { assessment, source, place, touches, leaks, given, touched }
}

/// What runs because of a test and is not called by another function.
fn roots<'a, 'v>(context: &Context<'a, 'v>) -> Roots<'a, 'v> {
    let of = |role: Role| {
        let reached = context.reach.iter().filter(move |reached| reached.role == role);
        reached.map(|reached| reached.function).collect()
    };
    Roots {
        test: context.case.function,
        setups: of(Role::Setup),
        teardowns: of(Role::Teardown),
        fixtures: context.fixtures.clone(),
    }
}

/// Whether something changed in what runs because of the test: itself, set-up, fixtures, helpers.
fn touches(context: &Context<'_, '_>, changed: &[ChangedFile]) -> bool {
    context.reach.iter().any(|reached| {
        let module = context.analysis.view(reached.function.module).module;
        let span = reached.function.function.span;
        let (from, to) = (module.line(span.start), module.line(span.end.saturating_sub(1)));
        changed
            .iter()
            .filter(|(file, _)| *file == module.file)
            .any(|(_, lines)| lines.iter().any(|(first, last)| from <= *last && *first <= to))
    })
}

/// Suppression comments inside tests that silence nothing.
fn unused_suppressions(
    analysis: &Analysis<'_>,
    index: usize,
    tests: &[ScannedTest],
    cases: &[TestCase<'_>],
    selection: &Selection,
) -> Vec<FileError> {
    let module = analysis.view(index).module;
    let mut out = vec![];
    if !selection.select.is_empty() || !selection.ignore.is_empty() {
        return out;
    }
    for (line, codes) in module.suppressions() {
        let inside: Vec<_> = cases
            .iter()
            .zip(tests)
            .filter(|(_, test)| (test.assessment.line..=test.assessment.end_line).contains(&line))
            .collect();
        if inside.is_empty() {
            continue;
        }
        let silenced = |code: &str| {
            inside.iter().any(|(case, _)| smells::check_silenced(&Context::new(analysis, case), code, line))
        };
        let unused: Vec<&str> = if codes.is_empty() {
            if smells::RULES.iter().any(|rule| silenced(rule.code())) { vec![] } else { vec!["all rules"] }
        } else {
            codes.into_iter().filter(|code| !silenced(code)).collect()
        };
        if !unused.is_empty() {
            out.push(FileError {
                file: module.file.clone(),
                line,
                message: format!("'flaky: ignore' of {} silences nothing here; remove it", unused.join(", ")),
            });
        }
    }
    out
}

/// How many tests have each severity, worst first.
pub fn by_severity(scan: &Scan) -> Vec<(Severity, usize)> {
    Severity::ALL
        .into_iter()
        .map(|severity| {
            (severity, scan.tests.iter().filter(|test| test.assessment.severity == severity).count())
        })
        .collect()
}

/// How many tests have a finding of each cause.
pub fn by_cause(scan: &Scan) -> Vec<(Cause, usize)> {
    Cause::ALL
        .into_iter()
        .map(|cause| {
            (cause, scan.tests.iter().filter(|test| test.assessment.causes.contains(&cause)).count())
        })
        .collect()
}

//! `evaluate`: the honest figures of the risk model, with baselines in the same run; `evaluate findings`: those of
//! the rules on tests that people mended.

use std::path::{Path, PathBuf};

use super::dataset::{check_clones, scan_repository};
use super::index::index_scan;
use super::model::ModelArgs;
use super::open::{self, StoreArgs};
use super::scan::scan_paths;
use super::{DataFormat, Outcome, history, note, print, risk_model};
use crate::config::ProjectFile;
use crate::explain::connect::connect;
use crate::index::edge::Access;
use crate::index::sync::sync;
use crate::report;
use crate::risk::evaluate::{Report, best, evaluate, ranked, with_hunted, with_mined};
use crate::risk::hindsight::hindsight;
use crate::risk::rehearse::{AFTER_A_HUNT, Figures, rehearse};
use crate::risk::{Model, dataset, hunted, mended};
use crate::scan::ScanRequest;
use crate::search::evaluation::{self, Labels};
use crate::trial;

/// Evaluate the risk model on repositories that it has not seen
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The table made by `dataset build`
    #[arg(long, value_name = "FILE", default_value = "models/dataset.csv.gz")]
    dataset: PathBuf,
    /// A second table, of labels that `dataset mine` found: are tests ranked better with them?
    #[arg(long, value_name = "FILE")]
    mined: Option<PathBuf>,
    /// What hunts showed of the tests of the table: are they ranked better with whole labels, and after a hunt?
    #[arg(long, value_name = "FILE")]
    hunted: Option<PathBuf>,
    /// Compare what rules and risk say of a project with its observed outcomes instead
    #[arg(long)]
    history: bool,
    /// The project whose outcomes those are
    #[arg(long, value_name = "DIR", default_value = ".", requires = "history")]
    project: PathBuf,
    #[arg(long, requires = "history")]
    repo: Option<String>,
    /// Folder whose observed outcomes are taken; `.flakydetector` in the project otherwise
    #[arg(long, value_name = "DIR", env = "FLAKYDETECTOR_STORE")]
    store: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "text")]
    format: DataFormat,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Measure whether explanations name the cause for which people mended a test, and whether what they say holds
    Answers(TrialArgs),
    Findings(FindingsArgs),
    /// Measure what fixes are proposed for tests that people mended, as they were before, and whether they are verified
    Fixes(TrialArgs),
    Search(SearchArgs),
}

/// Measure what the rules see of tests that people mended, before and after the commit
#[derive(clap::Args)]
struct FindingsArgs {
    /// CSV with the columns repo, commit, test_id, cause, what
    #[arg(long, value_name = "FILE", default_value = "tests/mended/tests.csv")]
    table: PathBuf,
    /// Folder of git clones with full history: `owner/name`, `owner+name` or `name`
    #[arg(long, value_name = "DIR")]
    clones: PathBuf,
    #[arg(long, value_enum, default_value = "text")]
    format: DataFormat,
}

/// Tests that people mended, and a model that is tried on them
#[derive(clap::Args)]
struct TrialArgs {
    /// CSV with the columns repo, commit, test_id, cause, what
    #[arg(long, value_name = "FILE", default_value = "tests/mended/tests.csv")]
    table: PathBuf,
    /// Folder of git clones with full history: `owner/name`, `owner+name` or `name`
    #[arg(long, value_name = "DIR")]
    clones: PathBuf,
    /// So many tests; of fixes so many that have a finding
    #[arg(long, value_name = "N", default_value_t = 60)]
    limit: usize,
    #[command(flatten)]
    model: ModelArgs,
    #[arg(long, value_enum, default_value = "text")]
    format: DataFormat,
}

/// Measure which tests search brings for questions whose answers are known
#[derive(clap::Args)]
struct SearchArgs {
    /// Folder with the suites that the questions are about, each under its name
    #[arg(long, value_name = "DIR")]
    suites: PathBuf,
    /// Folder of the labelled set
    #[arg(long, value_name = "DIR", default_value = "tests/retrieval")]
    labels: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
    #[arg(long, value_enum, default_value = "text")]
    format: DataFormat,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    match &args.command {
        Some(Command::Answers(args)) => return answers(args),
        Some(Command::Findings(args)) => return findings(args),
        Some(Command::Fixes(args)) => return fixes(args),
        Some(Command::Search(args)) => return search(args),
        None => {}
    }
    if args.history {
        return in_hindsight(args);
    }
    let (rows, mut report, _) = evaluate_table(&args.dataset, args.hunted.as_deref())?;
    if args.hunted.is_some() {
        note("evaluating with whole labels");
        let recipe = best(&report).1;
        report.hunted = with_hunted(&recipe, &rows)?;
        let whole = rehearse(&ranked(&hunted::whole(&rows)), &recipe)?.1;
        let judged = whole.into_iter().filter(|figures| figures.known == AFTER_A_HUNT);
        report
            .adaptation
            .extend(judged.map(|figures| Figures { known: "the same, by whole labels", ..figures }));
    }
    if let Some(path) = &args.mined {
        note("evaluating with mined labels");
        report.mined = with_mined(&best(&report).1, &rows, &dataset::read(path)?)?;
    }
    print(&match args.format {
        DataFormat::Text => report::evaluation(&report),
        DataFormat::Json => serde_json::to_string_pretty(&report)?,
    })?;
    Ok(Outcome::Clean)
}

fn in_hindsight(args: &Args) -> anyhow::Result<Outcome> {
    let project = ProjectFile::nearest(&args.project)?;
    let repo = history::repo_name(args.repo.as_ref(), &project, &args.project);
    let store = StoreArgs { store: args.store.clone(), qdrant_url: None };
    let history = history::of_project(&store, &project, &args.project, &repo)?;
    anyhow::ensure!(history.tests().next().is_some(), "{}", history::nothing(&repo));
    let request =
        ScanRequest { paths: vec![args.project.clone()], repo: Some(repo.clone()), ..ScanRequest::default() };
    let scan = scan_paths(&request, &risk_model(None)?)?;
    let tests: Vec<_> = scan.tests.iter().map(|test| &test.assessment).collect();
    let report = hindsight(&repo, &tests, &history);
    print(&match args.format {
        DataFormat::Text => report::hindsight(&report),
        DataFormat::Json => serde_json::to_string_pretty(&report)?,
    })?;
    Ok(Outcome::Clean)
}

fn findings(args: &FindingsArgs) -> anyhow::Result<Outcome> {
    let mends = mended::read(&args.table)?;
    check_clones(&args.clones)?;
    let report = mended::look(&mends, &args.clones, &scan_repository, &|line| note(line));
    anyhow::ensure!(
        report.figures.rows > 0,
        "'{}' holds no clone of any repository in {}; give the folder of git clones",
        args.clones.display(),
        args.table.display()
    );
    print(&match args.format {
        DataFormat::Text => report::recall(&report),
        DataFormat::Json => serde_json::to_string_pretty(&report)?,
    })?;
    Ok(Outcome::Clean)
}

/// Reads a table, and what hunts showed of it where that is given, and evaluates on it.
pub(super) fn evaluate_table(
    path: &Path,
    outcomes: Option<&Path>,
) -> anyhow::Result<(Vec<dataset::Row>, Report, Model)> {
    let mut rows = dataset::read(path)?;
    if let Some(outcomes) = outcomes {
        let table = hunted::read(outcomes)?;
        let joined = hunted::join(&mut rows, &table);
        anyhow::ensure!(
            joined > 0,
            "no test of {} stands in {}; both must name the same repositories and commits",
            outcomes.display(),
            path.display()
        );
        note(&format!("{joined} of {} hunted tests stand in the table", table.len()));
    }
    let hash = blake3::hash(&std::fs::read(path)?).to_hex()[..16].to_owned();
    let flaky = rows.iter().filter(|row| row.is_flaky()).count();
    anyhow::ensure!(
        flaky > 0 && flaky < rows.len(),
        "the table has one class only; it needs flaky and stable tests"
    );
    let mut report = evaluate(&rows, hash, &|line| note(line))?;
    note("rehearsing adaptation");
    let (stack, figures) = rehearse(&ranked(&rows), &best(&report).1)?;
    report.adaptation = figures;
    Ok((rows, report, stack))
}

fn fixes(args: &TrialArgs) -> anyhow::Result<Outcome> {
    let mends = mended::read(&args.table)?;
    check_clones(&args.clones)?;
    let risk = std::sync::Arc::new(risk_model(None)?);
    let settings = args.model.settings(&ProjectFile::default());
    let report = open::block_on(async {
        let model = connect(&settings).await?;
        Ok(trial::trial(&mends, &args.clones, args.limit, risk, model, &note).await)
    })?;
    print(&match args.format {
        DataFormat::Text => report::trial(&report),
        DataFormat::Json => serde_json::to_string_pretty(&report)?,
    })?;
    Ok(Outcome::Clean)
}

/// Indexes the tests and those around them in a store of their own, and asks about each.
fn answers(args: &TrialArgs) -> anyhow::Result<Outcome> {
    let mends = mended::read(&args.table)?;
    check_clones(&args.clones)?;
    let settings = args.model.settings(&ProjectFile::default());
    let (cases, passed_over) = trial::cases(&mends, &args.clones, args.limit, &note);
    anyhow::ensure!(
        !cases.is_empty(),
        "'{}' holds no test of {}; give the folder of git clones",
        args.clones.display(),
        args.table.display()
    );
    let folder = tempfile::tempdir()?;
    let store = StoreArgs { store: Some(folder.path().to_owned()), qdrant_url: None };
    let report = open::block_on(async {
        let model = connect(&settings).await?;
        let opened = open::open(&store, &ProjectFile::default(), folder.path(), Access::Create).await?;
        for case in &cases {
            let repo = &case.test.assessment.repo;
            sync(&opened.store, &opened.embedder, repo, case.around.clone(), &[], &|_| {}).await?;
        }
        Ok(trial::answers(cases, passed_over, &opened.store, &opened.embedder, model, &note).await?)
    })?;
    print(&match args.format {
        DataFormat::Text => report::answers(&report),
        DataFormat::Json => serde_json::to_string_pretty(&report)?,
    })?;
    Ok(Outcome::Clean)
}

/// Indexes the suites, each as the repository of its name, and asks.
fn search(args: &SearchArgs) -> anyhow::Result<Outcome> {
    let labels = Labels::read(&args.labels)?;
    let risk = risk_model(None)?;
    let names = [labels.suites(false), labels.suites(true)].concat();
    for name in &names {
        let folder = args.suites.join(name);
        anyhow::ensure!(
            folder.is_dir(),
            "there is no '{}'; 'python3 scripts/suites.py {} {}' brings the suites",
            folder.display(),
            args.suites.display(),
            args.labels.display()
        );
    }
    let report = open::block_on(async {
        let opened = open::open(&args.store, &ProjectFile::default(), &args.suites, Access::Create).await?;
        for name in &names {
            let request = ScanRequest {
                paths: vec![args.suites.join(name)],
                repo: Some(name.clone()),
                ..ScanRequest::default()
            };
            index_scan(scan_paths(&request, &risk)?, &opened).await?;
        }
        opened.store.optimize().await?;
        Ok(evaluation::evaluate(&opened.store, &opened.embedder, &labels).await?)
    })?;
    print(&match args.format {
        DataFormat::Text => report::retrieval(&report),
        DataFormat::Json => serde_json::to_string_pretty(&report)?,
    })?;
    Ok(Outcome::Clean)
}

//! `history`: what pipelines observed, from JUnit reports.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::Timestamp;
use rayon::prelude::*;
use serde_json::json;

use super::open::{StoreArgs, place};
use super::{DataFormat, Outcome, note, print};
use crate::config::ProjectFile;
use crate::report;
use crate::risk::history::{Folded, History, Names, Verdict};
use crate::risk::junit;
use crate::scan::{ScanRequest, scan};

/// Remember what pipelines observed, and show it
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Import(ImportArgs),
    Show(ShowArgs),
}

/// Take in JUnit reports (pytest, unittest-xml-reporting, nose2, Maven; gzipped or not); twice is once
#[derive(clap::Args)]
struct ImportArgs {
    /// Files, folders or patterns (`reports/**/*.xml`)
    #[arg(required = true)]
    reports: Vec<String>,
    /// The project whose tests they are of
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    /// The repository's name; otherwise that of the git remote, else of the folder
    #[arg(long)]
    repo: Option<String>,
    /// The commit that ran, where the reports do not say
    #[arg(long)]
    commit: Option<String>,
    /// When it ran, where the reports do not say (`2026-11-20T10:00:00Z`); otherwise the file's time
    #[arg(long)]
    time: Option<Timestamp>,
    #[arg(long, value_enum, default_value = "text")]
    format: DataFormat,
    #[command(flatten)]
    store: StoreArgs,
}

/// Show the observed outcomes of a test
#[derive(clap::Args)]
struct ShowArgs {
    /// Node id, or its end where that is unique
    test: String,
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    #[arg(long)]
    repo: Option<String>,
    #[arg(long, value_enum, default_value = "text")]
    format: DataFormat,
    #[command(flatten)]
    store: StoreArgs,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    match &args.command {
        Command::Import(args) => import(args),
        Command::Show(args) => show(args),
    }
}

/// The history of the project at `near`, where a store of it would lie.
pub(super) fn of_project(
    store: &StoreArgs,
    project: &ProjectFile,
    near: &Path,
    repo: &str,
) -> anyhow::Result<History> {
    Ok(History::load(&place(store, project, near).0, repo)?)
}

/// The repository's name: as told, as configured, or as git has it.
pub(super) fn repo_name(told: Option<&String>, project: &ProjectFile, near: &Path) -> String {
    told.or(project.repo.as_ref())
        .cloned()
        .unwrap_or_else(|| crate::source::repository_name(&crate::source::project_root(near)))
}

/// A report that was read.
struct Read {
    hash: String,
    report: Folded,
    time: Timestamp,
    commit: Option<String>,
}

fn import(args: &ImportArgs) -> anyhow::Result<Outcome> {
    let project = ProjectFile::nearest(&args.project)?;
    let repo = repo_name(args.repo.as_ref(), &project, &args.project);
    let folder = place(&args.store, &project, &args.project).0;
    let files = files(&args.reports)?;
    let mut history = History::load(&folder, &repo)?;
    let request =
        ScanRequest { paths: vec![args.project.clone()], repo: Some(repo.clone()), ..ScanRequest::default() };
    let scanned = scan(&request, None)?;
    let names = Names::new(scanned.tests.iter().map(|test| test.assessment.id.as_str()));
    let flaky_before = flaky(&history);
    let read: Vec<(PathBuf, Result<Read, String>)> = files
        .into_par_iter()
        .map(|path| {
            let read = read(&path, args.time, &names);
            (path, read)
        })
        .collect();
    let (mut skipped, mut all) = (vec![], vec![]);
    for (path, read) in read {
        match read {
            Ok(read) => all.push(read),
            Err(reason) => skipped.push((path.display().to_string(), reason)),
        }
    }
    for (path, reason) in &skipped {
        note(&format!("{path} was skipped: {reason}"));
    }
    anyhow::ensure!(
        !all.is_empty(),
        "none of the {} is a JUnit report; see the reasons above",
        report::count(skipped.len(), "file", "files")
    );
    // the order of time, so that the same reports give the same history however they were found
    all.sort_by(|a, b| (a.time, &a.hash).cmp(&(b.time, &b.hash)));
    let (mut known, mut matched, mut unmatched) = (0, 0, BTreeSet::new());
    for read in &all {
        let commit = read.commit.as_deref().or(args.commit.as_deref());
        if history.add(&read.hash, &read.report, read.time, commit) {
            matched += read.report.tests.len();
        } else {
            known += 1;
        }
        unmatched.extend(&read.report.unmatched);
    }
    history.save(&folder)?;
    let new: Vec<String> = flaky(&history).into_iter().filter(|id| !flaky_before.contains(id)).collect();
    print(&match args.format {
        DataFormat::Text => {
            let mut text = format!(
                "{repo}: {} read, {} of them known already, {} skipped; {} of tests, {} without a test\n",
                report::count(all.len(), "report", "reports"),
                known,
                skipped.len(),
                report::count(matched, "outcome", "outcomes"),
                report::count(unmatched.len(), "name", "names"),
            );
            for id in &new {
                text.push_str(&format!("newly flaky: {id}\n"));
            }
            for name in unmatched.iter().take(10) {
                text.push_str(&format!("without a test: {name}\n"));
            }
            text
        }
        DataFormat::Json => serde_json::to_string_pretty(&json!({
            "repo": repo, "reports": all.len(), "known": known, "outcomes": matched,
            "skipped": skipped.iter().map(|(path, reason)| json!({ "file": path, "reason": reason })).collect::<Vec<_>>(),
            "unmatched": unmatched, "newly_flaky": new,
        }))?,
    })?;
    Ok(Outcome::Clean)
}

fn flaky(history: &History) -> Vec<String> {
    history
        .tests()
        .filter(|(_, outcomes)| outcomes.verdict() == Some(Verdict::Flaky))
        .map(|(id, _)| id.to_owned())
        .collect()
}

fn read(path: &Path, told: Option<Timestamp>, names: &Names) -> Result<Read, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let run = junit::read(&bytes).map_err(|error| error.to_string())?;
    let modified = || {
        std::fs::metadata(path)
            .and_then(|meta| meta.modified())
            .ok()
            .and_then(|time| Timestamp::try_from(time).ok())
    };
    let time = run.time.or(told).or_else(modified).unwrap_or_else(Timestamp::now);
    Ok(Read {
        hash: blake3::hash(&bytes).to_hex().to_string(),
        time,
        commit: run.commit.clone(),
        report: names.fold(run),
    })
}

/// Every file that the arguments name: folders are searched for `*.xml` and `*.xml.gz`.
fn files(arguments: &[String]) -> anyhow::Result<Vec<PathBuf>> {
    let mut out = vec![];
    for argument in arguments {
        let path = Path::new(argument);
        let pattern = match () {
            () if path.is_file() => {
                out.push(path.to_owned());
                continue;
            }
            () if path.is_dir() => format!("{}/**/*.xml*", glob::Pattern::escape(argument)),
            () => argument.clone(),
        };
        let found = glob::glob(&pattern).with_context(|| format!("'{argument}' is no pattern"))?;
        let found: Vec<PathBuf> = found.flatten().filter(|path| path.is_file()).collect();
        anyhow::ensure!(
            !found.is_empty(),
            "no report at '{argument}'; give JUnit files, a folder of them, or a pattern"
        );
        out.extend(found);
    }
    out.sort();
    out.dedup();
    Ok(out)
}

fn show(args: &ShowArgs) -> anyhow::Result<Outcome> {
    let project = ProjectFile::nearest(&args.project)?;
    let repo = repo_name(args.repo.as_ref(), &project, &args.project);
    let history = of_project(&args.store, &project, &args.project, &repo)?;
    anyhow::ensure!(
        history.reports() > 0,
        "nothing was observed of {repo} yet; take in reports with 'flakydetector history import FILE…'"
    );
    let fitting: Vec<_> =
        history.tests().filter(|(id, _)| *id == args.test || id.ends_with(&args.test)).collect();
    let exact = fitting.iter().find(|(id, _)| *id == args.test).or(fitting.first());
    let Some((id, outcomes)) = exact else {
        anyhow::bail!("no outcome of a test '{}' in {repo}; give its node id as pytest prints it", args.test);
    };
    anyhow::ensure!(
        fitting.len() == 1 || *id == args.test,
        "'{}' fits {} tests; give more of the node id, such as '{id}'",
        args.test,
        fitting.len()
    );
    print(&match args.format {
        DataFormat::Text => report::outcomes(id, outcomes),
        DataFormat::Json => serde_json::to_string_pretty(
            &json!({ "id": id, "repo": repo, "verdict": outcomes.verdict(), "outcomes": outcomes }),
        )?,
    })?;
    Ok(Outcome::Clean)
}

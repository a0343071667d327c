//! `history`: what pipelines observed, from JUnit reports.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::Timestamp;
use rayon::prelude::*;
use serde_json::json;

use super::open::{self, StoreArgs, place};
use super::{DataFormat, Outcome, note, print};
use crate::config::ProjectFile;
use crate::index::edge::Access;
use crate::observe::{self, Report};
use crate::report;
use crate::risk::history::History;
use crate::risk::names::Names;
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

/// What to do where nothing is known of a repository.
pub(super) fn nothing(repo: &str) -> String {
    format!("nothing was observed of {repo} yet; take in reports with 'flakydetector history import FILE…'")
}

/// The repository's name: as told, as configured, or as git has it.
pub(super) fn repo_name(told: Option<&String>, project: &ProjectFile, near: &Path) -> String {
    told.or(project.repo.as_ref())
        .cloned()
        .unwrap_or_else(|| crate::source::repository_name(&crate::source::project_root(near)))
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
    let read: Vec<(PathBuf, Result<Report, String>)> = files
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
    let taken = observe::take_in(&mut history, all, args.commit.as_deref());
    history.save(&folder)?;
    tell_the_store(&args.store, &project, &args.project, &repo, &history)?;
    print(&match args.format {
        DataFormat::Text => {
            let mut text = format!(
                "{repo}: {} read, {} of them known already, {} skipped; {} of tests, {} without a test\n",
                report::count(taken.reports, "report", "reports"),
                taken.known,
                skipped.len(),
                report::count(taken.outcomes, "outcome", "outcomes"),
                report::count(taken.unmatched.len(), "name", "names"),
            );
            for id in &taken.newly_flaky {
                text.push_str(&format!("newly flaky: {id}\n"));
            }
            for name in taken.unmatched.iter().take(10) {
                text.push_str(&format!("without a test: {name}\n"));
            }
            text
        }
        DataFormat::Json => {
            let skipped: Vec<_> =
                skipped.iter().map(|(path, reason)| json!({ "file": path, "reason": reason })).collect();
            let mut all = json!({ "repo": repo, "skipped": skipped });
            if let (Some(all), serde_json::Value::Object(taken)) =
                (all.as_object_mut(), serde_json::to_value(&taken)?)
            {
                all.extend(taken);
            }
            serde_json::to_string_pretty(&all)?
        }
    })?;
    Ok(Outcome::Clean)
}

/// Brings what is known of a repository to its stored tests, where any are stored. A store that another process holds
/// learns it from the next `index`.
pub(super) fn tell_the_store(
    store: &StoreArgs,
    project: &ProjectFile,
    near: &Path,
    repo: &str,
    history: &History,
) -> anyhow::Result<()> {
    let (folder, url) = place(store, project, near);
    if url.is_none() && !folder.join("shard").is_dir() {
        return Ok(());
    }
    let risk = super::risk_model(None)?;
    let told = open::block_on(async {
        let opened = open::open(store, project, near, Access::Existing).await?;
        Ok(observe::refresh(&opened.store, &opened.embedder, &risk, repo, history).await?)
    });
    match told {
        Ok(report) if report.updated > 0 => {
            note(&format!("{} stored tests know their outcomes", report.updated));
        }
        Ok(_) => {}
        Err(error) => note(&format!("the index does not know of it yet: {error:#}")),
    }
    Ok(())
}

fn read(path: &Path, told: Option<Timestamp>, names: &Names) -> Result<Report, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let modified = || {
        std::fs::metadata(path)
            .and_then(|meta| meta.modified())
            .ok()
            .and_then(|time| Timestamp::try_from(time).ok())
    };
    observe::read(&bytes, || told.or_else(modified).unwrap_or_else(Timestamp::now), names)
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
    anyhow::ensure!(history.tests().next().is_some(), "{}", nothing(&repo));
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

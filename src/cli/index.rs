//! `index`: scan, embed what changed, store it, and drop what is gone.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::history;
use super::open::{self, Opened, StoreArgs};
use super::{Outcome, mine, note, risk_model, scan::scan_paths};
use crate::config::ProjectFile;
use crate::index::IndexedTest;
use crate::index::edge::Access;
use crate::index::seen::Seen;
use crate::index::store::Filter;
use crate::index::sync::{Progress, SyncReport, sync};
use crate::scan::{Scan, ScanRequest};
use crate::smells::Selection;
use crate::source;

/// Scan, embed and remember; only what changed is embedded again
#[derive(clap::Args)]
pub(super) struct Args {
    /// Files and folders
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
    /// The repository's name; the git remote's or the root folder's otherwise
    #[arg(long)]
    repo: Option<String>,
    /// The team that owns what CODEOWNERS gives to nobody
    #[arg(long)]
    team: Option<String>,
    /// Forget everything in the store; on a server others read the old until the new is whole
    #[arg(long)]
    rebuild: bool,
    /// Look through the git history too for tests that were mended; explanations and fixes go by them
    #[arg(long)]
    mine_fixes: bool,
    /// With --mine-fixes: look at so many commits in this run
    #[arg(long, value_name = "N", default_value_t = 10_000, requires = "mine_fixes")]
    mine_commits: usize,
    /// A risk model other than the built-in one
    #[arg(long, value_name = "FILE")]
    risk_model: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let near = args.paths.first().map_or(Path::new("."), PathBuf::as_path);
    let project = ProjectFile::nearest(near)?;
    let repo = history::repo_name(args.repo.as_ref(), &project, near);
    let (folder, url) = open::place(&args.store, &project, near);
    // on a server others may have come since
    let stamp =
        (url.is_none() && !args.rebuild && !args.mine_fixes).then(|| stamp(args, &project, near, &folder));
    if let Some(stamp) = &stamp
        && let Some(line) = unchanged(&folder, &repo, stamp)
    {
        note(&line);
        return Ok(Outcome::Clean);
    }
    let model = risk_model(args.risk_model.as_ref())?;
    let history = history::of_project(&args.store, &project, near, &repo)?;
    let request = ScanRequest {
        paths: args.paths.clone(),
        repo: args.repo.clone().or_else(|| project.repo.clone()),
        team: args.team.clone().or_else(|| project.team.clone()),
        selection: Selection { select: vec![], ignore: project.ignore.clone() },
        history,
        changed: None,
    };
    let scan = scan_paths(&request, &model)?;
    for error in &scan.errors {
        note(&format!("{}:{}: {}", error.file, error.line, error.message));
    }
    let repo = scan.repo.clone();
    note(&format!("scanned {} tests in {} files ({:.2} s)", scan.tests.len(), scan.files, scan.seconds));
    open::block_on(async {
        if args.rebuild {
            open::erase_fixes(&args.store, &project, near).await?;
        }
        let access = if args.rebuild { Access::Anew } else { Access::Create };
        let opened = open::open(&args.store, &project, near, access).await?;
        Seen::forget(&folder, &repo);
        index_scan(scan, &opened).await?;
        opened.store.publish().await?;
        if let Some(stamp) = stamp {
            let tests = opened.store.count(Filter::of_repo(&repo)).await?;
            Seen { stamp, tests }.write(&folder, &repo);
        }
        if args.mine_fixes {
            let fixes = open::fixes(&args.store, &project, near, &opened.embedder, Access::Create).await?;
            mine::mine(near, &repo, &folder, args.mine_commits, &fixes.store, &opened.embedder).await?;
        }
        Ok(())
    })?;
    Ok(Outcome::Clean)
}

/// Of everything that the result depends on.
fn stamp(args: &Args, project: &ProjectFile, near: &Path, folder: &Path) -> String {
    let about = |path: &Path| path.metadata().ok().map(|about| (about.len(), about.modified().ok()));
    let program = std::env::current_exe().ok().and_then(|program| about(&program));
    let model = args.risk_model.as_deref().and_then(about);
    let observed: Vec<_> =
        std::fs::read_dir(folder.join("history")).into_iter().flatten().flatten().collect();
    let mut observed: Vec<_> = observed.iter().map(|file| (file.path(), about(&file.path()))).collect();
    observed.sort();
    let paths: Vec<_> = args.paths.iter().map(|path| std::path::absolute(path).ok()).collect();
    let asked =
        format!("{paths:?} {:?} {:?} {project:?} {program:?} {model:?} {observed:?}", args.repo, args.team);
    format!("{} {asked}", source::stamp(&source::project_root(near)))
}

/// What is said where nothing changed since the last run over this repository. A store that is removed takes along what
/// was noted of it.
fn unchanged(folder: &Path, repo: &str, stamp: &str) -> Option<String> {
    let began = Instant::now();
    let seen = Seen::read(folder, repo).filter(|seen| seen.stamp == *stamp)?;
    let report = SyncReport { unchanged: seen.tests, ..SyncReport::default() };
    Some(told(repo, &report, &folder.display().to_string(), began))
}

fn told(repo: &str, report: &SyncReport, place: &str, began: Instant) -> String {
    format!(
        "indexed {repo}: {} added, {} updated, {} unchanged, {} removed in {} ({:.1} s)",
        report.added,
        report.updated,
        report.unchanged,
        report.removed,
        place,
        began.elapsed().as_secs_f64()
    )
}

/// Brings the store in line with a scan, and tells what it did.
pub(super) async fn index_scan(scan: Scan, opened: &Opened) -> anyhow::Result<()> {
    let started = Instant::now();
    let (repo, within) = (scan.repo, scan.scope);
    let tests: Vec<IndexedTest> = scan.tests.into_iter().map(IndexedTest::scanned).collect();
    let bar = progress_bar();
    let shown = bar.clone();
    let show = move |progress: Progress| {
        shown.set_length(progress.total as u64);
        shown.set_position(progress.done as u64);
    };
    let report = sync(&opened.store, &opened.embedder, &repo, tests, &within, &show).await?;
    bar.finish_and_clear();
    note(&told(&repo, &report, &opened.place, started));
    Ok(())
}

fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("embedding {bar:30} {pos}/{len} tests  {per_sec}  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(0).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

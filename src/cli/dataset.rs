//! `dataset build`: the table that the model learns from; `dataset mine`: labels out of histories for it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{Outcome, note};
use crate::fixes::told;
use crate::report;
use crate::risk::ScannedTest;
use crate::risk::dataset::{self, Commits};
use crate::scan::{ScanRequest, scan};
use crate::source::git;

/// Build the table that the risk model learns from
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Build(BuildArgs),
    Mine(MineArgs),
}

/// Scan labelled repositories at their commits; no source text goes into the table
#[derive(clap::Args)]
struct BuildArgs {
    /// CSV with the columns repo, sha, test_id, category
    #[arg(long, value_name = "FILE")]
    labels: PathBuf,
    /// Folder of git clones: `owner/name`, `owner+name` or `name`
    #[arg(long, value_name = "DIR")]
    clones: PathBuf,
    /// Scan each labelled commit, with so many of the tests around its labels (for labels of `dataset mine`)
    #[arg(long, value_name = "N")]
    each_commit: Option<usize>,
    /// Where the table goes (gzipped CSV)
    #[arg(long, value_name = "FILE", default_value = "models/dataset.csv.gz")]
    output: PathBuf,
}

/// Find tests that a commit says it mends, as labels: the test before was unstable; no source text is kept
#[derive(clap::Args)]
struct MineArgs {
    /// Folder of git clones with full history, or one clone
    #[arg(long, value_name = "DIR")]
    clones: PathBuf,
    /// Repositories that are left out, `owner/name` a line
    #[arg(long, value_name = "FILE")]
    without: Option<PathBuf>,
    /// Commits of a repository that are looked at, of those whose message speaks of unstable tests
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    most: usize,
    /// Where the labels go (CSV: repo, sha, test_id, category, commit)
    #[arg(long, value_name = "FILE", default_value = "mined.csv")]
    output: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    match &args.command {
        Command::Build(args) => build(args),
        Command::Mine(args) => mine(args),
    }
}

fn mine(args: &MineArgs) -> anyhow::Result<Outcome> {
    check_clones(&args.clones)?;
    let left_out = match &args.without {
        Some(path) => {
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?
        }
        None => String::new(),
    };
    let is_left_out = |repo: &str| left_out.lines().any(|line| line.trim().eq_ignore_ascii_case(repo));
    let mut clones = git::clones(&args.clones);
    clones.retain(|(repo, _)| !is_left_out(repo));
    anyhow::ensure!(
        !clones.is_empty(),
        "'{}' holds no git clone; give a folder of clones named owner/name, owner+name or name, or one clone",
        args.clones.display()
    );
    let mut writer = csv::Writer::from_path(&args.output).with_context(|| {
        format!("cannot write {}; check the folder and its permissions", args.output.display())
    })?;
    writer.write_record(["repo", "sha", "test_id", "category", "commit"])?;
    let (mut labels, mut with) = (0, 0);
    for (repo, git_dir) in &clones {
        match told(git_dir, repo, args.most) {
            Ok(found) => {
                note(&format!("{repo}: {}", report::count(found.len(), "mended test", "mended tests")));
                labels += found.len();
                with += usize::from(!found.is_empty());
                for one in found {
                    writer.write_record([repo, &one.before, &one.test_id, "NOD", &one.commit])?;
                }
            }
            Err(error) => note(&format!("{repo}: passed over, {error}")),
        }
    }
    writer.flush()?;
    note(&format!(
        "{}: {} of {} out of {}",
        args.output.display(),
        report::count(labels, "label", "labels"),
        report::count(with, "repository", "repositories"),
        clones.len()
    ));
    Ok(Outcome::Clean)
}

fn build(args: &BuildArgs) -> anyhow::Result<Outcome> {
    let labels = dataset::read_labels(&args.labels)?;
    check_clones(&args.clones)?;
    let commits = args.each_commit.map_or(Commits::Fullest, |around| Commits::Each { around });
    let table = dataset::build(&labels, &args.clones, commits, &scan_repository, &|line| note(line));
    for (label, reason) in &table.unmatched {
        note(&format!("no row for {} {}: {reason}", label.repo, label.test_id));
    }
    anyhow::ensure!(!table.rows.is_empty(), "no labelled repository could be scanned; see the reasons above");
    dataset::write(&args.output, &table.rows)?;
    let flaky = table.rows.iter().filter(|row| row.is_flaky()).count();
    note(&format!(
        "{}: {} tests, {flaky} of them flaky; {} of {} labels without a test",
        args.output.display(),
        table.rows.len(),
        table.unmatched.len(),
        labels.len()
    ));
    Ok(Outcome::Clean)
}

/// Scans without a model; the reason in words where that fails.
pub(super) fn scan_repository(repo: &str, paths: Vec<PathBuf>) -> Result<Vec<ScannedTest>, String> {
    let request = ScanRequest { paths, repo: Some(repo.to_owned()), ..ScanRequest::default() };
    scan(&request, None).map(|scan| scan.tests).map_err(|error| error.to_string())
}

pub(super) fn check_clones(folder: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(
        folder.is_dir(),
        "there is no folder '{}'; give the folder of git clones",
        folder.display()
    );
    Ok(())
}

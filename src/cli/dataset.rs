//! `dataset build`: the table that the model learns from.

use std::path::{Path, PathBuf};

use super::{Outcome, note};
use crate::risk::{ScannedTest, dataset};
use crate::scan::{ScanRequest, scan};

/// Build the table that the risk model learns from
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Build(BuildArgs),
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
    /// Where the table goes (gzipped CSV)
    #[arg(long, value_name = "FILE", default_value = "models/dataset.csv.gz")]
    output: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let Command::Build(args) = &args.command;
    let labels = dataset::read_labels(&args.labels)?;
    check_clones(&args.clones)?;
    let table = dataset::build(&labels, &args.clones, &scan_repository, &|line| note(line));
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

//! `evaluate`: the honest figures of the risk model, with baselines in the same run; `evaluate findings`: those of
//! the rules on tests that people mended.

use std::path::PathBuf;

use super::dataset::{check_clones, scan_repository};
use super::{DataFormat, Outcome, note, print};
use crate::report;
use crate::risk::evaluate::{Report, best, evaluate, ranked};
use crate::risk::rehearse::rehearse;
use crate::risk::{Model, dataset, mended};

/// Evaluate the risk model on repositories that it has not seen
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The table made by `dataset build`
    #[arg(long, value_name = "FILE", default_value = "models/dataset.csv.gz")]
    dataset: PathBuf,
    #[arg(long, value_enum, default_value = "text")]
    format: DataFormat,
}

#[derive(clap::Subcommand)]
enum Command {
    Findings(FindingsArgs),
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

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    if let Some(Command::Findings(args)) = &args.command {
        return findings(args);
    }
    let report = evaluate_table(&args.dataset)?.1;
    print(&match args.format {
        DataFormat::Text => report::evaluation(&report),
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

/// Reads a table and evaluates on it.
pub(super) fn evaluate_table(path: &PathBuf) -> anyhow::Result<(Vec<dataset::Row>, Report, Model)> {
    let rows = dataset::read(path)?;
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

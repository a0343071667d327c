//! `evaluate`: the honest figures of the risk model, with baselines in the same run.

use std::path::PathBuf;

use super::{DataFormat, Outcome, note, print};
use crate::report;
use crate::risk::dataset;
use crate::risk::evaluate::{Report, evaluate};

/// Evaluate the risk model on repositories that it has not seen
#[derive(clap::Args)]
pub(super) struct Args {
    /// The table made by `dataset build`
    #[arg(long, value_name = "FILE", default_value = "models/dataset.csv.gz")]
    dataset: PathBuf,
    #[arg(long, value_enum, default_value = "text")]
    format: DataFormat,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let report = evaluate_table(&args.dataset)?.1;
    print(&match args.format {
        DataFormat::Text => report::evaluation(&report),
        DataFormat::Json => serde_json::to_string_pretty(&report)?,
    })?;
    Ok(Outcome::Clean)
}

/// Reads a table and evaluates on it.
pub(super) fn evaluate_table(path: &PathBuf) -> anyhow::Result<(Vec<dataset::Row>, Report)> {
    let rows = dataset::read(path)?;
    let hash = blake3::hash(&std::fs::read(path)?).to_hex()[..16].to_owned();
    let flaky = rows.iter().filter(|row| row.is_flaky()).count();
    anyhow::ensure!(
        flaky > 0 && flaky < rows.len(),
        "the table has one class only; it needs flaky and stable tests"
    );
    let report = evaluate(&rows, hash, &|line| note(line))?;
    Ok((rows, report))
}

//! `train`: the risk model from a table of labelled tests.

use std::path::PathBuf;

use anyhow::Context as _;

use super::evaluate::evaluate_table;
use super::{Outcome, note};
use crate::report;
use crate::risk::RiskModel;
use crate::risk::train::{stack, train};

/// Train the risk model, evaluate it, and write it with its card and report
#[derive(clap::Args)]
pub(super) struct Args {
    /// The table made by `dataset build`
    #[arg(long, value_name = "FILE", default_value = "models/dataset.csv.gz")]
    dataset: PathBuf,
    /// Where the model goes
    #[arg(long, value_name = "FILE", default_value = "models/risk.json")]
    output: PathBuf,
    /// Replace a model even where the new one evaluates worse
    #[arg(long)]
    even_if_worse: bool,
    /// The date that the card carries
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: String,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let (rows, report, stack_model) = evaluate_table(&args.dataset, None)?;
    let file = train(&rows, &report, &args.date)?;
    let new = file.card["figures"]["auc"].as_f64().unwrap_or(0.0);
    let old = RiskModel::load(&args.output).ok().and_then(|model| model.card["figures"]["auc"].as_f64());
    if let Some(old) = old.filter(|old| *old > new + 1e-9 && !args.even_if_worse) {
        anyhow::bail!(
            "the new model ranks worse (AUC {new:.3}) than the one in {} ({old:.3}), which stays; --even-if-worse replaces it",
            args.output.display()
        );
    }
    let write = |path: &PathBuf, text: String| {
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    write(&args.output, serde_json::to_string(&file)?)?;
    write(&args.output.with_extension("evaluation.json"), serde_json::to_string_pretty(&report)? + "\n")?;
    let page = report::page(&report, &args.date)
        .map_err(|error| anyhow::anyhow!("the plots cannot be drawn: {error}"))?;
    write(&args.output.with_extension("evaluation.html"), page)?;
    let stack_path = args.output.with_file_name("adapt.json");
    write(&stack_path, serde_json::to_string(&stack(&stack_model, &report, &args.date)?)?)?;
    note(&report::evaluation(&report));
    note(&format!("wrote {} and {}", args.output.display(), stack_path.display()));
    Ok(Outcome::Clean)
}

//! Trains the prior on the whole table with the recipe that evaluated best, and writes the model file.

use serde_json::json;

use super::adapt::StackFile;
use super::dataset::Row;
use super::evaluate::{self, Report};
use super::evidence::EVIDENCE;
use super::features::SCHEMA;
use super::model::{BoostError, Model};
use super::prior::{ModelFile, column_names, quantiles};

/// The file of the stack that adapts, with its figures in the card.
///
/// # Errors
/// XGBoost refuses.
pub fn stack(model: &Model, report: &Report, date: &str) -> Result<StackFile, BoostError> {
    Ok(StackFile {
        evidence: EVIDENCE.map(str::to_owned).to_vec(),
        card: json!({ "date": date, "data_hash": report.data_hash, "figures": report.adaptation }),
        booster: model.to_json()?,
    })
}

/// The model file for a table, with its evaluation in the card.
///
/// # Errors
/// XGBoost refuses.
pub fn train(rows: &[Row], report: &Report, date: &str) -> Result<ModelFile, BoostError> {
    let (name, recipe) = evaluate::best(report);
    let parts = evaluate::ranked(rows);
    let model = evaluate::fit(&recipe, &parts.iter().collect::<Vec<_>>())?;
    let values: Vec<_> = rows.iter().map(|row| row.inputs).collect();
    Ok(ModelFile {
        feature_schema: SCHEMA.to_owned(),
        inputs: column_names().into_iter().map(str::to_owned).collect(),
        quantiles: quantiles(&values),
        card: json!({
            "date": date,
            "recipe": name,
            "data_hash": report.data_hash,
            "repositories": report.repositories,
            "tests": report.tests,
            "flaky": report.flaky,
            "figures": report.candidates.iter().find(|figures| figures.name == name),
        }),
        booster: model.to_json()?,
    })
}

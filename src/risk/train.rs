//! Trains the prior on the whole table with the recipe that evaluated best, and writes the model file.

use serde_json::json;

use super::dataset::Row;
use super::evaluate::{self, Report};
use super::features::SCHEMA;
use super::model::BoostError;
use super::prior::{ModelFile, input_names, quantiles};

/// The model file for a table, with its evaluation in the card.
///
/// # Errors
/// XGBoost refuses.
pub fn train(rows: &[Row], report: &Report, date: &str) -> Result<ModelFile, BoostError> {
    let best = report
        .candidates
        .iter()
        .max_by(|a, b| a.auc.total_cmp(&b.auc))
        .map_or("", |figures| figures.name.as_str());
    let recipes = evaluate::recipes();
    let (name, recipe) = recipes.iter().find(|(name, _)| *name == best).unwrap_or(&recipes[0]);
    let parts = evaluate::ranked(rows);
    let model = evaluate::fit(recipe, &parts.iter().collect::<Vec<_>>())?;
    let values: Vec<_> = rows.iter().map(|row| row.inputs).collect();
    Ok(ModelFile {
        feature_schema: SCHEMA.to_owned(),
        inputs: input_names().into_iter().map(str::to_owned).collect(),
        quantiles: quantiles(&values),
        card: json!({
            "date": date,
            "recipe": name,
            "data_hash": report.data_hash,
            "repositories": report.repositories,
            "tests": report.tests,
            "flaky": report.flaky,
            "figures": report.candidates.iter().find(|figures| figures.name == *name),
        }),
        booster: model.to_json()?,
    })
}

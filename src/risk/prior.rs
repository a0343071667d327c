//! The risk of a test in a repository of which no outcome is known: a trained model over ranks.
//! A test is judged among its neighbours, so what the model sees is where each value stands among the tests
//! scanned together, or among those of the training set where they are too few.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::features::SCHEMA;
use super::inputs::{INPUTS, OWN, input_names, inputs};
use super::isolation::{ISOLATION, isolation};
use super::model::{BoostError, Model};
use super::ranks::{ranks, ranks_of};
use super::{Contribution, RiskBasis, ScannedTest};

/// The model that is built into the binary.
const BUILT_IN: &str = include_str!("../../models/risk.json");
/// Below this many tests in one scan, ranks come from the training set.
const ENOUGH_NEIGHBOURS: usize = 10;
/// How many contributions are reported.
const CONTRIBUTIONS: usize = 8;

/// How many columns the model has: the ranks of the inputs, and of how far a test stands apart by them.
pub(super) const COLUMNS: usize = INPUTS + ISOLATION.len();

/// The names of the model's columns, in their order.
pub(super) fn column_names() -> Vec<&'static str> {
    input_names().into_iter().chain(ISOLATION).collect()
}

/// The model's columns from the ranks of the inputs, row after row. Among too few tests nothing stands apart, and it says
/// little who shares what.
pub(super) fn columns(mut ranks: Vec<f32>) -> Vec<f32> {
    let count = ranks.len() / INPUTS;
    let apart = if count >= ENOUGH_NEIGHBOURS {
        isolation(&ranks)
    } else {
        ranks.chunks_mut(INPUTS).for_each(|row| row[OWN..].fill(0.5));
        vec![[0.0; ISOLATION.len()]; count]
    };
    let apart: Vec<Vec<f32>> =
        (0..ISOLATION.len()).into_par_iter().map(|column| ranks_of(&apart, column)).collect();
    let rows = ranks.chunks(INPUTS).enumerate();
    rows.flat_map(|(row, ranks)| ranks.iter().copied().chain(apart.iter().map(move |column| column[row])))
        .collect()
}

/// Why a model file cannot be used.
#[derive(Debug, Error)]
pub enum ModelError {
    #[error(
        "the model file {path} cannot be read: {reason}; give another with --risk-model, or leave it out for the built-in one"
    )]
    Unreadable { path: String, reason: String },
    #[error(
        "the risk model was trained for feature schema '{found}', but this version measures '{expected}'; train it again with 'flakydetector train'"
    )]
    Schema { found: String, expected: &'static str },
    #[error(
        "the risk model is broken ({0}); train it again with 'flakydetector train', or leave --risk-model out"
    )]
    Broken(String),
}

impl From<BoostError> for ModelError {
    fn from(error: BoostError) -> Self {
        ModelError::Broken(error.to_string())
    }
}

/// The model file: the booster with what is needed to read its figures.
#[derive(Serialize, Deserialize)]
pub struct ModelFile {
    pub feature_schema: String,
    pub inputs: Vec<String>,
    /// Of each input 33 quantiles over the training set, ascending.
    pub quantiles: Vec<Vec<f32>>,
    /// Where it comes from: data, date, figures.
    pub card: Value,
    pub booster: Value,
}

/// A model that is ready to judge.
pub struct RiskModel {
    model: Model,
    quantiles: Vec<Vec<f32>>,
    pub card: Value,
}

impl RiskModel {
    /// The model that came with this version.
    ///
    /// # Errors
    /// The file does not fit this version of the features, or is broken.
    pub fn built_in() -> Result<RiskModel, ModelError> {
        RiskModel::parse(BUILT_IN)
    }

    /// The model in a file.
    ///
    /// # Errors
    /// As [`RiskModel::built_in`], or the file cannot be read.
    pub fn load(path: &std::path::Path) -> Result<RiskModel, ModelError> {
        let text = std::fs::read_to_string(path).map_err(|error| ModelError::Unreadable {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        RiskModel::parse(&text)
    }

    fn parse(text: &str) -> Result<RiskModel, ModelError> {
        let broken = |error: serde_json::Error| ModelError::Broken(error.to_string());
        let value: Value = serde_json::from_str(text).map_err(broken)?;
        // the schema first: a file of another version may lack what this one has
        let found = value["feature_schema"].as_str().unwrap_or("none").to_owned();
        if found != SCHEMA {
            return Err(ModelError::Schema { found, expected: SCHEMA });
        }
        let file: ModelFile = serde_json::from_value(value).map_err(broken)?;
        if file.inputs != column_names() || file.quantiles.len() != INPUTS {
            return Err(ModelError::Broken("its inputs are not those of this version".to_owned()));
        }
        Ok(RiskModel {
            model: Model::from_json(&file.booster, COLUMNS)?,
            quantiles: file.quantiles,
            card: file.card,
        })
    }

    /// Gives every test its risk and what moved it. The tests are those of one repository.
    pub fn assess(&self, tests: &mut [ScannedTest]) {
        let rows: Vec<[f32; INPUTS]> = tests.iter().map(inputs).collect();
        let ranked = if rows.len() >= ENOUGH_NEIGHBOURS { ranks(&rows) } else { self.global_ranks(&rows) };
        let Ok(shap) = self.model.contributions(&columns(ranked)) else {
            tracing::error!("xgboost refused to predict; risks stay at 0");
            return;
        };
        let names = column_names();
        tests.par_iter_mut().zip(shap.par_chunks(COLUMNS + 1)).for_each(|(test, values)| {
            test.assessment.risk = (sigmoid(values.iter().sum()) * 1e4).round() / 1e4;
            test.assessment.risk_basis = RiskBasis::Prior;
            test.assessment.contributions = contributions(&names, values);
        });
    }

    fn global_ranks(&self, rows: &[[f32; INPUTS]]) -> Vec<f32> {
        let rank = |column: usize, value: f32| {
            let quantiles = &self.quantiles[column];
            let below = quantiles.partition_point(|known| *known < value);
            let up_to = quantiles.partition_point(|known| *known <= value);
            (below + up_to) as f32 / (2 * quantiles.len().max(1)) as f32
        };
        rows.iter()
            .flat_map(|row| row.iter().enumerate().map(|(column, value)| rank(column, *value)))
            .collect()
    }
}

/// The strongest of a test's SHAP values by name; what follows the names (the bias) is left out.
pub(super) fn contributions(names: &[&str], values: &[f32]) -> Vec<Contribution> {
    let mut all: Vec<Contribution> = names
        .iter()
        .zip(values)
        .filter(|(_, value)| value.abs() >= 0.005)
        .map(|(name, value)| Contribution { feature: (*name).to_owned(), value: (value * 1e3).round() / 1e3 })
        .collect();
    all.sort_by(|a, b| b.value.abs().total_cmp(&a.value.abs()));
    all.truncate(CONTRIBUTIONS);
    all
}

/// Log-odds ─▶ probability.
pub(super) fn sigmoid(margin: f32) -> f32 {
    1.0 / (1.0 + (-margin).exp())
}

/// 33 quantiles of each input.
pub(super) fn quantiles(rows: &[[f32; INPUTS]]) -> Vec<Vec<f32>> {
    (0..INPUTS)
        .map(|column| {
            let mut values: Vec<f32> = rows.iter().map(|row| row[column]).collect();
            values.sort_by(f32::total_cmp);
            (0..33)
                .filter_map(|step| values.get(step * values.len().saturating_sub(1) / 32).copied())
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_of_another_schema_is_refused() {
        let error = RiskModel::parse(r#"{"feature_schema": "fd41-0"}"#).err().map(|error| error.to_string());
        assert!(error.is_some_and(|text| text.contains("fd41-0") && text.contains("flakydetector train")));
    }
}

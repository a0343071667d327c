//! XGBoost behind plain slices: the only place that names the library.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use thiserror::Error;
use xgboost_rs::{Booster, DMatrix};

/// Why XGBoost refused.
#[derive(Debug, Error)]
#[error("xgboost: {0}")]
pub struct BoostError(String);

impl From<xgboost_rs::XGBError> for BoostError {
    fn from(error: xgboost_rs::XGBError) -> Self {
        BoostError(error.to_string())
    }
}

/// How to train: XGBoost's own parameters and the number of rounds.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub parameters: Vec<(&'static str, String)>,
    pub rounds: i32,
}

/// A trained model over rows of a fixed number of columns. XGBoost 1.6 keeps predictions in the booster, so one
/// thread at a time may ask it.
pub struct Model {
    booster: Mutex<Booster>,
    columns: usize,
}

impl Model {
    /// Trains on `rows` (one after the other, `columns` values each), labels 0 or 1 and one weight a row.
    pub fn train(
        recipe: &Recipe,
        rows: &[f32],
        columns: usize,
        labels: &[f32],
        weights: &[f32],
    ) -> Result<Model, BoostError> {
        let mut matrix = DMatrix::from_dense(rows, labels.len())?;
        matrix.set_labels(labels)?;
        matrix.set_weights(weights)?;
        let parameters: HashMap<String, String> =
            recipe.parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let mut booster = Booster::new_with_json_config(&[&matrix], parameters)?;
        for round in 0..recipe.rounds {
            booster.update(&matrix, round)?;
        }
        Ok(Model { booster: Mutex::new(booster), columns })
    }

    fn booster(&self) -> MutexGuard<'_, Booster> {
        self.booster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Log-odds, one a row.
    pub fn margins(&self, rows: &[f32]) -> Result<Vec<f32>, BoostError> {
        if rows.is_empty() {
            return Ok(vec![]);
        }
        Ok(self.booster().predict_margin(&DMatrix::from_dense(rows, rows.len() / self.columns)?)?)
    }

    /// SHAP values in log-odds, row after row: one a column, and the bias last. A row's sum is its margin.
    pub fn contributions(&self, rows: &[f32]) -> Result<Vec<f32>, BoostError> {
        if rows.is_empty() {
            return Ok(vec![]);
        }
        let matrix = DMatrix::from_dense(rows, rows.len() / self.columns)?;
        Ok(self.booster().predict_contributions(&matrix)?.0)
    }

    /// XGBoost's own JSON.
    pub fn to_json(&self) -> Result<Value, BoostError> {
        let text = self.booster().save_to_buffer("json".to_owned())?;
        serde_json::from_str(&text).map_err(|error| BoostError(error.to_string()))
    }

    /// The opposite of [`Model::to_json`].
    pub fn from_json(value: &Value, columns: usize) -> Result<Model, BoostError> {
        let booster = Booster::load_buffer(value.to_string().as_bytes())?;
        Ok(Model { booster: Mutex::new(booster), columns })
    }
}

//! The risk of a test in a repository of which outcomes are known: a small stack over what the known ones say
//! ([`super::evidence`]), trained on rehearsals with the labelled repositories, so that its figures are probabilities.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::evidence::{EVIDENCE, Known, gather};
use super::inputs::inputs;
use super::kin::{Kin, states, terms};
use super::model::Model;
use super::prior::{ModelError, contributions, sigmoid};
use super::ranks::{rank, ranks};
use super::{RiskBasis, ScannedTest};

/// The stack that is built into the binary.
const BUILT_IN: &str = include_str!("../../models/adapt.json");
/// From so many known flaky tests on a repository's own outcomes order its tests better than the prior does.
pub(super) const ENOUGH_FLAKY: usize = 3;
/// With so many outcomes a single flaky test is enough.
pub(super) const ENOUGH_KNOWN: usize = 10;
/// How many of the nearest tests are told.
const NEIGHBOURS: usize = 3;

/// What an adapted figure rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Basis {
    /// Tests with an observed outcome.
    pub outcomes: usize,
    pub flaky: usize,
    pub stable: usize,
}

/// A test of known outcome whose code is like this one's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Neighbour {
    pub id: String,
    /// Of the code's words, from 0 to 1.
    pub likeness: f32,
    pub flaky: bool,
}

/// The file of the stack.
#[derive(Serialize, Deserialize)]
pub struct StackFile {
    pub evidence: Vec<String>,
    /// Where it comes from: data, date, figures.
    pub card: Value,
    pub booster: Value,
}

/// A stack that is ready to judge.
pub struct Adapter {
    model: Model,
    pub card: Value,
}

impl Adapter {
    /// The stack that came with this version.
    ///
    /// # Errors
    /// The file is broken or of another version.
    pub fn built_in() -> Result<Adapter, ModelError> {
        Adapter::parse(BUILT_IN)
    }

    fn parse(text: &str) -> Result<Adapter, ModelError> {
        let file: StackFile =
            serde_json::from_str(text).map_err(|error| ModelError::Broken(error.to_string()))?;
        if file.evidence != EVIDENCE {
            return Err(ModelError::Broken("its evidence is not that of this version".to_owned()));
        }
        Ok(Adapter { model: Model::from_json(&file.booster, EVIDENCE.len())?, card: file.card })
    }

    /// Gives every test of a repository the risk that its known outcomes speak for; `known` is in the order of the
    /// tests, which carry the prior's risk. With too few outcomes nothing changes and nothing is returned.
    pub fn adapt(&self, tests: &mut [ScannedTest], known: &[Option<Known>]) -> Option<Basis> {
        let outcomes = known.iter().flatten().count();
        let flaky = known.iter().flatten().filter(|known| known.flaky).count();
        if flaky < ENOUGH_FLAKY && (flaky == 0 || outcomes < ENOUGH_KNOWN) {
            return None;
        }
        let rows: Vec<_> = tests.iter().map(inputs).collect();
        let ids: Vec<&str> = tests.iter().map(|test| test.assessment.id.as_str()).collect();
        let words: Vec<_> = tests.iter().map(|test| terms(&test.assessment.id, &test.source)).collect();
        let used: Vec<_> = tests.iter().map(|test| states(&test.touches)).collect();
        let kin = Kin::new(&ids, &words, &used, ranks(&rows));
        let prior: Vec<f32> = tests.iter().map(|test| test.assessment.risk).collect();
        let gathered = gather(&kin, &rank(&prior), known);
        let flat: Vec<f32> = gathered.iter().flat_map(|(row, _)| *row).collect();
        let Ok(values) = self.model.contributions(&flat) else {
            tracing::error!("xgboost refused to predict; risks stay those of the prior");
            return None;
        };
        let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
        for (index, (test, values)) in tests.iter_mut().zip(values.chunks(EVIDENCE.len() + 1)).enumerate() {
            let assessment = &mut test.assessment;
            assessment.risk = (with_own(sigmoid(values.iter().sum()), known[index]) * 1e4).round() / 1e4;
            assessment.risk_basis = RiskBasis::Adapted;
            assessment.contributions = contributions(&EVIDENCE, values);
            assessment.neighbours = gathered[index]
                .1
                .iter()
                .take(NEIGHBOURS)
                .map(|near| Neighbour {
                    id: ids[near.test].clone(),
                    likeness: (near.likeness * 1e3).round() / 1e3,
                    flaky: near.flaky,
                })
                .collect();
        }
        Some(Basis { outcomes, flaky, stable: outcomes - flaky })
    }
}

/// What a test's own outcomes add: one that was seen flaky is, and each run without a failure speaks a little against.
fn with_own(others: f32, own: Option<Known>) -> f32 {
    match own {
        None => others,
        Some(known) if known.flaky => others.max(0.9),
        Some(known) => {
            let odds = others / (1.0 - others).max(1e-6) / (1.0 + 0.1 * known.runs as f32);
            odds / (1.0 + odds)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_outcomes_outweigh_the_others() {
        let stable = |runs| Some(Known { flaky: false, runs });
        assert_eq!(with_own(0.3, None), 0.3);
        assert_eq!(with_own(0.3, Some(Known { flaky: true, runs: 2 })), 0.9);
        assert!(with_own(0.3, stable(1)) < 0.3 && with_own(0.3, stable(100)) < with_own(0.3, stable(10)));
    }

    #[test]
    fn the_built_in_stack_fits() {
        assert!(Adapter::built_in().is_ok_and(|adapter| !adapter.card.is_null()));
    }
}

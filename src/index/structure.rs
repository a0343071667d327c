//! The shape of a test as a vector: its 42 features on one scale, so that tests of the same make lie close together.

use super::store::STRUCTURE_DIMENSIONS;
use crate::risk::features::{DEFINITIONS, Features};

/// What value of a feature is "much", by what kind it is: there the scaled value is 1.
fn much(name: &str) -> f32 {
    match name {
        "calls" | "statements" => 20.0,
        "setup_statements" => 8.0,
        "confidence_max" | "confidence_mean" | "mutation_share" | "finding_density" => 1.0,
        "resolved_share" | "mocked_share" => 1.0,
        "assertions" | "fixtures" | "cyclomatic_complexity" => 6.0,
        name if name.starts_with("weight_") => 1.0,
        _ => 3.0,
    }
}

/// How far a feature may pull tests apart. Causes decide what "similar" means to who looks for a fix;
/// sheer size does not.
fn importance(name: &str) -> f32 {
    match name {
        name if name.starts_with("weight_") => 1.5,
        "calls" | "statements" | "assertions" | "resolved_share" | "setup_statements" => 0.4,
        _ => 1.0,
    }
}

/// The vector to store, compared by Euclidean distance. Counts count less the more there are.
pub fn vector(features: &Features) -> Vec<f32> {
    let vector: Vec<f32> = DEFINITIONS
        .iter()
        .zip(&features.0)
        .map(|((name, _), value)| {
            let value = if value.is_finite() { value.max(0.0) } else { 0.0 };
            importance(name) * (value.ln_1p() / much(name).ln_1p()).min(2.0)
        })
        .collect();
    debug_assert_eq!(vector.len(), STRUCTURE_DIMENSIONS);
    vector
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::risk::features::{COUNT, index_of};

    fn features(values: &[(&str, f32)]) -> Features {
        let mut features = Features([0.0; COUNT]);
        for (name, value) in values {
            features.0[index_of(name).unwrap()] = *value;
        }
        features
    }

    fn distance(a: &Features, b: &Features) -> f32 {
        vector(a).iter().zip(vector(b)).map(|(a, b)| (a - b).powi(2)).sum()
    }

    #[test]
    fn same_causes_lie_closer_than_same_size() {
        let sleeping =
            features(&[("sleeps", 1.0), ("weight_async_wait", 0.8), ("statements", 5.0), ("calls", 9.0)]);
        let sleeping_longer =
            features(&[("sleeps", 2.0), ("weight_async_wait", 0.7), ("statements", 30.0), ("calls", 60.0)]);
        let random = features(&[
            ("random_draws", 1.0),
            ("weight_randomness", 0.8),
            ("statements", 5.0),
            ("calls", 9.0),
        ]);
        assert!(distance(&sleeping, &sleeping_longer) < distance(&sleeping, &random));
    }

    #[test]
    fn one_huge_count_does_not_drown_the_rest() {
        assert!(vector(&features(&[("calls", 1e6)])).iter().all(|value| *value <= 2.0));
    }

    #[test]
    fn what_is_not_a_number_becomes_zero() {
        assert_eq!(vector(&features(&[("sleeps", f32::NAN), ("calls", -3.0)])), vec![0.0; COUNT]);
    }
}

//! What is measured of a test: the 42 features, where it stands, and how it shares state. Knows no model.

use super::ScannedTest;
use super::features;
use super::shares::SHARES;

/// Where a test stands: inputs beside the 42.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    /// Position among the tests of the file, from 0 to below 1.
    pub position: f32,
    pub tests_in_file: f32,
    pub lines: f32,
    /// How many classes it is nested in.
    pub depth: f32,
}

/// Names of the inputs in [`Place`], in their order.
pub(super) const PLACE: [&str; 4] = ["position_in_file", "tests_in_file", "lines", "class_depth"];
/// How many inputs describe one test by itself.
pub(super) const OWN: usize = features::COUNT + PLACE.len();
/// How many inputs are measured.
pub(super) const INPUTS: usize = OWN + SHARES.len();

/// All inputs of a test, before they are ranked.
pub(super) fn inputs(test: &ScannedTest) -> [f32; INPUTS] {
    let Place { position, tests_in_file, lines, depth } = test.place;
    let mut out = [0.0; INPUTS];
    out[..features::COUNT].copy_from_slice(&test.assessment.features.0);
    out[features::COUNT..OWN].copy_from_slice(&[position, tests_in_file, lines, depth]);
    out[OWN..].copy_from_slice(&test.assessment.shares.0);
    out
}

/// The names of the inputs, in their order.
pub(super) fn input_names() -> Vec<&'static str> {
    features::DEFINITIONS.iter().map(|(name, _)| *name).chain(PLACE).chain(SHARES).collect()
}

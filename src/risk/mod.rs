//! From findings to a figure: the 42 features, the trained model, and the [`Assessment`] that leaves here.
//! Knows nothing of where tests are stored or how they are explained.

mod adapt;
mod checkout;
pub mod dataset;
pub mod evaluate;
mod evidence;
pub mod features;
pub mod hindsight;
pub mod history;
pub mod hunted;
mod inputs;
mod isolation;
pub mod junit;
mod kin;
mod measure;
pub mod mended;
pub mod metrics;
mod model;
mod named;
pub mod names;
mod prior;
mod ranks;
mod readers;
pub mod rehearse;
mod shares;
pub mod train;
pub mod why;

pub use adapt::{Adapter, Basis, Neighbour, StackFile};
pub use checkout::{Checkout, Scanner, matching};
pub use evidence::Known;
pub use history::{History, Observed, Verdict};
pub use inputs::Place;
pub use junit::SCANNER_SUITE;
pub use measure::measure;
pub use model::Model;
pub use prior::{ModelError, RiskModel};
pub use readers::{Leak, given, hear, leaks};
pub use shares::{Shares, share};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::effects::Touch;
use crate::python::ast::Text;
use crate::smells::{Activity, Cause, Finding, Severity, causes};
use features::Features;

/// What the risk rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RiskBasis {
    /// No outcome of this repository is known: the figure orders its tests and is not a probability.
    Prior,
    /// Adapted to observed outcomes of this repository.
    Adapted,
}

/// How much one feature moved the risk, in log-odds (SHAP).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Contribution {
    pub feature: String,
    pub value: f32,
}

/// One scanned test: what the code shows (findings, severity) beside what the model guesses (risk).
/// This is the element of `tests` in `scan --format json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Assessment {
    /// pytest's node id without parameters, relative to the root: `tests/test_lock.py::TestLock::test_expires`
    pub id: String,
    pub repo: String,
    pub file: String,
    pub line: u32,
    pub end_line: u32,
    pub severity: Severity,
    /// From 0 to 1; see `risk_basis` for what it rests on.
    pub risk: f32,
    pub risk_basis: RiskBasis,
    /// How sure the rules are of what they found, from 0 to 1.
    pub confidence: f32,
    /// Causes of the findings, the weightiest first.
    pub causes: Vec<Cause>,
    pub findings: Vec<Finding>,
    #[schema(value_type = std::collections::HashMap<String, f32>)]
    pub features: Features,
    /// How it shares state with the other tests of the repository.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, f32>)]
    pub shares: Shares,
    /// What moved the risk, the strongest first.
    pub contributions: Vec<Contribution>,
    /// Tests of known outcome whose code is most like this one's; empty without outcomes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub neighbours: Vec<Neighbour>,
    /// What runs of this test showed; missing where none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<Observed>,
    pub teams: Vec<String>,
    /// Third-party libraries and services that the test touches, by their common name (`redis`).
    pub libraries: Vec<String>,
    /// What the test does, its set-up, fixtures and helpers included.
    #[serde(default)]
    pub does: Vec<Activity>,
    /// Which of it the test does itself.
    #[serde(default)]
    pub does_itself: Vec<Activity>,
    #[serde(rename = "async")]
    pub is_async: bool,
    /// `pytest` or `unittest`
    pub framework: String,
    /// Fixtures used, directly or through others.
    pub fixtures: Vec<String>,
}

impl Assessment {
    /// Severity, confidence and causes follow from the findings.
    pub fn summarize(&mut self) {
        self.severity = self.findings.iter().map(|finding| finding.severity).max().unwrap_or_default();
        self.confidence = self.findings.iter().map(|finding| finding.confidence).fold(0.0, f32::max);
        self.causes = causes(&self.findings);
    }
}

/// An assessment with what later steps need beside it.
#[derive(Clone, Debug)]
pub struct ScannedTest {
    pub assessment: Assessment,
    /// The test's code as it stands in the file, decorators included.
    pub source: String,
    pub place: Place,
    /// Which state it reads and changes, sorted.
    pub touches: Vec<Touch>,
    pub leaks: Vec<Leak>,
    /// Attributes and keys to which its set-up gives values.
    pub given: Vec<Text>,
    /// Whether what changed since the base of a comparison runs because of it; always, where nothing is compared.
    pub touched: bool,
}

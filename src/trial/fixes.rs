//! Fixes tried on tests that people mended: what is proposed for each as it was before, and what the check says of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::Before;
use crate::explain::ProposedFix;
use crate::explain::model::ChatModel;
use crate::propose::{ProposeError, propose};
use crate::risk::RiskModel;
use crate::risk::mended::Mend;

/// One test.
#[derive(Clone, Debug, Serialize)]
pub struct Tried {
    #[serde(flatten)]
    pub mend: Mend,
    pub fix: Option<ProposedFix>,
    /// Why there is no fix.
    pub reason: String,
    pub seconds: f64,
}

/// What `evaluate fixes` prints.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Trial {
    /// The model that took part.
    pub model: Option<String>,
    /// Tests that were found, with a finding.
    pub tests: usize,
    pub verified: usize,
    /// Verified ones by where they come from.
    pub by_rule: usize,
    pub by_model: usize,
    /// Tests of the table in which nothing was found, or that are not there.
    pub passed_over: usize,
    pub tried: Vec<Tried>,
}

/// Tries the tests of a table in turn, `limit` of those with a finding.
pub async fn trial(
    mends: &[Mend],
    clones: &Path,
    limit: usize,
    risk: Arc<RiskModel>,
    model: Option<Arc<dyn ChatModel>>,
    progress: &dyn Fn(&str),
) -> Trial {
    let mut out = Trial { model: model.as_ref().map(|model| model.name().to_owned()), ..Trial::default() };
    for mend in mends {
        if out.tests == limit {
            break;
        }
        let started = Instant::now();
        let Some(result) = propose_before(mend, clones, &risk, model.clone()).await else {
            out.passed_over += 1;
            continue;
        };
        out.tests += 1;
        let (fix, reason) = match result {
            Ok(fix) => (Some(fix), String::new()),
            Err(error) => (None, error.to_string()),
        };
        if let Some(fix) = fix.as_ref().filter(|fix| fix.verified) {
            out.verified += 1;
            let by_rule = fix.origin == crate::explain::Origin::Rule;
            *if by_rule { &mut out.by_rule } else { &mut out.by_model } += 1;
        }
        let state = match &fix {
            Some(fix) if fix.verified => "verified",
            Some(_) => "not verified",
            None => "none",
        };
        let seconds = started.elapsed().as_secs_f64();
        progress(&format!(
            "{} {}: {state} ({seconds:.0} s), {} of {}",
            mend.repo, mend.test_id, out.verified, out.tests
        ));
        out.tried.push(Tried { mend: mend.clone(), fix, reason, seconds });
    }
    out
}

/// `None` where the test is not there or has no finding.
async fn propose_before(
    mend: &Mend,
    clones: &Path,
    risk: &Arc<RiskModel>,
    model: Option<Arc<dyn ChatModel>>,
) -> Option<Result<ProposedFix, ProposeError>> {
    let before = Before::of(mend, clones)?;
    let test = before.test();
    if test.assessment.findings.is_empty() {
        return None;
    }
    let id = test.assessment.id.clone();
    Some(propose(before.request, risk.clone(), &id, vec![], model).await.map(|proposal| proposal.fix))
}

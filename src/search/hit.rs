//! What a search gives back: tests in short, each with the reasons why it is there.

use serde::Serialize;
use utoipa::ToSchema;

use super::facets::Facets;
use crate::index::{IndexedTest, terms};
use crate::risk::{Observed, RiskBasis, Verdict};
use crate::smells::{Cause, Finding, Severity};

/// The answer to a search. This is what `search --format json` prints.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SearchAnswer {
    pub query: String,
    pub facets: Facets,
    /// What was asked for and none of the hits has, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmet: Vec<String>,
    /// Best first; none where nothing relevant is indexed.
    pub hits: Vec<Hit>,
}

/// A test that was found.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Hit {
    pub id: String,
    pub repo: String,
    /// From 0 to 1, comparable within one answer only.
    pub score: f32,
    /// In words, the weightiest first.
    pub why: Vec<String>,
    pub file: String,
    pub line: u32,
    pub severity: Severity,
    pub risk: f32,
    pub risk_basis: RiskBasis,
    pub causes: Vec<Cause>,
    pub teams: Vec<String>,
    pub libraries: Vec<String>,
    #[serde(rename = "async")]
    pub is_async: bool,
    /// Codes of the findings, each once.
    pub findings: Vec<String>,
    /// What runs of this test showed; missing where none is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<Observed>,
    /// Tests of the same repository with the same body, which this one stands for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub twins: Vec<String>,
}

impl Hit {
    pub(super) fn new(test: IndexedTest, score: f32, why: Vec<String>, twins: Vec<String>) -> Self {
        let test = test.assessment;
        let mut findings: Vec<String> = Vec::new();
        for finding in test.findings {
            if !findings.contains(&finding.code) {
                findings.push(finding.code);
            }
        }
        Hit {
            id: test.id,
            repo: test.repo,
            score,
            why,
            file: test.file,
            line: test.line,
            severity: test.severity,
            risk: test.risk,
            risk_basis: test.risk_basis,
            causes: test.causes,
            teams: test.teams,
            libraries: test.libraries,
            is_async: test.is_async,
            findings,
            outcomes: test.outcomes,
            twins,
        }
    }
}

/// Why `test` answers a query that was read as `facets`.
pub(super) fn reasons(facets: &Facets, test: &IndexedTest) -> Vec<String> {
    let assessment = &test.assessment;
    let mut reasons = Vec::new();
    if facets.is_async == Some(assessment.is_async) {
        reasons.push(if assessment.is_async { "async test" } else { "sync test" }.to_string());
    }
    for library in facets.libraries.iter().filter(|library| assessment.libraries.contains(library)) {
        reasons.push(format!("uses {library}"));
    }
    let asked_for = |finding: &&Finding| {
        facets.codes.contains(&finding.code)
            || facets.causes.contains(&finding.cause)
            || facets.topics.contains(&finding.cause)
    };
    let mut findings: Vec<&Finding> = assessment.findings.iter().filter(asked_for).collect();
    if findings.is_empty() && (facets.flaky == Some(true) || !facets.severities.is_empty()) {
        findings = assessment.findings.iter().collect();
    }
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then(a.line.cmp(&b.line)));
    reasons.extend(findings.iter().take(2).map(|finding| describe(finding)));
    if facets.flaky == Some(false) && assessment.findings.is_empty() {
        reasons.push("no findings".to_string());
    }
    if facets.severities.contains(&assessment.severity) {
        reasons.push(format!("severity {}", assessment.severity));
    }
    reasons.extend(
        facets
            .teams
            .iter()
            .filter(|team| assessment.teams.contains(team))
            .map(|team| format!("owned by {team}")),
    );
    if let Some(known) = &assessment.outcomes
        && facets.flaky != Some(false)
        && (known.verdict == Verdict::Flaky
            || facets.observed.is_some()
            || facets.failed_within_days.is_some())
    {
        reasons.push(known.words());
    }
    let words = terms::shared(&facets.remainder, &test.searchable());
    if !words.is_empty() {
        let quoted: Vec<String> = words.iter().take(5).map(|word| format!("'{word}'")).collect();
        reasons.push(format!("matches {}", quoted.join(", ")));
    }
    if reasons.is_empty() {
        reasons.push("close in meaning".to_string());
    }
    reasons
}

/// `FD101 sleep-as-synchronization at line 15`
pub(super) fn describe(finding: &Finding) -> String {
    format!("{} {} at line {}", finding.code, finding.name, finding.line)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::query::read;
    use super::*;
    use crate::index::samples::{assessment, finding, unstable};

    fn lock() -> IndexedTest {
        let source = "async def test_expires(r):\n    time.sleep(1)\n";
        let mut lock = unstable("a", "tests/test_lock.py::test_expires", Cause::AsyncWait, source).assessment;
        lock.findings.push(finding("FD301", "http-not-mocked", Cause::Network, 17));
        lock.is_async = true;
        lock.libraries = vec!["redis".into()];
        IndexedTest::new(lock, source.to_string())
    }

    #[test]
    fn every_hit_says_why_it_is_there() {
        assert_eq!(
            reasons(&read("flaky async redis locks that expire"), &lock()),
            [
                "async test",
                "uses redis",
                "FD101 sample-async-wait at line 13",
                "FD301 http-not-mocked at line 17",
                "matches 'locks', 'expire'"
            ]
        );
        assert_eq!(reasons(&read("FD301"), &lock()), ["FD301 http-not-mocked at line 17"]);
        assert_eq!(reasons(&read("a completely different thing"), &lock()), ["close in meaning"]);
        let stable = IndexedTest::new(assessment("a", "t.py::test_x"), "def test_x(): pass".into());
        assert_eq!(reasons(&read("stable sync tests"), &stable), ["sync test", "no findings"]);
    }

    #[test]
    fn a_hit_is_a_test_in_short() {
        let json =
            serde_json::to_value(Hit::new(lock(), 0.5, vec!["async test".into()], Vec::new())).unwrap();
        assert_eq!(json["id"], "tests/test_lock.py::test_expires");
        assert_eq!(json["findings"], serde_json::json!(["FD101", "FD301"]));
        assert_eq!((&json["async"], &json["line"]), (&true.into(), &12.into()));
        assert!(json.get("twins").is_none() && json.get("source").is_none());
    }
}

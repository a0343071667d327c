//! Tests to test with.

use uuid::Uuid;

use super::document::IndexedTest;
use super::store::{Point, TEXT_DIMENSIONS};
use super::structure;
use crate::risk::features::{COUNT, Features, index_of};
use crate::risk::{Assessment, RiskBasis, Shares};
use crate::smells::{Cause, Finding, Severity};

/// A stable test on lines 12 to 20 of its file.
pub(crate) fn assessment(repo: &str, id: &str) -> Assessment {
    Assessment {
        id: id.to_string(),
        repo: repo.to_string(),
        file: id.split("::").next().unwrap_or_default().to_string(),
        line: 12,
        end_line: 20,
        severity: Severity::None,
        risk: 0.1,
        risk_basis: RiskBasis::Prior,
        confidence: 0.0,
        causes: Vec::new(),
        findings: Vec::new(),
        features: Features([0.0; COUNT]),
        shares: Shares::default(),
        contributions: Vec::new(),
        neighbours: vec![],
        outcomes: None,
        teams: Vec::new(),
        libraries: Vec::new(),
        is_async: false,
        framework: "pytest".to_string(),
        does: Vec::new(),
        does_itself: Vec::new(),
        fixtures: Vec::new(),
    }
}

/// A finding of severity high and confidence 0.9.
pub(crate) fn finding(code: &str, name: &str, cause: Cause, line: u32) -> Finding {
    Finding {
        code: code.to_string(),
        name: name.to_string(),
        cause,
        line,
        column: 4,
        end_line: line,
        end_column: 10,
        severity: Severity::High,
        confidence: 0.9,
        message: "it waits a fixed time".to_string(),
        help: "wait for the condition".to_string(),
        via: None,
        fix: None,
        read_by: vec![],
        origin: (0, 0),
    }
}

/// A stable test of one line.
pub(crate) fn sample(repo: &str, id: &str) -> IndexedTest {
    IndexedTest::new(assessment(repo, id), "def test_x():\n    assert value() == 1\n".to_string())
}

/// A test that is unstable for one cause.
pub(crate) fn unstable(repo: &str, id: &str, cause: Cause, source: &str) -> IndexedTest {
    let mut assessment = assessment(repo, id);
    let code = format!("FD{}01", cause.index() + 1);
    assessment.findings = vec![finding(&code, &format!("sample-{cause}"), cause, 13)];
    assessment.causes = vec![cause];
    assessment.severity = Severity::High;
    let weight = format!("weight_{}", cause.name().replace('-', "_"));
    if let Some(at) = index_of(&weight) {
        assessment.features.0[at] = 0.9;
    }
    IndexedTest::new(assessment, source.to_string())
}

/// A point whose text vector points along axis `axis`, tilted a little towards axis 0.
pub(crate) fn point(test: IndexedTest, axis: usize) -> Point {
    let mut text = vec![0.0; TEXT_DIMENSIONS];
    text[0] = 0.1;
    text[axis] = 1.0;
    let length = text.iter().map(|value: &f32| value * value).sum::<f32>().sqrt();
    text.iter_mut().for_each(|value| *value /= length);
    Point {
        id: test.point_id(),
        text,
        structure: structure::vector(&test.assessment.features),
        terms: test.terms(),
        test,
    }
}

/// The id of a sample's point.
pub(crate) fn id_of(repo: &str, id: &str) -> Uuid {
    super::document::point_id(repo, id)
}

//! What an explanation rests on, as numbered sources. Knows no model and no prompt: the order depends on
//! the evidence alone, so that the same evidence is the same text every time.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::index::IndexedTest;
use crate::index::fuse::Scored;
use crate::smells::{self, Cause, Finding};

/// What a rule says, out of its documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleText {
    /// `FD101`
    pub code: String,
    /// `sleep-as-synchronization`
    pub name: String,
    /// Why it makes tests unstable.
    pub why: String,
    /// What to use instead.
    pub remedy: String,
}

/// An observed outcome of a test, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Outcome {
    pub id: String,
    pub repo: String,
    pub text: String,
}

/// How a test like this one was mended before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PastFix {
    pub id: String,
    pub repo: String,
    pub commit: String,
    /// Before and after, as a diff.
    pub text: String,
}

/// Everything that is known about one test and may be said about it.
#[derive(Clone, Debug)]
pub struct Evidence {
    pub target: IndexedTest,
    /// Tests like it, best first.
    pub similar: Vec<Scored>,
    pub rules: Vec<RuleText>,
    pub outcomes: Vec<Outcome>,
    pub fixes: Vec<PastFix>,
}

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    Test,
    Rule,
    Outcome,
    Fix,
}

/// One thing that can be cited. Statements are checked against exactly this text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// `T1`, `FD101`, `H1` or `X1`
    #[serde(rename = "ref")]
    pub reference: String,
    pub kind: SourceKind,
    /// A test's node id, or a rule's name.
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    pub text: String,
}

/// A cause with how sure the rules are of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RankedCause {
    pub cause: Cause,
    /// From 0 to 1.
    pub confidence: f32,
}

/// Things that can be cited, in the order of their numbers. It only grows at its end, so that a reference
/// means the same in a whole conversation.
#[derive(Clone, Debug, Default)]
pub struct Material {
    pub tests: Vec<IndexedTest>,
    pub rules: Vec<RuleText>,
    pub outcomes: Vec<Outcome>,
    pub fixes: Vec<PastFix>,
}

impl Evidence {
    /// Evidence of one test and its rules alone.
    pub fn of(target: IndexedTest, rules: Vec<RuleText>) -> Evidence {
        Evidence { target, similar: Vec::new(), rules, outcomes: Vec::new(), fixes: Vec::new() }
    }

    /// Everything in the order of its numbers; the test in question is `T1`.
    pub fn material(&self) -> Material {
        let similar = self.similar.iter().map(|scored| scored.test.clone());
        Material {
            tests: std::iter::once(self.target.clone()).chain(similar).collect(),
            rules: self.rules.clone(),
            outcomes: self.outcomes.clone(),
            fixes: self.fixes.clone(),
        }
    }

    /// What a model needs in order to say what to do: the test, what its rules of the first cause say, outcomes and fixes.
    /// Of the tests like it the index speaks itself.
    pub fn own(&self) -> Material {
        let first = self.causes().first().map(|ranked| ranked.cause);
        let findings =
            || self.target.assessment.findings.iter().filter(|finding| Some(finding.cause) == first);
        let speaks = |rule: &&RuleText| findings().any(|finding| finding.code == rule.code);
        Material {
            tests: vec![self.target.clone()],
            rules: self.rules.iter().filter(speaks).cloned().collect(),
            outcomes: self.outcomes.clone(),
            fixes: self.fixes.clone(),
        }
    }

    /// The causes of the findings, the weightiest first.
    pub fn causes(&self) -> Vec<RankedCause> {
        causes(&self.target.assessment.findings)
    }
}

impl Material {
    /// Everything that can be cited: the first test, the rules (those that it breaks by weight, then the
    /// others by code), the other tests, outcomes and fixes.
    pub fn sources(&self) -> Vec<Source> {
        let tests = (1..).zip(&self.tests).map(|(n, test)| test_source(n, test));
        let rules = self.ordered_rules().into_iter().map(rule_source);
        let outcomes = (1..).zip(&self.outcomes).map(|(n, outcome)| Source {
            reference: format!("H{n}"),
            kind: SourceKind::Outcome,
            id: outcome.id.clone(),
            repo: Some(outcome.repo.clone()),
            commit: None,
            text: outcome.text.clone(),
        });
        let fixes = (1..).zip(&self.fixes).map(|(n, fix)| Source {
            reference: format!("X{n}"),
            kind: SourceKind::Fix,
            id: fix.id.clone(),
            repo: Some(fix.repo.clone()),
            commit: Some(fix.commit.clone()),
            text: fix.text.clone(),
        });
        let mut sources: Vec<Source> = tests.collect();
        let at = sources.len().min(1);
        sources.splice(at..at, rules);
        sources.extend(outcomes.chain(fixes));
        sources
    }

    /// The rules, each once: those that the first test breaks by weight, then the others by code.
    pub(super) fn ordered_rules(&self) -> Vec<&RuleText> {
        let broken: Vec<&str> = self.tests.first().map_or_else(Vec::new, codes);
        let mut rules: Vec<&RuleText> = self.rules.iter().collect();
        rules.sort_by_key(|rule| {
            (broken.iter().position(|code| *code == rule.code).unwrap_or(usize::MAX), rule.code.clone())
        });
        rules.dedup_by_key(|rule| rule.code.clone());
        rules
    }

    /// Adds what is not there yet, and tells what that was.
    pub fn add(&mut self, more: &Material) -> Added {
        let mut added = Added::default();
        for test in &more.tests {
            let same = |known: &IndexedTest| {
                (&known.assessment.repo, &known.assessment.id) == (&test.assessment.repo, &test.assessment.id)
            };
            added.tests.extend(append(&mut self.tests, test, same));
        }
        for rule in &more.rules {
            added.rules.extend(append(&mut self.rules, rule, |known| known.code == rule.code));
        }
        for outcome in &more.outcomes {
            added.outcomes.extend(append(&mut self.outcomes, outcome, |known| known == outcome));
        }
        for fix in &more.fixes {
            added.fixes.extend(append(&mut self.fixes, fix, |known| known == fix));
        }
        added
    }
}

/// What a step of a conversation brought, as positions in its [`Material`], counted from 0.
#[derive(Clone, Debug, Default)]
pub struct Added {
    pub tests: Vec<usize>,
    pub rules: Vec<usize>,
    pub outcomes: Vec<usize>,
    pub fixes: Vec<usize>,
}

/// The position of `new`, if nothing there is the same.
fn append<T: Clone>(list: &mut Vec<T>, new: &T, same: impl Fn(&T) -> bool) -> Option<usize> {
    if list.iter().any(same) {
        return None;
    }
    list.push(new.clone());
    Some(list.len() - 1)
}

/// The rules that a test breaks, the weightiest first, each once.
pub(super) fn codes(test: &IndexedTest) -> Vec<&str> {
    let mut codes: Vec<&str> = Vec::new();
    for finding in weighty(test) {
        if !codes.contains(&finding.code.as_str()) {
            codes.push(&finding.code);
        }
    }
    codes
}

/// The causes of findings with the confidence of the surest finding each, the most telling first.
pub fn causes(findings: &[Finding]) -> Vec<RankedCause> {
    let confidence = |cause: Cause| {
        let of = findings.iter().filter(|finding| finding.cause == cause);
        of.map(|finding| finding.confidence).fold(0.0, f32::max)
    };
    let causes = smells::causes(findings).into_iter();
    causes.map(|cause| RankedCause { cause, confidence: confidence(cause) }).collect()
}

/// The findings of a test, the most telling first, and in the order of the file where they weigh the same.
pub(super) fn weighty(test: &IndexedTest) -> Vec<&Finding> {
    let mut findings: Vec<&Finding> = test.assessment.findings.iter().collect();
    findings.sort_by(|a, b| {
        b.telling().total_cmp(&a.telling()).then(a.line.cmp(&b.line)).then(a.code.cmp(&b.code))
    });
    findings
}

/// One finding in one line.
pub(super) fn finding_line(finding: &Finding) -> String {
    let Finding { line, code, name, severity, cause, message, .. } = finding;
    format!("line {line}: {code} {name} ({severity}, {cause}): {}", message.trim())
}

fn test_source(number: usize, test: &IndexedTest) -> Source {
    let mut text = test.source.trim_end().to_string();
    let findings = weighty(test);
    if !findings.is_empty() {
        text.push_str("\n\nfound:\n");
    }
    for finding in findings {
        text.push_str(&finding_line(finding));
        if !finding.help.trim().is_empty() {
            let _ = write!(text, "; {}", finding.help.trim());
        }
        text.push('\n');
    }
    Source {
        reference: format!("T{number}"),
        kind: SourceKind::Test,
        id: test.assessment.id.clone(),
        repo: Some(test.assessment.repo.clone()),
        commit: None,
        text: text.trim_end().to_string(),
    }
}

fn rule_source(rule: &RuleText) -> Source {
    let text = format!("{}\nwhy: {}\nremedy: {}", rule.name, rule.why.trim(), rule.remedy.trim());
    Source {
        reference: rule.code.clone(),
        kind: SourceKind::Rule,
        id: rule.name.clone(),
        repo: None,
        commit: None,
        text,
    }
}

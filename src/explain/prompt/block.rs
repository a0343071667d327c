//! The evidence of a prompt: quoted code with what was found in it, rules, outcomes, fixes, until the budget
//! is spent.

use crate::explain::answer::sentences;
use crate::explain::evidence::{Material, RuleText, codes, weighty};
use crate::explain::excerpt::excerpt;
use crate::explain::tokens::estimate;
use crate::explain::untrusted::{neutral_line, quoted};
use crate::index::IndexedTest;

/// Longest name of a test or a repository, longest message and longest text of a rule, in characters.
const NAME: usize = 160;
const MESSAGE: usize = 240;
const TEXT: usize = 360;

/// A part of the evidence: what it is, and the reference that a sentence may cite once it is shown.
struct Part {
    reference: String,
    text: String,
}

/// Evidence of the new `tests` (numbers, from 1) and `rules` in at most `budget` tokens. The references of
/// what found room are added to `references`.
pub(super) fn evidence(
    material: &Material,
    tests: &[usize],
    rules: &[RuleText],
    budget: u32,
    references: &mut Vec<String>,
) -> String {
    let mut left = budget;
    let mut parts = Vec::new();
    let test = |number: usize| material.tests.get(number - 1).map(|test| (number, test));
    let mut tests = tests.iter().filter_map(|number| test(*number));

    // The test in question may take most, but what its rules say is worth more than its last lines.
    if let Some((number, first)) = tests.next() {
        let new: Vec<&RuleText> =
            material.ordered_rules().into_iter().filter(|rule| rules.contains(rule)).collect();
        let breaks = codes(first);
        let (mine, others): (Vec<&RuleText>, Vec<&RuleText>) =
            new.into_iter().partition(|rule| breaks.contains(&rule.code.as_str()));
        let rules = some(mine.into_iter().map(rule), left * 2 / 5);
        left -= cost(&rules);
        parts.extend(shown(number, first, left * 3 / 4, left));
        left = left.saturating_sub(cost(&parts));
        parts.extend(rules);
        let earlier = some(outcomes(material).chain(fixes(material)), left);
        left -= cost(&earlier);
        parts.extend(earlier);
        for (number, test) in tests {
            let part = shown(number, test, left.min(90), left.min(90));
            left = left.saturating_sub(part.as_ref().map_or(0, |part| estimate(&part.text)));
            parts.extend(part);
        }
        parts.extend(some(others.into_iter().map(rule), left));
    } else {
        parts.extend(some(rules.iter().map(rule), left));
    }
    references.extend(parts.iter().map(|part| part.reference.clone()));
    parts.into_iter().map(|part| part.text).collect()
}

/// As many of the parts as fit, in their order.
fn some(parts: impl Iterator<Item = Part>, budget: u32) -> Vec<Part> {
    let mut left = budget;
    parts
        .take_while(|part| match left.checked_sub(estimate(&part.text)) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        })
        .collect()
}

fn cost(parts: &[Part]) -> u32 {
    parts.iter().map(|part| estimate(&part.text)).sum()
}

/// A test with its code and findings: code first up to `wanted`, all of it up to `most` tokens. `None`
/// where nothing worth reading fits.
fn shown(number: usize, test: &IndexedTest, wanted: u32, most: u32) -> Option<Part> {
    let reference = format!("T{number}");
    let id = neutral_line(&test.assessment.id, NAME);
    let repo = neutral_line(&test.assessment.repo, NAME);
    let head = format!("{reference} is {id} of {repo}\n");
    // The empty line after it is a token as well.
    let mut left = most.checked_sub(estimate(&head) + 1)?;
    let mut findings = String::new();
    for finding in weighty(test) {
        let message = neutral_line(&finding.message, MESSAGE);
        let line =
            format!("{reference} line {}: {} {}: {message}\n", finding.line, finding.code, finding.name);
        // The weightiest is worth the room of some code; the others share what is left of a half.
        if estimate(&findings) + estimate(&line) > if findings.is_empty() { left } else { most / 2 } {
            break;
        }
        findings.push_str(&line);
    }
    if test.assessment.findings.is_empty() {
        findings = format!("{reference}: no rule found anything\n");
    }
    left = left.checked_sub(estimate(&findings))?;
    let code = excerpt(test, left.min(wanted));
    (!code.is_empty()).then(|| Part { text: format!("{head}{code}{findings}\n"), reference })
}

fn rule(rule: &RuleText) -> Part {
    let brief = |text: &str| {
        let first: Vec<String> = sentences(text).into_iter().take(2).collect();
        neutral_line(&first.join(" "), TEXT)
    };
    let text =
        format!("{} {}: {}\nRemedy: {}\n\n", rule.code, rule.name, brief(&rule.why), brief(&rule.remedy));
    Part { reference: rule.code.clone(), text }
}

fn outcomes(material: &Material) -> impl Iterator<Item = Part> {
    (1..).zip(&material.outcomes).map(|(n, outcome)| Part {
        reference: format!("H{n}"),
        text: format!("H{n} observed: {}\n\n", neutral_line(&outcome.text, MESSAGE)),
    })
}

fn fixes(material: &Material) -> impl Iterator<Item = Part> {
    (1..).zip(&material.fixes).map(|(n, fix)| {
        let diff: String = fix.text.lines().take(16).map(|line| format!("{line}\n")).collect();
        let (id, commit) = (neutral_line(&fix.id, NAME), neutral_line(&fix.commit, 12));
        Part {
            reference: format!("X{n}"),
            text: format!("X{n} mended {id} in {commit}\n{}\n", quoted(&diff)),
        }
    })
}

//! The evidence of a prompt: quoted code with what was found in it, rules, outcomes, fixes, until the budget
//! is spent.

use crate::explain::answer::sentences;
use crate::explain::evidence::{Added, Material, RuleText, codes, weighty};
use crate::explain::excerpt::excerpt;
use crate::explain::tokens::estimate;
use crate::explain::untrusted::{neutral_line, quoted};
use crate::index::IndexedTest;

/// Longest name of a test or a repository, longest message and longest text of a rule, in characters.
const NAME: usize = 100;
const MESSAGE: usize = 240;
const TEXT: usize = 360;

/// Most and least tokens for a test that is one of several.
const MOST: u32 = 140;
const LEAST: u32 = 60;

/// How the room is divided among tests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shares {
    /// The question is about the first.
    First,
    /// The question is about all of them.
    Even,
}

/// A part of the evidence: what it is, and the reference that a sentence may cite once it is shown.
struct Part {
    reference: String,
    text: String,
}

/// What was `added`, in at most `budget` tokens. The references of what found room are added to `references`.
pub(super) fn evidence(
    material: &Material,
    added: &Added,
    shares: Shares,
    budget: u32,
    references: &mut Vec<String>,
) -> String {
    let mut left = budget;
    let mut parts = Vec::new();
    let take = |parts: &mut Vec<Part>, more: Vec<Part>, left: &mut u32| {
        *left = left.saturating_sub(cost(&more));
        parts.extend(more);
    };
    let mut tests: Vec<(usize, &IndexedTest)> =
        added.tests.iter().filter_map(|at| Some((at + 1, material.tests.get(*at)?))).collect();
    let mut rules: Vec<&RuleText> =
        material.ordered_rules().into_iter().filter(|rule| is_new(rule, material, added)).collect();

    // The test in question may take most, but what its rules say is worth more than its last lines.
    if shares == Shares::First && !tests.is_empty() {
        let (number, first) = tests.remove(0);
        let breaks = codes(first);
        let (mine, others) = rules.into_iter().partition(|rule| breaks.contains(&rule.code.as_str()));
        rules = others;
        let mine: Vec<&RuleText> = mine;
        let said = some(mine.into_iter().map(rule), left * 2 / 5);
        let room = left - cost(&said);
        take(&mut parts, shown(number, first, room * 3 / 4, room).into_iter().collect(), &mut left);
        take(&mut parts, said, &mut left);
    }
    let earlier = outcomes(material, added).chain(fixes(material, added));
    take(&mut parts, some(earlier, left), &mut left);
    let count = u32::try_from(tests.len()).unwrap_or(u32::MAX).max(1);
    let share = match shares {
        Shares::First => 90,
        Shares::Even => (left * 4 / 5 / count).clamp(LEAST, MOST),
    };
    for (number, test) in tests {
        let room = left.min(share);
        take(&mut parts, shown(number, test, room, room).into_iter().collect(), &mut left);
    }
    take(&mut parts, some(rules.into_iter().map(rule), left), &mut left);
    references.extend(parts.iter().map(|part| part.reference.clone()));
    parts.into_iter().map(|part| part.text).collect()
}

fn is_new(rule: &RuleText, material: &Material, added: &Added) -> bool {
    added.rules.iter().filter_map(|at| material.rules.get(*at)).any(|new| new.code == rule.code)
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
    let id = ending(&test.assessment.id);
    let repo = ending(&test.assessment.repo);
    // A message takes a third of the room at most, so that code is left to read.
    let longest = usize::try_from(most).unwrap_or(MESSAGE).clamp(40, MESSAGE);
    let head = format!("{reference} is {id} of {repo}\n");
    // The empty line after it is a token as well.
    let mut left = most.checked_sub(estimate(&head) + 1)?;
    let mut findings = String::new();
    for finding in weighty(test) {
        let message = neutral_line(&finding.message, longest);
        let mut line =
            format!("{reference} line {}: {} {}: {message}\n", finding.line, finding.code, finding.name);
        if findings.is_empty() && most > MOST && !finding.help.trim().is_empty() {
            let help = neutral_line(&finding.help, longest);
            line = format!("{line}To mend {reference}: {help}\n");
        }
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

/// A name's end, which tells more than its beginning.
fn ending(name: &str) -> String {
    let line = neutral_line(name, usize::MAX);
    match line.chars().count().checked_sub(NAME) {
        None | Some(0) => line,
        Some(over) => std::iter::once('…').chain(line.chars().skip(over + 1)).collect(),
    }
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

fn outcomes(material: &Material, added: &Added) -> impl Iterator<Item = Part> {
    added.outcomes.iter().filter_map(|at| {
        let (reference, outcome) = (format!("H{}", at + 1), material.outcomes.get(*at)?);
        let text = format!("{reference} observed: {}\n\n", neutral_line(&outcome.text, MESSAGE));
        Some(Part { reference, text })
    })
}

fn fixes(material: &Material, added: &Added) -> impl Iterator<Item = Part> {
    added.fixes.iter().filter_map(|at| {
        let (reference, fix) = (format!("X{}", at + 1), material.fixes.get(*at)?);
        let diff: String = fix.text.lines().take(16).map(|line| format!("{line}\n")).collect();
        let (id, commit) = (ending(&fix.id), neutral_line(&fix.commit, 12));
        let text = format!("{reference} mended {id} in {commit}\n{}\n", quoted(&diff));
        Some(Part { reference, text })
    })
}

//! What a query says explicitly, as conditions that are worth something each. Knows no ranking.

use super::facets::Facets;
use crate::index::IndexedTest;
use crate::index::store::Filter;
use crate::risk::Verdict;
use crate::smells::Severity;
use crate::words::plain;

/// What being named for a library is worth beside using it.
const NAMED: f32 = 0.7;

/// One thing that the query says explicitly.
#[derive(Clone)]
pub(super) struct Wish {
    pub(super) condition: Filter,
    pub(super) worth: f32,
    /// `uses redis`
    pub(super) words: String,
    /// Whether it asks for what rules found.
    pub(super) about_findings: bool,
    /// Whether a run that showed a test unstable is as good as a finding.
    or_seen: bool,
}

impl Wish {
    /// How much of it a test holds, from 0 to 1.
    pub(super) fn held(&self, test: &IndexedTest) -> f32 {
        let seen = || test.assessment.outcomes.as_ref().is_some_and(|known| known.verdict == Verdict::Flaky);
        if self.condition.fits(test) || (self.or_seen && seen()) {
            return 1.0;
        }
        // what is named for a library deals with it, whatever it imports
        let named =
            |one: &Filter| one.libraries.first().is_some_and(|name| is_named(&test.assessment.id, name));
        if !self.condition.and.is_empty() && self.condition.and.iter().all(named) { NAMED } else { 0.0 }
    }
}

pub(super) fn wishes(facets: &Facets) -> Vec<Wish> {
    let mut wishes: Vec<Wish> = Vec::new();
    let mut add = |worth, words: String, condition: Filter| {
        let about_findings = !condition.severities.is_empty() || !condition.causes.is_empty();
        wishes.push(Wish { condition, worth, words, about_findings, or_seen: false });
    };
    if let Some(is_async) = facets.is_async {
        let words = if is_async { "async" } else { "sync" };
        add(0.9, words.to_owned(), Filter { is_async: facets.is_async, ..Filter::default() });
    }
    if !facets.libraries.is_empty() {
        let one = |library: &String| Filter { libraries: vec![library.clone()], ..Filter::default() };
        let condition = Filter { and: facets.libraries.iter().map(one).collect(), ..Filter::default() };
        add(1.2, format!("uses {}", facets.libraries.join(" and ")), condition);
    }
    if !facets.projects.is_empty() {
        let condition = Filter { repos: facets.projects.clone(), ..Filter::default() };
        add(0.4, format!("of {}", facets.projects.join(" or ")), condition);
    }
    for activity in &facets.does {
        let condition = Filter { does: vec![*activity], ..Filter::default() };
        add(0.3, activity.phrase().to_owned(), condition);
    }
    if let Some(name) = &facets.framework {
        add(0.5, format!("{name} style"), Filter { framework: Some(name.clone()), ..Filter::default() });
    }
    if !facets.codes.is_empty() {
        let condition = Filter { codes: facets.codes.clone(), ..Filter::default() };
        add(0.8, facets.codes.join(" or "), condition);
    }
    if !facets.causes.is_empty() {
        let names: Vec<&str> = facets.causes.iter().map(|cause| cause.name()).collect();
        let condition = Filter { causes: facets.causes.clone(), ..Filter::default() };
        add(0.3, format!("unstable by {}", names.join(" or ")), condition);
    }
    if let Some(verdict) = facets.observed {
        let condition = Filter { verdicts: vec![verdict], ..Filter::default() };
        add(1.0, format!("seen to be {verdict}"), condition);
    }
    if let Some(proved) = facets.proved {
        let words = if proved { "proved unstable" } else { "not proved unstable" };
        add(1.0, words.to_owned(), Filter { proved: facets.proved, ..Filter::default() });
    }
    let severities = severities(facets);
    if !severities.is_empty() {
        let words = match (facets.severities.is_empty(), facets.flaky) {
            (true, Some(false)) => "without a finding".to_owned(),
            (true, _) => "with a finding".to_owned(),
            (false, _) => {
                let names: Vec<&str> = severities.iter().map(|severity| severity.name()).collect();
                format!("severity {}", names.join(" or "))
            }
        };
        let or_seen = facets.severities.is_empty() && facets.flaky == Some(true);
        let condition = Filter { severities, ..Filter::default() };
        wishes.push(Wish { condition, worth: 0.5, words, about_findings: true, or_seen });
    }
    wishes
}

fn is_named(id: &str, library: &str) -> bool {
    plain(id).iter().any(|word| word == library)
}

/// What is required, with these wishes as conditions.
pub(super) fn wish_all<'w>(required: &Filter, wishes: impl Iterator<Item = &'w Wish>) -> Filter {
    let mut filter = required.clone();
    filter.and.extend(wishes.map(|wish| wish.condition.clone()));
    filter
}

/// The severities that a query allows: those it names, else all or none by whether it asks for instability.
fn severities(facets: &Facets) -> Vec<Severity> {
    match (facets.severities.is_empty(), facets.flaky) {
        (false, _) => facets.severities.clone(),
        (true, Some(true)) => {
            Severity::ALL.into_iter().filter(|severity| *severity != Severity::None).collect()
        }
        (true, Some(false)) => vec![Severity::None],
        (true, None) => Vec::new(),
    }
}

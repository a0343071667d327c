//! How well one candidate answers a question: its place in the fused rankings, what it holds of what was said
//! explicitly, which words of the question it contains and where, and what is known of its instability.

use uuid::Uuid;

use super::candidates::{Candidates, Place};
use super::coverage::Coverage;
use super::facets::Facets;
use super::synonyms::Synonyms;
use super::wishes::Wish;
use crate::index::IndexedTest;
use crate::risk::Verdict;
use crate::smells::Finding;

/// What places in the fused rankings are worth where words are asked for, and where nothing but facets is.
const FUSED: [f32; 2] = [1.0, 0.3];
/// What the BM25 score is worth, as a share of the best one's.
const BM25: f32 = 0.3;
/// What containing the question's words is worth, by where they stand.
const WORDS: f32 = 1.5;
/// What a topic that is also a cause of the test, or a hint that it does, is worth.
const TOPIC: f32 = 0.15;
/// What doing itself what was asked for is worth, beside having it done by its fixtures and helpers; and where it is
/// asked for that the test does it.
const ITSELF: [f32; 2] = [0.7, 1.5];
/// What having the names that were asked for in its code is worth, as they stand there.
const NAMES: f32 = 0.6;
/// What evidence of instability is worth where instability is asked for, or nothing but facets is.
const EVIDENCE: f32 = 0.4;
/// What not having the words is worth that are not wanted.
const UNWANTED: f32 = 0.8;
/// What runs that showed a test unstable are worth.
const SEEN: f32 = 0.2;
/// So much severity times confidence, over all findings, is as much as evidence can count.
const MUCH_EVIDENCE: f32 = 16.0;

/// Scores the candidates of one question.
pub(super) struct Scorer<'a> {
    facets: &'a Facets,
    wishes: &'a [Wish],
    words: Coverage,
    most_bm25: f32,
    unwanted: Coverage,
    /// Whether evidence of instability orders what fits.
    by_evidence: bool,
}

impl<'a> Scorer<'a> {
    pub(super) fn new(
        facets: &'a Facets,
        wishes: &'a [Wish],
        synonyms: &Synonyms,
        found: &Candidates,
    ) -> Self {
        let only_facets = facets.remainder.is_empty();
        let by_evidence = facets.flaky != Some(false) && (only_facets || facets.flaky == Some(true));
        let words = Coverage::of(&facets.remainder, synonyms, found.tests());
        let unwanted = Coverage::of(&facets.not_words.join(" "), &Synonyms::default(), std::iter::empty());
        Scorer { facets, wishes, words, unwanted, most_bm25: found.most_bm25(), by_evidence }
    }

    /// Whether there are words to look for.
    pub(super) fn asks_for_words(&self) -> bool {
        !self.words.is_empty()
    }

    /// Whether anything is said explicitly.
    pub(super) fn asks_for_facets(&self) -> bool {
        !self.wishes.is_empty()
    }

    /// How many of the question's words a test has, and of how many.
    pub(super) fn has_words(&self, test: &IndexedTest) -> (usize, usize) {
        self.words.count(test)
    }

    /// From 0 to 1.
    pub(super) fn score(&self, id: Uuid, place: Place, test: &IndexedTest) -> f32 {
        let facets = self.facets;
        let assessment = &test.assessment;
        let total: f32 = self.wishes.iter().map(|wish| wish.worth).sum();
        let held: f32 = self.wishes.iter().map(|wish| wish.worth * wish.held(test)).sum();
        let topic = facets.topics.iter().any(|topic| assessment.causes.contains(topic))
            || facets.hints.iter().any(|hint| assessment.does.contains(hint));
        let itself = facets.does.iter().filter(|one| assessment.does_itself.contains(one)).count() as f32
            / facets.does.len().max(1) as f32;
        let named = facets.names.iter().filter(|name| test.source.contains(name.as_str())).count() as f32
            / facets.names.len().max(1) as f32;
        let much = (assessment.findings.iter().map(Finding::weight).sum::<f32>() / MUCH_EVIDENCE).min(1.0);
        let evidence = (assessment.severity as u8 as f32 / 4.0 + much) / 2.0;
        let only_facets = self.words.is_empty();
        let seen = if facets.flaky == Some(false) { 0.0 } else { seen(test) };
        let bm25 = if self.most_bm25 > 0.0 { place.bm25 / self.most_bm25 } else { 0.0 };
        let parts = [
            (if only_facets { FUSED[1] } else { FUSED[0] }, place.fused),
            (if only_facets { 0.0 } else { BM25 }, bm25),
            (if only_facets { 0.0 } else { WORDS }, self.words.of_candidate(id)),
            (TOPIC, f32::from(u8::from(topic))),
            (if facets.does.is_empty() { 0.0 } else { ITSELF[usize::from(facets.itself)] }, itself),
            (if facets.names.is_empty() { 0.0 } else { NAMES }, named),
            (if self.by_evidence { EVIDENCE } else { 0.0 }, evidence),
            (SEEN, seen),
            (
                if self.unwanted.is_empty() { 0.0 } else { UNWANTED },
                1.0 - self.unwanted.of_test(test).min(1.0),
            ),
        ];
        let most: f32 = total + parts.iter().map(|(worth, _)| worth).sum::<f32>();
        (held + parts.iter().map(|(worth, value)| worth * value).sum::<f32>()) / most
    }
}

/// Proved: 1; seen to pass and fail: 0.75.
fn seen(test: &IndexedTest) -> f32 {
    match &test.assessment.outcomes {
        Some(known) if !known.proofs.is_empty() => 1.0,
        Some(known) if known.verdict == Verdict::Flaky => 0.75,
        _ => 0.0,
    }
}

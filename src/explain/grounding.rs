//! Whether a sentence stands on what it cites. Knows only sentences and sources: no model, no prompt.
//!
//! The checks are few and mechanical. They cannot tell that a claim is true, but what they drop is wrong,
//! and what they keep can be looked up.

mod claims;
mod quotes;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::Sentence;
use super::evidence::{Source, SourceKind};
use super::untrusted::{is_citation, neutral};
use crate::index::IndexedTest;
use crate::smells::Cause;

/// Why a sentence is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It cites what was not retrieved.
    UnknownCitation,
    NoCitation,
    /// Code in it stands in none of the sources that it cites.
    QuoteNotFound,
    /// A number in it stands nowhere in the evidence.
    NumberNotFound,
    /// It says of a test what the test's findings or code deny.
    Contradicts,
    /// Nothing but the form that was asked for.
    SaysNothing,
}

impl Reason {
    /// The name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Reason::UnknownCitation => "unknown-citation",
            Reason::NoCitation => "no-citation",
            Reason::QuoteNotFound => "quote-not-found",
            Reason::NumberNotFound => "number-not-found",
            Reason::Contradicts => "contradicts",
            Reason::SaysNothing => "says-nothing",
        }
    }
}

/// A sentence that is not shown, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dropped {
    pub text: String,
    pub reason: Reason,
}

/// The evidence in the form in which sentences are held against it.
pub struct Ground {
    sources: HashMap<String, Known>,
    /// The references in the order of the sources.
    order: Vec<String>,
    numbers: Vec<f64>,
}

/// Whether only the words of the form are there: `First sentence.`, `Instead, …`
fn says_nothing(text: &str) -> bool {
    const FORM: [&str; 6] = ["first", "second", "third", "next", "sentence", "instead"];
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.filter(|word| !FORM.contains(&word.to_ascii_lowercase().as_str())).count() == 0
}

/// What is known of one source.
struct Known {
    /// Everything that may be quoted from it, without white space.
    quotable: String,
    test: Option<KnownTest>,
}

struct KnownTest {
    causes: Vec<Cause>,
    /// Its code in lower case.
    code: String,
}

impl Ground {
    /// From the sources that a sentence may cite; `tests` are those behind `T1`, `T2`, … in their order.
    pub fn new(sources: &[Source], tests: &[IndexedTest]) -> Ground {
        let known = |source: &Source| {
            let number = source.reference.strip_prefix('T').and_then(|n| n.parse::<usize>().ok());
            let test =
                number.and_then(|n| tests.get(n.checked_sub(1)?)).filter(|_| source.kind == SourceKind::Test);
            Known {
                quotable: quotes::squeezed(&neutral(&words_of(source))),
                test: test.map(|test| KnownTest {
                    causes: test.assessment.findings.iter().map(|finding| finding.cause).collect(),
                    code: test.source.to_lowercase(),
                }),
            }
        };
        let numbers = sources.iter().flat_map(|source| quotes::numbers_in(&words_of(source))).collect();
        Ground {
            sources: sources.iter().map(|source| (source.reference.clone(), known(source))).collect(),
            order: sources.iter().map(|source| source.reference.clone()).collect(),
            numbers,
        }
    }

    /// The sentence with the citations that its own words ask for: the test that it speaks of by its reference,
    /// and where it quotes from one source and cites others, that one. Small models know what they read better
    /// than where. Any other sentence is as it was.
    pub fn mended(&self, sentence: Sentence) -> Sentence {
        let mut spoken = sentence;
        if !spoken.citations.is_empty() {
            for reference in self.spoken_of(&quotes::prose(&spoken.text)) {
                if !spoken.citations.contains(&reference) {
                    spoken.citations.push(reference);
                }
            }
        }
        if self.check(&spoken) != Err(Reason::QuoteNotFound) {
            return spoken;
        }
        let quotes = quotes::quoted(&spoken.text);
        let has_all = |known: &Known| quotes.iter().all(|quote| quote.stands_in(&known.quotable));
        let holds = |reference: &&String| self.sources.get(*reference).is_some_and(has_all);
        let Some(reference) = self.order.iter().find(holds) else { return spoken };
        let mended = Sentence { text: spoken.text.clone(), citations: vec![reference.clone()] };
        if self.check(&mended).is_ok() { mended } else { spoken }
    }

    /// The tests that prose names by their references.
    fn spoken_of(&self, prose: &str) -> Vec<String> {
        let is_test = |word: &&str| self.sources.get(*word).is_some_and(|known| known.test.is_some());
        quotes::words(prose).filter(is_test).map(str::to_string).collect()
    }

    /// Whether the sentence stands.
    pub fn check(&self, sentence: &Sentence) -> Result<(), Reason> {
        let prose = quotes::prose(&sentence.text);
        let unknown = |reference: &str| !self.sources.contains_key(reference);
        if sentence.citations.iter().any(|citation| unknown(citation))
            || quotes::words(&prose).any(|word| is_citation(word) && unknown(word))
        {
            return Err(Reason::UnknownCitation);
        }
        if sentence.citations.is_empty() {
            return Err(Reason::NoCitation);
        }
        if says_nothing(&sentence.text) {
            return Err(Reason::SaysNothing);
        }
        let cited: Vec<&Known> = sentence.citations.iter().filter_map(|c| self.sources.get(c)).collect();
        // What is said of one test cannot be quoted from another.
        let spoken = self.spoken_of(&prose);
        let is_test = |reference: &str| self.sources.get(reference).is_some_and(|known| known.test.is_some());
        let may_have =
            |reference: &&String| spoken.is_empty() || !is_test(reference) || spoken.contains(reference);
        let quotable: Vec<&Known> =
            sentence.citations.iter().filter(may_have).filter_map(|c| self.sources.get(c)).collect();
        let stands = |quote: &quotes::Quote| quotable.iter().any(|known| quote.stands_in(&known.quotable));
        if !quotes::quoted(&sentence.text).iter().all(stands) {
            return Err(Reason::QuoteNotFound);
        }
        if !quotes::claimed_numbers(&prose).all(|claimed| self.numbers.iter().any(|known| claimed.is(*known)))
        {
            return Err(Reason::NumberNotFound);
        }
        let tests: Vec<&KnownTest> = cited.iter().filter_map(|known| known.test.as_ref()).collect();
        if claims::contradict(&prose, &tests) {
            return Err(Reason::Contradicts);
        }
        Ok(())
    }
}

/// Everything of a source that a sentence may repeat.
fn words_of(source: &Source) -> String {
    let repo = source.repo.as_deref().unwrap_or_default();
    let commit = source.commit.as_deref().unwrap_or_default();
    let Source { reference, id, text, .. } = source;
    format!("{text}\n{id}\n{repo}\n{commit}\n{reference}\n")
}

//! Which words of a question a test contains, and where: its name tells more than its path, that more than its code.

use std::collections::HashMap;

use rayon::prelude::*;
use uuid::Uuid;

use super::synonyms::Synonyms;
use crate::index::IndexedTest;
use crate::words::{is_stop_word, plain, stem};

/// What a word is worth by where it stands.
const NAME: f32 = 1.0;
const PATH: f32 = 0.9;
const CODE: f32 = 0.9;
const USES: f32 = 0.6;
/// Letters that may follow a stem: `expir` is in `expiration`.
const ENDING: usize = 5;

/// The words of a question, each with its synonyms, as stems, and what it weighs.
pub(super) struct Coverage {
    words: Vec<(Vec<String>, f32)>,
    /// What each word is worth in each candidate.
    known: HashMap<Uuid, Vec<f32>>,
}

impl Coverage {
    /// The words of `question`; those that fewer of the candidates have weigh more.
    pub(super) fn of<'t>(
        question: &str,
        synonyms: &Synonyms,
        candidates: impl Iterator<Item = (Uuid, &'t IndexedTest)>,
    ) -> Self {
        let mut words: Vec<(Vec<String>, f32)> = Vec::new();
        for word in plain(question) {
            if is_stop_word(&word) || word.chars().count() < 2 {
                continue;
            }
            let alike = synonyms.alike(&stem(&word));
            if !words.iter().any(|(known, _)| *known == alike) {
                words.push((alike, 1.0));
            }
        }
        let mut coverage = Coverage { words, known: HashMap::new() };
        let candidates: Vec<_> = candidates.collect();
        let known: HashMap<Uuid, Vec<f32>> =
            candidates.into_par_iter().map(|(id, test)| (id, coverage.each(test).collect())).collect();
        for (at, (_, weight)) in coverage.words.iter_mut().enumerate() {
            let having = known.values().filter(|worths| worths[at] > 0.0).count();
            *weight = (1.0 + (1 + known.len()) as f32 / (1 + having) as f32).ln();
        }
        coverage.known = known;
        coverage
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// How many of the words a test has, and of how many.
    pub(super) fn count(&self, test: &IndexedTest) -> (usize, usize) {
        (self.each(test).filter(|worth| *worth > 0.0).count(), self.words.len())
    }

    /// From 0 (none of the words) to 1 (all of them in the name).
    pub(super) fn of_test(&self, test: &IndexedTest) -> f32 {
        self.sum(self.each(test))
    }

    /// The same for one of the candidates.
    pub(super) fn of_candidate(&self, id: Uuid) -> f32 {
        self.known.get(&id).map_or(0.0, |worths| self.sum(worths.iter().copied()))
    }

    fn sum(&self, worths: impl Iterator<Item = f32>) -> f32 {
        let most: f32 = self.words.iter().map(|(_, weight)| weight).sum();
        let has: f32 = worths.zip(&self.words).map(|(worth, (_, weight))| worth * weight).sum();
        if most > 0.0 { has / most } else { 0.0 }
    }

    /// What each word is worth in a test, by where it stands; 0 where it is not there.
    fn each(&self, test: &IndexedTest) -> impl Iterator<Item = f32> {
        let assessment = &test.assessment;
        let (file, name) = assessment.id.split_once("::").unwrap_or(("", &assessment.id));
        let uses = [assessment.libraries.join(" "), assessment.fixtures.join(" "), assessment.repo.clone()]
            .join(" ");
        let places =
            [(NAME, name), (PATH, file), (CODE, &test.source), (USES, &uses), (USES, &test.document)]
                .map(|(worth, text)| (worth, Text::new(text)));
        self.words.iter().map(move |(stems, _)| {
            let found = places.iter().find(|(_, text)| stems.iter().any(|stem| text.contains(stem)));
            found.map_or(0.0, |(worth, _)| *worth)
        })
    }
}

/// A text in lower case, with where its words begin.
struct Text {
    lower: String,
    begins: Vec<bool>,
}

impl Text {
    fn new(text: &str) -> Self {
        let mut begins = Vec::with_capacity(text.len());
        let mut before = b' ';
        for byte in text.bytes() {
            let new_word = !before.is_ascii_alphanumeric()
                || (byte.is_ascii_uppercase() && !before.is_ascii_uppercase());
            begins.push(new_word);
            before = byte;
        }
        Text { lower: text.to_ascii_lowercase(), begins }
    }

    /// Whether a word begins with `stem` and ends soon after.
    fn contains(&self, stem: &str) -> bool {
        self.lower.match_indices(stem).any(|(at, _)| {
            let rest = &self.lower.as_bytes()[at + stem.len()..];
            let ending = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
            let next_word = self.begins[at + stem.len()..].iter().take(ending).position(|begins| *begins);
            self.begins[at] && next_word.unwrap_or(ending) <= ENDING
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::index::samples::assessment;

    fn covers(question: &str, id: &str, source: &str) -> f32 {
        Coverage::of(question, &Synonyms::default(), std::iter::empty())
            .of_test(&IndexedTest::new(assessment("a", id), source.to_owned()))
    }

    #[test]
    fn a_word_counts_by_where_it_stands() {
        let id = "tests/test_lock.py::test_expires";
        assert_eq!(covers("expiring", id, ""), NAME);
        assert_eq!(covers("locks", id, ""), PATH);
        assert_eq!(covers("acquired", id, "lock.acquire()"), CODE);
        assert_eq!(covers("frobnicated", id, "lock.acquire()"), 0.0);
        assert_eq!(covers("locks that expire", id, ""), (NAME + PATH) / 2.0);
        assert!(Coverage::of("the of", &Synonyms::default(), std::iter::empty()).is_empty());
    }

    #[test]
    fn words_begin_where_names_come_apart() {
        assert_eq!(covers("lock", "t.py::x", "block = clock()"), 0.0);
        for code in ["my_lock", "myLock()", "Locks", "LOCKED", "lockManager"] {
            assert_eq!(covers("lock", "t.py::x", code), CODE, "{code}");
        }
        assert_eq!(covers("cat", "t.py::x", "categorization"), 0.0);
    }

    #[test]
    fn synonyms_count_as_the_word() {
        assert_eq!(covers("symbolic", "t.py::test_symlink", ""), NAME);
        assert_eq!(covers("größe", "t.py::x", "größe = 1"), CODE);
    }
}

//! Sparse BM25 weights of words. The store multiplies them by the words' rarity (its IDF modifier), so a document
//! carries the term-frequency part only and a query one per word. Knows nothing of tests.

use std::collections::{BTreeMap, HashMap};

use super::store::Terms;
use crate::words::{is_stop_word, plain, stem, words};

/// How soon more of the same word stops to matter.
const K1: f32 = 1.2;
/// How much longer documents are held back.
const B: f32 = 0.75;
/// Words in an average test (`IndexedTest::searchable`), measured over ten suites with 2,200 tests.
const AVERAGE_LENGTH: f32 = 72.0;

/// The weights of a document: `tf·(k1+1) / (tf + k1·(1 − b + b·length/average))` per word.
pub fn document(text: &str) -> Terms {
    let words = words(text);
    let norm = K1 * (1.0 - B + B * words.len() as f32 / AVERAGE_LENGTH);
    let mut counts: HashMap<u32, f32> = HashMap::new();
    for word in &words {
        *counts.entry(index(word)).or_default() += 1.0;
    }
    terms(counts.into_iter().map(|(index, count)| (index, count * (K1 + 1.0) / (count + norm))))
}

/// The weights of a query: one per word.
pub fn query(text: &str) -> Terms {
    terms(words(text).iter().map(|word| (index(word), 1.0)))
}

/// Both, where those of `others` that `own` lacks weigh `weight` times as much.
pub fn join(own: Terms, others: Terms, weight: f32) -> Terms {
    let mut all: BTreeMap<u32, f32> =
        others.indices.into_iter().zip(others.values.into_iter().map(|value| value * weight)).collect();
    all.extend(own.indices.into_iter().zip(own.values));
    terms(all.into_iter())
}

/// The words of `query` that `document` contains, as they were asked, without repetition.
pub fn shared(query: &str, document: &str) -> Vec<String> {
    let known: std::collections::HashSet<String> = words(document).into_iter().collect();
    let mut shared = Vec::new();
    for word in plain(query) {
        if !is_stop_word(&word) && known.contains(&stem(&word)) && !shared.contains(&word) {
            shared.push(word);
        }
    }
    shared
}

fn terms(weights: impl Iterator<Item = (u32, f32)>) -> Terms {
    let (indices, values) = weights.collect::<BTreeMap<u32, f32>>().into_iter().unzip();
    Terms { indices, values }
}

/// FNV-1a of the word: stable across versions and machines, since it is what lies in stores.
fn index(word: &str) -> u32 {
    word.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn weight(terms: &Terms, word: &str) -> Option<f32> {
        let at = terms.indices.iter().position(|known| *known == index(&stem(word)))?;
        Some(terms.values[at])
    }

    #[test]
    fn hashes_are_the_published_fnv_values() {
        assert_eq!(index(""), 0x811c_9dc5);
        assert_eq!(index("foobar"), 0xbf9c_f968);
    }

    #[test]
    fn repetition_raises_a_weight_less_and_less() {
        let weights: Vec<f32> = [1, 2, 3, 30]
            .map(|times| {
                let filler = "filler ".repeat(30 - times);
                weight(&document(&("lock ".repeat(times) + &filler)), "lock").unwrap()
            })
            .to_vec();
        assert!(weights.is_sorted());
        assert!(weights[1] - weights[0] > weights[2] - weights[1]);
        assert!(weights[3] < K1 + 1.0);
    }

    #[test]
    fn a_word_weighs_less_in_a_longer_document() {
        let short = document("lock expires");
        let long = document(&format!("lock expires {}", "something else entirely ".repeat(60)));
        assert!(weight(&short, "lock").unwrap() > weight(&long, "lock").unwrap());
    }

    #[test]
    fn indices_are_unique_and_ascending() {
        let terms = document("test_lock_expires lock locks locked the redis redis_lock");
        assert!(terms.indices.is_sorted_by(|a, b| a < b));
        assert_eq!(terms.indices.len(), terms.values.len());
    }

    #[test]
    fn a_query_weighs_one_per_word_and_meets_the_document() {
        let query = query("locks that expire");
        assert_eq!(query.values, [1.0, 1.0]);
        let document = document("def test_lock_expires(): pass");
        assert!(query.indices.iter().all(|index| document.indices.contains(index)));
    }

    #[test]
    fn shared_words_are_named_as_asked() {
        assert_eq!(shared("locks that expire in Redis", "def test_lock_expires()"), ["locks", "expire"]);
        assert!(shared("of the", "of the").is_empty());
    }
}

//! The vectors of tests: of each, the sum of its sentences' vectors by what they are worth, at unit length. Most
//! sentences are shared by many tests and embedded once (`docs/search.md` has what that saves, costs and brings).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::document::{IndexedTest, Sentence};
use super::embedder::{EmbedError, Embedder};
use super::store::TEXT_DIMENSIONS;

/// So many sentences are remembered, some 30 MB of vectors.
const MOST_KNOWN: usize = 20_000;

/// Embeds tests, and remembers their sentences as long as it lives.
pub struct Meaning {
    embedder: Arc<dyn Embedder>,
    known: HashMap<String, Vec<f32>>,
}

impl Meaning {
    pub fn new(embedder: &Arc<dyn Embedder>) -> Meaning {
        Meaning { embedder: embedder.clone(), known: HashMap::new() }
    }

    /// One vector a test, in the same order.
    pub async fn of(&mut self, tests: &[&IndexedTest]) -> Result<Vec<Vec<f32>>, EmbedError> {
        if self.known.len() > MOST_KNOWN {
            self.known.clear();
        }
        let sentences: Vec<Vec<Sentence>> = tests.iter().map(|test| test.sentences()).collect();
        let unknown: HashSet<&str> = sentences.iter().flatten().map(|one| one.text.as_str()).collect();
        let unknown: Vec<String> =
            unknown.into_iter().filter(|text| !self.known.contains_key(*text)).map(str::to_owned).collect();
        let vectors = embed(&self.embedder, unknown.clone()).await?;
        self.known.extend(unknown.into_iter().zip(vectors));
        Ok(sentences.iter().map(|sentences| self.sum(sentences)).collect())
    }

    fn sum(&self, sentences: &[Sentence]) -> Vec<f32> {
        let mut sum = vec![0.0; TEXT_DIMENSIONS];
        for sentence in sentences {
            for (sum, value) in sum.iter_mut().zip(&self.known[&sentence.text]) {
                *sum += sentence.worth * value;
            }
        }
        let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
        sum.iter_mut().for_each(|value| *value /= length.max(f32::MIN_POSITIVE));
        sum
    }
}

/// The vector of one test.
pub async fn of_test(embedder: &Arc<dyn Embedder>, test: &IndexedTest) -> Result<Vec<f32>, EmbedError> {
    Ok(Meaning::new(embedder).of(&[test]).await?.pop().unwrap_or_default())
}

/// Embeds `texts` where blocking is allowed.
pub async fn embed(embedder: &Arc<dyn Embedder>, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let embedder = embedder.clone();
    match tokio::task::spawn_blocking(move || embedder.embed(&texts)).await {
        Ok(result) => result,
        Err(error) => Err(EmbedError::Failed { action: "embed", reason: error.to_string() }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::index::embedder::MiniLm;
    use crate::index::samples::{sample, unstable};
    use crate::smells::Cause;

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[tokio::test]
    async fn a_test_is_near_what_its_sentences_say() {
        let embedder: Arc<dyn Embedder> = Arc::new(MiniLm::load().unwrap());
        let flaky = unstable("a", "tests/test_lock.py::test_expires", Cause::SharedState, "");
        let other = sample("a", "tests/test_button.py::test_colour");
        let vectors = Meaning::new(&embedder).of(&[&flaky, &other]).await.unwrap();
        let asked = embed(&embedder, vec!["flaky lock, shared state".to_owned()]).await.unwrap();
        assert!(cosine(&vectors[0], &asked[0]) > cosine(&vectors[1], &asked[0]) + 0.3);
        for vector in &vectors {
            assert!((cosine(vector, vector) - 1.0).abs() < 1e-4);
        }
    }

    #[tokio::test]
    async fn company_and_what_is_remembered_change_no_vector() {
        let embedder: Arc<dyn Embedder> = Arc::new(MiniLm::load().unwrap());
        let tests: Vec<IndexedTest> =
            (0..40).map(|n| sample("a", &format!("t.py::test_{n}_{}", "lock_".repeat(n % 7)))).collect();
        let mut meaning = Meaning::new(&embedder);
        let together = meaning.of(&tests.iter().collect::<Vec<_>>()).await.unwrap();
        for (test, vector) in tests.iter().zip(&together) {
            for again in
                [meaning.of(&[test]).await.unwrap().remove(0), of_test(&embedder, test).await.unwrap()]
            {
                assert!(cosine(vector, &again) > 0.9999, "{}", test.document);
            }
        }
    }
}

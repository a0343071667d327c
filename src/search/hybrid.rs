//! A question in plain words, answered: facets decide what may come, meaning and words decide the order.

use std::sync::Arc;

use jiff::Timestamp;

use super::SearchError;
use super::candidates::Candidates;
use super::hit::{Hit, SearchAnswer, reasons};
use super::query::{Facets, read};
use super::score::Scorer;
use super::synonyms::expanded;
use super::twins::{Folded, fold};
use super::wishes::{Wish, wish_all, wishes};
use crate::index::Embedder;
use crate::index::store::{Filter, HybridQuery, VectorStore};
use crate::index::sync::embed;
use crate::risk::Verdict;
use crate::words::is_stop_word;

/// Weights of meaning, words and structure in the fusion. A question has no structure.
const WEIGHTS: [f32; 3] = [1.0, 0.8, 0.0];
/// An answer has half of the question's words, or two that are a third of them, or is this near in meaning (cosine). Fifteen questions about other things reach 0.38; of the labelled ones, those that
/// get this far 0.64 and more.
const NEAR_IN_MEANING: f32 = 0.42;
/// So many of the best are looked at for it.
const LOOKED_AT: usize = 3;
/// Words of a question that are looked up as names.
const MOST_NAMES: usize = 12;
/// So many tests make a library known by its name; fewer may be a module of the tests' own.
const MANY: usize = 20;
/// Candidates for each hit wanted: copies fold together.
const CANDIDATES: usize = 6;

/// Answers `query` with at most `limit` tests that fit `explicit`.
///
/// What the query says explicitly (async, Redis, flaky) is first taken as a condition; where too few tests fit all of
/// it, those that fit most of it follow.
pub async fn search(
    store: &Arc<dyn VectorStore>,
    embedder: &Arc<dyn Embedder>,
    query: &str,
    explicit: &Filter,
    limit: usize,
) -> Result<SearchAnswer, SearchError> {
    let mut facets = read(query);
    name_subjects(store, &mut facets).await?;
    let required = Filter { and: vec![facets.required(Timestamp::now())], ..explicit.clone() };
    let wishes = wishes(&facets);
    let asked = Asked::new(embedder, &facets, query).await?;

    let mut found = Candidates::default();
    if facets.flaky == Some(true) {
        // what runs showed is worth seeing, whatever the rules found
        let seen = Filter { verdicts: vec![Verdict::Flaky], ..Filter::default() };
        let kinds: Vec<Wish> = wishes.iter().filter(|wish| !wish.about_findings).cloned().collect();
        let mut filter = wish_all(&required, &kinds);
        filter.and.push(seen);
        found.add(store.query(asked.query(filter, limit)).await?);
    }
    found.add(store.query(asked.query(wish_all(&required, &wishes), limit)).await?);
    if found.are_fewer_than(limit) && !wishes.is_empty() {
        // all wishes but one
        for left_out in 0..wishes.len() {
            let others: Vec<Wish> = wishes
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != left_out)
                .map(|(_, wish)| wish.clone())
                .collect();
            if !others.is_empty() {
                found.add(store.query(asked.query(wish_all(&required, &others), limit)).await?);
            }
        }
    }
    if !wishes.is_empty() {
        // what comes close without fitting may still be what is meant
        found.add(store.query(asked.query(required, limit)).await?);
    }
    let scorer = Scorer::new(&facets, &wishes, &found);
    let ranked = found.rank(|scored| scorer.score(scored));
    let best: Vec<Folded> = fold(ranked).into_iter().take(limit).collect();
    let unmet: Vec<String> = wishes
        .iter()
        .filter(|wish| best.iter().all(|folded| wish.held(&folded.test) == 0.0))
        .map(|wish| wish.words.clone())
        .collect();
    let met = unmet.len() < wishes.len();
    if !met && !asked.is_near(embedder, &scorer, &best).await? {
        return Ok(SearchAnswer { query: query.to_string(), facets, unmet, hits: Vec::new() });
    }
    let hit = |folded: Folded| {
        let why = reasons(&facets, &folded.test);
        Hit::new(folded.test, folded.score, why, folded.twins)
    };
    let hits = best.into_iter().map(hit).collect();
    Ok(SearchAnswer { query: query.to_string(), facets, unmet, hits })
}

/// Words of the question that are the name of an indexed repository, or of a library that many tests use.
async fn name_subjects(store: &Arc<dyn VectorStore>, facets: &mut Facets) -> Result<(), SearchError> {
    let mut words: Vec<String> = facets.remainder.to_lowercase().split(' ').map(String::from).collect();
    words.retain(|word| word.len() > 2 && !is_stop_word(word));
    words.truncate(MOST_NAMES);
    for word in words {
        let of_repo = Filter { repos: vec![word.clone()], ..Filter::default() };
        let with_library = Filter { libraries: vec![word.clone()], ..Filter::default() };
        if store.count(of_repo).await? > 0 {
            facets.projects.push(word);
        } else if !facets.libraries.contains(&word) && store.count(with_library).await? >= MANY {
            facets.libraries.push(word);
        }
    }
    Ok(())
}

/// The vectors of a question.
struct Asked {
    text: Vec<f32>,
    words: String,
}

impl Asked {
    async fn new(embedder: &Arc<dyn Embedder>, facets: &Facets, query: &str) -> Result<Self, SearchError> {
        let words = if facets.text.is_empty() { query.to_string() } else { facets.text.clone() };
        let text = embed(embedder, vec![words.clone()]).await?.pop().unwrap_or_default();
        Ok(Asked { text, words })
    }

    /// Whether any of the best is near enough in words or in meaning to be an answer at all.
    async fn is_near(
        &self,
        embedder: &Arc<dyn Embedder>,
        scorer: &Scorer<'_>,
        best: &[Folded],
    ) -> Result<bool, SearchError> {
        let in_words = |folded: &Folded| {
            let (has, of) = scorer.has_words(&folded.test);
            has * 2 >= of || (has > 1 && has * 3 >= of)
        };
        if !scorer.asks_for_words() || best.iter().any(in_words) {
            return Ok(true);
        }
        let documents = best.iter().take(LOOKED_AT).map(|folded| folded.test.document.clone()).collect();
        let cosine = |document: &Vec<f32>| self.text.iter().zip(document).map(|(a, b)| a * b).sum::<f32>();
        let nearest = embed(embedder, documents).await?.iter().map(cosine).fold(0.0, f32::max);
        tracing::debug!(nearest, "none has the question's words");
        Ok(nearest >= NEAR_IN_MEANING)
    }

    fn query(&self, filter: Filter, limit: usize) -> HybridQuery {
        HybridQuery {
            text: Some(self.text.clone()),
            terms: Some(expanded(&self.words)),
            structure: None,
            weights: WEIGHTS,
            filter,
            limit: limit * CANDIDATES,
        }
    }
}

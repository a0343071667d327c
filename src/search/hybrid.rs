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
use crate::index::meaning::embed;
use crate::index::store::{Filter, HybridQuery, Point, VectorStore};
use crate::risk::Verdict;
use crate::words::is_stop_word;

/// Weights of meaning, words and structure in the fusion. A question has no structure.
const WEIGHTS: [f32; 3] = [1.0, 0.8, 0.0];
/// An answer has half of the question's words, or two that are a third of them, or is this near in meaning (cosine).
/// Of nine questions about other things that came this far the nearest reached 0.48; no labelled one did.
const NEAR_IN_MEANING: f32 = 0.5;
/// So many of the best are looked at for it.
const LOOKED_AT: usize = 3;
/// Words of a question that are looked up as names.
const MOST_NAMES: usize = 12;
/// So many tests make a library known by its name; fewer may be a module of the tests' own.
const MANY: usize = 20;
/// Candidates for each hit wanted: copies fold together.
const CANDIDATES: usize = 6;
/// The same for what comes close.
const CLOSE: usize = 2;

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
    answer(store, embedder, query, read(query), explicit, limit).await
}

/// Answers `query`, read as `facets`, as [`search`] does.
pub async fn answer(
    store: &Arc<dyn VectorStore>,
    embedder: &Arc<dyn Embedder>,
    query: &str,
    mut facets: Facets,
    explicit: &Filter,
    limit: usize,
) -> Result<SearchAnswer, SearchError> {
    let (asked, (projects, libraries)) =
        futures::try_join!(Asked::new(embedder, &facets, query), subjects(store, &facets))?;
    facets.projects = projects;
    facets.libraries.extend(libraries);
    let required = Filter { and: vec![facets.required(Timestamp::now())], ..explicit.clone() };
    let wishes = wishes(&facets);

    let mut filters = vec![(wish_all(&required, &wishes), CANDIDATES)];
    if facets.flaky == Some(true) {
        // what runs showed is worth seeing, whatever the rules found
        let seen = Filter { verdicts: vec![Verdict::Flaky], ..Filter::default() };
        let kinds: Vec<Wish> = wishes.iter().filter(|wish| !wish.about_findings).cloned().collect();
        let mut filter = wish_all(&required, &kinds);
        filter.and.push(seen);
        filters.push((filter, CLOSE));
    }
    // what comes close without fitting may still be what is meant
    let close = (!wishes.is_empty()).then(|| (required.clone(), CLOSE)).into_iter().collect();
    let (mut found, close) =
        futures::try_join!(asked.ask(store, filters, limit), asked.ask(store, close, limit))?;
    if wishes.len() > 1 && found.are_fewer_than(limit) {
        let all_but_one = (0..wishes.len()).map(|left_out| {
            let others = wishes.iter().enumerate().filter(|(at, _)| *at != left_out);
            let others: Vec<Wish> = others.map(|(_, one)| one.clone()).collect();
            (wish_all(&required, &others), CANDIDATES)
        });
        found.merge(asked.ask(store, all_but_one.collect(), limit).await?);
    }
    found.merge(close);
    let scorer = Scorer::new(&facets, &wishes, &found);
    let ranked = found.rank(|id, scored| scorer.score(id, scored));
    let best: Vec<Folded> = fold(ranked).into_iter().take(limit).collect();
    let unmet: Vec<String> = wishes
        .iter()
        .filter(|wish| best.iter().all(|folded| wish.held(&folded.test) == 0.0))
        .map(|wish| wish.words.clone())
        .collect();
    let met = unmet.len() < wishes.len();
    if !met && !asked.is_near(store, &scorer, &best).await? {
        return Ok(SearchAnswer { query: query.to_string(), facets, unmet, hits: Vec::new() });
    }
    let hit = |folded: Folded| {
        let why = reasons(&facets, &folded.test);
        Hit::new(folded.test, folded.score, why, folded.twins)
    };
    let hits = best.into_iter().map(hit).collect();
    Ok(SearchAnswer { query: query.to_string(), facets, unmet, hits })
}

/// Words of the question that name indexed repositories, and those that name libraries which many tests use.
async fn subjects(
    store: &Arc<dyn VectorStore>,
    facets: &Facets,
) -> Result<(Vec<String>, Vec<String>), SearchError> {
    let words = facets.remainder.to_lowercase();
    let words = words.split(' ').filter(|word| word.len() > 2 && !is_stop_word(word)).take(MOST_NAMES);
    let counted = words.map(|word| async move {
        let of_repo = Filter::of_repo(word);
        let with_library = Filter { libraries: vec![word.to_owned()], ..Filter::default() };
        let (of_repo, with_library) = futures::try_join!(store.count(of_repo), store.count(with_library))?;
        Ok::<_, SearchError>((word.to_owned(), of_repo > 0, with_library >= MANY))
    });
    let (mut projects, mut libraries) = (Vec::new(), Vec::new());
    for (word, is_repo, is_library) in futures::future::try_join_all(counted).await? {
        if is_repo {
            projects.push(word);
        } else if is_library && !facets.libraries.contains(&word) {
            libraries.push(word);
        }
    }
    Ok((projects, libraries))
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
        store: &Arc<dyn VectorStore>,
        scorer: &Scorer<'_>,
        best: &[Folded],
    ) -> Result<bool, SearchError> {
        let in_words = |folded: &Folded| {
            let (has, of) = scorer.has_words(&folded.test);
            has * 2 >= of || (has > 1 && has * 3 >= of)
        };
        if !scorer.asks_for_words() {
            // nothing but facets was asked, and none holds
            return Ok(!scorer.asks_for_facets());
        }
        if best.iter().any(in_words) {
            return Ok(true);
        }
        let looked_at = best.iter().take(LOOKED_AT).map(|folded| folded.test.point_id()).collect();
        let cosine = |point: &Point| self.text.iter().zip(&point.text).map(|(a, b)| a * b).sum::<f32>();
        let nearest = store.points(looked_at).await?.iter().map(cosine).fold(0.0, f32::max);
        tracing::debug!(nearest, "none has the question's words");
        Ok(nearest >= NEAR_IN_MEANING)
    }

    /// Asks for what fits each filter, so many candidates for each hit wanted, all at once.
    async fn ask(
        &self,
        store: &Arc<dyn VectorStore>,
        filters: Vec<(Filter, usize)>,
        limit: usize,
    ) -> Result<Candidates, SearchError> {
        let asked = filters.into_iter().map(|(filter, times)| store.query(self.query(filter, limit * times)));
        let mut found = Candidates::default();
        for scored in futures::future::try_join_all(asked).await? {
            found.add(scored);
        }
        Ok(found)
    }

    fn query(&self, filter: Filter, limit: usize) -> HybridQuery {
        HybridQuery {
            text: Some(self.text.clone()),
            terms: Some(expanded(&self.words)),
            structure: None,
            weights: WEIGHTS,
            filter,
            limit,
        }
    }
}

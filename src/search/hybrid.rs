//! A question in plain words, answered: facets decide what may come, meaning and words decide the order.

use std::sync::Arc;

use super::SearchError;
use super::candidates::Candidates;
use super::facets::Facets;
use super::hit::{Hit, SearchAnswer, reasons};
use super::plan::{Plan, placed, rankings};
use super::query::read;
use super::score::Scorer;
use super::synonyms::{Synonyms, expanded};
use super::twins::{Folded, fold};
use crate::index::Embedder;
use crate::index::meaning::embed;
use crate::index::store::{Filter, Names, Near, Point, VectorStore};
use crate::words::is_stop_word;

/// An answer has half of the question's words, or two that are a third of them, or is this near in meaning (cosine).
/// Of nine questions about other things that came this far the nearest reached 0.48; no labelled one did.
const NEAR_IN_MEANING: f32 = 0.5;
/// So many of the best are looked at for it.
const LOOKED_AT: usize = 3;
/// So many tests make a library known by its name; fewer may be a module of the tests' own.
const MANY: usize = 20;

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
    facets: Facets,
    explicit: &Filter,
    limit: usize,
) -> Result<SearchAnswer, SearchError> {
    let words = if facets.text.is_empty() { query.to_owned() } else { facets.text.clone() };
    // names are looked up and words ranked while the question is embedded
    let by_words = async {
        let mut facets = facets;
        let names = store.names().await?;
        let synonyms = Synonyms::of(&words, &names);
        let terms = Near::Terms(expanded(&words, &synonyms));
        let (projects, libraries) = subjects(&names, &facets);
        facets.projects = projects;
        facets.libraries.extend(libraries);
        let plan = Plan::new(&facets, explicit, limit);
        let mut wanted = plan.fitting(&facets);
        let fitting = wanted.len();
        wanted.extend(plan.close());
        let by_words = store.rank(rankings(&wanted, &terms)).await?;
        Ok::<_, SearchError>((facets, synonyms, terms, plan, wanted, fitting, by_words))
    };
    let text = async { Ok(embed(embedder, vec![words.clone()]).await?.pop().unwrap_or_default()) };
    let (text, (facets, synonyms, terms, plan, wanted, fitting, by_words)) =
        futures::try_join!(text, by_words)?;
    let meaning = Near::Text(text);
    let by_meaning = store.rank(rankings(&wanted, &meaning)).await?;

    let mut found = Candidates::default();
    let mut fit = placed(&wanted, &by_meaning, &by_words);
    found.read(store, &fit).await?;
    let close = fit.split_off(fitting);
    found.add(fit);
    let all_but_one = plan.all_but_one();
    if !all_but_one.is_empty() && found.are_fewer_than(limit) {
        let [by_meaning, by_words] = [&meaning, &terms].map(|near| store.rank(rankings(&all_but_one, near)));
        let (by_meaning, by_words) = futures::try_join!(by_meaning, by_words)?;
        let nearly = placed(&all_but_one, &by_meaning, &by_words);
        found.read(store, &nearly).await?;
        found.add(nearly);
    }
    found.add(close);
    let wishes = plan.wishes;
    let scorer = Scorer::new(&facets, &wishes, &synonyms, &found);
    let ranked = found.rank(|id, place, test| scorer.score(id, place, test));
    let best: Vec<Folded> = fold(ranked).into_iter().take(limit).collect();
    let unmet: Vec<String> = wishes
        .iter()
        .filter(|wish| best.iter().all(|folded| wish.held(&folded.test) == 0.0))
        .map(|wish| wish.words.clone())
        .collect();
    let met = unmet.len() < wishes.len();
    if !met && !is_near(store, &meaning, &scorer, &best).await? {
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
fn subjects(names: &Names, facets: &Facets) -> (Vec<String>, Vec<String>) {
    let remainder = facets.remainder.to_lowercase();
    let words: Vec<&str> =
        remainder.split(' ').filter(|word| word.len() > 2 && !is_stop_word(word)).collect();
    let (mut projects, mut libraries) = (Vec::new(), Vec::new());
    // "disk cache" may be called diskcache
    for pair in words.windows(2) {
        let said = ["", "-", "_"].map(|between| pair.join(between));
        projects.extend(said.into_iter().filter(|name| names.repos.contains_key(name)));
    }
    for word in words {
        if names.repos.contains_key(word) {
            projects.push(word.to_owned());
        } else if names.libraries.get(word).is_some_and(|tests| *tests >= MANY)
            && !facets.libraries.iter().any(|known| known == word)
        {
            libraries.push(word.to_owned());
        }
    }
    (projects, libraries)
}

/// Whether any of the best is near enough in words or in meaning to be an answer at all.
async fn is_near(
    store: &Arc<dyn VectorStore>,
    meaning: &Near,
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
    let Near::Text(meaning) = meaning else { return Ok(false) };
    let looked_at = best.iter().take(LOOKED_AT).map(|folded| folded.test.point_id()).collect();
    let cosine = |point: &Point| meaning.iter().zip(&point.text).map(|(a, b)| a * b).sum::<f32>();
    let nearest = store.points(looked_at).await?.iter().map(cosine).fold(0.0, f32::max);
    tracing::debug!(nearest, "none has the question's words");
    Ok(nearest >= NEAR_IN_MEANING)
}

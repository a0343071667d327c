//! Which tests a question asks for: filters, and how many candidates of each. Knows no store.

use jiff::Timestamp;

use super::candidates::{Placed, place};
use super::facets::Facets;
use super::wishes::{Wish, wish_all, wishes};
use crate::index::fuse::depth;
use crate::index::store::{Filter, Near, Ranked, Ranking};
use crate::risk::Verdict;

/// Weights of meaning and words in the fusion.
const WEIGHTS: [f32; 2] = [1.0, 0.8];
/// Candidates for each hit wanted: copies fold together.
const CANDIDATES: usize = 6;
/// The same for what comes close.
const CLOSE: usize = 4;

/// So many hits at least are looked for: the first of a few are the first of a page.
const PAGE: usize = 10;

/// A filter, and how many of the best that fit it are candidates.
pub(super) type Wanted = (Filter, usize);

/// What a question asks for.
pub(super) struct Plan {
    required: Filter,
    pub(super) wishes: Vec<Wish>,
    limit: usize,
}

impl Plan {
    pub(super) fn new(facets: &Facets, explicit: &Filter, limit: usize) -> Plan {
        let required = Filter { and: vec![facets.required(Timestamp::now())], ..explicit.clone() };
        Plan { required, wishes: wishes(facets), limit }
    }

    /// What fits all wishes.
    pub(super) fn fitting(&self, facets: &Facets) -> Vec<Wanted> {
        let mut wanted = vec![self.all_of(self.wishes.iter(), CANDIDATES)];
        if facets.flaky == Some(true) {
            // what runs showed is worth seeing, whatever the rules found
            let seen = Filter { verdicts: vec![Verdict::Flaky], ..Filter::default() };
            let (mut filter, limit) =
                self.all_of(self.wishes.iter().filter(|wish| !wish.about_findings), CLOSE);
            filter.and.push(seen);
            wanted.push((filter, limit));
        }
        wanted
    }

    /// What comes close without fitting may still be what is meant.
    pub(super) fn close(&self) -> Option<Wanted> {
        (!self.wishes.is_empty()).then(|| self.all_of(std::iter::empty(), CLOSE))
    }

    /// What fits all wishes but one; nothing where there is only one.
    pub(super) fn all_but_one(&self) -> Vec<Wanted> {
        let left_out = if self.wishes.len() > 1 { 0..self.wishes.len() } else { 0..0 };
        let others = |left_out| {
            let others = self.wishes.iter().enumerate().filter(move |(at, _)| *at != left_out);
            others.map(|(_, wish)| wish)
        };
        left_out.map(|left_out| self.all_of(others(left_out), CANDIDATES)).collect()
    }

    fn all_of<'w>(&self, wishes: impl Iterator<Item = &'w Wish>, times: usize) -> Wanted {
        (wish_all(&self.required, wishes), self.limit.max(PAGE) * times)
    }
}

/// What ranks by `near` what is wanted.
pub(super) fn rankings(wanted: &[Wanted], near: &Near) -> Vec<Ranking> {
    let ranking = |(filter, limit): &Wanted| Ranking {
        near: near.clone(),
        filter: filter.clone(),
        depth: depth(*limit),
    };
    wanted.iter().map(ranking).collect()
}

/// What is wanted, each fused of the two rankings of it.
pub(super) fn placed(wanted: &[Wanted], by_meaning: &[Ranked], by_words: &[Ranked]) -> Vec<Placed> {
    let both = by_meaning.iter().zip(by_words).zip(wanted);
    both.map(|((by_meaning, by_words), (_, limit))| {
        place(&[(WEIGHTS[0], by_meaning), (WEIGHTS[1], by_words)], Some(by_words), *limit)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::query::read;

    #[test]
    fn a_few_hits_are_chosen_of_as_many_as_a_page() {
        let facets = read("similar async Redis flakes");
        let wanted = |limit| Plan::new(&facets, &Filter::default(), limit).fitting(&facets);
        assert_eq!(wanted(1), wanted(PAGE));
        assert!(wanted(2 * PAGE)[0].1 > wanted(PAGE)[0].1);
    }
}

//! A question that leans on those before it ("and the other Redis ones?", "show me one without sleep"), read together
//! with them. Knows no store.

use super::facets::{Facets, push};
use super::query::{read, split};
use super::vocabulary::{is_negator, leaves_out};

/// What a question begins with that goes on from another.
const BEGIN: [&str; 9] =
    ["and", "but", "or", "also", "what about", "how about", "only", "which of", "show me one"];
/// What stands for something named before.
const STAND_FOR: [&str; 9] = ["them", "those", "these", "ones", "others", "other", "another", "same", "they"];
/// In a question that names nothing itself, these do too.
const MAY_STAND_FOR: [&str; 4] = ["it", "this", "that", "one"];
/// What asks for tests that were not shown yet.
const OTHERS: [&str; 5] = ["other", "others", "another", "more", "else"];
/// What narrows what was found, and does not ask for something else instead.
const AMONG: [&str; 5] = ["of them", "of those", "of these", "of the", "among"];

/// A question as it is meant in its conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Following {
    pub facets: Facets,
    /// Whether tests are wanted that were not shown yet.
    pub others: bool,
}

/// Reads `question` after those `earlier`, the oldest first.
pub fn follow(earlier: &[&str], question: &str) -> Following {
    let mut facets = Facets::default();
    for before in earlier {
        facets = step(facets, before);
    }
    let asks = || words(question).iter().any(|word| OTHERS.contains(&word.as_str()));
    let others = !earlier.is_empty() && asks() && leans(question, &read(question));
    Following { facets: step(facets, question), others }
}

fn step(before: Facets, question: &str) -> Facets {
    let new = read(question);
    if before == Facets::default() || !leans(question, &new) { new } else { together(before, new, question) }
}

/// Whether the question, read as `new`, says less than what it means.
fn leans(question: &str, new: &Facets) -> bool {
    let words = words(question);
    let text = words.join(" ");
    let Some(first) = words.first() else { return false };
    let names_nothing = || {
        let facets = Facets { text: String::new(), remainder: String::new(), flaky: None, ..new.clone() };
        facets == Facets::default()
    };
    BEGIN.iter().any(|begin| text == *begin || text.starts_with(&format!("{begin} ")))
        || is_negator(first)
        || leaves_out(first)
        || words.iter().any(|word| STAND_FOR.contains(&word.as_str()))
        || (words.iter().any(|word| MAY_STAND_FOR.contains(&word.as_str())) && names_nothing())
}

/// What was asked before, as far as the new question does not say otherwise.
fn together(before: Facets, new: Facets, question: &str) -> Facets {
    let text = words(question).join(" ");
    let among = AMONG.iter().any(|among| text.contains(among));
    let replaced = !among && !new.libraries.is_empty();
    let is_gone = |word: &str| {
        let word = word.to_lowercase();
        new.not_libraries.contains(&word)
            || replaced && before.libraries.contains(&word) && !new.libraries.contains(&word)
    };
    let kept: Vec<&str> = before.text.split(' ').filter(|word| !is_gone(word)).collect();
    let own: Vec<&str> = new.text.split(' ').filter(|word| is_said(word) && !kept.contains(word)).collect();
    let left: Vec<&str> =
        before.remainder.split(' ').chain(new.remainder.split(' ')).filter(|word| is_said(word)).collect();
    Facets {
        is_async: new.is_async.or(before.is_async),
        flaky: new.flaky.or(before.flaky),
        framework: new.framework.or(before.framework),
        failed_within_days: new.failed_within_days.or(before.failed_within_days),
        observed: new.observed.or(before.observed),
        proved: new.proved.or(before.proved),
        libraries: either(before.libraries, new.libraries, &new.not_libraries, among),
        causes: either(before.causes, new.causes, &new.not_causes, among),
        topics: either(before.topics, new.topics, &new.not_causes, true),
        does: either(before.does, new.does, &new.not_does, true),
        hints: either(before.hints, new.hints, &new.not_does, true),
        itself: new.itself || before.itself,
        names: either(before.names, new.names, &[], true),
        severities: either(before.severities, new.severities, &[], among),
        codes: either(before.codes, new.codes, &[], among),
        teams: either(before.teams, new.teams, &[], false),
        repos: either(before.repos, new.repos, &new.not_repos, false),
        paths: either(before.paths, new.paths, &[], false),
        projects: vec![],
        not_libraries: either(before.not_libraries, new.not_libraries, &[], true),
        not_causes: either(before.not_causes, new.not_causes, &[], true),
        not_does: either(before.not_does, new.not_does, &[], true),
        not_repos: either(before.not_repos, new.not_repos, &[], true),
        not_words: either(before.not_words, new.not_words, &[], true),
        remainder: left.join(" "),
        text: kept.into_iter().chain(own).collect::<Vec<_>>().join(" "),
    }
}

/// The new ones, or the old where there are none; both where they go together. What is `not` wanted any more is gone.
fn either<T: PartialEq>(before: Vec<T>, new: Vec<T>, not: &[T], both: bool) -> Vec<T> {
    let mut all = if both || new.is_empty() { before } else { vec![] };
    all.retain(|one| !not.contains(one));
    new.into_iter().for_each(|one| push(&mut all, one));
    all
}

/// Whether a word says something beside tying two questions together.
fn is_said(word: &str) -> bool {
    let word = word.to_lowercase();
    let ties = BEGIN.contains(&word.as_str())
        || ["which", "what", "about", "show", "me", "of"].contains(&word.as_str());
    !(word.is_empty() || ties || [&STAND_FOR[..], &MAY_STAND_FOR, &OTHERS].concat().contains(&word.as_str()))
}

fn words(question: &str) -> Vec<String> {
    split(&question.replace(['\'', '’'], " ")).iter().map(|word| word.to_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smells::{Activity, Cause};

    #[test]
    fn the_others_are_of_the_same_kind() {
        let read = follow(&["Which async Redis tests sleep?"], "And the other Redis ones?");
        assert!(read.others);
        assert_eq!(read.facets.is_async, Some(true));
        assert_eq!(read.facets.libraries, ["redis"]);
        assert_eq!(read.facets.does, [Activity::Sleep]);
        assert_eq!(read.facets.text.to_lowercase().matches("redis").count(), 1, "{}", read.facets.text);
    }

    #[test]
    fn what_is_not_wanted_any_more_is_gone() {
        let read = follow(&["Which async Redis tests sleep?"], "Show me one without sleep");
        assert_eq!((read.facets.libraries.len(), read.facets.does.len()), (1, 0));
        assert_eq!(read.facets.not_does, [Activity::Sleep]);
        assert!(!read.others);
    }

    #[test]
    fn another_library_takes_the_place_of_the_first() {
        let read = follow(&["flaky Redis tests with a lock"], "what about Celery?");
        assert_eq!(read.facets.libraries, ["celery"]);
        assert_eq!(read.facets.flaky, Some(true));
        let text = read.facets.text.to_lowercase();
        assert!(text.contains("lock") && text.contains("celery") && !text.contains("redis"), "{text}");
        let among = follow(&["flaky Redis tests"], "which of them use Celery?");
        assert_eq!(among.facets.libraries, ["redis", "celery"]);
    }

    #[test]
    fn a_chain_goes_on_and_a_new_subject_begins_anew() {
        let earlier = ["async Redis tests", "only flaky ones"];
        let on = follow(&earlier, "and those that leak state?");
        assert_eq!((on.facets.is_async, on.facets.flaky), (Some(true), Some(true)));
        assert_eq!(on.facets.causes, [Cause::SharedState]);
        let anew = follow(&earlier, "tests that compare floating point numbers");
        assert_eq!(anew.facets, super::super::read("tests that compare floating point numbers"));
        assert_eq!(follow(&[], "and the other ones?").facets, super::super::read("and the other ones?"));
    }

    #[test]
    fn what_names_nothing_is_about_what_was_named() {
        let read = follow(&["Redis tests that wait for a lock"], "why is it flaky?");
        assert_eq!(read.facets.libraries, ["redis"]);
        let own = follow(&["Redis tests"], "tests that use httpx and check that it retries");
        assert_eq!(own.facets.libraries, ["httpx"]);
    }
}

//! What a question does not want: "without Redis", "leaving the slow ones aside". Knows no store.

use super::facets::{Facets, push};
use super::vocabulary::{self, Meaning};
use crate::words::is_stop_word;

/// `words` with every way to say it said as "without".
pub(super) fn plainly_turned(words: Vec<String>) -> Vec<String> {
    let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let (leave, aside) = vocabulary::LEAVING;
    let mut out: Vec<String> = Vec::with_capacity(words.len());
    let mut skipped = None;
    let mut at = 0;
    while at < words.len() {
        let pair = lower[at..].get(..2).map(|pair| pair.join(" "));
        let end = (at + 1..words.len().min(at + 6)).find(|end| aside.contains(&&*lower[*end]));
        if pair.is_some_and(|pair| vocabulary::WITHOUT.contains(&&*pair)) {
            out.push("without".to_owned());
            at += 2;
        } else if leave.contains(&&*lower[at]) && end.is_some() {
            out.push("without".to_owned());
            skipped = end;
            at += 1;
        } else {
            if skipped != Some(at) {
                out.push(words[at].clone());
            }
            at += 1;
        }
    }
    out
}

/// The first word after the negator at `at` that says something.
pub(super) fn named_after(words: &[String], at: usize) -> Option<usize> {
    let says = |word: &String| !is_stop_word(&word.to_lowercase());
    (at + 1..words.len()).find(|next| says(&words[*next])).filter(|next| {
        words[at + 1..*next]
            .iter()
            .all(|word| ["from", "of", "on", "in", "by"].contains(&&*word.to_lowercase()))
    })
}

/// What the negator before `at` turns: where it stands, how many words it has, what it means.
pub(super) fn negated(words: &[String], stems: &[String], mut at: usize) -> Option<(usize, usize, Meaning)> {
    loop {
        if let Some((length, meaning)) = vocabulary::longest(&stems[at.min(stems.len())..]) {
            if meaning != Meaning::Filler {
                return Some((at, length, meaning));
            }
            at += length;
            continue;
        }
        if !words.get(at).is_some_and(|word| vocabulary::is_transparent(&word.to_lowercase())) {
            return None;
        }
        at += 1;
    }
}

/// Notes what is not wanted. Where the same is wanted in other words ("calls tempfile, without tmp_path"), the words
/// alone are not.
pub(super) fn note_not(facets: &mut Facets, meaning: Meaning, phrase: &[String]) {
    match meaning {
        Meaning::Async(value) => facets.is_async = Some(!value),
        Meaning::Library(name) if facets.libraries.iter().all(|wanted| wanted != name) => {
            push(&mut facets.not_libraries, name.to_string());
        }
        Meaning::Cause(cause) | Meaning::Topic(cause) if !facets.causes.contains(&cause) => {
            push(&mut facets.not_causes, cause);
        }
        Meaning::Does(activity) | Meaning::Hint(activity) if !facets.does.contains(&activity) => {
            push(&mut facets.not_does, activity);
        }
        Meaning::Flaky(value) => facets.flaky = Some(!value),
        Meaning::Proved => facets.proved = Some(false),
        Meaning::Library(_) | Meaning::Cause(_) | Meaning::Topic(_) | Meaning::Does(_) | Meaning::Hint(_) => {
            phrase.iter().for_each(|word| push(&mut facets.not_words, word.to_lowercase()));
        }
        Meaning::Framework(_)
        | Meaning::Severity(_)
        | Meaning::Observed(_)
        | Meaning::Itself
        | Meaning::Subject
        | Meaning::Unmocked
        | Meaning::Filler
        | Meaning::Opening => {}
    }
}

//! Reads sentences with citations (`It waits for the key [T1, FD101].`) out of plain text.

use super::{Piece, is_citation, sentence};

/// Words whose full stop ends no sentence.
const ABBREVIATED: [&str; 6] = ["e.g", "i.e", "etc", "vs", "cf", "approx"];

#[derive(Default)]
pub(super) struct Reader {
    held: String,
}

impl Reader {
    pub(super) fn feed(&mut self, text: &str) -> Vec<Piece> {
        self.held.push_str(text);
        let mut pieces = Vec::new();
        while let Some(end) = end(&self.held, false) {
            let rest = self.held.split_off(end);
            pieces.extend(whole(&std::mem::replace(&mut self.held, rest)));
        }
        pieces
    }

    pub(super) fn finish(self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut rest = self.held.as_str();
        while let Some(end) = end(rest, true) {
            pieces.extend(whole(&rest[..end]));
            rest = &rest[end..];
        }
        pieces.extend(whole(rest));
        pieces
    }
}

/// The sentences of prose that is all there. Blocks of code are left out.
pub(in crate::explain) fn sentences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, part) in text.split("```").enumerate() {
        for paragraph in part.split("\n\n").filter(|_| number % 2 == 0) {
            let prose = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
            let mut rest = prose.as_str();
            while !rest.is_empty() {
                let at = end(rest, true).unwrap_or(rest.len());
                let one = rest[..at].trim();
                found.extend((!one.is_empty()).then(|| one.to_string()));
                rest = &rest[at..];
            }
        }
    }
    found
}

fn whole(text: &str) -> Vec<Piece> {
    let said = sentence(unlisted(text), Vec::new());
    if !said.text.chars().any(char::is_alphanumeric) {
        return Vec::new();
    }
    vec![Piece::Text(said.text.clone()), Piece::Sentence(said)]
}

/// The line without what makes it an item of a list or a heading.
fn unlisted(text: &str) -> &str {
    let text = text.trim();
    let text = text.trim_start_matches(['-', '*', '#', '>', '•']).trim_start();
    let number = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let marked = text.len() - number.len();
    match number.strip_prefix(['.', ')']) {
        Some(rest) if (1..3).contains(&marked) && (rest.is_empty() || rest.starts_with(' ')) => {
            rest.trim_start()
        }
        _ => text,
    }
}

/// Where the first sentence ends, its trailing citations included; `None` while more text may change that.
/// `over` says that no more text comes.
fn end(text: &str, over: bool) -> Option<usize> {
    let fence = text.trim_start().starts_with("```");
    let mut in_code = false;
    for (at, character) in text.char_indices() {
        let after = at + character.len_utf8();
        if fence {
            // A block of code is one piece, however many lines it has.
            let opening = text.len() - text.trim_start().len();
            if character == '\n'
                && text[opening + 3..].contains("```")
                && text[..at].trim_end().ends_with("```")
                && at > opening + 3
            {
                return Some(after);
            }
            continue;
        }
        match character {
            '`' => in_code = !in_code,
            '\n' if text[..at].trim().is_empty() => {}
            '\n' => return Some(after),
            '.' | '!' | '?' if !in_code => {
                let rest = &text[after..];
                if !rest.is_empty() && !rest.starts_with([' ', '\t', '\n', '[']) {
                    continue;
                }
                if ABBREVIATED.iter().any(|word| text[..at].to_lowercase().ends_with(word)) {
                    continue;
                }
                let cited = after + citations(rest);
                let next = text[cited..].chars().find(|c| *c != ' ' && *c != '\t');
                match next {
                    None if over => return Some(text.len()),
                    // A citation may still follow.
                    None => return None,
                    Some('[') if !over && !text[cited..].contains(']') => return None,
                    Some(next) if next.is_lowercase() => {}
                    Some(_) => return Some(cited),
                }
            }
            _ => {}
        }
    }
    None
}

/// Length of the citations, and of the white space before them, that a text begins with.
fn citations(text: &str) -> usize {
    let mut taken = 0;
    loop {
        let rest = &text[taken..];
        let start = rest.trim_start_matches([' ', '\t']);
        let Some((inside, after)) = start.strip_prefix('[').and_then(|inside| inside.split_once(']')) else {
            return taken;
        };
        if !inside.split(',').all(|part| is_citation(part.trim())) {
            return taken;
        }
        // "… [T1]." has the stop after the citation, "… . [T1]." one on either side.
        let after = after.strip_prefix('.').unwrap_or(after);
        taken = text.len() - after.len();
    }
}

#[cfg(test)]
mod tests {
    use crate::explain::answer::tests::{parse, said};

    #[test]
    fn sentences_and_their_citations_are_found_in_any_layout() {
        for (answer, expected) in [
            (
                "It waits [T1]. It fails [T1, FD101].",
                vec![said("It waits.", &["T1"]), said("It fails.", &["T1", "FD101"])],
            ),
            (
                "It waits. [T1] It fails. [T1][FD101]",
                vec![said("It waits.", &["T1"]), said("It fails.", &["T1", "FD101"])],
            ),
            (
                "It waits 0.25 s [T1]! Why? [T2]",
                vec![said("It waits 0.25 s!", &["T1"]), said("Why?", &["T2"])],
            ),
            (
                "## Cause\n- It waits [T1]\n2. It fails [T2].\n",
                vec![said("Cause", &[]), said("It waits", &["T1"]), said("It fails.", &["T2"])],
            ),
            (
                "Use `a. B` or e.g. Other things [FD101].",
                vec![said("Use `a. B` or e.g. Other things.", &["FD101"])],
            ),
            ("See a.b.c() and x[T1] [T1].", vec![said("See a.b.c() and x.", &["T1"])]),
            ("One [T1].\n\n\nTwo", vec![said("One.", &["T1"]), said("Two", &[])]),
        ] {
            for size in [1, 2, 3, 5, 8, 1000] {
                assert_eq!(parse(answer, size).1, expected, "{answer:?} by {size}");
            }
        }
    }

    #[test]
    fn a_sentence_comes_before_the_next_is_whole() {
        let mut reader = super::Reader::default();
        assert!(reader.feed("It waits [T1]. ").is_empty());
        assert_eq!(reader.feed("It").len(), 2);
    }

    #[test]
    fn a_block_of_code_is_one_piece() {
        let (_, sentences, _) = parse("Do this [T1].\n```python\nx = 1\ny = 2\n```\nThen that [T1].\n", 4);
        assert_eq!(sentences.len(), 3);
        assert!(sentences[1].citations.is_empty() && sentences[1].text.contains("x = 1 y = 2"));
    }

    #[test]
    fn prose_is_split() {
        let text = "It waits 0.25 s.  Then\nit reads.\n\n```\nx. Y\n```\nAnd more";
        assert_eq!(super::sentences(text), ["It waits 0.25 s.", "Then it reads.", "And more"]);
    }
}

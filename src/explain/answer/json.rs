//! Reads the JSON of an answer character by character, so that a sentence is known when its object closes.
//! What is no JSON around it is passed over, and an end in the middle loses only what was in the making.

use super::{Piece, item};
use crate::explain::untrusted::visible;
use crate::smells::Cause;

/// Nothing that a schema asks for is nested deeper.
const DEEPEST: usize = 16;

#[derive(Default)]
pub(super) struct Reader {
    open: Vec<Open>,
    string: Option<Text>,
}

/// A container that is not closed yet.
enum Open {
    Object(Draft),
    Array,
}

/// What an object has said so far.
#[derive(Default)]
struct Draft {
    key: Option<String>,
    /// A colon followed the key.
    valued: bool,
    text: Option<String>,
    citations: Vec<String>,
}

/// A string that is being read.
#[derive(Default)]
struct Text {
    value: String,
    escape: Escape,
    /// Its characters belong to a sentence and are handed on as they come.
    shown: bool,
}

#[derive(Default)]
enum Escape {
    #[default]
    No,
    Backslash,
    /// Digits of `\u`, and the first half of a pair.
    Unicode(String, Option<u32>),
    /// After the first half of a pair.
    Pair(u32),
    PairBackslash(u32),
}

impl Reader {
    pub(super) fn feed(&mut self, text: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for character in text.chars() {
            self.character(character, &mut pieces);
        }
        pieces
    }

    /// What a cut left: sentences whose words are whole stand on the citations that are, the last one that
    /// was cut comes without any.
    pub(super) fn finish(mut self) -> Vec<Piece> {
        let cut = self.string.take().filter(|text| text.shown);
        let Some(draft) = self.draft() else { return Vec::new() };
        let citations = std::mem::take(&mut draft.citations);
        match cut {
            Some(text) => item(&text.value, &citations, true),
            None => draft.text.take().map_or_else(Vec::new, |text| item(&text, &citations, false)),
        }
    }

    /// The innermost object.
    fn draft(&mut self) -> Option<&mut Draft> {
        self.open.iter_mut().rev().find_map(|open| match open {
            Open::Object(draft) => Some(draft),
            Open::Array => None,
        })
    }

    fn character(&mut self, character: char, pieces: &mut Vec<Piece>) {
        if let Some(text) = &mut self.string {
            let before = text.value.len();
            let ended = text.push(character);
            let fresh = &text.value[before..];
            if text.shown && !fresh.is_empty() {
                match pieces.last_mut() {
                    Some(Piece::Text(last)) => last.push_str(&visible(fresh)),
                    _ => pieces.push(Piece::Text(visible(fresh))),
                }
            }
            if ended && let Some(text) = self.string.take() {
                self.ended(text.value, pieces);
            }
            return;
        }
        match character {
            '"' if !self.open.is_empty() => {
                let in_array = matches!(self.open.last(), Some(Open::Array));
                let shown = !in_array
                    && self.draft().is_some_and(|draft| draft.valued && draft.key.as_deref() == Some("text"));
                self.string = Some(Text { shown, ..Text::default() });
            }
            '{' if self.open.len() < DEEPEST => self.open.push(Open::Object(Draft::default())),
            '[' if !self.open.is_empty() && self.open.len() < DEEPEST => self.open.push(Open::Array),
            '}' | ']' => {
                if let Some(Open::Object(draft)) = self.open.pop()
                    && let Some(words) = draft.text.filter(|words| !words.trim().is_empty())
                {
                    pieces.extend(item(&words, &draft.citations, false));
                }
            }
            ':' => {
                if let Some(Open::Object(draft)) = self.open.last_mut() {
                    draft.valued = true;
                }
            }
            ',' => {
                if let Some(Open::Object(draft)) = self.open.last_mut() {
                    (draft.key, draft.valued) = (None, false);
                }
            }
            _ => {}
        }
    }

    fn ended(&mut self, value: String, pieces: &mut Vec<Piece>) {
        let in_array = matches!(self.open.last(), Some(Open::Array));
        let Some(draft) = self.draft() else { return };
        if !in_array && !draft.valued {
            draft.key = Some(value);
            return;
        }
        match draft.key.as_deref() {
            Some("text") if !in_array => draft.text = Some(value),
            Some("citations" | "citation") => draft.citations.push(value),
            Some("cause") => pieces.extend(value.parse::<Cause>().ok().map(Piece::Cause)),
            _ => {}
        }
    }
}

impl Text {
    /// Takes one character; true where it ends the string.
    fn push(&mut self, character: char) -> bool {
        match std::mem::take(&mut self.escape) {
            Escape::No => match character {
                '"' => return true,
                '\\' => self.escape = Escape::Backslash,
                _ => self.value.push(character),
            },
            Escape::Backslash => match character {
                'u' => self.escape = Escape::Unicode(String::new(), None),
                'n' | 'r' => self.value.push('\n'),
                't' => self.value.push('\t'),
                'b' | 'f' => self.value.push(' '),
                other => self.value.push(other),
            },
            Escape::Unicode(mut digits, high) => {
                digits.push(character);
                if digits.len() < 4 && character.is_ascii_hexdigit() {
                    self.escape = Escape::Unicode(digits, high);
                } else {
                    self.unit(u32::from_str_radix(&digits, 16).ok(), high);
                }
            }
            Escape::Pair(high) if character == '\\' => self.escape = Escape::PairBackslash(high),
            Escape::PairBackslash(high) if character == 'u' => {
                self.escape = Escape::Unicode(String::new(), Some(high));
            }
            Escape::Pair(_) => {
                self.value.push(char::REPLACEMENT_CHARACTER);
                return self.push(character);
            }
            Escape::PairBackslash(_) => {
                self.value.push(char::REPLACEMENT_CHARACTER);
                self.escape = Escape::Backslash;
                return self.push(character);
            }
        }
        false
    }

    /// One UTF-16 unit, after the first half of a pair where there is one.
    fn unit(&mut self, unit: Option<u32>, high: Option<u32>) {
        let unknown = u32::from(char::REPLACEMENT_CHARACTER);
        let code = match (unit, high) {
            (Some(high @ 0xd800..=0xdbff), None) => {
                self.escape = Escape::Pair(high);
                return;
            }
            (Some(low @ 0xdc00..=0xdfff), Some(high)) => 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00),
            (Some(unit), _) => unit,
            (None, _) => unknown,
        };
        self.value.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
}

#[cfg(test)]
mod tests {
    use crate::explain::answer::tests::{parse, said};
    use crate::smells::Cause;

    #[test]
    fn every_order_and_layout_is_read() {
        for answer in [
            r#"{"cause":"async-wait","sentences":[{"text":"One.","citations":["T1"]},{"citations":["T2","FD101"],"text":"Two."}]}"#,
            "{\n  \"sentences\" : [ {\"citations\": [ \"T1\" ] , \"text\" : \"One.\" },\n{\"text\": \"Two.\", \"citations\": [\"T2\", \"FD101\"], \"sure\": {\"of\": [1, true]}} ], \"cause\": \"async-wait\" }",
            "{\"answer\":{\"sentences\":[{\"text\":\"One.\",\"citation\":\"T1\"},{\"text\":\"Two [T2].\",\"citations\":[\"FD101\"]}],\"cause\":\"async-wait\"}} Hope that helps!",
        ] {
            for size in 1..9 {
                let (cause, sentences, text) = parse(answer, size);
                assert_eq!(cause, Some(Cause::AsyncWait), "{answer}");
                assert_eq!(sentences[0], said("One.", &["T1"]));
                assert_eq!(sentences[1].text, "Two.");
                assert!(sentences[1].citations.contains(&"T2".to_string()));
                assert!(text.starts_with("One.Two"));
            }
        }
    }

    #[test]
    fn escapes_are_decoded_wherever_they_are_cut() {
        let answer =
            r#"{"sentences":[{"text":"a \"b\" \\ \/ é \ud83e\udd80 \ud83e x\ttab\nline","citations":[]}]}"#;
        for size in 1..12 {
            assert_eq!(parse(answer, size).1, [said("a \"b\" \\ / é 🦀 \u{fffd} x tab line.", &[])]);
        }
    }

    #[test]
    fn several_sentences_in_one_item_stand_by_themselves() {
        let answer = r#"{"sentences":[{"citations":["T1"],"text":"It waits. It fails [T2]. And then"}"#;
        let whole =
            [said("It waits.", &["T1"]), said("It fails.", &["T1", "T2"]), said("And then.", &["T1"])];
        for size in [1, 4, 200] {
            assert_eq!(parse(answer, size).1, whole);
            let cut = parse(&answer[..answer.len() - 2], size).1;
            assert_eq!(cut, [whole[0].clone(), whole[1].clone(), said("And then", &[])]);
        }
    }

    #[test]
    fn a_cut_loses_only_its_own_sentence() {
        let answer = r#"{"cause":"time","sentences":[{"text":"One.","citations":["T1"]},{"text":"Two.","citations":["T2","FD101"]}]}"#;
        for end in 0..answer.len() {
            let (_, sentences, _) = parse(&answer[..end], 3);
            assert!(sentences.len() <= 2);
            let first = answer.find('}').unwrap_or(0);
            if end > first {
                assert_eq!(sentences[0], said("One.", &["T1"]), "{end}");
            }
            // The second has no citation before its first one is whole.
            if let Some(second) = sentences.get(1).filter(|_| end < answer.find("\"T2\"").unwrap_or(0)) {
                assert!(second.citations.is_empty() && "Two.".starts_with(&second.text));
            }
        }
    }

    #[test]
    fn what_is_no_answer_yields_no_sentence() {
        for answer in [
            "{}",
            "{\"sentences\":[]}",
            "{\"sentences\":\"none\"}",
            "{\"text\":\"\"}",
            "{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{",
            "{[[[[]]]]}",
            "{\"text\":",
            "{]}{]}",
            "{\"cause\":\"aliens\"}",
        ] {
            let (cause, sentences, _) = parse(answer, 2);
            assert!(cause.is_none() && sentences.is_empty(), "{answer}: {sentences:?}");
        }
    }
}

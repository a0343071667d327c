//! The form of a model's answer: the schema that holds it to sentences with citations of what was
//! retrieved, and the parser that yields each sentence as it completes. Knows no server, and believes nothing.

mod json;
mod plain;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::untrusted::{is_citation, visible};
use crate::smells::Cause;

pub(super) use plain::sentences;

/// Most sentences that a model is asked for.
const MOST_SENTENCES: u32 = 5;
/// Most citations of one sentence.
const MOST_CITATIONS: u32 = 3;

/// A longer sentence is none, and is cut.
const LONGEST: usize = 1000;

/// One sentence with what it rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sentence {
    pub text: String,
    /// References of sources: `T1`, `FD101`.
    pub citations: Vec<String>,
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The cause that the model names.
    Cause(Cause),
    /// The next characters of the sentence that is being written.
    Text(String),
    /// The sentence is whole.
    Sentence(Sentence),
}

/// The schema of an answer of `least` sentences or more that cites only `references`, and names one of the nine causes
/// where `names_cause`. Properties are written in this order: the cause first, and a sentence's evidence before
/// its words.
pub fn schema(references: &[String], names_cause: bool, least: u32) -> Value {
    let sentences = json!({
        "type": "array",
        "minItems": least,
        "maxItems": MOST_SENTENCES,
        "items": {
            "type": "object",
            "properties": {
                "citations": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MOST_CITATIONS,
                    "items": { "type": "string", "enum": references },
                },
                "text": { "type": "string" },
            },
            "required": ["citations", "text"],
            "additionalProperties": false,
        },
    });
    let mut properties = Map::new();
    if names_cause {
        properties
            .insert("cause".to_owned(), json!({ "type": "string", "enum": Cause::ALL.map(Cause::name) }));
    }
    properties.insert("sentences".to_owned(), sentences);
    let required: Vec<&String> = properties.keys().collect();
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

/// Reads an answer as it streams: JSON of the [`schema`], or plain sentences with `[T1]` where a server
/// held the model to nothing. The first characters decide.
#[derive(Default)]
pub struct Parser {
    form: Form,
}

#[derive(Default)]
enum Form {
    /// White space, or the beginning of a code fence, so far.
    #[default]
    Unknown,
    Begun(String),
    Json(json::Reader),
    Plain(plain::Reader),
}

impl Parser {
    /// What the next piece of text completes.
    pub fn feed(&mut self, text: &str) -> Vec<Piece> {
        match &mut self.form {
            Form::Json(reader) => reader.feed(text),
            Form::Plain(reader) => reader.feed(text),
            Form::Unknown => self.decide(text.to_string()),
            Form::Begun(begun) => {
                let whole = std::mem::take(begun) + text;
                self.decide(whole)
            }
        }
    }

    /// What is left when the answer ends: a sentence that was cut has lost its end or its citations, and
    /// comes as far as it was written.
    pub fn finish(mut self) -> Vec<Piece> {
        if let Form::Begun(begun) = &mut self.form {
            let begun = std::mem::take(begun);
            let mut reader = plain::Reader::default();
            let mut pieces = reader.feed(&begun);
            pieces.extend(reader.finish());
            return pieces;
        }
        match self.form {
            Form::Json(reader) => reader.finish(),
            Form::Plain(reader) => reader.finish(),
            Form::Unknown | Form::Begun(_) => Vec::new(),
        }
    }

    fn decide(&mut self, text: String) -> Vec<Piece> {
        let start = text.trim_start();
        let fence = "```json";
        if start.is_empty() || (start.len() < fence.len() && fence.starts_with(start)) {
            self.form = Form::Begun(text);
            return Vec::new();
        }
        self.form = match start.starts_with('{') || start.starts_with(fence) {
            true => Form::Json(json::Reader::default()),
            false => Form::Plain(plain::Reader::default()),
        };
        self.feed(&text)
    }
}

/// The sentences of one item of an answer: models put several into one, and each has to stand by itself.
/// `cut` says that the end of the text is missing; the last one then has no citation, so that it cannot.
fn item(text: &str, citations: &[String], cut: bool) -> Vec<Piece> {
    let parts = sentences(text);
    let last = parts.len().saturating_sub(1);
    let whole = |part: &str| part.ends_with(['.', '!', '?', ']']);
    let one = |(n, part): (usize, &String)| {
        let lost = cut && n == last && !whole(part);
        let mut said = sentence(part, if lost { Vec::new() } else { citations.to_vec() });
        // small models leave out the stop of a sentence that is an item of its own
        if !cut && said.text.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '`' | ')' | '"')) {
            said.text.push('.');
        }
        Piece::Sentence(said)
    };
    parts.iter().enumerate().map(one).collect()
}

/// A sentence out of raw text: hidden characters written out, white space made plain, and citations that
/// stand in the text taken out of it.
fn sentence(text: &str, citations: Vec<String>) -> Sentence {
    let (text, inside) = without_citations(&visible(text));
    let mut all: Vec<String> = Vec::new();
    for citation in citations.into_iter().chain(inside) {
        for part in citation.split(',') {
            let part = part.trim().trim_matches(['[', ']', '(', ')', '`', '"']).trim().to_string();
            if !part.is_empty() && !all.contains(&part) {
                all.push(part);
            }
        }
    }
    let text = match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    Sentence { text, citations: all }
}

/// The text without its `[T1]` and `[T1, FD101]`, and what they name.
fn without_citations(text: &str) -> (String, Vec<String>) {
    let (mut kept, mut citations) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let (before, from) = rest.split_at(open);
        kept.push_str(before);
        let inside = from[1..].split_once(']');
        match inside {
            Some((inside, after)) if inside.split(',').all(|part| is_citation(part.trim())) => {
                citations.extend(inside.split(',').map(|part| part.trim().to_string()));
                rest = after;
            }
            _ => {
                kept.push('[');
                rest = &from[1..];
            }
        }
    }
    kept.push_str(rest);
    let mut text = kept.split_whitespace().collect::<Vec<_>>().join(" ");
    for stop in ['.', ',', ';', ':', '!', '?'] {
        text = text.replace(&format!(" {stop} "), &format!("{stop} "));
        if text.ends_with(&format!(" {stop}")) {
            text.truncate(text.len() - 2);
            text.push(stop);
        }
    }
    (text, citations)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole pieces of `answer`, fed in parts of `size` characters.
    pub(super) fn parse(answer: &str, size: usize) -> (Option<Cause>, Vec<Sentence>, String) {
        let (mut parser, mut pieces) = (Parser::default(), Vec::new());
        let characters: Vec<char> = answer.chars().collect();
        for part in characters.chunks(size) {
            pieces.extend(parser.feed(&part.iter().collect::<String>()));
        }
        pieces.extend(parser.finish());
        let (mut cause, mut sentences, mut text) = (None, Vec::new(), String::new());
        for piece in pieces {
            match piece {
                Piece::Cause(named) => cause = Some(named),
                Piece::Sentence(sentence) => sentences.push(sentence),
                Piece::Text(part) => text.push_str(&part),
            }
        }
        (cause, sentences, text)
    }

    pub(super) fn said(text: &str, citations: &[&str]) -> Sentence {
        Sentence { text: text.to_string(), citations: citations.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn the_schema_enumerates_what_was_retrieved() {
        let schema = schema(&["T1".to_string(), "FD101".to_string()], true, 2);
        let sentence = &schema["properties"]["sentences"]["items"]["properties"];
        assert_eq!(sentence["citations"]["items"]["enum"], json!(["T1", "FD101"]));
        assert_eq!(schema["properties"]["cause"]["enum"].as_array().map(Vec::len), Some(9));
        assert_eq!(schema["required"], json!(["cause", "sentences"]));
        assert_eq!(super::schema(&[], false, 1)["required"], json!(["sentences"]));
        let order: Vec<_> = schema["properties"].as_object().into_iter().flat_map(|map| map.keys()).collect();
        assert_eq!(order, ["cause", "sentences"]);
    }

    #[test]
    fn the_form_is_told_from_the_first_characters() {
        for size in [1, 2, 3, 100] {
            let json = r#" {"cause":"time","sentences":[{"text":"It waits.","citations":["T1"]}]}"#;
            let fenced = format!("```json\n{json}\n```");
            for answer in [json, &fenced] {
                let (cause, sentences, text) = parse(answer, size);
                assert_eq!((cause, text.as_str()), (Some(Cause::Time), "It waits."));
                assert_eq!(sentences, [said("It waits.", &["T1"])]);
            }
            assert_eq!(parse("It waits [T1].", size).1, [said("It waits.", &["T1"])]);
            assert_eq!(parse("[T1] It waits.", size).1, [said("It waits.", &["T1"])]);
            assert_eq!(parse("``` It", size).1.len(), 1);
        }
        assert_eq!(parse("", 1), (None, Vec::new(), String::new()));
        assert_eq!(parse("  \n ", 1).1, []);
    }

    #[test]
    fn citations_inside_the_text_count() {
        let expected = said("It waits, then reads.", &["T1", "FD101", "T99"]);
        assert_eq!(sentence("It waits [FD101], then  reads [T99] .", vec!["T1".to_string()]), expected);
        assert_eq!(sentence("x", vec!["[T1]".into(), "T1, FD101".into()]), said("x", &["T1", "FD101"]));
        assert_eq!(sentence("a[0] is [not] one", vec![]), said("a[0] is [not] one", &[]));
    }

    #[test]
    fn nothing_hidden_leaves_the_parser() {
        let (_, sentences, text) =
            parse("{\"sentences\":[{\"text\":\"It\\u001b[2J waits\\u202e.\",\"citations\":[\"T1\"]}]}", 5);
        assert_eq!(sentences, [said("It\\x1b[2J waits\\u202e.", &["T1"])]);
        assert_eq!(text, "It\\x1b[2J waits\\u202e.");
    }
}

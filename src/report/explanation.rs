//! Explanations for a person at a terminal: sentences with their citations, then the sources that they cite.

use std::fmt::Write as _;

use crate::explain::Finished;
use crate::explain::evidence::{Source, SourceKind};
use crate::explain::grounding::Dropped;
use crate::explain::prompt::Prompt;
use crate::risk::{Assessment, RiskBasis};

/// What the test is, before anything is said about it.
pub fn explanation_head(test: &Assessment) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}  ({})", test.id, test.repo);
    let causes: Vec<_> = test.causes.iter().map(|cause| cause.title()).collect();
    let basis = match test.risk_basis {
        RiskBasis::Prior => "order only",
        RiskBasis::Adapted => "adapted",
    };
    let _ = writeln!(out, "{}  risk {:.2} ({basis})  {}", test.severity, test.risk, causes.join(", "));
    for finding in &test.findings {
        let _ = writeln!(out, "  {}:{} {} {}", test.file, finding.line, finding.code, finding.message);
    }
    out
}

/// One sentence with what it cites.
pub fn sentence(text: &str, citations: &[String]) -> String {
    let missing: Vec<String> = citations
        .iter()
        .map(|reference| format!("[{reference}]"))
        .filter(|mark| !text.contains(mark))
        .collect();
    format!("- {text} {}", missing.join("")).trim_end().to_owned()
}

/// The sources that were cited, and what was not kept.
pub fn answer_end(finished: &Finished) -> String {
    let (sources, sentences, dropped, model, note) = match finished {
        Finished::Explanation(answer) => {
            (&answer.sources, &answer.sentences, &answer.dropped, &answer.model, &answer.note)
        }
        Finished::Reply(answer) => {
            (&answer.sources, &answer.sentences, &answer.dropped, &answer.model, &answer.note)
        }
    };
    let is_cited = |source: &&Source| {
        sentences.is_empty()
            || sentences.iter().any(|sentence| sentence.citations.contains(&source.reference))
    };
    let mut out = String::from("\nSources\n");
    for source in sources.iter().filter(is_cited) {
        let repo = match (&source.repo, source.kind) {
            (Some(repo), SourceKind::Test) => format!("  ({repo})"),
            _ => String::new(),
        };
        let _ = writeln!(out, "  [{}] {}{repo}", source.reference, source.id);
    }
    if let Some(line) = left_out(dropped) {
        let _ = writeln!(out, "\n{line}");
    }
    match (model, note) {
        (_, Some(note)) => {
            let _ = writeln!(out, "\n{note}");
        }
        (Some(model), None) => {
            let _ = writeln!(out, "\nanswered by {model}; every sentence was checked against the sources");
        }
        (None, None) => {}
    }
    out
}

fn left_out(dropped: &[Dropped]) -> Option<String> {
    let sentences = if dropped.len() == 1 { "sentence was" } else { "sentences were" };
    (!dropped.is_empty())
        .then(|| format!("{} {sentences} dropped: not borne out by the sources", dropped.len()))
}

/// A rendered prompt, message after message.
pub fn prompt(prompt: &Prompt) -> String {
    let mut out = String::new();
    for message in &prompt.messages {
        let _ = writeln!(out, "--- {:?}\n{}", message.role, message.content);
    }
    let _ = writeln!(out, "--- about {} tokens", prompt.tokens);
    out
}

//! Hits and patterns for a person at a terminal.

use std::fmt::Write as _;

use super::count;
use crate::patterns::Patterns;
use crate::search::SearchAnswer;

/// Hits with their reasons, best first.
pub fn hits(answer: &SearchAnswer) -> String {
    let unmet = match answer.unmet.as_slice() {
        [] => String::new(),
        unmet => format!("nothing found that is: {}\n", unmet.join("; ")),
    };
    if answer.hits.is_empty() {
        return format!("{unmet}nothing relevant was found; 'flakydetector index PATH' adds tests\n");
    }
    let mut out = unmet;
    for (place, hit) in answer.hits.iter().enumerate() {
        let _ = writeln!(out, "{:>2}. {}  ({})", place + 1, hit.id, hit.repo);
        let _ = writeln!(out, "    {}  risk {:.2}  {}:{}", hit.severity, hit.risk, hit.file, hit.line);
        let _ = writeln!(out, "    {}", hit.why.join("; "));
    }
    out
}

/// Patterns, the most frequent first.
pub fn patterns(found: &Patterns) -> String {
    let mut out = String::new();
    let _ =
        writeln!(out, "{} tests of {}", found.tests, count(found.repos.len(), "repository", "repositories"));
    for pattern in &found.patterns {
        let _ = writeln!(
            out,
            "\n{} {} ({}, at worst {}): {} tests, {:.1}%",
            pattern.code,
            pattern.name,
            pattern.cause,
            pattern.severity,
            pattern.tests,
            pattern.share * 100.0
        );
        let _ = writeln!(out, "  in {}", pattern.repos.join(", "));
        if !pattern.teams.is_empty() {
            let _ = writeln!(out, "  teams: {}", pattern.teams.join(", "));
        }
        if !pattern.libraries.is_empty() {
            let _ = writeln!(out, "  with: {}", pattern.libraries.join(", "));
        }
        for example in &pattern.examples {
            let _ = writeln!(out, "  - {example}");
        }
    }
    out
}

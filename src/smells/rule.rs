//! What a rule is, and how it says what it found. A rule's documentation is the head of its own file.

use serde::Serialize;
use utoipa::ToSchema;

use super::context::{Context, Reached};
use super::finding::{Cause, Finding, Fix, Severity};
use super::mend::Mend;
use crate::python::ast::Span;

/// Looks for one smell in one test with everything that the test reaches.
pub trait Rule: Sync {
    /// `FD101`; its hundred is the cause.
    fn code(&self) -> &'static str;
    /// `sleep-as-synchronization`
    fn name(&self) -> &'static str;
    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>);
}

/// A rule as it is registered, with the text of its file.
pub struct Registered {
    pub rule: &'static dyn Rule,
    pub(super) file: &'static str,
}

/// A rule for people and programs.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RuleInfo {
    pub code: String,
    pub name: String,
    pub cause: Cause,
    /// What it detects.
    pub summary: String,
    /// The whole documentation.
    pub markdown: String,
}

/// The fixed headings of a rule's documentation, in their order.
pub const HEADINGS: [&str; 5] =
    ["What it detects", "Why it makes tests unstable", "Example", "Use instead", "Known false positives"];

impl Registered {
    pub fn code(&self) -> &'static str {
        self.rule.code()
    }

    pub fn name(&self) -> &'static str {
        self.rule.name()
    }

    pub fn cause(&self) -> Cause {
        let hundred =
            self.code().as_bytes().get(2).map_or(0, |digit| usize::from(digit.saturating_sub(b'1')));
        Cause::ALL[hundred.min(Cause::ALL.len() - 1)]
    }

    pub fn info(&self) -> RuleInfo {
        RuleInfo {
            code: self.code().to_owned(),
            name: self.name().to_owned(),
            cause: self.cause(),
            summary: self.section("What it detects"),
            markdown: self.documentation(),
        }
    }

    /// What the rule finds in a test.
    pub(super) fn run<'r>(&self, context: &'r Context<'r, 'r>) -> Report<'r> {
        let (code, name, cause) = (self.code(), self.name(), self.cause());
        let mut report = Report { context, code, name, cause, findings: vec![], silenced: vec![] };
        self.rule.check(context, &mut report);
        report
    }

    /// The documentation in Markdown: the `//!` lines at the head of the rule's file.
    pub fn documentation(&self) -> String {
        self.file
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The text under one of [`HEADINGS`].
    pub fn section(&self, heading: &str) -> String {
        self.documentation()
            .split("\n## ")
            .find_map(|part| {
                part.trim_start_matches("## ").strip_prefix(heading).map(str::trim).map(str::to_owned)
            })
            .unwrap_or_default()
    }
}

/// What a rule has to say about one place.
pub struct Smell {
    pub span: Span,
    pub severity: Severity,
    /// From 0 to 1.
    pub confidence: f32,
    pub message: String,
    /// What to do, with the concrete tool.
    pub help: String,
}

/// Collects what the rules find in one test.
pub struct Report<'r> {
    pub(super) context: &'r Context<'r, 'r>,
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) cause: Cause,
    pub(super) findings: Vec<Finding>,
    /// Lines whose comment kept something from being reported.
    pub(super) silenced: Vec<u32>,
}

impl Report<'_> {
    /// Reports a smell in one of the functions that the test reaches. A place in another file is reported where
    /// the test leads to it, with the way there.
    pub fn add(&mut self, at: &Reached<'_, '_>, smell: Smell) {
        self.add_mended(at, smell, |_| None);
    }

    /// As [`Report::add`], with the edits that mend it; those of another file are left to whoever scans that.
    pub(super) fn add_mended(
        &mut self,
        at: &Reached<'_, '_>,
        smell: Smell,
        mend: impl FnOnce(Mend<'_>) -> Option<Fix>,
    ) {
        let case = self.context.case;
        let here = self.context.analysis.view(case.module).module;
        let there = self.context.analysis.view(at.function.module).module;
        let same_file = at.function.module == case.module;
        let span = if same_file { smell.span } else { at.anchor };
        let (line, column) = here.position(span.start);
        let (end_line, end_column) = here.position(span.end);
        let via = at.via.as_ref().map(|name| {
            let line = there.line(smell.span.start);
            if same_file { format!("{name}, line {line}") } else { format!("{name}, {}:{line}", there.file) }
        });
        let message = match &via {
            Some(via) => format!("{} (via {via})", smell.message),
            None => smell.message,
        };
        let same = |known: &Finding| known.code == self.code && known.line == line && known.column == column;
        if self.findings.iter().any(same) {
            return;
        }
        let own_line = there.line(smell.span.start);
        if there.silences(own_line, self.code) {
            self.silenced.push(own_line);
            return;
        }
        self.findings.push(Finding {
            code: self.code.to_owned(),
            name: self.name.to_owned(),
            cause: self.cause,
            line,
            column,
            end_line,
            end_column,
            severity: smell.severity,
            confidence: smell.confidence,
            message,
            help: smell.help,
            via,
            fix: if same_file { mend(Mend::new(self.context, at)) } else { None },
            read_by: vec![],
            origin: (at.function.module, smell.span.start),
        });
    }
}

//! # FD907 said-to-be-unstable
//!
//! ## What it detects
//! A test that its own authors call unstable: the reason of an `xfail` or of a skip under a condition, a call of
//! `pytest.xfail` or `pytest.skip`, a comment or the docstring (`# FIXME: flaky`, `# this test is racy`).
//!
//! ## Why it makes tests unstable
//! Whoever wrote it has seen the test fail without a defect. The words keep nobody from losing an hour to it again, and
//! where the test may fail, a real defect hides behind them.
//!
//! ## Example
//! ```python
//! @pytest.mark.xfail(reason="flaky: the worker may be slow")
//! def test_upload(worker):
//!     worker.upload("a.txt")
//!     assert worker.done
//! ```
//!
//! ## Use instead
//! Find what the test races with or depends on, wait for that or isolate it, and take the words away.
//! ```python
//! def test_upload(worker):
//!     worker.upload("a.txt")
//!     assert worker.wait(timeout=10)
//! ```
//!
//! ## Known false positives
//! Words about what was unstable once, or about what the code under test does with unstable tests. A test that is always
//! skipped is not reported.

use super::words::last;
use super::{Context, Report, Rule, Severity, Smell};
use crate::python::ast::{Call, Expr, Span, StmtKind};

pub(super) struct SaidToBeUnstable;

impl Rule for SaidToBeUnstable {
    fn code(&self) -> &'static str {
        "FD907"
    }

    fn name(&self) -> &'static str {
        "said-to-be-unstable"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        let at = test.test();
        let mut tell = |span: Span, severity: Severity, confidence: f32, words: &str| {
            let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
            let shown: String = words.chars().take(80).collect();
            report.add(
                at,
                Smell {
                    span,
                    severity,
                    confidence,
                    message: format!("who wrote the test says that it fails now and then: \"{shown}\""),
                    help: "reproduce the failure (pytest --count, pytest-randomly, a loaded machine), mend its cause and \
                           take the words away"
                        .to_owned(),
                },
            );
        };
        for (path, decorator) in &test.decorators {
            let is_own = at.function.function.decorators.iter().any(|own| std::ptr::eq(own, *decorator));
            let may_run = matches!(last(path), "xfail" | "skipif" | "skipIf" | "skipUnless");
            if let Some(reason) = decorator.as_call().filter(|_| may_run).and_then(reason) {
                let span = if is_own { decorator.span } else { at.function.function.name_span };
                // where it is skipped, it can fail nobody
                let severity = if last(path) == "xfail" { Severity::Medium } else { Severity::Low };
                return tell(span, severity, 0.8, reason);
            }
        }
        let gives_up = |path: &str| matches!(path, "pytest.xfail" | "pytest.skip") || path.ends_with(".skipTest");
        for site in at.sites.calls.iter().filter(|site| gives_up(&site.path)) {
            if let Some(reason) = reason(site.call) {
                return tell(site.expr.span, Severity::Medium, 0.7, reason);
            }
        }
        let module = test.analysis.view(at.function.module).module;
        let function = at.function.function;
        if let Some(first) = function.body.first()
            && let StmtKind::Expr(text) = &first.kind
            && let Some(words) = text.as_str().and_then(|text| text.split(['.', ';']).find(|words| is_of_the_test(words) && says_unstable(words)))
        {
            return tell(first.span, Severity::Low, 0.5, words);
        }
        let (above, start) = (lines_above(&module.source, function.span.start), function.span.start);
        let source = &module.source[above as usize..function.span.end as usize];
        if !may_say(source) {
            return;
        }
        let mut offset = above;
        for line in source.split_inclusive('\n') {
            if let Some((place, words)) = comment(line).filter(|(_, words)| confesses(words)) {
                let begins = offset + place as u32;
                let span = if begins < start {
                    function.name_span
                } else {
                    Span { start: begins, end: offset + line.trim_end().len() as u32 }
                };
                return tell(span, Severity::Low, 0.6, words);
            }
            offset += line.len() as u32;
        }
    }
}

/// A text among the arguments that says so.
fn reason(call: &Call) -> Option<&str> {
    let reason = call.keyword("reason").or_else(|| call.keyword("msg"));
    let mut texts = call.args.iter().chain(reason).filter_map(Expr::as_str);
    texts.find(|text| says_unstable(text))
}

/// Where the comments right above a place begin.
fn lines_above(source: &str, start: u32) -> u32 {
    let mut from = source[..start as usize].rfind('\n').map_or(0, |at| at + 1);
    while from > 0 {
        let line = source[..from - 1].rfind('\n').map_or(0, |at| at + 1);
        if !source[line..from].trim_start().starts_with('#') {
            break;
        }
        from = line;
    }
    from as u32
}

/// The comment of a line, and where it begins.
fn comment(line: &str) -> Option<(usize, &str)> {
    let at = line.find('#')?;
    let is_own = line[..at].trim_end().is_empty() || line[..at].ends_with("  ");
    is_own.then(|| (at, line[at..].trim()))
}

/// Whether a text may say so at all, which few do.
fn may_say(text: &str) -> bool {
    ["flak", "Flak", "FLAK", "ntermittent", "poradic", "racy", "ace condition", "ometimes", "andomly"]
        .iter()
        .any(|word| text.contains(word))
}

/// A comment about the test: `# this test is flaky`, `# FIXME: racy`, `# flaky??`
fn confesses(comment: &str) -> bool {
    let words = comment.trim_matches(|char: char| !char.is_alphanumeric()).to_ascii_lowercase();
    let is_all = matches!(words.as_str(), "flaky" | "flakey" | "racy" | "flaky test");
    let is_task = ["fixme", "todo", "xxx"].iter().any(|mark| words.starts_with(mark));
    is_all || ((is_task || is_of_the_test(&words)) && says_unstable(&words))
}

fn is_of_the_test(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    ["this test ", "the test ", "test is ", "test sometimes "].iter().any(|about| words.contains(about))
}

fn says_unstable(text: &str) -> bool {
    const WORDS: [&str; 8] =
        ["flaky", "flakey", "flakiness", "intermittent", "intermittently", "sporadic", "sporadically", "racy"];
    const PHRASES: [&str; 7] = [
        "race condition",
        "sometimes fail",
        "fails sometimes",
        "fail sometimes",
        "randomly fail",
        "fails randomly",
        "occasionally fail",
    ];
    const CURED: [&str; 12] = [
        "avoid", "prevent", "reduce", "otherwise", "no longer", "not flaky", "would", "used to", "so that", "less", "to make",
        "becomes",
    ];
    let text = text.to_ascii_lowercase();
    let says = text.split(|char: char| !char.is_alphanumeric()).any(|word| WORDS.contains(&word))
        || PHRASES.iter().any(|phrase| text.contains(phrase));
    says && !CURED.iter().any(|cure| text.contains(cure))
}

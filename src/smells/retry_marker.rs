//! # FD904 retry-marker
//!
//! ## What it detects
//! A mark or decorator that runs a failed test again: `pytest.mark.flaky`, `@flaky`, a retry decorator on a test.
//!
//! ## Why it makes tests unstable
//! The mark says that the test is known to fail now and then. It hides the failure instead of mending it, and with
//! it every real defect that shows itself only sometimes.
//!
//! ## Example
//! ```python
//! @pytest.mark.flaky(reruns=3)
//! def test_upload(client):
//!     assert client.upload("a.txt").done
//! ```
//!
//! ## Use instead
//! Find what the test races with or depends on, wait for that or isolate it, and take the mark away.
//! ```python
//! def test_upload(client):
//!     assert client.upload("a.txt").wait(timeout=10)
//! ```
//!
//! ## Known false positives
//! A project's own decorator that has `flaky` or `retry` in its name and does something else.

use super::words::last;
use super::{Context, Report, Rule, Severity, Smell};
use crate::python::ast::Expr;

pub(super) struct RetryMarker;

impl Rule for RetryMarker {
    fn code(&self) -> &'static str {
        "FD904"
    }

    fn name(&self) -> &'static str {
        "retry-marker"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (path, decorator) in &test.decorators {
            if !reruns(path) || is_off(decorator) || runs_once(test, path) {
                continue;
            }
            let at = test.test();
            // a mark on a base class stands in another file
            let is_own = at.function.module == test.case.module
                || at.function.function.decorators.iter().any(|own| std::ptr::eq(own, *decorator));
            let base = elsewhere(test, decorator);
            let span = if is_own && base.is_none() { decorator.span } else { at.function.function.name_span };
            let of = base.map_or_else(String::new, |class| format!(" on {class}"));
            // a mark of the project's own says something, and what it does is not known
            let is_own_mark = path.starts_with("pytest.mark.") && !is_known(last(path));
            let only_says = is_own_mark || (path == "pytest.mark.flaky" && decorator.as_call().is_none());
            report.add(
                at,
                Smell {
                    span,
                    // what is replayed from a cassette does not fail with the network for which it was marked
                    severity: if is_own_mark || test.decorators.iter().any(|(path, _)| path == "pytest.mark.vcr") {
                        Severity::Medium
                    } else {
                        Severity::High
                    },
                    confidence: 0.95,
                    message: if only_says {
                        format!("`{path}`{of} says that the test is known to fail now and then, and lets it")
                    } else {
                        format!("`{path}`{of} runs the test again until it passes; it is known to fail now and then")
                    },
                    help: "reproduce the failure (pytest --count, pytest-randomly, a loaded machine), mend its cause \
                           and take the mark away"
                        .to_owned(),
                },
            );
        }
    }
}

/// The base class in another file on which a decorator stands.
fn elsewhere<'a>(test: &Context<'a, '_>, decorator: &Expr) -> Option<&'a str> {
    let bases = test.case.lineage.iter().filter(|base| base.module != test.case.module);
    let on = |class: &crate::python::ast::Class| class.decorators.iter().any(|own| std::ptr::eq(own, decorator));
    bases.map(|base| base.class).find(|class| on(class)).map(|class| &*class.name)
}

fn reruns(path: &str) -> bool {
    let name = last(path);
    is_known(name)
        || (name.contains("retry") && !name.contains("no_retry") && !path.starts_with("pytest.mark."))
        || (name.contains("flaky")
            && !["skip", "xfail", "not_", "unflaky"].iter().any(|word| name.contains(word)))
}

fn is_known(name: &str) -> bool {
    matches!(
        name,
        "flaky" | "rerun" | "reruns" | "repeat_on_fail" | "retry_on_failure" | "retry_on_fail" | "flaky_test"
            | "retry"
            | "retries"
    )
}

/// A decorator of the project's own that holds no loop, whatever its name: one that skips, or lets the test fail.
fn runs_once(test: &Context<'_, '_>, path: &str) -> bool {
    let module = test.case.function.module;
    let own = test.analysis.view(module).functions.get(path).map(|function| (module, *function));
    let found = own.or_else(|| test.analysis.function(module, path).map(|found| (found.module, found.function)));
    found.is_some_and(|(module, function)| {
        let text = test.analysis.view(module).module.text(function.span);
        !["for ", "while ", "retry(", "retrying(", "flaky(", "rerun("].iter().any(|word| text.split_once(':').is_some_and(|(_, body)| body.contains(word)))
    })
}

/// `@pytest.mark.flaky(reruns=0)`, and a filter that says alone which failures would count
fn is_off(decorator: &Expr) -> bool {
    decorator.as_call().is_some_and(|call| {
        let filtered = call.keyword("rerun_filter").is_some() && call.keyword("max_runs").is_none();
        filtered
            || call.keyword("max_runs").and_then(Expr::as_number) == Some(1.0)
            || call.argument(0, "reruns").and_then(Expr::as_number) == Some(0.0)
    })
}

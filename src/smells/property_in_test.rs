//! # FD507 property-in-test
//!
//! ## What it detects
//! A function under `@given` that is defined and run inside a test, with neither `derandomize=True` nor a seed.
//!
//! ## Why it makes tests unstable
//! The outer test expects what the inner one finds. Hypothesis draws other examples in every run, so now and then it
//! finds nothing, or something else, and the outer test fails.
//!
//! ## Example
//! ```python
//! def test_reports_failures():
//!     @given(integers())
//!     def inner(number):
//!         assert number < 1000
//!
//!     with pytest.raises(AssertionError):
//!         inner()
//! ```
//!
//! ## Use instead
//! Examples that are the same in every run.
//! ```python
//! @settings(derandomize=True)
//! @given(integers())
//! def inner(number): ...
//! ```
//!
//! ## Known false positives
//! An inner test that finds the same on every draw.

use super::words::is_nothing;
use super::{Context, Report, Role, Rule, Severity, Smell};
use crate::python::sites::Use;

pub(super) struct PropertyInTest;

impl Rule for PropertyInTest {
    fn code(&self) -> &'static str {
        "FD507"
    }

    fn name(&self) -> &'static str {
        "property-in-test"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            // the test's own decorators are no calls within it
            let Some(site) = at.sites.calls.iter().find(|site| {
                site.path.starts_with("hypothesis.") && site.path.ends_with("given") && site.used == Use::Other
            }) else {
                continue;
            };
            let own = test.analysis.view(at.function.module).module.text(at.function.function.span);
            if own.contains("derandomize") || own.contains("seed(") || own.contains("@example") {
                continue;
            }
            report.add_mended(
                at,
                Smell {
                    span: site.expr.span,
                    severity: Severity::Low,
                    confidence: 0.6,
                    message: "this inner property draws other examples in every run, and the test expects what it finds"
                        .to_owned(),
                    help: "put settings(derandomize=True) or hypothesis.seed(…) on the inner function".to_owned(),
                },
                |mut mend| {
                    let mut calls = at.sites.calls.iter();
                    let settings = calls.find(|call| call.path == "hypothesis.settings" && call.used == Use::Other);
                    match settings.map(|settings| settings.call) {
                        // what is kept between runs is drawn again
                        Some(call) if call.keyword("database").is_some_and(|database| !is_nothing(database)) => return None,
                        Some(call) => {
                            let (_, last) = call.keywords.last()?;
                            mend.insert(last.span.end, ", derandomize=True");
                        }
                        None => {
                            let settings = mend.import("hypothesis.settings")?;
                            mend.decorate(site.expr.span, &format!("@{settings}(derandomize=True)"))?;
                        }
                    }
                    mend.risky("draw the same examples in every run")
                },
            );
        }
    }
}

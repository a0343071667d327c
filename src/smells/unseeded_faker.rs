//! # FD503 unseeded-faker
//!
//! ## What it detects
//! Made-up data from Faker without a seed, where two draws must differ or an assertion depends on one.
//!
//! ## Why it makes tests unstable
//! Names, words and numbers come from short lists: two of them are equal sooner or later. A name with an
//! apostrophe or an address that is too long comes up once in a thousand runs, and is gone afterwards.
//!
//! ## Example
//! ```python
//! fake = Faker()
//!
//! def test_two_users():
//!     create_user(fake.first_name())
//!     create_user(fake.first_name())
//!     assert count_users() == 2
//! ```
//!
//! ## Use instead
//! Faker's pytest fixture `faker`, which is seeded for each test, `Faker.seed(…)`, or `fake.unique`.
//! ```python
//! def test_two_users(faker):
//!     create_user(faker.unique.first_name())
//!     create_user(faker.unique.first_name())
//!     assert count_users() == 2
//! ```
//!
//! ## Known false positives
//! Draws that need not differ (reported as medium at most).

use super::assertions::comparisons;
use super::randomness::{Tainted, is_seeded};
use super::words::last;
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::sites::CallSite;

pub(super) struct UnseededFaker;

impl Rule for UnseededFaker {
    fn code(&self) -> &'static str {
        "FD503"
    }

    fn name(&self) -> &'static str {
        "unseeded-faker"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            let draws: Vec<_> =
                at.sites.calls.iter().zip(&at.paths).filter(|(_, path)| provider(path).is_some()).collect();
            if draws.is_empty() || is_seeded(test) {
                continue;
            }
            for (site, path) in &draws {
                let name = provider(path).unwrap_or_default();
                let before = draws
                    .iter()
                    .any(|(other, path)| other.at.order < site.at.order && provider(path) == Some(name));
                let Some((severity, why)) = judge(at, site, before && is_small(name)) else { continue };
                report.add_mended(
                    at,
                    Smell {
                        span: site.expr.span,
                        severity,
                        confidence: 0.75,
                        message: format!("`{name}` is made up anew in every run, {why}"),
                        help: "take the seeded faker fixture, call Faker.seed(…) in a fixture, or draw from fake.unique"
                            .to_owned(),
                    },
                    |mut mend| {
                        let faker = test.module().imports.iter().find(|(_, known)| &***known == "faker.Faker")?.0;
                        mend.at_start(&format!("{faker}.seed(0)"))?;
                        let message = "make up the same values in every run";
                        if severity == Severity::Low { mend.safe(message) } else { mend.risky(message) }
                    },
                );
            }
        }
    }
}

fn judge(at: &Reached<'_, '_>, site: &CallSite<'_>, is_second: bool) -> Option<(Severity, &'static str)> {
    let own = Tainted::new(at, &[site]);
    let compared = at.sites.asserts.iter().flat_map(|assert| comparisons(assert.test)).any(|comparison| {
        let (left, right) = (own.holds(comparison.left), own.holds(comparison.right));
        // `key not in record`: a draw among the values of a record is none of its keys
        (comparison.op == "!=" && left != right) || (comparison.op == "not in" && left && !right)
    });
    if compared && is_small(last(&site.path)) {
        return Some((
            Severity::High,
            "and the assertion that values differ fails when they happen to be equal",
        ));
    }
    is_second.then_some((Severity::Medium, "and may be what an earlier draw of the same kind gave"))
}

/// The provider that a draw from an instance of Faker calls; `unique` draws are none.
fn provider(path: &str) -> Option<&str> {
    let rest =
        path.strip_prefix("faker.Faker().").or_else(|| path.strip_prefix("faker.Factory.create()."))?;
    (!rest.contains(['.', '(']) && !rest.starts_with("seed") && !rest.starts_with("add_")).then_some(rest)
}

/// Providers that draw from a short list or a small range.
fn is_small(name: &str) -> bool {
    matches!(
        name,
        "name"
            | "first_name"
            | "last_name"
            | "word"
            | "city"
            | "country"
            | "color"
            | "color_name"
            | "company"
            | "job"
            | "random_int"
            | "random_digit"
            | "random_number"
            | "random_element"
            | "user_name"
            | "email"
            | "pyint"
            | "boolean"
            | "pybool"
            | "date"
            | "year"
            | "month"
            | "day_of_week"
            | "country_code"
            | "currency_code"
            | "language_code"
            | "state"
            | "prefix"
            | "suffix"
            | "random_letter"
            | "slug"
            | "domain_word"
    )
}

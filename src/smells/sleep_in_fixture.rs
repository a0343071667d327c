//! # FD105 sleep-in-fixture
//!
//! ## What it detects
//! A fixed pause in a fixture before it hands out its value, or in `setUp` and its kin.
//!
//! ## Why it makes tests unstable
//! The pause is a guess at how long a service or thread takes to come up. Every test that uses the fixture inherits
//! the guess, so one slow start fails them all; and every test pays for the pause.
//!
//! ## Example
//! ```python
//! @pytest.fixture
//! def server():
//!     process = subprocess.Popen(["server"])
//!     time.sleep(3)
//!     yield process
//!     process.terminate()
//! ```
//!
//! ## Use instead
//! Ask for readiness with a deadline, or have the thing announce it.
//! ```python
//! deadline = time.monotonic() + 30
//! while not accepts_connections(port):
//!     assert time.monotonic() < deadline, "server did not start"
//!     time.sleep(0.05)
//! ```
//!
//! ## Known false positives
//! A pause that keeps within a rate limit of a service. Pauses in a poll, after the fixture's `yield` and in teardown
//! are not reported.

use super::words::{is_sleep, starts_work};
use super::{Context, Report, Role, Rule, Severity, Smell};

pub(super) struct SleepInFixture;

impl Rule for SleepInFixture {
    fn code(&self) -> &'static str {
        "FD105"
    }

    fn name(&self) -> &'static str {
        "sleep-in-fixture"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            let place = match at.role {
                Role::Fixture(_) => format!("fixture `{}`", at.function.function.name),
                Role::Setup => format!("`{}`", at.function.function.name),
                _ => continue,
            };
            if !is_sleep(path) || test.mocks.covers(path) || site.at.after_yield {
                continue;
            }
            let seconds = site.call.args.first().and_then(|argument| argument.as_number());
            if seconds == Some(0.0) || site.at.loops > 0 || site.at.in_nested || site.at.in_finally {
                continue;
            }
            // a pause that only keeps two actions apart waits for nothing
            let mut calls = at.sites.calls.iter().zip(&at.paths);
            let started = calls.any(|(call, path)| call.at.order < site.at.order && starts_work(path));
            // most tests wait for what they need themselves, so a short set-up bites few of them
            let is_sure = seconds.is_some() && started;
            report.add(
                at,
                Smell {
                    span: site.expr.span,
                    severity: if is_sure { Severity::Medium } else { Severity::Low },
                    confidence: if is_sure { 0.85 } else { 0.7 },
                    message: format!(
                        "`{}` in {place} guesses how long the set-up takes; when it takes longer, every test that relies on it fails",
                        test.text(at, site.expr)
                    ),
                    help: "poll for readiness with a deadline (connect, ping, a file that appears), or wait for a \
                           threading.Event that the service sets"
                        .to_owned(),
                },
            );
        }
    }
}

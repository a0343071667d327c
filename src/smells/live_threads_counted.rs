//! # FD112 live-threads-counted
//!
//! ## What it detects
//! An assertion that compares the number or list of live threads, tasks or child processes (`threading.active_count()`,
//! `threading.enumerate()`, `asyncio.all_tasks()`, `multiprocessing.active_children()`) at one moment.
//!
//! ## Why it makes tests unstable
//! A thread or process that has done its work still takes a while to be gone, and libraries and other tests keep some of
//! their own. The count is right a moment later or with another test before.
//!
//! ## Example
//! ```python
//! before = threading.active_count()
//! service.stop()
//! assert threading.active_count() == before
//! ```
//!
//! ## Use instead
//! Join what was started, or look again until a deadline for exactly the threads meant.
//! ```python
//! service.stop()
//! service.thread.join(timeout=30)
//! assert not service.thread.is_alive()
//! ```
//!
//! ## Known false positives
//! A count taken while everything that could change it is known to be waiting.

use super::comparison::{Operator, comparisons};
use super::flow::Sources;
use super::polling::{is_polled, poll_before};
use super::{Context, Report, Role, Rule, Severity, Smell};

pub(super) struct LiveThreadsCounted;

impl Rule for LiveThreadsCounted {
    fn code(&self) -> &'static str {
        "FD112"
    }

    fn name(&self) -> &'static str {
        "live-threads-counted"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| matches!(at.role, Role::Test | Role::Helper)) {
            let Some(counts) = Sources::of(at, |path| counts_live(path) && !test.mocks.covers(path)) else {
                continue;
            };
            for assert in at.sites.asserts.iter().filter(|assert| !assert.at.in_while) {
                for pair in comparisons(assert) {
                    let order = assert.at.order;
                    // only what is read in the assertion, or just before under a name, is compared with something
                    let found = counts.behind(pair.left, order).or_else(|| counts.behind(pair.right, order));
                    let Some((site, _)) = found.filter(|_| pair.operator == Operator::Equal) else { continue };
                    if is_polled(test, at, site.expr, order) {
                        continue;
                    }
                    report.add_mended(
                        at,
                        Smell {
                            span: assert.span,
                            severity: Severity::Medium,
                            confidence: 0.65,
                            message: format!(
                                "`{}` counts what lives at this moment; what has ended may not be gone yet, and others may live as well",
                                test.text(at, site.expr)
                            ),
                            help: "join() what was started and assert is_alive() of it, or look again until a deadline"
                                .to_owned(),
                        },
                        |mend| poll_before(mend, assert.span, test.case.is_async),
                    );
                }
            }
        }
    }
}

fn counts_live(path: &str) -> bool {
    matches!(
        path,
        "threading.active_count"
            | "threading.activeCount"
            | "threading.enumerate"
            | "asyncio.all_tasks"
            | "asyncio.Task.all_tasks"
            | "multiprocessing.active_children"
    )
}

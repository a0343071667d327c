//! # FD705 fixture-without-teardown
//!
//! ## What it detects
//! A fixture, `setUp` or `setUpClass` that starts a process or opens a server, socket, browser, event loop or
//! database connection, with nothing that ends it afterwards.
//!
//! ## Why it makes tests unstable
//! Each test adds one more. They keep ports, connections and locks, and the test that fails is the one that comes
//! when there are too many.
//!
//! ## Example
//! ```python
//! @pytest.fixture
//! def server():
//!     return subprocess.Popen(["shop", "serve"])
//! ```
//!
//! ## Use instead
//! `yield`, with the end after it.
//! ```python
//! @pytest.fixture
//! def server():
//!     process = subprocess.Popen(["shop", "serve"])
//!     yield process
//!     process.terminate()
//!     process.wait(timeout=10)
//! ```
//!
//! ## Known false positives
//! Something that each test using the fixture ends itself is not reported for those tests, nor is a server
//! of which the test wants one answer (`handle_request`).

use super::resources::{Fate, Resource, fate, opens};
use super::words::{is_test_code, last};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::Expr;
use crate::python::sites::{CallSite, Use};

pub(super) struct FixtureWithoutTeardown;

impl Rule for FixtureWithoutTeardown {
    fn code(&self) -> &'static str {
        "FD705"
    }

    fn name(&self) -> &'static str {
        "fixture-without-teardown"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            if !matches!(at.role, Role::Fixture(_) | Role::Setup) || site.at.after_yield || site.at.in_nested
            {
                continue;
            }
            let Some(resource) = opens(path).or_else(|| connects(path)) else { continue };
            if !is_test_code(test, at) || test.mocks.covers(path) || tears_down(test, at.function.function) {
                continue;
            }
            if answers_once(test, at, site)
                || is_handed_to_teardown(test, at, site)
                || !matches!(fate(test, at, site), Fate::LeftOpen | Fate::HandedOut)
            {
                continue;
            }
            report.add(
                at,
                Smell {
                    span: site.expr.span,
                    severity: if resource.disturbs { Severity::High } else { Severity::Medium },
                    confidence: 0.8,
                    message: format!(
                        "{} from `{path}` is never ended, and each test adds another",
                        resource.what
                    ),
                    help: if at.role == Role::Setup {
                        format!("call {} in tearDown or by addCleanup", resource.closed_by)
                    } else {
                        format!("yield it and call {} after the yield", resource.closed_by)
                    },
                },
            );
        }
    }
}

/// A server that answers one request is done then: the test has it do so, or the file one of its name.
fn answers_once(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let source = &test.analysis.view(at.function.module).module.source;
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let answers = |name: &str| {
        let call = format!("{name}.handle_request()");
        source.match_indices(&call).any(|(start, _)| !source[..start].ends_with(is_word))
    };
    matches!(site.used, Use::Assigned(name) if answers(name))
        || test.calls().any(|(_, _, path)| last(path) == "handle_request")
}

/// `kill_process(cls.server)` at the end, whatever it does.
fn is_handed_to_teardown(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let kept = at.sites.writes.iter().find(|write| write.value.is_some_and(|value| value.span == site.expr.span));
    let Some(name) = kept.and_then(|write| write.target.dotted()?.last().copied()) else { return false };
    let is_it = |expr: &Expr| expr.dotted().is_some_and(|parts| parts.len() > 1 && parts.last() == Some(&name));
    test.reach.iter().filter(|reached| reached.role == Role::Teardown).any(|reached| {
        reached.sites.calls.iter().any(|call| call.call.args.iter().any(is_it))
    })
}

/// Connections that a fixture should end; in a test they end with its locals.
fn connects(path: &str) -> Option<Resource> {
    let is_connection = matches!(
        path,
        "sqlite3.connect"
            | "psycopg2.connect"
            | "psycopg.connect"
            | "pymysql.connect"
            | "MySQLdb.connect"
            | "asyncpg.connect"
            | "pymongo.MongoClient"
            | "pika.BlockingConnection"
            | "smtplib.SMTP"
            | "ftplib.FTP"
            | "paramiko.SSHClient"
    );
    is_connection.then_some(Resource { what: "the connection", closed_by: "close()", disturbs: false })
}

/// A fixture that does something after its yield or adds a finalizer; what that is may be out of sight.
fn tears_down(test: &Context<'_, '_>, function: &crate::python::ast::Function) -> bool {
    test.fixtures
        .iter()
        .find(|found| std::ptr::eq(found.fixture.function, function))
        .is_some_and(|found| found.fixture.tears_down)
}

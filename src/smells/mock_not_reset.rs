//! # FD610 mock-not-reset
//!
//! ## What it detects
//! A mock made once at the top of a module or in a class body, whose calls a test counts without resetting it.
//!
//! ## Why it makes tests unstable
//! The mock keeps the calls of all tests. `assert_called_once` holds for the first one that calls it and fails for
//! every later one; which is first depends on the order, on the selection and on whether a test runs again.
//!
//! ## Example
//! ```python
//! send = Mock()
//!
//! def test_sends():
//!     register("ada", send)
//!     send.assert_called_once_with("ada")
//! ```
//!
//! ## Use instead
//! A mock for each test, from a fixture, `mocker` or `patch`.
//! ```python
//! @pytest.fixture
//! def send():
//!     return Mock()
//! ```
//!
//! ## Known false positives
//! A mock that code called by name only resets.

use super::assertions::comparisons;
use super::origins::root;
use super::{Context, Report, Rule, Severity, Smell};
use crate::python::ast::{Class, Expr, ExprKind, StmtKind};
use crate::python::sites::value_path;

pub(super) struct MockNotReset;

impl Rule for MockNotReset {
    fn code(&self) -> &'static str {
        "FD610"
    }

    fn name(&self) -> &'static str {
        "mock-not-reset"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        let at = test.test();
        for assert in &at.sites.asserts {
            let Some(mock) = counted(assert.test) else { continue };
            let Some(name) = shared_mock(test, mock).filter(|name| !is_reset(test, name)) else { continue };
            report.add(
                at,
                Smell {
                    span: assert.span,
                    // a part of it is called by fewer tests than the mock itself
                    severity: if is_whole(mock) { Severity::Critical } else { Severity::Medium },
                    confidence: 0.85,
                    message: format!("`{name}` is one mock for all tests and still counts the calls of those that ran before"),
                    help: format!("make `{name}` anew in a function-scoped fixture or setUp, or call {name}.reset_mock() there"),
                },
            );
        }
    }
}

/// `mock`, `self.mock`, and not `mock.method`
fn is_whole(mock: &Expr) -> bool {
    mock.dotted().is_some_and(|parts| matches!(&parts[..], [_] | ["self" | "cls", _]))
}

/// The mock whose calls an assertion counts.
fn counted(test: &Expr) -> Option<&Expr> {
    if let ExprKind::Call(call) = &test.kind
        && let ExprKind::Attribute { value, attr } = &call.func.kind
        && matches!(
            &**attr,
            "assert_called_once"
                | "assert_called_once_with"
                | "assert_not_called"
                | "assert_awaited_once"
                | "assert_awaited_once_with"
                | "assert_not_awaited"
        )
    {
        return Some(value);
    }
    comparisons(test).iter().filter(|comparison| comparison.op == "==").find_map(|comparison| {
        [comparison.left, comparison.right].into_iter().find_map(|side| match &side.kind {
            ExprKind::Attribute { value, attr }
                if matches!(&**attr, "call_count" | "await_count" | "mock_calls" | "call_args_list") =>
            {
                Some(&**value)
            }
            _ => None,
        })
    })
}

/// The name of a mock that the module's top or the class body makes.
fn shared_mock<'a>(test: &Context<'a, '_>, mock: &'a Expr) -> Option<&'a str> {
    let at = test.test();
    let module = at.function.module;
    let name = root(mock)?;
    if name == "self" {
        let attribute = super::origins::own_attribute(mock)?;
        let is_mock = |class: &Class| {
            class.body.iter().any(|stmt| match &stmt.kind {
                StmtKind::Assign { targets, value: Some(value), .. } => {
                    targets.iter().any(|target| target.as_name() == Some(attribute))
                        && value_path(value, test.analysis.view(module).module)
                            .is_some_and(|path| makes_mock(&path))
                }
                _ => false,
            })
        };
        return test
            .case
            .lineage
            .iter()
            .any(|owner| owner.module == module && is_mock(owner.class))
            .then_some(attribute);
    }
    let path = test
        .analysis
        .view(module)
        .globals
        .get(name)
        .filter(|_| !at.sites.locals.contains_key(name))?
        .path
        .as_deref()?;
    makes_mock(path).then_some(name)
}

fn makes_mock(path: &str) -> bool {
    path.strip_suffix("()").is_some_and(|path| {
        (path.starts_with("unittest.mock.") || path.starts_with("mock."))
            && matches!(
                path.rsplit('.').next(),
                Some("Mock" | "MagicMock" | "AsyncMock" | "NonCallableMock" | "create_autospec")
            )
    })
}

/// Whether the test, its set-up or a fixture resets the mock or makes another.
fn is_reset(test: &Context<'_, '_>, name: &str) -> bool {
    let names = |expr: &Expr| {
        expr.any(&mut |part| match &part.kind {
            ExprKind::Name(known) => **known == *name,
            ExprKind::Attribute { attr, .. } => **attr == *name,
            _ => false,
        })
    };
    test.calls().any(|(_, site, path)| {
        let resets =
            path.ends_with("reset_mock") || path.ends_with("reset_all") || path.ends_with("resetall");
        // a loop over the mocks resets them under another name
        resets && (names(&site.call.func) || path.starts_with('~'))
    }) || test.writes().any(|(_, write)| {
        names(write.target)
            && (write.value.is_some_and(|value| matches!(value.kind, ExprKind::Call(_)))
                || matches!(&write.target.kind, ExprKind::Attribute { attr, .. } if &**attr == "call_count"))
    })
}

//! # FD607 test-order
//!
//! ## What it detects
//! A test that needs another one to have run before: it reads what only that one sets, it carries a mark for its
//! place in the order, or its class numbers its tests.
//!
//! ## Why it makes tests unstable
//! Alone, in another order, in parallel or after a failure of the first one, what the test relies on is not there.
//!
//! ## Example
//! ```python
//! class TestAccount(unittest.TestCase):
//!     def test_1_create(self):
//!         TestAccount.account = create("ada")
//!
//!     def test_2_rename(self):
//!         rename(self.account, "grace")
//! ```
//!
//! ## Use instead
//! A fixture or `setUp` that makes what each test needs.
//! ```python
//! class TestAccount(unittest.TestCase):
//!     def setUp(self):
//!         self.account = create("ada")
//! ```
//!
//! ## Known false positives
//! Tests that are numbered as the document that they follow is (medium where the class keeps something, low otherwise).

use super::words::last;
use super::{Context, Report, Rule, Severity, Smell};
use crate::python::ast::{Class, ExprKind, Function, Span, StmtKind};
use crate::python::{Shared, View};

pub(super) struct TestOrder;

impl Rule for TestOrder {
    fn code(&self) -> &'static str {
        "FD607"
    }

    fn name(&self) -> &'static str {
        "test-order"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        let at = test.test();
        let (span, severity, confidence, message) = if let Some((what, writer)) = reads_of_another(test) {
            let message = format!("`{what}` is set by `{writer}` only, which must have run before this test");
            (at.function.function.name_span, Severity::Critical, 0.85, message)
        } else if let Some((path, span)) = mark(test) {
            let message = format!("`{path}` gives this test a place in the order of the others, which then rely on it");
            (span, Severity::Medium, 0.9, message)
        } else if is_numbered(test) {
            let message = "the tests of this class are numbered to run one after the other".to_owned();
            // numbers alone may be a habit
            let severity = if keeps_something(test) { Severity::Medium } else { Severity::Low };
            (at.function.function.name_span, severity, 0.6, message)
        } else if is_lettered(test) {
            let message = "the tests of this class have letters for the order in which they run".to_owned();
            (at.function.function.name_span, Severity::Medium, 0.6, message)
        } else {
            return;
        };
        report.add(
            at,
            Smell {
                span,
                severity,
                confidence,
                message,
                help: if test.case.is_unittest {
                    "make what the test needs in setUp, or join the steps into one test"
                } else {
                    "make what the test needs in a fixture, or join the steps into one test"
                }
                .to_owned(),
            },
        );
    }
}

/// What the test reads of the class or the module that another test sets and nothing else does.
fn reads_of_another(test: &Context<'_, '_>) -> Option<(String, String)> {
    let function = test.case.function.function;
    let view = test.analysis.view(test.case.function.module);
    if view.shared.is_empty() {
        return None;
    }
    if let Some(class) = test.case.function.class
        && view.shared.contains_key(&*class.name)
    {
        let text = view.module.text(function.span);
        for name in own_reads(text) {
            let key = format!("{}.{name}", class.name);
            if let Some(writer) = view.shared.get(&key).and_then(|shared| only_writer(shared, function))
                && !is_made(test, class, name)
            {
                return Some((key, writer.name.to_string()));
            }
        }
    }
    let sites = test.test().sites;
    let mut names: Vec<&str> =
        sites.names_read.iter().copied().filter(|name| view.shared.contains_key(*name)).collect();
    names.sort_unstable();
    names.into_iter().find_map(|name| {
        let writer = only_writer(view.shared.get(name)?, function)?;
        let own = format!("#{name}");
        let is_set =
            test.reach.iter().flat_map(|reached| &reached.sites.writes).any(|write| write.path == own);
        (!is_set && is_empty_global(view, name)).then(|| (name.to_owned(), writer.name.to_string()))
    })
}

/// The one test that writes, if all who write are tests and this one is none of them.
fn only_writer<'a>(shared: &Shared<'a>, reader: &Function) -> Option<&'a Function> {
    let all_tests = shared.writers.iter().all(|writer| writer.name.starts_with("test"));
    let is_own = shared.writers.iter().any(|writer| std::ptr::eq(*writer, reader));
    shared.writers.first().copied().filter(|_| all_tests && !is_own)
}

/// The names that a text reads as `self.name`.
fn own_reads(text: &str) -> impl Iterator<Item = &str> {
    text.split("self.").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let is_call = rest[end..].starts_with('(');
        (end > 0 && !is_call).then(|| &rest[..end])
    })
}

/// Whether the class, its set-ups or the test itself give the attribute a value of use.
fn is_made(test: &Context<'_, '_>, class: &Class, name: &str) -> bool {
    let in_body = class.body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Assign { targets, value: Some(value), .. } => {
            targets.iter().any(|target| target.as_name() == Some(name))
                && !matches!(value.kind, ExprKind::None)
        }
        _ => false,
    });
    let own = |path: &str| path.strip_prefix("self.").or_else(|| path.strip_prefix("cls.")) == Some(name);
    in_body || test.reach.iter().flat_map(|reached| &reached.sites.writes).any(|write| own(&write.path))
}

/// A variable that begins as nothing; a class or a function begins as itself, whatever is called on it.
fn is_empty_global(view: &View<'_>, name: &str) -> bool {
    match view.globals.get(name) {
        None => !view.classes.contains_key(name) && !view.functions.contains_key(name),
        Some(global) => global.value.is_none_or(|value| matches!(value.kind, ExprKind::None)),
    }
}

/// A mark for a place in the order, or for a test that must have passed, and where it stands.
fn mark(test: &Context<'_, '_>) -> Option<(String, Span)> {
    test.decorators.iter().find_map(|(path, expr)| {
        let call = expr.as_call();
        let is_mark = match &**path {
            "pytest.mark.order" | "pytest.mark.run" | "pytest.mark.incremental" => true,
            "pytest.mark.dependency" => call.is_some_and(|call| call.keyword("depends").is_some()),
            _ => false,
        };
        let is_here = test.case.function.module == test.case.module
            || test.case.function.function.decorators.iter().any(|own| std::ptr::eq(own, *expr));
        let span = if is_here { expr.span } else { test.case.function.function.name_span };
        is_mark.then(|| (format!("pytest.mark.{}", last(path)), span))
    })
}

/// `test_01_create`, `test_02_rename`, … in one class of unittest, which sorts by name.
fn is_numbered(test: &Context<'_, '_>) -> bool {
    let Some(class) = test.case.function.class.filter(|_| test.case.is_unittest) else { return false };
    if number(&test.case.function.function.name).is_none() {
        return false;
    }
    // the beginning of the class shows its habit
    let names = class.body.iter().filter_map(|stmt| match &stmt.kind {
        StmtKind::Function(function) if function.name.starts_with("test") => Some(&*function.name),
        _ => None,
    });
    let mut numbers: Vec<Option<u32>> = names.take(12).map(number).collect();
    let all = numbers.len() > 2 && numbers.iter().all(Option::is_some);
    numbers.dedup();
    all && numbers.len() > 2 && numbers.is_sorted()
}

/// Whether the class of a test keeps what all its tests have in common.
fn keeps_something(test: &Context<'_, '_>) -> bool {
    let module = test.analysis.view(test.case.function.module).module;
    test.case.function.class.is_some_and(|class| {
        let text = module.text(class.span);
        ["cls.", "global ", &format!("{}.", class.name)].iter().any(|word| text.contains(word))
    })
}

/// `test_b_decrypt` beside `test_a_encrypt`, in one class of unittest, which sorts by name.
fn is_lettered(test: &Context<'_, '_>) -> bool {
    let letter = |name: &str| match name.strip_prefix("test_")?.as_bytes() {
        [letter @ b'a'..=b'z', b'_', b'a'..=b'z', ..] => Some(*letter),
        _ => None,
    };
    let Some(class) = test.case.function.class.filter(|_| test.case.is_unittest) else { return false };
    let Some(own) = letter(&test.case.function.function.name).filter(|own| *own > b'a') else { return false };
    (b'a'..own).all(|before| {
        class.body.iter().any(|stmt| match &stmt.kind {
            StmtKind::Function(function) => letter(&function.name) == Some(before),
            _ => false,
        })
    })
}

/// The number that a test's name begins with, before a word.
fn number(name: &str) -> Option<u32> {
    let rest = name.strip_prefix("test")?.trim_start_matches('_');
    let rest = rest.strip_prefix("step").map_or(rest, |rest| rest.trim_start_matches('_'));
    let end = rest.find(|c: char| !c.is_ascii_digit()).filter(|end| *end > 0 && *end < 5)?;
    // a word must follow: `test_404` and `test_1` name a case
    rest[end..]
        .trim_start_matches('_')
        .starts_with(|c: char| c.is_alphabetic())
        .then(|| rest[..end].parse().ok())?
}

//! # FD903 conditional-assertion
//!
//! ## What it detects
//! A test whose assertions all stand under an `if` or in an `except`, so that some runs check nothing.
//!
//! ## Why it makes tests unstable
//! Which way a run takes depends on the state it finds. The test passes when the way with the assertion is not
//! taken, and fails on the day it is.
//!
//! ## Example
//! ```python
//! def test_discount():
//!     order = load_order()
//!     if order.discount:
//!         assert order.total < order.price
//! ```
//!
//! ## Use instead
//! A test that brings about the condition and asserts it; `pytest.raises` for an exception; `pytest.skip` or
//! `skipif` where the condition is the platform.
//! ```python
//! def test_discount():
//!     order = make_order(discount=5)
//!     assert order.total < order.price
//! ```
//!
//! ## Known false positives
//! A condition on a parameter of the test, which parametrize decides, and on the platform are not reported.

use super::restored::says_restore;
use super::words::last;
use super::{Context, Report, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind, Stmt, StmtKind};

pub(super) struct ConditionalAssertion;

impl Rule for ConditionalAssertion {
    fn code(&self) -> &'static str {
        "FD903"
    }

    fn name(&self) -> &'static str {
        "conditional-assertion"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        let at = test.test();
        let asserts = &at.sites.asserts;
        let conditional = |site: crate::python::sites::At| {
            (site.in_branch || site.in_except) && site.loops == 0 && !site.in_nested
        };
        if asserts.is_empty()
            || !asserts.iter().all(|assert| conditional(assert.at))
            || checks_otherwise(test)
        {
            return;
        }
        let function = at.function.function;
        let params = function.params.iter().map(|param| &*param.name).filter(|name| *name != "self");
        // `kind = "p3"`, and then `if kind:`
        let is_bound_once = |name: &str| at.sites.bindings.iter().filter(|one| one.name == name).count() == 1;
        let written =
            at.sites.bindings.iter().filter(|one| one.value.is_some_and(is_written) && is_bound_once(one.name));
        let given: Vec<&str> = params.chain(written.map(|one| one.name)).collect();
        let Some(kind) = way_around(&function.body, &given) else { return };
        report.add(
            at,
            Smell {
                span: asserts[0].span,
                severity: Severity::Medium,
                confidence: 0.75,
                message: match kind {
                    Kind::If => {
                        "the only assertions stand under an if; a run that takes the other way checks nothing"
                    }
                    Kind::Except => {
                        "the only assertions stand in an except; a run without the exception checks nothing"
                    }
                }
                .to_owned(),
                help: match kind {
                    Kind::If => {
                        "bring about the condition in the test and assert it, or pytest.skip with a reason"
                    }
                    Kind::Except => "use with pytest.raises(…) around the call that must fail",
                }
                .to_owned(),
            },
        );
    }
}

#[derive(Clone, Copy)]
enum Kind {
    If,
    Except,
}

/// `pytest.raises`, mocks' own assertions, `pytest.fail`, helpers that check.
fn checks_otherwise(test: &Context<'_, '_>) -> bool {
    let at = test.test();
    let by_call = at.sites.calls.iter().any(|site| {
        let name = last(&site.path);
        matches!(
            name,
            "raises"
                | "fail"
                | "warns"
                | "skip"
                | "xfail"
                | "exit"
                | "skipTest"
                | "importorskip"
                | "expect"
                | "run"
        ) || ["assert", "check", "verify", "compare", "expect", "validate"]
            .iter()
            .any(|word| name.contains(word))
            && !at.sites.asserts.iter().any(|assert| assert.test.span == site.expr.span)
            || says_restore(name)
    });
    // `if missing: assert False`
    let by_hand = at.sites.asserts.iter().any(|assert| match &assert.test.kind {
        ExprKind::Bool(value) => !value,
        ExprKind::Number { value, .. } => *value == 0.0,
        _ => false,
    });
    let by_with = at.sites.withs.iter().any(|with| {
        with.path.contains("raises") || with.path.contains("assert") || with.path.contains("warns")
    });
    by_call || by_hand || by_with
}

/// The first `if` or `try` that holds an assertion in one way and none in another.
fn way_around(body: &[Stmt], given: &[&str]) -> Option<Kind> {
    body.iter().find_map(|stmt| match &stmt.kind {
        StmtKind::If { test, body, or_else } => {
            let decided = test.any(&mut |part| match &part.kind {
                ExprKind::Name(name) => {
                    given.contains(&&**name)
                        || matches!(&**name, "sys" | "os" | "platform" | "six")
                        || is_constant_name(name)
                }
                _ => false,
            });
            let (one, two) = (holds(body), holds(or_else));
            match (one, two) {
                _ if decided => None,
                (true, true) => way_around(body, given).or_else(|| way_around(or_else, given)),
                (true, false) | (false, true) => {
                    Some(Kind::If).filter(|_| !leaves(if one { or_else } else { body }))
                }
                (false, false) => None,
            }
        }
        StmtKind::Try { body, handlers, or_else, .. } => {
            let in_handler = handlers.iter().any(|handler| holds(&handler.body));
            (in_handler && !holds(body) && !holds(or_else) && !raises(body)).then_some(Kind::Except)
        }
        StmtKind::With { body, .. } => way_around(body, given),
        _ => None,
    })
}

/// Whether a block comes to a `raise` or an `assert` of its own, whatever the code under test does.
fn raises(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Raise(_) | StmtKind::Assert { .. } => true,
        StmtKind::With { body, .. } => raises(body),
        _ => false,
    })
}

/// A literal: what it is does not change from run to run.
fn is_written(value: &Expr) -> bool {
    value.as_str().is_some() || matches!(value.kind, ExprKind::Number { .. } | ExprKind::Bool(_))
}

/// `WINDOWS`, `HAS_NUMPY`: a matter of the platform.
fn is_constant_name(name: &str) -> bool {
    name.len() > 1 && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Whether a block asserts something, at any depth.
fn holds(body: &[Stmt]) -> bool {
    let mut found = false;
    crate::python::for_each_statement(body, &mut |stmt| {
        found |= match &stmt.kind {
            StmtKind::Assert { .. } => true,
            StmtKind::Expr(expr) => is_assertion(expr),
            _ => false,
        };
    });
    found
}

fn is_assertion(expr: &Expr) -> bool {
    expr.as_call().is_some_and(|call| matches!(&call.func.kind, ExprKind::Attribute { attr, .. } if attr.starts_with("assert") || &**attr == "fail"))
}

/// A block that raises or returns ends the test on purpose.
fn leaves(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| matches!(stmt.kind, StmtKind::Raise(_) | StmtKind::Return(_)))
}

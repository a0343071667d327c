//! # FD501 unseeded-random
//!
//! ## What it detects
//! A value drawn from `random` or `secrets` without a seed that an assertion depends on.
//!
//! ## Why it makes tests unstable
//! Every run tests something else. The unlucky draw (two equal numbers, a shuffle that changes nothing, an edge of
//! the range) comes some day, and it cannot be reproduced.
//!
//! ## Example
//! ```python
//! def test_shuffle():
//!     deck = list(range(5))
//!     random.shuffle(deck)
//!     assert deck != list(range(5))
//! ```
//!
//! ## Use instead
//! A generator with a seed of its own, or a value that is written out; Hypothesis where many values matter.
//! ```python
//! def test_shuffle():
//!     deck = list(range(5))
//!     random.Random(7).shuffle(deck)
//!     assert deck != list(range(5))
//! ```
//!
//! ## Known false positives
//! An assertion that holds for every value that can be drawn (reported as medium or low). A seed in the test, a
//! set-up, a fixture or at the top of the module, pytest-randomly and Hypothesis are known.

use super::assertions::{Comparison, comparisons};
use super::randomness::{Tainted, draws_stdlib, is_seeded, seed, unseeded};
use super::words::{is_test_code, last};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::CallSite;

pub(super) struct UnseededRandom;

impl Rule for UnseededRandom {
    fn code(&self) -> &'static str {
        "FD501"
    }

    fn name(&self) -> &'static str {
        "unseeded-random"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role == Role::Helper && is_test_code(test, at)) {
            let draws = unseeded(test, at, draws_stdlib);
            let Some(draw) = draws.iter().find(|draw| picks_a_subject(test, at, draw)) else { continue };
            if !is_seeded(test) {
                let why = "so what is tested differs from run to run";
                add(report, at, draw, (Severity::Low, 0.5, why));
            }
        }
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            let draws = unseeded(test, at, draws_stdlib);
            if draws.is_empty() || is_seeded(test) {
                continue;
            }
            let tainted = Tainted::new(at, &draws);
            for draw in &draws {
                let own = Tainted::new(at, &[draw]);
                let judged = at
                    .sites
                    .asserts
                    .iter()
                    // what a name held before the draw was not drawn
                    .filter(|assert| assert.at.order > draw.at.order || draw.at.in_nested)
                    .flat_map(|assert| comparisons(assert.test))
                    .filter(|comparison| own.holds(comparison.left) || own.holds(comparison.right))
                    .filter(|comparison| comparison.op != "!=" || !never_repeats(last(&draw.path)))
                    .map(|comparison| {
                        let is_near = is_seen(at, draw, comparison.left) || is_seen(at, draw, comparison.right);
                        judge(&comparison, &tainted, draw.at.loops > 0, is_near)
                    })
                    .max_by_key(|(severity, _, _)| *severity);
                let inner =
                    || draw.at.in_nested && !never_repeats(last(&draw.path)) && tells_results_apart(at, &tainted);
                let unequal = (
                    Severity::Medium,
                    0.6,
                    "and the assertion that two results differ fails when they happen to be equal",
                );
                let Some(judged) = judged.or_else(|| inner().then_some(unequal)) else { continue };
                add(report, at, draw, judged);
            }
        }
    }
}

fn add(
    report: &mut Report<'_>,
    at: &Reached<'_, '_>,
    draw: &CallSite<'_>,
    (severity, confidence, why): (Severity, f32, &str),
) {
    report.add_mended(
        at,
        Smell {
            span: draw.expr.span,
            severity,
            confidence,
            message: format!("`{}` draws without a seed, {why}", last(&draw.path)),
            help: "draw from random.Random(seed), seed in an autouse fixture, write the value out, or let Hypothesis \
                   choose it"
                .to_owned(),
        },
        |mend| if at.role == Role::Test { seed(mend, draw, &draw.path, severity) } else { None },
    );
}

/// Whether a helper picks at random what the test then works on: one of several things that are there, no letters for
/// a name.
fn picks_a_subject(test: &Context<'_, '_>, at: &Reached<'_, '_>, draw: &CallSite<'_>) -> bool {
    let from = draw.call.args.first();
    let letters = || {
        let text = from.map_or("", |from| test.text(at, from)).to_ascii_lowercase();
        ["string", "ascii", "letters", "digits", "chars", "alphabet", "range("].iter().any(|word| text.contains(word))
    };
    let is_thing = from.is_some_and(|from| matches!(from.kind, ExprKind::Name(_) | ExprKind::Attribute { .. }));
    last(&draw.path) == "choice" && draw.at.loops == 0 && is_thing && !letters()
}

/// An assertion that two names, neither of them drawn here, stand for different things.
fn tells_results_apart(at: &Reached<'_, '_>, tainted: &Tainted<'_>) -> bool {
    at.sites.asserts.iter().flat_map(|assert| comparisons(assert.test)).any(|comparison| {
        let sides = [comparison.left, comparison.right];
        comparison.op == "!=" && sides.iter().all(|side| side.as_name().is_some() && !tainted.holds(side))
    })
}

/// Draws of so many values that two are never equal in practice.
fn never_repeats(name: &str) -> bool {
    matches!(
        name,
        "random" | "uniform" | "gauss" | "normalvariate" | "betavariate" | "expovariate" | "getrandbits" | "urandom"
            | "uuid1" | "uuid4" | "token_hex" | "token_bytes" | "token_urlsafe" | "randbytes"
    )
}

const CANNOT_BE_REPRODUCED: &str = "so a failure of the assertion on it cannot be reproduced";

/// Whether an expression holds a draw, or a name that was bound to one; what a call made of it comes from the code
/// under test.
fn is_seen(at: &Reached<'_, '_>, draw: &CallSite<'_>, expr: &Expr) -> bool {
    let is_drawn = |name: &str| {
        at.sites.bindings.iter().any(|one| {
            one.name == name && one.value.is_some_and(|value| value.span.holds(draw.expr.span))
        })
    };
    expr.any(&mut |part| part.span == draw.expr.span || part.as_name().is_some_and(is_drawn))
}

/// `is_near`: a draw, or a name bound to one, is compared itself.
fn judge(
    comparison: &Comparison<'_>,
    tainted: &Tainted<'_>,
    is_many: bool,
    is_near: bool,
) -> (Severity, f32, &'static str) {
    let both = tainted.holds(comparison.left) && tainted.holds(comparison.right);
    match comparison.op {
        // many draws together, or nothing at all, are never equal in practice
        "!=" | "not in" if !is_many && !is_empty(comparison.left) && !is_empty(comparison.right) => {
            let is_plain = |side: &Expr| side.as_name().is_some() || side.as_call().is_some();
            let is_sure = is_plain(comparison.left) && is_plain(comparison.right);
            let severity = if is_sure && comparison.op == "!=" { Severity::High } else { Severity::Medium };
            (severity, 0.8, "and the assertion that values differ fails when they happen to be equal")
        }
        "==" if !is_near || (!both && (is_count(comparison.left) || is_count(comparison.right))) => {
            (Severity::Low, 0.5, CANNOT_BE_REPRODUCED)
        }
        "==" if !both && (is_constant(comparison.left) || is_constant(comparison.right)) => {
            (Severity::Medium, 0.7, "and the assertion expects one fixed result of it")
        }
        _ => (Severity::Low, 0.6, CANNOT_BE_REPRODUCED),
    }
}

/// `len(found)`: how many there are does not hang on which were drawn.
fn is_count(expr: &Expr) -> bool {
    expr.as_call().is_some_and(|call| {
        call.func.as_name() == Some("len") && call.args.first().is_some_and(|counted| counted.as_name().is_some())
    })
}

fn is_empty(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::None | ExprKind::Bool(_) => true,
        ExprKind::Str { text, .. } => text.is_empty(),
        ExprKind::List(parts) | ExprKind::Tuple(parts) => parts.is_empty(),
        ExprKind::Dict(parts) => parts.is_empty(),
        _ => false,
    }
}

fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number { .. } | ExprKind::Str { .. } => true,
        ExprKind::List(parts) | ExprKind::Tuple(parts) => !parts.is_empty() && parts.iter().all(is_constant),
        _ => false,
    }
}

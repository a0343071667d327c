//! Pauses after which nothing is too early however slow the machine: what is asserted next waits itself, wants nothing to
//! have happened, or is only kept apart from what came before.

use super::assertions::{Comparison, comparisons, is_liveness, is_positive};
use super::words::{is_sleep, last, wants_nothing};
use super::{Context, Reached};
use crate::python::ast::{Expr, ExprKind, Span, StmtKind};
use crate::python::for_each_statement;
use crate::python::sites::{AssertSite, At, CallSite};

/// Whether no work that goes on elsewhere decides about what follows a pause.
pub(super) fn stands_alone(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    site.at.in_finally
        || (site.awaited && test.mocks.time)
        || lets_something_expire(test, at, site)
        || next_wants_nothing(test, at, site)
        || parts_time_stamps(test, at, site)
        || is_polled_after(at, site)
        || next_waits_itself(at, site)
        || comes_before_in_its_loop(test, at, site)
        || is_for_recording(at, site)
        || compares_two_results(at, site)
        || is_limited(at, site)
        || is_measured(test, at, site)
        || looks_at_an_answer(at, site)
}

/// A pause that lets a lifetime run out: more time does no harm there, but less can come from a coarse clock.
fn lets_something_expire(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    const WORDS: [&str; 11] = [
        "stale",
        "grace",
        "modtime",
        "mtime",
        "expir",
        "ttl",
        "max_age",
        "maxage",
        "lifetime",
        "age_limit",
        "time_to_live",
    ];
    let start = at.function.function.span.start;
    let before = Span { start, end: site.expr.span.start };
    let text = test.analysis.view(at.function.module).module.text(before).to_ascii_lowercase();
    // `{"expiration": 1662804872}` is data
    let code = outside_quotes(&text);
    let looks = || next_assert(at, site).is_some_and(|next| test.text(at, next.test).contains("expire"));
    text.contains("ttl")
        || WORDS.iter().any(|word| code.contains(word))
        || outlasts_an_entry(at, site)
        || looks()
}

/// `cache.set("key", 1, timeout=2)`, and a pause of three seconds.
fn outlasts_an_entry(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let Some(pause) = delay(site) else { return false };
    let mut before = at.sites.calls.iter().filter(|call| call.at.order < site.at.order);
    before.any(|call| {
        let lives = ["timeout", "ex", "expire"].iter().find_map(|name| call.call.keyword(name));
        let place = if matches!(last(&call.path), "touch" | "expire") { 1 } else { 2 };
        let lives = lives.or_else(|| call.call.args.get(place)).and_then(Expr::as_number);
        matches!(last(&call.path), "set" | "add" | "setex" | "set_many" | "touch" | "expire")
            && lives.is_some_and(|lives| 0.0 < lives && lives <= pause)
    })
}

fn outside_quotes(text: &str) -> String {
    let (mut out, mut open) = (String::with_capacity(text.len()), None);
    for char in text.chars() {
        match open {
            Some(quote) if char == quote => open = None,
            Some(_) => {}
            None if matches!(char, '"' | '\'') => open = Some(char),
            None => out.push(char),
        }
    }
    out
}

/// Whether what is asserted next compares times of files or records, which the pause only keeps apart.
fn parts_time_stamps(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    const WORDS: [&str; 11] = [
        "datetime",
        "last",
        "mtime",
        "modified",
        "created",
        "updated_at",
        "timestamp",
        "getctime",
        ".now()",
        "duration",
        "elapsed",
    ];
    let is_age = |word: &str| matches!(word, "age" | "uptime");
    let mut later = at.sites.asserts.iter().filter(|assert| assert.at.order > site.at.order);
    later.any(|assert| {
        let text = test.text(at, assert.test).to_ascii_lowercase();
        let compares = text.contains(['<', '>'])
            || text.contains("greater")
            || text.contains("less")
            || text.contains("notequal")
            || (text.contains("!=") && text.contains(".now()"));
        let mut words = text.split(|char: char| !char.is_alphanumeric());
        compares && (WORDS.iter().any(|word| text.contains(word)) || words.any(is_age))
    })
}

/// Whether a loop with pauses of its own follows: it is that which waits.
fn is_polled_after(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let later = at.sites.calls.iter().zip(&at.paths).filter(|(call, _)| call.at.order > site.at.order);
    let mut polls = later.filter(|(call, path)| is_sleep(path) && is_poll(call.at));
    polls.any(|(poll, _)| {
        at.sites.asserts.iter().all(|assert| {
            assert.at.order < site.at.order || assert.at.order > poll.at.order || is_poll(assert.at)
        })
    })
}

/// `assert wait_for_server(port)`
fn next_waits_itself(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let Some(next) = next_assert(at, site) else { return false };
    // `out = child.read()` goes on to the end
    let blocks = |call: &CallSite<'_>| {
        let ends = matches!(last(&call.path), "read" | "communicate" | "wait" | "join" | "recv");
        // a file has what was written so far
        let is_file = call.path.contains("open(");
        ends && !is_file && call.call.args.is_empty() && call.at.order > site.at.order
    };
    let comes_from_one = |name: &str| {
        let value = at.sites.value_of(name, next.at.order);
        value.is_some_and(|value| {
            at.sites.calls.iter().any(|call| value.span.holds(call.expr.span) && blocks(call))
        })
    };
    at.sites.calls.iter().any(|call| {
        next.span.holds(call.expr.span) && last(&call.path).trim_start_matches(':').starts_with("wait_")
    }) || next.test.any(&mut |part| part.as_name().is_some_and(comes_from_one))
}

/// Whether all work of the test's own that the next assertion looks at is coroutines of this loop that only sleep, in all
/// shorter than the test does from its first pause on: one loop keeps the order of its timers. One that does not sleep is
/// called by somebody, who knows when.
fn comes_before_in_its_loop(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let Some(next) = next_assert(at, site) else { return false };
    let look = test.text(at, next.test);
    let mut inner = vec![];
    for_each_statement(&at.function.function.body, &mut |stmt| {
        if let StmtKind::Function(function) = &stmt.kind {
            inner.push(function);
        }
    });
    let module = test.analysis.view(at.function.module).module;
    inner.retain(|function| function_writes(module.text(function.span), look));
    let awaited = || at.sites.calls.iter().zip(&at.paths).filter(|(call, _)| call.awaited);
    let slept = |span: Span| {
        let inside = awaited().filter(|(call, _)| span.holds(call.expr.span));
        inside.map(|(call, path)| delay(call).filter(|_| is_sleep(path))).sum::<Option<f64>>()
    };
    let pauses = awaited()
        .filter(|(call, path)| !call.at.in_nested && call.at.order <= site.at.order && is_sleep(path));
    let waited: Option<f64> = pauses.map(|(call, _)| delay(call)).sum();
    site.awaited
        && !inner.is_empty()
        && inner.iter().all(|function| {
            function.is_async
                && slept(function.span)
                    .zip(waited)
                    .is_some_and(|(slept, waited)| slept > 0.0 && slept < waited)
        })
}

/// Whether a function's text changes something that an assertion looks at: `counter += 1`, `seen.append(…)`.
fn function_writes(function: &str, look: &str) -> bool {
    let names = look.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|name| name.len() > 1);
    names.into_iter().any(|name| {
        function.lines().any(|line| {
            let rest = line.trim().strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with([' ', '.', '[', '+', '=']))
        })
    })
}

/// `if self.recording:`, when what is replayed otherwise is made anew.
fn is_for_recording(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    at.conditions_of(site.expr.span).iter().any(|condition| {
        condition.dotted().and_then(|parts| parts.last().copied()).is_some_and(|name| name.contains("record"))
    })
}

/// `with capture_span("frames"): time.sleep(0.04)`: the pause is what is measured.
fn is_measured(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    const MEASURES: [&str; 8] =
        ["span", "timer", "timed", "timing", "measure", "profil", "stopwatch", "duration"];
    let mut found = false;
    for_each_statement(&at.function.function.body, &mut |stmt| {
        if let StmtKind::With { items, body, .. } = &stmt.kind
            && let [only] = body.as_slice()
            && only.span.holds(site.expr.span)
        {
            found |= items.iter().any(|(item, _)| {
                let text = test.text(at, item).to_ascii_lowercase();
                MEASURES.iter().any(|word| text.contains(word))
            });
        }
    });
    found
}

/// Whether what is asserted next is that nothing happened, or that all is still as it was asserted before.
fn next_wants_nothing(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let mut before = at.sites.asserts.iter().filter(|assert| assert.at.order < site.at.order);
    next_assert(at, site).is_some_and(|next| {
        let text = test.text(at, next.test);
        // `wait.until(lambda: calls.value == 2)`, and after the pause `assert calls.value == 2`
        let start = at.function.function.span.start;
        let above =
            test.analysis.view(at.function.module).module.text(Span { start, end: site.expr.span.start });
        let handed =
            |one: &Comparison<'_>| format!("{}, {}", test.text(at, one.left), test.text(at, one.right));
        let was_waited_for = (matches!(next.test.kind, ExprKind::Compare { .. }) && above.contains(text))
            || comparisons(next.test).iter().any(|one| one.op == "==" && above.contains(&handed(one)));
        (wants_nothing(next.test) && !was_there(test, at, site, next))
            || is_positive(next.test, &is_alive)
            || is_of_starting(next.test)
            || was_waited_for
            || is_as_before(test, at, site, next)
            || (site.awaited && is_of_cancelling(text, above))
            || before.any(|assert| test.text(at, assert.test) == text)
    })
}

/// `assert peer.transport is not None`, the pause, `assert peer.transport is None`: that it goes is waited for.
fn was_there(
    test: &Context<'_, '_>,
    at: &Reached<'_, '_>,
    site: &CallSite<'_>,
    next: &AssertSite<'_>,
) -> bool {
    let thing = match &next.test.kind {
        ExprKind::Compare { left, .. } => left,
        ExprKind::Unary { operand, .. } => operand,
        _ => return false,
    };
    let thing = test.text(at, thing);
    let mut before = at.sites.asserts.iter().filter(|assert| assert.at.order < site.at.order);
    before.any(|assert| match &assert.test.kind {
        ExprKind::Compare { left, .. } => !wants_nothing(assert.test) && test.text(at, left) == thing,
        _ => test.text(at, assert.test) == thing,
    })
}

/// `task.cancel()`, the pause, `assert task.cancelled()`: the next turn of the loop delivers it, before any timer.
fn is_of_cancelling(look: &str, above: &str) -> bool {
    look.ends_with(".cancelled()") && above.contains(".cancel()")
}

/// `count = agent.count`, the pause, `assert count == agent.count`: nothing is to have changed.
fn is_as_before(
    test: &Context<'_, '_>,
    at: &Reached<'_, '_>,
    site: &CallSite<'_>,
    next: &AssertSite<'_>,
) -> bool {
    let same = |name: &Expr, now: &Expr| {
        let known = name.as_name().and_then(|name| at.sites.bound(name, next.at.order));
        known.is_some_and(|known| {
            known.span.end < site.expr.span.start && test.text(at, known) == test.text(at, now)
        })
    };
    comparisons(next.test)
        .iter()
        .any(|pair| pair.op == "==" && (same(pair.left, pair.right) || same(pair.right, pair.left)))
}

/// `worker.daemon is True`: that stands since the start.
fn is_of_starting(test: &Expr) -> bool {
    test.any(&mut |part| matches!(&part.kind, ExprKind::Attribute { attr, .. } if attr == "daemon"))
}

/// `worker.is_alive()`: what is still on is so however slow the machine.
fn is_alive(part: &Expr) -> bool {
    part.as_call().is_some_and(|call| is_liveness(&call.func))
}

/// Whether what is asserted next compares what one call gave before the pause with what it gave after: the pause keeps
/// the two apart.
fn compares_two_results(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let made = |expr: &Expr, order: u32| {
        let value = at.sites.value_of(super::origins::root(expr)?, order)?;
        let call = at
            .sites
            .calls
            .iter()
            .find(|call| call.expr.span == value.span || value.span.holds(call.expr.span))?;
        let looks = ["get", "read", "len", "count", "list", "stat"]
            .iter()
            .any(|word| last(&call.path).starts_with(word));
        (!looks).then_some((call.at.order < site.at.order, call.path.as_str()))
    };
    let later = at.sites.asserts.iter().filter(|assert| assert.at.order > site.at.order);
    later
        .flat_map(|assert| comparisons(assert.test).into_iter().map(move |pair| (pair, assert.at.order)))
        .any(|(pair, order)| match (made(pair.left, order), made(pair.right, order)) {
            (Some((left_before, left)), Some((right_before, right))) => {
                left_before != right_before && left == right
            }
            _ => false,
        })
}

/// `with move_on_after(1):` around the pause: it stands for work that a limit is tried on.
fn is_limited(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    at.sites
        .enclosing_withs(site.at)
        .any(|with| matches!(last(&with.path), "move_on_after" | "move_on_at" | "Timeout"))
}

/// `response = await client.get("/")`, the pause, `assert response.status == 200`: what came before does not change.
fn looks_at_an_answer(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let Some(next) = next_assert(at, site) else { return false };
    let bound = |name: &str| {
        let mut before = at.sites.bindings.iter().rev().filter(|one| one.name == name);
        before.find(|one| one.at.order < next.at.order)
    };
    let is_answer = |name: &str, value: Option<&Expr>| {
        let called =
            value.and_then(|value| at.sites.calls.iter().find(|call| value.span.holds(call.expr.span)));
        called.is_some_and(|call| {
            call.at.order < site.at.order
                && (name.contains("respon")
                    || (call.awaited && ["result", "reply", "answer"].iter().any(|word| name.contains(word))))
        })
    };
    let (mut answers, mut others) = (0, 0);
    next.test.any(&mut |part| {
        if let Some((name, one)) = part.as_name().and_then(|name| Some((name, bound(name)?))) {
            if is_answer(name, one.value) { answers += 1 } else { others += 1 }
        }
        false
    });
    answers > 0 && others == 0
}

/// The first assertion after a call.
pub(super) fn next_assert<'v, 'a>(
    at: &'v Reached<'a, '_>,
    site: &CallSite<'_>,
) -> Option<&'v AssertSite<'a>> {
    let later = at.sites.asserts.iter().filter(|assert| assert.at.order > site.at.order);
    later.min_by_key(|assert| assert.at.order)
}

/// The number that a call is given first, such as seconds.
pub(super) fn delay(site: &CallSite<'_>) -> Option<f64> {
    site.call.args.first().and_then(Expr::as_number)
}

/// The pause between two looks of a loop that waits for a condition.
pub(super) fn is_poll(at: At) -> bool {
    at.in_while || at.loops > 0
}

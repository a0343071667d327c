//! Who reads what a test leaves changed. A leak bites whoever reads it; where no other test of the tree does, it is kept
//! as a finding and is not critical.

use rustc_hash::{FxHashMap, FxHashSet};

use super::ScannedTest;
use crate::effects::{Part, READ, RESET, State, Touch, WRITE, working_folder};
use crate::python::ast::*;
use crate::python::for_each_statement;
use crate::smells::{Finding, Severity};

/// The rules whose finding is that something outlives the test.
const LEAKS: [&str; 6] = ["FD601", "FD602", "FD603", "FD604", "FD606", "FD610"];
/// Of so few tests it says little that none reads it.
const FEW: usize = 12;
/// So many readers are named.
const NAMED: usize = 3;

/// A finding that something outlives the test.
#[derive(Clone, Debug, PartialEq)]
pub struct Leak {
    /// Its place among the findings.
    finding: usize,
    states: Vec<State>,
    /// Whether the state is given another value as a whole, so that who gives it one of his own does not see this one.
    is_given: bool,
    part: Option<Part>,
}

/// The leaks among some findings; `touches` tells what the code does to state where a finding really stands.
pub fn leaks(
    findings: &[Finding],
    touches: impl Fn((usize, u32)) -> (Vec<Touch>, Option<Part>),
) -> Vec<Leak> {
    let is_leak = |finding: &Finding| LEAKS.contains(&&*finding.code) && finding.severity >= Severity::High;
    let leaks = findings.iter().enumerate().filter(|(_, finding)| is_leak(finding));
    leaks
        .map(|(place, finding)| {
            // a mock that is counted was called by others
            let how = if finding.code == "FD610" { READ } else { WRITE };
            let (mut meant, part) = touches(finding.origin);
            meant.retain(|touch| touch.is(how) && touch.state != working_folder());
            Leak {
                finding: place,
                is_given: meant.iter().all(|touch| touch.is(RESET) && !touch.is(READ)),
                states: meant.into_iter().map(|touch| touch.state).collect(),
                // a mock is asserted upon as a whole; an attribute of something imported is named by whom it makes fail
                part: part.filter(|part| match &*finding.code {
                    "FD610" => false,
                    "FD606" => true,
                    _ => !part.is_whole,
                }),
            }
        })
        .collect()
}

/// Attributes and keys to which set-up gives values, so that a test does not see what others left there.
pub fn given<'a>(setups: impl Iterator<Item = &'a Function>) -> Vec<Text> {
    let mut out = vec![];
    for function in setups {
        let mut is_over = false;
        for_each_statement(&function.body, &mut |stmt| {
            is_over |= matches!(&stmt.kind, StmtKind::Expr(expr) if matches!(expr.kind, ExprKind::Yield(_)));
            let StmtKind::Assign { targets, value: Some(_), .. } = &stmt.kind else { return };
            for target in targets.iter().filter(|_| !is_over) {
                match &target.kind {
                    ExprKind::Attribute { attr, value } if value.as_name() != Some("self") => {
                        out.push(attr.clone())
                    }
                    ExprKind::Subscript { index, .. } => {
                        out.extend(index.iter().filter_map(Expr::as_str).map(Text::from));
                    }
                    _ => {}
                }
            }
        });
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// Names the tests that read what others leave changed. `all` says that the tests are those of a whole tree: what none
/// of them reads is medium then.
pub fn hear(tests: &mut [ScannedTest], all: bool) {
    let leaked: FxHashSet<State> =
        tests.iter().flat_map(|test| &test.leaks).flat_map(|leak| &leak.states).copied().collect();
    let mut readers: FxHashMap<State, Vec<(usize, u8)>> = FxHashMap::default();
    if !leaked.is_empty() {
        for (place, test) in tests.iter().enumerate() {
            let reads = |touch: &&Touch| leaked.contains(&touch.state) && touch.is(READ) && !touch.is(RESET);
            for touch in test.touches.iter().filter(reads) {
                readers.entry(touch.state).or_default().push((place, touch.how));
            }
        }
    }
    let few = tests.len() < FEW;
    for place in 0..tests.len() {
        for leak in std::mem::take(&mut tests[place].leaks) {
            let mut hit: Vec<usize> = leak
                .states
                .iter()
                .flat_map(|state| readers.get(state).into_iter().flatten())
                .filter(|(other, how)| *other != place && !(leak.is_given && how & WRITE != 0))
                .map(|(other, _)| *other)
                .filter(|other| leak.part.as_ref().is_none_or(|part| sees(&tests[*other], part)))
                .collect();
            hit.sort_unstable_by_key(|other| (other.abs_diff(place), *other));
            hit.dedup();
            let named = hit.iter().take(NAMED).map(|other| tests[*other].assessment.id.clone()).collect();
            let assessment = &mut tests[place].assessment;
            let finding = &mut assessment.findings[leak.finding];
            finding.read_by = named;
            if hit.is_empty() && all && !few {
                finding.severity = finding.severity.min(Severity::Medium);
                assessment.summarize();
            }
        }
    }
}

/// Whether a test looks at a part of an object that neither it nor its set-up gave a value before.
fn sees(test: &ScannedTest, part: &Part) -> bool {
    let is_given = |name: &String| test.given.iter().any(|given| **given == **name);
    let names = |name: &String| mentions(&test.source, name).next().is_some();
    !part.name.iter().chain(&part.within).any(is_given)
        && (part.is_whole || part.within.iter().all(names))
        && reads(&test.source, part)
}

/// Whether a test's code names a part of an object, or the whole that it stands in, before it gives it a value.
fn reads(source: &str, part: &Part) -> bool {
    let (head, body) = source.split_at(end_of_head(source));
    // `@patch.dict(os.environ, {"MODE": "live"})`
    let is_patched = |name: &String| head.contains("patch") && mentions(head, name).next().is_some();
    if part.name.as_ref().is_some_and(is_patched) {
        return false;
    }
    let first = match (&part.name, &part.holder) {
        // `_` is a name of many things
        (Some(name), None) if name.len() < 2 => None,
        // an attribute stands after a dot or, like a key, is quoted
        (Some(name), _) => {
            let at = |after: &str| body.len() - after.len() - name.len();
            mentions(body, name).find(|after| {
                let before = &body[..at(after)];
                before.ends_with('.')
                    || (before.ends_with(['"', '\''])
                        && (part.holder.is_some() || part.is_of_environment || is_asked_for(before)))
            })
        }
        // some key: whoever asks for one, or goes through all
        (None, Some(holder)) => mentions(body, holder).next().filter(|after| after.starts_with('[')),
        (None, None) => None,
    };
    first.is_some_and(|after| !is_given(after))
        || part.holder.as_deref().is_some_and(|holder| {
            // `PRICES["rate"] = 5`, and then all of them
            let sets_it = |after: &str| {
                part.name.as_deref().is_some_and(|name| {
                    let rest = after.get(2..).and_then(|key| key.strip_prefix(name));
                    is_given(after) && rest.is_some_and(|rest| rest.starts_with(['"', '\'']))
                })
            };
            !mentions(body, holder).next().is_some_and(sets_it) && mentions(body, holder).any(is_whole)
        })
}

/// Where the parameters of a function end.
fn end_of_head(source: &str) -> usize {
    let start = source.find("def ").unwrap_or(0);
    let mut depth = 0;
    let end = source[start..].char_indices().find(|(_, c)| {
        depth += i32::from(matches!(c, '(' | '[' | '{')) - i32::from(matches!(c, ')' | ']' | '}'));
        depth == 0 && *c == ':'
    });
    end.map_or(0, |(at, _)| start + at)
}

/// `getattr(shop, "rate")`, `patch("shop.rate")`, `vars(shop)["rate"]`: where a text names an attribute.
fn is_asked_for(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or(before);
    line[..line.len() - 1].ends_with('[')
        || ["attr(", "patch", "attrgetter("].iter().any(|call| line.contains(call))
}

/// What follows each place where a word stands by itself.
fn mentions<'s>(text: &'s str, word: &'s str) -> impl Iterator<Item = &'s str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .filter(move |(at, _)| !text[..*at].ends_with(is_part))
        .map(|(at, _)| &text[at + word.len()..])
        .filter(move |after| !after.starts_with(is_part))
}

/// `"key"] = …`, `attribute = …`
fn is_given(after: &str) -> bool {
    let after = after.trim_start_matches(['"', '\'', ']', ' ']);
    let inside = after.strip_prefix('[').and_then(|inside| inside.split_once(']')).map(|(_, after)| after);
    let after = inside.unwrap_or(after).trim_start();
    after.starts_with('=') && !after.starts_with("==")
}

/// A collection that is looked at as a whole.
fn is_whole(after: &str) -> bool {
    const ALL: [&str; 7] = [".items(", ".keys(", ".values(", ".copy(", ".pop", ".get(", ".count("];
    !after.starts_with(['[', '.']) || ALL.iter().any(|method| after.starts_with(method))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_read_where_it_is_named_before_it_is_given() {
        let key =
            Part { name: Some("rate".to_owned()), holder: Some("PRICES".to_owned()), ..Part::default() };
        let attribute = Part { name: Some("rate".to_owned()), ..Part::default() };
        for (body, of_key, of_attribute) in [
            ("assert shop.rate == 5", true, true),
            ("assert PRICES['rate'] == 5", true, true),
            ("PRICES['rate'] = 1\n    assert PRICES['rate'] == 1", false, false),
            ("shop.rate = 1\n    assert shop.rate == 1", false, false),
            ("assert len(PRICES) == 2", true, false),
            ("PRICES['rate'] = 1\n    assert total(PRICES) == 1", false, false),
            ("PRICES['tax'] = 1\n    assert total(PRICES) == 1", true, false),
            ("PRICES['rates'] = 1\n    assert total(PRICES) == 1", true, false),
            ("assert dict(PRICES.items()) == {}", true, false),
            ("assert PRICES['tax'] == 5", false, false),
            ("assert shop.rates == 5", false, false),
            ("assert rate(shop) == 5", false, false),
            ("assert getattr(shop, 'rate') == 5", true, true),
            ("assert shop.kind == 'rate'", true, false),
        ] {
            let source = format!("def test_a(shop, PRICES):\n    {body}\n");
            assert_eq!(reads(&source, &key), of_key, "{body}");
            assert_eq!(reads(&source, &attribute), of_attribute, "{body}");
        }
        let variable = Part { name: Some("RATE".to_owned()), is_of_environment: true, ..Part::default() };
        assert!(reads("def test_a():\n    assert settings() == {'RATE': '5'}\n", &variable));
        let told = "def test_a(\n    PRICES: dict,\n) -> None:\n    if ready():\n        assert PRICES['tax'] == 5\n";
        assert!(!reads(told, &key));
        let any_key = Part { name: None, holder: Some("PRICES".to_owned()), ..Part::default() };
        assert!(reads("def test_a():\n    assert PRICES['tax']\n", &any_key));
        assert!(!reads("def test_a():\n    PRICES[2] = 5\n    assert PRICES[2]\n", &any_key));
        assert!(!reads("def test_a():\n    assert PRICES.currency == 'EUR'\n", &any_key));
    }
}

//! What a sentence says about tests that can be held against their findings and their code. Only statements
//! of fact are: advice speaks of what is not so yet.

use super::KnownTest;
use crate::smells::Cause;

/// Words that make a sentence advice or a condition.
const ADVICE: [&str; 22] = [
    "should",
    "would",
    "could",
    "must",
    "instead",
    "replace",
    "use",
    "using",
    "so that",
    "if",
    "to make",
    "make sure",
    "ensure",
    "avoid",
    "fix",
    "remedy",
    "until",
    "once",
    "after",
    "consider",
    "rather",
    "remove",
];
/// What says that a test is not unstable.
const STABLE: [&str; 10] = [
    "is stable",
    "is not flaky",
    "isn't flaky",
    "is not unstable",
    "isn't unstable",
    "is deterministic",
    "is reliable",
    "no findings",
    "nothing unstable",
    "no reason for instability",
];
/// What names a cause as the cause.
const BECAUSE: [&str; 8] =
    ["cause is", "caused by", "cause:", "cause of", "due to", "because of", "reason is", "category is"];
/// Words with which a sentence says that something is not there.
const NOT: [&str; 7] = ["not", "no", "never", "without", "doesn't", "don't", "neither"];

/// Whether the prose says of all cited tests what none of them allows.
pub(super) fn contradict(prose: &str, tests: &[&KnownTest]) -> bool {
    if tests.is_empty() {
        return false;
    }
    let prose = prose.to_lowercase();
    if names_a_foreign_cause(&prose, tests) {
        return true;
    }
    let words: Vec<&str> =
        prose.split(|c: char| !(c.is_alphanumeric() || c == '\'')).filter(|word| !word.is_empty()).collect();
    let spaced = format!(" {} ", words.join(" "));
    if ADVICE.iter().any(|word| spaced.contains(&format!(" {word} "))) {
        return false;
    }
    let all_found = tests.iter().all(|test| !test.causes.is_empty());
    if all_found && STABLE.iter().any(|phrase| spaced.contains(&format!(" {phrase} "))) {
        return true;
    }
    sleeps_wrongly(&words, tests) || starts_no_thread(&words, tests)
}

/// "The cause is network" of tests without a finding of that cause. Nine names are known, with their titles.
fn names_a_foreign_cause(prose: &str, tests: &[&KnownTest]) -> bool {
    let found = |cause: Cause| tests.iter().any(|test| test.causes.contains(&cause));
    BECAUSE
        .iter()
        .flat_map(|trigger| prose.match_indices(trigger).map(move |(at, _)| at + trigger.len()))
        .any(|at| {
            let claim = prose[at..]
                .trim_start()
                .trim_start_matches("the ")
                .trim_start_matches("an ")
                .trim_start_matches("a ");
            let claim = claim.trim_start_matches(['"', '\'', '“', ':', ' ']);
            let names = |cause: &Cause| {
                let whole = |name: &str| {
                    claim
                        .strip_prefix(name)
                        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
                };
                // "due to time" alone may be said of anything; "cause is time" is the name.
                whole(cause.title())
                    || (whole(cause.name())
                        && (cause.name().contains('-') || ends_the_clause(claim, cause.name())))
            };
            Cause::ALL.iter().find(|cause| names(cause)).is_some_and(|cause| !found(*cause))
        })
}

/// Nothing but punctuation, or a new clause, follows the name.
fn ends_the_clause(claim: &str, name: &str) -> bool {
    let rest = claim[name.len()..].trim_start_matches(['"', '\'', '”', '`']);
    rest.trim().is_empty() || rest.starts_with(['.', ',', ';', ':', ')']) || rest.starts_with(" because")
}

/// "Sleeps" of code that does not, and "does not sleep" of code that does.
fn sleeps_wrongly(words: &[&str], tests: &[&KnownTest]) -> bool {
    let Some(at) = words.iter().position(|word| matches!(*word, "sleep" | "sleeps" | "sleeping" | "slept"))
    else {
        return false;
    };
    let denied = words[at.saturating_sub(3)..at].iter().any(|word| NOT.contains(word));
    match denied {
        true => tests.iter().all(|test| test.code.contains("sleep(")),
        // A finding may have led to a helper that sleeps, outside of the test's own lines.
        false => {
            tests.iter().all(|test| !test.code.contains("sleep") && !test.causes.contains(&Cause::AsyncWait))
        }
    }
}

/// "Starts a thread" of code without any.
fn starts_no_thread(words: &[&str], tests: &[&KnownTest]) -> bool {
    let verb = ["starts", "spawns", "creates", "runs", "launches"];
    let claims = words.windows(4).any(|four| {
        verb.contains(&four[0]) && four[1..].iter().any(|word| matches!(*word, "thread" | "threads"))
    });
    claims
        && tests
            .iter()
            .all(|test| !test.code.contains("thread") && !test.causes.contains(&Cause::Concurrency))
}

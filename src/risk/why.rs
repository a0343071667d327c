//! Why a test has its risk: what moved the figure, the nearest tests of known outcome, what rules found and what runs
//! showed, side by side. They are different kinds of knowledge and never become one number.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Assessment, Contribution, Neighbour, Observed, RiskBasis};
use crate::smells::Severity;

/// What `explain --risk` and `GET /tests/{id}/risk` give.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Reasons {
    pub test: String,
    pub repo: String,
    pub risk: f32,
    pub risk_basis: RiskBasis,
    /// How the figure is to be read.
    pub meaning: &'static str,
    /// The strongest contributions, by what they are about, the weightiest first.
    pub groups: Vec<Group>,
    /// Tests of known outcome whose code is most like this one's.
    pub neighbours: Vec<Neighbour>,
    /// What rules found; severity follows from these, and from nothing else.
    pub findings: Vec<Found>,
    /// What runs of this test showed.
    pub outcomes: Option<Observed>,
}

/// Contributions that are about one thing.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Group {
    /// In words that people use.
    pub about: &'static str,
    /// Log-odds; above 0 raises the risk.
    pub value: f32,
    pub contributions: Vec<Contribution>,
}

/// A finding in short.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Found {
    pub code: String,
    pub name: String,
    pub line: u32,
    pub severity: Severity,
    pub message: String,
}

impl Reasons {
    pub fn of(test: &Assessment) -> Reasons {
        let mut groups: Vec<Group> = vec![];
        for contribution in &test.contributions {
            let about = about(&contribution.feature);
            match groups.iter_mut().find(|group| group.about == about) {
                Some(group) => {
                    group.value += contribution.value;
                    group.contributions.push(contribution.clone());
                }
                None => {
                    let contributions = vec![contribution.clone()];
                    groups.push(Group { about, value: contribution.value, contributions });
                }
            }
        }
        groups.sort_by(|a, b| b.value.abs().total_cmp(&a.value.abs()));
        Reasons {
            test: test.id.clone(),
            repo: test.repo.clone(),
            risk: test.risk,
            risk_basis: test.risk_basis,
            meaning: match test.risk_basis {
                RiskBasis::Prior => {
                    "no outcome of this repository is known, or too few: the figure orders its tests and is no probability"
                }
                RiskBasis::Adapted => {
                    "adapted to the observed outcomes of this repository: the share of such tests that are flaky"
                }
            },
            groups,
            neighbours: test.neighbours.clone(),
            findings: test
                .findings
                .iter()
                .map(|finding| Found {
                    code: finding.code.clone(),
                    name: finding.name.clone(),
                    line: finding.line,
                    severity: finding.severity,
                    message: finding.message.clone(),
                })
                .collect(),
            outcomes: test.outcomes.clone(),
        }
    }
}

/// What an input of one of the models is about.
fn about(input: &str) -> &'static str {
    match input {
        "sleeps" | "awaits" | "timeouts" | "clock_reads" | "weight_async_wait" | "weight_time" => {
            "waiting and time"
        }
        "spawned" | "processes" | "weight_concurrency" => "threads and processes",
        "network_calls" | "weight_network" => "network and services",
        "global_writes" | "environment_writes" | "mutation_share" | "weight_shared_state" => {
            "state that outlives the test"
        }
        "mocks" | "mocked_share" => "mocks",
        "file_operations" | "weight_resources" => "files and resources",
        "random_draws" | "weight_randomness" => "randomness",
        "unordered_uses" | "weight_unordered" => "unordered collections",
        "fixtures" | "autouse_fixtures" | "wide_fixtures" | "fixtures_with_teardown" | "setup_statements" => {
            "fixtures and set-up"
        }
        "assertions"
        | "calls"
        | "statements"
        | "lines"
        | "cyclomatic_complexity"
        | "weight_structure"
        | "resolved_share" => "size and shape of the test",
        "position_in_file" | "tests_in_file" | "class_depth" => "its place in the file",
        "prior" => "what the code alone suggests",
        _ if input.contains("sharing") || input.starts_with("state_") => "state it shares with other tests",
        _ if input.contains("apart_") || input.ends_with("alone") => "how unlike the other tests it is",
        "known_share_flaky" | "known_tests" | "known_flaky" => "how many tests of the repository are flaky",
        _ if input.starts_with("class_") => "outcomes of its class",
        _ if input.starts_with("file_") => "outcomes of its file",
        _ if input.starts_with("folder_") => "outcomes of its folder",
        _ if input.starts_with("nearest") || input.starts_with("likest") || input.starts_with("kernel") => {
            "outcomes of tests with similar code"
        }
        "all_by_likeness" => "outcomes of tests with similar code",
        _ => "what rules found, taken together",
    }
}

#[cfg(test)]
mod tests {
    use super::super::evidence::EVIDENCE;
    use super::super::inputs::input_names;
    use super::*;

    #[test]
    fn every_input_is_about_something_and_only_those_of_findings_fall_through() {
        let rest: Vec<&str> = input_names()
            .into_iter()
            .chain(EVIDENCE)
            .filter(|name| about(name) == "what rules found, taken together")
            .collect();
        let expected = |name: &&str| {
            name.starts_with("finding") || name.starts_with("confidence") || *name == "cause_diversity"
        };
        assert!(rest.iter().all(expected), "{rest:?}");
        assert_eq!(rest.len(), 8);
    }
}

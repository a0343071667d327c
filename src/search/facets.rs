//! How a question was read: what can be checked of each test, and the words that are left. Knows no words and no store.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::index::store::Filter;
use crate::risk::Verdict;
use crate::smells::{Activity, Cause, Severity};

/// How a query was read. Shown with the results, so that whoever asked can see it and correct it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Facets {
    #[serde(rename = "async", skip_serializing_if = "Option::is_none")]
    pub is_async: Option<bool>,
    /// Whether findings are wanted or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flaky: Option<bool>,
    /// Every one of these is wanted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<String>,
    /// Any of these is wanted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// Topics that come close to a cause; they only lift.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<Cause>,
    /// All of these are wanted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub does: Vec<Activity>,
    /// Activities that come close to what is asked; they only lift.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<Activity>,
    /// Whether the test itself should do it, and not what it calls.
    #[serde(skip_serializing_if = "is_false")]
    pub itself: bool,
    /// Names as they stand in code (`time.sleep`, `AsyncMock`); they lift.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// `pytest` or `unittest`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framework: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub severities: Vec<Severity>,
    /// Codes of rules (`FD101`); any of these is wanted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repos: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Repositories of the index that are called by their names; they lift.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<String>,
    /// Failed within so many days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_within_days: Option<u32>,
    /// What runs showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<Verdict>,
    /// Shown to be unstable by running with one thing changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proved: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_libraries: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_causes: Vec<Cause>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_does: Vec<Activity>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_repos: Vec<String>,
    /// Words that are not wanted: "without symlinks".
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_words: Vec<String>,
    /// What is no facet: the words that are left for meaning alone.
    pub remainder: String,
    /// What is compared by meaning and by words: the query without prefixes, negations and filler.
    #[serde(skip)]
    pub text: String,
}

impl Facets {
    /// What always holds: named with a prefix (`team:core`), excluded, or a time of failure.
    pub fn required(&self, now: Timestamp) -> Filter {
        let day = 86_400;
        let since = |days: u32| now.as_second() - i64::from(days) * day;
        Filter {
            teams: self.teams.clone(),
            repos: self.repos.clone(),
            paths: self.paths.clone(),
            not_libraries: self.not_libraries.clone(),
            not_causes: self.not_causes.clone(),
            not_does: self.not_does.clone(),
            not_repos: self.not_repos.clone(),
            failed_since: self.failed_within_days.map(since),
            ..Filter::default()
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

pub(super) fn push<T: PartialEq>(list: &mut Vec<T>, value: T) {
    if !list.contains(&value) {
        list.push(value);
    }
}

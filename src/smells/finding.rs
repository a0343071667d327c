//! What a rule says about a test: the nouns `Cause`, `Severity`, `Finding` and `Fix`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::context::{SETUPS, TEARDOWNS};

/// Why a test can be unstable. A rule's hundred is its cause: `FD1xx` is [`Cause::AsyncWait`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    AsyncWait,
    Concurrency,
    Network,
    Time,
    Randomness,
    SharedState,
    Resources,
    Unordered,
    Structure,
}

impl Cause {
    /// All causes, in the order of their hundreds.
    pub const ALL: [Cause; 9] = [
        Cause::AsyncWait,
        Cause::Concurrency,
        Cause::Network,
        Cause::Time,
        Cause::Randomness,
        Cause::SharedState,
        Cause::Resources,
        Cause::Unordered,
        Cause::Structure,
    ];

    /// The name used in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Cause::AsyncWait => "async-wait",
            Cause::Concurrency => "concurrency",
            Cause::Network => "network",
            Cause::Time => "time",
            Cause::Randomness => "randomness",
            Cause::SharedState => "shared-state",
            Cause::Resources => "resources",
            Cause::Unordered => "unordered",
            Cause::Structure => "structure",
        }
    }

    /// The words that people use for it.
    pub fn title(self) -> &'static str {
        match self {
            Cause::AsyncWait => "waiting for asynchronous work",
            Cause::Concurrency => "concurrency",
            Cause::Network => "network and services",
            Cause::Time => "date and time",
            Cause::Randomness => "randomness",
            Cause::SharedState => "shared state and test order",
            Cause::Resources => "files and resources",
            Cause::Unordered => "unordered collections",
            Cause::Structure => "numbers and structure",
        }
    }

    /// The position in [`Cause::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Cause {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Cause::ALL.into_iter().find(|cause| cause.name() == text).ok_or_else(|| {
            let names: Vec<_> = Cause::ALL.iter().map(|cause| cause.name()).collect();
            format!("unknown cause '{text}'; it is one of {}", names.join(", "))
        })
    }
}

/// How much a finding matters, from evidence alone. Ordered: `None < Low < … < Critical`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    #[default]
    None,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// The five grades, worst first.
    pub const ALL: [Severity; 5] =
        [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::None];

    /// The name used in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Severity::None => "none",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// One grade milder, but never below [`Severity::Low`].
    #[must_use]
    pub fn milder(self) -> Severity {
        match self {
            Severity::Critical => Severity::High,
            Severity::High => Severity::Medium,
            _ => Severity::Low,
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Severity::ALL.into_iter().find(|severity| severity.name() == text).ok_or_else(|| {
            format!("unknown severity '{text}'; it is one of critical, high, medium, low, none")
        })
    }
}

/// One smell at one place, always inside the test's own file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// `FD101`
    pub code: String,
    /// `sleep-as-synchronization`
    pub name: String,
    pub cause: Cause,
    /// 1-based line; columns count characters from 0.
    pub line: u32,
    pub column: u32,
    pub end_line: u32,
    pub end_column: u32,
    pub severity: Severity,
    /// How sure the rule is, from 0 to 1.
    pub confidence: f32,
    pub message: String,
    /// What to do about it, with the concrete tool.
    pub help: String,
    /// The helper or fixture that led here (`_wait_ready, conftest.py:31`), where it is not the test itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    #[serde(default)]
    pub fix: Option<Fix>,
    /// Tests that read what this one leaves changed, the nearest three, where it says that something outlives the test.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read_by: Vec<String>,
    /// The file of the analysis and the byte in it where the thing itself stands.
    #[serde(skip)]
    pub(crate) origin: (usize, u32),
}

/// Whether an edit may change what a passing test does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Applicability {
    Safe,
    Unsafe,
}

/// Edits that mend a finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Fix {
    pub applicability: Applicability,
    pub message: String,
    pub edits: Vec<Edit>,
}

/// `content` replaces what lies between the two positions (as in [`Finding`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Edit {
    pub content: String,
    pub line: u32,
    pub column: u32,
    pub end_line: u32,
    pub end_column: u32,
}

/// Rules that say under which circumstances a test runs: they name the cause only where nothing else does.
const CIRCUMSTANCES: [&str; 3] = ["FD303", "FD904", "FD907"];
/// Rules about what a test leaves behind: it makes others fail more than the test itself.
const LEFT_BEHIND: [&str; 14] = [
    "FD601", "FD602", "FD603", "FD604", "FD605", "FD606", "FD608", "FD609", "FD611", "FD701", "FD702",
    "FD704", "FD705", "FD712",
];
/// So much less does it say of why this test fails what the test leaves behind, and what set-up and fixtures do for every
/// test.
const LESS: f32 = 0.5;

impl Finding {
    /// Severity as a number from 1 to 4, times confidence.
    pub fn weight(&self) -> f32 {
        f32::from(self.severity as u8) * self.confidence
    }

    /// How much it says about why the test is unstable.
    pub fn telling(&self) -> f32 {
        let is_among = |codes: &[&str]| codes.contains(&self.code.as_str());
        let less = if is_among(&CIRCUMSTANCES) { 0.01 } else { 1.0 };
        let less = if is_among(&LEFT_BEHIND) { less * LESS } else { less };
        self.weight() * if self.is_around() { less * LESS } else { less }
    }

    /// Whether it stands in what runs before and after the test.
    fn is_around(&self) -> bool {
        let name = self.via.as_deref().and_then(|via| via.split(',').next()).unwrap_or_default();
        name.starts_with("fixture ") || SETUPS.contains(&name) || TEARDOWNS.contains(&name)
    }
}

/// The causes of findings, the most telling first.
pub fn causes(findings: &[Finding]) -> Vec<Cause> {
    let mut all: Vec<(Cause, f32)> = vec![];
    for finding in findings.iter().filter(|finding| finding.severity > Severity::None) {
        match all.iter_mut().find(|(cause, _)| *cause == finding.cause) {
            Some((_, sum)) => *sum += finding.telling(),
            None => all.push((finding.cause, finding.telling())),
        }
    }
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.into_iter().map(|(cause, _)| cause).collect()
}

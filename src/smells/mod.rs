//! Rules over the semantic model of a test: one file per rule, one line per rule here.
//! Knows no vector store, no model and no report.

mod assertions;
mod context;
mod finding;
mod mocks;
mod origins;
mod paths;
mod randomness;
mod resources;
mod restored;
mod rule;
mod words;

#[cfg(test)]
mod fixture_tests;

pub use context::{Context, Reached, Role};
pub use finding::{Applicability, Cause, Edit, Finding, Fix, Severity};
pub use rule::{HEADINGS, Registered, Report, Rule, Smell};

macro_rules! rules {
    ($($file:ident :: $rule:ident,)*) => {
        $(mod $file;)*

        /// Every rule, by code.
        pub static RULES: &[Registered] = &[
            $(Registered { rule: &$file::$rule, file: include_str!(concat!(stringify!($file), ".rs")) },)*
        ];
    };
}

rules! {
    sleep_as_synchronization::SleepAsSynchronization,
    hard_coded_port::HardCodedPort,
    unseeded_random::UnseededRandom,
    unseeded_numpy::UnseededNumpy,
    unseeded_faker::UnseededFaker,
    statistical_assertion::StatisticalAssertion,
    hash_compared::HashCompared,
    module_global_changed::ModuleGlobalChanged,
    class_attribute_changed::ClassAttributeChanged,
    environment_not_restored::EnvironmentNotRestored,
    wide_fixture_changed::WideFixtureChanged,
    cache_not_cleared::CacheNotCleared,
    attribute_patched_by_hand::AttributePatchedByHand,
    test_order::TestOrder,
    global_configuration_changed::GlobalConfigurationChanged,
    patch_never_stopped::PatchNeverStopped,
    mock_not_reset::MockNotReset,
    registration_not_undone::RegistrationNotUndone,
    file_not_closed::FileNotClosed,
    resource_left_open::ResourceLeftOpen,
    fixed_path::FixedPath,
    temporary_left_behind::TemporaryLeftBehind,
    fixture_without_teardown::FixtureWithoutTeardown,
    set_order::SetOrder,
    directory_order::DirectoryOrder,
    serialized_compared::SerializedCompared,
    query_without_order::QueryWithoutOrder,
    float_equality::FloatEquality,
    complex_test::ComplexTest,
    conditional_assertion::ConditionalAssertion,
    retry_marker::RetryMarker,
}

/// The rule with this code or name.
pub fn find(code_or_name: &str) -> Option<&'static Registered> {
    RULES.iter().find(|rule| rule.code().eq_ignore_ascii_case(code_or_name) || rule.name() == code_or_name)
}

/// Which rules run.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Codes or prefixes (`FD1`); empty means all.
    pub select: Vec<String>,
    pub ignore: Vec<String>,
}

impl Selection {
    fn takes(&self, code: &str) -> bool {
        let among = |list: &[String]| list.iter().any(|prefix| code.starts_with(prefix.as_str()));
        (self.select.is_empty() || among(&self.select)) && !among(&self.ignore)
    }
}

/// What the selected rules find in a test, in the order of the file.
pub fn check(context: &Context<'_, '_>, selection: &Selection) -> Vec<Finding> {
    let mut findings = vec![];
    for registered in RULES.iter().filter(|rule| selection.takes(rule.code())) {
        let mut report = Report {
            context,
            code: registered.code(),
            name: registered.name(),
            cause: registered.cause(),
            findings: vec![],
        };
        registered.rule.check(context, &mut report);
        findings.append(&mut report.findings);
    }
    findings.sort_by(|a, b| (a.line, a.column, &a.code).cmp(&(b.line, b.column, &b.code)));
    findings
}

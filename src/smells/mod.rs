//! Rules over the semantic model of a test: one file per rule, one line per rule here.
//! Knows no vector store, no model and no report.

mod activity;
mod assertions;
mod bounds;
mod callbacks;
mod comparison;
mod context;
mod durations;
mod expectations;
mod finding;
mod flow;
mod libraries;
mod limits;
mod lone_pauses;
mod mend;
mod mocks;
mod network;
mod origins;
mod paths;
mod polling;
mod randomness;
mod resources;
mod restored;
mod rule;
mod waits_for_work;
pub(crate) mod words;

#[cfg(test)]
mod fixture_tests;

pub use activity::{Activity, activities};
pub use context::{Context, Reached, Role};
pub(crate) use expectations::{awaited, expectations};
pub use finding::{Applicability, Cause, Edit, Finding, Fix, Severity, causes};
pub use libraries::libraries;
pub use rule::{HEADINGS, Registered, Report, Rule, RuleInfo, Smell};

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
    tight_timeout::TightTimeout,
    task_left_running::TaskLeftRunning,
    poll_without_deadline::PollWithoutDeadline,
    sleep_in_fixture::SleepInFixture,
    coroutine_never_awaited::CoroutineNeverAwaited,
    blocking_call_in_coroutine::BlockingCallInCoroutine,
    turn_of_the_loop::TurnOfTheLoop,
    short_deadline::ShortDeadline,
    page_asked_once::PageAskedOnce,
    callback_asserted_at_once::CallbackAssertedAtOnce,
    live_threads_counted::LiveThreadsCounted,
    told_not_to_wait::ToldNotToWait,
    second_try_must_succeed::SecondTryMustSucceed,
    looked_right_after_request::LookedRightAfterRequest,
    child_used_before_ready::ChildUsedBeforeReady,
    sleep_in_inner_program::SleepInInnerProgram,
    log_read_once::LogReadOnce,
    read_from_replica::ReadFromReplica,
    thread_not_joined::ThreadNotJoined,
    assertion_right_after_start::AssertionRightAfterStart,
    unguarded_shared_write::UnguardedSharedWrite,
    completion_order_assumed::CompletionOrderAssumed,
    executor_left_running::ExecutorLeftRunning,
    timer_not_cancelled::TimerNotCancelled,
    used_right_after_start::UsedRightAfterStart,
    exception_group_order::ExceptionGroupOrder,
    cancelled_right_after_start::CancelledRightAfterStart,
    narrow_count::NarrowCount,
    socket_closed_after_send::SocketClosedAfterSend,
    far_position::FarPosition,
    result_before_join::ResultBeforeJoin,
    http_not_mocked::HttpNotMocked,
    hard_coded_port::HardCodedPort,
    live_service::LiveService,
    name_resolution::NameResolution,
    external_connection::ExternalConnection,
    port_released_before_use::PortReleasedBeforeUse,
    download_in_test::DownloadInTest,
    port_by_chance::PortByChance,
    marked_as_network::MarkedAsNetwork,
    port_written_down::PortWrittenDown,
    wall_clock_compared::WallClockCompared,
    elapsed_time_asserted::ElapsedTimeAsserted,
    local_time_zone::LocalTimeZone,
    date_that_will_pass::DateThatWillPass,
    clock_read_twice::ClockReadTwice,
    file_time_order::FileTimeOrder,
    date_part_replaced::DatePartReplaced,
    elapsed_time_at_least::ElapsedTimeAtLeast,
    time_stamps_must_differ::TimeStampsMustDiffer,
    due_now::DueNow,
    lifetime_compared::LifetimeCompared,
    printed_duration::PrintedDuration,
    unseeded_random::UnseededRandom,
    unseeded_numpy::UnseededNumpy,
    unseeded_faker::UnseededFaker,
    statistical_assertion::StatisticalAssertion,
    hash_compared::HashCompared,
    unseeded_training::UnseededTraining,
    property_in_test::PropertyInTest,
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
    leftover_of_another_test::LeftoverOfAnotherTest,
    process_wide_count::ProcessWideCount,
    captured_records_counted::CapturedRecordsCounted,
    file_not_closed::FileNotClosed,
    resource_left_open::ResourceLeftOpen,
    fixed_path::FixedPath,
    temporary_left_behind::TemporaryLeftBehind,
    fixture_without_teardown::FixtureWithoutTeardown,
    terminated_not_awaited::TerminatedNotAwaited,
    racing_temporary_name::RacingTemporaryName,
    shared_folder_handed_on::SharedFolderHandedOn,
    set_order::SetOrder,
    directory_order::DirectoryOrder,
    serialized_compared::SerializedCompared,
    query_without_order::QueryWithoutOrder,
    response_order::ResponseOrder,
    sort_key_repeats::SortKeyRepeats,
    float_equality::FloatEquality,
    complex_test::ComplexTest,
    conditional_assertion::ConditionalAssertion,
    retry_marker::RetryMarker,
    exact_array_comparison::ExactArrayComparison,
    summed_time_equality::SummedTimeEquality,
    said_to_be_unstable::SaidToBeUnstable,
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
        findings.append(&mut registered.run(context).findings);
    }
    // what cannot turn red bites nobody
    if context.never_fails() {
        findings.iter_mut().for_each(|finding| finding.severity = finding.severity.min(Severity::Low));
    }
    findings.sort_by(|a, b| (a.line, a.column, &a.code).cmp(&(b.line, b.column, &b.code)));
    findings
}

/// Whether a comment on `line` keeps the rule `code` from reporting something there.
pub fn check_silenced(context: &Context<'_, '_>, code: &str, line: u32) -> bool {
    RULES.iter().filter(|rule| rule.code() == code).any(|rule| rule.run(context).silenced.contains(&line))
}

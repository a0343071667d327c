//! What a test does, sound or not: what people ask for beside what is wrong. Evidence is the same as for the rules.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::context::{Context, Role};
use super::words::{
    is_clock, is_file_operation, is_process, is_random, is_sleep, is_timeout, is_wall_clock, last,
};
use crate::python::ast::{Call, Expr, ExprKind};

/// One thing that a test does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    Sleep,
    Wait,
    Poll,
    Timeout,
    Threads,
    Tasks,
    Processes,
    Signals,
    Locks,
    Sockets,
    Http,
    Clock,
    Timer,
    FrozenClock,
    TimeZones,
    Random,
    Seed,
    Files,
    TemporaryFiles,
    Environment,
    WorkingDirectory,
    Mocks,
    Raises,
    Warnings,
    Logs,
    Output,
    Parametrized,
    Skips,
    Tolerance,
    Cancellation,
    Pickle,
    GarbageCollection,
    Tls,
    Permissions,
    Links,
    Compression,
    HostNames,
    FreePorts,
    Imports,
}

impl Activity {
    pub const ALL: [Activity; 39] = [
        Activity::Sleep,
        Activity::Wait,
        Activity::Poll,
        Activity::Timeout,
        Activity::Threads,
        Activity::Tasks,
        Activity::Processes,
        Activity::Signals,
        Activity::Locks,
        Activity::Sockets,
        Activity::Http,
        Activity::Clock,
        Activity::Timer,
        Activity::FrozenClock,
        Activity::TimeZones,
        Activity::Random,
        Activity::Seed,
        Activity::Files,
        Activity::TemporaryFiles,
        Activity::Environment,
        Activity::WorkingDirectory,
        Activity::Mocks,
        Activity::Raises,
        Activity::Warnings,
        Activity::Logs,
        Activity::Output,
        Activity::Parametrized,
        Activity::Skips,
        Activity::Tolerance,
        Activity::Cancellation,
        Activity::Pickle,
        Activity::GarbageCollection,
        Activity::Tls,
        Activity::Permissions,
        Activity::Links,
        Activity::Compression,
        Activity::HostNames,
        Activity::FreePorts,
        Activity::Imports,
    ];

    /// The name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Activity::Sleep => "sleep",
            Activity::Wait => "wait",
            Activity::Poll => "poll",
            Activity::Timeout => "timeout",
            Activity::Threads => "threads",
            Activity::Tasks => "tasks",
            Activity::Processes => "processes",
            Activity::Signals => "signals",
            Activity::Locks => "locks",
            Activity::Sockets => "sockets",
            Activity::Http => "http",
            Activity::Clock => "clock",
            Activity::Timer => "timer",
            Activity::FrozenClock => "frozen-clock",
            Activity::TimeZones => "time-zones",
            Activity::Random => "random",
            Activity::Seed => "seed",
            Activity::Files => "files",
            Activity::TemporaryFiles => "temporary-files",
            Activity::Environment => "environment",
            Activity::WorkingDirectory => "working-directory",
            Activity::Mocks => "mocks",
            Activity::Raises => "raises",
            Activity::Warnings => "warnings",
            Activity::Logs => "logs",
            Activity::Output => "output",
            Activity::Parametrized => "parametrized",
            Activity::Skips => "skips",
            Activity::Tolerance => "tolerance",
            Activity::Cancellation => "cancellation",
            Activity::Pickle => "pickle",
            Activity::GarbageCollection => "garbage-collection",
            Activity::Tls => "tls",
            Activity::Permissions => "permissions",
            Activity::Links => "links",
            Activity::Compression => "compression",
            Activity::HostNames => "host-names",
            Activity::FreePorts => "free-ports",
            Activity::Imports => "imports",
        }
    }

    /// In a sentence about a test: it `starts threads`.
    pub fn phrase(self) -> &'static str {
        match self {
            Activity::Sleep => "sleeps",
            Activity::Wait => "waits for a condition",
            Activity::Poll => "polls in a loop",
            Activity::Timeout => "sets a timeout",
            Activity::Threads => "starts threads",
            Activity::Tasks => "starts async tasks",
            Activity::Processes => "starts child processes",
            Activity::Signals => "sends signals",
            Activity::Locks => "uses locks and events",
            Activity::Sockets => "opens sockets",
            Activity::Http => "makes HTTP requests",
            Activity::Clock => "reads the current time",
            Activity::Timer => "measures elapsed time",
            Activity::FrozenClock => "freezes the clock",
            Activity::TimeZones => "handles time zones",
            Activity::Random => "draws random numbers",
            Activity::Seed => "sets a random seed",
            Activity::Files => "reads and writes files",
            Activity::TemporaryFiles => "makes temporary files",
            Activity::Environment => "changes environment variables",
            Activity::WorkingDirectory => "changes the working directory",
            Activity::Mocks => "mocks",
            Activity::Raises => "expects an exception",
            Activity::Warnings => "expects warnings",
            Activity::Logs => "reads log records",
            Activity::Output => "captures output",
            Activity::Parametrized => "parametrized",
            Activity::Skips => "skipped on a condition",
            Activity::Tolerance => "compares floats with a tolerance",
            Activity::Cancellation => "cancels tasks",
            Activity::Pickle => "pickles objects",
            Activity::GarbageCollection => "collects garbage",
            Activity::Tls => "uses TLS certificates",
            Activity::Permissions => "changes file permissions",
            Activity::Links => "makes symbolic links",
            Activity::Compression => "compresses data",
            Activity::HostNames => "resolves host names",
            Activity::FreePorts => "takes a free port",
            Activity::Imports => "imports modules anew",
        }
    }
}

impl std::fmt::Display for Activity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Activity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Activity::ALL.iter().map(|one| one.name()).collect::<Vec<_>>().join(", ");
        let found = Activity::ALL.into_iter().find(|one| one.name() == text);
        found.ok_or_else(|| format!("unknown activity '{text}'; it is one of {}", names()))
    }
}

/// What runs because of the test does, teardown left out, and which of it the test does itself; each in the order of
/// [`Activity::ALL`].
pub fn activities(test: &Context<'_, '_>) -> (Vec<Activity>, Vec<Activity>) {
    let (mut all, mut itself) = (Set::default(), Set::default());
    for reached in test.reach.iter().filter(|reached| reached.role != Role::Teardown) {
        let mut here = Set::default();
        for (site, path) in reached.sites.calls.iter().zip(&reached.paths) {
            of_call(path, &mut here);
            if site.call.keyword("timeout").is_some() || is_timeout(path) {
                here.add(Activity::Timeout);
            }
            if last(path) == "bind" && is_port_zero(site.call) {
                here.add(Activity::FreePorts);
            }
            if matches!(&**path, "random.Random" | "numpy.random.default_rng" | "numpy.random.RandomState")
                && !site.call.args.is_empty()
                || site.call.keyword("seed").is_some()
                || site.call.keyword("random_state").is_some()
            {
                here.add(Activity::Seed);
            }
        }
        for write in &reached.sites.writes {
            if write.path.starts_with("os.environ") {
                here.add(Activity::Environment);
            }
        }
        let stamps = reached.paths.iter().filter(|path| matches!(&***path, "time.time" | "time.time_ns"));
        if stamps.count() > 1 {
            here.add(Activity::Timer);
        }
        let polls = reached.sites.loops.iter().any(|site| site.is_while) && here.has(Activity::Sleep);
        if polls {
            here.add(Activity::Poll);
        }
        all.0 |= here.0;
        if reached.role == Role::Test {
            itself.0 |= here.0;
        }
    }
    for (path, _) in &test.decorators {
        let of_decorator = match last(path) {
            "parametrize" | "expand" | "parameterized" | "parameterized_class" => Activity::Parametrized,
            "skip" | "skipif" | "skipIf" | "skipUnless" | "xfail" | "importorskip" => Activity::Skips,
            "patch" | "object" | "multiple" if path.contains("patch") => Activity::Mocks,
            "timeout" => Activity::Timeout,
            _ => continue,
        };
        all.add(of_decorator);
        itself.add(of_decorator);
    }
    for found in &test.fixtures {
        if let Some(activity) = of_fixture(found.fixture.name) {
            all.add(activity);
        }
    }
    for param in &test.case.function.function.params {
        if let Some(activity) = of_fixture(&param.name) {
            all.add(activity);
            itself.add(activity);
        }
    }
    if test.mocks.count() > 0 {
        all.add(Activity::Mocks);
    }
    let names_clock = |target: &String| {
        let target = target.to_ascii_lowercase();
        ["datetime", "utcnow", "monotonic", "time.time", "freeze_time", "current_time"]
            .iter()
            .any(|name| target.contains(name))
            || matches!(last(&target), "time" | "now" | "today")
    };
    if test.mocks.time || test.mocks.targets.iter().chain(&test.mocks.by_hand).any(names_clock) {
        all.add(Activity::FrozenClock);
    }
    (all.list(), itself.list())
}

/// Fixtures of pytest and of well-known plugins.
fn of_fixture(name: &str) -> Option<Activity> {
    match name {
        "tmp_path" | "tmpdir" | "tmp_path_factory" | "tmpdir_factory" => Some(Activity::TemporaryFiles),
        "mocker" | "requests_mock" | "respx_mock" | "httpx_mock" => Some(Activity::Mocks),
        "caplog" => Some(Activity::Logs),
        "capsys" | "capfd" | "capsysbinary" | "capfdbinary" => Some(Activity::Output),
        "recwarn" => Some(Activity::Warnings),
        _ if is_free_port(name) => Some(Activity::FreePorts),
        _ => None,
    }
}

fn of_call(path: &str, out: &mut Set) {
    let name = last(path);
    if is_sleep(path) || name == "sleep" {
        out.add(Activity::Sleep);
    }
    if is_wall_clock(path) || matches!(name, "utcnow" | "now" | "today") {
        out.add(Activity::Clock);
    }
    // whoever reads `time.time` twice measures; see `activities`
    if is_clock(path) && !is_wall_clock(path) || name == "current_time" || path.ends_with("loop().time") {
        out.add(Activity::Timer);
    }
    if is_process(path) || matches!(name, "Popen" | "open_process" | "run_process" | "create_subprocess_exec")
    {
        out.add(Activity::Processes);
    }
    if is_random(path) {
        out.add(Activity::Random);
    }
    if is_file_operation(path) || matches!(name, "open_file" | "symlink_to" | "chmod" | "rename") {
        out.add(Activity::Files);
    }
    if path.starts_with("tempfile.") || matches!(name, "mkdtemp" | "mkstemp" | "mktemp") {
        out.add(Activity::TemporaryFiles);
    }
    let root = path.split(['.', '(']).next().unwrap_or(path);
    if path.starts_with("socket.") && !path.ends_with("Error")
        || matches!(
            name,
            "start_server" | "create_server" | "create_connection" | "open_connection" | "listen" | "bind"
        )
    {
        out.add(Activity::Sockets);
    }
    if matches!(root, "requests" | "httpx" | "aiohttp" | "urllib3") && path.contains('.')
        || path.starts_with("urllib.request.")
        || path.starts_with("http.client.")
        || matches!(name, "urlopen" | "HTTPConnection" | "HTTPSConnection" | "TestClient")
    {
        out.add(Activity::Http);
    }
    if matches!(root, "pytz" | "zoneinfo")
        || path.contains("timezone")
        || matches!(
            name,
            "astimezone" | "utcoffset" | "gettz" | "tzset" | "localize" | "ZoneInfo" | "tzlocal" | "tzutc"
        )
    {
        out.add(Activity::TimeZones);
    }
    let by_root = match root {
        "pickle" | "cloudpickle" | "dill" | "copyreg" => Some(Activity::Pickle),
        "gc" | "weakref" => Some(Activity::GarbageCollection),
        "ssl" | "trustme" => Some(Activity::Tls),
        "gzip" | "zlib" | "bz2" | "lzma" | "zipfile" | "tarfile" | "brotli" | "zstandard" => {
            Some(Activity::Compression)
        }
        _ => None,
    };
    for activity in by_root.filter(|_| path.contains('.')).into_iter().chain(by_last_name(path, name)) {
        out.add(activity);
    }
    if is_free_port(name) {
        out.add(Activity::FreePorts);
    }
}

/// `find_free_port`, `unused_tcp_port`
fn is_free_port(name: &str) -> bool {
    name.contains("port")
        && ["free", "unused", "ephemeral", "available"].iter().any(|word| name.contains(word))
}

/// `bind(("localhost", 0))`
fn is_port_zero(call: &Call) -> bool {
    let address = call.args.first().map(|address| &address.kind);
    let Some(ExprKind::Tuple(parts)) = address else { return false };
    parts.get(1).and_then(Expr::as_number) == Some(0.0)
}

fn by_last_name(path: &str, name: &str) -> Option<Activity> {
    Some(match name {
        "wait" | "wait_for" | "join" if !path.starts_with("os.path") && !path.contains("str") => {
            Activity::Wait
        }
        "wait_until" | "async_wait_until" | "eventually" | "poll_until" | "wait_for_condition" => {
            Activity::Poll
        }
        "Thread"
        | "Timer"
        | "ThreadPoolExecutor"
        | "ThreadPool"
        | "start_new_thread"
        | "run_in_thread"
        | "to_thread"
        | "start_blocking_portal"
        | "run_sync_in_worker_thread" => Activity::Threads,
        "create_task" | "ensure_future" | "gather" | "TaskGroup" | "create_task_group" | "start_soon"
        | "open_nursery" => Activity::Tasks,
        "Process" | "fork" if path.contains("multiprocessing") || path == "os.fork" => Activity::Processes,
        "send_signal" | "terminate" | "kill" | "killpg" | "raise_signal" | "alarm" | "setitimer" => {
            Activity::Signals
        }
        "signal" if path == "signal.signal" => Activity::Signals,
        "Lock" | "RLock" | "Event" | "Condition" | "Semaphore" | "BoundedSemaphore" | "Barrier" => {
            Activity::Locks
        }
        "cancel" | "cancel_scope" | "CancelScope" => Activity::Cancellation,
        "gc_collect" => Activity::GarbageCollection,
        "load_cert_chain" | "load_verify_locations" | "wrap_socket" | "create_urllib3_context" => {
            Activity::Tls
        }
        "chmod" | "fchmod" | "chown" | "umask" | "getuid" | "geteuid" | "setuid" | "seteuid" => {
            Activity::Permissions
        }
        "symlink" | "symlink_to" | "readlink" | "hardlink_to" | "link_to" | "islink" | "is_symlink"
        | "create_symlink" => Activity::Links,
        "link" if path == "os.link" => Activity::Links,
        "compress" | "decompress" | "make_archive" | "unpack_archive" => Activity::Compression,
        "getaddrinfo" | "gethostbyname" | "gethostbyname_ex" | "gethostbyaddr" | "getnameinfo"
        | "getfqdn" | "gethostname" => Activity::HostNames,
        "reload" | "import_module" | "__import__" => Activity::Imports,
        "seed" | "manual_seed" | "set_seed" => Activity::Seed,
        "setenv" | "delenv" | "putenv" | "unsetenv" => Activity::Environment,
        "chdir" => Activity::WorkingDirectory,
        "raises" | "assertRaises" | "assertRaisesRegex" | "assert_raises" | "assertRaisesRegexp" => {
            Activity::Raises
        }
        "warns" | "assertWarns" | "assertWarnsRegex" | "catch_warnings" | "deprecated_call" => {
            Activity::Warnings
        }
        "assertLogs" | "assertNoLogs" | "LogCapture" => Activity::Logs,
        "redirect_stdout" | "redirect_stderr" | "readouterr" => Activity::Output,
        "subTest" => Activity::Parametrized,
        "skipTest" | "importorskip" => Activity::Skips,
        "patch" | "Mock" | "MagicMock" | "AsyncMock" | "create_autospec" | "setattr" if path != "setattr" => {
            Activity::Mocks
        }
        "object" | "dict" | "multiple" if path.contains("patch") => Activity::Mocks,
        "approx"
        | "assertAlmostEqual"
        | "isclose"
        | "allclose"
        | "assert_allclose"
        | "assert_almost_equal"
        | "assert_array_almost_equal"
        | "almost_equal" => Activity::Tolerance,
        _ => return None,
    })
}

/// Activities as bits.
#[derive(Default)]
struct Set(u64);

impl Set {
    fn add(&mut self, activity: Activity) {
        self.0 |= 1 << activity as u32;
    }

    fn has(&self, activity: Activity) -> bool {
        self.0 & (1 << activity as u32) != 0
    }

    fn list(&self) -> Vec<Activity> {
        Activity::ALL.into_iter().filter(|activity| self.has(*activity)).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for activity in Activity::ALL {
            assert_eq!(activity.name().parse(), Ok(activity));
            assert_eq!(serde_json::to_value(activity).unwrap(), activity.name());
        }
        assert!("dance".parse::<Activity>().unwrap_err().contains("threads"));
    }
}

//! By which words of a new line a mending is known.

/// What gives a test a folder of its own.
pub(super) const OWN_FOLDERS: [&str; 8] = [
    "tmp_path",
    "tmpdir",
    "tmp_dir",
    "mktemp",
    "mkdtemp",
    "TemporaryDirectory",
    "NamedTemporaryFile",
    "chdir",
];
/// What makes a folder or file that stays.
pub(super) const STAYING: [&str; 3] = ["mkdtemp(", "mkstemp(", "mktemp("];
/// What removes one.
pub(super) const REMOVING: [&str; 4] = ["rmtree", "rmdir", "addCleanup", "cleanup"];
/// What makes draws repeat.
pub(super) const SEEDS: [&str; 6] =
    ["seed", "Random(", "RandomState(", "default_rng(", "derandomize", "Generator("];
/// What draws.
pub(super) const DRAWS: [&str; 9] =
    ["random.", "rand(", "randint(", "randbytes(", "randn(", "urandom(", "token_", "secrets.", "choice("];
/// What stands in for a service.
pub(super) const STAND_INS: [&str; 14] = [
    "mock",
    "Mock",
    "fake",
    "Fake",
    "patch",
    "moto",
    "respx",
    "responses",
    "httpretty",
    "vcr",
    "cassette",
    "httpserver",
    "stub",
    "localhost",
];
/// What clears what was put into a service.
pub(super) const CLEARS: [&str; 6] = ["drop", "flush", "addCleanup", "delete", "rollback", "uuid"];
/// What ends or waits for tasks.
pub(super) const ENDS_TASKS: [&str; 7] =
    ["await", "cancel", "gather", "wait", "nursery", "join", "TaskGroup"];
/// What waits for something to have happened, by its name.
pub(super) const WAITS: [&str; 14] = [
    "wait",
    "join",
    "until",
    "poll",
    "eventually",
    "retry",
    "retries",
    "drain",
    "flush",
    "communicate",
    "gather",
    "done",
    "ready",
    "expect",
];
/// What ends a loop in time.
pub(super) const LIMITS: [&str; 10] = [
    "timeout",
    "deadline",
    "range(",
    "monotonic",
    "time()",
    "wait_for",
    "max_",
    "retries",
    "attempt",
    "poll_",
];
/// What finds a port that may be taken by somebody else at once.
pub(super) const FREE_PORTS: [&str; 6] =
    ["free_port", "unused_port", "open_port", "available_port", "tcp_port", "get_port"];
/// What puts things back, or works on a copy of them.
pub(super) const PUTS_BACK: [&str; 18] = [
    "patch",
    "setattr",
    "setitem",
    "setenv",
    "delenv",
    "addCleanup",
    "addfinalizer",
    "finally",
    "yield",
    "tub",
    "env=",
    "cache_clear",
    "copy(",
    "reset",
    "restore",
    "override",
    "tearDown",
    "mock_object",
];
/// What takes a registration away again.
pub(super) const UNREGISTERS: [&str; 5] = ["unregister", "pop(", "finally", "addCleanup", "del "];
/// What asks a page or a store until it is so.
pub(super) const ASKS_AGAIN: [&str; 6] = ["expect(", "wait", "until", "eventually", "poll", "retry"];
/// What makes an order certain, or of no matter.
pub(super) const ORDERS: [&str; 9] =
    ["sort", "order", "set(", "Counter", "CountEqual", "ItemsEqual", "loads(", "Ordered", " in "];
/// What closes a file, or needs none to be closed.
pub(super) const CLOSES: [&str; 8] =
    ["with ", ".close(", "closing", "read_text", "write_text", "read_bytes", "write_bytes", "enter_context"];
/// What hides a failure.
pub(super) const SKIPS: [&str; 6] = ["skip", "Skip", "xfail", "KnownFail", "expectedFailure", "flaky"];
/// What ends a process, a pool, a loop or a connection.
pub(super) const ENDS: [&str; 9] =
    ["close", "stop", "shutdown", "terminate", "kill", "disconnect", "join", "cleanup", "Cleanup"];

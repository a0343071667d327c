//! Names of calls that several rules share. A path here is a resolved one: see `python::sites`.

use super::{Context, Reached};
use crate::python::ast::{Call, Expr, ExprKind};
use crate::python::sites::{At, CallSite};

/// Calls that only let time pass.
pub(crate) fn is_sleep(path: &str) -> bool {
    matches!(
        path,
        "time.sleep"
            | "asyncio.sleep"
            | "anyio.sleep"
            | "trio.sleep"
            | "gevent.sleep"
            | "eventlet.sleep"
            | "tornado.gen.sleep"
            | "curio.sleep"
    )
}

/// Reads of the wall clock or a timer.
pub(crate) fn is_clock(path: &str) -> bool {
    is_wall_clock(path)
        || matches!(
            path,
            "time.monotonic"
                | "time.perf_counter"
                | "time.process_time"
                | "time.perf_counter_ns"
                | "time.monotonic_ns"
                | "timeit.default_timer"
        )
}

/// Reads of date and time as a person would tell it.
pub(crate) fn is_wall_clock(path: &str) -> bool {
    matches!(
        path,
        "time.time"
            | "time.time_ns"
            | "time.localtime"
            | "time.gmtime"
            | "time.ctime"
            | "datetime.datetime.now"
            | "datetime.datetime.utcnow"
            | "datetime.datetime.today"
            | "datetime.date.today"
            | "django.utils.timezone.now"
            | "arrow.now"
            | "arrow.utcnow"
            | "pendulum.now"
            | "pendulum.today"
    )
}

/// An imported function called `now`, such as `app.clock.now` or `pandas.Timestamp.now`.
pub(crate) fn is_now_by_name(path: &str) -> bool {
    (path.ends_with(".now") || path.ends_with(".utcnow"))
        && !path.starts_with(['@', '~', '#', ':', '.'])
        && !path.starts_with("self.")
        && !path.contains('(')
}

/// The last part of a path without call marks: `redis.Redis().get` ─▶ `get`.
pub(crate) fn last(path: &str) -> &str {
    let mut path = path;
    while let Some(called) = path.strip_suffix("()") {
        path = called;
    }
    // paths are short: a plain walk back is quicker than the search for long texts
    let dot = path.bytes().rposition(|byte| byte == b'.');
    dot.map_or(path, |dot| &path[dot + 1..])
}

/// Calls that bound how long something may take.
pub(crate) fn is_timeout(path: &str) -> bool {
    matches!(last(path), "wait_for" | "settimeout" | "setdefaulttimeout" | "fail_after" | "move_on_after")
        || matches!(path, "asyncio.timeout" | "async_timeout.timeout" | "asyncio.wait")
}

/// Calls that start a child process.
pub(crate) fn is_process(path: &str) -> bool {
    path.starts_with("subprocess.") && !path.contains("()")
        || matches!(
            path,
            "os.system"
                | "os.popen"
                | "os.fork"
                | "os.spawnl"
                | "os.spawnv"
                | "multiprocessing.Process"
                | "multiprocessing.Pool"
                | "asyncio.create_subprocess_exec"
                | "asyncio.create_subprocess_shell"
                | "pexpect.spawn"
        )
}

/// Calls that start work beside the test: threads, tasks, executors.
pub(crate) fn is_spawn(path: &str) -> bool {
    matches!(
        path,
        "threading.Thread"
            | "threading.Timer"
            | "_thread.start_new_thread"
            | "asyncio.create_task"
            | "asyncio.ensure_future"
            | "asyncio.gather"
            | "asyncio.run_coroutine_threadsafe"
            | "gevent.spawn"
            | "concurrent.futures.ThreadPoolExecutor"
            | "concurrent.futures.ProcessPoolExecutor"
    ) || matches!(last(path), "create_task" | "ensure_future" | "run_in_executor" | "start_soon" | "spawn")
}

/// Calls after which something goes on beside the test.
pub(crate) fn starts_work(path: &str) -> bool {
    is_spawn(path)
        || is_process(path)
        || matches!(
            last(path),
            "start"
                | "submit"
                | "apply_async"
                | "send_signal"
                | "kill"
                | "terminate"
                | "serve"
                | "serve_forever"
                | "put"
                | "publish"
                | "call_later"
                | "run_once"
                | "run_repeating"
                | "delay"
                | "enqueue"
                | "launch"
                | "run_coroutine_threadsafe"
        )
        || last(path).starts_with("start_")
}

/// Libraries whose calls talk to something over a network, by the first part of a path.
const NETWORK_ROOTS: [&str; 30] = [
    "requests",
    "httpx",
    "aiohttp",
    "urllib3",
    "http",
    "socket",
    "ftplib",
    "smtplib",
    "telnetlib",
    "paramiko",
    "redis",
    "aioredis",
    "pymongo",
    "motor",
    "psycopg2",
    "psycopg",
    "asyncpg",
    "pymysql",
    "aiomysql",
    "MySQLdb",
    "kafka",
    "aiokafka",
    "pika",
    "aio_pika",
    "boto3",
    "botocore",
    "elasticsearch",
    "memcache",
    "pymemcache",
    "websockets",
];

/// Calls that talk, or open the way to talk, over a network.
pub(crate) fn is_network(path: &str) -> bool {
    let root = path.split(['.', '(']).next().unwrap_or(path);
    path.starts_with("urllib.request.")
        || (NETWORK_ROOTS.contains(&root) && !is_type_or_error(path) && root != path)
}

fn is_type_or_error(path: &str) -> bool {
    let name = last(path);
    name.ends_with("Error") || name.ends_with("Exception") || name.ends_with("Response")
}

/// Draws from a random generator.
pub(crate) fn is_random(path: &str) -> bool {
    let draws = |prefix: &str| {
        path.strip_prefix(prefix).is_some_and(|rest| !rest.starts_with("seed") && !rest.starts_with("Random"))
    };
    draws("random.")
        || draws("numpy.random.")
        || draws("secrets.")
        || path.starts_with("faker.Faker().")
        || matches!(path, "uuid.uuid4" | "uuid.uuid1" | "os.urandom")
}

/// Listings whose order the system does not promise.
pub(crate) fn is_listing(path: &str) -> bool {
    matches!(path, "os.listdir" | "os.scandir" | "os.walk" | "glob.glob" | "glob.iglob")
        || (matches!(last(path), "iterdir" | "rglob")
            || (path.starts_with("pathlib.") && last(path) == "glob"))
}

/// Calls that open, write, list or remove files.
pub(crate) fn is_file_operation(path: &str) -> bool {
    path == "open"
        || path.starts_with("shutil.")
        || path.starts_with("tempfile.")
        || matches!(
            path,
            "os.remove"
                | "os.unlink"
                | "os.mkdir"
                | "os.makedirs"
                | "os.rename"
                | "os.rmdir"
                | "os.open"
                | "io.open"
                | "os.replace"
        )
        || matches!(
            last(path),
            "write_text"
                | "read_text"
                | "write_bytes"
                | "read_bytes"
                | "unlink"
                | "mkdir"
                | "touch"
                | "rmdir"
        )
}

/// Whether a call is meant to fail: it stands in `with pytest.raises(…)` or `with self.assertRaises(…)`.
pub(super) fn expects_failure(at: &Reached<'_, '_>, site: At) -> bool {
    at.sites.enclosing_withs(site).any(|with| last(&with.path).to_ascii_lowercase().contains("raises"))
}

/// Whether an assertion wants something not to be, or not to have happened: a slow machine does not break that.
pub(super) fn wants_nothing(test: &Expr) -> bool {
    match &test.kind {
        ExprKind::Unary { op, .. } => &**op == "not",
        ExprKind::Compare { rest, .. } => rest.iter().all(|(op, right)| match &**op {
            "is" | "==" => is_nothing(right),
            "not in" => true,
            _ => false,
        }),
        ExprKind::Call(call) => match &call.func.kind {
            ExprKind::Attribute { attr, .. } => match &**attr {
                "assertFalse" | "assertIsNone" | "assertNotIn" | "assert_not_called"
                | "assert_not_awaited" => true,
                "assertEqual" | "assertListEqual" => call.args.iter().any(is_nothing),
                _ => false,
            },
            _ => false,
        },
        _ => false,
    }
}

/// `0`, `None`, `False`, `[]`
pub(super) fn is_nothing(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::None | ExprKind::Bool(false) => true,
        ExprKind::Number { value, .. } => *value == 0.0,
        ExprKind::List(parts) => parts.is_empty(),
        _ => false,
    }
}

/// Whether code speaks of a stand-in: `DummySocket`.
pub(super) fn says_fake(code: &str) -> bool {
    ["Mock", "Fake", "Dummy", "Stub"].iter().any(|word| code.contains(word))
}

/// Whether a class of stand-ins is handed over: `make_server("", 80, app, MockServer)`.
pub(super) fn is_given_a_fake(call: &Call) -> bool {
    call.args
        .iter()
        .chain(call.keywords.iter().map(|(_, value)| value))
        .any(|value| value.as_name().is_some_and(says_fake))
}

/// Whether a function belongs to the tests, and not to what they test.
pub(super) fn is_test_code(test: &Context<'_, '_>, at: &Reached<'_, '_>) -> bool {
    at.function.module == test.case.module || {
        let file = &test.analysis.view(at.function.module).module.file;
        file.ends_with("conftest.py") || file.split('/').any(|part| part.contains("test"))
    }
}

/// The plain name that a method is called on: `thread` of `thread.start()`.
pub(super) fn receiver<'a>(site: &CallSite<'a>) -> Option<&'a str> {
    match &site.call.func.kind {
        ExprKind::Attribute { value, .. } => value.as_name(),
        _ => None,
    }
}

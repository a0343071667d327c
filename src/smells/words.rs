//! Names of calls that several rules share. A path here is a resolved one: see `python::sites`.

use super::{Context, Reached};

/// Calls that only let time pass.
pub(super) fn is_sleep(path: &str) -> bool {
    matches!(
        path,
        "time.sleep" | "asyncio.sleep" | "anyio.sleep" | "trio.sleep" | "gevent.sleep" | "eventlet.sleep"
            | "tornado.gen.sleep" | "curio.sleep"
    )
}

/// Reads of the wall clock or a timer.
pub(super) fn is_clock(path: &str) -> bool {
    is_wall_clock(path)
        || matches!(
            path,
            "time.monotonic" | "time.perf_counter" | "time.process_time" | "time.perf_counter_ns"
                | "time.monotonic_ns" | "timeit.default_timer"
        )
}

/// Reads of date and time as a person would tell it.
pub(super) fn is_wall_clock(path: &str) -> bool {
    matches!(
        path,
        "time.time" | "time.time_ns" | "time.localtime" | "time.gmtime" | "time.ctime"
            | "datetime.datetime.now" | "datetime.datetime.utcnow" | "datetime.datetime.today"
            | "datetime.date.today" | "django.utils.timezone.now" | "arrow.now" | "arrow.utcnow"
            | "pendulum.now" | "pendulum.today"
    )
}

/// The last part of a path without call marks: `redis.Redis().get` ─▶ `get`.
pub(super) fn last(path: &str) -> &str {
    path.trim_end_matches("()").rsplit('.').next().unwrap_or(path)
}

/// Whether a function belongs to the tests, and not to what they test.
pub(super) fn is_test_code(test: &Context<'_, '_>, at: &Reached<'_, '_>) -> bool {
    at.function.module == test.case.module || {
        let file = &test.analysis.view(at.function.module).module.file;
        file.ends_with("conftest.py") || file.split('/').any(|part| part.contains("test"))
    }
}

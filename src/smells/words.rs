//! Names of calls that several rules share. A path here is a resolved one: see `python::sites`.

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

/// The host that a URL names, if the text before any `{}` says so.
pub(super) fn host_of_url(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    if !matches!(scheme, "http" | "https" | "ws" | "wss" | "ftp") {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = if host.starts_with('[') { host.split(']').next()? } else { host.split(':').next()? };
    let host = host.trim_start_matches('[');
    (!host.is_empty() && !host.contains(['{', '}', '%'])).then_some(host)
}

/// Whether a host is the machine itself, or a bare name that only a local network knows.
pub(super) fn is_this_machine(host: &str) -> bool {
    let numeric = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    matches!(host, "localhost" | "::1" | "::" | "0.0.0.0" | "testserver" | "test")
        || host.starts_with("127.")
        || host.ends_with(".localhost")
        || (!numeric && !host.contains(['.', ':']))
}

/// The last part of a path without call marks: `redis.Redis().get` ─▶ `get`.
pub(super) fn last(path: &str) -> &str {
    path.trim_end_matches("()").rsplit('.').next().unwrap_or(path)
}

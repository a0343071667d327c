//! Which host a call reaches, and how much that matters.

use super::context::{Context, Reached, Role};
use super::finding::Severity;
use super::flow;
use super::words::expects_failure;
use crate::python::ast::*;
use crate::python::sites::CallSite;

/// The text of an argument, written in the call or behind a name, a sum or a `Request`; of an f-string what stands
/// before the first `{}` is what counts.
pub(super) fn literal<'a>(
    test: &Context<'a, '_>,
    at: &Reached<'a, '_>,
    site: &CallSite<'a>,
    argument: &'a Expr,
) -> Option<&'a str> {
    literal_at(test, at, site, argument, 0)
}

fn literal_at<'a>(
    test: &Context<'a, '_>,
    at: &Reached<'a, '_>,
    site: &CallSite<'a>,
    argument: &'a Expr,
    depth: u8,
) -> Option<&'a str> {
    if depth > 3 {
        return None;
    }
    let value = flow::resolved(test, at, argument, site.at.order);
    match &value.kind {
        ExprKind::Str { text, .. } => Some(text),
        ExprKind::Binary { left, op, .. } if &**op == "+" => literal_at(test, at, site, left, depth + 1),
        ExprKind::Call(call) if test.text(at, &call.func).ends_with("Request") => {
            call.args.first().and_then(|inner| literal_at(test, at, site, inner, depth + 1))
        }
        _ => None,
    }
}

/// How bad it is that a test reaches another host: milder where a marker sets the test apart or a failure is
/// expected.
pub(super) fn severity(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> Severity {
    if expects_failure(at, site.at) {
        return Severity::Low;
    }
    if test.is_set_apart()
        || site.at.in_caught
        || at.role == Role::Teardown
        || is_fetched_once(test, at, site)
    {
        Severity::Medium
    } else {
        Severity::Critical
    }
}

/// `if not path.exists():` around a download: what is there already is not fetched again.
fn is_fetched_once(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    at.conditions_of(site.expr.span).into_iter().any(|condition| {
        ["exists(", "isfile(", "is_file("].iter().any(|word| test.text(at, condition).contains(word))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_its_host() {
        for (url, host) in [
            ("https://api.github.com/users/{}", Some("api.github.com")),
            ("http://user:secret@example.com:8080?q=1", Some("example.com")),
            ("ws://[::1]:9000/", Some("::1")),
            ("http://{}/users", None),
            ("file:///etc/hosts", None),
            ("no url", None),
        ] {
            assert_eq!(host_of_url(url), host, "{url}");
        }
    }

    #[test]
    fn loopback_and_bare_names_are_this_machine() {
        for host in
            ["localhost", "127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "testserver", "app.localhost", "redis"]
        {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["example.com", "10.0.0.1", "8.8.8.8", "2001:db8::1"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}

//! What the rules on resources share: which calls open something that must be closed, and what becomes of it.

use super::restored::registers_cleanup;
use super::words::last;
use super::{Context, Reached};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::{CallSite, Use};

/// Something that must be closed, and how.
pub(super) struct Resource {
    /// `the process`
    pub(super) what: &'static str,
    pub(super) closed_by: &'static str,
    /// Whether leaving it open disturbs other tests, and not only the machine. Most processes end by themselves, or by
    /// what a test does.
    pub(super) disturbs: bool,
}

/// What a call opens, files left out.
pub(super) fn opens(path: &str) -> Option<Resource> {
    let resource = |what, closed_by, disturbs| Some(Resource { what, closed_by, disturbs });
    match path {
        "subprocess.Popen" | "psutil.Popen" => resource("the process", "terminate() and wait()", false),
        "asyncio.create_subprocess_exec" | "asyncio.create_subprocess_shell" => {
            resource("the process", "kill() and await wait()", false)
        }
        "socket.socket" | "socket.create_connection" | "socket.create_server" => {
            resource("the socket", "close()", false)
        }
        "http.server.HTTPServer"
        | "http.server.ThreadingHTTPServer"
        | "socketserver.TCPServer"
        | "socketserver.UDPServer"
        | "socketserver.ThreadingTCPServer"
        | "wsgiref.simple_server.make_server"
        | "xmlrpc.server.SimpleXMLRPCServer" => resource("the server", "shutdown() and server_close()", true),
        _ if path.ends_with("TLSStream.wrap") => resource("the TLS stream", "await aclose()", false),
        _ if path.ends_with("reactor.connectTCP") || path.ends_with("reactor.connectSSL") => {
            resource("the connector", "disconnect()", false)
        }
        _ if path.ends_with(".makefile") && !path.contains("pytester") && !path.contains("testdir") => {
            resource("the socket's file", "close()", false)
        }
        "asyncio.new_event_loop" => resource("the event loop", "close()", false),
        "aiohttp.ClientSession" => resource("the session", "await close()", false),
        "selenium.webdriver.Chrome" | "selenium.webdriver.Firefox" | "selenium.webdriver.Remote" => {
            resource("the browser", "quit()", true)
        }
        _ => None,
    }
}

/// What becomes of an opened resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Closed,
    /// Returned or yielded to whoever asked.
    HandedOut,
    LeftOpen,
    /// Passed on to code that is not followed.
    Unknown,
}

/// Follows the result of `site` through the names it is given.
pub(super) fn fate(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> Fate {
    let name = match site.used {
        Use::With => return Fate::Closed,
        Use::Returned => return Fate::HandedOut,
        Use::Assigned(name) => name,
        Use::Argument(_) => return Fate::Unknown,
        Use::Dropped => return Fate::LeftOpen,
        // a method is called on it at once, or it is a part of something
        Use::Other => {
            let closes = at.sites.calls.iter().any(|other| {
                receiver(other).is_some_and(|receiver| receiver.span == site.expr.span)
                    && is_closer(last(&other.path))
            });
            return if closes { Fate::Closed } else { Fate::Unknown };
        }
    };
    let is_it = |expr: &Expr| match &expr.kind {
        ExprKind::Name(known) => **known == *name,
        ExprKind::Attribute { attr, .. } => **attr == *name,
        _ => false,
    };
    let (mut closed, mut passed) = (false, false);
    for reached in &test.reach {
        let same = std::ptr::eq(reached.function.function, at.function.function);
        for call in &reached.sites.calls {
            let is_on = receiver(call).is_some_and(is_it);
            // in another function the name may be the fixture's
            closed |= is_on && is_closer(method(call).unwrap_or_default());
            closed |= registers_cleanup(&call.path)
                && call.call.args.iter().any(|argument| argument.any(&mut |part| is_it(part)));
            let given = || call.call.args.iter().chain(call.call.keywords.iter().map(|(_, value)| value));
            passed |= same
                && !is_harmless(&call.path)
                && given().any(|argument| argument.any(&mut |part| is_it(part)));
        }
        closed |= same && reached.sites.withs.iter().any(|with| with.expr.any(&mut |part| is_it(part)));
    }
    if closed {
        return Fate::Closed;
    }
    let returned = at.sites.returns.iter().any(|(expr, _)| expr.any(&mut |part| is_it(part)));
    // a list or an attribute of something else takes it over
    let kept =
        at.sites.bindings.iter().any(|binding| binding.value.is_some_and(|value| contains(value, &is_it)))
            || at.sites.writes.iter().any(|write| {
                !is_it(write.target) && write.value.is_some_and(|value| contains(value, &is_it))
            });
    match (returned, passed || kept) {
        (true, _) => Fate::HandedOut,
        (false, true) => Fate::Unknown,
        (false, false) => Fate::LeftOpen,
    }
}

/// Whether a value is the thing itself or a collection with it, not the result of a call on it.
fn contains(value: &Expr, is_it: &dyn Fn(&Expr) -> bool) -> bool {
    match &value.kind {
        ExprKind::List(parts) | ExprKind::Tuple(parts) | ExprKind::Set(parts) => {
            parts.iter().any(|part| contains(part, is_it))
        }
        ExprKind::Dict(parts) => parts.iter().any(|(_, value)| contains(value, is_it)),
        _ => is_it(value),
    }
}

fn receiver<'a>(site: &CallSite<'a>) -> Option<&'a Expr> {
    let call: &'a crate::python::ast::Call = site.call;
    match &call.func.kind {
        ExprKind::Attribute { value, .. } => Some(value),
        _ => None,
    }
}

fn method<'a>(site: &CallSite<'a>) -> Option<&'a str> {
    let call: &'a crate::python::ast::Call = site.call;
    match &call.func.kind {
        ExprKind::Attribute { attr, .. } => Some(attr),
        _ => None,
    }
}

fn is_closer(name: &str) -> bool {
    matches!(
        name,
        "close"
            | "aclose"
            | "terminate"
            | "kill"
            | "wait"
            | "communicate"
            | "shutdown"
            | "server_close"
            | "stop"
            | "join"
            | "quit"
            | "__exit__"
            | "__aexit__"
            | "cleanup"
            | "detach"
            | "disconnect"
            | "dispose"
            | "send_signal"
            | "release"
    )
}

/// Calls that take a resource and do not take it over.
fn is_harmless(path: &str) -> bool {
    matches!(
        path,
        "print" | "len" | "str" | "repr" | "isinstance" | "type" | "id" | "hasattr" | "getattr" | "bool"
    ) || last(path).starts_with("assert")
}

//! # FD305 external-connection
//!
//! ## What it detects
//! A connection to a host outside this machine by other than an HTTP library: sockets, `http.client`, mail, FTP, SSH,
//! WebSocket.
//!
//! ## Why it makes tests unstable
//! The test fails with the network, the firewall, or whenever the far side is slow, full or gone.
//!
//! ## Example
//! ```python
//! sock = socket.create_connection(("8.8.8.8", 53), timeout=3)
//! ```
//!
//! ## Use instead
//! A server of the test's own on 127.0.0.1 and port 0 (`socketserver`, `aiosmtpd`, `pytest-localftpserver`,
//! `websockets.serve`), or `socket.socketpair()`; `pytest-socket` forbids the rest.
//! ```python
//! client, server = socket.socketpair()
//! ```
//!
//! ## Known false positives
//! A name that the build machine resolves to itself. Tests that a marker sets apart (`network`, `integration`, `live`)
//! are reported with a lower severity.

use super::network::{host_of_url, is_this_machine, literal, severity};
use super::words::{expects_failure, last};
use super::{Context, Reached, Report, Rule, Smell};
use crate::python::ast::{Expr, ExprKind};

pub(super) struct ExternalConnection;

impl Rule for ExternalConnection {
    fn code(&self) -> &'static str {
        "FD305"
    }

    fn name(&self) -> &'static str {
        "external-connection"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            if site.at.in_nested
                || test.mocks.covers(path)
                || !connects(path)
                || waits_for_request(at, path)
                || sends_datagrams(test, at, path)
                // what has to fail fails without a network too
                || expects_failure(at, site.at)
            {
                continue;
            }
            let Some(argument) = site.call.args.first().or_else(|| site.call.keyword("host")) else {
                continue;
            };
            let Some(text) = literal(test, at, site, first_part(argument)) else { continue };
            let host = if text.contains("://") { host_of_url(text) } else { Some(without_port(text)) };
            let Some(host) = host.filter(|host| is_outside(host)) else { continue };
            report.add(
                at,
                Smell {
                    span: site.expr.span,
                    severity: severity(test, at, site),
                    confidence: 0.9,
                    message: format!(
                        "`{}` connects to {host}, so the test fails whenever the network or that host does",
                        test.text(at, &site.call.func)
                    ),
                    help: format!(
                        "run {} on 127.0.0.1 within the test, or patch the connection",
                        match last(path) {
                            "SMTP" | "SMTP_SSL" => "aiosmtpd",
                            "FTP" | "FTP_TLS" => "pytest-localftpserver",
                            "connect" if path.starts_with("websockets.") => "websockets.serve",
                            _ => "a server with port 0",
                        }
                    ),
                },
            );
        }
    }
}

pub(super) fn connects(path: &str) -> bool {
    matches!(
        path,
        "socket.create_connection"
            | "socket.socket().connect"
            | "socket.socket().connect_ex"
            | "smtplib.SMTP"
            | "smtplib.SMTP_SSL"
            | "ftplib.FTP"
            | "ftplib.FTP_TLS"
            | "imaplib.IMAP4"
            | "imaplib.IMAP4_SSL"
            | "poplib.POP3"
            | "poplib.POP3_SSL"
            | "telnetlib.Telnet"
            | "asyncio.open_connection"
            | "websockets.connect"
            | "websocket.create_connection"
            | "paramiko.SSHClient().connect"
            | "paramiko.Transport"
            | "asyncssh.connect"
            | "anyio.connect_tcp"
            | "ssl.get_server_certificate"
            | "http.client.HTTPSConnection"
            | "http.client.HTTPConnection"
            | "httplib.HTTPSConnection"
            | "httplib.HTTPConnection"
    )
}

/// Whether this makes an HTTP connection on which nothing is sent here: it connects with the first request.
fn waits_for_request(at: &Reached<'_, '_>, path: &str) -> bool {
    path.starts_with("http")
        && !at.paths.iter().any(|other| {
            other.starts_with("http") && matches!(last(other), "request" | "connect" | "putrequest" | "getresponse")
        })
}

/// To connect a socket of datagrams sends nothing.
fn sends_datagrams(test: &Context<'_, '_>, at: &Reached<'_, '_>, path: &str) -> bool {
    path.starts_with("socket.socket().")
        && at.sites.calls.iter().any(|made| {
            made.path == "socket.socket" && test.text(at, made.expr).contains("SOCK_DGRAM")
        })
}

/// The host in `("host", port)`.
fn first_part(argument: &Expr) -> &Expr {
    match &argument.kind {
        ExprKind::Tuple(parts) => parts.first().unwrap_or(argument),
        _ => argument,
    }
}

/// `db.example.com` of `db.example.com:5432`
fn without_port(host: &str) -> &str {
    match host.split_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_outside(host: &str) -> bool {
    !host.is_empty() && !is_this_machine(host) && !host.contains(['/', ' ', '{'])
}

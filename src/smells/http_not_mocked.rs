//! # FD301 http-not-mocked
//!
//! ## What it detects
//! A request of `requests`, `httpx`, `aiohttp`, `urllib` or `urllib3` to a host other than this machine, with nothing
//! mocked.
//!
//! ## Why it makes tests unstable
//! The test fails with the network, the name server, the proxy, a rate limit, or whenever the far side changes what
//! it answers.
//!
//! ## Example
//! ```python
//! response = requests.get("https://api.github.com/users/octocat")
//! assert response.json()["login"] == "octocat"
//! ```
//!
//! ## Use instead
//! `responses` or `requests-mock` for requests, `respx` or `pytest-httpx` for httpx, `aioresponses` for aiohttp, or a
//! server of your own on 127.0.0.1 (`pytest-httpserver`).
//! ```python
//! @responses.activate
//! def test_login():
//!     responses.get("https://api.github.com/users/octocat", json={"login": "octocat"})
//!     assert requests.get("https://api.github.com/users/octocat").json()["login"] == "octocat"
//! ```
//!
//! ## Known false positives
//! A client whose transport is replaced by a helper elsewhere. Tests that a marker sets apart (`network`,
//! `integration`, `live`, `online`, `e2e`) are reported with a lower severity.

use super::network::{host_of_url, is_this_machine, literal, severity};
use super::words::last;
use super::{Context, Reached, Report, Rule, Smell};

pub(super) struct HttpNotMocked;

impl Rule for HttpNotMocked {
    fn code(&self) -> &'static str {
        "FD301"
    }

    fn name(&self) -> &'static str {
        "http-not-mocked"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        if test.mocks.http {
            return;
        }
        for (at, site, path) in test.calls() {
            let Some((position, library)) = url_position(path) else { continue };
            let has_proxy = site.call.keyword("proxies").is_some() || site.call.keyword("proxy").is_some();
            if site.at.in_nested || has_proxy || test.mocks.covers(path) || has_own_transport(at, path) {
                continue;
            }
            let Some(argument) = site.call.argument(position, "url") else { continue };
            let Some(url) = literal(test, at, site, argument) else { continue };
            let Some(host) = host_of_url(url).filter(|host| !is_this_machine(host)) else { continue };
            // moto answers for its hosts, whoever asks
            if test.mocks.aws && host.ends_with("amazonaws.com") {
                continue;
            }
            report.add(
                at,
                Smell {
                    span: site.expr.span,
                    severity: severity(test, at, site),
                    confidence: 0.9,
                    message: format!(
                        "`{}` reaches {host} over the network, so the test fails whenever the network or that host does",
                        test.text(at, &site.call.func)
                    ),
                    help: match library {
                        "httpx" => "mock it with respx or pytest-httpx, or give the client an httpx.MockTransport",
                        "aiohttp" => "mock it with aioresponses, or serve it from aiohttp.test_utils.TestServer",
                        "requests" => "mock it with responses or requests-mock, or serve it with pytest-httpserver",
                        _ => "serve it with pytest-httpserver on 127.0.0.1, or patch the call",
                    }
                    .to_owned(),
                },
            );
        }
    }
}

/// Where a call of an HTTP library takes its URL, and the library.
pub(super) fn url_position(path: &str) -> Option<(usize, &'static str)> {
    let method =
        |name: &str| matches!(name, "get" | "post" | "put" | "delete" | "head" | "options" | "patch");
    let client = |prefix: &str| {
        let rest = path.strip_prefix(prefix)?;
        if method(rest) { Some(0) } else { matches!(rest, "request" | "stream").then_some(1) }
    };
    for (prefix, library) in [
        ("requests.", "requests"),
        ("requests.Session().", "requests"),
        ("requests.session().", "requests"),
        ("requests.sessions.Session().", "requests"),
        ("httpx.", "httpx"),
        ("httpx.Client().", "httpx"),
        ("httpx.AsyncClient().", "httpx"),
        ("aiohttp.ClientSession().", "aiohttp"),
        ("urllib3.PoolManager().", "urllib3"),
        ("urllib3.", "urllib3"),
    ] {
        if let Some(position) = client(prefix) {
            return Some((position, library));
        }
    }
    match path {
        "urllib.request.urlopen" | "urllib.request.urlretrieve" | "urllib2.urlopen" | "urllib.urlopen" => {
            Some((0, "urllib"))
        }
        "wget.download" | "feedparser.parse" | "pandas.read_html" => Some((0, "urllib")),
        _ => None,
    }
}

/// `httpx.Client(transport=…)`, `AsyncClient(app=…)`: nothing leaves the process.
fn has_own_transport(at: &Reached<'_, '_>, path: &str) -> bool {
    path.contains("Client()")
        && at.sites.calls.iter().any(|site| {
            last(&site.path).ends_with("Client")
                && (site.call.keyword("transport").is_some() || site.call.keyword("app").is_some())
        })
}

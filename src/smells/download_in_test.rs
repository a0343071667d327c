//! # FD307 download-in-test
//!
//! ## What it detects
//! A download that a test starts through a program (`curl`, `wget`, `git clone`, `pip install`, `npm install`) or
//! through a function called `download…`, `fetch…` or `clone…` with a URL outside this machine, with nothing mocked.
//!
//! ## Why it makes tests unstable
//! The test depends on the network, on the far side, and on what it serves today; a rate limit or a moved file fails
//! it.
//!
//! ## Example
//! ```python
//! subprocess.run(["git", "clone", "https://github.com/octocat/hello"], check=True)
//! ```
//!
//! ## Use instead
//! A local source: a repository made in `tmp_path`, a file served by `pytest-httpserver`, a wheel directory with
//! `pip install --no-index --find-links`.
//! ```python
//! subprocess.run(["git", "clone", str(tmp_path / "origin")], check=True)
//! ```
//!
//! ## Known false positives
//! A function whose name says download but which is given a stand-in for the network by a fixture elsewhere.

use super::network::{host_of_url, is_this_machine, literal};
use super::words::{is_process, last};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::*;
use crate::python::sites::CallSite;

pub(super) struct DownloadInTest;

impl Rule for DownloadInTest {
    fn code(&self) -> &'static str {
        "FD307"
    }

    fn name(&self) -> &'static str {
        "download-in-test"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            if site.at.in_nested || at.role == Role::Teardown || test.mocks.covers(path) {
                continue;
            }
            let found = if is_process(path) {
                by_program(site)
            } else if test.mocks.http || !test.mocks.targets.is_empty() {
                None
            } else {
                by_function(test, at, site, path)
            };
            let Some(what) = found else { continue };
            report.add(
                at,
                Smell {
                    span: site.expr.span,
                    severity: if test.is_set_apart() { Severity::Low } else { Severity::Medium },
                    confidence: 0.75,
                    message: format!(
                        "`{}` fetches {what} over the network, so the test fails whenever the network or the far side does",
                        test.text(at, &site.call.func)
                    ),
                    help: "give it a local source: a repository or an archive made in tmp_path, or a file that \
                           pytest-httpserver serves"
                        .to_owned(),
                },
            );
        }
    }
}

/// What a program fetches, by its arguments.
fn by_program<'a>(site: &CallSite<'a>) -> Option<&'a str> {
    // what is put together elsewhere may be a local path, and stands as an empty word
    let words: Vec<&'a str> = match &site.call.args.first()?.kind {
        ExprKind::List(parts) | ExprKind::Tuple(parts) => {
            parts.iter().map(|part| part.as_str().unwrap_or_default()).collect()
        }
        ExprKind::Str { text, .. } => text.split_whitespace().collect(),
        _ => return None,
    };
    let has = |word: &str| words.contains(&word);
    if has("pip") || has("pip3") || has("npm") {
        let wanted = words.iter().skip_while(|word| **word != "install").skip(1);
        let is_name = |word: &str| !word.is_empty() && !word.contains(['/', '.', '{']);
        let local = ["--no-index", "-e", "-r", "--offline"].into_iter().any(has);
        let mut names = wanted.filter(|word| !word.starts_with('-')).peekable();
        return (!local && names.peek().is_some() && names.all(|word| is_name(word))).then_some("packages");
    }
    let fetches = ["curl", "wget", "clone", "fetch", "pull"].into_iter().any(has);
    let host = words.iter().find_map(|word| host_of_url(word)).filter(|host| !is_this_machine(host));
    host.filter(|_| fetches)
}

/// The host that a function with a telling name is sent to.
fn by_function<'a>(
    test: &Context<'a, '_>,
    at: &Reached<'a, '_>,
    site: &CallSite<'a>,
    path: &str,
) -> Option<&'a str> {
    let name = last(path).trim_start_matches([':', '_']);
    let tells = ["download", "fetch_", "clone_", "crawl"].iter().any(|start| name.starts_with(start))
        || name == "fetch";
    // a method of an object that the test made may have its own stand-in
    if !tells || path.starts_with(['@', '~', '#']) || path.contains("()") || path.starts_with("self.") {
        return None;
    }
    let argument = site.call.args.first().or_else(|| site.call.keyword("url"))?;
    let host = host_of_url(literal(test, at, site, argument)?)?;
    let reserved = ["example.com", "example.org", "example.net"].iter().any(|known| host.ends_with(known))
        || host.ends_with(".test")
        || host.ends_with(".invalid")
        || host.ends_with(".example");
    (!reserved && !is_this_machine(host)).then_some(host)
}

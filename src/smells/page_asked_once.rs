//! # FD110 page-asked-once
//!
//! ## What it detects
//! An assertion on what a browser's page shows at this moment (`await locator.count()`, `is_visible()`, `inner_text()`)
//! with Playwright, in place of `expect(locator)`, which looks again until it holds. With Selenium, what an element is or
//! says (`driver.find_element(…).text`) right after a click or keys, with no wait in between.
//!
//! ## Why it makes tests unstable
//! A page changes on its own after each click: requests, rendering and animation take as long as they take. A single
//! look sees the state before or after, as it happens.
//!
//! ## Example
//! ```python
//! await page.get_by_role("button", name="Add").click()
//! assert await page.get_by_test_id("row").count() == 3
//! ```
//!
//! ## Use instead
//! The assertions of Playwright, which wait for what they assert.
//! ```python
//! await expect(page.get_by_test_id("row")).to_have_count(3)
//! ```
//! With Selenium a wait for what is asserted.
//! ```python
//! WebDriverWait(driver, 10).until(lambda driver: driver.find_element(By.ID, "state").text == "saved")
//! ```
//!
//! ## Known false positives
//! A page that no longer changes, because something else on it was waited for before.

use super::expectations::expectations;
use super::mend::Mend;
use super::polling::poll_before;
use super::words::last;
use super::{Context, Fix, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind, StmtKind};
use crate::python::sites::CallSite;

pub(super) struct PageAskedOnce;

impl Rule for PageAskedOnce {
    fn code(&self) -> &'static str {
        "FD110"
    }

    fn name(&self) -> &'static str {
        "page-asked-once"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| matches!(at.role, Role::Test | Role::Helper)) {
            let module = test.analysis.view(at.function.module).module;
            if at.sites.asserts.is_empty() {
                continue;
            }
            if module.imported_paths().any(|path| path.starts_with("selenium")) {
                elements(test, at, report);
            }
            if !module.imported_paths().any(|path| path.starts_with("playwright")) {
                continue;
            }
            for site in at.sites.calls.iter().filter(|site| site.at.in_assert && !site.at.in_while) {
                if !is_look(last(&site.path)) || !site.call.args.is_empty() || is_set(at, site) {
                    continue;
                }
                report.add_mended(
                    at,
                    Smell {
                        span: site.expr.span,
                        severity: Severity::Medium,
                        confidence: 0.7,
                        message: format!(
                            "`{}` looks at the page once; the assertion fails when the page is not there yet",
                            test.text(at, site.expr)
                        ),
                        help: "use expect(locator).to_have_count(), to_be_visible(), to_have_text() …, which look again until \
                               it holds"
                            .to_owned(),
                    },
                    |mend| {
                        let paths = || module.imported_paths().map(|path| path.split('.').take(2).collect::<Vec<_>>().join("."));
                        let api = paths().find(|path| path == "playwright.async_api" || path == "playwright.sync_api")?;
                        expect(mend, site, &api)
                    },
                );
            }
        }
    }
}

/// What elements of Selenium are asked right after an act.
fn elements(test: &Context<'_, '_>, at: &Reached<'_, '_>, report: &mut Report<'_>) {
    for assert in at.sites.asserts.iter().filter(|assert| !assert.at.in_while) {
        let mut asked = None;
        assert.test.any(&mut |part| {
            asked = asked.take().or_else(|| is_look_at_element(part).then(|| test.text(at, part)));
            asked.is_some()
        });
        let Some(asked) = asked else { continue };
        let before = || at.sites.calls.iter().filter(|call| call.at.order < assert.at.order);
        let acts = |name: &str| matches!(name, "click" | "send_keys" | "submit");
        let Some(act) = before().filter(|call| acts(last(&call.path))).map(|call| call.at.order).max() else { continue };
        let waits = |name: &str| ["wait", "until", "sleep"].iter().any(|word| name.contains(word));
        if before().any(|call| waits(last(&call.path)) && (call.at.order > act || call.path.ends_with("implicitly_wait"))) {
            continue;
        }
        report.add_mended(
            at,
            Smell {
                span: assert.span,
                severity: Severity::Medium,
                confidence: 0.6,
                message: format!(
                    "`{asked}` looks at the page once, right after the click or the keys that change it"
                ),
                help: "wait for it with WebDriverWait(driver, seconds).until(…)".to_owned(),
            },
            |mend| poll_before(mend, assert.span, false),
        );
    }
}

/// `driver.find_element(By.ID, "state").text`, `len(driver.find_elements(…))`
fn is_look_at_element(expr: &Expr) -> bool {
    let finds = |part: &Expr| part.any(&mut |part| is_method(part, &|name| name.starts_with("find_element")));
    match &expr.kind {
        ExprKind::Attribute { value, attr } => &**attr == "text" && finds(value),
        ExprKind::Call(call) if call.func.as_name() == Some("len") => call.args.first().is_some_and(finds),
        ExprKind::Call(call) => {
            is_method(expr, &|name| matches!(name, "get_attribute" | "is_displayed" | "is_enabled" | "is_selected"))
                && finds(&call.func)
        }
        _ => false,
    }
}

fn is_method(expr: &Expr, wanted: &dyn Fn(&str) -> bool) -> bool {
    expr.as_call().is_some_and(|call| matches!(&call.func.kind, ExprKind::Attribute { attr, .. } if wanted(attr)))
}

/// Expectations in place of the assertion.
fn expect(mut mend: Mend<'_>, site: &CallSite<'_>, api: &str) -> Option<Fix> {
    let stmt = mend.statement(site.expr.span)?;
    let StmtKind::Assert { test, message: None } = &stmt.kind else { return None };
    let all = expectations(test, &|part| mend.text(part).to_owned())?;
    (mend.import(&format!("{api}.expect"))? == "expect").then_some(())?;
    let wait = if site.awaited { "await " } else { "" };
    let lines: Vec<String> = all.iter().map(|one| format!("{wait}{one}")).collect();
    mend.instead(stmt, &lines)?;
    mend.risky("expect it, which looks again until it holds")
}

/// `page.set_content("<p>…")`, which ends with the page loaded, and nothing but looks since.
fn is_set(at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let before = || at.sites.calls.iter().filter(|call| call.at.order < site.at.order);
    let set = before().filter(|call| last(&call.path) == "set_content").map(|call| call.at.order).max();
    set.is_some_and(|set| !before().any(|call| call.at.order > set && !call.at.in_assert && changes_page(last(&call.path))))
}

/// What a user or a script does to a page.
fn changes_page(name: &str) -> bool {
    const ACTS: [&str; 16] = [
        "goto",
        "reload",
        "click",
        "dblclick",
        "tap",
        "fill",
        "type",
        "press",
        "check",
        "uncheck",
        "hover",
        "evaluate",
        "dispatch_event",
        "select_option",
        "set_input_files",
        "drag_to",
    ];
    ACTS.contains(&name)
}

/// Questions to a locator that are answered at once.
fn is_look(name: &str) -> bool {
    matches!(
        name,
        "count"
            | "is_visible"
            | "is_hidden"
            | "is_enabled"
            | "is_disabled"
            | "is_checked"
            | "is_editable"
            | "all_inner_texts"
            | "all_text_contents"
    )
}

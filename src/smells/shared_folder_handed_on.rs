//! # FD714 shared-folder-handed-on
//!
//! ## What it detects
//! `tempfile.gettempdir()` handed to the code under test as its folder: in an environment, as a setting, as
//! an argument named for a folder.
//!
//! ## Why it makes tests unstable
//! The folder belongs to everybody. What the program finds or leaves there depends on other tests, parallel runs and
//! other programs.
//!
//! ## Example
//! ```python
//! environment = {"APP_DIR": tempfile.gettempdir()}
//! ```
//!
//! ## Use instead
//! A folder of the test's own.
//! ```python
//! environment = {"APP_DIR": str(tmp_path)}
//! ```
//!
//! ## Known false positives
//! A folder that the program only looks at.

use super::words::is_test_code;
use super::{Context, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};

pub(super) struct SharedFolderHandedOn;

impl Rule for SharedFolderHandedOn {
    fn code(&self) -> &'static str {
        "FD714"
    }

    fn name(&self) -> &'static str {
        "shared-folder-handed-on"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            // most tests ask for no such folder
            if !at.paths.iter().any(|path| path == "tempfile.gettempdir") || !is_test_code(test, at) {
                continue;
            }
            let bound = at.sites.bindings.iter().filter_map(|binding| binding.value);
            let given = at.sites.calls.iter().flat_map(|site| &site.call.args);
            let mut found: Vec<&Expr> = bound.chain(given).filter_map(entry).collect();
            for (name, value) in at.sites.calls.iter().flat_map(|site| &site.call.keywords) {
                found.extend(entry(value));
                if is_shared(value) && name.as_deref().is_some_and(|name| name != "cwd" && names_folder(name)) {
                    found.push(value);
                }
            }
            for folder in found {
                report.add_mended(
                    at,
                    Smell {
                        span: folder.span,
                        severity: Severity::Medium,
                        confidence: 0.65,
                        message: format!(
                            "`{}` is everybody's folder, and what the code under test finds there differs between runs",
                            test.text(at, folder)
                        ),
                        help: if test.case.is_unittest {
                            "hand over a tempfile.TemporaryDirectory() of the test's own"
                        } else {
                            "hand over tmp_path, a folder of the test's own"
                        }
                        .to_owned(),
                    },
                    |mut mend| {
                        mend.fixture("tmp_path")?;
                        mend.replace(folder.span, "str(tmp_path)");
                        mend.risky("hand over a folder of the test's own")
                    },
                );
            }
        }
    }
}

/// The shared folder among the entries of a dictionary.
fn entry(expr: &Expr) -> Option<&Expr> {
    let ExprKind::Dict(entries) = &expr.kind else { return None };
    entries.iter().find_map(|(key, value)| {
        let name = key.as_ref()?.as_str()?;
        (is_shared(value) && names_folder(name)).then_some(value)
    })
}

fn is_shared(expr: &Expr) -> bool {
    expr.as_call().is_some_and(|call| match &call.func.kind {
        ExprKind::Attribute { attr, .. } | ExprKind::Name(attr) => &**attr == "gettempdir",
        _ => false,
    })
}

fn names_folder(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["dir", "folder", "root", "home", "path"].iter().any(|word| name.ends_with(word))
}

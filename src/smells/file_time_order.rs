//! # FD406 file-time-order
//!
//! ## What it detects
//! An assertion that one file time is later than another, or differs from it, after two writes in quick succession.
//!
//! ## Why it makes tests unstable
//! File times are coarse: a few milliseconds on ext4, two seconds on FAT, and what the network adds elsewhere. Two
//! writes within one step have the same time.
//!
//! ## Example
//! ```python
//! before = os.path.getmtime(path)
//! save(path)
//! assert os.path.getmtime(path) > before
//! ```
//!
//! ## Use instead
//! Compare the contents, count the writes, or set the earlier time with `os.utime`.
//! ```python
//! os.utime(path, (0, 0))
//! save(path)
//! assert os.path.getmtime(path) > 0
//! ```
//!
//! ## Known false positives
//! Writes that are far apart for another reason than a pause; a pause between them is reported by FD101.

use super::comparison::{Operator, comparisons};
use super::flow::Sources;
use super::words::{is_sleep, last};
use super::{Context, Report, Role, Rule, Severity, Smell};

pub(super) struct FileTimeOrder;

impl Rule for FileTimeOrder {
    fn code(&self) -> &'static str {
        "FD406"
    }

    fn name(&self) -> &'static str {
        "file-time-order"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        let spread = |path: &str| path == "os.utime" || is_sleep(path) || last(path).starts_with("wait");
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            let wanted = |path: &str| {
                matches!(path, "os.path.getmtime" | "os.path.getctime" | "os.stat" | "os.lstat")
                    || (matches!(last(path), "stat" | "lstat") && path.contains('.'))
            };
            let Some(times) = Sources::of(at, wanted) else { continue };
            if test.calls().any(|(_, _, path)| spread(path)) {
                continue;
            }
            for assert in &at.sites.asserts {
                let order = assert.at.order;
                for pair in comparisons(assert) {
                    let differs = pair.operator == Operator::NotEqual
                        || (pair.operator == Operator::Less && pair.is_strict);
                    let (Some((left, path)), Some((right, _))) =
                        (times.behind(pair.left, order), times.behind(pair.right, order))
                    else {
                        continue;
                    };
                    let text = [pair.left, pair.right].map(|side| text_behind(test, at, side, order));
                    let is_time = path.ends_with("time") || text.iter().all(|text| text.contains("time"));
                    if !differs || left.expr.span == right.expr.span || !is_time || is_size(&text) {
                        continue;
                    }
                    report.add(
                        at,
                        Smell {
                            span: assert.span,
                            severity: Severity::Medium,
                            confidence: 0.85,
                            message: format!(
                                "`{}` is as coarse as the file system's clock; two writes in quick succession get the same time",
                                test.text(at, right.expr)
                            ),
                            help: "compare contents or count the writes, or set the earlier time with os.utime".to_owned(),
                        },
                    );
                }
            }
        }
    }
}

/// The text of an expression, or of what its name stands for.
fn text_behind<'a>(
    test: &Context<'a, '_>,
    at: &super::Reached<'a, '_>,
    expr: &'a crate::python::ast::Expr,
    order: u32,
) -> &'a str {
    test.text(at, super::flow::resolved(test, at, expr, order))
}

fn is_size(texts: &[&str]) -> bool {
    texts.iter().any(|text| text.contains("st_size") || text.contains("st_ino") || text.contains("st_mode"))
}

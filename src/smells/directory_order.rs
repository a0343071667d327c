//! # FD802 directory-order
//!
//! ## What it detects
//! An assertion on the order of a directory listing (`os.listdir`, `os.walk`, `glob`, `iterdir`, `scandir`) that was not
//! sorted.
//!
//! ## Why it makes tests unstable
//! The file system gives names in an order of its own, which differs between machines, file systems and even runs.
//!
//! ## Example
//! ```python
//! assert os.listdir(out) == ["a.txt", "b.txt"]
//! ```
//!
//! ## Use instead
//! `sorted`, or a set.
//! ```python
//! assert sorted(os.listdir(out)) == ["a.txt", "b.txt"]
//! ```
//!
//! ## Known false positives
//! A method called `glob` that sorts itself. A comparison with a list of one element is not reported.

use super::assertions::comparisons;
use super::words::last;
use super::{Context, Reached, Report, Rule, Severity, Smell};
use crate::python::ast::*;
use crate::python::sites::CallSite;

pub(super) struct DirectoryOrder;

impl Rule for DirectoryOrder {
    fn code(&self) -> &'static str {
        "FD802"
    }

    fn name(&self) -> &'static str {
        "directory-order"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in &test.reach {
            let listings: Vec<&CallSite<'_>> = at
                .sites
                .calls
                .iter()
                .zip(&at.paths)
                .filter(|(site, path)| lists(path, site.call) && !test.mocks.covers(path))
                .map(|(site, _)| site)
                .collect();
            if listings.is_empty() {
                continue;
            }
            for assert in &at.sites.asserts {
                for comparison in
                    comparisons(assert.test).iter().filter(|comparison| comparison.is_equality())
                {
                    let look = Look { at, listings: &listings, order: assert.at.order };
                    let sides = [(comparison.left, comparison.right), (comparison.right, comparison.left)];
                    let Some((site, pick)) = sides.into_iter().find_map(|(one, other)| {
                        let (site, pick) = look.listing(one, 0)?;
                        (pick || is_long(look.resolve(other))).then_some((site, pick))
                    }) else {
                        continue;
                    };
                    report.add_mended(
                        at,
                        Smell {
                            span: assert.span,
                            severity: if pick { Severity::Medium } else { Severity::High },
                            confidence: if pick { 0.6 } else { 0.9 },
                            message: format!(
                                "`{}` lists names in the order of the file system, and the assertion relies on one order",
                                test.text(at, site.expr)
                            ),
                            help: "wrap the listing in sorted(…), or compare sets".to_owned(),
                        },
                        |mut mend| {
                            // entries of `scandir` and folders of `walk` know no order, but the names in a folder do
                            let is_opaque = path_of(at, site).is_some_and(|path| matches!(last(path), "scandir" | "walk"));
                            let are_names = [comparison.left, comparison.right].into_iter().any(is_list_of_texts);
                            if pick || (is_opaque && !are_names) {
                                return None;
                            }
                            mend.sort([comparison.left, comparison.right])?;
                            mend.safe("compare what is listed in sorted order")
                        },
                    );
                }
            }
        }
    }
}

fn lists(path: &str, call: &Call) -> bool {
    matches!(path, "os.listdir" | "os.scandir" | "glob.glob" | "glob.iglob")
        || (matches!(last(path), "iterdir") && call.args.is_empty())
        // of a path's own `glob` the receiver is known or looks like one
        || (matches!(last(path), "glob" | "rglob") && call.args.len() == 1 && looks_like_path(path))
        || path == "os.walk"
        || (last(path) == "walk" && call.args.is_empty() && looks_like_path(path))
}

fn looks_like_path(path: &str) -> bool {
    let receiver = path.rsplit_once('.').map_or("", |(receiver, _)| receiver);
    let name = receiver.trim_start_matches(['@', '~', '#', ':']);
    receiver.contains("Path()") || name.starts_with("tmp") || name.ends_with("dir") || name.ends_with("path")
}

/// Looks at expressions as of one assertion.
struct Look<'r, 'a, 'v> {
    at: &'r Reached<'a, 'v>,
    listings: &'r [&'v CallSite<'a>],
    order: u32,
}

impl<'a, 'v> Look<'_, 'a, 'v> {
    fn resolve(&self, expr: &'a Expr) -> &'a Expr {
        expr.as_name().and_then(|name| self.at.sites.bound(name, self.order)).unwrap_or(expr)
    }

    /// The listing whose order this expression keeps, and whether it picks one of its elements.
    fn listing(&self, expr: &'a Expr, depth: u8) -> Option<(&'v CallSite<'a>, bool)> {
        if depth > 4 {
            return None;
        }
        if let Some(site) = self.listings.iter().find(|site| site.expr.span == expr.span) {
            return Some((site, false));
        }
        match &expr.kind {
            ExprKind::Name(name) => {
                // `names.sort()` in between settles the order
                let is_sorted = self.at.sites.writes.iter().any(|write| {
                    write.method == Some("sort")
                        && write.target.as_name() == Some(name)
                        && write.at.order < self.order
                });
                if is_sorted {
                    return None;
                }
                match self.at.sites.bound(name, self.order) {
                    Some(bound) => self.listing(bound, depth + 1),
                    None => self.walked(self.at.sites.value_of(name, self.order)?, depth + 1),
                }
            }
            ExprKind::Call(call)
                if matches!(&call.func.kind, ExprKind::Attribute { attr, .. }
                    if matches!(&**attr, "__aiter__" | "__iter__")) =>
            {
                self.listing(call.func.children().into_iter().next()?, depth + 1)
            }
            ExprKind::Call(call)
                if matches!(call.func.as_name(), Some("list" | "tuple" | "next" | "map" | "iter")) =>
            {
                let (site, pick) = self.listing(call.args.last()?, depth + 1)?;
                Some((site, pick || call.func.as_name() == Some("next")))
            }
            ExprKind::Subscript { value, index }
                if index.first().is_some_and(|index| index.as_number().is_some()) =>
            {
                let (site, _) = self.listing(value, depth + 1)?;
                Some((site, true))
            }
            ExprKind::Comprehension(inner) if inner.kind == Collection::List => {
                self.listing(&inner.clauses.first()?.1, depth + 1)
            }
            _ => None,
        }
    }

    /// The walk of whose next folder this value is a part: `root, folders, files = next(walk)`.
    fn walked(&self, value: &'a Expr, depth: u8) -> Option<(&'v CallSite<'a>, bool)> {
        let call = value.as_call()?;
        let walk = match &call.func.kind {
            ExprKind::Attribute { value, attr } if matches!(&**attr, "__anext__" | "__next__") => value,
            ExprKind::Name(name) if matches!(&**name, "next" | "anext") => call.args.first()?,
            _ => return None,
        };
        let (site, _) = self.listing(walk, depth)?;
        (last(&site.path) == "walk").then_some((site, false))
    }
}

/// A list or tuple of two elements or more that is written out.
fn is_long(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::List(parts) | ExprKind::Tuple(parts) if parts.len() > 1)
}

fn is_list_of_texts(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::List(parts) if parts.iter().all(|part| part.as_str().is_some()))
}

fn path_of<'r>(at: &'r Reached<'_, '_>, site: &CallSite<'_>) -> Option<&'r str> {
    let mut known = at.sites.calls.iter().zip(&at.paths);
    known.find(|(other, _)| other.expr.span == site.expr.span).map(|(_, path)| &**path)
}

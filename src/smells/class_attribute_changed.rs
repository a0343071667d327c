//! # FD602 class-attribute-changed
//!
//! ## What it detects
//! A test that assigns to an attribute of a class, or changes what the class body or `setUpClass` made once for
//! all its tests, where another test reads it.
//!
//! ## Why it makes tests unstable
//! An attribute of a class is one for all its instances, and unittest makes a new instance for each test: what one
//! test leaves there, the next one finds. The result depends on the order of the tests.
//!
//! ## Example
//! ```python
//! class TestBasket:
//!     items = []
//!
//!     def test_add(self):
//!         self.items.append("apple")
//!         assert len(self.items) == 1
//! ```
//!
//! ## Use instead
//! An attribute of the instance made in `setup_method` or `setUp`, or a fixture; `monkeypatch.setattr` for a class
//! under test.
//! ```python
//! class TestBasket:
//!     def setup_method(self):
//!         self.items = []
//! ```
//!
//! ## Known false positives
//! A class whose state a library resets between tests. What is restored, or made anew in a set-up, is not reported.

use super::origins;
use super::mend::patched;
use super::restored::{is_cleanup, is_reset_before, is_restored, renews};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Class, Expr, ExprKind, Function, StmtKind};
use crate::python::methods;
use crate::python::sites::{WriteKind, WriteSite};

pub(super) struct ClassAttributeChanged;

impl Rule for ClassAttributeChanged {
    fn code(&self) -> &'static str {
        "FD602"
    }

    fn name(&self) -> &'static str {
        "class-attribute-changed"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, write) in test.writes() {
            if is_cleanup(at, write.at) || !matches!(at.role, Role::Test | Role::Setup) {
                continue;
            }
            let found = match own_attribute(&write.path) {
                Some(name) if at.role == Role::Test => of_test_class(test, at, write, name),
                Some(_) => None,
                None => in_class_body(test, at, write)
                    .or_else(|| made_for_class(test, at, write))
                    .or_else(|| of_named_class(test, at, write)),
            };
            let Some((what, severity, why)) = found else { continue };
            if is_reset_before(test, at, write.at.order, &write.path)
                || is_restored(test, at, write.at, &write.path)
            {
                continue;
            }
            report.add_mended(
                at,
                Smell {
                    span: write.span,
                    // of what stands under a key, others most often give their own first
                    // and what set-up puts there it puts there for each test
                    severity: match at.role {
                        Role::Setup if write.is_item && write.kind == WriteKind::Assign => Severity::Low,
                        _ if write.is_item => severity.min(Severity::Medium),
                        _ => severity,
                    },
                    confidence: 0.85,
                    message: format!("`{what}` belongs to the class and keeps this change; {why}"),
                    help: "give each test its own in setUp, setup_method or a function-scoped fixture; \
                           for a class under test use monkeypatch.setattr"
                        .to_owned(),
                },
                |mend| if write.at.in_nested { None } else { patched(mend, write) },
            );
        }
    }
}

type Found = (String, Severity, String);

/// `self.__class__.name`, `type(self).name` and, in a test, `cls.name`
fn own_attribute(path: &str) -> Option<&str> {
    let name = path
        .strip_prefix("self.__class__.")
        .or_else(|| path.strip_prefix("type()."))
        .or_else(|| path.strip_prefix("cls."))?;
    (!name.contains(['.', '('])).then_some(name)
}

fn of_test_class(
    test: &Context<'_, '_>,
    at: &Reached<'_, '_>,
    write: &WriteSite<'_>,
    name: &str,
) -> Option<Found> {
    let victim = reader(test, at, test.case.lineage.first()?.class, name)?;
    let class = &test.case.lineage.first()?.class.name;
    let _ = write;
    Some((format!("{class}.{name}"), Severity::Critical, reads(victim)))
}

/// `self.items.append(…)`, where `items = []` stands in the class body.
fn in_class_body(test: &Context<'_, '_>, at: &Reached<'_, '_>, write: &WriteSite<'_>) -> Option<Found> {
    let name = write.path.strip_prefix("self.").filter(|name| !name.contains(['.', '(', '[']))?;
    if !write.is_item {
        return None;
    }
    let owner = test.case.lineage.iter().find(|owner| has_mutable(owner.class, name))?;
    let is_remade = test.reach.iter().flat_map(|reached| &reached.sites.writes).any(|other| {
        (other.path == write.path || other.path.strip_prefix("cls.") == Some(name)) && renews(other)
    });
    if is_remade {
        return None;
    }
    let what = format!("{}.{name}", owner.class.name);
    if let Some(victim) = reader(test, at, test.case.lineage.first()?.class, name) {
        return Some((what, Severity::Critical, reads(victim)));
    }
    let asserted = test.test().sites.asserts.iter().any(|assert| {
        assert
            .test
            .any(&mut |part: &Expr| matches!(&part.kind, ExprKind::Attribute { attr, .. } if **attr == *name))
    });
    let grows = matches!(write.method, Some("append" | "extend" | "insert" | "pop" | "remove"));
    (grows && asserted).then(|| {
        (what, Severity::High, "the assertion on it fails when the test runs a second time".to_owned())
    })
}

/// `self.cell.row = 2`, where `cls.cell = …` stands in `setUpClass` and nothing makes it anew.
fn made_for_class(test: &Context<'_, '_>, at: &Reached<'_, '_>, write: &WriteSite<'_>) -> Option<Found> {
    if at.role != Role::Test {
        return None;
    }
    let name = origins::own_attribute(write.target)?;
    let is_deep =
        write.is_item || !matches!(&write.target.kind, ExprKind::Attribute { attr, .. } if **attr == *name);
    let sets = |path: &str| path.strip_prefix("cls.").or_else(|| path.strip_prefix("self.")) == Some(name);
    let mut makers = test
        .reach
        .iter()
        .filter(|reached| reached.sites.writes.iter().any(|other| !other.is_item && sets(&other.path)));
    let maker = makers.next()?;
    let is_for_class =
        maker.role == Role::Setup && maker.function.function.name.to_ascii_lowercase().ends_with("class");
    if !is_deep || !is_for_class || makers.next().is_some() {
        return None;
    }
    // only of builtin collections is it known that `add` and the like change them
    if write.kind == WriteKind::Method {
        let made = maker.sites.writes.iter().find(|other| sets(&other.path)).and_then(|other| other.value)?;
        matches!(made.kind, ExprKind::List(_) | ExprKind::Dict(_) | ExprKind::Set(_)).then_some(())?;
    }
    // another test must look at the part that changes, and not set it itself
    let owner = test.case.lineage.first()?;
    let view = test.analysis.view(owner.module);
    let part = write.path.split_once('.').map_or(name, |(_, part)| part.split(['(', '[']).next().unwrap_or(part));
    let victim = methods(owner.class).find(|method| {
        method.name.starts_with("test")
            && !std::ptr::eq(*method, at.function.function)
            && mentions(view.module.text(method.span), part)
            && view.sites(method).is_some_and(|sites| {
                !sites.writes.iter().any(|other| other.path == write.path && other.kind == WriteKind::Assign)
            })
    })?;
    Some((format!("{}.{name}", owner.class.name), Severity::High, reads(victim)))
}

/// `Config.debug = True`, where the class stands in the same module.
fn of_named_class(test: &Context<'_, '_>, at: &Reached<'_, '_>, write: &WriteSite<'_>) -> Option<Found> {
    let path = write.path.strip_prefix(':')?;
    let (class, attribute) = path.split_once('.')?;
    if attribute.contains(['.', '(', '[']) || at.role != Role::Test {
        return None;
    }
    let view = test.analysis.view(at.function.module);
    let definition = *view.classes.get(class)?;
    if write.kind == WriteKind::Method && !has_mutable(definition, attribute) {
        return None;
    }
    // the attribute must be one that the class has: what is new to it nobody else asks for
    if !has_attribute(definition, attribute) {
        return None;
    }
    if test.case.lineage.iter().any(|owner| std::ptr::eq(owner.class, definition)) {
        return of_test_class(test, at, write, attribute);
    }
    let is_victim = |function: &&&Function| {
        function.name.starts_with("test")
            && !std::ptr::eq(**function, at.function.function)
            && view.sites(function).is_some_and(|sites| {
                !sites.writes.iter().any(|other| other.path == write.path && renews(other))
            })
    };
    let victim = view.shared.get(class)?.users.iter().find(is_victim)?;
    let why = format!("`{}` uses the class and depends on whether this test ran before", victim.name);
    Some((path.to_owned(), Severity::High, why))
}

fn reads(victim: &Function) -> String {
    format!("`{}` reads it and depends on whether this test ran before", victim.name)
}

/// Another test of the class that reads the attribute and does not set it.
fn reader<'a>(
    test: &Context<'a, '_>,
    at: &Reached<'a, '_>,
    class: &'a Class,
    name: &str,
) -> Option<&'a Function> {
    let module = test.case.lineage.first()?.module;
    let view = test.analysis.view(module);
    methods(class).find(|method| {
        method.name.starts_with("test")
            && !std::ptr::eq(*method, at.function.function)
            && mentions(view.module.text(method.span), name)
            && view.sites(method).is_some_and(|sites| {
                let sets = |path: &str| path.rsplit('.').next() == Some(name);
                !sites.writes.iter().any(|write| renews(write) && sets(&write.path))
            })
    })
}

/// Whether a text reads `self.name`, `cls.name` or `__class__.name`.
fn mentions(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(start, _)| {
        let before = &text[..start];
        let after = text[start + name.len()..].chars().next();
        (before.ends_with("self.")
            || before.ends_with("cls.")
            || before.ends_with("__class__.")
            || before.ends_with("type(self)."))
            && after.is_none_or(|next| !next.is_alphanumeric() && next != '_')
    })
}

fn value_in_body<'a>(class: &'a Class, name: &str) -> Option<&'a Expr> {
    class.body.iter().find_map(|stmt| match &stmt.kind {
        StmtKind::Assign { targets, value, .. }
            if targets.iter().any(|target| target.as_name() == Some(name)) =>
        {
            value.as_ref()
        }
        _ => None,
    })
}

fn has_mutable(class: &Class, name: &str) -> bool {
    value_in_body(class, name).is_some_and(|value| match &value.kind {
        ExprKind::List(_) | ExprKind::Dict(_) | ExprKind::Set(_) => true,
        ExprKind::Call(call) => {
            matches!(call.func.as_name(), Some("list" | "dict" | "set" | "defaultdict" | "Counter"))
        }
        _ => false,
    })
}

fn has_attribute(class: &Class, name: &str) -> bool {
    value_in_body(class, name).is_some() || methods(class).any(|method| &*method.name == name)
}

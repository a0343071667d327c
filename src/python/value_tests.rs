//! What locals and imported names stand for.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::ast::ExprKind;
use super::{Analysis, Module, Project, PytestConfig, any_expression};

fn project(files: &[(&str, &str)]) -> Project {
    let modules =
        files.iter().map(|(file, text)| Module::parse((*file).to_owned(), (*text).to_owned())).collect();
    Project::new(modules, PytestConfig::load(Path::new("/nonexistent")))
}

#[test]
fn a_local_stands_for_what_it_was_last_given() {
    let source = "def test_a():\n    a = 1\n    use(a)\n    a, b = 2, 3\n    with lock(4) as c:\n        use(a, b, c)\n";
    let project = project(&[("test_a.py", source)]);
    let analysis = Analysis::new(&project);
    let function = analysis.view(0).functions["test_a"];
    let sites = analysis.view(0).sites(function).unwrap();
    let uses: Vec<_> =
        sites.calls.iter().filter(|site| site.path == "use").map(|site| site.at.order).collect();
    let text =
        |name: &str, order: u32| sites.value_of(name, order).map(|value| project.modules[0].text(value.span));
    assert_eq!(text("a", uses[0]), Some("1"));
    assert_eq!(text("b", uses[0]), None);
    assert_eq!(text("a", uses[1]), Some("2"));
    assert_eq!(text("b", uses[1]), Some("3"));
    assert_eq!(text("c", uses[1]), Some("lock(4)"));
}

#[test]
fn an_imported_name_stands_for_a_variable_of_its_module() {
    let project = project(&[
        ("tests/limits.py", "SHORT = 0.5\n"),
        ("tests/more.py", "from .limits import SHORT as BRIEF\n"),
        ("tests/test_a.py", "from .limits import SHORT\nfrom .more import BRIEF\n"),
    ]);
    let analysis = Analysis::new(&project);
    let number =
        |path: &str| analysis.global(2, path).and_then(|(module, value)| Some((module, value.as_number()?)));
    assert_eq!(number(".limits.SHORT"), Some((0, 0.5)));
    assert_eq!(number(".more.BRIEF"), Some((0, 0.5)));
    assert_eq!(number(".limits.LONG"), None);
}

#[test]
fn expressions_are_found_in_every_statement() {
    let source = "def f():\n    try:\n        for a in b:\n            with c: d = e\n    finally:\n        def g():\n            return h\n";
    let project = project(&[("a.py", source)]);
    let names = |name: &str| {
        any_expression(
            &project.modules[0].body,
            &mut |expr| matches!(&expr.kind, ExprKind::Name(known) if **known == *name),
        )
    };
    assert!(["a", "b", "c", "d", "e", "h"].into_iter().all(names));
    assert!(!names("z"));
}

#[test]
fn a_body_under_handlers_is_marked() {
    let source = "def test_a():\n    try:\n        one()\n    except ValueError:\n        two()\n    try:\n        three()\n    finally:\n        four()\n";
    let project = project(&[("test_a.py", source)]);
    let analysis = Analysis::new(&project);
    let sites = analysis.view(0).sites(analysis.view(0).functions["test_a"]).unwrap();
    let caught: Vec<_> =
        sites.calls.iter().filter(|site| site.at.in_caught).map(|site| &*site.path).collect();
    assert_eq!(caught, ["one"]);
}

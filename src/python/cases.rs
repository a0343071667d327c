//! Which functions are tests, as pytest collects them: functions, methods, nested and inherited ones,
//! `unittest.TestCase` among them. Parameters are not expanded.

use super::ast::*;
use super::module::{any_expression, for_each_statement};
use super::project::{Analysis, ClassRef, FunctionRef, methods};
use super::sites;

/// One test, before its parameters are expanded.
#[derive(Debug)]
pub struct TestCase<'a> {
    /// `tests/test_lock.py::TestLock::test_expires`
    pub id: String,
    /// The module that pytest collects it from.
    pub module: usize,
    /// The function, which an inherited test has in another module.
    pub function: FunctionRef<'a>,
    /// The class that pytest collects it from, and the classes around that one, innermost first.
    pub classes: Vec<&'a Class>,
    /// `classes[0]` and its bases in the tree, nearest first.
    pub lineage: Vec<ClassRef<'a>>,
    pub is_unittest: bool,
    pub is_async: bool,
    /// Position among the tests of its file, from 0.
    pub position: usize,
}

/// Whether a class of a library, by the last part of its name, is a `unittest.TestCase`.
fn is_unittest_base(name: &str) -> bool {
    name.ends_with("TestCase") || name == "WebCase"
}

impl<'a> Analysis<'a> {
    /// The tests of a module in the order of the file.
    pub fn tests(&self, module: usize) -> Vec<TestCase<'a>> {
        let mut out = vec![];
        self.tests_in(module, &self.view(module).module.body, &[], &mut out);
        let deleted = deleted(&self.view(module).module.body);
        out.retain(|test| {
            let outer = test.classes.last().map_or(&test.function.function.name, |class| &class.name);
            !deleted.contains(&outer.as_str())
        });
        // a name defined twice is collected once, as its last definition
        let mut seen = rustc_hash::FxHashMap::default();
        for (index, test) in out.iter().enumerate() {
            seen.insert(test.id.clone(), index);
        }
        let mut index = 0;
        out.retain(|test| {
            index += 1;
            seen.get(&test.id) == Some(&(index - 1))
        });
        for (position, test) in out.iter_mut().enumerate() {
            test.position = position;
        }
        out
    }

    /// Whether a `conftest.py` beside or above tells pytest not to collect the file.
    pub fn is_left_out(&self, module: usize) -> bool {
        let file = &self.view(module).module.file;
        self.conftests(module).into_iter().filter(|conftest| *conftest != module).any(|conftest| {
            let view = self.view(conftest);
            let below = |name: &str| match view.module.folder() {
                "" => name.to_owned(),
                folder => format!("{folder}/{name}"),
            };
            let names = |variable: &str| match view.globals.get(variable)?.value.map(|value| &value.kind)? {
                ExprKind::List(items) | ExprKind::Tuple(items) => Some(items.iter().filter_map(Expr::as_str)),
                _ => None,
            };
            let is_it = |name: &str| {
                let path = below(name);
                file.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let fits = |name: &str| {
                glob::Pattern::new(&below(name)).is_ok_and(|pattern| {
                    pattern.matches(file)
                        || file.match_indices('/').any(|(end, _)| pattern.matches(&file[..end]))
                })
            };
            names("collect_ignore").into_iter().flatten().any(is_it)
                || names("collect_ignore_glob").into_iter().flatten().any(fits)
        })
    }

    fn tests_in(&self, module: usize, body: &'a [Stmt], around: &[&'a Class], out: &mut Vec<TestCase<'a>>) {
        for_each_statement(body, &mut |stmt| match &stmt.kind {
            StmtKind::Function(function)
                if around.is_empty()
                    && self.project.config.is_test_function(&function.name)
                    && !self.is_fixture(module, function) =>
            {
                let function = FunctionRef { module, function, class: None };
                out.push(self.case(module, function, vec![], vec![], false));
            }
            StmtKind::Class(class) => self.class_tests(module, class, around, out),
            _ => {}
        });
    }

    fn class_tests(
        &self,
        module: usize,
        class: &'a Class,
        around: &[&'a Class],
        out: &mut Vec<TestCase<'a>>,
    ) {
        let (lineage, outside) = self.lineage(ClassRef { module, class });
        let is_unittest = outside.iter().any(|base| {
            let last = base.rsplit('.').next().unwrap_or(base);
            is_unittest_base(last)
        });
        let config = &self.project.config;
        let has_init =
            lineage.iter().any(|owner| methods(owner.class).any(|method| &*method.name == "__init__"));
        if !is_unittest && (!config.is_test_class(&class.name) || has_init) {
            return;
        }
        if opted_out(class, &lineage) || (!is_unittest && is_mixin(class)) {
            return;
        }
        let mut classes = vec![class];
        classes.extend(around);
        // pytest lists the methods of the bases first
        let mut found: Vec<FunctionRef<'a>> = vec![];
        for owner in lineage.iter().rev() {
            for function in methods(owner.class) {
                let name = &*function.name;
                let is_test =
                    if is_unittest { name.starts_with("test") } else { config.is_test_function(name) };
                if is_test && !self.is_fixture(owner.module, function) {
                    found.retain(|known| known.function.name != function.name);
                    found.push(FunctionRef { module: owner.module, function, class: Some(owner.class) });
                }
            }
        }
        for function in found {
            out.push(self.case(module, function, classes.clone(), lineage.clone(), is_unittest));
        }
        if !is_unittest {
            self.tests_in(module, &class.body, &classes, out);
        }
    }

    fn case(
        &self,
        module: usize,
        function: FunctionRef<'a>,
        classes: Vec<&'a Class>,
        lineage: Vec<ClassRef<'a>>,
        is_unittest: bool,
    ) -> TestCase<'a> {
        let mut id = self.view(module).module.file.clone();
        for class in classes.iter().rev() {
            id = id + "::" + &class.name;
        }
        id = id + "::" + &function.function.name;
        let is_async = function.function.is_async;
        TestCase { id, module, function, classes, lineage, is_unittest, is_async, position: 0 }
    }

    fn is_fixture(&self, module: usize, function: &Function) -> bool {
        !function.decorators.is_empty()
            && self.view(module).fixtures.iter().any(|fixture| std::ptr::eq(fixture.function, function))
    }
}

/// The names that `del` takes away at the top of a module: base classes that are no tests themselves.
fn deleted(body: &[Stmt]) -> Vec<&str> {
    let mut out = vec![];
    for stmt in body {
        if let StmtKind::Delete(targets) = &stmt.kind {
            out.extend(targets.iter().filter_map(Expr::as_name));
        }
    }
    out
}

/// A class without bases whose `setUp` calls the next one: its tests run as those of the classes that mix it in.
fn is_mixin(class: &Class) -> bool {
    let is_super = |expr: &Expr| match expr.as_call().map(|call| &call.func.kind) {
        Some(ExprKind::Attribute { value, attr }) => {
            attr == "setUp" && value.as_call().is_some_and(|call| call.func.as_name() == Some("super"))
        }
        _ => false,
    };
    class.bases.is_empty()
        && methods(class).any(|method| {
            &*method.name == "setUp" && any_expression(&method.body, &mut |expr| is_super(expr))
        })
}

/// `__test__ = False` in the class itself or in a base.
fn opted_out(class: &Class, lineage: &[ClassRef]) -> bool {
    let says = |class: &Class| {
        class.body.iter().find_map(|stmt| match &stmt.kind {
            StmtKind::Assign { targets, value: Some(value), .. }
                if targets.iter().any(|target| target.as_name() == Some("__test__")) =>
            {
                Some(matches!(value.kind, ExprKind::Bool(false)))
            }
            _ => None,
        })
    };
    says(class).or_else(|| lineage.iter().find_map(|owner| says(owner.class))).unwrap_or(false)
}

impl<'a> TestCase<'a> {
    /// The decorators of the test and of its classes with their dotted paths: marks and patches.
    pub fn decorators(&self, analysis: &Analysis<'a>) -> Vec<(String, &'a Expr)> {
        let module_of = |index: usize| analysis.view(index).module;
        let function = self.function.function.decorators.iter().map(|expr| (self.function.module, expr));
        let classes =
            self.classes.iter().flat_map(|class| class.decorators.iter().map(|expr| (self.module, expr)));
        let bases = self
            .lineage
            .iter()
            .skip(1)
            .flat_map(|base| base.class.decorators.iter().map(|expr| (base.module, expr)));
        let marks = module_marks(module_of(self.module)).into_iter().map(|expr| (self.module, expr));
        function
            .chain(classes)
            .chain(bases)
            .chain(marks)
            .filter_map(|(module, expr)| {
                // `slow = pytest.mark.slow` at the top, then `@slow`
                let named = expr.as_name().and_then(|name| analysis.view(module).globals.get(name)?.value);
                let expr = named.unwrap_or(expr);
                let target = expr.as_call().map_or(expr, |call| &call.func);
                Some((sites::value_path(target, module_of(module))?, expr))
            })
            .collect()
    }
}

/// The marks in `pytestmark` at the top of a module.
fn module_marks(module: &super::module::Module) -> Vec<&Expr> {
    module
        .body
        .iter()
        .filter_map(|stmt| match &stmt.kind {
            StmtKind::Assign { targets, value: Some(value), .. }
                if targets.iter().any(|target| target.as_name() == Some("pytestmark")) =>
            {
                Some(value)
            }
            _ => None,
        })
        .flat_map(|value| match &value.kind {
            ExprKind::List(items) | ExprKind::Tuple(items) => items.iter().collect(),
            _ => vec![value],
        })
        .collect()
}

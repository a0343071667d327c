//! Edits that mend a finding. A rule says what to write where; this knows how it is written: the indentation, where
//! an import goes, how a fixture is asked for. What cannot be done cleanly gives `None`, and the finding stays as it is.

use super::context::{Context, Reached, Role};
use super::finding::{Applicability, Edit, Fix};
use crate::python::ast::*;
use crate::python::sites::{CallSite, WriteSite};
use crate::python::{Module, Scope, any_expression, for_each_statement};
use crate::words::is_word_in;

/// The edits of one finding, in one file.
pub(super) struct Mend<'r> {
    module: &'r Module,
    function: &'r Function,
    role: Role,
    is_unittest: bool,
    edits: Vec<(Span, String)>,
}

impl<'r> Mend<'r> {
    pub(super) fn new(test: &'r Context<'_, '_>, at: &'r Reached<'_, '_>) -> Mend<'r> {
        Mend {
            module: test.analysis.view(at.function.module).module,
            function: at.function.function,
            role: at.role,
            is_unittest: test.case.is_unittest,
            edits: vec![],
        }
    }

    pub(super) fn safe(self, message: impl Into<String>) -> Option<Fix> {
        self.finish(Applicability::Safe, message.into())
    }

    pub(super) fn risky(self, message: impl Into<String>) -> Option<Fix> {
        self.finish(Applicability::Unsafe, message.into())
    }

    fn finish(self, applicability: Applicability, message: String) -> Option<Fix> {
        let edits: Vec<Edit> = self
            .edits
            .into_iter()
            .map(|(span, content)| {
                let (line, column) = self.module.position(span.start);
                let (end_line, end_column) = self.module.position(span.end);
                Edit { content, line, column, end_line, end_column }
            })
            .collect();
        (!edits.is_empty()).then_some(Fix { applicability, message, edits })
    }

    pub(super) fn text(&self, expr: &Expr) -> &'r str {
        self.module.text(expr.span)
    }

    pub(super) fn replace(&mut self, span: Span, content: impl Into<String>) {
        self.edits.push((span, content.into()));
    }

    pub(super) fn insert(&mut self, offset: u32, content: impl Into<String>) {
        self.replace(Span { start: offset, end: offset }, content);
    }

    /// Another number in the one place of these expressions where `value` is written.
    pub(super) fn renumber(&mut self, within: &[&Expr], value: f64, new: &str) -> Option<()> {
        let mut places: Vec<Span> = vec![];
        for expr in within {
            expr.any(&mut |part| {
                let is_it = matches!(part.kind, ExprKind::Number { value: found, .. } if found == value);
                if is_it && !places.contains(&part.span) {
                    places.push(part.span);
                }
                false
            });
        }
        let [place] = places[..] else { return None };
        self.replace(place, new);
        Some(())
    }

    /// `before expr after`
    pub(super) fn wrap(&mut self, expr: &Expr, before: &str, after: &str) {
        self.insert(expr.span.start, before);
        self.insert(expr.span.end, after);
    }

    /// Both sides in `sorted(…)`, but not one that is a list in order already, nor one that `sorted` makes.
    pub(super) fn sort(&mut self, sides: [&Expr; 2]) -> Option<()> {
        let keeps_type = sides.iter().any(|side| matches!(side.kind, ExprKind::Tuple(_)));
        for side in sides {
            let is_sorted = side.as_call().is_some_and(|call| call.func.as_name() == Some("sorted"));
            if is_sorted || (!keeps_type && in_order(side)) {
                continue;
            }
            if matches!(side.kind, ExprKind::Comprehension(ref inner) if inner.kind == Collection::Generator)
            {
                return None;
            }
            self.wrap(side, "sorted(", ")");
        }
        Some(())
    }

    /// The innermost statement around a place; nothing inside functions that are defined on the way.
    pub(super) fn statement(&self, span: Span) -> Option<&'r Stmt> {
        let mut found = None;
        for_each_statement(&self.function.body, &mut |stmt| {
            if stmt.span.holds(span) {
                found = Some(stmt);
            }
        });
        found.filter(|stmt| !matches!(stmt.kind, StmtKind::Function(_) | StmtKind::Class(_)))
    }

    /// The statements of the block that holds `stmt`, from `stmt` on.
    pub(super) fn from(&self, stmt: &Stmt) -> &'r [Stmt] {
        fn find<'s>(block: &'s [Stmt], wanted: &Stmt) -> Option<&'s [Stmt]> {
            block.iter().enumerate().find_map(|(at, stmt)| {
                if std::ptr::eq(stmt, wanted) {
                    return Some(&block[at..]);
                }
                crate::python::blocks(stmt).into_iter().find_map(|inner| find(inner, wanted))
            })
        }
        find(&self.function.body, stmt).unwrap_or(&[])
    }

    /// The white space before a statement that stands first on its line.
    pub(super) fn indent(&self, stmt: &Stmt) -> Option<&'r str> {
        let line = self.module.line_text(self.module.line(stmt.span.start));
        let indent = &line[..line.len() - line.trim_start().len()];
        let (_, column) = self.module.position(stmt.span.start);
        (indent.chars().count() as u32 == column).then_some(indent)
    }

    /// One step of indentation, as this function has it.
    fn step(&self) -> &'static str {
        let deepest = self.function.body.first().and_then(|stmt| self.indent(stmt));
        if deepest.is_some_and(|indent| indent.contains('\t')) { "\t" } else { "    " }
    }

    fn newline(&self) -> &'static str {
        if self.module.source.contains("\r\n") { "\r\n" } else { "\n" }
    }

    /// Lines of their own before a statement.
    pub(super) fn before(&mut self, stmt: &Stmt, lines: &[&str]) -> Option<()> {
        let indent = self.indent(stmt)?;
        let newline = self.newline();
        let content: String = lines.iter().map(|line| format!("{line}{newline}{indent}")).collect();
        self.insert(stmt.span.start, content);
        Some(())
    }

    /// Lines of their own after a statement that ends its line.
    pub(super) fn after(&mut self, stmt: &Stmt, lines: &[&str]) -> Option<()> {
        let indent = self.indent(stmt)?;
        let rest =
            self.module.source.get(stmt.span.end as usize..)?.split('\n').next()?.trim_end_matches('\r');
        let is_last = rest.trim().is_empty() || rest.trim_start().starts_with('#');
        let newline = self.newline();
        let content: String = lines.iter().map(|line| format!("{newline}{indent}{line}")).collect();
        is_last.then(|| self.insert(stmt.span.end + rest.len() as u32, content))
    }

    /// A line at the start of the function, after its docstring.
    pub(super) fn at_start(&mut self, line: &str) -> Option<()> {
        let is_text = |stmt: &Stmt| matches!(&stmt.kind, StmtKind::Expr(expr) if expr.as_str().is_some());
        match self.function.body.as_slice() {
            [docstring, second, ..] if is_text(docstring) => self.before(second, &[line]),
            [docstring] if is_text(docstring) => self.after(docstring, &[line]),
            [first, ..] => self.before(first, &[line]),
            [] => None,
        }
    }

    /// Puts a statement, and those after it up to the last that names `name`, under `with {head} as {name}:`; the
    /// statement itself is replaced by `first`, or goes.
    pub(super) fn under_with(
        &mut self,
        stmt: &Stmt,
        head: &str,
        name: &str,
        first: Option<&str>,
    ) -> Option<()> {
        let indent = self.indent(stmt)?;
        let (step, newline) = (self.step(), self.newline());
        let head = format!("with {head} as {name}:");
        if let Some(first) = first {
            self.replace(stmt.span, format!("{head}{newline}{indent}{step}{first}"));
            return Some(());
        }
        let block = self.from(stmt);
        let names = |stmt: &Stmt| is_word_in(name, self.module.text(stmt.span));
        let last = block.iter().skip(1).rposition(names)? + 1;
        let (second, last) = (&block[1], &block[last]);
        let inner = Span { start: second.span.start, end: last.span.end };
        if self.has_long_text(inner) || self.indent(second) != Some(indent) {
            return None;
        }
        self.replace(stmt.span, head);
        let (from, to) =
            (self.module.line(second.span.start), self.module.line(last.span.end.saturating_sub(1)));
        for line in from..=to {
            if !self.module.line_text(line).trim().is_empty() {
                self.insert(self.module.line_start(line), step);
            }
        }
        Some(())
    }

    /// Where a text or number that is written out is an expression of this function; `None` where it stands outside of tests too,
    /// so that others look for the same.
    pub(super) fn literals(&self, text: &str) -> Option<Vec<Span>> {
        fn in_tests(body: &[Stmt], module: &Module, text: &str) -> usize {
            body.iter()
                .map(|stmt| match &stmt.kind {
                    StmtKind::Class(class) => in_tests(&class.body, module, text),
                    StmtKind::Function(function) if function.name.starts_with("test") => {
                        module.text(function.span).matches(text).count()
                    }
                    _ => 0,
                })
                .sum()
        }
        let all = self.module.source.matches(text).count();
        let own = self.module.text(self.function.span).matches(text).count();
        let is_test = self.function.name.starts_with("test");
        let known = in_tests(&self.module.body, self.module, text) + if is_test { 0 } else { own };
        let mut found = vec![];
        any_expression(&self.function.body, &mut |expr| {
            let is_literal = expr.as_str().is_some() || matches!(expr.kind, ExprKind::Number { .. });
            if is_literal && self.text(expr) == text {
                found.push(expr.span);
            }
            false
        });
        (known == all && found.len() == own).then_some(found)
    }

    /// Whether text that goes over several lines stands there, which other indentation would change.
    pub(super) fn has_long_text(&self, span: Span) -> bool {
        let text = self.module.text(span);
        text.contains("\"\"\"") || text.contains("'''") || text.contains("\\\n") || text.contains("\\\r\n")
    }

    /// A name that the function does not use yet.
    pub(super) fn free_name(&self, wanted: &str) -> Option<String> {
        let text = self.module.text(self.function.span);
        [wanted.to_owned(), format!("{wanted}_"), format!("own_{wanted}")]
            .into_iter()
            .find(|name| !is_word_in(name, text) && !self.module.imports.contains_key(name.as_str()))
    }

    /// The name under which a module is known at the top of the file; it is imported where it is not.
    pub(super) fn import(&mut self, path: &str) -> Option<String> {
        if let Some((local, _)) = self.module.imports.iter().find(|(_, known)| &***known == path) {
            return Some(local.to_string());
        }
        let name = path.rsplit('.').next()?;
        if self.module.imports.contains_key(name) || self.module.binds(name) {
            return None;
        }
        let line = match path.rsplit_once('.') {
            None => format!("import {path}"),
            Some((package, name)) => format!("from {package} import {name}"),
        };
        let newline = self.newline();
        let is_future = |stmt: &&Stmt| self.module.text(stmt.span).starts_with("from __future__");
        let mut imports = self.module.body.iter().filter(|stmt| matches!(stmt.kind, StmtKind::Import(_)));
        let plain = imports.clone().filter(|stmt| !is_future(stmt));
        // among its like in their order, else before the first
        let follows = |stmt: &&Stmt| {
            self.module.text(stmt.span).starts_with("import ") && self.module.text(stmt.span) < &*line
        };
        let first_block = plain.clone().take_while(|stmt| self.module.text(stmt.span).starts_with("import "));
        if let Some(before) = first_block.filter(follows).last() {
            self.insert(before.span.end, format!("{newline}{line}"));
        } else if let Some(next) = plain.clone().next() {
            self.insert(next.span.start, format!("{line}{newline}"));
        } else if let Some(after) = imports.next_back().or_else(|| self.docstring()) {
            self.insert(after.span.end, format!("{newline}{newline}{line}"));
        } else {
            let first = self.module.body.first()?;
            let start = self.module.line_start(self.module.line(first.span.start));
            let stands_apart = matches!(first.kind, StmtKind::Function(_) | StmtKind::Class(_));
            let apart = newline.repeat(if stands_apart { 3 } else { 2 });
            self.insert(start, format!("{line}{apart}"));
        }
        Some(name.to_owned())
    }

    /// Whether a name is bound at the top of the file.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.module.imports.contains_key(name) || self.module.binds(name)
    }

    fn docstring(&self) -> Option<&'r Stmt> {
        let first = self.module.body.first()?;
        matches!(&first.kind, StmtKind::Expr(expr) if expr.as_str().is_some()).then_some(first)
    }

    /// Asks for a fixture that lives as long as the test: only a test function of pytest, or a fixture of that scope, can.
    pub(super) fn fixture(&mut self, name: &str) -> Option<()> {
        let can = match self.role {
            Role::Test => !self.is_unittest,
            Role::Fixture(scope) => scope == Scope::Function,
            _ => false,
        };
        if !can {
            return None;
        }
        if self.function.params.iter().any(|param| &*param.name == name) {
            return Some(());
        }
        let text = &self.module.source[self.function.name_span.end as usize..];
        let open = text.find('(').filter(|at| text[..*at].trim().is_empty())?;
        let optional = self.function.params.iter().find(|param| param.default.is_some() || param.is_variadic);
        match (optional, self.function.params.last()) {
            (Some(param), _) => self.insert(param.span.start, format!("{name}, ")),
            (None, Some(last)) => self.insert(last.span.end, format!(", {name}")),
            (None, None) => self.insert(self.function.name_span.end + open as u32 + 1, name),
        }
        Some(())
    }

    /// How a method of a unittest class calls itself, where this is one that can register a clean-up.
    pub(super) fn own_cleanup(&self) -> Option<&'static str> {
        if !self.is_unittest {
            return None;
        }
        match self.function.params.first().map(|param| &*param.name) {
            Some("self") if matches!(self.role, Role::Test | Role::Setup) => Some("self.addCleanup"),
            Some("cls") if self.role == Role::Setup => Some("cls.addClassCleanup"),
            _ => None,
        }
    }
}

/// A list of texts, or of numbers, that is sorted already.
fn in_order(expr: &Expr) -> bool {
    let ExprKind::List(parts) = &expr.kind else { return false };
    let texts: Option<Vec<&str>> = parts.iter().map(Expr::as_str).collect();
    let numbers: Option<Vec<f64>> = parts.iter().map(Expr::as_number).collect();
    texts.is_some_and(|texts| texts.is_sorted() && !texts.iter().any(|text| text.contains('\\')))
        || numbers.is_some_and(|numbers| numbers.is_sorted())
}

/// Puts what `site` opens into a `with` statement: the statement that uses it at once, or all up to its last use.
pub(super) fn in_with(mut mend: Mend<'_>, site: &CallSite<'_>, applicability: Applicability) -> Option<Fix> {
    if site.at.in_nested || site.awaited {
        return None;
    }
    let stmt = mend.statement(site.expr.span)?;
    let opened = mend.text(site.expr);
    let whole = |value: &Option<Expr>| value.as_ref().is_some_and(|value| value.span == site.expr.span);
    match &stmt.kind {
        StmtKind::Assign { targets, value, annotation: None } if whole(value) => {
            let [target] = targets.as_slice() else { return None };
            let name = target.as_name()?;
            mend.under_with(stmt, opened, name, None)?;
        }
        StmtKind::Assign { .. } | StmtKind::Expr(_) | StmtKind::Assert { .. } => {
            let is_lazy = |part: &Expr| {
                let can_wait = matches!(
                    part.kind,
                    ExprKind::Lambda(_)
                        | ExprKind::Comprehension(_)
                        | ExprKind::Conditional { .. }
                        | ExprKind::Bools(_)
                );
                can_wait && part.span.holds(site.expr.span)
            };
            let waits =
                crate::python::expressions(stmt).into_iter().any(|expr| expr.any(&mut |part| is_lazy(part)));
            let dropped = matches!(&stmt.kind, StmtKind::Expr(expr) if expr.span == site.expr.span);
            if waits || dropped || mend.has_long_text(stmt.span) || mend.module.text(stmt.span).contains('\n')
            {
                return None;
            }
            let name = mend.free_name("file")?;
            let (before, after) = (
                Span { start: stmt.span.start, end: site.expr.span.start },
                Span { start: site.expr.span.end, end: stmt.span.end },
            );
            let first = format!("{}{name}{}", mend.module.text(before), mend.module.text(after));
            mend.under_with(stmt, opened, &name, Some(&first))?;
        }
        _ => return None,
    }
    mend.finish(applicability, "open it in a with statement, which closes it".to_owned())
}

/// `owner.name = value` by `monkeypatch.setattr`; in a unittest class with a clean-up registered before it.
pub(super) fn patched(mut mend: Mend<'_>, write: &WriteSite<'_>) -> Option<Fix> {
    let stmt = mend.statement(write.span)?;
    let StmtKind::Assign { targets, value: Some(value), annotation: None } = &stmt.kind else { return None };
    let [target] = targets.as_slice() else { return None };
    let (owner, name, item) = match &target.kind {
        ExprKind::Attribute { value: owner, attr } => (owner, format!("\"{attr}\""), false),
        ExprKind::Subscript { value: owner, index } => (owner, mend.text(index.first()?).to_owned(), true),
        _ => return None,
    };
    let owner = mend.text(owner);
    if let Some(register) = mend.own_cleanup() {
        if item {
            return None;
        }
        let before = mend.text(target);
        mend.before(stmt, &[&format!("{register}(setattr, {owner}, {name}, {before})")])?;
        return mend.risky("put back what was there when the test ends");
    }
    mend.fixture("monkeypatch")?;
    let set = if item { "setitem" } else { "setattr" };
    mend.replace(stmt.span, format!("monkeypatch.{set}({owner}, {name}, {})", mend.text(value)));
    mend.risky("change it with monkeypatch, which puts back what was there")
}

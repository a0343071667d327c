//! Edits that mend a finding. A rule says what to write where; this knows how it is written: the indentation, where
//! an import goes, how a fixture is asked for. What cannot be done cleanly gives `None`, and the finding stays as it is.

mod imports;
mod remedies;

pub(super) use imports::Deadline;
pub(super) use remedies::{in_with, patched};

use super::context::{Context, Reached, Role};
use super::finding::{Applicability, Edit, Fix};
use crate::python::ast::*;
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

    pub(super) fn text_of(&self, span: Span) -> &'r str {
        self.module.text(span)
    }

    /// Where an expression of this text stands in a statement.
    pub(super) fn places(&self, stmt: &Stmt, text: &str) -> Vec<Span> {
        let mut places = vec![];
        any_expression(std::slice::from_ref(stmt), &mut |part| {
            if self.text(part) == text && !places.contains(&part.span) {
                places.push(part.span);
            }
            false
        });
        places
    }

    /// `content` may step in by four spaces, which are tabs where the function has those.
    pub(super) fn replace(&mut self, span: Span, content: impl Into<String>) {
        let mut content = content.into();
        if self.step() == "\t" {
            content = content.split_inclusive('\n').map(with_tabs).collect();
        }
        self.edits.push((span, content));
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
        innermost(&self.function.body, span)
            .filter(|stmt| !matches!(stmt.kind, StmtKind::Function(_) | StmtKind::Class(_)))
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

    /// `assert …`, `self.assertEqual(…)`
    pub(super) fn asserts(&self, stmt: &Stmt) -> bool {
        match &stmt.kind {
            StmtKind::Assert { .. } => true,
            StmtKind::Expr(expr) => self.text(expr).trim_start_matches("self.").starts_with("assert"),
            _ => false,
        }
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
    pub(super) fn before(&mut self, stmt: &Stmt, lines: &[impl AsRef<str>]) -> Option<()> {
        let indent = self.indent(stmt)?;
        let newline = self.newline();
        let mut content = String::new();
        for (at, line) in lines.iter().enumerate() {
            content += line.as_ref();
            content += newline;
            // an empty line has no indentation
            if lines.get(at + 1).is_none_or(|next| !next.as_ref().is_empty()) {
                content += indent;
            }
        }
        self.insert(stmt.span.start, content);
        Some(())
    }

    /// Lines in place of a statement.
    pub(super) fn instead(&mut self, stmt: &Stmt, lines: &[String]) -> Option<()> {
        let apart = format!("{}{}", self.newline(), self.indent(stmt)?);
        self.replace(stmt.span, lines.join(&apart));
        Some(())
    }

    /// Lines of their own after a statement that ends its line.
    pub(super) fn after(&mut self, stmt: &Stmt, lines: &[impl AsRef<str>]) -> Option<()> {
        let indent = self.indent(stmt)?;
        let rest =
            self.module.source.get(stmt.span.end as usize..)?.split('\n').next()?.trim_end_matches('\r');
        let is_last = rest.trim().is_empty() || rest.trim_start().starts_with('#');
        let newline = self.newline();
        let content: String =
            lines.iter().map(|line| format!("{newline}{indent}{}", line.as_ref())).collect();
        is_last.then(|| self.insert(stmt.span.end + rest.len() as u32, content))
    }

    /// A line at the start of the function, after its docstring, and apart from a function that follows.
    pub(super) fn at_start(&mut self, line: &str) -> Option<()> {
        let lines = |next: &Stmt| match next.kind {
            StmtKind::Function(_) | StmtKind::Class(_) => vec![line, ""],
            _ => vec![line],
        };
        let is_text = |stmt: &Stmt| matches!(&stmt.kind, StmtKind::Expr(expr) if expr.as_str().is_some());
        match self.function.body.as_slice() {
            [docstring, second, ..] if is_text(docstring) => self.before(second, &lines(second)),
            [docstring] if is_text(docstring) => self.after(docstring, &[line]),
            [first, ..] => self.before(first, &lines(first)),
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

    /// A decorator above one that stands there.
    pub(super) fn decorate(&mut self, other: Span, decorator: &str) -> Option<()> {
        let line = self.module.line(other.start);
        let text = self.module.line_text(line);
        let rest = text.trim_start();
        let indent = &text[..text.len() - rest.len()];
        let content = format!("{indent}{decorator}{}", self.newline());
        rest.starts_with('@').then(|| self.insert(self.module.line_start(line), content))
    }

    /// Puts a statement of one line under `head`.
    pub(super) fn under(&mut self, stmt: &Stmt, head: &str) -> Option<()> {
        let (indent, text) = (self.indent(stmt)?, self.module.text(stmt.span));
        let content = format!("{head}{}{indent}{}{text}", self.newline(), self.step());
        (!text.contains('\n')).then(|| self.replace(stmt.span, content))
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

    /// What registers a clean-up: of the class, else of a fixture that is asked for.
    pub(super) fn cleanup(&mut self) -> Option<&'static str> {
        if let Some(register) = self.own_cleanup() {
            return Some(register);
        }
        self.fixture("request")?;
        Some("request.addfinalizer")
    }
}

/// A line whose steps of four spaces, after what tabs come before them, are tabs.
fn with_tabs(line: &str) -> String {
    let (tabs, mut rest) = line.split_at(line.len() - line.trim_start_matches('\t').len());
    let mut out = tabs.to_owned();
    while let Some(deeper) = rest.strip_prefix("    ") {
        out.push('\t');
        rest = deeper;
    }
    out + rest
}

/// The innermost statement of a block around a place.
pub(super) fn innermost(block: &[Stmt], span: Span) -> Option<&Stmt> {
    let mut found = None;
    for_each_statement(block, &mut |stmt| {
        if stmt.span.holds(span) {
            found = Some(stmt);
        }
    });
    found
}

/// A list of texts, or of numbers, that is sorted already.
fn in_order(expr: &Expr) -> bool {
    let ExprKind::List(parts) = &expr.kind else { return false };
    let texts: Option<Vec<&str>> = parts.iter().map(Expr::as_str).collect();
    let numbers: Option<Vec<f64>> = parts.iter().map(Expr::as_number).collect();
    texts.is_some_and(|texts| texts.is_sorted() && !texts.iter().any(|text| text.contains('\\')))
        || numbers.is_some_and(|numbers| numbers.is_sorted())
}

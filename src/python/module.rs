//! One parsed file: its text, its statements, and the names that stand at its top.

use std::path::Path;

use rustc_hash::FxHashMap;

use super::ast::*;
use super::lower::{self, SyntaxError};

/// A parsed Python file.
#[derive(Debug)]
pub struct Module {
    /// Relative to the root, with forward slashes.
    pub file: String,
    pub source: String,
    pub body: Vec<Stmt>,
    pub errors: Vec<SyntaxError>,
    /// Local name ─▶ dotted path, from imports at the top (also inside `if` and `try`).
    pub imports: FxHashMap<Text, Text>,
    /// Bytes at which lines begin.
    line_starts: Vec<u32>,
}

impl Module {
    /// Parses `source`. Never fails: see [`Module::errors`].
    pub fn parse(file: String, source: String) -> Module {
        let (body, errors) = lower::parse(&source);
        let mut imports = FxHashMap::default();
        for_each_statement(&body, &mut |stmt| {
            if let StmtKind::Import(names) = &stmt.kind {
                for import in names.iter().filter(|import| !is_builtin(import)) {
                    imports.insert(import.local.clone(), import.path.clone());
                }
            }
        });
        let line_starts = std::iter::once(0)
            .chain(source.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at as u32 + 1))
            .collect();
        Module { file, source, body, errors, imports, line_starts }
    }

    /// 1-based line and 0-based column in characters.
    pub fn position(&self, offset: u32) -> (u32, u32) {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts[line - 1] as usize;
        let text = self.source.get(start..offset as usize).unwrap_or("");
        (line as u32, text.chars().count() as u32)
    }

    /// 1-based line.
    pub fn line(&self, offset: u32) -> u32 {
        self.line_starts.partition_point(|start| *start <= offset).max(1) as u32
    }

    /// The text of a span with the indentation before it.
    pub fn whole_lines(&self, span: Span) -> &str {
        let start = self.line_starts[self.line(span.start) as usize - 1];
        self.text(Span { start, end: span.end })
    }

    pub fn text(&self, span: Span) -> &str {
        self.source.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// The text of a 1-based line, without its end.
    pub fn line_text(&self, line: u32) -> &str {
        let start = self.line_starts.get(line as usize - 1).copied().unwrap_or(u32::MAX) as usize;
        self.source.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("")
    }

    /// The byte at which a 1-based line begins.
    pub fn line_start(&self, line: u32) -> u32 {
        self.line_starts.get(line as usize - 1).copied().unwrap_or(self.source.len() as u32)
    }

    /// Whether a function, a class or a variable of this name stands at the top.
    pub fn binds(&self, name: &str) -> bool {
        let mut found = false;
        for_each_statement(&self.body, &mut |stmt| {
            found |= match &stmt.kind {
                StmtKind::Function(function) => &*function.name == name,
                StmtKind::Class(class) => &*class.name == name,
                StmtKind::Assign { targets, .. } => {
                    targets.iter().any(|target| target.as_name() == Some(name))
                }
                _ => false,
            };
        });
        found
    }

    pub fn line_count(&self) -> usize {
        self.line_starts.len()
    }

    /// The folder of the file, relative to the root; empty for the root itself.
    pub fn folder(&self) -> &str {
        self.file.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        Path::new(&self.file).file_name().and_then(|name| name.to_str()).unwrap_or(&self.file)
    }
}

/// Visits the statements of a scope, also those under `if`, `try`, `with` and loops, but not those of the
/// functions and classes in it.
pub fn for_each_statement<'a>(body: &'a [Stmt], visit: &mut dyn FnMut(&'a Stmt)) {
    for stmt in body {
        visit(stmt);
        for block in blocks(stmt) {
            for_each_statement(block, visit);
        }
    }
}

/// The blocks of a compound statement that belong to the same scope.
pub fn blocks(stmt: &Stmt) -> Vec<&[Stmt]> {
    match &stmt.kind {
        StmtKind::If { body, or_else, .. }
        | StmtKind::For { body, or_else, .. }
        | StmtKind::While { body, or_else, .. } => vec![body, or_else],
        StmtKind::With { body, .. } => vec![body],
        StmtKind::Try { body, handlers, or_else, finally } => {
            let mut all: Vec<&[Stmt]> = vec![body];
            all.extend(handlers.iter().map(|handler| &*handler.body));
            all.extend([&**or_else, &**finally]);
            all
        }
        StmtKind::Match { cases, .. } => cases.iter().map(|case| &**case).collect(),
        _ => vec![],
    }
}

/// The expressions that stand directly in a statement, not those of its blocks.
pub fn expressions(stmt: &Stmt) -> Vec<&Expr> {
    match &stmt.kind {
        StmtKind::Expr(expr) | StmtKind::Return(Some(expr)) => vec![expr],
        StmtKind::Assign { targets, value, .. } => targets.iter().chain(value).collect(),
        StmtKind::AugAssign { target, value, .. } => vec![target, value],
        StmtKind::Assert { test, message } => std::iter::once(test).chain(message).collect(),
        StmtKind::Raise(parts) | StmtKind::Delete(parts) => parts.iter().collect(),
        StmtKind::If { test, .. } | StmtKind::While { test, .. } => vec![test],
        StmtKind::For { target, iter, .. } => vec![target, iter],
        StmtKind::With { items, .. } => {
            items.iter().flat_map(|(expr, target)| std::iter::once(expr).chain(target)).collect()
        }
        StmtKind::Try { handlers, .. } => handlers.iter().flat_map(|handler| &handler.types).collect(),
        StmtKind::Match { subject, .. } => subject.iter().collect(),
        StmtKind::Function(function) => function.decorators.iter().collect(),
        StmtKind::Class(class) => class.decorators.iter().chain(&class.bases).collect(),
        _ => vec![],
    }
}

/// `from future.builtins import open`: by its own name, what would be there without the import.
fn is_builtin(import: &Import) -> bool {
    let of = |module: &str| import.path.strip_prefix(module) == Some(&*import.local);
    of("builtins.")
        || of("future.builtins.")
        || (of("six.moves.") && matches!(&*import.local, "range" | "zip" | "map" | "filter" | "input"))
}

/// Whether `test` holds for an expression anywhere in `body`, nested functions and classes among it.
pub fn any_expression(body: &[Stmt], test: &mut dyn FnMut(&Expr) -> bool) -> bool {
    body.iter().any(|stmt| {
        expressions(stmt).into_iter().any(|expr| expr.any(test))
            || match &stmt.kind {
                StmtKind::Function(inner) => any_expression(&inner.body, test),
                StmtKind::Class(inner) => any_expression(&inner.body, test),
                _ => blocks(stmt).into_iter().any(|block| any_expression(block, test)),
            }
    })
}

impl Module {
    /// Whether a `# flaky: ignore[CODE, …]` comment on the line silences the rule (without codes: every rule).
    pub fn silences(&self, line: u32, code: &str) -> bool {
        suppression(self.line_text(line)).is_some_and(|codes| codes.is_empty() || codes.contains(&code))
    }

    /// The lines that carry a suppression comment, with the codes it names.
    pub fn suppressions(&self) -> Vec<(u32, Vec<&str>)> {
        if !self.source.contains("flaky: ignore") {
            return vec![];
        }
        let lines = self.source.lines().enumerate();
        lines.filter_map(|(index, text)| Some((index as u32 + 1, suppression(text)?))).collect()
    }
}

fn suppression(line: &str) -> Option<Vec<&str>> {
    let rest = line[line.find('#')?..].split_once("flaky: ignore")?.1;
    match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((codes, _)) => Some(codes.split(',').map(str::trim).filter(|code| !code.is_empty()).collect()),
        None => Some(vec![]),
    }
}

impl Module {
    /// The dotted paths of everything imported at the top, without those of unconditional packages.
    pub fn imported_paths(&self) -> impl Iterator<Item = &str> {
        self.imports.values().map(|path| &**path)
    }
}

#[cfg(test)]
mod tests {
    use super::Module;

    #[test]
    fn a_builtin_that_is_imported_is_the_builtin() {
        let text = "from future.builtins import open\nfrom six.moves import urllib\n";
        let module = Module::parse("t.py".to_owned(), text.to_owned());
        assert_eq!(module.imports.keys().map(|name| &**name).collect::<Vec<_>>(), ["urllib"]);
    }
}

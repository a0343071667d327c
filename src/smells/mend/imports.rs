//! What an edit needs by name: modules that are imported where they are not, clocks and pauses as the file knows them.

use super::Mend;
use crate::python::ast::{Stmt, StmtKind};

/// How a deadline is set and looked at.
pub(in crate::smells) struct Deadline {
    pub(in crate::smells) set: String,
    pub(in crate::smells) lies_ahead: String,
    pub(in crate::smells) has_passed: String,
}

impl<'r> Mend<'r> {
    /// The name under which a module is known at the top of the file; it is imported where it is not.
    pub(in crate::smells) fn import(&mut self, path: &str) -> Option<String> {
        if let Some(local) = self.local(path) {
            return Some(local);
        }
        let name = path.rsplit('.').next()?;
        if self.module.imports.contains_key(name) || self.module.binds(name) {
            return None;
        }
        let head = match path.rsplit_once('.') {
            None => "import ".to_owned(),
            Some((package, _)) => format!("from {package} import "),
        };
        let is_open = |stmt: &&Stmt| {
            let text = self.module.text(stmt.span);
            head.starts_with("from ") && text.starts_with(&head) && !text.contains(['(', '*', '\\', '\n'])
        };
        if let Some(known) = self.module.body.iter().find(is_open) {
            self.insert(known.span.end, format!(", {name}"));
            return Some(name.to_owned());
        }
        let line = format!("{head}{name}");
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

    /// What reads a clock here that no one sets back, or the next best.
    fn clock(&mut self) -> Option<String> {
        if let Some(known) = self.local("time.monotonic") {
            return Some(format!("{known}()"));
        }
        match self.import("time") {
            Some(time) => Some(format!("{time}.monotonic()")),
            None => self.local("time.time").map(|known| format!("{known}()")),
        }
    }

    /// A deadline that lies so many seconds ahead, an expression.
    pub(in crate::smells) fn deadline(&mut self, seconds: &str) -> Option<Deadline> {
        let clock = self.clock()?;
        let name = self.free_name("deadline")?;
        Some(Deadline {
            set: format!("{name} = {clock} + {seconds}"),
            lies_ahead: format!("{clock} < {name}"),
            has_passed: format!("{clock} > {name}"),
        })
    }

    /// A pause of a hundredth of a second that lets others run.
    pub(in crate::smells) fn pause(&mut self, is_async: bool) -> Option<String> {
        if is_async {
            return Some(format!("await {}.sleep(0.01)", self.import("asyncio")?));
        }
        if let Some(gevent) = self.local("gevent") {
            return Some(format!("{gevent}.sleep(0.01)"));
        }
        if let Some(known) = self.local("time.sleep") {
            return Some(format!("{known}(0.01)"));
        }
        Some(format!("{}.sleep(0.01)", self.import("time")?))
    }

    /// The name under which something is imported already.
    fn local(&self, path: &str) -> Option<String> {
        self.module.imports.iter().find(|(_, known)| &***known == path).map(|(local, _)| local.to_string())
    }

    /// Whether a name is bound at the top of the file.
    pub(in crate::smells) fn knows(&self, name: &str) -> bool {
        self.module.imports.contains_key(name) || self.module.binds(name)
    }

    fn docstring(&self) -> Option<&'r Stmt> {
        let first = self.module.body.first()?;
        matches!(&first.kind, StmtKind::Expr(expr) if expr.as_str().is_some()).then_some(first)
    }
}

//! Whether a file is Python: the grammar tells what cannot be read, but lets a head stand without a block.

use crate::python::Module;
use crate::python::ast::{Stmt, StmtKind};

/// Where something is wrong, in bytes.
pub(super) fn defects(module: &Module) -> Vec<u32> {
    let mut out: Vec<u32> = module.errors.iter().map(|error| error.offset).collect();
    empty_blocks(&module.body, &mut out);
    out
}

fn empty_blocks(block: &[Stmt], out: &mut Vec<u32>) {
    for stmt in block {
        let is_empty = match &stmt.kind {
            StmtKind::If { body, .. }
            | StmtKind::For { body, .. }
            | StmtKind::While { body, .. }
            | StmtKind::With { body, .. }
            | StmtKind::Try { body, .. } => body.is_empty(),
            StmtKind::Function(function) => function.body.is_empty(),
            StmtKind::Class(class) => class.body.is_empty(),
            _ => false,
        };
        if is_empty {
            out.push(stmt.span.start);
        }
        match &stmt.kind {
            StmtKind::Function(function) => empty_blocks(&function.body, out),
            StmtKind::Class(class) => empty_blocks(&class.body, out),
            _ => crate::python::blocks(stmt).into_iter().for_each(|block| empty_blocks(block, out)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_without_a_block_is_a_defect() {
        let count = |text: &str| defects(&Module::parse("t.py".to_owned(), text.to_owned())).len();
        assert_eq!(count("def f():\n    with a as b:\n        b()\n"), 0);
        assert_eq!(count("class C:\n    def f(self):\n        with a as b:\n\n        b()\n"), 1);
        assert!(count("def f(:\n") > 0);
    }
}

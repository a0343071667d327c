//! The Python syntax that rules look at: an owned tree, lowered once from tree-sitter's.
//! Spans are byte offsets into the file; what is not understood becomes `Other` with its parts.

/// A name, or a piece of source; what is short needs no memory of its own, and most names are.
pub type Text = compact_str::CompactString;

/// Byte offsets into the file, end exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// Whether `inner` lies in this span; a span holds itself.
    pub fn holds(self, inner: Span) -> bool {
        self.start <= inner.start && inner.end <= self.end
    }
}

#[derive(Debug)]
pub struct Expr {
    pub span: Span,
    pub kind: ExprKind,
}

#[derive(Debug)]
pub enum ExprKind {
    Name(Text),
    Attribute {
        value: Box<Expr>,
        attr: Text,
    },
    Subscript {
        value: Box<Expr>,
        index: Vec<Expr>,
    },
    Call(Box<Call>),
    Await(Box<Expr>),
    /// Text without quotes and prefix, escapes as written; `parts` are the interpolations of an f-string.
    Str {
        text: Text,
        parts: Vec<Expr>,
    },
    Number {
        value: f64,
        is_float: bool,
    },
    Bool(bool),
    None,
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Set(Vec<Expr>),
    /// A missing key is a `**` entry.
    Dict(Vec<(Option<Expr>, Expr)>),
    Comprehension(Box<Comprehension>),
    Binary {
        left: Box<Expr>,
        op: Text,
        right: Box<Expr>,
    },
    Unary {
        op: Text,
        operand: Box<Expr>,
    },
    /// `and` and `or`
    Bools(Vec<Expr>),
    Compare {
        left: Box<Expr>,
        rest: Vec<(Text, Expr)>,
    },
    Conditional {
        test: Box<Expr>,
        body: Box<Expr>,
        or_else: Box<Expr>,
    },
    Lambda(Box<Expr>),
    Starred(Box<Expr>),
    Yield(Option<Box<Expr>>),
    Walrus {
        target: Box<Expr>,
        value: Box<Expr>,
    },
    Other(Vec<Expr>),
}

#[derive(Debug)]
pub struct Call {
    pub func: Expr,
    pub args: Vec<Expr>,
    /// A missing name is a `**` argument.
    pub keywords: Vec<(Option<Text>, Expr)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    List,
    Set,
    Dict,
    Generator,
}

#[derive(Debug)]
pub struct Comprehension {
    pub kind: Collection,
    pub element: Vec<Expr>,
    /// `(target, iterable)` of each `for`
    pub clauses: Vec<(Expr, Expr)>,
    pub conditions: Vec<Expr>,
}

#[derive(Debug)]
pub struct Stmt {
    pub span: Span,
    pub kind: StmtKind,
}

#[derive(Debug)]
pub enum StmtKind {
    Expr(Expr),
    Assign { targets: Vec<Expr>, value: Option<Expr>, annotation: Option<Expr> },
    AugAssign { target: Expr, op: Text, value: Expr },
    Assert { test: Expr, message: Option<Expr> },
    Return(Option<Expr>),
    Raise(Vec<Expr>),
    Delete(Vec<Expr>),
    Global(Vec<Text>),
    Nonlocal(Vec<Text>),
    Import(Vec<Import>),
    If { test: Expr, body: Vec<Stmt>, or_else: Vec<Stmt> },
    For { target: Expr, iter: Expr, body: Vec<Stmt>, or_else: Vec<Stmt>, is_async: bool },
    While { test: Expr, body: Vec<Stmt>, or_else: Vec<Stmt> },
    With { items: Vec<(Expr, Option<Expr>)>, body: Vec<Stmt>, is_async: bool },
    Try { body: Vec<Stmt>, handlers: Vec<Handler>, or_else: Vec<Stmt>, finally: Vec<Stmt> },
    Match { subject: Vec<Expr>, cases: Vec<Vec<Stmt>> },
    Function(Box<Function>),
    Class(Box<Class>),
    Other,
}

#[derive(Debug)]
pub struct Handler {
    pub types: Vec<Expr>,
    pub body: Vec<Stmt>,
}

/// One name bound by an import: `from a.b import c as d` is `local d`, `path a.b.c`; a relative import
/// keeps its leading dots; `*` binds `*`.
#[derive(Debug)]
pub struct Import {
    pub local: Text,
    pub path: Text,
}

#[derive(Debug)]
pub struct Function {
    pub name: Text,
    pub name_span: Span,
    /// From the first decorator, else from `def`, to the end of the body.
    pub span: Span,
    pub params: Vec<Param>,
    pub decorators: Vec<Expr>,
    pub returns: Option<Expr>,
    pub body: Vec<Stmt>,
    pub is_async: bool,
}

#[derive(Debug)]
pub struct Param {
    pub name: Text,
    pub span: Span,
    pub annotation: Option<Expr>,
    pub default: Option<Expr>,
    /// `*args` or `**kwargs`
    pub is_variadic: bool,
}

#[derive(Debug)]
pub struct Class {
    pub name: Text,
    pub name_span: Span,
    pub span: Span,
    pub bases: Vec<Expr>,
    pub decorators: Vec<Expr>,
    pub body: Vec<Stmt>,
}

impl Expr {
    pub fn as_call(&self) -> Option<&Call> {
        match &self.kind {
            ExprKind::Call(call) => Some(call),
            ExprKind::Await(inner) => inner.as_call(),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Str { text, parts } if parts.is_empty() => Some(text),
            _ => None,
        }
    }

    pub fn as_name(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Name(name) => Some(name),
            _ => None,
        }
    }

    /// `a.b.c` in its parts; nothing where it does not begin with a name.
    pub fn dotted(&self) -> Option<Vec<&str>> {
        match &self.kind {
            ExprKind::Name(name) => Some(vec![name]),
            ExprKind::Attribute { value, attr } => {
                let mut parts = value.dotted()?;
                parts.push(attr);
                Some(parts)
            }
            _ => None,
        }
    }

    /// The value of a number, with its sign.
    pub fn as_number(&self) -> Option<f64> {
        match &self.kind {
            ExprKind::Number { value, .. } => Some(*value),
            ExprKind::Unary { op, operand } if &**op == "-" => operand.as_number().map(|value| -value),
            _ => None,
        }
    }

    pub fn is_true(&self) -> bool {
        matches!(self.kind, ExprKind::Bool(true))
            || matches!(self.kind, ExprKind::Number { value, .. } if value == 1.0)
    }

    /// The direct parts of an expression, in the order of the source.
    pub fn children(&self) -> Vec<&Expr> {
        let mut out = vec![];
        self.for_each_child(&mut |child| out.push(child));
        out
    }

    /// Visits the direct parts of an expression, in the order of the source.
    pub fn for_each_child<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        match &self.kind {
            ExprKind::Name(_) | ExprKind::Number { .. } | ExprKind::Bool(_) | ExprKind::None => {}
            ExprKind::Attribute { value, .. } => visit(value),
            ExprKind::Subscript { value, index } => {
                visit(value);
                index.iter().for_each(visit);
            }
            ExprKind::Call(call) => {
                visit(&call.func);
                call.args.iter().for_each(&mut *visit);
                call.keywords.iter().for_each(|(_, value)| visit(value));
            }
            ExprKind::Await(inner) | ExprKind::Starred(inner) | ExprKind::Lambda(inner) => visit(inner),
            ExprKind::Unary { operand, .. } => visit(operand),
            ExprKind::Str { parts: items, .. }
            | ExprKind::List(items)
            | ExprKind::Tuple(items)
            | ExprKind::Set(items)
            | ExprKind::Bools(items)
            | ExprKind::Other(items) => items.iter().for_each(visit),
            ExprKind::Dict(items) => {
                items
                    .iter()
                    .flat_map(|(key, value)| key.iter().chain(std::iter::once(value)))
                    .for_each(visit);
            }
            ExprKind::Comprehension(inner) => {
                inner.element.iter().for_each(&mut *visit);
                inner.clauses.iter().flat_map(|(target, iter)| [target, iter]).for_each(&mut *visit);
                inner.conditions.iter().for_each(visit);
            }
            ExprKind::Binary { left, right, .. } => [left, right].into_iter().for_each(|part| visit(part)),
            ExprKind::Compare { left, rest } => {
                visit(left);
                rest.iter().for_each(|(_, value)| visit(value));
            }
            ExprKind::Conditional { test, body, or_else } => {
                [body, test, or_else].into_iter().for_each(|part| visit(part));
            }
            ExprKind::Yield(inner) => inner.iter().for_each(|inner| visit(inner)),
            ExprKind::Walrus { target, value } => [target, value].into_iter().for_each(|part| visit(part)),
        }
    }

    /// Whether `test` holds for this expression or a part of it.
    pub fn any(&self, test: &mut dyn FnMut(&Expr) -> bool) -> bool {
        test(self) || self.children().into_iter().any(|child| child.any(test))
    }
}

impl Call {
    pub fn keyword(&self, name: &str) -> Option<&Expr> {
        self.keywords.iter().find(|(known, _)| known.as_deref() == Some(name)).map(|(_, value)| value)
    }

    /// The argument at `position`, or the one called `name`.
    pub fn argument(&self, position: usize, name: &str) -> Option<&Expr> {
        self.args.get(position).or_else(|| self.keyword(name))
    }
}

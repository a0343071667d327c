//! tree-sitter's concrete tree ─▶ our own [`ast`](super::ast). Broken input is data: what does not parse is
//! listed as [`SyntaxError`] and the rest is lowered all the same.

use std::cell::RefCell;
use std::num::NonZeroU16;
use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use tree_sitter::{Language, Node, Parser, TreeCursor};

use super::ast::*;

/// Expressions and blocks nested deeper than this keep only their outer part.
const MAX_DEPTH: u32 = 150;

/// A place that is not Python, by byte offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    pub offset: u32,
    pub message: String,
}

thread_local! {
    static PARSER: RefCell<Option<Parser>> = const { RefCell::new(None) };
}

/// Parses `source` into statements and the places that are not Python.
pub(super) fn parse(source: &str) -> (Vec<Stmt>, Vec<SyntaxError>) {
    let tree = PARSER.with_borrow_mut(|slot| {
        let parser = slot.get_or_insert_with(Parser::new);
        parser.set_language(&LANGUAGE).ok()?;
        parser.parse(source, None)
    });
    let Some(tree) = tree else {
        return (vec![], vec![SyntaxError { offset: 0, message: "cannot be parsed".into() }]);
    };
    let root = tree.root_node();
    let mut errors = vec![];
    if root.has_error() {
        collect_errors(root, &mut errors);
    }
    let cursor = RefCell::new(root.walk());
    let lowering = Lowering { source, depth: 0, cursor: &cursor };
    (lowering.block(root), errors)
}

/// The first hundred errors, found without recursion.
fn collect_errors(root: Node, errors: &mut Vec<SyntaxError>) {
    let mut pending = vec![root];
    while let Some(node) = pending.pop() {
        if errors.len() >= 100 {
            break;
        }
        if node.is_error() || node.is_missing() {
            let message = if node.is_missing() {
                format!("missing {}", node.kind())
            } else {
                "invalid syntax".to_owned()
            };
            errors.push(SyntaxError { offset: node.start_byte() as u32, message });
        } else if node.has_error() {
            let mut cursor = node.walk();
            pending.extend(node.children(&mut cursor).collect::<Vec<_>>().into_iter().rev());
        }
    }
}

/// Names of the grammar, looked up once: tree-sitter searches its list for each name that it is asked for.
struct Grammar {
    kinds: Vec<&'static str>,
    fields: FxHashMap<&'static str, NonZeroU16>,
}

static LANGUAGE: LazyLock<Language> = LazyLock::new(|| tree_sitter_python::LANGUAGE.into());

static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| {
    let language = &*LANGUAGE;
    let field = |id: u16| Some((language.field_name_for_id(id)?, NonZeroU16::new(id)?));
    Grammar {
        kinds: (0..language.node_kind_count() as u16)
            .map(|id| language.node_kind_for_id(id).unwrap_or_default())
            .collect(),
        fields: (1..=language.field_count() as u16).filter_map(field).collect(),
    }
});

fn kind(node: Node<'_>) -> &'static str {
    GRAMMAR.kinds.get(usize::from(node.kind_id())).copied().unwrap_or("ERROR")
}

#[derive(Clone, Copy)]
struct Lowering<'s, 't, 'c> {
    source: &'s str,
    depth: u32,
    /// One for all nodes: making one costs more than most of what it is used for.
    cursor: &'c RefCell<TreeCursor<'t>>,
}

fn span(node: Node) -> Span {
    Span { start: node.start_byte() as u32, end: node.end_byte() as u32 }
}

type Nodes<'t> = SmallVec<[Node<'t>; 8]>;

impl<'s, 't> Lowering<'s, 't, '_> {
    fn deeper(&self) -> Option<Self> {
        (self.depth < MAX_DEPTH).then(|| Lowering { depth: self.depth + 1, ..*self })
    }

    fn named(&self, node: Node<'t>) -> Nodes<'t> {
        let mut cursor = self.cursor.borrow_mut();
        node.named_children(&mut cursor).filter(|child| !child.is_extra() || child.is_error()).collect()
    }

    fn fields(&self, node: Node<'t>, name: &str) -> Nodes<'t> {
        let mut cursor = self.cursor.borrow_mut();
        let Some(field) = GRAMMAR.fields.get(name) else { return Nodes::new() };
        node.children_by_field_id(*field, &mut cursor).collect()
    }

    fn child(&self, node: Node<'t>, name: &str) -> Option<Node<'t>> {
        node.child_by_field_id(GRAMMAR.fields.get(name)?.get())
    }

    fn text(&self, node: Node<'t>) -> &'s str {
        self.source.get(node.start_byte()..node.end_byte()).unwrap_or("")
    }

    fn block(&self, node: Node<'t>) -> Vec<Stmt> {
        let Some(inner) = self.deeper() else { return vec![] };
        let mut out = vec![];
        for child in self.named(node) {
            if child.is_error() || kind(child) == "block" {
                out.extend(inner.block(child));
            } else {
                out.extend(inner.statement(child));
            }
        }
        out
    }

    fn block_of(&self, node: Node<'t>, field: &str) -> Vec<Stmt> {
        node.child_by_field_name(field).map(|block| self.block(block)).unwrap_or_default()
    }

    fn statement(&self, node: Node<'t>) -> Option<Stmt> {
        let kind = match kind(node) {
            "expression_statement" => return self.expression_statement(node),
            "assert_statement" => {
                let mut parts = self.named(node).into_iter().map(|child| self.expr(child));
                StmtKind::Assert { test: parts.next()?, message: parts.next() }
            }
            "return_statement" => StmtKind::Return(self.named(node).first().map(|child| self.expr(*child))),
            "raise_statement" => StmtKind::Raise(self.exprs(node)),
            "delete_statement" => StmtKind::Delete(self.spread(node)),
            "global_statement" => StmtKind::Global(self.names(node)),
            "nonlocal_statement" => StmtKind::Nonlocal(self.names(node)),
            "import_statement" | "import_from_statement" => StmtKind::Import(self.imports(node)),
            "if_statement" => self.if_statement(node)?,
            "for_statement" => StmtKind::For {
                target: self.expr_of(node, "left")?,
                iter: self.expr_of(node, "right")?,
                body: self.block_of(node, "body"),
                or_else: self.else_block(node),
                is_async: self.text(node).starts_with("async"),
            },
            "while_statement" => StmtKind::While {
                test: self.expr_of(node, "condition")?,
                body: self.block_of(node, "body"),
                or_else: self.else_block(node),
            },
            "with_statement" => self.with_statement(node),
            "try_statement" => self.try_statement(node),
            "match_statement" => StmtKind::Match {
                subject: self.fields(node, "subject").into_iter().map(|child| self.expr(child)).collect(),
                cases: self
                    .child(node, "body")
                    .map(|body| {
                        self.named(body).into_iter().map(|case| self.block_of(case, "consequence")).collect()
                    })
                    .unwrap_or_default(),
            },
            "decorated_definition" => {
                return self.definition(self.child(node, "definition")?, Some(node));
            }
            "function_definition" | "class_definition" => return self.definition(node, None),
            _ => StmtKind::Other,
        };
        Some(Stmt { span: span(node), kind })
    }

    fn expression_statement(&self, node: Node<'t>) -> Option<Stmt> {
        let children = self.named(node);
        let first = *children.first()?;
        let kind = match kind(first) {
            "assignment" => self.assignment(first)?,
            "augmented_assignment" => StmtKind::AugAssign {
                target: self.expr_of(first, "left")?,
                op: self.child(first, "operator").map(|op| self.text(op)).unwrap_or("").into(),
                value: self.expr_of(first, "right")?,
            },
            _ if children.len() > 1 => StmtKind::Expr(Expr {
                span: span(node),
                kind: ExprKind::Tuple(children.into_iter().map(|child| self.expr(child)).collect()),
            }),
            _ => StmtKind::Expr(self.expr(first)),
        };
        Some(Stmt { span: span(node), kind })
    }

    /// `a = b = value` nests to the right; the targets come out in one list.
    fn assignment(&self, node: Node<'t>) -> Option<StmtKind> {
        let mut targets = vec![];
        let mut annotation = None;
        let mut current = node;
        loop {
            targets.push(self.expr_of(current, "left")?);
            if let Some(hint) = self.child(current, "type") {
                annotation = Some(self.annotation(hint));
            }
            match self.child(current, "right") {
                Some(right) if kind(right) == "assignment" => current = right,
                right => {
                    let value = right.map(|right| self.expr(right));
                    return Some(StmtKind::Assign { targets, value, annotation });
                }
            }
        }
    }

    fn imports(&self, node: Node<'t>) -> Vec<Import> {
        let from = self
            .child(node, "module_name")
            .map(|module| self.text(module).chars().filter(|c| !c.is_whitespace()).collect::<String>());
        let mut out = vec![];
        for name in self.fields(node, "name") {
            let (path, alias) = match kind(name) {
                "aliased_import" => (
                    self.child(name, "name").map(|path| self.text(path)).unwrap_or(""),
                    self.child(name, "alias").map(|alias| self.text(alias)),
                ),
                _ => (self.text(name), None),
            };
            let local = alias.unwrap_or_else(|| path.split('.').next().unwrap_or(path));
            let path = match (&from, alias) {
                (Some(from), _) if from.ends_with('.') => format!("{from}{path}"),
                (Some(from), _) => format!("{from}.{path}"),
                // `import a.b` binds `a`; `import a.b as c` binds `a.b`
                (None, Some(_)) => path.to_owned(),
                (None, None) => local.to_owned(),
            };
            out.push(Import { local: local.into(), path: path.into() });
        }
        if let Some(from) = from
            && self.named(node).iter().any(|child| kind(*child) == "wildcard_import")
        {
            out.push(Import { local: "*".into(), path: from.into() });
        }
        out
    }

    fn if_statement(&self, node: Node<'t>) -> Option<StmtKind> {
        let mut clauses = self.fields(node, "alternative");
        let mut or_else = vec![];
        while let Some(clause) = clauses.pop() {
            if kind(clause) == "else_clause" {
                or_else = self.block_of(clause, "body");
            } else {
                let Some(test) = self.expr_of(clause, "condition") else { continue };
                let body = self.block_of(clause, "consequence");
                let kind = StmtKind::If { test, body, or_else };
                or_else = vec![Stmt { span: span(clause), kind }];
            }
        }
        Some(StmtKind::If {
            test: self.expr_of(node, "condition")?,
            body: self.block_of(node, "consequence"),
            or_else,
        })
    }

    fn else_block(&self, node: Node<'t>) -> Vec<Stmt> {
        self.child(node, "alternative").map(|clause| self.block_of(clause, "body")).unwrap_or_default()
    }

    fn with_statement(&self, node: Node<'t>) -> StmtKind {
        let mut items = vec![];
        for clause in self.named(node).into_iter().filter(|child| kind(*child) == "with_clause") {
            for item in self.named(clause).into_iter().filter(|child| kind(*child) == "with_item") {
                let Some(value) = self.child(item, "value") else { continue };
                self.with_item(value, &mut items);
            }
        }
        StmtKind::With {
            items,
            body: self.block_of(node, "body"),
            is_async: self.text(node).starts_with("async"),
        }
    }

    fn with_item(&self, value: Node<'t>, items: &mut Vec<(Expr, Option<Expr>)>) {
        match kind(value) {
            "as_pattern" => {
                if let Some(context) = value.named_child(0) {
                    let target = self
                        .child(value, "alias")
                        .and_then(|alias| alias.named_child(0))
                        .map(|alias| self.expr(alias));
                    items.push((self.expr(context), target));
                }
            }
            // `with (a as b, c as d):`
            "tuple" | "parenthesized_expression" => {
                for item in self.named(value) {
                    self.with_item(item, items);
                }
            }
            _ => items.push((self.expr(value), None)),
        }
    }

    fn try_statement(&self, node: Node<'t>) -> StmtKind {
        let (mut handlers, mut or_else, mut finally) = (vec![], vec![], vec![]);
        for clause in self.named(node) {
            let block = || {
                self.named(clause)
                    .into_iter()
                    .find(|child| kind(*child) == "block")
                    .map(|block| self.block(block))
            };
            match kind(clause) {
                "except_clause" => handlers.push(Handler {
                    types: self.fields(clause, "value").into_iter().map(|child| self.expr(child)).collect(),
                    body: block().unwrap_or_default(),
                }),
                "else_clause" => or_else = self.block_of(clause, "body"),
                "finally_clause" => finally = block().unwrap_or_default(),
                _ => {}
            }
        }
        StmtKind::Try { body: self.block_of(node, "body"), handlers, or_else, finally }
    }

    fn definition(&self, node: Node<'t>, decorated: Option<Node<'t>>) -> Option<Stmt> {
        let name = self.child(node, "name")?;
        let decorators = decorated
            .map(|outer| {
                self.named(outer)
                    .into_iter()
                    .filter(|child| kind(*child) == "decorator")
                    .filter_map(|child| child.named_child(0))
                    .map(|child| self.expr(child))
                    .collect()
            })
            .unwrap_or_default();
        let whole = span(decorated.unwrap_or(node));
        let kind = if kind(node) == "class_definition" {
            StmtKind::Class(Box::new(Class {
                name: self.text(name).into(),
                name_span: span(name),
                span: whole,
                bases: self
                    .child(node, "superclasses")
                    .map(|bases| {
                        self.named(bases)
                            .into_iter()
                            .filter(|base| kind(*base) != "keyword_argument")
                            .map(|base| self.expr(base))
                            .collect()
                    })
                    .unwrap_or_default(),
                decorators,
                body: self.block_of(node, "body"),
            }))
        } else {
            StmtKind::Function(Box::new(Function {
                name: self.text(name).into(),
                name_span: span(name),
                span: whole,
                params: self
                    .child(node, "parameters")
                    .map(|params| {
                        self.named(params).into_iter().filter_map(|param| self.param(param)).collect()
                    })
                    .unwrap_or_default(),
                decorators,
                returns: self.child(node, "return_type").map(|hint| self.annotation(hint)),
                body: self.block_of(node, "body"),
                is_async: self.text(node).starts_with("async"),
            }))
        };
        Some(Stmt { span: whole, kind })
    }

    fn param(&self, node: Node<'t>) -> Option<Param> {
        let (name, is_variadic) = match kind(node) {
            "identifier" => (node, false),
            "default_parameter" | "typed_default_parameter" => (self.child(node, "name")?, false),
            "typed_parameter" => {
                let inner = node.named_child(0)?;
                if kind(inner) == "identifier" { (inner, false) } else { (inner.named_child(0)?, true) }
            }
            "list_splat_pattern" | "dictionary_splat_pattern" => (node.named_child(0)?, true),
            _ => return None,
        };
        Some(Param {
            name: self.text(name).into(),
            span: span(name),
            annotation: self.child(node, "type").map(|hint| self.annotation(hint)),
            default: self.child(node, "value").map(|value| self.expr(value)),
            is_variadic,
        })
    }

    fn annotation(&self, node: Node<'t>) -> Expr {
        match node.named_child(0) {
            Some(inner) if kind(node) == "type" => self.expr(inner),
            _ => self.expr(node),
        }
    }

    fn expr_of(&self, node: Node<'t>, field: &str) -> Option<Expr> {
        let mut parts = self.fields(node, field).into_iter().filter(|child| child.is_named());
        parts.next().map(|child| self.expr(child))
    }

    fn exprs(&self, node: Node<'t>) -> Vec<Expr> {
        match self.deeper() {
            Some(inner) => self.named(node).into_iter().map(|child| inner.expr(child)).collect(),
            None => vec![],
        }
    }

    fn names(&self, node: Node<'t>) -> Vec<Box<str>> {
        self.named(node).into_iter().map(|name| self.text(name).into()).collect()
    }

    /// The parts of `del a, b`, with or without a list around them.
    fn spread(&self, node: Node<'t>) -> Vec<Expr> {
        match self.named(node).as_slice() {
            [only] if kind(*only) == "expression_list" => self.exprs(*only),
            _ => self.exprs(node),
        }
    }

    fn expr(&self, node: Node<'t>) -> Expr {
        let kind = match self.deeper() {
            Some(inner) => inner.expr_kind(node).unwrap_or(ExprKind::Other(vec![])),
            None => ExprKind::Other(vec![]),
        };
        // parentheses disappear, and so does their span
        Expr { span: span(node), kind }
    }

    fn boxed(&self, node: Node<'t>, field: &str) -> Option<Box<Expr>> {
        self.expr_of(node, field).map(Box::new)
    }

    fn first(&self, node: Node<'t>) -> Option<Box<Expr>> {
        self.named(node).first().map(|child| Box::new(self.expr(*child)))
    }

    fn expr_kind(&self, node: Node<'t>) -> Option<ExprKind> {
        Some(match kind(node) {
            "identifier" => ExprKind::Name(self.text(node).into()),
            "attribute" => ExprKind::Attribute {
                value: self.boxed(node, "object")?,
                attr: self.text(self.child(node, "attribute")?).into(),
            },
            "call" => self.call(node)?,
            "await" => ExprKind::Await(self.first(node)?),
            "subscript" => ExprKind::Subscript {
                value: self.boxed(node, "value")?,
                index: self.fields(node, "subscript").into_iter().map(|child| self.expr(child)).collect(),
            },
            "string" => self.string(node),
            "concatenated_string" => {
                let (mut text, mut parts) = (String::new(), vec![]);
                for piece in self.named(node) {
                    if let ExprKind::Str { text: more, parts: inner } = self.string(piece) {
                        text.push_str(&more);
                        parts.extend(inner);
                    }
                }
                ExprKind::Str { text: text.into(), parts }
            }
            "integer" => ExprKind::Number { value: integer(self.text(node)), is_float: false },
            "float" => ExprKind::Number {
                value: self.text(node).replace('_', "").parse().unwrap_or(f64::NAN),
                is_float: true,
            },
            "true" => ExprKind::Bool(true),
            "false" => ExprKind::Bool(false),
            "none" => ExprKind::None,
            "parenthesized_expression" | "type" => return self.first(node).map(|inner| inner.kind),
            "list" | "list_pattern" => ExprKind::List(self.exprs(node)),
            "tuple" | "expression_list" | "pattern_list" | "tuple_pattern" => {
                ExprKind::Tuple(self.exprs(node))
            }
            "set" => ExprKind::Set(self.exprs(node)),
            "dictionary" => ExprKind::Dict(
                self.named(node)
                    .into_iter()
                    .filter_map(|entry| match kind(entry) {
                        "pair" => Some((self.expr_of(entry, "key"), self.expr_of(entry, "value")?)),
                        _ => entry.named_child(0).map(|inner| (None, self.expr(inner))),
                    })
                    .collect(),
            ),
            "list_comprehension" => self.comprehension(node, Collection::List),
            "set_comprehension" => self.comprehension(node, Collection::Set),
            "dictionary_comprehension" => self.comprehension(node, Collection::Dict),
            "generator_expression" => self.comprehension(node, Collection::Generator),
            "binary_operator" => ExprKind::Binary {
                left: self.boxed(node, "left")?,
                op: self.text(self.child(node, "operator")?).into(),
                right: self.boxed(node, "right")?,
            },
            "unary_operator" => ExprKind::Unary {
                op: self.text(self.child(node, "operator")?).into(),
                operand: self.boxed(node, "argument")?,
            },
            "not_operator" => ExprKind::Unary { op: "not".into(), operand: self.boxed(node, "argument")? },
            "boolean_operator" => {
                ExprKind::Bools(vec![self.expr_of(node, "left")?, self.expr_of(node, "right")?])
            }
            "comparison_operator" => self.comparison(node)?,
            "conditional_expression" => {
                let mut parts = self.exprs(node).into_iter().map(Box::new);
                let (body, test, or_else) = (parts.next()?, parts.next()?, parts.next()?);
                ExprKind::Conditional { test, body, or_else }
            }
            "lambda" => ExprKind::Lambda(self.boxed(node, "body")?),
            "list_splat" | "dictionary_splat" | "list_splat_pattern" | "dictionary_splat_pattern" => {
                ExprKind::Starred(self.first(node)?)
            }
            "yield" => ExprKind::Yield(self.first(node)),
            "named_expression" => {
                ExprKind::Walrus { target: self.boxed(node, "name")?, value: self.boxed(node, "value")? }
            }
            _ => ExprKind::Other(self.exprs(node)),
        })
    }

    fn call(&self, node: Node<'t>) -> Option<ExprKind> {
        let func = self.expr_of(node, "function")?;
        let arguments = self.child(node, "arguments")?;
        let mut call = Call { func, args: vec![], keywords: vec![] };
        if kind(arguments) == "generator_expression" {
            call.args.push(self.expr(arguments));
        } else {
            for argument in self.named(arguments) {
                match kind(argument) {
                    "keyword_argument" => {
                        if let Some(value) = self.expr_of(argument, "value") {
                            let name = self.child(argument, "name").map(|name| self.text(name).into());
                            call.keywords.push((name, value));
                        }
                    }
                    "dictionary_splat" => {
                        if let Some(inner) = self.first(argument) {
                            call.keywords.push((None, *inner));
                        }
                    }
                    _ => call.args.push(self.expr(argument)),
                }
            }
        }
        Some(ExprKind::Call(Box::new(call)))
    }

    fn comparison(&self, node: Node<'t>) -> Option<ExprKind> {
        let operators = self.fields(node, "operators");
        let mut operands = self.exprs(node).into_iter();
        let left = Box::new(operands.next()?);
        let rest = operators
            .iter()
            .map(|op| self.text(*op).split_whitespace().collect::<Vec<_>>().join(" ").into())
            .zip(operands)
            .collect();
        Some(ExprKind::Compare { left, rest })
    }

    fn comprehension(&self, node: Node<'t>, of: Collection) -> ExprKind {
        let mut out = Comprehension { kind: of, element: vec![], clauses: vec![], conditions: vec![] };
        for child in self.named(node) {
            match kind(child) {
                "for_in_clause" => {
                    if let (Some(target), Some(iter)) =
                        (self.expr_of(child, "left"), self.expr_of(child, "right"))
                    {
                        out.clauses.push((target, iter));
                    }
                }
                "if_clause" => out.conditions.extend(self.exprs(child)),
                "pair" => out.element.extend(self.exprs(child)),
                _ => out.element.push(self.expr(child)),
            }
        }
        ExprKind::Comprehension(Box::new(out))
    }

    fn string(&self, node: Node<'t>) -> ExprKind {
        let (mut text, mut parts) = (String::new(), vec![]);
        for child in self.named(node) {
            match kind(child) {
                "string_content" => text.push_str(self.text(child)),
                "interpolation" => {
                    text.push_str("{}");
                    parts.extend(self.expr_of(child, "expression"));
                }
                _ => {}
            }
        }
        ExprKind::Str { text: text.into(), parts }
    }
}

fn integer(text: &str) -> f64 {
    let digits = text.replace('_', "").to_ascii_lowercase();
    let radix = |prefix: &str, radix| {
        digits.strip_prefix(prefix).and_then(|rest| u64::from_str_radix(rest, radix).ok()).map(|n| n as f64)
    };
    radix("0x", 16)
        .or_else(|| radix("0o", 8))
        .or_else(|| radix("0b", 2))
        .or_else(|| digits.parse().ok())
        .unwrap_or(f64::NAN)
}

//! tree-sitter's concrete tree ─▶ our own [`ast`](super::ast). Broken input is data: what does not parse is
//! listed as [`SyntaxError`] and the rest is lowered all the same.

use std::cell::RefCell;

use smallvec::SmallVec;
use tree_sitter::{Node, Parser, TreeCursor};

use super::ast::*;
use super::grammar::{Field, Inside, Kind, LANGUAGE, child, kind, parts};

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

impl<'s, 't> Lowering<'s, 't, '_> {
    fn deeper(&self) -> Option<Self> {
        (self.depth < MAX_DEPTH).then(|| Lowering { depth: self.depth + 1, ..*self })
    }

    fn inside(&self, node: Node<'t>) -> Inside<'t> {
        Inside::of(node, self.cursor)
    }

    fn parts(&self, node: Node<'t>) -> SmallVec<[Node<'t>; 6]> {
        parts(node, self.cursor)
    }

    fn text(&self, node: Node<'t>) -> &'s str {
        self.source.get(node.start_byte()..node.end_byte()).unwrap_or("")
    }

    fn block(&self, node: Node<'t>) -> Vec<Stmt> {
        let Some(lower) = self.deeper() else { return vec![] };
        let mut out = vec![];
        for child in self.parts(node) {
            if child.is_error() || kind(child) == Kind::Block {
                out.extend(lower.block(child));
            } else {
                out.extend(lower.statement(child));
            }
        }
        out
    }

    fn block_in(&self, inside: &Inside<'t>, field: Field) -> Vec<Stmt> {
        inside.one(field).map(|block| self.block(block)).unwrap_or_default()
    }

    fn body_of(&self, node: Node<'t>) -> Vec<Stmt> {
        self.block_in(&self.inside(node), Field::Body)
    }

    fn statement(&self, node: Node<'t>) -> Option<Stmt> {
        let kind = match kind(node) {
            Kind::ExpressionStatement => return self.expression_statement(node),
            Kind::Assert => {
                let mut parts = self.parts(node).into_iter().map(|child| self.expr(child));
                StmtKind::Assert { test: parts.next()?, message: parts.next() }
            }
            Kind::Return => StmtKind::Return(self.parts(node).first().map(|child| self.expr(*child))),
            Kind::Raise => StmtKind::Raise(self.exprs(node)),
            Kind::Delete => StmtKind::Delete(self.spread(node)),
            Kind::Global => StmtKind::Global(self.names(node)),
            Kind::Nonlocal => StmtKind::Nonlocal(self.names(node)),
            Kind::FunctionDefinition | Kind::ClassDefinition => return self.definition(node, None),
            _ => return self.compound_statement(node),
        };
        Some(Stmt { span: span(node), kind })
    }

    /// A statement whose parts are known by what they are to it.
    fn compound_statement(&self, node: Node<'t>) -> Option<Stmt> {
        let inside = self.inside(node);
        let is_async = || self.text(node).starts_with("async");
        let kind = match kind(node) {
            Kind::Import | Kind::ImportFrom => StmtKind::Import(self.imports(&inside)),
            Kind::If => self.if_statement(&inside)?,
            Kind::For => StmtKind::For {
                target: self.expr_in(&inside, Field::Left)?,
                iter: self.expr_in(&inside, Field::Right)?,
                body: self.block_in(&inside, Field::Body),
                or_else: self.else_block(&inside),
                is_async: is_async(),
            },
            Kind::While => StmtKind::While {
                test: self.expr_in(&inside, Field::Condition)?,
                body: self.block_in(&inside, Field::Body),
                or_else: self.else_block(&inside),
            },
            Kind::With => StmtKind::With {
                items: self.with_items(&inside),
                body: self.block_in(&inside, Field::Body),
                is_async: is_async(),
            },
            Kind::Try => self.try_statement(&inside),
            Kind::Match => StmtKind::Match {
                subject: inside.all(Field::Subject).map(|child| self.expr(child)).collect(),
                cases: inside
                    .one(Field::Body)
                    .map(|body| {
                        let block = |case| self.block_in(&self.inside(case), Field::Consequence);
                        self.parts(body).into_iter().map(block).collect()
                    })
                    .unwrap_or_default(),
            },
            Kind::DecoratedDefinition => {
                return self.definition(inside.one(Field::Definition)?, Some((node, &inside)));
            }
            _ => StmtKind::Other,
        };
        Some(Stmt { span: span(node), kind })
    }

    fn expression_statement(&self, node: Node<'t>) -> Option<Stmt> {
        let children = self.parts(node);
        let first = *children.first()?;
        let kind = match kind(first) {
            Kind::Assignment => self.assignment(first)?,
            Kind::AugmentedAssignment => {
                let inside = self.inside(first);
                StmtKind::AugAssign {
                    target: self.expr_in(&inside, Field::Left)?,
                    op: self.text_in(&inside, Field::Operator).into(),
                    value: self.expr_in(&inside, Field::Right)?,
                }
            }
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
        let mut inside = self.inside(node);
        loop {
            targets.push(self.expr_in(&inside, Field::Left)?);
            if let Some(hint) = inside.one(Field::Type) {
                annotation = Some(self.annotation(hint));
            }
            match inside.one(Field::Right) {
                Some(right) if kind(right) == Kind::Assignment => inside = self.inside(right),
                right => {
                    let value = right.map(|right| self.expr(right));
                    return Some(StmtKind::Assign { targets, value, annotation });
                }
            }
        }
    }

    fn imports(&self, inside: &Inside<'t>) -> Vec<Import> {
        let from = inside
            .one(Field::ModuleName)
            .map(|module| self.text(module).chars().filter(|c| !c.is_whitespace()).collect::<String>());
        let mut out = vec![];
        for name in inside.all(Field::Name) {
            let (path, alias) = match kind(name) {
                Kind::AliasedImport => {
                    let parts = self.inside(name);
                    let alias = parts.one(Field::Alias).map(|alias| self.text(alias));
                    (self.text_in(&parts, Field::Name), alias)
                }
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
            && inside.named().any(|child| kind(child) == Kind::WildcardImport)
        {
            out.push(Import { local: "*".into(), path: from.into() });
        }
        out
    }

    fn if_statement(&self, inside: &Inside<'t>) -> Option<StmtKind> {
        let mut clauses: Vec<_> = inside.all(Field::Alternative).collect();
        let mut or_else = vec![];
        while let Some(clause) = clauses.pop() {
            let parts = self.inside(clause);
            if kind(clause) == Kind::ElseClause {
                or_else = self.block_in(&parts, Field::Body);
            } else {
                let Some(test) = self.expr_in(&parts, Field::Condition) else { continue };
                let body = self.block_in(&parts, Field::Consequence);
                let kind = StmtKind::If { test, body, or_else };
                or_else = vec![Stmt { span: span(clause), kind }];
            }
        }
        let test = self.expr_in(inside, Field::Condition)?;
        // what `if False:` holds is never run
        let never = match test.kind {
            ExprKind::Bool(value) => !value,
            ExprKind::Number { value, .. } => value == 0.0,
            _ => false,
        };
        let body = if never { vec![] } else { self.block_in(inside, Field::Consequence) };
        Some(StmtKind::If { test, body, or_else })
    }

    fn else_block(&self, inside: &Inside<'t>) -> Vec<Stmt> {
        inside.one(Field::Alternative).map(|clause| self.body_of(clause)).unwrap_or_default()
    }

    fn with_items(&self, inside: &Inside<'t>) -> Vec<(Expr, Option<Expr>)> {
        let mut items = vec![];
        for clause in inside.named().filter(|child| kind(*child) == Kind::WithClause) {
            for item in self.parts(clause).into_iter().filter(|child| kind(*child) == Kind::WithItem) {
                if let Some(value) = self.inside(item).one(Field::Value) {
                    self.with_item(value, &mut items);
                }
            }
        }
        items
    }

    fn with_item(&self, value: Node<'t>, items: &mut Vec<(Expr, Option<Expr>)>) {
        match kind(value) {
            Kind::AsPattern => {
                let inside = self.inside(value);
                if let Some(context) = inside.named().next() {
                    let target = inside
                        .one(Field::Alias)
                        .and_then(|alias| alias.named_child(0))
                        .map(|alias| self.expr(alias));
                    items.push((self.expr(context), target));
                }
            }
            // `with (a as b, c as d):`
            Kind::Tuple | Kind::Parenthesized => {
                for item in self.parts(value) {
                    self.with_item(item, items);
                }
            }
            _ => items.push((self.expr(value), None)),
        }
    }

    fn try_statement(&self, inside: &Inside<'t>) -> StmtKind {
        let (mut handlers, mut or_else, mut finally) = (vec![], vec![], vec![]);
        for clause in inside.named() {
            let parts = self.inside(clause);
            let block = || {
                let block = parts.named().find(|child| kind(*child) == Kind::Block);
                block.map(|block| self.block(block)).unwrap_or_default()
            };
            match kind(clause) {
                Kind::ExceptClause => handlers.push(Handler {
                    types: parts.all(Field::Value).map(|child| self.expr(child)).collect(),
                    body: block(),
                }),
                Kind::ElseClause => or_else = self.block_in(&parts, Field::Body),
                Kind::FinallyClause => finally = block(),
                _ => {}
            }
        }
        StmtKind::Try { body: self.block_in(inside, Field::Body), handlers, or_else, finally }
    }

    fn definition(&self, node: Node<'t>, decorated: Option<(Node<'t>, &Inside<'t>)>) -> Option<Stmt> {
        let inside = self.inside(node);
        let name = inside.one(Field::Name)?;
        let decorators = decorated
            .map(|(_, outer)| {
                outer
                    .named()
                    .filter(|child| kind(*child) == Kind::Decorator)
                    .filter_map(|child| child.named_child(0))
                    .map(|child| self.expr(child))
                    .collect()
            })
            .unwrap_or_default();
        let whole = span(decorated.map_or(node, |(outer, _)| outer));
        let (name, name_span) = (self.text(name).into(), span(name));
        let body = self.block_in(&inside, Field::Body);
        let kind = if kind(node) == Kind::ClassDefinition {
            let bases = inside
                .one(Field::Superclasses)
                .map(|bases| {
                    let is_base = |base: &Node<'_>| kind(*base) != Kind::KeywordArgument;
                    self.parts(bases).into_iter().filter(is_base).map(|base| self.expr(base)).collect()
                })
                .unwrap_or_default();
            StmtKind::Class(Box::new(Class { name, name_span, span: whole, bases, decorators, body }))
        } else {
            let params = inside
                .one(Field::Parameters)
                .map(|params| self.parts(params).into_iter().filter_map(|param| self.param(param)).collect())
                .unwrap_or_default();
            StmtKind::Function(Box::new(Function {
                name,
                name_span,
                span: whole,
                params,
                decorators,
                returns: inside.one(Field::ReturnType).map(|hint| self.annotation(hint)),
                body,
                is_async: self.text(node).starts_with("async"),
            }))
        };
        Some(Stmt { span: whole, kind })
    }

    fn param(&self, node: Node<'t>) -> Option<Param> {
        let plain = |name: Node<'t>, is_variadic| {
            let (text, span) = (self.text(name).into(), span(name));
            Param { name: text, span, annotation: None, default: None, is_variadic }
        };
        let mut param = match kind(node) {
            Kind::Identifier => return Some(plain(node, false)),
            Kind::DefaultParameter | Kind::TypedDefaultParameter => {
                plain(self.inside(node).one(Field::Name)?, false)
            }
            Kind::TypedParameter => {
                let inner = node.named_child(0)?;
                let is_plain = kind(inner) == Kind::Identifier;
                plain(if is_plain { inner } else { inner.named_child(0)? }, !is_plain)
            }
            Kind::ListSplatPattern | Kind::DictionarySplatPattern => plain(node.named_child(0)?, true),
            _ => return None,
        };
        let inside = self.inside(node);
        param.annotation = inside.one(Field::Type).map(|hint| self.annotation(hint));
        param.default = inside.one(Field::Value).map(|value| self.expr(value));
        Some(param)
    }

    fn annotation(&self, node: Node<'t>) -> Expr {
        match node.named_child(0) {
            Some(inner) if kind(node) == Kind::Type => self.expr(inner),
            _ => self.expr(node),
        }
    }

    fn expr_in(&self, inside: &Inside<'t>, field: Field) -> Option<Expr> {
        inside.all(field).find(|child| child.is_named()).map(|child| self.expr(child))
    }

    fn boxed(&self, inside: &Inside<'t>, field: Field) -> Option<Box<Expr>> {
        self.expr_in(inside, field).map(Box::new)
    }

    fn text_in(&self, inside: &Inside<'t>, field: Field) -> &'s str {
        inside.one(field).map_or("", |child| self.text(child))
    }

    fn exprs(&self, node: Node<'t>) -> Vec<Expr> {
        match self.deeper() {
            Some(lower) => self.parts(node).into_iter().map(|child| lower.expr(child)).collect(),
            None => vec![],
        }
    }

    fn names(&self, node: Node<'t>) -> Vec<Text> {
        self.parts(node).into_iter().map(|name| self.text(name).into()).collect()
    }

    /// The parts of `del a, b`, with or without a list around them.
    fn spread(&self, node: Node<'t>) -> Vec<Expr> {
        match self.parts(node).as_slice() {
            [only] if kind(*only) == Kind::ExpressionList => self.exprs(*only),
            _ => self.exprs(node),
        }
    }

    fn expr(&self, node: Node<'t>) -> Expr {
        let kind = match self.deeper() {
            Some(lower) => lower.expr_kind(node).unwrap_or(ExprKind::Other(vec![])),
            None => ExprKind::Other(vec![]),
        };
        // parentheses disappear, and so does their span
        Expr { span: span(node), kind }
    }

    fn first(&self, node: Node<'t>) -> Option<Box<Expr>> {
        self.parts(node).first().map(|child| Box::new(self.expr(*child)))
    }

    fn expr_kind(&self, node: Node<'t>) -> Option<ExprKind> {
        Some(match kind(node) {
            Kind::Identifier => ExprKind::Name(self.text(node).into()),
            Kind::Integer => ExprKind::Number { value: integer(self.text(node)), is_float: false },
            Kind::Float => ExprKind::Number {
                value: self.text(node).replace('_', "").parse().unwrap_or(f64::NAN),
                is_float: true,
            },
            Kind::True => ExprKind::Bool(true),
            Kind::False => ExprKind::Bool(false),
            Kind::None => ExprKind::None,
            // the most frequent ones have few children, which are found faster by their fields than by a walk
            Kind::Attribute => ExprKind::Attribute {
                value: Box::new(self.expr(child(node, Field::Object)?)),
                attr: self.text(child(node, Field::Attribute)?).into(),
            },
            Kind::Call => self.call(node)?,
            Kind::BinaryOperator => ExprKind::Binary {
                left: Box::new(self.expr(child(node, Field::Left)?)),
                op: self.text(child(node, Field::Operator)?).into(),
                right: Box::new(self.expr(child(node, Field::Right)?)),
            },
            Kind::String => self.string(node),
            Kind::Await => ExprKind::Await(self.first(node)?),
            Kind::ConcatenatedString => {
                let (mut text, mut parts) = (String::new(), vec![]);
                for piece in self.parts(node) {
                    if let ExprKind::Str { text: more, parts: inner } = self.string(piece) {
                        text.push_str(&more);
                        parts.extend(inner);
                    }
                }
                ExprKind::Str { text: text.into(), parts }
            }
            Kind::Parenthesized | Kind::Type => return self.first(node).map(|inner| inner.kind),
            Kind::List | Kind::ListPattern => ExprKind::List(self.exprs(node)),
            Kind::Tuple | Kind::ExpressionList | Kind::PatternList | Kind::TuplePattern => {
                ExprKind::Tuple(self.exprs(node))
            }
            Kind::Set => ExprKind::Set(self.exprs(node)),
            Kind::Dictionary => {
                ExprKind::Dict(self.parts(node).into_iter().filter_map(|entry| self.entry(entry)).collect())
            }
            Kind::ListComprehension => self.comprehension(node, Collection::List),
            Kind::SetComprehension => self.comprehension(node, Collection::Set),
            Kind::DictionaryComprehension => self.comprehension(node, Collection::Dict),
            Kind::GeneratorExpression => self.comprehension(node, Collection::Generator),
            Kind::Conditional => {
                let mut parts = self.exprs(node).into_iter().map(Box::new);
                let (body, test, or_else) = (parts.next()?, parts.next()?, parts.next()?);
                ExprKind::Conditional { test, body, or_else }
            }
            Kind::ListSplat
            | Kind::DictionarySplat
            | Kind::ListSplatPattern
            | Kind::DictionarySplatPattern => ExprKind::Starred(self.first(node)?),
            Kind::Yield => ExprKind::Yield(self.first(node)),
            Kind::ComparisonOperator => self.comparison(node)?,
            Kind::Subscript
            | Kind::UnaryOperator
            | Kind::NotOperator
            | Kind::BooleanOperator
            | Kind::Lambda
            | Kind::NamedExpression => return self.compound(node, &self.inside(node)),
            _ => ExprKind::Other(self.exprs(node)),
        })
    }

    /// An expression whose parts are known by what they are to it.
    fn compound(&self, node: Node<'t>, inside: &Inside<'t>) -> Option<ExprKind> {
        Some(match kind(node) {
            Kind::Subscript => ExprKind::Subscript {
                value: self.boxed(inside, Field::Value)?,
                index: inside.all(Field::Subscript).map(|child| self.expr(child)).collect(),
            },
            Kind::UnaryOperator => ExprKind::Unary {
                op: self.text(inside.one(Field::Operator)?).into(),
                operand: self.boxed(inside, Field::Argument)?,
            },
            Kind::NotOperator => {
                ExprKind::Unary { op: "not".into(), operand: self.boxed(inside, Field::Argument)? }
            }
            Kind::BooleanOperator => {
                let (left, right) = (self.expr_in(inside, Field::Left)?, self.expr_in(inside, Field::Right)?);
                ExprKind::Bools(vec![left, right])
            }
            Kind::Lambda => ExprKind::Lambda(self.boxed(inside, Field::Body)?),
            Kind::NamedExpression => ExprKind::Walrus {
                target: self.boxed(inside, Field::Name)?,
                value: self.boxed(inside, Field::Value)?,
            },
            _ => return None,
        })
    }

    /// One of a dictionary's entries; `**more` has no key.
    fn entry(&self, node: Node<'t>) -> Option<(Option<Expr>, Expr)> {
        if kind(node) != Kind::Pair {
            return node.named_child(0).map(|inner| (None, self.expr(inner)));
        }
        let value = self.expr(child(node, Field::Value)?);
        Some((child(node, Field::Key).map(|key| self.expr(key)), value))
    }

    fn call(&self, node: Node<'t>) -> Option<ExprKind> {
        let func = self.expr(child(node, Field::Function)?);
        let arguments = child(node, Field::Arguments)?;
        let mut call = Call { func, args: vec![], keywords: vec![] };
        if kind(arguments) == Kind::GeneratorExpression {
            call.args.push(self.expr(arguments));
        } else {
            for argument in self.parts(arguments) {
                match kind(argument) {
                    Kind::KeywordArgument => {
                        if let Some(value) = child(argument, Field::Value) {
                            let name = child(argument, Field::Name).map(|name| self.text(name).into());
                            call.keywords.push((name, self.expr(value)));
                        }
                    }
                    Kind::DictionarySplat => {
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
        let inside = self.inside(node);
        let lower = self.deeper()?;
        let mut operands = inside.named().map(|child| lower.expr(child));
        let left = Box::new(operands.next()?);
        let operator = |op| match self.text(op) {
            // `not in` may be written with any space between
            text if text.contains(char::is_whitespace) => {
                text.split_whitespace().collect::<Vec<_>>().join(" ").into()
            }
            text => text.into(),
        };
        let rest = inside.all(Field::Operators).map(operator).zip(operands).collect();
        Some(ExprKind::Compare { left, rest })
    }

    fn comprehension(&self, node: Node<'t>, of: Collection) -> ExprKind {
        let mut out = Comprehension { kind: of, element: vec![], clauses: vec![], conditions: vec![] };
        for child in self.parts(node) {
            match kind(child) {
                Kind::ForInClause => {
                    let inside = self.inside(child);
                    let (target, iter) =
                        (self.expr_in(&inside, Field::Left), self.expr_in(&inside, Field::Right));
                    out.clauses.extend(target.zip(iter));
                }
                Kind::IfClause => out.conditions.extend(self.exprs(child)),
                Kind::Pair => out.element.extend(self.exprs(child)),
                _ => out.element.push(self.expr(child)),
            }
        }
        ExprKind::Comprehension(Box::new(out))
    }

    fn string(&self, node: Node<'t>) -> ExprKind {
        // most strings are one piece between two quotes
        if node.child_count() == 3
            && let Some(only) = node.child(1).filter(|child| kind(*child) == Kind::StringContent)
        {
            return ExprKind::Str { text: self.text(only).into(), parts: vec![] };
        }
        let (mut text, mut parts) = (String::new(), vec![]);
        for child in self.parts(node) {
            match kind(child) {
                Kind::StringContent => text.push_str(self.text(child)),
                Kind::Interpolation => {
                    text.push_str("{}");
                    parts.extend(self.expr_in(&self.inside(child), Field::Expression));
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

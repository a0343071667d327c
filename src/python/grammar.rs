//! tree-sitter's Python grammar: its names as enums, looked up once by number, and the children of a node with their
//! fields, read in one walk.

use std::cell::RefCell;
use std::num::NonZeroU16;
use std::sync::LazyLock;

use smallvec::SmallVec;
use tree_sitter::{Language, Node, TreeCursor};

pub(super) static LANGUAGE: LazyLock<Language> = LazyLock::new(|| tree_sitter_python::LANGUAGE.into());

macro_rules! names {
    ($(#[$doc:meta])* $table:ident { $($variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $table { $($variant,)* Other }

        impl $table {
            const ALL: &[($table, &str)] = &[$(($table::$variant, $name),)*];

            fn named(name: &str) -> $table {
                $table::ALL.iter().find(|(_, known)| *known == name).map_or($table::Other, |(known, _)| *known)
            }
        }
    };
}

names! {
    /// What a node is.
    Kind {
        AliasedImport = "aliased_import",
        AsPattern = "as_pattern",
        Assert = "assert_statement",
        Assignment = "assignment",
        Attribute = "attribute",
        AugmentedAssignment = "augmented_assignment",
        Await = "await",
        BinaryOperator = "binary_operator",
        Block = "block",
        BooleanOperator = "boolean_operator",
        Call = "call",
        ClassDefinition = "class_definition",
        ComparisonOperator = "comparison_operator",
        ConcatenatedString = "concatenated_string",
        Conditional = "conditional_expression",
        DecoratedDefinition = "decorated_definition",
        Decorator = "decorator",
        DefaultParameter = "default_parameter",
        Delete = "delete_statement",
        Dictionary = "dictionary",
        DictionaryComprehension = "dictionary_comprehension",
        DictionarySplat = "dictionary_splat",
        DictionarySplatPattern = "dictionary_splat_pattern",
        ElseClause = "else_clause",
        ExceptClause = "except_clause",
        ExpressionList = "expression_list",
        ExpressionStatement = "expression_statement",
        False = "false",
        FinallyClause = "finally_clause",
        Float = "float",
        ForInClause = "for_in_clause",
        For = "for_statement",
        FunctionDefinition = "function_definition",
        GeneratorExpression = "generator_expression",
        Global = "global_statement",
        Identifier = "identifier",
        IfClause = "if_clause",
        If = "if_statement",
        ImportFrom = "import_from_statement",
        Import = "import_statement",
        Integer = "integer",
        Interpolation = "interpolation",
        KeywordArgument = "keyword_argument",
        Lambda = "lambda",
        List = "list",
        ListComprehension = "list_comprehension",
        ListPattern = "list_pattern",
        ListSplat = "list_splat",
        ListSplatPattern = "list_splat_pattern",
        Match = "match_statement",
        NamedExpression = "named_expression",
        None = "none",
        Nonlocal = "nonlocal_statement",
        NotOperator = "not_operator",
        Pair = "pair",
        Parenthesized = "parenthesized_expression",
        PatternList = "pattern_list",
        Raise = "raise_statement",
        Return = "return_statement",
        Set = "set",
        SetComprehension = "set_comprehension",
        String = "string",
        StringContent = "string_content",
        Subscript = "subscript",
        True = "true",
        Try = "try_statement",
        Tuple = "tuple",
        TuplePattern = "tuple_pattern",
        Type = "type",
        TypedDefaultParameter = "typed_default_parameter",
        TypedParameter = "typed_parameter",
        UnaryOperator = "unary_operator",
        While = "while_statement",
        WildcardImport = "wildcard_import",
        WithClause = "with_clause",
        WithItem = "with_item",
        With = "with_statement",
        Yield = "yield",
    }
}

names! {
    /// What a child is to its parent.
    Field {
        Alias = "alias",
        Alternative = "alternative",
        Argument = "argument",
        Arguments = "arguments",
        Attribute = "attribute",
        Body = "body",
        Condition = "condition",
        Consequence = "consequence",
        Definition = "definition",
        Expression = "expression",
        Function = "function",
        Key = "key",
        Left = "left",
        ModuleName = "module_name",
        Name = "name",
        Object = "object",
        Operator = "operator",
        Operators = "operators",
        Parameters = "parameters",
        ReturnType = "return_type",
        Right = "right",
        Subject = "subject",
        Subscript = "subscript",
        Superclasses = "superclasses",
        Type = "type",
        Value = "value",
    }
}

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let named = |id| Kind::named(LANGUAGE.node_kind_for_id(id).unwrap_or_default());
    (0..LANGUAGE.node_kind_count() as u16).map(named).collect()
});

static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
    let named = |id| Field::named(LANGUAGE.field_name_for_id(id).unwrap_or_default());
    (0..=LANGUAGE.field_count() as u16).map(named).collect()
});

/// The numbers of [`Field::ALL`].
static NUMBERS: LazyLock<Vec<u16>> = LazyLock::new(|| {
    let number = |(_, name): &(Field, &str)| LANGUAGE.field_id_for_name(name).map_or(0, NonZeroU16::get);
    Field::ALL.iter().map(number).collect()
});

/// The first child that is this to its parent.
pub(super) fn child(node: Node<'_>, field: Field) -> Option<Node<'_>> {
    node.child_by_field_id(*NUMBERS.get(field as usize)?)
}

pub(super) fn kind(node: Node<'_>) -> Kind {
    KINDS.get(usize::from(node.kind_id())).copied().unwrap_or(Kind::Other)
}

/// The children of a node that are neither punctuation nor comments, without what they are to it, which costs more to
/// find than the children themselves.
pub(super) fn parts<'t>(node: Node<'t>, cursor: &RefCell<TreeCursor<'t>>) -> SmallVec<[Node<'t>; 6]> {
    match node.child_count() {
        0 => SmallVec::new(),
        1 => node.child(0).filter(is_part).into_iter().collect(),
        _ => node.children(&mut cursor.borrow_mut()).filter(is_part).collect(),
    }
}

fn is_part(child: &Node<'_>) -> bool {
    child.is_named() && (!child.is_extra() || child.is_error())
}

/// The children of a node, each with what it is to it.
pub(super) struct Inside<'t>(SmallVec<[(Node<'t>, Field); 6]>);

impl<'t> Inside<'t> {
    pub(super) fn of(node: Node<'t>, cursor: &RefCell<TreeCursor<'t>>) -> Inside<'t> {
        let mut out = SmallVec::new();
        let mut cursor = cursor.borrow_mut();
        cursor.reset(node);
        let mut has_next = cursor.goto_first_child();
        while has_next {
            let field = cursor.field_id().map_or(Field::Other, |id| FIELDS[usize::from(id.get())]);
            out.push((cursor.node(), field));
            has_next = cursor.goto_next_sibling();
        }
        Inside(out)
    }

    /// What is neither punctuation nor a comment.
    pub(super) fn named(&self) -> impl Iterator<Item = Node<'t>> {
        self.0.iter().map(|(child, _)| *child).filter(is_part)
    }

    pub(super) fn all(&self, field: Field) -> impl Iterator<Item = Node<'t>> {
        self.0.iter().filter(move |(_, own)| *own == field).map(|(child, _)| *child)
    }

    pub(super) fn one(&self, field: Field) -> Option<Node<'t>> {
        self.all(field).next()
    }
}

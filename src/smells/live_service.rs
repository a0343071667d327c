//! # FD303 live-service
//!
//! ## What it detects
//! A test that talks to a real Redis, database, broker, search engine or cloud service, with neither a stand-in nor
//! anything that cleans up after it.
//!
//! ## Why it makes tests unstable
//! The service keeps what tests leave in it and serves other runs at the same time. A key or a row from elsewhere
//! changes the result, and so does a service that is still starting.
//!
//! ## Example
//! ```python
//! def test_counts():
//!     r = redis.Redis()
//!     r.incr("hits")
//!     assert r.get("hits") == b"1"
//! ```
//!
//! ## Use instead
//! A stand-in (`fakeredis`, `moto`, `mongomock`, an in-memory SQLite), or a service of the test run's own
//! (`testcontainers`) with a fixture that empties it or rolls back after each test.
//! ```python
//! @pytest.fixture
//! def r():
//!     client = fakeredis.FakeRedis()
//!     yield client
//!     client.flushall()
//! ```
//!
//! ## Known false positives
//! A service that the pipeline starts afresh for each test. Where set-up or teardown empties the service, and where a
//! marker sets the test apart, the severity is lower.

use super::words::{expects_failure, last};
use super::{Context, Reached, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Expr, ExprKind};
use crate::python::sites::{CallSite, Use};

pub(super) struct LiveService;

impl Rule for LiveService {
    fn code(&self) -> &'static str {
        "FD303"
    }

    fn name(&self) -> &'static str {
        "live-service"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        for (at, site, path) in test.calls() {
            let Some(service) = service(path) else { continue };
            if site.at.in_nested || at.role == Role::Teardown || is_stood_in(test, path, service) || is_put_off(site) || site.call.keyword("endpoint_url").is_some() || is_given_a_stand_in(test, at, site) || is_patched(test, site) {
                continue;
            }
            if !service.connects && !is_used(test, path) {
                continue;
            }
            let (severity, confidence) = match () {
                () if cleans_up(test) => (Severity::Low, 0.7),
                () if test.is_set_apart() || site.at.in_caught || expects_failure(at, site.at) => (Severity::Low, 0.7),
                // a client that connects when it is first asked may never be
                () if at.role == Role::Test && service.connects && !is_told_where(site) => (Severity::High, 0.85),
                () => (Severity::Medium, 0.8),
            };
            report.add(
                at,
                Smell {
                    span: site.expr.span,
                    severity,
                    confidence,
                    message: format!(
                        "`{}` talks to a live {}, whose contents and availability other tests and runs change",
                        test.text(at, &site.call.func),
                        service.name
                    ),
                    help: format!(
                        "use {}, or a service of this run's own (testcontainers) that a fixture empties after each test",
                        service.instead
                    ),
                },
            );
        }
    }
}

/// Whether a fixture, a setting or the environment says which server it is: then somebody takes care of it.
fn is_told_where(site: &CallSite<'_>) -> bool {
    let is_given = |argument: &Expr| argument.any(&mut |part| part.as_name().is_some());
    site.call.args.iter().chain(site.call.keywords.iter().map(|(_, value)| value)).any(is_given)
}

/// PyMySQL: `connect(defer_connect=True)` makes the object only.
fn is_put_off(site: &CallSite<'_>) -> bool {
    site.call.keyword("defer_connect").is_some_and(|value| matches!(value.kind, ExprKind::Bool(true)))
}

/// `Elasticsearch(node_class=DummyNode)`: what would talk is a class of the tests, or says that it does not.
fn is_given_a_stand_in(test: &Context<'_, '_>, at: &Reached<'_, '_>, site: &CallSite<'_>) -> bool {
    let says = |name: &str| ["_class", "transport", "factory", "pool", "session"].iter().any(|end| name.ends_with(end));
    site.call.keywords.iter().filter(|(name, _)| name.as_deref().is_some_and(says)).any(|(_, value)| {
        let named = value.as_name().unwrap_or_default();
        let is_own = |name: &str| {
            at.sites.locals.get(name).is_some_and(|path| path.starts_with('~'))
                || test.analysis.view(at.function.module).classes.contains_key(name)
        };
        is_own(named) || ["Dummy", "Fake", "Mock", "Stub", "Recording"].iter().any(|word| test.text(at, value).contains(word))
    })
}

/// `with patch.object(client, "connection"):` around what the client does
fn is_patched(test: &Context<'_, '_>, site: &CallSite<'_>) -> bool {
    let Use::Assigned(client) = site.used else { return false };
    test.calls().any(|(_, call, path)| {
        path.ends_with("patch.object") && call.call.args.first().is_some_and(|patched| match &patched.kind {
            ExprKind::Name(name) => name == client,
            ExprKind::Attribute { attr, .. } => attr == client,
            _ => false,
        })
    })
}

#[derive(Clone, Copy)]
struct Service {
    name: &'static str,
    instead: &'static str,
    /// The call itself connects; other clients connect when they are used.
    connects: bool,
}

fn service(path: &str) -> Option<Service> {
    let service = |name, instead, connects| Some(Service { name, instead, connects });
    match path {
        "redis.Redis"
        | "redis.StrictRedis"
        | "redis.from_url"
        | "redis.Redis.from_url"
        | "redis.client.Redis"
        | "redis.asyncio.Redis"
        | "redis.asyncio.from_url"
        | "redis.asyncio.Redis.from_url"
        | "aioredis.from_url"
        | "aioredis.create_redis_pool"
        | "redis.cluster.RedisCluster"
        | "redis.RedisCluster" => service("Redis server", "fakeredis", false),
        "psycopg2.connect"
        | "psycopg.connect"
        | "asyncpg.connect"
        | "asyncpg.create_pool"
        | "aiopg.connect"
        | "aiopg.create_pool"
        | "psycopg.AsyncConnection.connect" => {
            service("PostgreSQL server", "pytest-postgresql or a transaction that is rolled back", true)
        }
        "pymysql.connect"
        | "MySQLdb.connect"
        | "mysql.connector.connect"
        | "aiomysql.connect"
        | "aiomysql.create_pool" => service("MySQL server", "a transaction that is rolled back", true),
        "pymongo.MongoClient"
        | "motor.motor_asyncio.AsyncIOMotorClient"
        | "pymongo.mongo_client.MongoClient" => service("MongoDB server", "mongomock", false),
        "pika.BlockingConnection" | "aio_pika.connect" | "aio_pika.connect_robust" => {
            service("RabbitMQ broker", "kombu's memory transport or a fake channel", true)
        }
        "kafka.KafkaProducer" | "kafka.KafkaConsumer" | "kafka.KafkaAdminClient" | "kafka.KafkaClient" => {
            service("Kafka broker", "a fake producer", true)
        }
        "elasticsearch.Elasticsearch" | "elasticsearch.AsyncElasticsearch" | "opensearchpy.OpenSearch" => {
            service("search engine", "a fake client", false)
        }
        "boto3.client" | "boto3.resource" => {
            service("AWS account", "moto's mock_aws or botocore's Stubber", false)
        }
        "pymemcache.client.base.Client" | "pylibmc.Client" | "memcache.Client" => {
            service("memcached", "a dictionary-backed fake", false)
        }
        _ => None,
    }
}

/// Methods of clients through which everything goes.
const TRANSPORT: [&str; 9] = [
    "execute_command",
    "parse_response",
    "send_command",
    "read_response",
    "get_connection",
    "connect",
    "perform_request",
    "_make_api_call",
    "initialize",
];

/// Whether something stands in for the service, or the call is aimed at one that the test run made itself.
fn is_stood_in(test: &Context<'_, '_>, path: &str, service: Service) -> bool {
    let mocks = &test.mocks;
    let by_library = match service.name {
        "Redis server" => mocks.redis,
        "AWS account" => mocks.aws,
        _ => false,
    };
    const OWN: [&str; 8] =
        ["testcontainers", "container", "docker", "stub", "fake", "mock", "postgresql_proc", "localstack"];
    let fixtures = test.fixtures.iter().map(|found| found.fixture.name);
    let own = fixtures
        .chain(test.case.function.function.params.iter().map(|param| &*param.name))
        .any(|name| OWN.iter().any(|word| name.to_ascii_lowercase().contains(word)));
    let made = test.calls().any(|(_, _, path)| {
        path.starts_with("testcontainers.") || path.contains("Stubber") || path.starts_with("mongomock.") || path.contains("MockupDB")
    });
    // what the client would send or read is replaced
    let by_patch = mocks.targets.iter().any(|target| TRANSPORT.contains(&last(target)));
    // `psycopg2._connect = stub` in a set-up
    let module = path.split('.').next().unwrap_or(path);
    let by_hand = test.reach.iter().filter(|at| matches!(at.role, Role::Setup | Role::Fixture(_))).any(|at| {
        at.sites.writes.iter().any(|write| write.path.strip_prefix(module).is_some_and(|rest| rest.starts_with('.')))
    });
    by_library || own || made || by_patch || by_hand || mocks.covers(path)
}

/// Whether the test calls anything on what the constructor gives.
fn is_used(test: &Context<'_, '_>, path: &str) -> bool {
    let client = format!("{path}()");
    test.calls().any(|(at, _, other)| {
        at.role != Role::Teardown
            && other.strip_prefix(&*client).is_some_and(|rest| {
                rest.starts_with(['.', '['])
                    && !rest.starts_with(".transport")
                    && !matches!(last(rest), "close" | "connection_pool" | "get_connection_kwargs")
            })
    })
}

/// Whether set-up or teardown empties the service or undoes what the test did.
fn cleans_up(test: &Context<'_, '_>) -> bool {
    const CLEANS: [&str; 15] = [
        "flushdb",
        "flushall",
        "drop_database",
        "drop_all",
        "rollback",
        "truncate",
        "delete_many",
        "drop_collection",
        "drop",
        "delete",
        "purge",
        "queue_delete",
        "delete_index",
        "delete_bucket",
        "unlink",
    ];
    test.calls().any(|(at, site, path)| {
        let place = at.role != Role::Test || site.at.in_finally || site.at.after_yield;
        let handed = matches!(last(path), "addCleanup" | "addfinalizer");
        (place && CLEANS.contains(&last(path)))
            || handed
            || last(path) == "flushdb"
            || last(path) == "flushall"
    })
}

//! The words people use, and what they mean. Knows no query and no store.

use std::sync::LazyLock;

use crate::risk::Verdict;
use crate::smells::{Cause, Severity};
use crate::words::stem;

/// What a phrase says about the tests that are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Async(bool),
    /// A library or service, by the name that scanning gives it.
    Library(&'static str),
    Cause(Cause),
    /// A cause where instability is asked for ("flaky network tests"); else only a topic ("network tests").
    Topic(Cause),
    Severity(&'static [Severity]),
    /// Has findings, or has none.
    Flaky(bool),
    /// What runs showed.
    Observed(Verdict),
    /// Shown to be unstable by running with one thing changed.
    Proved,
    /// Says nothing about tests.
    Filler,
}

/// The longest phrase that `stems` begins with, as its length and meaning.
pub(super) fn longest(stems: &[String]) -> Option<(usize, Meaning)> {
    PHRASES
        .iter()
        .filter(|(phrase, _)| stems.starts_with(phrase))
        .max_by_key(|(phrase, _)| phrase.len())
        .map(|(phrase, meaning)| (phrase.len(), *meaning))
}

/// Words that turn the meaning of what follows.
pub(super) fn is_negator(word: &str) -> bool {
    ["without", "no", "not", "non", "except", "excluding", "exclude", "dont", "doesnt", "never", "nor"]
        .contains(&word)
}

/// Words that may stand between a negator and what it turns: "that do not use any Redis".
pub(super) fn is_transparent(word: &str) -> bool {
    [
        "use", "uses", "using", "used", "any", "a", "an", "the", "with", "need", "needs", "touch",
        "touching", "have",
    ]
    .contains(&word)
}

/// All phrases, each as the stems of its words.
static PHRASES: LazyLock<Vec<(Vec<String>, Meaning)>> = LazyLock::new(|| {
    let mut phrases = Vec::new();
    let mut add = |list: &'static str, meaning: Meaning| {
        for phrase in list.split(',') {
            let stems: Vec<String> = phrase.split_whitespace().map(stem).collect();
            phrases.push((stems, meaning));
        }
    };
    for (list, meaning) in PLAIN {
        add(list, *meaning);
    }
    for (cause, certain, topics) in CAUSES {
        add(certain, Meaning::Cause(*cause));
        add(topics, Meaning::Topic(*cause));
    }
    for (name, others) in LIBRARIES {
        add(name, Meaning::Library(name));
        if !others.is_empty() {
            add(others, Meaning::Library(name));
        }
    }
    phrases
});

const PLAIN: &[(&str, Meaning)] = &[
    ("async,asyncio,asynchronous,coroutine,await,async await", Meaning::Async(true)),
    ("sync,synchronous,synchronously", Meaning::Async(false)),
    (
        "flaky,flake,flakey,flakiness,flakily,unstable,instability,intermittent,intermittently,nondeterministic,\
         non deterministic,nondeterminism,unreliable,sporadic,sporadically,brittle,unpredictable,risky,\
         sometimes fail,fail sometimes,fail randomly,randomly fail,random failure,fail now and then,\
         fail from time to time,may fail,might fail,could fail,fail in ci,fail on ci",
        Meaning::Flaky(true),
    ),
    (
        "known flaky,known flake,known to be flaky,seen flaky,seen to be flaky,observed flaky,observed to be flaky,\
         seen to fail,failed before,flaky in ci,flaky on ci,flaky in pipeline",
        Meaning::Observed(Verdict::Flaky),
    ),
    ("never failed,never fails,never fail,always pass,always passed", Meaning::Observed(Verdict::Stable)),
    ("never passed,always fail,always failed", Meaning::Observed(Verdict::Broken)),
    (
        "proved,proven,proved unstable,proven unstable,proved flaky,proven flaky,confirmed,confirmed flaky",
        Meaning::Proved,
    ),
    ("stable,reliable,deterministic,without findings,no findings,healthy", Meaning::Flaky(false)),
    ("critical,critical severity", Meaning::Severity(&[Severity::Critical])),
    (
        "high severity,high risk,severe,serious,worst,most severe,most unstable",
        Meaning::Severity(&[Severity::Critical, Severity::High]),
    ),
    ("medium severity,moderate", Meaning::Severity(&[Severity::Medium])),
    ("low severity,minor", Meaning::Severity(&[Severity::Low])),
    (
        "similar,similar to,like this,find,find me,show,show me,list,give me,search,search for,look for,test,test case,\
         test suite,all,any,every,which,that,please,what are,where are,are there,code,python,pytest",
        Meaning::Filler,
    ),
];

/// Cause, what always means it, what means it only where instability is asked for.
const CAUSES: &[(Cause, &str, &str)] = &[
    (
        Cause::AsyncWait,
        "async wait,asynchronous wait,sleep,time sleep,asyncio sleep,sleep instead of waiting,fixed sleep,fixed delay,\
         arbitrary delay,hard coded delay,hardcoded delay,fixed wait,wait a fixed time,wait for a fixed time,busy wait,\
         tight timeout,short timeout,timeout too short,timeout too tight,too tight,not awaited,never awaited,unawaited,\
         poll without deadline,polling without a deadline",
        "timeout,wait,poll,delay,timing,slow",
    ),
    (
        Cause::Concurrency,
        "race condition,data race,race,deadlock,concurrency,concurrency bug,thread safety,not joined,unjoined,\
         never joined,thread not joined",
        "thread,threading,multithreaded,concurrent,concurrently,parallel,multiprocess",
    ),
    (
        Cause::Network,
        "live service,real service,external service,live server,real server,real network,live network,real http,\
         not mocked,unmocked,hard coded port,hardcoded port,fixed port,port conflict,port already in use,dns,\
         name resolution,live database,real database,network access,internet",
        "network,http,port,service,remote",
    ),
    (
        Cause::Time,
        "wall clock,real clock,system clock,current time,current date,time dependent,date dependent,time of day,\
         depend on the date,depend on time,depend on the current time,elapsed time,hard coded date,hardcoded date,\
         fixed date,local time,local timezone,local time zone,midnight,daylight saving,clock skew,\
         measure elapsed time,assert on elapsed time",
        "time,clock,date,datetime,timezone,time zone,duration,timestamp,timer",
    ),
    (
        Cause::Randomness,
        "unseeded,unseeded random,without a seed,without seed,no seed,not seeded,missing seed,random data,random value,\
         random number,random input,randomness,randomised,randomized",
        "random,seed,faker,shuffle,statistical",
    ),
    (
        Cause::SharedState,
        "shared state,global state,global variable,mutable global,module global,shared mutable,test order,\
         order dependent,order dependency,depend on order,depend on test order,depend on the order,depend on each other,\
         depend on other tests,pollute,pollution,polluter,leak state,state leak,state leakage,environment variable,\
         os environ,sys path,working directory,current directory,singleton,class attribute,not restored,never restored,\
         not isolated,poor isolation,lack of isolation,interdependent",
        "global,state,order,isolation,environment,env,cache,registry,monkeypatch",
    ),
    (
        Cause::Resources,
        "resource leak,leak resource,leak file,file leak,leak connection,leak socket,not closed,never closed,unclosed,\
         file handle,file descriptor,without teardown,no teardown,missing teardown,leftover,leftover file,\
         hard coded path,hardcoded path,fixed path,not cleaned up,without cleanup,no cleanup",
        "resource,file,temporary file,temp file,tempfile,leak,teardown,cleanup,subprocess",
    ),
    (
        Cause::Unordered,
        "unordered,set order,set ordering,dict order,dictionary order,iteration order,hash order,directory listing,\
         order of a set,order of set,listdir,without order by,result order,row order,order of result",
        "sorted,set,dict",
    ),
    (
        Cause::Structure,
        "float equality,floating point,floating point equality,float comparison,compare float,cyclomatic complexity,\
         too complex,conditional logic,conditional test logic,retry marker,rerun,flaky marker,flaky decorator",
        "float,complex,complexity,retry,branch",
    ),
];

/// The name that scanning gives a library, and what else it is called.
const LIBRARIES: &[(&str, &str)] = &[
    ("redis", "aioredis,fakeredis,valkey,redis py"),
    ("postgres", "postgresql,psycopg,psycopg2,asyncpg"),
    ("mysql", "mariadb,pymysql,aiomysql"),
    ("mongodb", "mongo,pymongo,motor,mongoengine"),
    ("kafka", "aiokafka,confluent kafka"),
    ("rabbitmq", "rabbit mq,amqp,pika,kombu"),
    ("aws", "boto3,botocore,s3,dynamodb,sqs,moto"),
    ("memcached", "memcache,pymemcache"),
    ("elasticsearch", "elastic search,opensearch"),
    ("celery", ""),
    ("sqlalchemy", "sql alchemy"),
    ("alembic", ""),
    ("peewee", ""),
    ("cassandra", ""),
    ("django", ""),
    ("flask", ""),
    ("fastapi", "fast api"),
    ("starlette", ""),
    ("aiohttp", ""),
    ("httpx", ""),
    ("requests", "requests library,requests module"),
    ("urllib3", ""),
    ("tornado", ""),
    ("twisted", ""),
    ("gevent", ""),
    ("trio", ""),
    ("anyio", ""),
    ("uvloop", ""),
    ("uvicorn", ""),
    ("gunicorn", ""),
    ("sanic", ""),
    ("falcon", ""),
    ("pyramid", ""),
    ("werkzeug", ""),
    ("scrapy", ""),
    ("grpc", "grpcio"),
    ("zmq", "zeromq,pyzmq"),
    ("websockets", "websockets library"),
    ("paramiko", ""),
    ("docker", ""),
    ("kubernetes", "k8s"),
    ("selenium", "webdriver"),
    ("playwright", ""),
    ("numpy", ""),
    ("pandas", ""),
    ("polars", ""),
    ("scipy", ""),
    ("scikit-learn", "scikit learn,sklearn"),
    ("torch", "pytorch"),
    ("tensorflow", "tensor flow"),
    ("keras", ""),
    ("jax", ""),
    ("dask", ""),
    ("pyspark", "spark"),
    ("xarray", ""),
    ("networkx", ""),
    ("matplotlib", ""),
    ("pillow", ""),
    ("pyyaml", "yaml"),
    ("beautifulsoup", "bs4"),
    ("jinja2", "jinja"),
    ("pydantic", ""),
    ("marshmallow", ""),
    ("hypothesis", ""),
    ("freezegun", ""),
    ("psutil", ""),
    ("pexpect", ""),
    ("lxml", ""),
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn meaning(text: &str) -> Option<(usize, Meaning)> {
        longest(&text.split_whitespace().map(stem).collect::<Vec<_>>())
    }

    #[test]
    fn the_longest_phrase_wins() {
        assert_eq!(meaning("async tests"), Some((1, Meaning::Async(true))));
        assert_eq!(meaning("async wait problems"), Some((2, Meaning::Cause(Cause::AsyncWait))));
        assert_eq!(meaning("scikit learn"), Some((2, Meaning::Library("scikit-learn"))));
        assert_eq!(meaning("frobnicate"), None);
    }

    #[test]
    fn inflected_words_mean_the_same() {
        for phrase in
            ["sleeps", "sleeping", "race conditions", "environment variables", "leaks state", "flakes"]
        {
            assert!(meaning(phrase).is_some(), "{phrase}");
        }
        assert_eq!(meaning("sleeping"), Some((1, Meaning::Cause(Cause::AsyncWait))));
    }

    #[test]
    fn every_phrase_has_words_and_one_meaning() {
        for (at, (phrase, meaning)) in PHRASES.iter().enumerate() {
            assert!(!phrase.is_empty() && phrase.iter().all(|word| !word.is_empty()), "{meaning:?}");
            let other = PHRASES[..at].iter().find(|(before, other)| before == phrase && other != meaning);
            assert!(other.is_none(), "{phrase:?} means {meaning:?} and {other:?}");
        }
    }
}

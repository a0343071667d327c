//! The words people use, and what they mean. Knows no query and no store.

use std::sync::LazyLock;

use crate::risk::Verdict;
use crate::smells::{Activity, Cause, Severity};
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
    /// Something that the test does.
    Does(Activity),
    /// Something that the test may do; it only lifts.
    Hint(Activity),
    Framework(&'static str),
    Severity(&'static [Severity]),
    /// Has findings, or has none.
    Flaky(bool),
    /// What runs showed.
    Observed(Verdict),
    /// Shown to be unstable by running with one thing changed.
    Proved,
    /// Done by the test itself, not by what it calls.
    Itself,
    /// What is tested, though it sounds like what a test does: "logging in".
    Subject,
    /// Not mocked: the network, where that is asked for too.
    Unmocked,
    /// Says nothing about tests.
    Filler,
    /// Says nothing at the beginning of a question: "search for", "list".
    Opening,
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

/// Words after which anything named is not wanted.
pub(super) fn leaves_out(word: &str) -> bool {
    ["without", "except", "excluding", "exclude"].contains(&word)
}

/// Other ways to say "without".
pub(super) const WITHOUT: &[&str] = &[
    "but not",
    "but no",
    "but never",
    "apart from",
    "aside from",
    "other than",
    "rather than",
    "does without",
    "do without",
    "not counting",
    "ignoring",
];

/// What surrounds what is not wanted: "leaving the slow ones aside".
pub(super) const LEAVING: (&[&str], &[&str]) = (&["leave", "leaves", "leaving"], &["aside", "out", "alone"]);

/// Words that may stand between a negator and what it turns: "that do not use any Redis".
pub(super) fn is_transparent(word: &str) -> bool {
    [
        "use", "uses", "using", "used", "any", "a", "an", "the", "with", "need", "needs", "touch",
        "touching", "have", "from", "of", "on", "in", "by", "real", "actual", "live", "other", "such",
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
    for (activity, certain, hints) in ACTIVITIES {
        for (list, meaning) in [(certain, Meaning::Does(*activity)), (hints, Meaning::Hint(*activity))] {
            if !list.is_empty() {
                add(list, meaning);
            }
        }
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
    ("requests library,requests module,python requests", Meaning::Library("requests")),
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
        "similar,similar to,like this,find,find me,show,show me,give me,test,test case,test suite,all,any,every,which,\
         that,please,what are,where are,are there,code,python,pytest,the one,and so on,and friend,and the like",
        Meaning::Filler,
    ),
    ("list,search,search for,look for,looking for", Meaning::Opening),
    (
        "itself,themselves,directly,in their body,right in their body,in its body,in their own body,in the test body",
        Meaning::Itself,
    ),
    ("not mocked,unmocked,not faked,without mocking", Meaning::Unmocked),
    ("log in,log into,logged in,logging in,logging into,log out,logged out,logging out", Meaning::Subject),
    ("websockets library,websockets module", Meaning::Library("websockets")),
    (
        "unittest,unittest test case,unit test case,unittest style,testcase class",
        Meaning::Framework("unittest"),
    ),
    ("pytest style,pytest function,plain pytest", Meaning::Framework("pytest")),
];

/// Cause, what always means it, what means it only where instability is asked for.
const CAUSES: &[(Cause, &str, &str)] = &[
    (
        Cause::AsyncWait,
        "async wait,asynchronous wait,sleep instead of waiting,fixed sleep,fixed delay,arbitrary delay,\
         hard coded delay,hardcoded delay,fixed wait,wait a fixed time,wait for a fixed time,tight timeout,\
         short timeout,timeout too short,timeout too tight,too tight,not awaited,never awaited,unawaited,\
         poll without deadline,polling without a deadline",
        "delay,timing,slow",
    ),
    (
        Cause::Concurrency,
        "race condition,data race,race,concurrency bug,thread safety,not joined,unjoined,\
         never joined,thread not joined",
        "concurrent,concurrently,parallel,concurrency,deadlock",
    ),
    (
        Cause::Network,
        "live service,real service,external service,live server,real network,live network,real http,\
         hard coded port,hardcoded port,fixed port,port conflict,port already in use,\
         live database,real database,network access",
        "network,service,remote,dns,internet",
    ),
    (
        Cause::Time,
        "time dependent,date dependent,time of day,hard coded date,hardcoded date,fixed date,midnight,clock skew,\
         assert on elapsed time",
        "time,date,datetime,timestamp,timer",
    ),
    (
        Cause::Randomness,
        "unseeded,unseeded random,without a seed,without seed,no seed,not seeded,missing seed",
        "faker,statistical",
    ),
    (
        Cause::SharedState,
        "shared state,global state,global variable,mutable global,module global,shared mutable,test order,\
         order dependent,order dependency,depend on order,depend on test order,depend on the order,depend on each other,\
         depend on other tests,pollute,pollution,polluter,leak state,state leak,state leakage,\
         class attribute,not restored,never restored,not isolated,poor isolation,lack of isolation,interdependent",
        "global,state,order,isolation,cache,registry,singleton",
    ),
    (
        Cause::Resources,
        "resource leak,leak resource,leak file,file leak,leak connection,leak socket,not closed,never closed,unclosed,\
         without teardown,no teardown,missing teardown,leftover,leftover file,hard coded path,hardcoded path,\
         fixed path,not cleaned up,without cleanup,no cleanup",
        "resource,leak,teardown,cleanup",
    ),
    (
        Cause::Unordered,
        "set order,set ordering,dict order,dictionary order,iteration order,hash order,directory listing,\
         order of a set,order of set,listdir,without order by,result order,row order,order of result",
        "sorted,dict,unordered",
    ),
    (
        Cause::Structure,
        "float equality,floating point equality,cyclomatic complexity,too complex,conditional logic,\
         conditional test logic,retry marker,rerun,flaky marker,flaky decorator",
        "complex,complexity,branch",
    ),
];

/// What a test does, what always means it, what may.
const ACTIVITIES: &[(Activity, &str, &str)] = &[
    (
        Activity::Sleep,
        "sleep,time sleep,asyncio sleep,anyio sleep,call sleep,fraction of a second,for a second,for some seconds",
        "pause",
    ),
    (Activity::Wait, "", "wait,wait for,join,block until"),
    (Activity::Poll, "poll,poll loop,poll in a loop,busy wait,wait until", ""),
    (Activity::Timeout, "timeout,time out,deadline", ""),
    (
        Activity::Threads,
        "thread,threading,multithreaded,multithreading,multi threaded,worker thread,thread pool,threadpool",
        "",
    ),
    (Activity::Tasks, "create task,create_task,gather,asyncio task,async task", "task,background task"),
    (
        Activity::Processes,
        "subprocess,child process,sub process,multiprocessing,multiprocess,spawn process,separate process,\
         external command,external process,fork,os fork",
        "",
    ),
    (Activity::Signals, "signal,sigterm,sigint,sighup,sigkill,unix signal", "kill,terminate"),
    (Activity::Locks, "mutex,threading lock", "semaphore,synchronization,synchronisation,event"),
    (
        Activity::Sockets,
        "socket,raw socket,tcp socket,tcp server,tcp connection,unix socket,bind port,listen port,real server",
        "localhost,port,tcp,udp",
    ),
    (Activity::Http, "http request,http call,web request,http client", "http,request"),
    (
        Activity::Clock,
        "current time,current date,current date or time,wall clock,system clock,real clock,real time,\
         depend on the date,depend on time,depend on the current time",
        "clock,today,now",
    ),
    (
        Activity::Timer,
        "elapsed time,time elapsed,measure time,time taken,monotonic,measure elapsed time,stopwatch,how long,\
         how many second,how many millisecond,second something took",
        "duration,took",
    ),
    (
        Activity::FrozenClock,
        "frozen clock,freeze time,frozen time,freeze the clock,time machine,mock clock,fake clock,mock time,\
         fake time,fixed clock,time travel,time is frozen,clock is frozen,clock is patched,clock is mocked,clock mocked,\
         time is mocked,time mocked",
        "frozen,freeze",
    ),
    (
        Activity::TimeZones,
        "timezone,time zone,utc offset,daylight saving,daylight saving time,dst,tzinfo,local time,local timezone,\
         local time zone",
        "utc,tz,clock go forward,clock go back,clock change,clock shift,summer time,winter time",
    ),
    (
        Activity::Random,
        "random,random number,random data,random value,random input,randomness,randomly,randomised,randomized,shuffle",
        "",
    ),
    (Activity::Seed, "seed,random seed,fixed seed", ""),
    (
        Activity::Files,
        "write file,read file,file operation",
        "file,directory,folder,disk,filesystem,file system",
    ),
    (
        Activity::TemporaryFiles,
        "temporary file,temp file,tempfile,temporary directory,temporary folder,temp dir,temp directory,temp folder,\
         tmp_path,tmpdir,tmp file",
        "temporary",
    ),
    (
        Activity::Environment,
        "environment variable,env var,env variable,environ,os environ,setenv",
        "environment,env",
    ),
    (Activity::WorkingDirectory, "working directory,current directory,chdir,cwd", ""),
    (Activity::Mocks, "mock,patch,monkeypatch,stub,magicmock,asyncmock", "fake"),
    (Activity::Raises, "expect exception,expect an exception,pytest raises", "exception,raise,error"),
    (Activity::Warnings, "warning,deprecation warning", "deprecated"),
    (Activity::Logs, "log record,log message,log output,logging,caplog,log", ""),
    (
        Activity::Output,
        "captured output,capture output,stdout,stderr,capsys,standard output,console output",
        "output",
    ),
    (Activity::Parametrized, "parametrized,parametrize,parameterized,parametrised,parameterised", ""),
    (Activity::Skips, "skip,skipif,xfail", ""),
    (Activity::Cancellation, "cancel,cancellation", "abort"),
    (Activity::Pickle, "pickle,unpickle", "serialize,deserialize"),
    (
        Activity::GarbageCollection,
        "garbage collection,garbage collector,collect garbage,weak reference,weakref,gc",
        "finalizer",
    ),
    (
        Activity::Tls,
        "",
        "tls,ssl,x509,tls certificate,ssl certificate,certificate verification,certificate,handshake",
    ),
    (
        Activity::Permissions,
        "file permission,chmod,chown,umask,file mode,being root,run as root,root user",
        "permission,superuser",
    ),
    (Activity::Links, "symlink,symbolic link,soft link,hard link,hardlink", ""),
    (
        Activity::Compression,
        "",
        "compress,decompress,compression,decompression,gzip,zip file,zip archive,tarball,tar archive,deflate,brotli,zstd,\
         archive,zip",
    ),
    (
        Activity::HostNames,
        "dns lookup,name resolution,resolve hostname,resolve host name,hostname lookup,host name lookup",
        "hostname,host name",
    ),
    (
        Activity::FreePorts,
        "free port,unused port,free tcp port,unused tcp port,ephemeral port,random port,available port,port 0",
        "",
    ),
    (
        Activity::Imports,
        "reload module,reload a module,reimport,import machinery,sys modules,importlib",
        "import",
    ),
    (
        Activity::Tolerance,
        "approximate,approximately,almost equal,tolerance,approx,isclose,allclose,approximate comparison,\
         float comparison,compare float,floating point comparison",
        "float,floating point,rounding",
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
        assert_eq!(meaning("sleeping"), Some((1, Meaning::Does(Activity::Sleep))));
        assert_eq!(meaning("http requests"), Some((2, Meaning::Does(Activity::Http))));
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

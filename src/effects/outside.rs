//! What functions outside the tree do to the state of the process, to files and to databases, by their names.

use std::sync::LazyLock;

use rustc_hash::FxHashSet;

use super::{READ, WRITE};

/// Functions that change, or depend on, one state of the process: name, state, what they do.
const PROCESS: [(&str, &str, u8); 46] = [
    ("os.chdir", "cwd", WRITE),
    ("os.getcwd", "cwd", READ),
    ("os.path.abspath", "cwd", READ),
    ("os.putenv", "env:*", WRITE),
    ("os.umask", "umask", WRITE),
    ("locale.setlocale", "locale", WRITE),
    ("random.seed", "random", WRITE),
    ("random.random", "random", READ),
    ("random.randint", "random", READ),
    ("random.choice", "random", READ),
    ("random.shuffle", "random", READ),
    ("numpy.random.seed", "nprandom", WRITE),
    ("logging.basicConfig", "logging", WRITE),
    ("logging.disable", "logging", WRITE),
    ("logging.config.dictConfig", "logging", WRITE),
    ("logging.config.fileConfig", "logging", WRITE),
    ("warnings.simplefilter", "warnings", WRITE),
    ("warnings.filterwarnings", "warnings", WRITE),
    ("warnings.catch_warnings", "warnings", READ),
    ("warnings.warn", "warnings", READ),
    ("socket.setdefaulttimeout", "socket", WRITE),
    ("time.tzset", "tz", WRITE),
    ("time.localtime", "tz", READ),
    ("asyncio.set_event_loop", "loop", WRITE),
    ("asyncio.set_event_loop_policy", "loop", WRITE),
    ("asyncio.get_event_loop", "loop", READ),
    ("signal.signal", "signal", WRITE),
    ("importlib.reload", "modules", WRITE),
    ("sys.setrecursionlimit", "recursion", WRITE),
    ("numpy.seterr", "nperr", WRITE),
    ("multiprocessing.set_start_method", "start method", WRITE),
    ("torch.manual_seed", "torch", WRITE),
    ("tensorflow.reset_default_graph", "tensorflow", WRITE),
    ("decimal.getcontext", "decimal", WRITE),
    ("os.getenv", "env", READ),
    ("os.environ.get", "env", READ),
    ("os.environ.copy", "env", READ),
    ("os.environ.items", "env", READ),
    ("os.environ.keys", "env", READ),
    ("os.environ.pop", "env", WRITE),
    ("os.environ.setdefault", "env", WRITE),
    ("os.environ.update", "env", WRITE),
    ("os.environ.clear", "env", WRITE),
    ("sys.path.append", "sys.path", WRITE),
    ("sys.path.insert", "sys.path", WRITE),
    ("sys.modules.pop", "sys.modules", WRITE),
];

/// What a function outside the tree does to which state; `env` stands for the variable that its first argument names.
pub(super) fn process(path: &str) -> Option<(&'static str, u8)> {
    PROCESS.iter().find(|(name, ..)| *name == path).map(|(_, state, how)| (*state, *how))
}

/// What is written when it is given a value: `sys.argv = …`
pub(super) const SYSTEM: [&str; 6] =
    ["sys.path", "sys.modules", "sys.argv", "sys.stdout", "sys.stderr", "sys.stdin"];

/// Functions that write to the paths they are given.
pub(super) const WRITE_FILES: [&str; 13] = [
    "os.remove",
    "os.unlink",
    "os.mkdir",
    "os.makedirs",
    "os.rmdir",
    "os.rename",
    "os.replace",
    "os.symlink",
    "shutil.rmtree",
    "shutil.copy",
    "shutil.copyfile",
    "shutil.copytree",
    "shutil.move",
];
/// Functions that read the path they are given.
pub(super) const READ_FILES: [&str; 8] = [
    "os.path.exists",
    "os.path.isfile",
    "os.path.isdir",
    "os.path.getsize",
    "os.listdir",
    "os.walk",
    "os.stat",
    "glob.glob",
];
/// Methods that write to the path they belong to.
pub(super) const PATH_WRITERS: [&str; 6] = ["write_text", "write_bytes", "unlink", "touch", "mkdir", "rmdir"];
/// Methods that write to the path they are given.
pub(super) const EXPORTERS: [&str; 5] = ["to_csv", "to_pickle", "to_json", "to_excel", "savefig"];
/// Methods that read the path they belong to.
pub(super) const PATH_READERS: [&str; 5] = ["read_text", "read_bytes", "exists", "is_file", "iterdir"];
/// Methods of an object manager that store rows; others read them.
pub(super) const CREATORS: [&str; 5] =
    ["create", "bulk_create", "get_or_create", "update_or_create", "create_user"];
/// Methods that change a database, whatever their receiver.
pub(super) const DATABASE: [&str; 11] = [
    "commit",
    "drop_all",
    "create_all",
    "insert_one",
    "insert_many",
    "flushdb",
    "flushall",
    "hset",
    "rpush",
    "lpush",
    "execute",
];

/// Methods that change a list, dictionary or set.
pub(super) const MUTATORS: [&str; 15] = [
    "append",
    "add",
    "update",
    "extend",
    "insert",
    "pop",
    "remove",
    "clear",
    "setdefault",
    "discard",
    "popitem",
    "sort",
    "reverse",
    "appendleft",
    "popleft",
];
/// Methods after which it does not matter what was there before.
pub(super) const RESETTERS: [&str; 3] = ["clear", "reset", "flush"];
/// Decorators that keep results.
pub(super) const CACHES: [&str; 8] =
    ["lru_cache", "cache", "cached", "memoize", "memoized", "memo", "cached_property", "cachedproperty"];

/// Method names that too many classes have for one of them to be meant.
pub(super) const COMMON: &str = "get set add append update pop items keys values join format split strip read write \
close open run start stop copy sort index count remove insert extend encode decode send connect execute save load \
delete create filter all first post put call reset clear name type replace lower upper group match search sum mean min \
max exists wait acquire release submit result done next flush seek tell dump dumps loads getvalue";

static COMMON_NAMES: LazyLock<FxHashSet<&str>> = LazyLock::new(|| COMMON.split_whitespace().collect());
/// The last names of everything above that is told by its whole path.
static LAST_NAMES: LazyLock<FxHashSet<&str>> = LazyLock::new(|| {
    let whole = PROCESS.iter().map(|(name, ..)| *name).chain(WRITE_FILES).chain(READ_FILES);
    whole.filter_map(|name| name.rsplit('.').next()).chain(["open", "reload"]).collect()
});

pub(super) fn is_common(name: &str) -> bool {
    COMMON_NAMES.contains(name)
}

/// Whether a path that ends so is worth a look at all of it.
pub(super) fn may_be_known(last: &str) -> bool {
    LAST_NAMES.contains(last)
}

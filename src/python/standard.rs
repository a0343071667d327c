//! The names of Python's own modules.

use std::sync::LazyLock;

use rustc_hash::FxHashSet;

/// Names that are part of Python, or only of how tests are written.
const NAMES: &str = "__future__ _pytest _thread abc argparse array ast asyncio atexit base64 bdb binascii \
bisect builtins bz2 calendar cgi chunk cmath cmd code codecs collections concurrent configparser conftest contextlib \
contextvars copy copyreg csv ctypes curses dataclasses datetime decimal difflib dis distutils doctest email enum \
errno exceptiongroup faulthandler fcntl filecmp fileinput fnmatch fractions ftplib functools gc getpass gettext glob \
grp gzip hashlib heapq hmac html http imaplib imghdr imp importlib inspect io ipaddress itertools json keyword \
linecache locale logging lzma mailbox marshal math mimetypes mmap mock multiprocessing netrc numbers operator \
optparse os parameterized pathlib pdb pickle pickletools pkg_resources pkgutil platform plistlib poplib posix pprint \
profile pstats pty pwd py py_compile pyclbr pydoc pyexpat pytest pytest_asyncio pytest_mock queue quopri random re \
readline reprlib resource runpy sched secrets select selectors setuptools shelve shlex shutil signal site six smtplib \
sndhdr socket socketserver sqlite3 ssl stat statistics string stringprep struct subprocess sunau symtable sys \
sysconfig syslog tarfile telnetlib tempfile termios test tests testing textwrap threading time timeit tkinter token \
tokenize tomllib trace traceback tracemalloc tty turtle types typing typing_extensions unicodedata unittest unittest2 \
urllib uuid venv warnings wave weakref webbrowser wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo";

static KNOWN: LazyLock<FxHashSet<&str>> = LazyLock::new(|| NAMES.split_whitespace().collect());

/// Whether a module of this name is part of Python, or only of how tests are written.
pub fn is_part_of_python(module: &str) -> bool {
    KNOWN.contains(module)
}

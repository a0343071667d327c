"""What a hunt changes around the tests, inside the process that runs them. Each change is a function that takes its
argument and puts it in force; nothing is undone, since the process ends with the run. A change that wants a word
before each test returns a function of the test.
"""
import contextlib
import os
import random
import sys
import threading
import time

sleep = time.sleep


@contextlib.contextmanager
def applied(wanted, session):
    before = []
    for name, argument in wanted.items():
        told = CHANGES[name](argument, session)
        if told is not None:
            before.append(told)

    def each(item):
        for tell in before:
            tell(item)

    yield each


def environment(values, session):
    os.environ.update(values)
    if "TZ" in values and hasattr(time, "tzset"):
        time.tzset()


def seeds(number, session):
    """Other random numbers: each test starts from this seed in every generator that is loaded."""

    def each(item):
        random.seed(number)
        numpy = sys.modules.get("numpy")
        if numpy is not None and hasattr(numpy, "random"):
            numpy.random.seed(number % 2**32)
        faker = sys.modules.get("faker")
        if faker is not None and hasattr(faker, "Faker"):
            faker.Faker.seed(number)

    return each


def locales(name, session):
    import locale

    locale.setlocale(locale.LC_ALL, name)
    os.environ["LC_ALL"] = name


def listing(number, session):
    """Folders list their entries in another order, as other file systems do."""
    dice = random.Random(number)
    list_names, scan = os.listdir, os.scandir

    def listdir(path="."):
        names = list_names(path)
        names.sort()
        dice.shuffle(names)
        return names

    class Entries:
        def __init__(self, path):
            with scan(path) as entries:
                self.entries = sorted(entries, key=lambda entry: entry.name)
            dice.shuffle(self.entries)
            self.rest = iter(self.entries)

        def __iter__(self):
            return self.rest

        def __next__(self):
            return next(self.rest)

        def __enter__(self):
            return self

        def __exit__(self, *about):
            self.close()

        def close(self):
            self.rest = iter(())

    os.listdir = listdir
    os.scandir = lambda path=".": Entries(path)


def folder(path, session):
    os.chdir(path)


def network(closed, session):
    """Nothing but this machine can be reached."""
    import socket

    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def is_near(address):
        if not isinstance(address, tuple) or not address:
            return True
        host = str(address[0])
        return host in ("", "localhost", "::1", "0.0.0.0", "::") or host.startswith("127.")

    def refuse(address):
        raise OSError(101, "Network is unreachable")

    def near_connect(self, address):
        return connect(self, address) if is_near(address) else refuse(address)

    def near_connect_ex(self, address):
        return connect_ex(self, address) if is_near(address) else 101

    def near_look_up(host, *rest, **named):
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if name is None or is_near((name,)) or name.replace(".", "").isdigit():
            return look_up(host, *rest, **named)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    socket.socket.connect, socket.socket.connect_ex = near_connect, near_connect_ex
    socket.getaddrinfo = near_look_up


def limits(values, session):
    import resource

    if "recursion" in values:
        sys.setrecursionlimit(values["recursion"])
    if "files" in values:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        most = values["files"]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most if hard < 0 else min(most, hard), hard))


def clock(offset, session):
    """The wall clock is `offset` seconds ahead and goes on from there; monotonic clocks stay as they are."""
    import datetime

    real_time, real_date, real_datetime = time.time, datetime.date, datetime.datetime
    wall = {name: getattr(time, name) for name in ("localtime", "gmtime", "ctime", "strftime", "time_ns")}

    def now():
        return real_time() + offset

    class DateKind(type):
        def __instancecheck__(cls, value):
            return isinstance(value, cls.real)

        def __subclasscheck__(cls, other):
            return issubclass(other, cls.real)

    class Date(real_date, metaclass=DateKind):
        real = real_date

        def __new__(cls, *rest, **named):
            return real_date.__new__(real_date, *rest, **named)

        @classmethod
        def today(cls):
            return real_date.fromtimestamp(now())

    class Datetime(real_datetime, metaclass=DateKind):
        real = real_datetime

        def __new__(cls, *rest, **named):
            return real_datetime.__new__(real_datetime, *rest, **named)

        @classmethod
        def now(cls, tz=None):
            return real_datetime.fromtimestamp(now(), tz)

        @classmethod
        def today(cls):
            return real_datetime.fromtimestamp(now())

        @classmethod
        def utcnow(cls):
            return real_datetime.fromtimestamp(now(), datetime.timezone.utc).replace(tzinfo=None)

    stand_ins = {
        id(real_time): now,
        id(real_date): Date,
        id(real_datetime): Datetime,
        id(wall["time_ns"]): lambda: int(now() * 1e9),
        id(wall["localtime"]): lambda seconds=None: wall["localtime"](now() if seconds is None else seconds),
        id(wall["gmtime"]): lambda seconds=None: wall["gmtime"](now() if seconds is None else seconds),
        id(wall["ctime"]): lambda seconds=None: wall["ctime"](now() if seconds is None else seconds),
        id(wall["strftime"]): lambda form, t=None: wall["strftime"](form, wall["localtime"](now()) if t is None else t),
    }
    # pytest and what it rests on keep the real clock: it times tests and names folders
    own = ("_pytest", "pytest", "flakydetector_", "pluggy", "threading", "asyncio", "logging", "email", "ssl", "http")
    for name, module in list(sys.modules.items()):
        if module is None or name.startswith(own):
            continue
        held = getattr(module, "__dict__", None)
        if not isinstance(held, dict):
            continue
        for key, value in list(held.items()):
            stand_in = stand_ins.get(id(value))
            if stand_in is not None:
                try:
                    setattr(module, key, stand_in)
                except Exception:
                    pass


def pauses(wanted, session):
    """A slow machine: `lines` of files wait before they run; threads, children and callbacks start late."""
    dice = random.Random(wanted.get("seed", 0))
    most = wanted.get("seconds", 0.3)
    places = {}
    for path, line in wanted.get("lines", ()):
        places.setdefault(path, set()).add(line)
    files = set(wanted.get("files", ()))

    if places or files:

        def on_line(frame, event, argument):
            if event == "line":
                path = frame.f_code.co_filename
                if frame.f_lineno in places.get(path, ()):
                    sleep(most)
                elif path in files and dice.random() < 0.25:
                    sleep(most * dice.random())
            return on_line

        def on_call(frame, event, argument):
            path = frame.f_code.co_filename
            return on_line if path in places or path in files else None

        threading.settrace(on_call)
        sys.settrace(on_call)

    if wanted.get("threads"):
        begin = threading.Thread.start

        def late(self):
            run = self.run

            def run_late():
                sleep(most * dice.random())
                run()

            self.run = run_late
            begin(self)

        threading.Thread.start = late

    if wanted.get("children"):
        import signal
        import subprocess

        make = subprocess.Popen.__init__

        def slow(self, *rest, **named):
            make(self, *rest, **named)
            try:
                os.kill(self.pid, signal.SIGSTOP)
            except OSError:
                return

            def go_on():
                sleep(most)
                try:
                    os.kill(self.pid, signal.SIGCONT)
                except OSError:
                    pass

            threading.Thread(target=go_on, daemon=True).start()

        subprocess.Popen.__init__ = slow

    if wanted.get("loop"):
        from asyncio import events

        run = events.Handle._run

        def late_run(self):
            if dice.random() < 0.2:
                sleep(most * dice.random() / 4)
            return run(self)

        events.Handle._run = late_run


CHANGES = {
    "environment": environment,
    "seeds": seeds,
    "locale": locales,
    "listing": listing,
    "folder": folder,
    "network": network,
    "limits": limits,
    "clock": clock,
    "pauses": pauses,
}

"""What a hunt changes around the tests, inside the process that runs them. Each change is a function that takes its
argument and puts it in force; nothing is undone, since the process ends with the run. A change that wants a word
before each test returns a function of the test.

Plain pytest makes the same changes with `-p flakydetector_changes` and FLAKYDETECTOR_CHANGE='{"clock": …}'.
"""
import contextlib
import copy
import itertools
import json
import os
import random
import sys
import threading
import time

import pytest

sleep = time.sleep
# seconds that the pauses of one run take together at most, where nothing else is told
MOST = 3
# how close together pauses stand: by chance, so that some runs pause early and others late
DENSITIES = (1, 0.2, 0.05)


def pytest_configure(config):
    told = os.environ.get("FLAKYDETECTOR_CHANGE")
    if told:
        config.pluginmanager.register(Told(json.loads(told)), "flakydetector-change")


class Told:
    """The changes that the environment names, around a whole session."""

    def __init__(self, wanted):
        self.wanted = wanted

    def pytest_collection_modifyitems(self, items):
        if self.wanted.pop("twice", False):
            items[:] = [one for item in items for one in ([item] if is_spent(item) else [item, again(item)])]

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtestloop(self, session):
        with applied(self.wanted, session) as self.each:
            yield

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item):
        self.each(item)


def again(item):
    """The same test once more: what pytest keeps of a run is made new."""
    other = copy.copy(item)
    for name in ("_instance", "_obj", "_testcase"):
        other.__dict__.pop(name, None)
    if hasattr(other, "_initrequest"):
        other._initrequest()
    other._report_sections = []
    return other


def is_spent(item):
    """Whether a test cannot run again in its process, whatever it does: doctest empties the names of its examples."""
    return hasattr(item, "dtest")


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


def ports(taken, session):
    """Another process has every port that a test names; those that the system gave can be had."""
    import errno
    import socket

    bind, given = socket.socket.bind, set()

    def bind_free(self, address):
        port = address[1] if isinstance(address, tuple) and len(address) > 1 else 0
        if port and port not in given:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        bind(self, address)
        if isinstance(address, tuple):
            given.add(self.getsockname()[1])

    socket.socket.bind = bind_free


def limits(values, session):
    import resource

    if "recursion" in values:
        # what stands below a test is not the test's
        depth, frame = 0, sys._getframe()
        while frame is not None:
            depth, frame = depth + 1, frame.f_back
        sys.setrecursionlimit(depth + values["recursion"])
    if "files" in values:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        most = values["files"]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most if hard < 0 else min(most, hard), hard))


def clock(wanted, session):
    """The wall clock shows `at` (local time) when a test begins and goes on from there; monotonic clocks stay as they
    are. With `readings` it has not come there until a test has read it so many times; with `grain` it goes in steps of so
    many seconds.
    """
    import datetime

    real_time, real_date, real_datetime = time.time, datetime.date, datetime.datetime
    wall = {name: getattr(time, name) for name in ("localtime", "gmtime", "ctime", "strftime", "time_ns")}
    at, before, grain = wanted.get("at"), wanted.get("readings", 0), wanted.get("grain")
    first = time.mktime(time.strptime(at, "%Y-%m-%dT%H:%M:%S")) if at else None
    readings = offset = None

    def each(item):
        nonlocal readings, offset
        readings, offset = itertools.count(1), first - real_time() if at else 0

    def now():
        reading = next(readings)
        if reading <= before:
            return first - 0.001 * (1 - reading / (before + 1))
        moment = real_time() + offset
        return moment - moment % grain if grain else moment

    each(None)

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
    return each


def pauses(wanted, session):
    """A slow machine: lines wait before they run, or steps of them; threads, children and callbacks start late. `lines`
    are those that findings name, `files` those where any line may wait, `steps` says that what a line does can be parted
    too; `code` stands for all lines of the project, `others` for those in every thread but this one. With `slow` every
    line waits for `seconds`: those of this thread (`main`), of the others (`others`), or of all (`all`); or every turn of
    the event loop does (`loop`). `whole` says how many seconds all pauses of a test take together at most.
    """
    dice = random.Random(wanted.get("seed", 0))
    most = wanted.get("seconds", 0.3)
    slow = wanted.get("slow")
    left = whole = max(wanted.get("whole", MOST), most)
    density = dice.choice(DENSITIES)
    places = {}
    for path, line in wanted.get("lines", ()):
        places.setdefault(os.path.abspath(path), set()).add(line)
    files = set(map(os.path.abspath, wanted.get("files", ())))
    steps, code, others = (wanted.get(name, False) for name in ("steps", "code", "others"))
    project = os.path.join(os.getcwd(), "")

    class Renewed:
        """What set-up has used up is there again for the test."""

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_call(self, item):
            nonlocal left
            left = whole

    session.config.pluginmanager.register(Renewed())

    def pause(chance):
        nonlocal left
        if left > 0 and (chance == 1 or dice.random() < chance * density):
            seconds = most if chance == 1 else most * dice.random()
            left -= seconds
            sleep(seconds)

    def on_line(frame, event, argument):
        if event == "line" and frame.f_lineno in places.get(frame.f_code.co_filename, ()):
            pause(1)
        elif event == ("opcode" if steps else "line") and frame.f_code.co_filename not in places:
            pause(0.05 if steps or code or others else 0.25)
        return on_line

    def on_call(frame, event, argument):
        path = frame.f_code.co_filename
        if path in places or path in files:
            frame.f_trace_opcodes = steps
            return on_line
        return None

    def of_project(on_line):
        def on_call(frame, event, argument):
            path = frame.f_code.co_filename
            return on_line if path.startswith(project) and "site-packages" not in path else None

        return on_call

    def on_slow_line(frame, event, argument):
        if event == "line":
            pause(1)
        return on_slow_line

    def trace(on_call, begins):
        # without pauses nothing is slower, and yet there is a trace that code may stumble upon
        for begin in begins:
            begin(on_call if most else lambda *about: None)

    everywhere = (threading.settrace, sys.settrace)
    slow_lines = {"others": everywhere[:1], "main": everywhere[1:], "all": everywhere}.get(slow)
    if slow_lines:
        trace(of_project(on_slow_line), slow_lines)
    if places or files:
        trace(on_call, everywhere)
    if code or others:
        trace(of_project(on_line), everywhere if code else everywhere[:1])

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

        def begin_late(self, *rest, **named):
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

        subprocess.Popen.__init__ = begin_late

    turns = 1 if slow == "loop" else 0.5 if wanted.get("loop") else 0
    if turns:
        from asyncio import events

        run = events.Handle._run

        def late_run(self):
            pause(turns)
            return run(self)

        events.Handle._run = late_run


CHANGES = {
    "environment": environment,
    "seeds": seeds,
    "locale": locales,
    "listing": listing,
    "folder": folder,
    "network": network,
    "ports": ports,
    "limits": limits,
    "clock": clock,
    "pauses": pauses,
}

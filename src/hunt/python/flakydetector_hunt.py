"""The side of a hunt that lives in the user's pytest: collects once, then runs what it is asked to, each time in a
forked child with one thing changed, and tells outcomes as they happen. Standard library only; Python 3.7, pytest 6.

Lines of JSON over a Unix socket. Asked: {"groups": [[node id, ...], ...], "changes": {...}, "limit": seconds of a group,
"each": seconds of a test}; every group runs in a child of its own. Told: collected, begin, test, end, done.
"""
import json
import mmap
import os
import random
import select
import signal
import socket
import struct
import sys
import time

import pytest

import flakydetector_changes as changes

# what tests may replace
fork, waitpid, exit_now, monotonic, sleep, kill_group = (
    os.fork if hasattr(os, "fork") else None,
    os.waitpid,
    os._exit,
    time.monotonic,
    time.sleep,
    os.killpg,
)
dumps, pack_into, unpack_from = json.dumps, struct.pack_into, struct.unpack_from


class Wire:
    """Both ends of the conversation. It keeps to file descriptors, which tests seldom touch."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        # out of the way of what counts its files from 3
        high = os.dup(self.socket.fileno())
        self.reader = os.fdopen(high, "r", encoding="utf-8")
        self.send_all = self.socket.sendall

    def tell(self, kind, **more):
        more["kind"] = kind
        self.send_all((dumps(more) + "\n").encode("ascii"))


def die_with_parent():
    """Asks Linux to end this process with the one that made it."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    except Exception:
        pass


class Seeds:
    """Whether code that is imported seeds `random`. A forked child gets other numbers from Python, where the process
    itself would have gone on from the seed."""

    def __init__(self):
        self.begin, self.told = random.seed, False
        random.seed = self.seed

    def seed(self, *number, **named):
        self.told = self.told or bool(number and number[0] is not None)
        return self.begin(*number, **named)

    def state(self):
        """What a child goes on from; nothing where nobody seeded."""
        random.seed = self.begin
        return random.getstate() if self.told else None


def pytest_configure(config):
    path = os.environ.pop("FLAKYDETECTOR_HUNT", None)
    if path and not hasattr(config, "workerinput"):
        die_with_parent()
        config.pluginmanager.register(Hunt(Wire(path)), "flakydetector-hunt-worker")


class Hunt:
    def __init__(self, wire):
        self.wire = wire
        self.errors = []
        self.ended = None
        self.seeds = Seeds()
        # when the test that runs began; children write it
        self.beat = mmap.mmap(-1, 8)

    def pytest_collectreport(self, report):
        if report.failed:
            self.errors.append({"id": report.nodeid, "error": shape(report.longrepr)})

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        if session.config.option.collectonly:
            return None
        items = {}
        for item in session.items:
            items.setdefault(item.nodeid, item)
        self.items = items
        self.numbers = self.seeds.state()
        self.wire.tell("collected", ids=list(items), errors=self.errors, pytest=pytest.__version__)
        for line in self.wire.reader:
            self.serve(session, json.loads(line))
        # the other side is done; nothing of a normal end is wanted
        exit_now(0)

    def serve(self, session, asked):
        for at, group in enumerate(asked["groups"]):
            if asked["fork"]:
                how = self.in_child(session, at, group, asked)
            else:
                self.wire.tell("begin", group=at, pid=os.getpid())
                self.run(session, group, asked["changes"])
                how = "exit 0"
            self.wire.tell("end", group=at, how=how)
        self.wire.tell("done")

    def in_child(self, session, at, group, asked):
        sys.stdout.flush()
        sys.stderr.flush()
        pack_into("d", self.beat, 0, monotonic())
        child = fork()
        if child == 0:
            code = 70
            try:
                os.setpgid(0, 0)
                die_with_parent()
                last_to_starve()
                if self.numbers:
                    random.setstate(self.numbers)
                self.wire.tell("begin", group=at, pid=os.getpid())
                self.run(session, group, asked["changes"])
                code = 0
            except BaseException as error:
                try:
                    self.wire.tell("broke", error=shape(error))
                except BaseException:
                    pass
            finally:
                exit_now(code)
        how = self.watch(child, asked["limit"], asked["each"])
        try:
            kill_group(child, signal.SIGKILL)
        except OSError:
            pass
        return how

    def watch(self, child, limit, each):
        """Waits for a child, at most `limit` seconds and `each` for a test, and no longer than the other side listens."""
        end, pause = monotonic() + limit, 0.0005
        while True:
            done, status = waitpid(child, os.WNOHANG)
            if done:
                if os.WIFSIGNALED(status):
                    return "signal %d" % os.WTERMSIG(status)
                return "exit %d" % os.WEXITSTATUS(status)
            gone = select.select([self.wire.socket], [], [], 0)[0] and not self.wire.socket.recv(1, socket.MSG_PEEK)
            late, stuck = monotonic() > end, monotonic() - unpack_from("d", self.beat)[0] > each
            if gone or late or stuck:
                for signal_to in (lambda: kill_group(child, signal.SIGKILL), lambda: os.kill(child, signal.SIGKILL)):
                    try:
                        signal_to()
                    except OSError:
                        pass
                waitpid(child, 0)
                if gone:
                    exit_now(0)
                return "late" if late else "stuck"
            sleep(pause)
            pause = min(pause * 1.5, 0.01)

    def run(self, session, group, wanted):
        seen, items = set(), []
        for node in group:
            item = self.items.get(node)
            if item is not None and not (node in seen and changes.is_spent(item)):
                items.append(changes.again(item) if node in seen else item)
                seen.add(node)
        with changes.applied(wanted, session) as each:
            for at, item in enumerate(items):
                self.ended = None
                self.wire.tell("start", id=item.nodeid)
                each(item)
                began = monotonic()
                pack_into("d", self.beat, 0, began)
                following = items[at + 1] if at + 1 < len(items) else None
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                session.shouldfail = session.shouldstop = False
                outcome, error = self.ended or ("passed", "")
                self.wire.tell(
                    "test", id=item.nodeid, outcome=outcome, error=error, seconds=round(monotonic() - began, 5)
                )

    def pytest_runtest_logreport(self, report):
        """Folds the phases of a test: failed anywhere is failed, and one that passed on a retry has failed before."""
        if report.failed or report.outcome == "rerun":
            if self.ended is None or self.ended[0] != "failed":
                self.ended = ("failed", report.when + ": " + shape(report.longrepr))
        elif report.skipped and self.ended is None:
            self.ended = ("skipped", "")
        elif report.when == "call" and self.ended is None:
            self.ended = ("passed", "")


def shape(what):
    """The line that says what went wrong."""
    crash = getattr(what, "reprcrash", None)
    text = str(getattr(crash, "message", None) or what or "")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if crash is None and lines:
        lines = [line[2:].strip() for line in lines if line.startswith("E ")] or lines[-1:]
    return lines[0][:300] if lines else ""


def last_to_starve():
    """Where memory runs out, this process is the one to go; and no file may fill the disk."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass
    try:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        most = 2 << 30
        resource.setrlimit(resource.RLIMIT_FSIZE, (most if hard < 0 else min(most, hard), hard))
    except Exception:
        pass

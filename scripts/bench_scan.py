"""Times `scan --format json` beside `ruff check --select ALL` on the same files, as whole processes in turn.

Three real suites from PyPI, then how the cost grows: 10, 100 and 1,000 files, and one file of 50,000 lines.
Prints a table of medians; exits with 1 where a goal is missed.
"""

import hashlib
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

SUITES = {
    "networkx 3.4.2": ("networkx==3.4.2", "df5d4365b724cf81b8c6a7312509d0c22386097011ad1abe274afd5e9d3bbc5f"),
    "pandas 2.2.3": ("pandas==2.2.3", "c124333816c3a9b03fbeef3a9f230ba9a737e9e5bb4060aa2107a86cc0a497fc"),
}
# One build of a wheel for every machine: only its Python files are used.
WHEEL = ["--only-binary", ":all:", "--python-version", "3.11", "--platform", "manylinux2014_x86_64"]
RUNS = 7
MEMORY_GOAL = 2.0


def bring(name, folder):
    """The folders with the tests of a package from PyPI, fetched once; the code under test lies around them."""
    requirement, sha256 = SUITES[name]
    suite = folder / f"{requirement.replace('==', '-')} whole"
    if not suite.is_dir():
        with tempfile.TemporaryDirectory(dir=folder) as aside:
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
            subprocess.run([*pip, *WHEEL, "-d", aside, requirement], check=True)
            (wheel,) = pathlib.Path(aside).glob("*.whl")
            if hashlib.sha256(wheel.read_bytes()).hexdigest() != sha256:
                sys.exit(f"bench: {wheel.name} is not the file that was pinned; the figures would not compare")
            tests = pathlib.Path(aside, "tests")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(tests, [n for n in archive.namelist() if n.endswith(".py")])
            tests.rename(suite)
    return [path for path in sorted(suite.rglob("tests")) if "tests" not in path.relative_to(suite).parts[:-1]]


def measure(command):
    """Seconds and peak memory in MB of one process; what it prints goes nowhere."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        sys.exit(f"bench: {' '.join(map(str, command))} failed")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def pair(ours, ruff, paths, runs=RUNS):
    """Medians of (seconds, MB) of both, run in turn after one run that is not counted."""
    commands = [
        [ours, "scan", "--format", "json", *paths],
        [ruff, "check", "--isolated", "--no-cache", "--select", "ALL", *paths],
    ]
    taken = [[measure(command) for command in commands] for _ in range(runs + 1)][1:]
    return [tuple(statistics.median(run[who][what] for run in taken) for what in (0, 1)) for who in (0, 1)]


def lines(files):
    return sum(file.read_bytes().count(b"\n") for file in files)


def row(name, files, ours, ruff):
    time_ratio, memory_ratio = ours[0] / ruff[0], ours[1] / ruff[1]
    print(
        f"{name:22} {len(files):6} {lines(files):8} {ours[0]:8.2f} {ruff[0]:8.2f} {time_ratio:6.2f}"
        f" {ours[1]:8.0f} {ruff[1]:8.0f} {memory_ratio:6.2f}",
        flush=True,
    )
    return time_ratio <= 1.0, memory_ratio <= MEMORY_GOAL


def growth(sources, scratch):
    """Folders of 10, 100 and 1,000 files drawn from a real suite, and one file of 50,000 lines."""
    drawn = random.Random(11).sample(sources, min(1000, len(sources)))
    for count in (10, 100, 1000):
        folder = scratch / f"{count} files"
        folder.mkdir()
        for number in range(count):
            shutil.copy(drawn[number % len(drawn)], folder / f"test_{number}.py")
        yield folder
    folder = scratch / "one file"
    folder.mkdir()
    body = "".join(f"def test_{n}(tmp_path):\n    value = {n}\n    assert value == {n}\n\n\n" for n in range(10_000))
    (folder / "test_long.py").write_text(body)
    yield folder


def main():
    binary, redis, cache = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    ruff = pathlib.Path(sys.executable).with_name("ruff")
    cache.mkdir(parents=True, exist_ok=True)
    suites = {"redis-py 5.0.8": [redis / "tests"], **{name: bring(name, cache) for name in SUITES}}
    print(f"{RUNS} runs each, in turn; medians; {os.cpu_count()} cores\n")
    print(f"{'':22} {'files':>6} {'lines':>8} {'ours s':>8} {'ruff s':>8} {'ratio':>6} {'ours MB':>8} {'ruff MB':>8} {'ratio':>6}")
    goals = []
    for name, paths in suites.items():
        files = [file for path in paths for file in path.rglob("*.py")]
        goals += row(name, files, *pair(binary, ruff, paths))
    with tempfile.TemporaryDirectory() as scratch:
        (pandas,) = suites["pandas 2.2.3"]
        for folder in growth(sorted(pandas.rglob("test_*.py")), pathlib.Path(scratch)):
            row(folder.name, list(folder.iterdir()), *pair(binary, ruff, [folder], runs=5))
    print(f"\n{sum(goals)} of {len(goals)} goals reached (time at most ruff's, memory at most twice)")
    sys.exit(not all(goals))


if __name__ == "__main__":
    main()

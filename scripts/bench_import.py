"""Times `history import` on 1,000 reports of 1 MB, and a scan of 100,000 tests on one core with and without outcomes.

    python3 scripts/bench_import.py BINARY
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

FILES, TESTS, RUNS, CASES = 500, 200, 1000, 3300
binary = sys.argv[1]


def timed(*arguments, core=None):
    command = [binary, *arguments]
    begin = time.perf_counter()
    limit = (lambda: os.sched_setaffinity(0, {core})) if core is not None else None
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=limit)
    if done.returncode:
        sys.exit(done.stderr.decode())
    return time.perf_counter() - begin


with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    (root / "tests").mkdir()
    (root / "reports").mkdir()
    names = []
    for file in range(FILES):
        body = "".join(
            f"def test_{file}_{number}(db):\n    row = db.fetch({number})\n    assert row == {number}\n\n\n"
            for number in range(TESTS)
        )
        (root / "tests" / f"test_{file}.py").write_text(body)
        names += [(f"tests.test_{file}", f"test_{file}_{number}") for number in range(TESTS)]
    size = 0
    for run in range(RUNS):
        cases = []
        for place in range(CASES):
            module, name = names[(run * 37 + place * 3) % len(names)]
            failure = "<failure message='assert 3 == 4'>tests/test.py:3: AssertionError</failure>" if (run + place) % 997 == 0 else ""
            cases.append(
                f'<testcase classname="{module}" name="{name}[{"x" * 180}]" file="{module.replace(".", "/")}.py" line="12" '
                f'time="0.001">{failure}</testcase>'
            )
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1_700_000_000 + run * 3600))
        text = f'<testsuites><testsuite name="pytest" timestamp="{stamp}">{"".join(cases)}</testsuite></testsuites>'
        size += len(text)
        (root / "reports" / f"{run}.xml").write_text(text)
    store = ["--store", str(root / "store")]
    plain = timed("scan", str(root), "--repo", "bench", "--format", "json", *store, core=0)
    took = timed("history", "import", str(root / "reports"), "--project", str(root), "--repo", "bench", *store)
    adapted = timed("scan", str(root), "--repo", "bench", "--format", "json", *store, core=0)
    print(f"history import of {RUNS} reports, {size / RUNS / 1e6:.2f} MB each: {took:.1f} s on {os.cpu_count()} cores")
    print(f"scan of {len(names)} tests with risk and contributions, one core: {plain:.1f} s; adapted to outcomes: {adapted:.1f} s")

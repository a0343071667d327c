"""How many tests that people mended a hunt shows unstable within the time of twenty runs, beside twenty plain reruns.

    bench_mended.py FLAKYDETECTOR --clones DIR --work DIR [--mended CSV] [--only COMMIT ...] [--extra REPO=NAME,NAME ...]

For each test of the table: the commit before the one that mended it is exported and installed, the test is run three
times plainly, and where it passes it is hunted by its node id; the clock starts when the hunt's own plain run has ended.
Runs the code of those repositories, so do it where that may be done.
"""
import argparse
import csv
import json
import pathlib
import subprocess
import time

from bench_hunt import prepare, run_pytest

CAUSES = ("async-wait", "concurrency", "time", "resources", "network")
RUNS = 20
# a hunt looks for news during the first 55% of its budget
BUDGET = RUNS / 0.54


def main():
    arguments = read_arguments()
    extras = {repo: names.split(",") for repo, names in (text.split("=", 1) for text in arguments.extra or ())}
    arguments.work.mkdir(parents=True, exist_ok=True)
    with open(arguments.mended) as file:
        rows = [row for row in csv.DictReader(file) if row["cause"] in CAUSES]
    results = []
    for row in rows:
        if arguments.only and not row["commit"].startswith(tuple(arguments.only)):
            continue
        path = arguments.work / f"{row['repo'].replace('/', '+')}@{row['commit'][:8]}.mended.json"
        if not path.exists():
            path.write_text(json.dumps(measure(arguments, row, extras.get(row["repo"], ())), indent=1))
        results.append(json.loads(path.read_text()))
        print(results[-1]["repo"], results[-1]["commit"][:8], told(results[-1]), flush=True)
    tried = [one for one in results if "hunt" in one]
    shown = [one for one in tried if seen(one) is not None]
    again = sum(one["reruns_failed"] > 0 for one in tried)
    print(f"{len(results)} tests, {len(tried)} pass plainly; a hunt shows {len(shown)}, plain reruns {again}")


def read_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("flakydetector", type=pathlib.Path)
    parser.add_argument("--clones", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--mended", type=pathlib.Path, default=pathlib.Path("tests/mended/tests.csv"))
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--extra", nargs="*")
    return parser.parse_args()


def measure(arguments, row, extras):
    about = {name: row[name] for name in ("repo", "commit", "test_id", "cause")}
    folder = arguments.work / "trees" / (row["repo"].replace("/", "+") + "@" + row["commit"][:8])
    try:
        python = prepare(arguments, row["repo"], row["commit"] + "^", folder, extras)
    except Exception as error:
        return {**about, "reason": f"not installed: {error}"[:200]}
    options, walls = ["-p", "no:randomly", "--color=no", row["test_id"]], []
    for _ in range(3):
        began = time.monotonic()
        outcomes, _ = run_pytest(python, folder, options)
        walls.append(time.monotonic() - began)
        if set(outcomes.values()) != {"passed"}:
            return {**about, "reason": "does not pass plainly: " + (", ".join(set(outcomes.values())) or "did not run")}
    wall = min(walls)
    report = folder.parent / (folder.name + ".hunt.json")
    report.unlink(missing_ok=True)
    budget = f"{max(30, int(BUDGET * wall))}s"
    command = [arguments.flakydetector.resolve(), "hunt", row["test_id"], "--yes", "--python", python, "--format", "json"]
    command += ["--output", report, "--budget", budget, "--store", folder.parent / (folder.name + ".store")]
    hunted = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if not report.exists():
        return {**about, "reason": "hunt: " + hunted.stderr.strip()[-200:]}
    failed = sum("failed" in run_pytest(python, folder, options)[0].values() for _ in range(RUNS))
    return {**about, "wall": round(wall, 2), "hunt": json.loads(report.read_text()), "reruns_failed": failed}


def seen(result):
    """What the hunt saw first within the time of twenty runs."""
    unstable = [one for one in result["hunt"]["unstable"] if one["seen_after"] <= RUNS * result["wall"]]
    return min(unstable, key=lambda one: one["seen_after"], default=None)


def told(result):
    if "reason" in result:
        return result["reason"]
    one = seen(result)
    what = f"{one['perturbation']} after {one['seen_after']:.1f} s, command in {one['shown_in']} of {one['tried']}" if one else "not shown"
    return f"{result['cause']}; a run {result['wall']} s; {what}; plain reruns {result['reruns_failed']} of {RUNS}"


if __name__ == "__main__":
    main()

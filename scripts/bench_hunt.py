"""How soon a hunt shows labelled tests unstable, beside plain reruns and pytest-randomly in the same time.

    bench_hunt.py FLAKYDETECTOR --clones DIR --labels CSV --work DIR [--only REPO ...] [--most N] [--outcomes CSV.GZ]

For every labelled repository: its commit is exported, a virtual environment is made and the project installed into it,
with libraries of the commit's time where this Python knows them; what does not install is listed with the reason. Then
one plain run, the hunt, and as many plain reruns, runs under pytest-randomly, and runs of the undirected dozen (reversed,
every test twice, ten shuffles) as fit into twelve plain runs. A labelled test counts when it passes plainly. --outcomes
keeps how every test fared, for `evaluate --hunted`. Runs the code of those repositories, so do it where that may be done.
"""
import argparse
import collections
import csv
import gzip
import io
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import tomllib

EXTRAS = ["pytest", "pytest-randomly", "setuptools<81", "wheel"]
INSTALL_LIMIT, RUN_LIMIT = 300, 120
# libraries that are older do not run on the Pythons of today
OLDEST = "2023-02-01"
DOZEN = ["reversed", "twice", *map(str, range(1, 11))]
UNDIRECTED = """
import os, random, pytest

@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    how = os.environ["UNDIRECTED"]
    if how == "reversed":
        items.reverse()
    elif how.isdigit():
        random.Random(int(how)).shuffle(items)
"""
REQUIREMENTS = re.compile(r"(test|dev|ci).*requirements?.*\.txt|requirements?.*\.txt", re.I)


def main():
    arguments = read_arguments()
    labels = collections.defaultdict(dict)
    with open(arguments.labels) as file:
        for row in csv.DictReader(file):
            labels[row["repo"], row["sha"]][row["test_id"].split("[")[0]] = row.get("category") or row.get("listed")
    arguments.work.mkdir(parents=True, exist_ok=True)
    done = 0
    for (repo, sha), tests in labels.items():
        if arguments.only and repo not in arguments.only or done >= arguments.most:
            continue
        result = arguments.work / (repo.replace("/", "+") + "@" + sha[:8] + ".json")
        if not result.exists():
            result.write_text(json.dumps(measure(arguments, repo, sha, tests), indent=1))
        done += 1
        told = json.loads(result.read_text())
        print(repo, told.get("reason") or told["line"], flush=True)
    rows = [json.loads(path.read_text()) for path in sorted(arguments.work.glob("*.json"))]
    summarize(rows)
    if arguments.outcomes:
        keep_outcomes(arguments.outcomes, rows)


def read_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("flakydetector", type=pathlib.Path)
    parser.add_argument("--clones", type=pathlib.Path, required=True)
    parser.add_argument("--labels", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--most", type=int, default=10_000)
    parser.add_argument("--outcomes", type=pathlib.Path)
    return parser.parse_args()


def measure(arguments, repo, sha, tests):
    about = {"repo": repo, "sha": sha, "labelled": len(tests)}
    folder = arguments.work / "trees" / (repo.replace("/", "+") + "@" + sha[:8])
    try:
        python = prepare(arguments, repo, sha, folder)
    except Exception as error:
        return {**about, "reason": f"not installed: {str(error).strip().splitlines()[-1:] or error}"[:200]}
    began = time.monotonic()
    plain, _ = run_pytest(python, folder, ["-p", "no:randomly"])
    wall = time.monotonic() - began
    passing = {test for test in tests if plain.get(test) == "passed"}
    about.update(wall=round(wall, 2), passing=sorted(passing), categories=tests)
    if not passing:
        return {**about, "reason": f"no labelled test passes plainly ({len(plain)} ran)"}
    report = folder.parent / (folder.name + ".hunt.json")
    report.unlink(missing_ok=True)
    hunted = subprocess.run(
        [arguments.flakydetector.resolve(), "hunt", "--yes", "--python", python, "--format", "json", "--output", report,
         "--budget", f"{max(60, int(40 * wall))}s", "--store", folder.parent / (folder.name + ".store")],
        cwd=folder, capture_output=True, text=True,
    )
    if not report.exists():
        return {**about, "reason": "hunt: " + hunted.stderr.strip()[-200:]}
    hunt = json.loads(report.read_text())
    shown = {one["id"]: one for one in hunt["unstable"]}
    about.update(
        hunt=hunt,
        reruns=repeated(python, folder, 12 * wall, passing, itertools.repeat((["-p", "no:randomly"], None))),
        randomly=repeated(python, folder, 12 * wall, passing, itertools.repeat(([], None))),
        dozen=undirected(arguments, python, folder, 12 * wall, passing),
    )
    at = lambda limit: sum(1 for test in passing if test in shown and shown[test]["seen_after"] <= limit * wall)
    about["line"] = f"{len(passing)} pass plainly; shown {at(4)} within 4 runs' time, {at(12)} within 12, {at(1e9)} in all"
    return about


def prepare(arguments, repo, sha, folder, extras=()):
    """Exports the commit and installs it with the libraries of its time; the Python of its environment."""
    python = folder.parent / (folder.name + ".venv") / "bin/python"
    if (folder / ".ready").exists():
        return python.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    git = ["git", f"--git-dir={git_folder(arguments.clones, repo)}"]
    # a snapshot may lack its largest files, which tests seldom need
    index = {**os.environ, "GIT_INDEX_FILE": f"{folder.absolute()}.index"}
    run([*git, "read-tree", sha], env=index)
    subprocess.run([*git, f"--work-tree={folder.absolute()}", "checkout-index", "-a", "-f", "-q"], capture_output=True, env=index)
    day = subprocess.run([*git, "log", "-1", "--format=%cs", sha], capture_output=True, text=True).stdout.strip()
    uv = installer(arguments.work)
    run([uv, "venv", "-q", "--clear", "--seed", "--python", sys.executable, folder.parent / (folder.name + ".venv")])
    pip = [uv, "pip", "install", "-q", "--python", python, "--exclude-newer", max(day, OLDEST)]
    environment = {**os.environ, "SETUPTOOLS_SCM_PRETEND_VERSION": "9.9"}

    def install(*names):
        command = [*pip, *names]
        return subprocess.run(command, capture_output=True, timeout=INSTALL_LIMIT, env=environment, cwd=folder).returncode == 0

    def install_each(names):
        if names and not install(*names):
            for name in names:
                install(name)

    install(*EXTRAS)
    if any((folder / name).exists() for name in ("setup.py", "pyproject.toml", "setup.cfg")):
        # an extra that there is not is a warning; one that does not install is not worth the project
        install("-e", ".[test,tests,testing,dev]") or install("-e", ".")
    for group in wanted_groups(folder):
        install("--group", group)
    install_each(sorted(wanted_names(folder)))
    install_each(extras)
    (folder / ".ready").touch()
    return python.absolute()


def git_folder(clones, repo):
    flat = clones / repo.replace("/", "+")
    for path in (flat / "repo", flat, clones / repo):
        if (path / "objects").is_dir():
            return path
        if (path / ".git").exists():
            return path / ".git"
    raise RuntimeError("no clone")


def installer(work):
    """uv, which can leave out what was published after a day."""
    folder = work / "uv"
    if not (folder / "bin/uv").exists():
        run([sys.executable, "-m", "venv", folder])
        run([folder / "bin/python", "-m", "pip", "-q", "--disable-pip-version-check", "install", "uv==0.13.9"])
    return folder / "bin/uv"


def project_file(folder):
    try:
        return tomllib.loads((folder / "pyproject.toml").read_text())
    except (OSError, ValueError):
        return {}


def wanted_groups(folder):
    return [name for name in ("test", "tests", "dev") if name in project_file(folder).get("dependency-groups", {})]


def wanted_names(folder):
    """What requirement files and Poetry's groups name, without versions."""
    poetry = project_file(folder).get("tool", {}).get("poetry", {})
    groups = [poetry.get("dev-dependencies", {}), *(group.get("dependencies", {}) for group in poetry.get("group", {}).values())]
    wanted = {name for group in groups for name in group}
    for path in sorted([*folder.glob("*.txt"), *folder.glob("requirements/*.txt"), *folder.glob("tests/*.txt")]):
        if REQUIREMENTS.search(str(path.relative_to(folder))):
            lines = [re.split(r"[=<>~!;# ]", line.strip())[0] for line in path.read_text(errors="replace").splitlines()]
            wanted |= {line for line in lines if re.match(r"^[A-Za-z0-9_.\[\]][A-Za-z0-9_.\[\]-]*$", line)}
    return wanted


def run(command, **named):
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_LIMIT, **named)
    if done.returncode:
        raise RuntimeError(done.stderr or done.stdout)


def run_pytest(python, folder, options, environment=None):
    """Outcomes by test id, without parameters: failed where any parameter failed."""
    command = [python, "-m", "pytest", "-q", "-rA", "--continue-on-collection-errors", "-o", "cache_dir=/tmp/.bench-hunt", *options]
    try:
        said = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=RUN_LIMIT, stdin=subprocess.DEVNULL,
            env=environment,
        ).stdout
    except subprocess.TimeoutExpired:
        return {}, True
    out = {}
    for outcome, test in re.findall(r"^(PASSED|FAILED|ERROR) (\S+?::[^\s\[]+)", said, re.M):
        if out.get(test) != "failed":
            out[test] = "passed" if outcome == "PASSED" else "failed"
    return out, False


def repeated(python, folder, limit, passing, ways):
    """Labelled tests that failed in any of the runs that fit into the time, with the seconds until then."""
    began, failed = time.monotonic(), {}
    for options, environment in ways:
        if time.monotonic() - began >= limit:
            break
        outcomes, late = run_pytest(python, folder, options, environment)
        for test in passing:
            if outcomes.get(test) == "failed":
                failed.setdefault(test, round(time.monotonic() - began, 2))
        if late:
            break
    return failed


def undirected(arguments, python, folder, limit, passing):
    """The same for the undirected dozen."""
    plugins = arguments.work / "undirected"
    plugins.mkdir(exist_ok=True)
    (plugins / "undirected.py").write_text(UNDIRECTED)
    ours = subprocess.run([arguments.flakydetector.resolve(), "hunt", "--plugin"], capture_output=True, text=True).stdout.strip()
    options = ["-p", "no:randomly", "-p", "undirected", "-p", "flakydetector_changes"]

    def way(how):
        change = json.dumps({"twice": True} if how == "twice" else {})
        path = f"{plugins.absolute()}{os.pathsep}{ours}"
        return options, {**os.environ, "PYTHONPATH": path, "UNDIRECTED": how, "FLAKYDETECTOR_CHANGE": change}

    return repeated(python, folder, limit, passing, map(way, DOZEN))


def summarize(rows):
    good = [row for row in rows if "hunt" in row]
    print(f"\n{len(rows)} repositories, {len(good)} that install and have labelled tests that pass plainly")
    by_category = collections.defaultdict(lambda: collections.Counter())
    trials, named, orders, replayed, tried, extra = [], 0, 0, 0, 0, 0
    for row in good:
        shown = {one["id"]: one for one in row["hunt"]["unstable"]}
        extra += len(set(shown) - set(row["categories"]))
        for test in row["passing"]:
            for name in ("all", row["categories"][test] or "?"):
                count = by_category[name]
                count["tests"] += 1
                for limit in (4, 12, 1e9):
                    for way, after in (
                        ("hunt", shown.get(test, {}).get("seen_after", 1e18)),
                        ("reruns", row["reruns"].get(test, 1e18)),
                        ("randomly", row["randomly"].get(test, 1e18)),
                        ("dozen", row.get("dozen", {}).get(test, 1e18)),
                    ):
                        count[way, limit] += after <= limit * row["wall"]
        for one in shown.values():
            if one["perturbation"].startswith("order"):
                orders += 1
                named += bool(one.get("needs") or one.get("passes_after")) and one["narrowed"]
                trials.append(one["trials"])
            tried += one.get("reproduced") is not None
            replayed += one.get("reproduced") is True
    head = ["category", "tests", "hunt 4", "hunt 12", "hunt all", "dozen 4", "dozen 12", "randomly 4", "randomly 12", "reruns 12"]
    print("| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for name, count in sorted(by_category.items()):
        cells = [count["hunt", 4], count["hunt", 12], count["hunt", 1e9], count["dozen", 4], count["dozen", 12], count["randomly", 4], count["randomly", 12], count["reruns", 12]]
        print(f"| {name} | {count['tests']} | " + " | ".join(f"{cell} ({100 * cell / count['tests']:.0f}%)" for cell in cells) + " |")
    trials.sort()
    if trials:
        print(f"\norder-dependent: {orders}, the other test named for {named}; median {trials[len(trials) // 2]} further runs")
    print(f"commands tried {tried}, showed it {replayed}; tests shown that are not listed: {extra}")


def keep_outcomes(path, rows):
    """One line a test that was not skipped plainly; no source."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["repo", "sha", "test_id", "outcome", "perturbation", "runs"])
    for row in rows:
        shown = {one["id"]: one["perturbation"] for one in row.get("hunt", {}).get("unstable", [])}
        for test in row.get("hunt", {}).get("tests", []):
            outcome = (
                "unstable" if test["id"] in shown
                else "failing" if not test["passed"]
                else "unconfirmed" if test["failed"]
                else "stable"
            )
            table.writerow([row["repo"], row["sha"], test["id"], outcome, shown.get(test["id"], ""), test["runs"]])
    # without a time, so that the same outcomes are the same file
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


if __name__ == "__main__":
    main()

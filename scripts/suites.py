"""Brings the suites of `tests/retrieval/suites.toml`, or of another labelled set, from PyPI:  suites.py FOLDER [LABELS]

Each becomes FOLDER/NAME; what is there already stays. Wheels carry the tests of some, source packages those of others.
"""

import hashlib
import pathlib
import shutil
import subprocess
import sys
import tempfile
import tomllib

WHEELS = {"psutil", "networkx", "joblib"}
# One build for every machine: only the Python files of it are read.
PLATFORM = ["--only-binary", ":all:", "--python-version", "3.11", "--platform", "manylinux2014_x86_64", "--platform", "any"]


def bring(suite, folder):
    """One package, checked and unpacked at FOLDER/NAME: of it only what `keep` names, with `classes` as a setting of pytest."""
    name, requirement = suite["name"], suite["requirement"]
    target = folder / name
    if target.is_dir():
        return
    print(f"suites: fetching {requirement}", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        form = PLATFORM if name in WHEELS else ["--no-binary", requirement.split("==")[0]]
        subprocess.run([*pip, *form, "-d", aside, requirement], check=True)
        (package,) = pathlib.Path(aside).iterdir()
        if hashlib.sha256(package.read_bytes()).hexdigest() != suite["sha256"]:
            sys.exit(f"suites: {package.name} is not the file that was pinned; the figures would not compare")
        unpacked = pathlib.Path(aside, "unpacked")
        shutil.unpack_archive(package, unpacked, "zip" if name in WHEELS else "gztar")
        top = unpacked if name in WHEELS else next(unpacked.iterdir())
        if "keep" in suite:
            whole, top = top, pathlib.Path(aside, "kept")
            for path in suite["keep"]:
                (top / path).parent.mkdir(parents=True, exist_ok=True)
                (whole / path).rename(top / path)
        if "classes" in suite:
            (top / "pytest.ini").write_text(f"[pytest]\npython_classes = {suite['classes']}\n")
        top.rename(target)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    own = pathlib.Path(__file__).resolve().parent.parent / "tests" / "retrieval"
    labels = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else own
    for suite in tomllib.loads((labels / "suites.toml").read_text())["suite"]:
        bring(suite, folder)


if __name__ == "__main__":
    main()

"""Brings the suites of `tests/retrieval/suites.toml` from PyPI:  suites.py FOLDER

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


def bring(name, requirement, sha256, folder, wheel):
    """One package, checked and unpacked at FOLDER/NAME."""
    target = folder / name
    if target.is_dir():
        return
    print(f"suites: fetching {requirement}", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        form = PLATFORM if wheel else ["--no-binary", ":all:"]
        subprocess.run([*pip, *form, "-d", aside, requirement], check=True)
        (package,) = pathlib.Path(aside).iterdir()
        if hashlib.sha256(package.read_bytes()).hexdigest() != sha256:
            sys.exit(f"suites: {package.name} is not the file that was pinned; the figures would not compare")
        unpacked = pathlib.Path(aside, "unpacked")
        shutil.unpack_archive(package, unpacked, "zip" if wheel else "gztar")
        (unpacked if wheel else next(unpacked.iterdir())).rename(target)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    listed = pathlib.Path(__file__).resolve().parent.parent / "tests" / "retrieval" / "suites.toml"
    for suite in tomllib.loads(listed.read_text())["suite"]:
        bring(suite["name"], suite["requirement"], suite["sha256"], folder, suite["name"] in WHEELS)


if __name__ == "__main__":
    main()

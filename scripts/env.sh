# shellcheck shell=bash
# Where things lie, and what building needs. Sourced by every script, by the Makefile's recipes,
# and by whoever wants to call cargo directly: `. scripts/env.sh && cargo build --release`.
export FLAKYDETECTOR_CACHE="${FLAKYDETECTOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/flakydetector}"
export FLAKYDETECTOR_MODELS="${FLAKYDETECTOR_MODELS:-${XDG_DATA_HOME:-$HOME/.local/share}/flakydetector/models}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$FLAKYDETECTOR_CACHE/target}"
FLAKYDETECTOR_TOOLS="$FLAKYDETECTOR_CACHE/tools"

# XGBoost's bindings come out empty with a libclang newer than 14, and CMake 4 refuses its sources
# without the policy line; so both come from pinned wheels, whatever the machine has.
_site=$(echo "$FLAKYDETECTOR_TOOLS"/lib/python3*/site-packages)
export LIBCLANG_PATH="$_site/clang/native"
export CMAKE="$FLAKYDETECTOR_TOOLS/bin/cmake"
export CMAKE_POLICY_VERSION_MINIMUM=3.5
BINDGEN_EXTRA_CLANG_ARGS="-I$({ gcc -print-file-name=include || cc -print-file-name=include; } 2>/dev/null)"
export BINDGEN_EXTRA_CLANG_ARGS
unset _site
[ ! -d "$FLAKYDETECTOR_TOOLS/node" ] || PATH="$FLAKYDETECTOR_TOOLS/node:$PATH"
[ ! -d "$HOME/.cargo/bin" ] || PATH="$HOME/.cargo/bin:$PATH"
export PATH

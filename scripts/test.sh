#!/usr/bin/env bash
# Every test there is: format, lints, Rust, set-up, page, browser. What a machine cannot run is said
# to be skipped. Goes on after a failure, and closes with the sums on a line of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
. scripts/llm.sh
export NO_COLOR=1 CARGO_TERM_COLOR=never

logs=$(mktemp -d)
broken=0
trap 'stop_llm; rm -rf "$logs"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { echo "test: $*"; }

# check NAME COMMAND…: a check that fails without a failed test of its own counts as one.
check() {
    local name=$1 log=$logs/$1
    shift
    say "$name"
    "$@" 2>&1 | tee "$log" && return
    say "$name FAILED"
    [[ $(count "$log") != *" 0" ]] || broken=$((broken + 1))
}

# tests NAME COMMAND…: a check that has to run at least one test.
tests() {
    local before=$broken
    check "$@"
    [ "$broken" != "$before" ] || [ "$(count "$logs/$1")" != "0 0" ] || { say "$1 ran no test"; broken=$((broken + 1)); }
}

# "passed failed": the tests in the logs of cargo, unittest, vitest and node.
count() {
    sed 's/\x1b\[[0-9;]*m//g' "$@" | awk '
        /^test result:/ { passed += $4; failed += $6 }
        /^Ran [0-9]+ tests? in/ { passed += $2 }
        /^FAILED \(/ { for (i = 2; i <= NF; i++) if ($i ~ /failures=|errors=/) { n = $i; gsub(/[^0-9]/, "", n); passed -= n; failed += n } }
        /^ *Tests  / { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) passed += $(i-1); if ($i ~ /^failed/) failed += $(i-1) } }
        /^(#|ℹ) pass [0-9]/ { passed += $3 }
        /^(#|ℹ) fail [0-9]/ { failed += $3 }
        END { print passed + 0, failed + 0 }'
}

find_chromium() {
    local name
    for name in chromium chromium-browser google-chrome; do command -v $name && return; done
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return
    say "installing chromium for the browser tests" >&2
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1
    command -v chromium
}

scripts/setup.sh
scripts/web.sh
. scripts/env.sh

if start_llm models/smollm2-135m.toml; then
    export FLAKYDETECTOR_LLM_URL=$LLM_URL
else
    say "skipped: the tests against a live model server, since none could be brought up"
fi
check format cargo fmt --check
check lints cargo clippy --release --all-targets -- -D warnings
tests rust cargo test --release --no-fail-fast
tests set-up "$FLAKYDETECTOR_TOOLS/bin/python" scripts/test_models.py
tests page npm --prefix web test
check binary cargo build --release
if CHROMIUM=$(find_chromium); then
    export CHROMIUM
    tests browser npm --prefix web run browser
else
    say "skipped: the browser tests, since there is no chromium (apt install chromium)"
fi

read -r passed failed < <(count "$logs"/*)
failed=$((failed + broken))
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

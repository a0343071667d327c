#!/usr/bin/env bash
# Every test there is: format, lints, Rust, set-up, page, browser. What a machine cannot run is said
# to be skipped. Goes on after a failure, and closes with the sums on a line of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
. scripts/llm.sh
. scripts/suite.sh
export NO_COLOR=1 CARGO_TERM_COLOR=never

logs=$(mktemp -d)
flakydetector=$CARGO_TARGET_DIR/release/flakydetector
broken=0
failing=()
service=
finish() {
    if [ -n "$service" ] && kill "$service" 2>/dev/null; then wait "$service" || true; fi
    stop_llm
    rm -rf "$logs"
}
trap finish EXIT
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
    failing+=("$name")
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

# Indexes a real suite and serves it; sets BASE_URL. No model takes part, so that the page's tests see
# the same answer each time.
start_service() {
    local port said=$logs/.service
    port=$("$FLAKYDETECTOR_TOOLS/bin/python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    export FLAKYDETECTOR_STORE=$logs/.store
    bring_suite && (cd "$SUITE" && "$flakydetector" index .) || return
    (cd "$SUITE" && exec "$flakydetector" serve --port "$port" --model none) >"$said" 2>&1 &
    service=$!
    for _ in $(seq 60); do
        if scripts/healthy.sh "$port" 2>/dev/null; then export BASE_URL=http://127.0.0.1:$port && return; fi
        kill -0 $service 2>/dev/null || break
        sleep 0.5
    done
    cat "$said"
    return 1
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
scripts/setup.sh pytest
scripts/web.sh
. scripts/env.sh

if start_llm models/smollm2-135m.toml; then
    export FLAKYDETECTOR_LLM_URL=$LLM_URL
else
    say "skipped: the tests against a live model server, since none could be brought up"
fi
[ -n "${QDRANT_URL:-}" ] || say "skipped: the contract of the store on a Qdrant server, since QDRANT_URL names none"
[ -n "${OLLAMA_HOST:-}" ] || say "skipped: the tests against a live Ollama, since OLLAMA_HOST names none"
check format cargo fmt --check
check lints cargo clippy --release --all-targets -- -D warnings
tests rust cargo test --release --no-fail-fast
tests set-up "$FLAKYDETECTOR_TOOLS/bin/python" scripts/test_models.py
tests page npm --prefix web test
check binary cargo build --release
if scripts/setup.sh mcp; then
    tests mcp "$FLAKYDETECTOR_TOOLS/bin/python" scripts/test_mcp.py "$flakydetector"
else
    say "skipped: mcp beside another's client, since that could not be brought"
fi
if CHROMIUM=$(find_chromium); then
    export CHROMIUM
    start_service || { say "the service does not start"; broken=$((broken + 1)); }
    tests browser npm --prefix web run browser
else
    say "skipped: the browser tests, since there is no chromium (apt install chromium)"
fi

read -r passed failed < <(count "$logs"/*)
failed=$((failed + broken))
# what failed, once more, where whoever reads only the end sees it
for name in "${failing[@]}"; do
    say "failed: $name"
    grep -E '^(test .* FAILED|not ok |error(\[|:)|---- .* stdout|thread .* panicked|Diff in |FAIL:|ERROR:)' -A6 "$logs/$name" | head -60 || true
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

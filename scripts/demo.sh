#!/usr/bin/env bash
# The main job on a real test suite, from a fresh clone to the page; a second run takes seconds.
#
#   make demo                 redis-py 5.0.8's own tests
#   make demo SUITE=path      any folder with Python tests
#   make demo SERVE=0         without the page at the end; PORT=8081 for another port
#   make demo MODEL=none      without a model; MODEL=NAME for one that Ollama has
set -euo pipefail
[ -z "${SUITE:-}" ] || SUITE=$(cd "$SUITE" && pwd) || { echo "demo: SUITE is not a readable folder" >&2; exit 2; }
cd "$(dirname "$0")/.."
. scripts/env.sh
. scripts/llm.sh
. scripts/suite.sh

question="similar async Redis flakes"
port=${PORT:-8080}
flakydetector=$CARGO_TARGET_DIR/release/flakydetector
service=

say() { echo "demo: $*" >&2; }
die() { say "$*"; exit 2; }

finish() {
    if [ -n "$service" ] && kill "$service" 2>/dev/null; then wait "$service" || true; fi
    stop_llm
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

python() { "$FLAKYDETECTOR_TOOLS/bin/python" "$@"; }

show() {
    local bold='' plain='' word
    if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; fi
    printf '\n%s$' "$bold"
    for word in "$@"; do
        case $word in *[!a-zA-Z0-9_./:=-]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '%s\n' "$plain"
}

# Shows a command of ours, then runs it.
run() {
    show flakydetector "$@"
    "$flakydetector" "$@"
}

# Whether an Ollama with a model in it answers where OLLAMA_HOST says.
ollama_answers() {
    python - "${OLLAMA_HOST:-127.0.0.1}" 2>/dev/null <<'PY'
import json, sys, urllib.parse, urllib.request
host = sys.argv[1] if "://" in sys.argv[1] else "http://" + sys.argv[1]
url = urllib.parse.urlsplit(host)
name = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1"}.get(url.hostname or "", url.hostname)
port = url.port or {"http": 11434, "https": 443}[url.scheme]
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
with direct.open(f"{url.scheme}://{name}:{port}{url.path.rstrip('/')}/api/tags", timeout=3) as answer:
    sys.exit(not json.load(answer)["models"])
PY
}

# Sets `model`, the options by which `explain` and `serve` find who writes the explanation.
choose_model() {
    model=()
    if [ "${MODEL:-}" = none ]; then
        model=(--model none)
    elif ollama_answers; then
        [ -z "${MODEL:-}" ] || model=(--model "$MODEL")
    elif start_llm models/qwen2.5-coder-1.5b.toml; then
        model=(--llm-url "$LLM_URL")
    else
        model=(--model none)
        say "no model could be brought, so the explanation is the evidence alone"
    fi
}

riskiest_hit() {
    "$flakydetector" search "$question" --format json |
        python -c 'import json, sys; print(max(json.load(sys.stdin)["hits"], key=lambda hit: hit["risk"])["id"])' 2>/dev/null
}

if [ "${SERVE:-1}" != 0 ] && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    die "port $port is taken by another program; name a free one, as in: make demo PORT=8081 (or SERVE=0 for no page)"
fi
scripts/setup.sh
scripts/web.sh
. scripts/env.sh
say "building the release binary (the first time all its libraries too, which takes a while)"
cargo build --release
ours=
[ -n "${SUITE:-}" ] || { bring_suite && ours=1; } || die "or give a folder with tests of your own: make demo SUITE=path"
choose_model

cd "$SUITE"
show cd "$SUITE"
if ! run index .; then
    # a store of an earlier version, say; what somebody else's holds is not ours to throw away
    [ -n "$ours" ] || exit 2
    run index --rebuild .
fi
run search "$question"
if hit=$(riskiest_hit); then
    run explain "$hit" "${model[@]}"
else
    say "nothing was found for that question here, so there is nothing to explain"
fi
run patterns

[ "${SERVE:-1}" != 0 ] || exit 0
say "the page is at http://127.0.0.1:$port; Ctrl-C ends it"
show flakydetector serve --port "$port" "${model[@]}"
"$flakydetector" serve --port "$port" "${model[@]}" &
service=$!
wait "$service"

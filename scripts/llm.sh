# shellcheck shell=bash
# A real chat model on loopback for the demo and the live tests: brought when it is not there yet,
# served by llama.cpp. Expects scripts/env.sh; who sources this calls stop_llm at its end.

# start_llm PINS.toml [OPTION…]: sets LLM_URL, or returns 1 having said why on standard error.
# The options go to scripts/llm-server.py.
start_llm() {
    local pins=$1 folder=$FLAKYDETECTOR_MODELS/chat python=$FLAKYDETECTOR_TOOLS/bin/python model
    shift
    model=$folder/$(sed -n 's/^path = "\(.*\)"/\1/p' "$pins")
    if ! scripts/setup.sh llm || ! "$python" scripts/models.py "$pins" "$folder"; then return 1; fi
    LLM_SAID=$(mktemp -d)
    "$python" scripts/llm-server.py --model "$model" --port 0 "$@" >"$LLM_SAID/url" 2>"$LLM_SAID/log" &
    LLM_PID=$!
    for _ in $(seq 240); do
        # shellcheck disable=SC2034 # read by who sources this
        LLM_URL=$(grep -m1 '^http' "$LLM_SAID/url") && return
        kill -0 "$LLM_PID" 2>/dev/null || break
        sleep 0.5
    done
    echo "the model server did not come up: $(tail -n 1 "$LLM_SAID/log")" >&2
    stop_llm
    return 1
}

stop_llm() {
    [ -n "${LLM_PID:-}" ] || return 0
    kill "$LLM_PID" 2>/dev/null || true
    wait "$LLM_PID" 2>/dev/null || true
    rm -rf "$LLM_SAID"
    LLM_PID=
}

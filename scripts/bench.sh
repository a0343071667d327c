#!/usr/bin/env bash
# Figures beside a peer, in one run:  scripts/bench.sh scan|search
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
. scripts/suite.sh

make --no-print-directory build
program=$CARGO_TARGET_DIR/release/flakydetector
suites=$FLAKYDETECTOR_CACHE/suites
case $1 in
scan)
    scripts/setup.sh bench
    bring_suite
    exec "$FLAKYDETECTOR_TOOLS/bin/python" scripts/bench_scan.py "$program" "$SUITE" "$suites"
    ;;
search)
    scripts/setup.sh search
    "$FLAKYDETECTOR_TOOLS/bin/python" scripts/suites.py "$suites/search"
    exec "$FLAKYDETECTOR_TOOLS/bin/python" scripts/bench_search.py "$program" "$suites/search"
    ;;
*)
    echo "bench: there is no bench '$1'; it is scan or search" >&2
    exit 2
    ;;
esac

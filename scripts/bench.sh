#!/usr/bin/env bash
# Figures beside a peer, in one run:  scripts/bench.sh scan
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
. scripts/suite.sh

make --no-print-directory build
scripts/setup.sh bench
bring_suite
exec "$FLAKYDETECTOR_TOOLS/bin/python" "scripts/bench_$1.py" "$CARGO_TARGET_DIR/release/flakydetector" "$SUITE" "$FLAKYDETECTOR_CACHE/suites"

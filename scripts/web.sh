#!/usr/bin/env bash
# Builds the page in web/ into web/dist, from where it goes into the binary. Does nothing while the
# sources are the ones of the last build.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
scripts/setup.sh node
. scripts/env.sh
cd web

say() { echo "web: $*" >&2; }
die() { say "$*"; exit 2; }

# The stamps lie in node_modules, which npm empties itself and nobody keeps.
stamps=node_modules/.flakydetector
packages=$(node --version; sha256sum package-lock.json)
if [ "$(cat $stamps/packages 2>/dev/null)" != "$packages" ]; then
    say "installing the packages of web/package-lock.json"
    npm ci --no-audit --no-fund --no-update-notifier --loglevel=error >&2 ||
        die "npm could not install them (see above); is the network there? then run it again"
    mkdir -p $stamps
    echo "$packages" >$stamps/packages
fi

# The page's words for the features are read from the source that defines them.
sources=$(find . ../src/risk/features.rs \( -name node_modules -o -name dist \) -prune -o -type f -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
if [ "$(cat $stamps/sources 2>/dev/null)" != "$sources" ] || [ ! -f dist/index.html ]; then
    say "building the page"
    output=$(npm run --silent build 2>&1) || { echo "$output" >&2; die "the page does not build (see above)"; }
    echo "$sources" >$stamps/sources
fi

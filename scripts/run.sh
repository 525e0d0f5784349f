#!/bin/bash
# Starts loggr in the foreground with its default configuration and says how to feed it.
# Ctrl-C stops it; what it has received stays in the data directory.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
data=${LOGGR_DATA:-$root/loggr-data}
loggr=${CARGO_TARGET_DIR:-$root/target}/release/loggr

cat <<END

loggr starts with its data in $data; Ctrl-C stops it.

  Send it one line:     $loggr send --to relp://127.0.0.1:2514 -m "hello from \$(hostname)"
  Find it again:        $loggr search --data-dir $data hello
  How it is:            $loggr status --data-dir $data
  In the browser:       http://127.0.0.1:8080/

  Point rsyslog at it with two lines in /etc/rsyslog.d/loggr.conf (package rsyslog-relp):
    module(load="omrelp")
    action(type="omrelp" target="127.0.0.1" port="2514")
  or without RELP:
    action(type="omfwd" target="127.0.0.1" port="1514" protocol="tcp")

END
# Root stays root only where it is said, and this is the place to say it: the data lie in this directory.
as=()
[ "$(id -u)" -ne 0 ] || as=(--user root)
exec "$loggr" run --data-dir "$data" "${as[@]}"

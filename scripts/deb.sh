#!/bin/bash
# Builds the Debian package; it lies in the target directory below debian/. Completions, man
# page and the default configuration are what the built program prints, so they cannot
# differ from it.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
directory=$target/release
export CARGO_TARGET_DIR=$target
cd "$root"

if ! cargo deb --version >/dev/null 2>&1; then
    if [ ! -x "$target/tools/bin/cargo-deb" ]; then
        echo "setup: building cargo-deb into $target/tools" >&2
        # Without liblzma: it then packs with the `xz` program, or with gzip.
        cargo install -q cargo-deb --no-default-features --root "$target/tools" --target-dir "$target/tools/build"
    fi
    PATH=$target/tools/bin:$PATH
fi

cargo build --release -p loggr
made=$directory/deb
mkdir -p "$made"
loggr=$directory/loggr
rm -rf "$made/man"
"$loggr" man --directory "$made/man"
gzip -9n "$made"/man/*.1
"$loggr" completions bash >"$made/loggr.bash"
"$loggr" completions zsh >"$made/_loggr"
"$loggr" completions fish >"$made/loggr.fish"
# The service's user has no home to keep data in.
"$loggr" config | sed 's|^# directory = "/var/lib/loggr"|directory = "/var/lib/loggr"|' >"$made/loggr.toml"
grep -q '^directory = "/var/lib/loggr"' "$made/loggr.toml"
"$loggr" check --config "$made/loggr.toml" >/dev/null

cargo deb --no-build -p loggr

#!/bin/bash
# Builds the Debian package; it lies in the target directory below debian/, and beside it the
# program's symbols, for a debugger. Completions, man page and the default configuration are
# what the built program prints, so they cannot differ from it.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
directory=$target/dist
# The program that people install is smaller than this: a limit against growth that nobody notices.
most_bytes=30000000
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

# Functions that came out alike stand in the program once, and its relocations are packed: what Rust's
# own linker does where it is used.
links=()
case $(rustc -vV | sed -n 's/^host: //p') in
x86_64-unknown-linux-gnu) links=(-C link-arg=-Wl,--icf=all -C link-arg=-Wl,-z,pack-relative-relocs) ;;
esac
cargo rustc --profile dist -p loggr --bin loggr -- "${links[@]}"
made=$directory/deb
mkdir -p "$made"
loggr=$made/loggr
objcopy --only-keep-debug "$directory/loggr" "$made/loggr.debug"
objcopy --strip-all --add-gnu-debuglink="$made/loggr.debug" "$directory/loggr" "$loggr"
bytes=$(stat -c %s "$loggr")
if [ "$bytes" -ge "$most_bytes" ]; then
    echo "error: the stripped program has $bytes bytes, which is $most_bytes or more" >&2
    exit 1
fi
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

cargo deb --no-build --profile dist -p loggr
cp "$made/loggr.debug" "$target/debian/loggr.debug"
echo "the program has $bytes bytes; its symbols lie beside the package in loggr.debug"

#!/bin/bash
# Runs every fuzz target for FUZZ_SECONDS (30) each, or those named: scripts/fuzz.sh relp framing
# A finding is written to fuzz/artifacts and ends the run with an error.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
seconds=${FUZZ_SECONDS:-30}
cd "$root"

if ! cargo fuzz --version >/dev/null 2>&1; then
    if [ ! -x "$target/tools/bin/cargo-fuzz" ]; then
        echo "setup: building cargo-fuzz into $target/tools" >&2
        cargo install -q cargo-fuzz --root "$target/tools" --target-dir "$target/tools/build"
    fi
    PATH=$target/tools/bin:$PATH
fi

# The sanitizer flags are for a nightly compiler; a stable one takes them when told to.
if rustc +nightly --version >/dev/null 2>&1; then
    toolchain=+nightly
else
    toolchain=
    export RUSTC_BOOTSTRAP=1
fi

names=("$@")
[ ${#names[@]} -gt 0 ] || mapfile -t names < <(cargo fuzz list)
for name in "${names[@]}"; do
    echo "fuzz: $name for $seconds s"
    mkdir -p "fuzz/corpus/$name"
    # shellcheck disable=SC2086 # the toolchain is one word or none
    cargo $toolchain fuzz run --target-dir "$target/fuzz" "$name" "fuzz/corpus/$name" -- \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=0 -verbosity=0
done
echo "fuzz: nothing found in ${#names[@]} targets, $seconds s each"

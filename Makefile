# Everything a person or CI runs. `make run` and `make test` do their own set-up on a fresh Debian machine.

export CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TERM_COLOR ?= auto

.PHONY: help run test test-long check lint bench fuzz docs deb ui ui-check setup setup-test

help:
	@echo 'make run        set up, build, and start loggr here; Ctrl-C stops it'
	@echo 'make test       set up and run every test'
	@echo 'make test-long  the same with long crash rounds'
	@echo 'make check      format, lints, licences, documentation'
	@echo 'make bench      compare with rsyslog on this machine'
	@echo 'make fuzz       each fuzz target for 30 s (FUZZ_SECONDS=N)'
	@echo 'make deb        the Debian package'
	@echo 'make ui         the web page: `ui/dist` out of `ui/src`'
	@echo 'make ui-check   its types, lints, unit tests and size'
	@echo 'make docs       write the generated reference pages and the API documentation'

run: setup
	cargo build --release -p loggr
	@exec scripts/run.sh

# The integration tests come last: what they print closes the run.
test: setup-test lint ui-check
	cargo test --workspace --lib --bins
	cargo test --workspace --doc
	cargo test --workspace --no-fail-fast --test '*'

test-long: export LOGGR_TEST_LONG = 1
test-long: test

check: setup lint

# The fuzz targets are checked without the library that drives them, which needs a C++ compiler.
lint: export CUSTOM_LIBFUZZER_PATH = /nowhere/libfuzzer.a
lint: export CUSTOM_LIBFUZZER_STD_CXX = none
lint:
	node ui/scripts/stamp.mjs check
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings -A rustdoc::private-intra-doc-links' cargo doc --workspace --no-deps --document-private-items
	cargo check --manifest-path fuzz/Cargo.toml
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check licenses bans sources; \
	else echo 'cargo-deny is not installed: only the tidy test checks licences and banned crates'; fi

bench: setup-test
	cargo build --release -p loggr
	python3 bench/run.py
	cargo bench --workspace --bench parse --bench framing --bench grok --bench lookups --bench machine

fuzz: setup
	scripts/fuzz.sh

docs: setup
	cargo doc --workspace --no-deps

deb: setup
	scripts/deb.sh

ui: ui/node_modules
	cd ui && ../scripts/node.sh npm run build

ui-check: ui/node_modules
	cd ui && ../scripts/node.sh npm run check

ui/node_modules: ui/package-lock.json
	cd ui && ../scripts/node.sh npm ci --no-audit --no-fund
	@touch ui/node_modules

setup:
	@scripts/setup.sh run

setup-test:
	@scripts/setup.sh test

# Every target first installs what it needs and is missing (scripts/setup); a second run installs nothing.

# rustup's own place is not on every PATH.
export PATH := $(PATH):$(HOME)/.cargo/bin
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help demo stack run build test torture fuzz check bench load sbom brokers setup clean

# The demo needs no speed: the development profile builds in a third of the time of the release
# profile. A release binary that is there already is used.
profile := $(if $(wildcard $(or $(CARGO_TARGET_DIR),target)/release/tendlc-relay),--release)

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

demo: ## a 10DLC story sent to a relay in a temporary directory, and what became of it
	@scripts/setup build
	@cargo run -q --locked $(profile) -- demo $(ARGS)

stack: ## what docker-compose.yml starts with its profile `demo`, without Docker: relay, Kafka, NATS, Prometheus, Alertmanager
	@scripts/setup build brokers readers
	@cargo build -q --locked $(profile) --bins
	@scripts/brokers stack $(or $(CARGO_TARGET_DIR),target)/$(if $(profile),release,debug) $(ARGS)

run: ## the relay with config/relay.toml: no broker needed (ARGS='...' for more arguments)
	@scripts/setup build
	@cargo run -q --locked $(profile) -- serve --config config/relay.toml $(ARGS)

build: ## the release binary, target/release/tendlc-relay
	@scripts/setup build
	@cargo build --locked --release $(ARGS)

# Most tests wait, for a broker to come back or a try that is due: two more at a time than there are processors.
test: export RUST_TEST_THREADS ?= $(shell expr $$(nproc) + 2)
test: ## every test, against real NATS and Kafka servers (ARGS='--test it kafka' for some)
	@scripts/setup build brokers readers sdks contract
	@cargo test -q --locked --no-run
	@scripts/brokers with cargo test --locked $(ARGS)

# Without a real broker it would pass having tried nothing.
torture: export CI := true
# What is shipped is what has to hold.
torture: export TENDLC_TEST_PROGRAMS := $(or $(CARGO_TARGET_DIR),target)/release
torture: ## the long forms of the fault, attack and scaling suites on the release build, the chaos of plivo-sim with 100,000 callbacks
	@scripts/setup build brokers readers
	@cargo build -q --locked --release
	@cargo test -q --locked --no-run --test it
	@TENDLC_TEST_TORTURE=1 scripts/brokers with cargo test --locked --test it -- --nocapture --test-threads 1 sim::brokers faults:: attacks:: scaling:: deploy::clusters
	@$(MAKE) fuzz

fuzz: ## each fuzz target for SECONDS (600): nightly Rust and cargo-fuzz, installed when missing
	@scripts/setup build
	@scripts/fuzz $(or $(SECONDS),600)

check: ## formatting, lints, documentation, licences, and the files under deploy/
	@scripts/setup build brokers lint
	@scripts/check

bench: ## requests per second with fsync on, drain rates to NATS and Kafka (ARGS=--quick for a short one)
	@scripts/setup build brokers
	@cargo bench -q --locked --bench road -- $(ARGS)

load: ## the relay beside plivo-sim's load (ARGS='--rate 2000 --duration 30s'; PROFILE=dev for a quick look)
	@scripts/setup build
	@PROFILE=$(PROFILE) scripts/load $(ARGS)

sbom: ## what the binaries are made of, in CycloneDX, in target/sbom
	@scripts/setup build sbom
	@scripts/sbom $(ARGS)

brokers: ## the brokers of the tests, kept running; scripts/brokers down ends them
	@scripts/setup brokers readers sdks contract
	@scripts/brokers up

setup: ## install everything that building, testing and checking need
	@scripts/setup

clean: ## remove what was built (not the cache of downloads)
	@scripts/brokers down
	@cargo clean -q

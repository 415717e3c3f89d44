# The built crates are kept outside the clone, so that a fresh clone does not compile DataFusion again.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/clicktrail/target

.PHONY: bench build demo doc lint simulate test

# The whole workspace, with the one profile there is.
build:
	cargo build --release --workspace

# The whole job on simulated clicks in one process, without anything to set up.
demo: build
	$(CARGO_TARGET_DIR)/release/clicktrail demo

# Everything, with a nats-server, PostgreSQL and an S3 that are started for it.
test:
	.ci/services run cargo test --release --workspace

# Made-up worlds in which everything fails that can fail: seeds FROM to SEEDS, or with SEED=17 that one and its
# journal, each for so many HOURS (720 are a month).
FROM ?= 0
SEEDS ?= 1000
HOURS ?= 3
simulate:
	CLICKTRAIL_FROM=$(FROM) CLICKTRAIL_SEEDS=$(SEEDS) CLICKTRAIL_SEED=$(SEED) CLICKTRAIL_HOURS=$(HOURS) \
	cargo test --release --workspace --lib -- --ignored --exact --nocapture \
		simulation::tests::$(if $(SEED),one_seed_with_its_journal,as_many_seeds_as_one_likes)

# Speed and memory on this machine, as one table and one line of JSON; the binary's --help says how to measure less.
bench: build
	.ci/services bench $(CARGO_TARGET_DIR)/release/clicktrail-bench --record docs/measurements/bench.jsonl

# What a reviewer would say first. Clippy runs as the workspace's compiler, so that DataFusion is not checked once more,
# and neither optimises nor links: nothing of it is run.
lint:
	cargo fmt --check
	RUSTC_WORKSPACE_WRAPPER=clippy-driver \
	CLIPPY_ARGS=-Dwarnings__CLIPPY_HACKERY__-Copt-level=0__CLIPPY_HACKERY__-Clinker=true \
		cargo build --release --workspace --all-targets

# The documentation of every room in target/doc; a warning is an error. See .ci/rustdoc for why not `cargo doc`.
doc:
	RUSTDOC=$(CURDIR)/.ci/rustdoc cargo test --release --workspace --doc

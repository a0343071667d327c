# Everything here is a script in scripts/; `make help` says what there is.
.PHONY: help demo test build setup lint clean fuzz bench-scan bench-search bench-import bench-hunt bench-mended

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-11s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## the main job on redis-py's tests, then the page (SUITE=path SERVE=0 PORT=8081 MODEL=none)
	@scripts/demo.sh

test: ## every test
	@scripts/test.sh

build: setup ## the release binary with the page in it
	@scripts/web.sh
	@. scripts/env.sh && cargo build --release && echo "$$CARGO_TARGET_DIR/release/flakydetector"

setup: ## what building and running need, without root
	@scripts/setup.sh

lint: setup ## format and lints, warnings denied
	@scripts/web.sh
	@. scripts/env.sh && cargo fmt --check && cargo clippy --release --all-targets -- -D warnings

fuzz: setup ## ten minutes of generated Python for the scanner (FUZZ_SECONDS=60)
	@. scripts/env.sh && FUZZ_SECONDS=$${FUZZ_SECONDS:-600} cargo test --release --test it -- robustness --nocapture

bench-import: build ## 1,000 reports taken in, 100,000 tests scored
	@. scripts/env.sh; python3 scripts/bench_import.py "$$CARGO_TARGET_DIR/release/flakydetector"

bench-hunt: build ## hunts on labelled repositories: CLONES=folder of clones, LABELS=list, WORK=folder (runs their code)
	@. scripts/env.sh; python3 scripts/bench_hunt.py "$$CARGO_TARGET_DIR/release/flakydetector" --clones "$(CLONES)" --labels "$(LABELS)" --work "$(WORK)"

bench-mended: build ## hunts for tests that people mended: CLONES=folder of clones, WORK=folder (runs their code)
	@. scripts/env.sh; python3 scripts/bench_mended.py "$$CARGO_TARGET_DIR/release/flakydetector" --clones "$(CLONES)" --work "$(WORK)"

bench-scan: ## the scanner beside ruff, in time and memory
	@scripts/bench.sh scan

bench-search: ## index and search beside ChromaDB, in time and memory
	@scripts/bench.sh search

clean: ## what was built; downloaded tools and models stay
	@. scripts/env.sh && rm -rf web/dist web/node_modules && cargo clean

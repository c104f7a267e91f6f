# Everything that one does with a clone of luigiviz. `make` alone lists it.

PYTHON ?= python3
BIN := .venv/bin
STAMPS := .venv/.stamps
# Extra arguments: make run ARGS="--port 9000", make test ARGS="-k retry".
ARGS ?=
# How often `make torture` kills a server.
KILLS ?= 1000

.DEFAULT_GOAL := help
.PHONY: help setup run demo test screenshots lint format bench bench-engine e2e fuzz torture proxies lock clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: $(STAMPS)/dev ## install all that running, developing and testing need

run: $(STAMPS)/run ## start the scheduler and its pages on port 8082, with history on
	@$(BIN)/luigiviz serve --history $(ARGS)

demo: $(STAMPS)/run ## start the scheduler together with real workers that run a demo pipeline
	@$(BIN)/luigiviz demo $(ARGS)

test: $(STAMPS)/dev lint ## lint, then all tests
	$(BIN)/python -m pytest $(ARGS)

e2e: $(STAMPS)/dev ## only the tests with real luigi processes
	$(BIN)/python -m pytest tests/e2e $(ARGS)

screenshots: $(STAMPS)/dev ## remake docs/screenshots from the demo pipeline
	$(BIN)/python scripts/screenshots.py

lint: $(STAMPS)/dev ## style, formatting, types, and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMPS)/dev ## format the code and fix what can be fixed by machine
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMPS)/dev ## side-by-side benchmarks against luigid
	$(BIN)/python -m bench $(ARGS)

bench-engine: $(STAMPS)/dev ## what each call of the engine costs, from a thousand to a million tasks
	$(BIN)/python -m bench.engine $(ARGS)

fuzz: $(STAMPS)/dev ## compare the engine with Luigi's scheduler over ten million random calls (ARGS="--calls 1000000")
	$(BIN)/python -m tests.conformance.fuzz $(ARGS)

torture: $(STAMPS)/dev ## all tests of faults, with a thousand crashes under load (KILLS=100)
	LUIGIVIZ_TEST_KILLS=$(KILLS) LUIGIVIZ_TEST_SEED=$(or $(SEED),$(shell date +%s)) $(BIN)/python -m pytest tests/faults $(ARGS)

proxies: $(STAMPS)/dev ## try HAProxy and nginx, which have to be installed, as docs/operations.md sets them up
	$(BIN)/python -m pytest -m proxies $(ARGS)

lock: ## remake constraints.txt from the newest releases that pyproject.toml allows
	@PYTHON="$(PYTHON)" scripts/lock

clean: ## remove the virtual environment, caches and builds
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMPS)/run: pyproject.toml constraints.txt scripts/setup scripts/system-packages
	@PYTHON="$(PYTHON)" scripts/setup run
	@touch $@

$(STAMPS)/dev: pyproject.toml constraints.txt scripts/setup scripts/system-packages
	@PYTHON="$(PYTHON)" scripts/setup dev
	@touch $(STAMPS)/run $@

# Everything one types here; `make` alone lists it.
# Needs a POSIX shell, Python 3.11 to 3.13 and a package index. Makes its own environment, .venv/.

.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := /bin/sh
BIN := .venv/bin
# Three workers for two cores, for many tests wait; each test file stays with one, so that its servers are made once.
# In the order of their names the last files are short, and no worker waits for another's.
PYTEST_ARGS ?= -n 3 --dist loadfile --no-loadscope-reorder
BENCH_ARGS ?=
FALSIFY_RUNS ?= 20
LOCK_ARGS ?=

# A foreign PYTHONPATH would put other packages before the locked ones; without bytecode each of the hundreds of
# processes that the tests start would compile the library anew.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

# TEXT, DOCS and QUESTION reach the demo as they were typed: `value` keeps make from reading $ in them, the environment
# keeps the shell from reading quotes. Their own names are not passed on, for make would expand them on the way.
export DEMO_TEXT := $(value TEXT)
export DEMO_QUESTION := $(value QUESTION)
export DEMO_DOCS := $(value DOCS)
unexport TEXT QUESTION DOCS
MAKEOVERRIDES :=

prepare = python=$$(scripts/find-python) && "$$python" scripts/environment.py
section = @printf '\n--- %s\n'

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: ## A language model on this machine answers: make demo TEXT=file, or DOCS=folder, QUESTION="..."
	@$(prepare) demo
	@$(BIN)/llamabot demo $${DEMO_TEXT:+"--text=$$DEMO_TEXT"} $${DEMO_DOCS:+"--docs=$$DEMO_DOCS"} \
		$${DEMO_QUESTION:+"--question=$$DEMO_QUESTION"}

.PHONY: test
test: lint types ## Check everything: format, lint, import arrows, types, all tests (PYTEST_ARGS=...)
	$(section) 'tests'
	@$(BIN)/pytest $(PYTEST_ARGS)

.PHONY: test-fast
test-fast: dev ## Run what tells most in half a minute: no model, no servers, short searches
	@$(BIN)/pytest -m 'not (embedded or loopback or slow)' --hypothesis-profile fast $(PYTEST_ARGS) \
		tests/architecture tests/contract tests/property tests/unit

.PHONY: dev
dev: ## Make or mend .venv/ for development (PYTHON=... names the Python)
	@$(prepare) dev

.PHONY: lint
lint: dev ## Check format, lint and import arrows
	$(section) 'format'
	@$(BIN)/ruff format --check .
	$(section) 'lint'
	@$(BIN)/ruff check .
	$(section) 'import arrows'
	@$(BIN)/lint-imports --no-cache

.PHONY: types
types: dev ## Check types
	$(section) 'types'
	@$(BIN)/mypy

.PHONY: format
format: dev ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: bench
bench: dev ## Measure, and write docs/benchmarks.md (BENCH_ARGS=...)
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

.PHONY: bench-peers
bench-peers: dev ## Measure against others, each in an environment of its own; write docs/benchmarks.md
	@$(BIN)/python -m benchmarks peers --write

.PHONY: mutation
mutation: dev ## Try small changes of the domain on the tests; write docs/mutation.md (ONLY=files, JOBS=2, PATIENCE=2.5)
	@$(BIN)/python -m mutation --jobs $(or $(JOBS),2) --patience $(or $(PATIENCE),2.5) $(ONLY)

.PHONY: falsify
falsify: dev ## Check that the kit catches bugs and passes what is right, and write docs/falsify.md (FALSIFY_RUNS=20)
	@$(BIN)/python -m tests.falsify $(FALSIFY_RUNS)

.PHONY: fuzz
fuzz: dev ## Search streams of bytes that break their reading, with atheris (FUZZ_S=60 seconds)
	@$(BIN)/python -m tests.fuzz $(or $(FUZZ_S),60)

.PHONY: build
build: dev ## Build the wheel and the source archive into dist/
	@$(BIN)/python -m build --no-isolation --outdir dist .

# A lock names versions and hashes and no address, so that it installs from any index.
compile = $(BIN)/uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate $(LOCK_ARGS)

.PHONY: lock
lock: dev ## Write requirements/ anew from pyproject.toml (LOCK_ARGS=--upgrade takes newer versions)
	@$(compile) --extra all --group pyproject.toml:dev --output-file requirements/dev.txt pyproject.toml >/dev/null
	@$(compile) --extra cli --extra local --extra documents --extra faiss --group pyproject.toml:demo \
		--constraint requirements/dev.txt --output-file requirements/demo.txt pyproject.toml >/dev/null

.PHONY: clean
clean: ## Remove caches and builds
	@rm -rf build dist .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: clean-all
clean-all: clean ## Remove .venv/ too; the cached model stays
	@rm -rf .venv

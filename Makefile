# From a fresh clone with Python >= 3.11 and make, and nothing else. `make` alone lists the targets.
# Another interpreter: make test PYTHON=python3.13 VENV=.venv-3.13

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
PEERS  := $(VENV)/.peers

# Processes that share the tests; a file's tests stay in one.
WORKERS ?= 2

# Extra words for pytest, for example: make test PYTEST_ARGS="tests/unit -x"
PYTEST_ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test smoke faults orderfaults lifecycle mutants lint bench docs lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(STAMP) ## set up, then watch the main job happen in the home .demo/
	$(BIN)/bot demo

test: $(STAMP) ## set up, then run all tests (WORKERS=0 for one process)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)

smoke: $(STAMP) ## the few seconds of tests for daily work
	$(BIN)/python -m pytest -q -m smoke $(PYTEST_ARGS)

faults: $(STAMP) ## break the state store in every way, long form; renews the table in docs/reliability.md
	$(BIN)/python -m tests.faults.report

orderfaults: $(STAMP) ## 1,000 random faults around exits; renews their table in docs/reliability.md
	$(BIN)/python -m tests.faults.order_report

lifecycle: $(STAMP) ## 10,000 orders of pause and exit, a month in the life, races; renews their table there
	$(BIN)/python -m tests.faults.lifecycle_report

mutants: $(STAMP) ## prove that the fault tests can fail: defects put in, one at a time
	$(BIN)/python -m tests.faults.mutants

lint: $(STAMP) ## ruff, formatting, mypy --strict and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(PEERS) ## measure side by side; prints a table, renews docs/performance.md (about seven minutes)
	$(BIN)/python -m benchmarks.run

docs: $(STAMP) ## generate the reference pages and build the site into site/
	$(BIN)/python -m docs.generate
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

lock: $(STAMP) ## pin the newest allowed versions anew into requirements.lock
	.ci/lock $(BIN)/python

clean: ## remove what the other targets made (not state/, risk_proposals/ and backups/)
	rm -rf .venv .venv-* .demo site build dist .coverage
	rm -rf .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: $(STAMP) ## install what the other targets need into .venv

# Queues that are only measured beside ours; without their dependencies, so that no tested version changes.
$(PEERS): benchmarks/requirements.txt $(STAMP)
	@$(BIN)/python -m pip install -qq --no-deps -r benchmarks/requirements.txt
	@touch $@

# The stamp is written last: an interrupted set-up is begun again.
$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "make: there is no '$(PYTHON)' on PATH."; \
	  echo "      Install Python 3.11 or newer, or name one: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: Python 3.11 or newer is needed; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	  echo "      Name another one: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.13"; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "make: '$(PYTHON)' lacks the modules venv and ensurepip."; \
	  echo "      On Debian and Ubuntu: apt install python3-venv"; exit 2; }
	@echo "make: setting up $(VENV) from requirements.lock with $$($(PYTHON) --version); about a minute, once"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install -qq --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable .
	@touch $@

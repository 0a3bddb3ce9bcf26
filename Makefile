# `make demo` opens the console on the embedded cluster, `make test` runs every test.
# Both set up a virtual environment of their own in .venv first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# Twice the processors: many tests wait for a cluster's time to pass. Stolen work keeps all of them busy to the end.
CORES  := $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n > 4 ? 4 : n)))
JOBS   ?= $(shell echo $$(( $(CORES) * 2 )))
SPREAD := -n $(JOBS) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-real check bench clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "bakeryops needs Python 3.11 or later; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "python3 could not make a virtual environment. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(STAMP)  ## open the console on the embedded cluster
	@$(BIN)/bakeryops demo $(ARGS)

test: $(STAMP)  ## every test that needs no cluster
	$(BIN)/pytest $(SPREAD) $(ARGS)

test-fast: $(STAMP)  ## the inner loop: all but the slow tests
	$(BIN)/pytest $(SPREAD) -m 'not slow' -x -q $(ARGS)

test-real: $(STAMP)  ## against the cluster that BAKERYOPS_TEST_KUBECONFIG names
	$(BIN)/pytest tests/real $(ARGS)

check: $(STAMP)  ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)  ## measure; writes .bench/results.json and .bench/results.md
	$(BIN)/python -m benchmarks $(ARGS)

clean:  ## remove what was built
	rm -rf $(VENV) dist build .bench

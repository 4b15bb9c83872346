# The targets to know. `make` alone lists them.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all test-gpu check docs bench

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(READY) ## create .venv from requirements.lock and install the package into it, editable

# The lock holds the build back end too, so nothing is fetched that it does not name.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "MedAdapt needs Python 3.11 or newer: make setup PYTHON=python3.11" >&2; exit 2; }
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## tune the sample base on sample data and see the proof, offline
	$(BIN)/medadapt demo

test: setup ## run the test suite (no GPU, no network, minutes at most)
	$(BIN)/pytest -n auto --dist loadfile

test-all: setup ## run the slow tests on full data sets as well
	$(BIN)/pytest -n auto --dist loadfile -m "not gpu and not network"

test-gpu: setup ## run the tests that need a CUDA device
	$(BIN)/pytest -m gpu tests/gpu

check: setup ## lint, format, types and the import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup ## write the reference pages that follow from the code
	$(BIN)/python docs/generate.py

bench: setup ## measure speed and memory, beside the peers, on this machine, into benchmarks/results/
	$(BIN)/python benchmarks/run.py

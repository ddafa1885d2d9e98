# Everything is installed into $(VENV) in this folder and nothing needs root. `make help` lists the targets.
# pip reads the machine's own settings (pip.conf, PIP_* variables); this file names no package index.

VENV ?= .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check
PACKAGES := $(sort $(wildcard packages/*))

# The first Python that is new enough; `make PYTHON=/path/to/python3 ...` names another one.
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

PYTEST := $(PY) -m pytest -n 2 --dist worksteal --timeout 600
QUICK := not slow and not gpu and not hardware and not network
SLOW := slow and not gpu and not hardware and not network

# On a terminal pip shows what it downloads; in a log one line is enough.
QUIET := $(if $(MAKE_TERMOUT),,--quiet)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-wheels check format format-check lint types imports docs docs-check lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-11s  %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/.packages ## install the locked packages and this checkout into .venv

demo: setup ## train on scanned digits, quantize, evaluate, run as firmware on an emulated board
	$(BIN)/zoo run examples/digits_chain_tqeb.yaml

test: setup ## run the tests, without the slow ones and those that need a GPU, a board or the internet
	$(PYTEST) -m "$(QUICK)" $(ARGS)

test-slow: setup ## run the slow tests
	$(PYTEST) -m "$(SLOW)" $(ARGS)

test-wheels: setup ## build wheels and try each package alone in a clean environment; installs packages, takes long
	$(PY) -m pytest -m "slow and network" tests/wheels $(ARGS)

check: format-check lint types imports docs-check ## check format, lint, types, imports and generated docs

format: setup ## format the code and mend what ruff can mend
	$(PY) -m ruff format
	$(PY) -m ruff check --fix

format-check: setup
	$(PY) -m ruff format --check

lint: setup ## check the code with ruff
	$(PY) -m ruff check

types: setup ## check the types with mypy
	$(PY) -m mypy

imports: setup ## check which package may import which
	$(BIN)/lint-imports

docs: setup ## write the generated parts of docs/ anew
	$(PY) docs/generate.py

docs-check: setup
	$(PY) docs/generate.py --check

# Trackers are left out: each of them brings dozens of packages.
EXTRAS := torch onnx testing pytorchcv video metric-learning board

lock: setup ## resolve the third-party versions anew; LOCK=--upgrade takes the newest
	$(BIN)/uv pip compile requirements.in $(addsuffix /pyproject.toml,$(PACKAGES)) $(addprefix --extra ,$(EXTRAS)) \
		$(addprefix --no-emit-package ,$(notdir $(PACKAGES))) --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		--quiet --output-file requirements.txt $(LOCK)

# The tools that build packages come first, so that no build fetches anything that is not locked.
$(VENV)/.locked: requirements.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found. Name one: make PYTHON=/path/to/python3" >&2; exit 3; }
	@echo "Installing the locked packages into $(VENV): several GB on Linux, once."
	$(PYTHON) -m venv $(VENV)
	@awk '/^(editables|hatchling|packaging|pathspec|pluggy|setuptools|tomlkit|trove-classifiers)==/ { keep = 1 } \
		keep { print; if (!/\\$$/) keep = 0 }' requirements.txt > $(VENV)/build-tools.txt
	$(PIP) install $(QUIET) --no-deps --require-hashes --requirement $(VENV)/build-tools.txt
	$(PIP) install $(QUIET) --no-deps --require-hashes --no-build-isolation --requirement requirements.txt
	@touch $@

$(VENV)/.packages: $(VENV)/.locked $(addsuffix /pyproject.toml,$(PACKAGES))
	$(PIP) install $(QUIET) --no-deps --no-build-isolation $(addprefix --editable ./,$(PACKAGES))
	$(PIP) check
	@touch $@

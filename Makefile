# Every target runs in a new checkout and needs Python 3.11 or newer, make and a network.
# .venv is made first, and again only when a file that it is made from changes.

PYTHON ?=
PYTEST_ARGS ?=
# The number of processes that run tests in parallel.
WORKERS ?= auto
# Seeds for `make torture`: `17,18` or `1-300`; if empty, the usual seeds of each test.
SEEDS ?=

bin := .venv/bin
ready := .venv/ready

# Checks run one after the other, so that the last line of the output is pytest's.
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help setup demo check test torture coverage bench lint types browser node dist images lock clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

# `PYTHON=python3.13` makes .venv again if it has another Python.
version := import sys; print(sys.version)
ifneq ($(strip $(PYTHON)),)
ifneq ($(shell $(PYTHON) -c '$(version)'),$(shell $(bin)/python -c '$(version)' 2>&1))
.PHONY: $(ready)
endif
endif

setup: $(ready)  ## Put Kasir and all it needs into .venv

$(ready): requirements.lock pyproject.toml twin/pyproject.toml scripts/setup.sh
	@PYTHON='$(PYTHON)' sh scripts/setup.sh
	@touch $@

# `exec`, so that Ctrl-C and a supervisor's signal reach the demo itself and not a shell.
demo: $(ready)  ## Kasir, its database, the twin and a small shop, until Ctrl-C
	@exec $(bin)/kasir demo

# Adyen's OpenAPI files are not part of this repository: tests read a copy beside the checkout.
# Without a copy, the tests that need it are skipped and give the reason.
check test torture coverage: export ADYEN_OPENAPI ?= $(wildcard ../shared/openapi)
# Tests start about two hundred programs. With bytecode files, modules are compiled only once.
check test torture coverage: export PYTHONDONTWRITEBYTECODE =

# The tests of one file run in one process, because they may share a database.
parallel := --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

check: $(ready) lint types  ## What to run before each commit: lint, types, unit and property tests
	@$(bin)/python -m pytest -q $(parallel) tests/unit tests/property $(PYTEST_ARGS)

test: $(ready) browser node lint types  ## All checks and all tests but those of `make torture`
	@$(bin)/python -m pytest $(parallel) -m 'not long' $(PYTEST_ARGS)

# These tests run one at a time, because each of them loads the whole machine.
torture: export KASIR_SEEDS = $(SEEDS)
torture: $(ready) browser  ## Programs killed, connections cut, every page, many seeds: `make torture SEEDS=1-300`
	@$(bin)/python -m pytest -m long --ignore=$(images) $(PYTEST_ARGS)

# Needs root, Debian's package index and some minutes.
images := tests/packaging/test_image.py
images: $(ready)  ## Run every step of the Dockerfile in a bare Debian, and what the images serve
	@$(bin)/python -m pytest $(images) $(PYTEST_ARGS)

# The tests of `make test`, and which branches of the source they ran.
coverage: $(ready) browser node  ## The share of the source that `make test` runs, lowest files first
	@rm -rf .coverage && mkdir .coverage
	@$(bin)/python -m coverage run -m pytest $(parallel) -m 'not long' $(PYTEST_ARGS)
	@$(bin)/python -m coverage combine --quiet
	@$(bin)/python -m coverage report --sort=cover --fail-under=95

bench: $(ready)  ## Compare Kasir with its peers on this machine: ratios, and bench/results.json
	@$(bin)/python bench/run.py

lint: $(ready)  ## Style, format, and which package may import which
	@$(bin)/ruff check
	@$(bin)/ruff format --check
	@$(bin)/lint-imports

types: $(ready)  ## mypy, strict, on source, tests, benchmarks and scripts
	@$(bin)/mypy

browser: $(ready)  ## Find the browser that the tests drive, or download one
	@$(bin)/python scripts/browser.py

node:  ## Download Node packages for some tests, if node and npm are installed
	@sh scripts/node.sh

dist: $(ready)  ## Build the wheels and sdists of Kasir and of the twin into dist
	@$(bin)/python -m hatchling build -d dist
	@cd twin && ../$(bin)/python -m hatchling build -d ../dist

lock:  ## Pin requirements.lock and the images' locks again from pyproject.toml
	@PYTHON='$(PYTHON)' sh scripts/lock.sh

clean:  ## Remove .venv and all other files that these targets made
	rm -rf .venv .browser .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache \
		.schemathesis bench/results.json build dist tests/oracle/node/node_modules \
		tests/consumer/node_modules
	find src tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} +

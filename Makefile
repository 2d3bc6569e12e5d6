# Every target starts from a bare checkout: Python 3.11 or newer, make and a network.
# What they need is put into .venv first, and again only when what it is made from changes.

PYTHON ?=
PYTEST_ARGS ?=
# How many processes run tests at once.
WORKERS ?= auto
# Seeds for `make torture`: `17,18` or `1-300`; each test's usual ones if empty.
SEEDS ?=

bin := .venv/bin
ready := .venv/ready

# Checks print one after the other, so that the last line is pytest's own.
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help setup demo check test torture coverage bench lint types browser node lock clean

help:  ## What can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

# `PYTHON=python3.13` makes .venv anew if it has another Python.
version := import sys; print(sys.version)
ifneq ($(strip $(PYTHON)),)
ifneq ($(shell $(PYTHON) -c '$(version)'),$(shell $(bin)/python -c '$(version)' 2>&1))
.PHONY: $(ready)
endif
endif

setup: $(ready)  ## Put Kasir and all it needs into .venv

$(ready): requirements.lock pyproject.toml scripts/setup.sh
	@PYTHON='$(PYTHON)' sh scripts/setup.sh
	@touch $@

# `exec`: Ctrl-C and a supervisor's signal reach the demo itself, with no shell between.
demo: $(ready)  ## Kasir, its database, the twin and a small shop, until Ctrl-C
	@exec $(bin)/kasir demo

# Adyen's OpenAPI files are not ours to carry: the tests read a copy that lies beside the checkout.
# Elsewhere those that need them skip, and say so.
check test torture coverage: export ADYEN_OPENAPI ?= $(wildcard ../shared/openapi)
# The programs that tests start, some two hundred, read modules that are compiled once.
check test torture coverage: export PYTHONDONTWRITEBYTECODE =

# A file of tests stays in one process: its tests may share a database.
parallel := --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

check: $(ready) lint types  ## What to run before each commit: lint, types, unit and property tests
	@$(bin)/python -m pytest -q $(parallel) tests/unit tests/property $(PYTEST_ARGS)

test: $(ready) browser node lint types  ## All checks and all tests but those of `make torture`
	@$(bin)/python -m pytest $(parallel) -m 'not long' $(PYTEST_ARGS)

# One at a time: these tests load the machine by themselves.
torture: export KASIR_SEEDS = $(SEEDS)
torture: $(ready)  ## Programs killed, connections cut, many seeds: `make torture SEEDS=1-300`
	@$(bin)/python -m pytest -m long $(PYTEST_ARGS)

# The tests of `make test`, and which branches of the source they ran.
coverage: $(ready) browser node  ## What `make test` runs of the source, lowest files first
	@rm -rf .coverage && mkdir .coverage
	@$(bin)/python -m coverage run -m pytest $(parallel) -m 'not long' $(PYTEST_ARGS)
	@$(bin)/python -m coverage combine --quiet
	@$(bin)/python -m coverage report --sort=cover --fail-under=95

bench: $(ready)  ## Kasir beside the peers that run here: ratios, and bench/results.json
	@$(bin)/python bench/run.py

lint: $(ready)  ## Style, format, and the directions between the packages
	@$(bin)/ruff check
	@$(bin)/ruff format --check
	@$(bin)/lint-imports

types: $(ready)  ## mypy, strict, on source, tests, benchmarks and scripts
	@$(bin)/mypy

browser: $(ready)  ## The browser that the tests drive: found, or fetched
	@$(bin)/python scripts/browser.py

node:  ## Adyen's Node library, which some tests run: fetched, where node and npm are
	@sh scripts/node.sh

lock:  ## Pin requirements.lock anew from pyproject.toml
	@PYTHON='$(PYTHON)' sh scripts/lock.sh

clean:  ## Remove .venv and whatever else these targets made
	rm -rf .venv .browser .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache \
		.schemathesis bench/results.json build dist tests/oracle/node/node_modules
	find src tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# walrusd. Every target sets up what it needs; see `make help`.

PYTHON ?= python3
SEED ?= 1
SCHEME ?= pedersen
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# The tools of an optional extra, without walrusd and all that it needs.
TOOLS = $$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["$(1)"])')

.PHONY: help demo test test-all test-python lint coverage bench docs dist hooks clean tools node-tools

help:
	@echo "make demo [SEED=n]  the whole market on this machine: train, verify, pay, slash (< 5 minutes)"
	@echo "     [SCHEME=paillier]  the same with encrypted updates"
	@echo "make test           lint, types and tests (< 10 minutes on 2 cores)"
	@echo "make test-all       the slow suites too, and make coverage"
	@echo "make test-python    make test without what needs Node: the Move compiler, the Sui SDK"
	@echo "make lint           ruff and mypy --strict"
	@echo "make coverage       branch coverage of the packages that decide; fails below their limits"
	@echo "make bench          benchmarks; writes build/bench/results.json"
	@echo "make docs           the documentation as a site, build/site; fails on dead links and orphans"
	@echo "make dist           sdist and wheel in build/dist, and a check of the wheel"
	@echo "make hooks          run make lint's checks before each commit (needs pre-commit)"
	@echo "make clean          remove everything that make created"
	@echo
	@echo "A bare machine must have: git, make, python3 (3.11 or newer, with venv), a C compiler;"
	@echo "for the tests also node 20 and npm."

tools:
	@command -v $(PYTHON) >/dev/null || { echo "python3 is missing: install Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11; set PYTHON=python3.12, say" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "python3 has no venv: install python3-venv" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler (cc) is missing: install gcc or clang" >&2; exit 1; }

node-tools:
	@command -v npm >/dev/null || { echo "npm is missing: the tests need node 20 and npm (make demo and make test-python do not)" >&2; exit 1; }

$(BIN)/python: | tools
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml constraints.txt $(wildcard walrusd/training/native/*.[chi]*) | $(BIN)/python
	@echo "installing walrusd into $(VENV)"
	@$(INSTALL) -e '.[demo]'
	@touch $@

$(VENV)/.test: $(VENV)/.base
	@echo "installing the test tools"
	@$(INSTALL) -e '.[demo,test]'
	@touch $@

$(VENV)/.docs $(VENV)/.dist: $(VENV)/.%: pyproject.toml constraints.txt | $(BIN)/python
	@$(INSTALL) $(call TOOLS,$*)
	@touch $@

tests/node_modules/.installed: tests/package.json | node-tools
	@echo "installing the npm packages of the tests"
	@cd tests && npm install --no-audit --no-fund --loglevel=error
	@touch $@

demo: $(VENV)/.base
	@$(BIN)/python -m tests.demo --seed $(SEED) --scheme $(SCHEME)

lint: $(VENV)/.test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

QUICK := -m pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder --durations=20

test: lint tests/node_modules/.installed
	@$(BIN)/python $(QUICK)

test-python: lint
	@WALRUSD_TEST_NODE=no $(BIN)/python $(QUICK)

# Another processor, where there is an emulator of one: a system of about 1.5 GB from the network.
AARCH64 := $(if $(shell command -v qemu-aarch64-static),build/aarch64/.ready)

build/aarch64/.ready: tests/training/aarch64/prepare.sh
	@echo "preparing an arm64 system to train in"
	@if $< $(@D) && touch $@; then :; else echo "no arm64 system: its tests will be skipped" >&2; fi

test-all: lint tests/node_modules/.installed coverage $(AARCH64)
	@$(BIN)/python -m pytest

# Per cent of lines and branches that the quick tests of these packages must reach, in one process:
# it takes twenty minutes. What runs in processes of its own is not counted.
LEAST := core=92 crypto=97 chain=90 storage=90 state=90 training=95 examination=80 market=88 services=92
ROOMS := $(foreach least,$(LEAST),$(firstword $(subst =, ,$(least))))

coverage: $(VENV)/.test
	@mkdir -p build/coverage
	@$(BIN)/python -m coverage run -m pytest -m "not slow" $(ROOMS:%=tests/%)
	@$(BIN)/python -m tests.project.coverage $(LEAST)

bench: $(VENV)/.test
	@$(BIN)/python -m tests.bench

docs: $(VENV)/.docs
	@$(BIN)/python -m mkdocs build --config-file docs/site/mkdocs.yml
	@echo "build/site/index.html"

dist: $(VENV)/.base $(VENV)/.dist
	@rm -rf build/dist
	@$(BIN)/python -m build --outdir build/dist .
	@$(BIN)/python -m tests.project.wheel build/dist

hooks: $(VENV)/.test
	@command -v pre-commit >/dev/null || { echo "pre-commit is missing: pipx install pre-commit" >&2; exit 1; }
	@pre-commit install

clean:
	@rm -rf build $(VENV) tests/node_modules *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# walrusd. Every target sets up what it needs; see `make help`.

PYTHON ?= python3
SEED ?= 1
SCHEME ?= pedersen
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m tests.project.install

# Two pips in one environment would disturb each other.
.NOTPARALLEL:
.PHONY: help demo test test-all test-python lint coverage mutants bench docs dist audit lock kernels hooks clean tools node-tools

help:
	@echo "make demo [SEED=n]  the whole market on this machine: train, verify, pay, slash (< 5 minutes)"
	@echo "     [SCHEME=paillier]  the same with encrypted updates"
	@echo "make test           lint, types and tests (< 10 minutes on 2 cores)"
	@echo "make test-all       the slow suites too, and make coverage"
	@echo "make test-python    make test without what needs Node: the Move compiler, the Sui SDK"
	@echo "make lint           ruff and mypy --strict"
	@echo "make coverage       branch coverage of the packages that decide; fails below their limits"
	@echo "make mutants [SEED=n] [SAMPLE=n]  small random changes of the code that tests must notice;"
	@echo "                    fails if too many survive (< 60 minutes on 2 cores; build/mutants/report.md)"
	@echo "make bench          benchmarks; writes build/bench/results.json"
	@echo "make docs           the documentation as a site, build/site; fails on dead links and orphans"
	@echo "make dist           sdist and wheel in build/dist, and a check of the wheel"
	@echo "make audit          known vulnerabilities of the versions in constraints.txt"
	@echo "make lock           complete constraints.txt; with UPGRADE=yes, newer versions too"
	@echo "make kernels        build the compiled kernels again; fails, and says why, where that fails"
	@echo "make hooks          run make lint's checks before each commit (needs pre-commit)"
	@echo "make clean          remove everything that make created"
	@echo
	@echo "A bare machine must have: git, make, python3 (3.11 or newer, with venv). Everything else is"
	@echo "installed into $(VENV). On Linux, torch brings 2.3 GB for CUDA; to do without, say once:"
	@echo "make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu"

# The environment may have been made with another PYTHON; it stays, unless one is asked for.
tools:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11; set PYTHON=python3.12, say" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "$(PYTHON) has no venv: install python3-venv" >&2; exit 1; }
	@version='import sys; print(sys.version_info[:2])'; \
	if test -e $(VENV)/pyvenv.cfg && ! { test $(origin PYTHON) = file && test -e $(VENV)/.made; } && \
	    test "$$($(BIN)/python -c "$$version" 2>&1)" != "$$($(PYTHON) -c "$$version")"; \
	then echo "$(VENV) was made with another Python than $(PYTHON); remove it: make clean" >&2; exit 1; fi

node-tools: | $(VENV)/.made
	@$(BIN)/python -m tests.support.node >/dev/null 2>&1 || { \
	    echo "no Node 22 or newer with npm here: installing one into $(VENV)"; \
	    $(INSTALL) node && $(BIN)/python -m tests.support.node; \
	} || { \
	    echo "PyPI has no Node for this platform, or was not reached. Install Node 22 or newer with npm," >&2; \
	    echo "or do without: make test-python" >&2; exit 1; }

# A stamp is written when its step is done; what was interrupted before is done again.
$(VENV)/.made: | tools
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# Torch alone may come from another index. It is remembered, so later commands need not name it.
TORCH_BEFORE := $(shell cat $(VENV)/.torch 2>/dev/null)
TORCH_FROM := $(or $(TORCH_INDEX),$(TORCH_BEFORE))
TORCH_CHANGES := $(filter-out $(TORCH_BEFORE),$(TORCH_FROM))

.PHONY: $(if $(TORCH_CHANGES),$(VENV)/.torch)
$(VENV)/.torch: constraints.txt | $(VENV)/.made
	@$(if $(TORCH_FROM),$(INSTALL) torch --index-url "$(TORCH_FROM)" $(if $(TORCH_CHANGES),--force-reinstall))
	@echo "$(TORCH_FROM)" >$@

$(VENV)/.base: pyproject.toml constraints.txt $(wildcard walrusd/training/native/*.[chi]*) $(VENV)/.torch
	@echo "installing walrusd and what it needs into $(VENV)"
	@$(INSTALL) base
	@touch $@

$(VENV)/.test: $(VENV)/.base
	@echo "installing the test tools"
	@$(INSTALL) test
	@touch $@

$(VENV)/.docs $(VENV)/.dist $(VENV)/.audit $(VENV)/.lock: $(VENV)/.%: pyproject.toml constraints.txt | $(VENV)/.made
	@$(INSTALL) $*
	@touch $@

tests/node_modules/.installed: tests/package.json tests/package-lock.json | node-tools
	@echo "installing the npm packages of the tests"
	@$(BIN)/python -m tests.support.node npm --prefix tests ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

demo: $(VENV)/.base
	@$(BIN)/python -m tests.demo --seed $(SEED) --scheme $(SCHEME)

lint: $(VENV)/.test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

QUICK := -m pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder --durations=20

NODE := $(if $(filter no,$(WALRUSD_TEST_NODE)),,node-tools tests/node_modules/.installed)

test: lint $(NODE)
	@$(BIN)/python $(QUICK)

test-python: lint
	@WALRUSD_TEST_NODE=no $(BIN)/python $(QUICK)

# Another processor, where there is an emulator of one: a system of about 1.5 GB from the network.
AARCH64 := $(if $(shell command -v qemu-aarch64-static),build/aarch64/.ready)

build/aarch64/.ready: tests/training/aarch64/prepare.sh
	@echo "preparing an arm64 system to train in"
	@if $< $(@D) && touch $@; then :; else echo "no arm64 system: its tests will be skipped" >&2; fi

test-all: lint $(NODE) coverage $(AARCH64)
	@$(BIN)/python -m pytest

# Per cent of lines and branches that the quick tests of these packages must reach, in one process:
# it takes twenty minutes. What runs in processes of its own is not counted.
LEAST := core=92 crypto=97 chain=97 storage=97 state=90 training=95 examination=80 market=88 services=92
ROOMS := $(foreach least,$(LEAST),$(firstword $(subst =, ,$(least))))

coverage: $(VENV)/.test
	@mkdir -p build/coverage
	@$(BIN)/python -m coverage run -m pytest -m "not slow" $(ROOMS:%=tests/%) tests/admin
	@$(BIN)/python -m tests.project.coverage $(LEAST)

# Mutants of each of six rooms. A run on two idle cores takes less than an hour, a third of it to
# find out what each test executes, which is kept for the next run.
SAMPLE ?= 40

mutants: $(VENV)/.test
	@$(BIN)/python -m tests.mutants --seed $(SEED) --sample $(SAMPLE)

bench: $(VENV)/.test
	@$(BIN)/python -m tests.bench

docs: $(VENV)/.docs
	@$(BIN)/python -m mkdocs build --config-file docs/site/mkdocs.yml
	@echo "build/site/index.html"

dist: $(VENV)/.base $(VENV)/.dist
	@rm -rf build/dist
	@$(BIN)/python -m build --outdir build/dist .
	@$(BIN)/python -m tests.project.wheel build/dist

audit: $(VENV)/.audit
	@$(BIN)/python -m tests.project.audit

lock: $(VENV)/.lock
	@$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	    --fork-strategy fewest $(if $(UPGRADE),--upgrade) --no-annotate \
	    --custom-compile-command "make lock" --quiet --output-file constraints.txt

kernels: $(VENV)/.base
	@$(INSTALL) kernels

hooks: $(VENV)/.test
	@command -v pre-commit >/dev/null || { echo "pre-commit is missing: pipx install pre-commit" >&2; exit 1; }
	@pre-commit install

clean:
	@rm -rf build $(VENV) tests/node_modules *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Every verb does its own set-up: a fresh machine needs Python 3.11 and make, no more.

VENV   ?= .venv
BIN    := $(VENV)/bin
# What a server needs; what developing it needs too; its compiled modules; all three.
SERVER := $(VENV)/.runnable
TOOLS  := $(VENV)/.installed
STAMP  := $(VENV)/.compiled
READY  := $(TOOLS) $(STAMP)
# The package that setup.py makes of the four folders; what is installed points to it.
TREE   := build/src/joblog/__init__.py
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13 python; do \
	  command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  2>/dev/null && echo $$p && break; done)
# What setup.py compiles where there is a C compiler: it is compiled anew when it changes.
HOT    := $(shell sed -n 's/^    "\(.*\.py\)",$$/\1/p' setup.py)
# Processes that the tests run in; 0 is one, and lets a debugger in.
JOBS   ?= 2
# What follows the command of `run`, `test`, `parity`, `crash`, `clients`, `delancie`, `bench` and `coverage`.
ARGS   ?=

INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup format lint types test parity crash every-call jepsen soak fuzz clients delancie docs docs-check site audit check coverage run bench wheels pure clean

help: ## list these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(READY) ## make .venv and install joblog with its development tools

# Some systems ship Python without ensurepip; their own pip then fills the new folder.
# What builds and compiles joblog is fetched once, and not for each build.
$(SERVER): pyproject.toml setup.py $(TREE)
	@test -n "$(PYTHON)" || { echo "joblog needs Python 3.11 or later on PATH" >&2; exit 1; }
	@echo "setting up $(VENV): half a minute, the first time" >&2
	@test -x $(BIN)/python && $(BIN)/python -m pip --version >/dev/null 2>&1 \
	  || $(PYTHON) -m venv $(VENV) \
	  || { $(PYTHON) -m venv --clear --without-pip $(VENV) \
	       && $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }
	$(INSTALL) 'setuptools>=77' 'mypy>=2.4'
	JOBLOG_PURE=1 $(INSTALL) --no-build-isolation -e .
	@touch $(SERVER)

$(TOOLS): $(SERVER)
	@echo "fetching the development tools: a minute or two, the first time" >&2
	JOBLOG_PURE=1 $(INSTALL) --no-build-isolation -e '.[dev]'
	@touch $(TOOLS)

$(STAMP): $(SERVER) $(HOT)
	@echo "compiling the hot modules, where that can be done" >&2
	@mkdir -p build
	@$(BIN)/python -W ignore setup.py --quiet build_ext --inplace >build/compiling.log 2>&1 \
	  || { cat build/compiling.log >&2; exit 1; }
	@touch $(STAMP)

$(TREE): ;

format: $(TOOLS) ## format the code, and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(TOOLS) ## check format, lint rules and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(TOOLS) ## check types (mypy, strict)
	$(BIN)/mypy

test: $(READY) ## run all tests (ARGS="-k name" for some)
	$(PYTEST) $(ARGS)

parity: $(READY) ## compare every command with a real server
	$(PYTEST) tests/parity $(ARGS)

delancie: $(READY) ## run the job broker, in Go and Lua, on us and on a real server
	$(PYTEST) tests/delancie $(ARGS)

clients: $(READY) ## run real clients and job queues in processes of their own
	$(PYTEST) tests/clients $(ARGS)

crash: $(READY) ## kill the server and look at what is left
	$(PYTEST) tests/crash $(ARGS)

every-call: $(READY) ## fail, and kill the server at, every system call that it makes
	$(BIN)/python -m tests.crash.every_call --jobs $(JOBS) $(ARGS)

jepsen: $(READY) ## faults at random in clusters over a store of the log, for an hour (ARGS="--minutes 5")
	$(BIN)/python -m tests.crash.jepsen.run $(ARGS)

fuzz: $(READY) ## hostile clients for two minutes (ARGS="--seconds 600")
	$(BIN)/python -m tests.fuzz.run $(ARGS)

soak: $(READY) ## load and kill a server for an hour (ARGS="--minutes 5")
	$(BIN)/python -m tests.crash.soak $(ARGS)

docs: $(TOOLS) ## write the pages that come from the tables
	$(BIN)/python -m tests.house.generate_docs

docs-check: $(TOOLS)
	$(BIN)/python -m tests.house.generate_docs --check

site: $(TOOLS) ## write the documentation's site to build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "build/site/index.html"

audit: $(TOOLS) ## ask whether what joblog needs to run has known weaknesses
	$(BIN)/python -m tests.house.audit

check: lint types docs-check audit test ## lint, types, contracts, fresh docs, audit, tests

coverage: $(READY) ## run all tests and report branch coverage
	$(PYTEST) --cov --cov-report=term $(ARGS)

# A process takes all compiled modules or none, so that they may come while it runs.
run: $(SERVER) ## start the server (ARGS="--port 6380")
	@$(MAKE) --no-print-directory --question $(STAMP) || { \
	  echo "the hot modules are compiled meanwhile: this start is of plain Python, the next is faster" >&2; \
	  nice $(MAKE) --no-print-directory $(STAMP) >/dev/null 2>&1 & }
	$(BIN)/joblog $(ARGS)

bench: $(READY) ## run the timings in tests/bench
	$(BIN)/python -m pytest tests/bench -o python_files='bench_*.py' -s $(ARGS)

# Both are built from the sdist, apart from this folder and what is compiled in it.
wheels: $(READY) ## build the sdist, a plain wheel and a compiled one, in dist
	rm -rf dist
	JOBLOG_PURE=1 $(BIN)/python -m build --outdir dist .
	$(BIN)/python -m build --outdir dist .
	@ls dist

pure: clean ## set up without compiling: slower to run, quicker to change
	JOBLOG_PURE=1 $(MAKE) setup

clean: ## remove .venv, compiled modules and caches; data folders stay
	find . -name '*.so' -not -path './$(VENV)/*' -delete
	rm -rf $(VENV) .venv-clients build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage

# Everything that is needed is a Python 3.11 or later with its venv module; the rest goes into .venv from uv.lock.
# Paths are relative throughout, so that a checkout may lie below a directory with a space in its name.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PY := .venv/bin/python
READY := .venv/.synced
DATA ?= data
N ?= 2000
START ?= 0
ARGS ?=
SECONDS ?= 300

.PHONY: run test setup lint types fmt bench load faults model clean help

run: $(READY)  ## start everything on this machine, keeping it in ./data (ARGS="--port 9000" for more)
	@exec $(PY) -m chitram up --data "$(DATA)" $(ARGS)

test: lint types $(READY)  ## the whole gate: lint, format, import contracts, types, tests
	$(PY) -m pytest -n auto --maxprocesses 4 $(ARGS)

setup: $(READY)  ## make .venv from uv.lock

lint: $(READY)  ## ruff's rules, its format, and the architecture's import contracts
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	.venv/bin/lint-imports

types: $(READY)  ## mypy, strict
	$(PY) -m mypy

fmt: $(READY)  ## put the code into ruff's format and mend what it can mend
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: $(READY)  ## measure the ring: lookups, and reads from a real node
	for file in bench/ring_*.py; do $(PY) -m "bench.$$(basename "$$file" .py)"; done

load: $(READY)  ## 1,000 people at a stack of their own for two minutes (ARGS="--users 200 --seconds 30" for less)
	$(PY) -m bench.load $(ARGS)

model: $(READY)  ## the ring's promise on N=2000 random schedules, from seed START=0, of a model that drives its own code
	$(PY) -m tests.ring.schedules $(N) --start $(START)

faults: $(READY)  ## real servers under load and faults, for SECONDS=300; SEED=n replays a schedule
	FAULTS_SECONDS=$(SECONDS) FAULTS_SEED=$(SEED) $(PY) -m pytest tests/faults -q -s -k whatever_happens

clean:  ## remove .venv, caches and builds; ./data stays
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*##  */  make \1\t/p' Makefile | expand -t 14

$(READY): uv.lock pyproject.toml
	@python=""; \
	for candidate in $${PYTHON:-python3.13 python3.12 python3.11 python3}; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Chitram needs Python 3.11 or later and found none (tried $${PYTHON:-python3.13, 3.12, 3.11, python3}): install one, or say where it is: make PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	if ! $(PY) -m pip --version >/dev/null 2>&1 && ! .venv/bin/uv --version >/dev/null 2>&1; then \
	  "$$python" -m venv --clear .venv || { echo "$$python has no venv module: install it (Debian: apt-get install python3-venv)" >&2; exit 1; }; \
	fi
	@.venv/bin/uv --version >/dev/null 2>&1 || $(PY) -m pip install --quiet --disable-pip-version-check 'uv>=0.13'
	env -u VIRTUAL_ENV UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=.venv .venv/bin/uv sync --frozen --quiet
	@touch $(READY)

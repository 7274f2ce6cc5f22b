# Two commands matter: `make demo` and `make test`. Both make .venv by themselves, from
# requirements with hashes, with nothing but Python 3.11 or newer, git and make.

BIN      := .venv/bin
DEMO     := .venv/.demo
DEV      := .venv/.dev
# The dev set holds everything that the demo needs: who has it is not asked to install twice.
READY    := $(if $(wildcard $(DEV)),$(DEV),$(DEMO))

# More options for pytest or the demo: make test ARGS="-k receipt"
ARGS     ?=
# Tests that start whole rooms stay together in one process (tests/conftest.py).
PARALLEL := -n auto --maxprocesses 4
FAST     := -m "not cluster and not notebook"
ROOMS    := -m "cluster or notebook"

GENERATORS := $(wildcard docs/generate_*.py cleanroom/*/generate.py enclave/*/generate.py)

LOCK     := uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
            --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.PHONY: help demo test check lint style types walls fast generate docs lock clean
.NOTPARALLEL:

help:
	@echo 'make demo      a bank and a shop meet in a room on this machine'
	@echo 'make test      every test'
	@echo 'make check     format, style, types, walls and the fast tests'
	@echo 'make generate  write again what is generated: stubs, schema, docs/errors.md'
	@echo 'make lock      resolve the requirements again, with uv (UPGRADE=--upgrade for newer ones)'
	@echo 'make clean     remove .venv, caches and what the demo left'

demo: $(READY)
	@$(BIN)/cleanroom demo $(ARGS)

# Rooms with Ray want the whole machine: they run after the others, one at a time. Status 5 is
# pytest's word for "none selected", which ARGS may ask for.
test: $(DEV)
	@$(BIN)/python -m pytest $(PARALLEL) $(FAST) $(ARGS) || [ $$? -eq 5 ]
	@$(BIN)/python -m pytest $(ROOMS) $(ARGS) || [ $$? -eq 5 ]

check: lint fast

lint: style types walls

style: $(DEV)
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .

types: $(DEV)
	@$(BIN)/mypy --no-error-summary

walls: $(DEV)
	@$(BIN)/lint-imports --no-logo

fast: $(DEV)
	@$(BIN)/python -m pytest -q $(PARALLEL) $(FAST) $(ARGS)

generate docs: $(DEV)
	@set -e; for each in $(subst /,.,$(basename $(GENERATORS))); do echo $$each; $(BIN)/python -m $$each; done

lock:
	@command -v uv >/dev/null || { echo 'error: make lock needs uv (https://docs.astral.sh/uv/)' >&2; exit 2; }
	$(LOCK) $(UPGRADE) --extra dev -o requirements/dev.txt pyproject.toml requirements/build.in
	$(LOCK) --constraint requirements/dev.txt --extra enclave --extra notebook \
	    -o requirements/demo.txt pyproject.toml requirements/build.in

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache demo-room
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(DEMO): requirements/demo.txt pyproject.toml requirements/install
	@requirements/install demo

$(DEV): requirements/dev.txt pyproject.toml requirements/install
	@requirements/install dev

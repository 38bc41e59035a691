# One command each; `make help` tells. Works as root and as anybody, from any path, with Python 3.11 to 3.13.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help

# The interpreter is named, and never fetched: shims of version managers confuse uv.
PYTHON ?= python3
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
BIN := .venv/bin
# An environment that was moved is none: the place is part of the stamp.
STAMP := .venv/.set-up-$(shell pwd | cksum | cut -d ' ' -f 1)
# The clients of other languages that tests/doors drives.
DOORS := $(if $(wildcard tests/doors/package-lock.json),tests/doors/node_modules/.set-up)

.PHONY: help setup lock check chromium test run schema migration bench demo

help: ## Print this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## Make .venv as the lock says; does nothing when it is there
	@:

$(STAMP): requirements.lock pyproject.toml
	@scripts/setup "$(PYTHON)"
	rm -f .venv/.set-up-*
	touch $@

lock: setup ## Write the locks anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header -p 3.11 \
		pyproject.toml --group dev -o requirements.lock
	# The same versions without what only a developer needs, for the image.
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header -p 3.11 --no-annotate \
		pyproject.toml --constraint requirements.lock -o requirements.run.lock
	if grep -nE '^--|://' requirements.lock requirements.run.lock; then echo "A lock names a host." >&2; exit 1; fi

check: setup ## Format, lint, types, import contracts, schema
	@$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/fondaco schema --check

tests/doors/node_modules/.set-up: tests/doors/package-lock.json
	@command -v npm > /dev/null || { echo "tests/doors needs Node 20 or newer, with npm." >&2; exit 1; }
	npm ci --prefix tests/doors --silent --no-audit --no-fund
	touch $@

chromium: # The browser that tests/doors opens pages in; installed where there is none and one may.
	@scripts/chromium

$(BIN)/helm: scripts/helm scripts/helm.lock | setup
	@scripts/helm

test: setup $(DOORS) chromium $(BIN)/helm ## Run the tests (ARGS="tests/ops -k stop" for some)
	@$(BIN)/pytest -n 2 $(ARGS)

run: setup ## Start everything on this machine; Ctrl-C stops it
	@exec $(BIN)/fondaco up $(ARGS)

schema: setup ## Write schema.graphql from the code
	@$(BIN)/fondaco schema --write

migration: setup ## Begin a migration: make migration NAME="what changes"
	@test -n "$(NAME)" || { echo 'Say what changes: make migration NAME="add_refund_reason"' >&2; exit 2; }
	$(BIN)/alembic --quiet revision --message "$(NAME)"
	ls -t platform/fondaco_ops/migrations/versions/*.py | head -1

bench: setup ## Measure this machine (ARGS="order" for one)
	@$(BIN)/fondaco bench $(ARGS)

demo: setup ## Play a sale through the API of a running `make run`
	@$(BIN)/fondaco demo $(ARGS)

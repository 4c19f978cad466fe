# The commands of this project. Everything runs in .venv, which the first of them makes.
#   make run    trains the classic network on the drawn sample     make test   the tests; make test-all the slow ones
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PLUGINS := $(wildcard plugins/cnnforge-*)
PYTEST := $(BIN)/pytest -n auto --dist loadfile

.PHONY: run test test-all lint docs test-photographs test-faults reliability fuzz benchmark clean

run: $(VENV)/installed
	$(BIN)/cnnforge run catsdogs

# Style, types and all tests but the slow ones: some six minutes on two cores.
test: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) -m "not slow and not photographs and not faults" tests

# The rest: slow tests, those of the plugins that are distributions of their own. Some twenty minutes on two cores.
test-all: $(VENV)/installed
	$(PYTEST) -m "slow and not photographs and not faults" tests
	$(PYTEST) -m "not photographs and not faults" plugins

# The tests on real photographs; CNNFORGE_PHOTOGRAPHS names the folder with the archives (see docs/contributing.md).
test-photographs: $(VENV)/installed
	$(BIN)/pytest -m photographs

# Runs that are killed, interrupted, and robbed of disk, memory and nodes: some ten minutes on two cores.
test-faults: $(VENV)/installed
	$(BIN)/pytest -m "faults or not faults" tests/faults
	$(BIN)/pytest -m faults plugins

# The figures of docs/reliability.md, and plain Keras beside them: about half an hour of two quiet cores.
reliability: $(VENV)/installed
	$(BIN)/python -m tests.reliability

# Looks for files that no reader expects: a minute for each kind; `make fuzz SECONDS=600` looks longer.
SECONDS ?= 60
fuzz: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --group fuzz
	for target in images archives configurations recipes; do \
	    $(BIN)/python -m tests.fuzz $$target --seconds $(SECONDS) || exit 1; done

# Needs the real photographs too, and most of an hour: CNNForge against the classic script, in one run.
benchmark: $(VENV)/installed
	$(BIN)/python tests/benchmarks/against_classic.py $(CNNFORGE_PHOTOGRAPHS)/kagglecatsanddogs_180px.zip

lint: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/mypy

# Brings the generated parts of README and docs/ up to date.
docs: $(VENV)/installed
	$(BIN)/python docs/generate.py

$(VENV)/installed: pyproject.toml $(PLUGINS:%=%/pyproject.toml)
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or later is needed; say which: make PYTHON=python3.12')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev $(PLUGINS:%=--editable %)
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache dist

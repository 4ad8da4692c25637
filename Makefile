# `make demo` and `make test` do all the set-up; they need python3 (3.11 or newer), make and PyPI.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint docs fuzz bench clean

demo: $(VENV)/.demo-installed
	@$(BIN)/python examples/demo.py

test: $(VENV)/.test-installed lint
	$(BIN)/pytest -n 2 --dist loadfile

# The site in build/site, which a browser opens from the disk; a broken link or an unknown name is an error.
docs: $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[docs,tensorflow]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# Not part of `test`: a million executions of each reader take about an hour.
RUNS ?= 1000000
FUZZ_TARGETS ?= images voc tfrecord pickle

fuzz: $(VENV)/.test-installed
	$(BIN)/python -m pip install --quiet --editable '.[fuzz]'
	for target in $(FUZZ_TARGETS); do \
		$(BIN)/python tests/fuzz/run.py $$target $(RUNS) fuzz_output || exit 1; \
	done

# All tables of benchmarks/README.md: hours, or minutes with SHORT=--short; TABLES="startup overlap" are some of them.
PEERS ?= build/peers

bench: $(VENV)/.test-installed
	$(BIN)/python benchmarks/peers.py $(PEERS)
	$(BIN)/python benchmarks/figures.py --peers $(PEERS) $(SHORT) $(TABLES)

lint: $(VENV)/.test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.demo-installed: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[tensorflow]'
	touch $@

$(VENV)/.test-installed: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	# its reader has to open what our writer writes; PyQt5, which the program itself needs, is left out
	$(BIN)/python -m pip install --quiet --no-deps labelImg==1.8.6
	touch $@ $(VENV)/.demo-installed

clean:
	rm -rf $(VENV) demo_output fuzz_output build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

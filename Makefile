# `make demo` and `make test` do all the set-up; they need python3 (3.11 or newer), make and PyPI.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint clean

demo: $(VENV)/.demo-installed
	rm -rf demo_output
	$(BIN)/annotools convert sample_data demo_output/tfrecord --to tfrecord --shards 2 --classes sample_data/classes.txt
	$(BIN)/annotools convert sample_data demo_output/gt.pkl --to ssd-pickle --classes sample_data/classes.txt
	$(BIN)/annotools classes sample_data
	$(BIN)/python examples/train_tiny.py demo_output/tfrecord --picture demo_output/batch.png

test: $(VENV)/.test-installed lint
	$(BIN)/pytest -n 2 --dist loadfile

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
	touch $@ $(VENV)/.demo-installed

clean:
	rm -rf $(VENV) demo_output build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

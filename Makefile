# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

# One thread per process: networks this small gain nothing from more, and lose much on busy cores.
TESTS := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-all browser docs format clean

demo: .venv/run
	rm -rf runs/demo
	$(BIN)/medseg demo --out runs/demo

test: .venv/dev
	$(TESTS)

test-all: .venv/dev
	$(TESTS) -m ""

# What a browser makes of the report; Qt brings a Chromium of 260 MB, so that nothing has to be installed by root.
browser: .venv/browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/reporting/test_browser.py

docs: .venv/dev
	OMP_NUM_THREADS=1 $(BIN)/sphinx-build --fail-on-warning --keep-going --quiet -c docs . runs/site

format: .venv/dev
	$(BIN)/ruff format medseg tests benchmarks
	$(BIN)/ruff check --fix medseg tests benchmarks

.venv/python:
	$(PYTHON) -m venv .venv
	touch $@

.venv/run: .venv/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/dev: .venv/run
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

.venv/browser: .venv/dev
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[browser]"
	touch $@

clean:
	rm -rf .venv runs

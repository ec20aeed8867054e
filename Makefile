# Each target sets up what it needs; on a fresh machine `make demo` or `make test` is all there is to type.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Tests start hundreds of Python processes: let the first compile the code, and the others load it.
export PYTHONDONTWRITEBYTECODE =

.PHONY: demo test test-slow lint setup clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "SpikeFront needs Python 3.11 or later"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/python -m search.run --space digits --study demo --fresh-name

test: $(STAMP) lint
	$(BIN)/python -m pytest -n auto --dist loadscope -m 'not slow and not gpu and not alone'
	$(BIN)/python -m pytest -m 'alone and not slow and not gpu' $$(grep -rl mark.alone --include='*.py' tests)

test-slow: $(STAMP) lint
	$(BIN)/python -m pytest -m 'slow or gpu' --timeout 3600

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Two commands do all the set-up: `make reproduce` and `make test`.
PYTHON ?= python3
SCALE  ?= quick
VENV   := .venv
BIN    := $(VENV)/bin
MNIST  := .data/mnist.npz

.DEFAULT_GOAL := help
.PHONY: help install reproduce simulate figures test test-all lint format mnist mnist-figures clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@

install: $(VENV)/.installed ## make the environment and install the package with its tools

reproduce: figures ## install, run the main job at quick scale, draw its figures

simulate: install ## run all simulations (SCALE=quick or full); a killed run goes on where it was
	$(BIN)/moe-theory run --scale $(SCALE) simulations/*.py

figures: install ## draw all figures (SCALE=quick or full), running what they need
	$(BIN)/moe-theory draw --scale $(SCALE) figures/*.py

test: install ## run the tests
	$(BIN)/pytest -m "not slow"

test-all: install ## run the tests, the slow ones too
	$(BIN)/pytest

lint: install ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install ## put the code into the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the environment, caches and raw results
	rm -rf $(VENV) results dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

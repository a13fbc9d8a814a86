# Every target does its own set-up: a virtual environment in .venv with the pinned packages of constraints.txt.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint ui docs bench clean

help: ## Show what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Installing the pinned environment into $(VENV) (a few minutes the first time)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,team]'
	@touch $@

setup: $(STAMP) ## Create the virtual environment, and the home that `dagster dev` and `mlflow ui` show here
	@$(BIN)/python -c "from orchestration.settings import set_up; set_up()"

demo: $(STAMP) ## Nine simulated days through gate, training and 24 hourly adaptations (minutes)
	$(BIN)/hourfold demo

lint: $(STAMP) ## Style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint ## Lint, then the whole test suite
	$(BIN)/pytest -n 2 --dist worksteal

ui: $(STAMP) ## Dagster on port 3000 and MLflow on port 5000, side by side
	$(BIN)/hourfold ui

docs: $(STAMP) ## The documentation as a site, in build/site; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

bench: $(STAMP) ## Every benchmark; each prints a ratio against a named peer
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks

clean: ## Remove the virtual environment and all state under var/
	rm -rf $(VENV) var build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis

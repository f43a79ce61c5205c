# Every target makes its own environment first, so each works on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
RECIPE ?= recipes/pmf.yaml

.PHONY: help run test lint clean

help:
	@echo "make run    run $(RECIPE) on real MovieLens 100K (RECIPE=... for another)"
	@echo "make test   the whole test suite"
	@echo "make lint   ruff and mypy"

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch torchvision
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

run: $(READY)
	$(BIN)/cfplug run $(RECIPE)

test: $(READY)
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

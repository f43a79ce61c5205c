# Every target makes its own environment first, so each works on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
RECIPE ?= recipes/pmf.yaml

.PHONY: help run test lint docs pictures claims benchmark clean

help:
	@echo "make run    run $(RECIPE) on real MovieLens 100K (RECIPE=... for another)"
	@echo "make test   the whole test suite"
	@echo "make lint   ruff and mypy"
	@echo "make claims every recipe whole, on real data: forty minutes; writes the figures into recipes/README.md"
	@echo "make docs   the list of components in recipes/README.md, made again"
	@echo "make pictures   the pictures of a report in README.md, taken again (needs Chromium)"
	@echo "make benchmark   how good and how fast, beside fastai and surprise"

# torch first and pinned, so that nothing that needs it brings another build.
define install
	$(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install --quiet --constraint constraints.txt torch torchvision
	$(1)/bin/python -m pip install --quiet --constraint constraints.txt --editable $(2)
endef

$(READY): pyproject.toml constraints.txt
	$(call install,$(VENV),'.[dev]')
	@touch $@

run: $(READY)
	$(BIN)/cfplug run $(RECIPE)

# A file's tests stay on one worker, so that what they share is made once.
test: $(READY)
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(READY)
	$(BIN)/python recipes/components.py

pictures: $(READY)
	CFPLUG_PICTURES=docs $(BIN)/python -m pytest tests/test_page.py -k real

claims: $(READY)
	$(BIN)/python -m pytest -m slow tests/test_claims.py -v -s

benchmark:
	$(call install,.venv-benchmark,. -r benchmarks/requirements.txt)
	.venv-benchmark/bin/python benchmarks/training.py
	.venv-benchmark/bin/python benchmarks/startup.py
	.venv-benchmark/bin/python benchmarks/memory.py
	.venv-benchmark/bin/python benchmarks/page.py
	.venv-benchmark/bin/python benchmarks/fold_in.py

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

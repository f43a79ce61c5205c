# Every target makes its own environment first, so each works on a fresh machine.
PYTHON ?= python3
SHELL := bash
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
RECIPE ?= recipes/pmf.yaml
MINUTES ?= 10

OUTSIDE := .outside

.PHONY: help run test test-all slow-list lint outside fuzz docs pictures claims benchmark clean

help:
	@echo "make run    run $(RECIPE) on real MovieLens 100K (RECIPE=... for another)"
	@echo "make test   the first tier of the tests, under five minutes on two cores"
	@echo "make test-all   every test, with more examples of each property"
	@echo "make slow-list   measure which tests belong to the second tier"
	@echo "make lint   ruff and mypy"
	@echo "make claims every recipe whole, on real data: forty minutes; writes the figures into recipes/README.md"
	@echo "make outside   the wheels of cfplug and of the example plugin in a clean environment, and a recipe with both"
	@echo "make fuzz   the property tests with new seeds, for MINUTES=10"
	@echo "make docs   the lists in recipes/README.md, and plugins/REFERENCE.md, made again"
	@echo "make pictures   the pictures of a report in README.md, taken again (needs Chromium)"
	@echo "make benchmark   how good and how fast, beside fastai and surprise"

# torch first and pinned, so that nothing that needs it brings another build.
define install
	$(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install --quiet --constraint constraints.txt torch torchvision
	$(1)/bin/python -m pip install --quiet --constraint constraints.txt --editable $(2)
endef

$(READY): pyproject.toml constraints.txt
	@echo "Setting up $(VENV): torch, fastai and the rest, about four minutes the first time"
	$(call install,$(VENV),'.[dev]')
	@touch $@

run: $(READY)
	$(BIN)/cfplug run $(RECIPE)

# A file's tests stay on one worker, so that what they share is made once.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test: $(READY)
	@echo "First tier of the tests: under five minutes on two idle cores (make test-all runs everything)"
	$(PYTEST) --cpu-limit 3

test-all: $(READY)
	@echo "Every test, every recipe whole, more examples of each property: about an hour and a half on two cores"
	$(PYTEST) -m "" --hypothesis-profile all

# After a test became slower or faster, or was renamed: which tests belong to the second tier.
slow-list: $(READY)
	$(PYTEST) -m "not claims" --update-slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# As a stranger has it: two wheels and no checkout; then a plugin of their own, whose tests pass as it is generated.
outside: $(READY)
	rm -rf $(OUTSIDE) && mkdir -p $(OUTSIDE)/desk
	for project in . examples/cfplug-neighbors; do \
		$(BIN)/python -m build --no-isolation --wheel --outdir $(OUTSIDE) $$project > $(OUTSIDE)/build.log || exit 1; done
	$(PYTHON) -m venv $(OUTSIDE)/env
	$(OUTSIDE)/env/bin/python -m pip install --quiet --no-compile --constraint constraints.txt torch torchvision
	$(OUTSIDE)/env/bin/python -m pip install --quiet --no-compile --constraint constraints.txt \
		"$$(ls $(OUTSIDE)/cfplug-0*.whl)[author]" $(OUTSIDE)/cfplug_neighbors-*.whl
	cp -r examples/cfplug-neighbors/recipes examples/cfplug-neighbors/tests $(OUTSIDE)/desk
	cd $(OUTSIDE)/desk && ../env/bin/cfplug doctor && ../env/bin/cfplug run recipes/quick.yaml --check
	cd $(OUTSIDE)/desk && ../env/bin/python -m pytest -q tests
	cd $(OUTSIDE)/desk && ../env/bin/cfplug new plugin newborn --kind all
	$(OUTSIDE)/env/bin/python -m pip install --quiet --no-compile --no-deps $(OUTSIDE)/desk/cfplug-newborn
	cd $(OUTSIDE)/desk/cfplug-newborn && ../../env/bin/python -m pytest -q

# Whatever this finds becomes an @example of the test that found it.
fuzz: $(READY)
	end=$$(( $$(date +%s) + 60 * $(MINUTES) )); while [ $$(date +%s) -lt $$end ]; do \
		$(BIN)/python -m pytest -m "hypothesis and not claims" --hypothesis-profile fuzz --hypothesis-seed $$RANDOM$$RANDOM \
		-q -x --numprocesses auto --maxprocesses 4 || exit 1; done

docs: $(READY)
	$(BIN)/python recipes/components.py
	$(BIN)/python plugins/reference.py

pictures: $(READY)
	CFPLUG_PICTURES=docs $(BIN)/python -m pytest tests/runs/test_page_in_browser.py -k real

claims: $(READY)
	$(BIN)/python -m pytest -m claims tests/test_claims.py -v -s

benchmark:
	$(call install,.venv-benchmark,. -r benchmarks/requirements.txt)
	.venv-benchmark/bin/python benchmarks/training.py
	.venv-benchmark/bin/python benchmarks/startup.py
	.venv-benchmark/bin/python benchmarks/memory.py
	.venv-benchmark/bin/python benchmarks/page.py
	.venv-benchmark/bin/python benchmarks/fold_in.py

clean:
	rm -rf $(VENV) $(OUTSIDE) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

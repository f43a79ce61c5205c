"""The checks of a plugin: which there are, their ids, and their outcomes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import strategies as st

import cfplug
from cfplug.plugin.components import KINDS
from cfplug.plugin.registry import Registry, load
from cfplug.testing import Check, CheckError, Item, Subject, items, outcome
from cfplug.testing.check import MODULES

ZOO = Path(__file__).parents[1] / "zoo"

PLUGIN = '''\
"""One metric, which can be wrong in two ways."""

import attrs

import cfplug


@attrs.frozen
class Params:
    """How far off a prediction is."""

    path: str = cfplug.param(help="a parameter that must be given")


@cfplug.hookimpl
def cfplug_losses():
    return [cfplug.Loss("shy", Params, build="one_file:build", help="A loss that cannot be built.")]


def build(params, scale):
    raise SystemExit("a plugin may raise anything")
'''


def item_that(raises: BaseException | None = None, known_failure: str = "") -> Item:
    """Return an item whose check raises `raises`."""

    def is_right(subject: Subject) -> None:
        """Be right."""
        if raises is not None:
            raise raises

    registry = load()
    subject = Subject(registry, registry.plugins[0])
    return Item("plugin/is-right", Check(is_right), subject, known_failure)


# Items


def test_each_check_of_each_component_is_an_item_with_its_own_id() -> None:
    found = [item.id for item in items("losses")]
    assert len(set(found)) == len(found)
    assert found[0] == "plugin/loads"
    assert {
        "loss/mse/has-help",
        "loss/mse/gradient-is-right",
        "loss/ordinal/distribution-sums-to-one",
    } < set(found)
    assert "loss/mse/distribution-sums-to-one" not in found, "it declares no distribution"
    assert "loss/mse/parameters-have-help" in found


@pytest.mark.parametrize("plugin", ["losses", "factors"])
def test_every_check_has_a_summary_of_one_sentence(plugin: str) -> None:
    for item in items(plugin):
        assert item.check.summary.endswith("."), item.id
        assert item.id.endswith(f"/{item.check.name}")


def test_every_kind_has_a_module_of_checks() -> None:
    assert set(MODULES) == {"plugin", "component", *KINDS}


def test_importing_the_names_for_authors_loads_neither_torch_nor_pandas() -> None:
    heavy = {"torch", "pandas", "fastai"}
    code = f"import cfplug.testing, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Parameters and known failures


def one_file(folder: Path) -> Registry:
    (folder / "one_file.py").write_text(PLUGIN)
    return load([folder])


def test_component_is_checked_with_the_given_parameters(tmp_path: Path) -> None:
    registry = one_file(tmp_path)
    with pytest.raises(cfplug.PluginError) as caught:
        items("one-file", registry=registry)
    assert str(caught.value) == (
        "loss/shy: cannot be checked: shy needs path: a parameter that must be given. "
        "Give the values in params."
    )
    found = items("one-file", registry=registry, params={"loss/shy": {"path": "here"}})
    assert {item.subject.params.path for item in found if item.subject.entry} == {"here"}
    (build,) = [item for item in found if item.check.name == "builds-on-every-scale"]
    assert outcome(build).state == "failed"
    assert outcome(build).message == "SystemExit: a plugin may raise anything"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"params": {"loss/msee": {}}},
            "params: expected a component (kind/name), got 'loss/msee'; did you mean loss/mse?",
        ),
        (
            {"oracles": {"loss/msee": max}},
            "oracles: expected a component (kind/name), got 'loss/msee'; did you mean loss/mse?",
        ),
        (
            {"known_failures": {"loss/mse/has-hepl": "why"}},
            "known_failures: expected the id of a check, got 'loss/mse/has-hepl'; "
            "did you mean loss/mse/has-help?",
        ),
        (
            {"known_failures": {"zzz": "why"}},
            "known_failures: expected the id of a check, got 'zzz'",
        ),
    ],
)
def test_unknown_name_in_an_argument_names_the_nearest(given: dict[str, Any], message: str) -> None:
    with pytest.raises(cfplug.PluginError) as caught:
        items("losses", **given)
    assert str(caught.value) == message


def test_unknown_plugin_names_the_nearest() -> None:
    with pytest.raises(cfplug.PluginError) as caught:
        items("loses")
    assert str(caught.value) == 'no plugin called "loses"; did you mean losses? (cfplug plugins)'


def test_plugin_that_cannot_be_loaded_has_one_item_with_the_reason() -> None:
    registry = load([ZOO / "broken"])
    (item,) = items("import-error", registry=registry)
    found = outcome(item)
    assert (item.id, found.state) == ("plugin/loads", "failed")
    assert found.message.startswith("plugin import-error (")


# Outcomes


@pytest.mark.parametrize(
    ("item", "state", "passed", "message"),
    [
        (item_that(), "passed", True, ""),
        (item_that(CheckError("two is three")), "failed", False, "two is three"),
        (item_that(KeyError("two")), "failed", False, "KeyError: 'two'"),
        (item_that(SystemExit(3)), "failed", False, "SystemExit: 3"),
        (item_that(CheckError("two is three"), "by design"), "known", True, "by design"),
        (
            item_that(None, "by design"),
            "unexpected",
            False,
            "expected a failure (by design), but the check passes. Remove it from known_failures.",
        ),
    ],
)
def test_outcome_depends_on_the_check_and_on_known_failures(
    item: Item, state: str, passed: bool, message: str
) -> None:
    found = outcome(item)
    assert (found.state, found.passed, found.message) == (state, passed, message)
    assert ("check plugin/is-right: Be right." in found.trace) == (state == "failed")


def test_keyboard_interrupt_is_not_an_outcome() -> None:
    with pytest.raises(KeyboardInterrupt):
        outcome(item_that(KeyboardInterrupt()))


def examples_of(subject: Subject) -> list[int]:
    """Return the examples of a property."""
    drawn: list[int] = []
    subject.check_property(lambda number: drawn.append(number), st.integers())
    return drawn


def test_property_is_checked_on_the_same_examples_each_time() -> None:
    subject = item_that().subject
    assert examples_of(subject) == examples_of(subject)
    assert len(examples_of(subject)) == subject.examples
    assert len(examples_of(evolve(subject, examples=9))) == 9


def test_failing_property_is_reported_with_its_smallest_example() -> None:
    def small(number: int) -> None:
        if number > 10:
            raise CheckError(f"{number} is large")

    with pytest.raises(CheckError) as caught:
        item_that().subject.check_property(small, st.integers(0, 1000), examples=50)
    assert str(caught.value) == "11 is large"


# Tests of pytest

CONTRACT = """\
from cfplug.testing import plugin_checks

test_contract = plugin_checks(
    "mutant-manifests",
    plugins_dir=[{folder!r}],
    known_failures={{
        "metric/blank/parameters-have-help": "the unit is padded",
        "metric/sound/has-help": "it has none",
    }},
)
"""


def test_plugin_checks_are_one_item_of_pytest_for_each_check(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(CONTRACT.format(folder=str(ZOO / "mutants")))
    some = (
        *("metric/blank/", "metric/sound/has-help"),
        *("metric/wordless/parameters", "metric/sound/functions"),
    )
    options = ["-rA", "-q", "--tb=line", "-p", "no:cacheprovider", "-k", " or ".join(some)]
    command = [sys.executable, "-m", "pytest", *options, str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if "test_it.py::" in line]
    states = {line.partition("[")[2].partition("]")[0]: line.split()[0] for line in lines}
    assert done.returncode == 1
    assert states["metric/blank/has-help"] == "PASSED"
    assert states["metric/sound/functions-can-be-imported"] == "PASSED"
    assert states["metric/blank/parameters-have-help"] == "XFAIL"
    assert states["metric/wordless/parameters-have-help"] == "FAILED"
    assert states["metric/sound/has-help"] == "FAILED", "a known failure that passes is a failure"
    assert any("XFAIL" in line and "the unit is padded" in line for line in lines)

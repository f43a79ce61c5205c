"""Which laws are held against a plugin, by which names, and what comes of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen
from hypothesis import strategies as st

import cfplug
from cfplug.plugin.components import KINDS
from cfplug.plugin.registry import Registry, load
from cfplug.testing import BrokenLawError, Check, Item, Subject, items, outcome
from cfplug.testing.check import ROOMS

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


def law(raises: BaseException | None = None) -> Callable[[Subject], None]:
    def holds(subject: Subject) -> None:
        """What is said is true."""
        if raises is not None:
            raise raises

    return holds


@frozen
class Part:
    """An item of a stand-in for a check."""

    raises: BaseException | None = None
    known: str = ""

    def item(self) -> Item:
        registry = load()
        return Item(
            "plugin/truthful",
            Check("truthful", law(self.raises)),
            Subject(registry, registry.plugins[0]),
            self.known,
        )


# Which items there are


def test_each_law_of_each_component_is_an_item_with_an_id_of_its_own() -> None:
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
def test_every_check_says_its_law_in_one_sentence(plugin: str) -> None:
    for item in items(plugin):
        assert item.check.law.endswith("."), item.id
        assert item.check.name == item.check.test.__name__.strip("_").replace("_", "-"), item.id


def test_each_kind_has_a_room_for_its_laws() -> None:
    assert set(ROOMS) == {"plugin", "component", *KINDS}


def test_importing_the_names_for_authors_loads_neither_torch_nor_pandas() -> None:
    code = "import cfplug.testing, sys; print(sorted({'torch', 'pandas', 'fastai'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Parameters and known failures


def one_file(folder: Path) -> Registry:
    (folder / "one_file.py").write_text(PLUGIN)
    return load([folder])


def test_a_component_that_needs_parameters_is_tried_with_those_that_are_given(
    tmp_path: Path,
) -> None:
    registry = one_file(tmp_path)
    with pytest.raises(cfplug.PluginError) as caught:
        items("one-file", registry=registry)
    assert str(caught.value) == (
        "loss/shy cannot be tried: shy needs path: a parameter that must be given (say which values in params)"
    )
    found = items("one-file", registry=registry, params={"loss/shy": {"path": "here"}})
    assert {item.subject.params.path for item in found if item.subject.entry} == {"here"}
    (build,) = [item for item in found if item.check.name == "builds-on-every-scale"]
    assert outcome(build).state == "failed"
    assert outcome(build).message == "SystemExit: a plugin may raise anything"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"params": {"loss/msee": {}}},
            "params names 'loss/msee', which is nothing here; did you mean loss/mse?",
        ),
        (
            {"known_failures": {"loss/mse/has-hepl": "why"}},
            "known_failures names 'loss/mse/has-hepl', which is nothing here; did you mean loss/mse/has-help?",
        ),
        ({"known_failures": {"zzz": "why"}}, "known_failures names 'zzz', which is nothing here"),
    ],
)
def test_a_name_that_is_nothing_is_told_with_the_nearest(given: dict[str, Any], told: str) -> None:
    with pytest.raises(cfplug.PluginError) as caught:
        items("losses", **given)
    assert str(caught.value) == told


def test_an_unknown_plugin_is_told_with_the_nearest() -> None:
    with pytest.raises(cfplug.PluginError) as caught:
        items("loses")
    assert str(caught.value) == 'no plugin called "loses"; did you mean losses? (cfplug plugins)'


def test_a_plugin_that_cannot_be_loaded_has_one_item_which_says_why() -> None:
    registry = load([ZOO / "broken"])
    (item,) = items("import-error", registry=registry)
    found = outcome(item)
    assert (item.id, found.state) == ("plugin/loads", "failed")
    assert found.message.startswith("plugin import-error (")


# What comes of an item


@pytest.mark.parametrize(
    ("part", "state", "good", "message"),
    [
        (Part(), "passed", True, ""),
        (Part(BrokenLawError("two is three")), "failed", False, "two is three"),
        (Part(KeyError("two")), "failed", False, "KeyError: 'two'"),
        (Part(SystemExit(3)), "failed", False, "SystemExit: 3"),
        (Part(BrokenLawError("two is three"), "by design"), "known", True, "by design"),
        (
            Part(None, "by design"),
            "unexpected",
            False,
            "it passes, and was declared to fail: by design",
        ),
    ],
)
def test_an_outcome_is_what_came_of_the_law_and_what_was_known(
    part: Part, state: str, good: bool, message: str
) -> None:
    found = outcome(part.item())
    assert (found.state, found.good, found.message) == (state, good, message)
    assert ("the law plugin/truthful: What is said is true." in found.trace) == (state == "failed")


def test_a_keyboard_interrupt_stops_everything() -> None:
    with pytest.raises(KeyboardInterrupt):
        outcome(Part(KeyboardInterrupt()).item())


def tried(subject: Subject) -> list[int]:
    """The examples on which a property is tried."""
    drawn: list[int] = []
    subject.hold(lambda number: drawn.append(number), st.integers())
    return drawn


def test_a_property_is_tried_on_the_same_examples_each_time() -> None:
    subject = Part().item().subject
    assert tried(subject) == tried(subject)
    assert len(tried(subject)) == subject.examples
    assert len(tried(evolve(subject, examples=9))) == 9


def test_a_broken_property_is_told_by_its_smallest_example() -> None:
    def small(number: int) -> None:
        if number > 10:
            raise BrokenLawError(f"{number} is large")

    with pytest.raises(BrokenLawError) as caught:
        Part().item().subject.hold(small, st.integers(0, 1000), examples=50)
    assert str(caught.value) == "11 is large"


# As tests of pytest

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


def test_a_contract_is_one_item_of_pytest_for_each_check(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(CONTRACT.format(folder=str(ZOO / "mutants")))
    only = "metric/blank/ or metric/sound/has-help or metric/wordless/parameters or metric/sound/functions"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-rA",
        "-q",
        "--tb=line",
        "-p",
        "no:cacheprovider",
        "-k",
        only,
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    told = [line for line in done.stdout.splitlines() if "test_it.py::" in line]
    states = {line.partition("[")[2].partition("]")[0]: line.split()[0] for line in told}
    assert done.returncode == 1
    assert states["metric/blank/has-help"] == "PASSED"
    assert states["metric/sound/functions-can-be-imported"] == "PASSED"
    assert states["metric/blank/parameters-have-help"] == "XFAIL"
    assert states["metric/wordless/parameters-have-help"] == "FAILED"
    assert states["metric/sound/has-help"] == "FAILED", (
        "a known failure that passes is no known failure"
    )
    assert any("XFAIL" in line and "the unit is padded" in line for line in told)

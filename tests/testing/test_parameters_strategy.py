"""Drawn parameters: valid values are accepted, invalid ones have exactly one fault."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cfplug import param
from cfplug.errors import ParameterError
from cfplug.params import NoParams, parameters, plain, structure
from cfplug.plugin.components import KINDS, Component
from cfplug.plugin.registry import load
from cfplug.recipe.settings import FeatureChoice, TrainSettings
from cfplug.testing.strategies.invalid import faulty, invalid_values
from cfplug.testing.strategies.parameters import (
    ParameterSource,
    parameters_for,
    valid_values,
)


@attrs.frozen
class Plain:
    """A parameter of every type, and no rule between two of them."""

    needed: int = param(help="", at_least=1, at_most=9)
    real: float = param(0.5, help="", above=0, below=1)
    reach: float = param(2.0, help="", at_least=-1)
    count: int = param(10_000, help="", at_least=5)
    seed: int = param(0, help="", at_least=0, at_most=2**32 - 1)
    debt: int = param(0, help="", below=0.5)
    word: str = param("mse", help="", choices=("mse", "mae"))
    title: str = param("x", help="")
    flag: bool = param(False, help="")
    file: Path | None = param(None, help="")
    pair: tuple[float, float] = param((0, 1), help="", at_least=0, at_most=5)
    sizes: tuple[int, ...] = param((), help="", at_least=1)
    kinds: tuple[str, ...] = param((), help="", choices=("a", "b"))
    table: dict[str, float] = param({}, help="", at_most=1)
    either: int | tuple[str, ...] = param(5, help="", at_least=2)
    share: int | float = param(1, help="", at_least=0)


@attrs.frozen
class Ruled:
    """Rules between parameters: one or both need the other, two rise, one of two is required."""

    mode: str = param("plain", help="", choices=("plain", "steps", "cycles"))
    steps: tuple[int, ...] = param((), help="", at_least=1)
    length: int | None = param(None, help="", at_least=1)
    range: tuple[float, float] = param((0.0, 1.0), help="")
    fold: str | None = param(None, help="")
    file: Path | None = param(None, help="")

    def __attrs_post_init__(self) -> None:
        if (self.mode == "steps") != bool(self.steps):
            raise ParameterError("steps", "go with mode steps")
        if self.length is not None and self.mode != "cycles":
            raise ParameterError("length", "needs mode cycles")
        if self.range[0] >= self.range[1]:
            raise ParameterError("range", "must rise")
        if (self.fold is None) == (self.file is None):
            raise ValueError("give fold or file")


COMPONENTS = [entry.component for kind in KINDS for entry in load().entries(kind)]
EVERY: list[Component | type] = [
    *COMPONENTS,
    TrainSettings,
    FeatureChoice,
    Plain,
    Ruled,
    NoParams,
]


def name_of(component: Component | type) -> str:
    return (
        component.__name__
        if isinstance(component, type)
        else f"{type(component).__name__}-{component.name}"
    )


def params_of(component: Component | type) -> type:
    return component if isinstance(component, type) else component.params


@functools.cache
def drawn(
    make: Callable[..., SearchStrategy[Any]],
    component: Component | type | None,
    n: int,
    **options: Any,
) -> list[Any]:
    """Return `n` examples, the same each time."""
    found = []

    @settings(
        max_examples=n,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(make(component, **options))
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found


@pytest.mark.parametrize("component", EVERY, ids=name_of)
def test_valid_values_are_accepted_and_invalid_ones_have_one_fault_at_their_key(
    component: Component | type,
) -> None:
    cls = params_of(component)
    for values in drawn(valid_values, component, 8):
        assert structure(cls, values, owner="it").faults == ()
        assert values == plain(values)
    for values, key in drawn(invalid_values, component, 8):
        faults = structure(cls, values, owner="it").faults
        assert len(faults) == 1, (values, faults)
        assert faults[0].path[:1] == ((key,) if key in values else ()), (values, faults)


def seen(cls: type, n: int, **options: Any) -> dict[str, list[Any]]:
    """Return all values that were drawn of each parameter."""
    tables = drawn(valid_values, cls, n, **options)
    return {
        each.name: [table[each.name] for table in tables if each.name in table]
        for each in parameters(cls)
    }


def test_values_of_every_type_are_drawn_from_end_to_end_of_their_range() -> None:
    found = seen(Plain, 200)
    assert len(found["needed"]) == 200
    assert {1, 9} <= set(found["needed"])
    assert {-1.0} < set(found["reach"])
    assert any(isinstance(value, int) for value in found["reach"])
    assert max(found["reach"]) <= 99
    assert 5 in found["count"]
    assert max(found["count"]) <= 20_005
    patient = settings(max_examples=1000, database=None, derandomize=True, phases=[Phase.generate])
    assert find(valid_values(Plain), lambda table: table.get("count", 0) > 10_000, settings=patient)
    assert max(found["seed"]) <= 1_000
    assert 0 in found["debt"]
    assert max(found["debt"]) == 0
    assert set(found["word"]) == {"mse", "mae"}
    assert set(found["flag"]) == {True, False}
    assert {None, "ratings.csv"} < set(found["file"])
    assert all(1e-6 <= value <= 1 - 1e-6 for value in found["real"])
    assert {len(value) for value in found["sizes"]} >= {0, 1, 2}
    assert {member for value in found["kinds"] for member in value} == {"a", "b"}
    assert any(value[0] > value[1] for value in found["pair"])
    assert any(found["table"])
    assert {type(value) for value in found["either"]} == {int, list}
    assert {type(value) for value in found["share"]} == {int, float}


def test_any_of_the_optional_parameters_may_be_left_out() -> None:
    tables = drawn(valid_values, Plain, 200)
    names = {each.name for each in parameters(Plain)}
    assert {"needed"} in [set(table) for table in tables]
    assert names in [set(table) for table in tables]
    assert all(any(name not in table for table in tables) for name in names - {"needed"})


def test_huge_numbers_are_drawn_on_request() -> None:
    found = seen(Plain, 150, huge=True)
    assert max(found["count"]) > 2**40
    assert max(found["seed"]) > 2**20
    assert max(map(abs, found["reach"])) > 1e9


def test_rules_between_parameters_leave_values_of_each() -> None:
    found = seen(Ruled, 200)
    assert set(found["mode"]) == {"plain", "steps", "cycles"}
    assert any(found["steps"])
    assert any(value is not None for value in found["length"])
    assert len(found["range"]) > 20
    assert any(value is not None for value in found["fold"])
    assert any(value is not None for value in found["file"])


def test_training_settings_of_every_schedule_are_drawn() -> None:
    found = seen(TrainSettings, 150)
    assert set(found["schedule"]) >= {"one-cycle", "sgdr", "flat-cosine"}
    rare = {"step_factor", "step_epochs", "average_from", "monitor"}
    assert all(values for name, values in found.items() if name not in rare), {
        name for name in found if not found[name]
    }


def test_parameters_are_the_objects_that_the_values_make() -> None:
    objects = drawn(parameters_for, Plain, 30)
    assert all(isinstance(each, Plain) for each in objects)
    assert any(each.file is not None and isinstance(each.file, Path) for each in objects)
    assert all(isinstance(each.reach, float) for each in objects)


def test_values_that_a_declaration_does_not_describe_can_be_given() -> None:
    steps = {"mode": st.just("steps"), "steps": st.just([3, 5])}
    found = find(
        valid_values(Ruled, given=steps),
        lambda table: True,
        settings=settings(database=None, max_examples=20),
    )
    assert (found["mode"], found["steps"]) == ("steps", [3, 5])


def test_values_shrink_to_what_is_required() -> None:
    least = find(
        valid_values(Plain), lambda table: True, settings=settings(database=None, max_examples=50)
    )
    assert least == {"needed": 1}


def test_changing_an_example_does_not_change_the_next() -> None:
    for table in drawn(valid_values, FeatureChoice, 30):
        for value in table.values():
            value.append("spoilt")
    assert FeatureChoice().user == ()
    find(
        valid_values(FeatureChoice),
        lambda table: bool(table) and not any("spoilt" in value for value in table.values()),
        settings=settings(database=None, max_examples=100),
    )


@given(invalid_values(Plain))
@settings(max_examples=60, deadline=None)
def test_invalid_values_have_no_second_fault(pair: tuple[dict[str, Any], str]) -> None:
    values, key = pair
    rest = {name: value for name, value in values.items() if name != key}
    if key != "needed":
        assert structure(Plain, rest, owner="it").faults == ()


def faults_of(component: None, faults: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return faults


def test_faults_are_of_every_kind() -> None:
    faults = {name: faulty(values) for name, values in ParameterSource.of(Plain).values().items()}
    bad = {name: drawn(faults_of, None, 60, faults=each) for name, each in faults.items()}
    assert any(type(value) is int and value < 1 for value in bad["needed"])
    assert any(type(value) is int and value > 9 for value in bad["needed"])
    assert any(type(value) is bool for value in bad["needed"])
    assert any(isinstance(value, str) for value in bad["count"])
    reals = [
        value
        for name in ("real", "reach", "share")
        for value in bad[name]
        if isinstance(value, float)
    ]
    assert any(math.isnan(value) for value in reals)
    assert any(math.isinf(value) for value in reals)
    assert {0, 1} & set(map(str, bad["real"])) or any(
        value in (0, 1) for value in bad["real"] if type(value) is int
    )
    assert any(isinstance(value, str) for value in bad["word"])
    assert any(isinstance(value, list) and len(value) != 2 for value in bad["pair"])
    assert any(isinstance(value, list) and len(value) == 2 for value in bad["pair"])
    assert any(isinstance(value, dict) and value for value in bad["table"])


def test_keys_are_unknown_missing_or_have_a_bad_value() -> None:
    pairs = drawn(invalid_values, Plain, 150)
    names = {each.name for each in parameters(Plain)}
    keys = {key for _, key in pairs}
    assert keys - names
    assert len(keys & names) > 6
    assert any("needed" not in values for values, _ in pairs)


def test_misspelt_keys_are_not_reserved_ones() -> None:
    for component in COMPONENTS:
        for values, key in drawn(invalid_values, component, 8):
            assert key not in component.reserved or key in values
            assert not set(values) & set(component.reserved)

"""Drawn recipes: the reader accepts each valid one, and refuses each with a fault."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from cfplug.errors import RecipeError
from cfplug.plugin.registry import Registry, load
from cfplug.recipe.parser import Recipe, parse_recipe
from cfplug.recipe.recipe import KEYS
from cfplug.recipe.yaml import parse
from tests.strategies.recipe_faults import (
    KINDS_OF_FAULT,
    Broken,
    _Faults,
    _put,
    broken_recipes,
)
from tests.strategies.recipes import as_yaml, recipe_texts, recipes

ODD_PLUGIN = """
import attrs
import cfplug


@attrs.frozen
class Odd:
    width: int = cfplug.param(at_least=3, at_most=5, help="how wide")
    ends: tuple[float, float] = cfplug.param((0.0, 1.0), help="both ends")

    def __attrs_post_init__(self) -> None:
        if self.ends[0] > self.ends[1]:
            raise ParameterError("ends", "must go from low to high")


def build(params, scale):
    raise NotImplementedError


@cfplug.hookimpl
def cfplug_losses():
    return [cfplug.Loss("mse", Odd, build=build), cfplug.Loss("odd", Odd, build=build)]
"""


@functools.cache
def registry() -> Registry:
    return load(environment={})


WHOLE, BROKEN = recipes(registry()), broken_recipes(registry())

few = settings(
    max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def read(table: dict[str, Any], known: Registry | None = None) -> Recipe:
    return parse_recipe(as_yaml(table), "r.yaml", registry=known or registry())


def first(strategy: st.SearchStrategy[Any], wanted: Callable[[Any], bool]) -> Any:
    """Return an example that fits; NoSuchExample if none is found."""
    return find(
        strategy,
        wanted,
        settings=settings(few, max_examples=2000, phases=[Phase.generate], database=None),
    )


@given(WHOLE)
@few
def test_reader_accepts_each_recipe(table: dict[str, Any]) -> None:
    recipe = read(table)
    assert len(recipe.models) == len(table["models"])
    assert [claim.metric for claim in recipe.claims] == [
        claim["metric"] for claim in table.get("claims", [])
    ]
    assert read(parse(recipe.resolved(), "resolved.yaml")[0].plain()) == recipe


@given(recipe_texts(registry()))
@settings(few, max_examples=5)
def test_recipe_texts_are_accepted(text: str) -> None:
    assert set(parse(text, "r.yaml")[0].plain()) <= set(KEYS)
    parse_recipe(text, "r.yaml", registry=registry())


@given(BROKEN)
@few
def test_reader_refuses_each_recipe_with_a_fault(broken: Broken) -> None:
    with pytest.raises(RecipeError) as caught:
        read(broken.table)
    top = str(broken.path[0]) if broken.path else ""
    paths = [problem.path for problem in caught.value.problems]
    assert any(path.startswith(top) for path in paths) or "" in paths, (broken, paths)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**38), 10**38) | st.floats() | st.text(),
        st.lists,
    )
)
@settings(max_examples=50)
def test_a_table_as_yaml_reads_back_as_it_was(value: Any) -> None:
    root, problems = parse(as_yaml({"a b": value, "\x7f": {"é": value}}), "r.yaml")
    assert problems == []
    assert repr(root.plain()) == repr(
        {"a b": value, "\x7f": {"é": value}}
    )  # nan is not equal to itself


def test_an_empty_table_is_a_table() -> None:
    assert as_yaml({}) == "{}\n"


def test_most_keys_and_kinds_of_fault_are_drawn() -> None:
    drawn: set[str] = set()

    @given(BROKEN)
    @settings(few, derandomize=True, max_examples=60, phases=[Phase.generate])
    def gather(broken: Broken) -> None:
        drawn.update(broken.table, [broken.how])

    gather()
    assert len(drawn & set(KEYS)) > 10
    assert len(drawn & set(KINDS_OF_FAULT)) > 6


@given(st.data())
@settings(few, max_examples=3)
def test_every_fault_of_a_full_recipe_is_refused(data: st.DataObject) -> None:
    models = [{"use": "tabular", "loss": "mse", "train": {}}]
    more = {
        "train": {},
        "features": {},
        "claims": [{"metric": "mse", "at_most": 1}],
        "metrics": ["mse"],
    }
    table = {"data": "synthetic", "models": models, **more}
    for path, how, values in _Faults(registry()).of(table):
        with pytest.raises(RecipeError):
            read(_put(table, path, data.draw(values, label=how)))


def test_small_recipes_lack_places_for_some_faults() -> None:
    kinds = {how for _, how, _ in _Faults(registry()).of({"data": "synthetic", "models": ["mean"]})}
    assert kinds == set(KINDS_OF_FAULT) - {"no table", "no claim", "no features"}
    everything = {
        "train": {},
        "features": {},
        "claims": [{"metric": "mse", "at_most": 1}],
        "unknown": "error",
    }
    full = _Faults(registry()).of({"data": "synthetic", "models": ["tabular"], **everything})
    assert {how for _, how, _ in full} == set(KINDS_OF_FAULT)


def test_components_of_other_plugins_are_drawn_by_unambiguous_names(tmp_path: Path) -> None:
    (tmp_path / "oddities.py").write_text(ODD_PLUGIN, encoding="utf-8")
    known = load([tmp_path], environment={})
    drawn = first(
        recipes(known),
        lambda table: isinstance(table.get("loss"), dict) and "width" in table["loss"],
    )
    assert drawn["loss"]["use"] in ("oddities/mse", "oddities/odd", "odd")
    assert read(drawn, known).models

    @given(recipes(known), broken_recipes(known))
    @settings(few, max_examples=3)
    def check(table: dict[str, Any], broken: Broken) -> None:
        entries = [table, *(model for model in table["models"] if isinstance(model, dict))]
        assert not {"mse"} & {name_of(entry["loss"]) for entry in entries if "loss" in entry}
        read(table, known)
        with pytest.raises(RecipeError):
            read(broken.table, known)

    check()


def name_of(entry: Any) -> str:
    return str(entry["use"] if isinstance(entry, dict) else entry)


def test_keys_without_a_default_are_always_there() -> None:
    known = load(environment={"CFPLUG_PLUGINS": "-coldstart,-splits,-audit"})
    with pytest.raises(RecipeError, match="splits/random"):
        read({"data": "synthetic", "models": ["mean"], "unknown": "error"}, known)
    limited = recipes(load(environment={"CFPLUG_PLUGINS": "-coldstart"}))

    @given(limited)
    @settings(few, max_examples=10)
    def check(table: dict[str, Any]) -> None:
        assert table["unknown"] in ("error", {"use": "error"})
        assert not table.get("cold_starts")

    check()

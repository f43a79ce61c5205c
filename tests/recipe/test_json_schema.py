"""The schema of recipes: it accepts what the reader accepts, and both refuse a wrong value.

JSON has one kind of number, so that 1.0 is a whole number there; a recipe is stricter. The tests
use a checker of types that goes by Python's, as the reader does: 1.0 is not a whole number, `true`
is not a number, and neither is what is not finite.
"""

from __future__ import annotations

import functools
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import attrs
import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema.exceptions import best_match

import cfplug
from cfplug.errors import RecipeError
from cfplug.params import Rule, parameters, structure_value
from cfplug.plugin.components import KINDS
from cfplug.plugin.registry import Entry, Registry, load
from cfplug.recipe.json_schema import properties, recipe_schema, table, value_schema
from cfplug.recipe.parser import read_recipe
from cfplug.recipe.settings import TrainSettings
from cfplug.recipe.yaml import parse
from tests.strategies.recipes import recipes

ROOT = Path(__file__).parents[2]

Table = dict[str, Any]


def _is_number(_checker: object, value: object) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


STRICT = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
    {"integer": lambda _, value: type(value) is int, "number": _is_number}
)
Validator: Any = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=STRICT)


@functools.cache
def registry() -> Registry:
    return load(environment={})


@functools.cache
def validator() -> Any:
    return Validator(recipe_schema(registry()))


def accepted(recipe: Table) -> bool:
    """Return whether the schema accepts a recipe."""
    return bool(validator().is_valid(recipe))


def is_readable(recipe: Table, known: Registry | None = None) -> bool:
    """Return whether the reader accepts a recipe."""
    try:
        read_recipe(recipe, registry=known or registry())
    except RecipeError:
        return False
    return True


def simple(**more: Any) -> Table:
    return {"data": "synthetic", "models": ["pmf"], **more}


# Recipes

few = settings(
    max_examples=10, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@given(recipes(registry()))
@few
def test_the_schema_accepts_what_the_reader_accepts(recipe: Table) -> None:
    assert is_readable(recipe)
    assert accepted(recipe)


def entry_with(entry: Entry, **values: Any) -> Table:
    """Return a recipe in which an entry of this component has these values."""
    use = {"use": entry.full_name, **values}
    keys = {"source": "data", "cold-start": "unknown", "split": "split", "loss": "loss"}
    if entry.kind in keys:
        return simple(**{keys[entry.kind]: use})
    return simple(**{f"{entry.kind}s": [use]})


COMPONENTS = [entry for kind in KINDS for entry in registry().entries(kind)]

PARAMETERS = [
    (entry, parameter) for entry in COMPONENTS for parameter in parameters(entry.component.params)
]

OF_NO_TYPE: list[Any] = [{"a": {"b": None}}, [[None]], [{}]]
"""Values that no parameter has, whatever its type."""


def outside(rule: Rule) -> list[Any]:
    """Return numbers out of the bounds of a rule, and a choice that it does not have."""
    bounds = {
        rule.at_least: -1,
        rule.above: 0,
        rule.at_most: 1,
        rule.below: 0,
    }
    numbers = [bound + step for bound, step in bounds.items() if bound is not None]
    return numbers if rule.choices is None else ["nonesuch-zz"]


@given(st.sampled_from(PARAMETERS), st.data())
@settings(max_examples=60, deadline=None)
def test_both_refuse_a_wrong_type_choice_or_bound_of_any_parameter(
    pair: Any, data: st.DataObject
) -> None:
    entry, parameter = pair
    value = data.draw(st.sampled_from([*OF_NO_TYPE, *outside(parameter.rule)]))
    recipe = entry_with(entry, **{parameter.name: value})
    assert not is_readable(recipe)
    assert not accepted(recipe)


@given(st.sampled_from(parameters(TrainSettings)), st.data())
@settings(max_examples=40, deadline=None)
def test_both_refuse_a_wrong_train_setting(parameter: Any, data: st.DataObject) -> None:
    value = data.draw(st.sampled_from([*OF_NO_TYPE, *outside(parameter.rule)]))
    recipe = simple(train={parameter.name: value})
    assert not is_readable(recipe)
    assert not accepted(recipe)


@given(st.sampled_from(COMPONENTS), st.sampled_from(["zz", "Use", "factor s"]))
@settings(max_examples=30, deadline=None)
def test_both_refuse_an_unknown_parameter_of_any_component(entry: Entry, key: str) -> None:
    recipe = entry_with(entry, **{key: 1})
    assert not is_readable(recipe)
    assert not accepted(recipe)


BOTH_REFUSE: list[Table] = [
    {},
    {"data": "synthetic"},
    {"models": ["pmf"]},
    simple(modles=[]),
    simple(seed=1.0),
    simple(seed=-1),
    simple(seed=2**32),
    simple(seeds=[True]),
    simple(seeds=5),
    simple(title=5),
    simple(device="gpu"),
    simple(reveal=[-1]),
    simple(models="pmf"),
    simple(models=["nonesuch"]),
    simple(models=[{"use": "nonesuch"}]),
    simple(models=[{"factors": 3}]),
    simple(models=[{"use": "pmf", "name": 5}]),
    simple(models=[{"use": "mean", "loss": "mse"}]),
    simple(models=[{"use": "pmf", "features": {}}]),
    simple(metrics=None),
    simple(metrics=[5]),
    simple(split="mse"),
    simple(split={"use": "random", "name": "x"}),
    simple(data={"use": "csv"}),
    simple(data={"use": "csv", "ratings": 5}),
    simple(unknown=None),
    simple(unknown={"use": "error", "damping": 1}),
    simple(cold_starts=["error"]),
    simple(features="some"),
    simple(features={"users": ["age"]}),
    simple(features={"time": ["never"]}),
    simple(train={"epoch": 5}),
    simple(claims=[{"at_most": 1}]),
    simple(claims=[{"metric": "mse", "at_most": 1, "part": "train"}]),
    simple(claims=[{"metric": "rmse", "at_most": 1, "revealed": -1}]),
    simple(analyzers=[{"use": "bias-ranking", "models": "pmf"}]),
]


@pytest.mark.parametrize("recipe", BOTH_REFUSE, ids=lambda recipe: str(recipe)[:60])
def test_both_refuse_a_wrong_name_type_choice_or_bound(recipe: Table) -> None:
    assert not is_readable(recipe)
    assert not accepted(recipe)


@pytest.mark.parametrize("data", ["memory", {"use": "memory"}], ids=str)
def test_both_accept_data_that_python_gives(data: Any) -> None:
    recipe = {**simple(), "data": data}
    assert is_readable(recipe)
    assert accepted(recipe)


@pytest.mark.parametrize(
    "recipe",
    [
        simple(seed=3, seeds=[4]),
        simple(train={"schedule": "steps"}),
        simple(metrics=["nll"]),
        simple(models=["pmf", "pmf"]),
    ],
    ids=str,
)
def test_rules_between_keys_are_those_of_the_reader_alone(recipe: Table) -> None:
    assert not is_readable(recipe)
    assert accepted(recipe)


# Values

KINDS: list[Any] = [
    *(int, float, str, bool, Path, Any),
    *(int | None, str | None, Path | None, float | None, bool | None),
    *(int | float, int | str, int | str | None, float | tuple[str, ...]),
    *(tuple[int, ...], tuple[float, float], tuple[str, ...] | None, tuple[int | str, ...]),
    *(dict[str, str], dict[str, float], dict[str, tuple[int, ...]] | None),
]

RULES = [
    Rule(""),
    Rule("", at_least=1),
    Rule("", above=0, below=1),
    Rule("", above=0.5, at_most=2),
    Rule("", at_least=-math.inf, below=math.inf),
    Rule("", choices=("a", "b")),
    Rule("", choices=(1, 2.0, 0.5)),
]

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from([0.0, 0.5, 1.0, 2.0, -1.5, math.nan, math.inf, "", "a", "b", "a\n"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def taken(value: Any, kind: Any, rule: Rule) -> bool:
    """Return whether the reader takes a value for a parameter of this type and rule."""
    made = structure_value(value, kind)
    return not made.faults and rule.broken_by(made.value) is None


@given(VALUES, st.sampled_from(KINDS), st.sampled_from(RULES))
@settings(max_examples=200)
@example([1], tuple[float, float], Rule(""))
@example([1, 2, 3], tuple[float, float], Rule(""))
@example(1, bool, Rule(""))
@example(True, int, Rule(""))
@example(2, float, Rule("", choices=(1, 2.0, 0.5)))
@example(None, str | None, Rule("", choices=("a",)))
@example([1, 0], tuple[int, ...], Rule("", at_least=1))
def test_a_value_fits_the_schema_exactly_when_the_reader_takes_it(
    value: Any, kind: Any, rule: Rule
) -> None:
    fits = Validator(value_schema(kind, rule)).is_valid(value)
    looser = (Path, Path | None, Any, bool, bool | None) if rule.choices else (Path, Path | None)
    if kind in (*looser, Any):
        assert fits or not taken(value, kind, rule)
    else:
        assert fits == taken(value, kind, rule)


@attrs.frozen
class Knobs:
    need: int = cfplug.param(help="how many", at_least=np.int64(1), unit="items")
    share: float = cfplug.param(0.5, help="which part", above=0, below=1.0)
    free: Any = cfplug.param(object(), help="")
    files: tuple[Path, ...] = cfplug.param((Path("a"),), help="where")
    level: int = cfplug.param(3, help="which", choices=np.array([1, 3]))
    plain: str = "x"


def test_a_table_has_help_unit_bounds_default_and_what_is_required() -> None:
    assert json.loads(json.dumps(table(Knobs))) == {
        "type": "object",
        "properties": {
            "need": {"description": "how many (in items)", "type": "integer", "minimum": 1},
            "share": {
                "description": "which part",
                "type": "number",
                "exclusiveMinimum": 0,
                "exclusiveMaximum": 1,
                "default": 0.5,
            },
            "free": {},
            "files": {
                "description": "where",
                "type": "array",
                "items": {"type": "string"},
                "default": ["a"],
            },
            "level": {"description": "which", "type": "integer", "enum": [1, 3], "default": 3},
            "plain": {"type": "string", "default": "x"},
        },
        "required": ["need"],
        "additionalProperties": False,
    }
    assert list(properties(Knobs)) == [field.name for field in attrs.fields(Knobs)]


# The schema as a whole


@pytest.mark.parametrize(
    "path", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda path: path.stem
)
def test_each_built_in_recipe_is_accepted_as_any_editor_sees_it(path: Path) -> None:
    recipe = parse(path.read_text(encoding="utf-8"), path.name)[0].plain()
    checker = jsonschema.Draft202012Validator(recipe_schema(registry()))
    assert [str(error) for error in checker.iter_errors(recipe)] == []


def test_the_schema_is_json_valid_by_its_metaschema_and_small() -> None:
    schema = recipe_schema(registry())
    text = json.dumps(schema, allow_nan=False)
    assert json.loads(text) == schema
    jsonschema.Draft202012Validator.check_schema(schema)
    assert len(text) < 200_000
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_schema_says_who_wrote_it_for_which_plugins_and_how_an_editor_reads_it() -> None:
    schema = recipe_schema(registry())
    assert schema["title"] == f"A recipe of cfplug {cfplug.__version__}"
    assert schema["$comment"].startswith(
        "Written by `cfplug schema --out recipe.schema.json` for audit (cfplug "
    )
    assert "# yaml-language-server: $schema=recipe.schema.json" in schema["$comment"]


def test_every_reference_leads_to_a_definition_and_every_definition_is_used() -> None:
    schema = recipe_schema(registry())
    used = {unquote(each) for each in re.findall(r'"#/\$defs/([^"]+)"', json.dumps(schema))}
    assert used == set(schema["$defs"])


@pytest.mark.parametrize("kind", KINDS)
def test_an_editor_sees_every_parameter_of_every_component(kind: str) -> None:
    definitions = recipe_schema(registry())["$defs"]
    for entry in registry().entries(kind):
        definition = definitions[f"{kind}.{entry.plugin.name}.{entry.component.name}"]
        assert definition["description"] == entry.component.summary
        assert set(definition["properties"]) - set(entry.component.reserved) == {
            each.name for each in parameters(entry.component.params)
        }
        for each in parameters(entry.component.params):
            shown = definition["properties"][each.name]
            assert shown["description"].startswith(each.rule.help)
            assert ("default" in shown) != each.required
            assert (each.name in definition["required"]) == each.required


def test_names_come_with_their_help_for_completion() -> None:
    names = recipe_schema(registry())["$defs"]["loss-name"]["anyOf"]
    assert {
        "const": "mse",
        "title": f"losses (cfplug {cfplug.__version__})",
        "description": "Mean squared error, with an optional sigmoid range.",
    } in names
    assert "losses/mse" in [each["const"] for each in names]


@pytest.mark.parametrize(
    ("recipe", "path", "words"),
    [
        (simple(train={"epochs": 0}), "$.train.epochs", "0 is less than the minimum of 1"),
        (
            simple(models=[{"use": "pmf", "factors": 0}]),
            "$.models[0].factors",
            "0 is less than the minimum of 1",
        ),
        (
            simple(loss={"use": "huber", "delta": "x"}),
            "$.loss.delta",
            "'x' is not of type 'number'",
        ),
        (simple(device="gpu"), "$.device", "'gpu' is not one of ['auto', 'cpu', 'cuda', 'mps']"),
    ],
)
def test_an_editor_points_to_the_value_that_is_wrong(recipe: Table, path: str, words: str) -> None:
    error = best_match(validator().iter_errors(recipe))
    assert (error.json_path, error.message) == (path, words)


LIGHT = """
import json, sys
from cfplug.plugin.registry import load
from cfplug.recipe.json_schema import recipe_schema
json.dumps(recipe_schema(load()))
heavy = ("torch", "fastai", "pandas", "numpy", "scipy", "sklearn")
print([each for each in heavy if each in sys.modules])
"""


def test_making_the_schema_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


# Other plugins

HOUSE = """
import attrs
import cfplug


@attrs.frozen
class Mood:
    \"\"\"How much the weather changes a rating.\"\"\"

    strength: float = cfplug.param(above=0, at_most=2, unit="degrees", help="weight of a degree")
    side: str | None = cfplug.param(None, choices=("user", "item"), help="whose weather")


def build(params, spec):
    raise NotImplementedError


@cfplug.hookimpl
def cfplug_models():
    return [cfplug.Model("mood", Mood, build=build), cfplug.Model("pmf", build=build)]
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """Return the installed plugins and one more."""
    folder = tmp_path_factory.mktemp("house")
    (folder / "house_blend.py").write_text(HOUSE, encoding="utf-8")
    return load([folder], environment={})


def test_a_plugin_in_a_folder_changes_the_schema(house: Registry) -> None:
    schema = recipe_schema(house)
    definition = schema["$defs"]["model.house-blend.mood"]
    assert definition["properties"]["strength"] == {
        "description": "weight of a degree (in degrees)",
        "type": "number",
        "maximum": 2,
        "exclusiveMinimum": 0,
    }
    assert definition["properties"]["side"] == {
        "description": "whose weather",
        "anyOf": [{"type": "string", "enum": ["user", "item"]}, {"type": "null"}],
        "default": None,
    }
    assert definition["required"] == ["strength"]
    assert "house-blend" in schema["$comment"]
    assert "mood" not in json.dumps(recipe_schema(registry()))


@pytest.mark.parametrize(
    ("models", "right"),
    [
        ([{"use": "mood", "strength": 2}], True),
        ([{"use": "house-blend/mood", "strength": 0.5, "side": None, "loss": "mse"}], True),
        ([{"use": "mood", "strength": 0}], False),
        ([{"use": "mood", "strength": 1, "side": "both"}], False),
        (["pmf"], False),
        ([{"use": "pmf"}], False),
        (["factors/pmf"], True),
        (["house-blend/pmf"], True),
    ],
)
def test_a_name_that_two_plugins_give_is_known_only_in_full(
    house: Registry, models: list[Any], right: bool
) -> None:
    recipe = {"data": "synthetic", "models": models}
    assert Validator(recipe_schema(house)).is_valid(recipe) == right
    assert is_readable(recipe, house) == right


def test_without_any_plugin_there_is_still_a_schema_that_accepts_nothing() -> None:
    schema = recipe_schema(load(environment={"CFPLUG_PLUGINS": "audit"}))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert not Validator(schema).is_valid(simple())

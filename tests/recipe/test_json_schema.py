"""The schema of recipes: it accepts what the reader accepts, and refuses what the reader refuses if it can say so.

JSON knows one kind of number, so that 1.0 is a whole number there; a recipe is stricter, and an
editor that reads YAML can be no stricter than JSON. The tests look with a checker of types that
goes by Python's, as the reader does: 1.0 is no whole number, `true` no number, and what is not
finite no number either."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import attrs
import jsonschema
import pytest
from attrs import frozen
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from jsonschema.exceptions import best_match

import cfplug
from cfplug.errors import Problem, RecipeError, is_one_line
from cfplug.params import parameters, rule_of, structure_value, types_of
from cfplug.plugin.registry import Registry, load
from cfplug.recipe.conditions import Names
from cfplug.recipe.json_schema import FOLDER, LINE, LISTS, ONE, recipe_schema
from cfplug.recipe.parser import parse_recipe
from cfplug.recipe.reader import can_name_a_folder
from cfplug.recipe.recipe import KEYS, Claim, Heading, Looks
from cfplug.recipe.settings import FeatureChoice, TrainSettings
from cfplug.recipe.yaml import parse, path_text
from tests.strategies.recipes import as_yaml, recipes
from tests.strategies.recipe_faults import Broken, broken_recipes

ROOT = Path(__file__).parents[2]

Table = dict[str, Any]

At = tuple[str | int, ...]


@functools.cache
def registry() -> Registry:
    return load(environment={})


def _is_number(_checker: object, value: object) -> bool:
    return type(value) is int or (type(value) is float and abs(value) < float("inf"))


STRICT = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
    {"integer": lambda _, value: type(value) is int, "number": _is_number}
)
Validator: Any = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=STRICT)


@functools.cache
def validator() -> Any:
    return Validator(recipe_schema(registry()))


def accepted(table: Table) -> bool:
    """Whether the schema accepts a recipe."""
    return bool(validator().is_valid(table))


def told(table: Table, known: Registry | None = None) -> list[Problem]:
    """What the reader tells of a recipe; nothing if it accepts it."""
    try:
        parse_recipe(as_yaml(table), "r.yaml", registry=known or registry())
    except RecipeError as error:
        return list(error.problems)
    return []


# What JSON Schema cannot say


@frozen
class Unsaid:
    """A rule of the reader that the schema does not have: which messages tell it, and a recipe that breaks it."""

    path: str
    message: str
    recipe: Table
    example: str


def simple(**more: Any) -> Table:
    return {"data": "synthetic", "models": ["pmf"], **more}


TWO = ["pmf", {"use": "bias", "name": "plain"}]
CLASSES = {"use": "pmf", "name": "classes", "loss": "cross-entropy"}
LONG = "é" * 41

UNSAID = {
    "two entries of one name": Unsaid(
        r"(models|metrics|cold_starts|analyzers)\[\d+\]",
        r".* is also \w+\[\d+\]; give one of them a `name`",
        simple(metrics=["mse", {"use": "rmse", "name": "MSE"}]),
        "metrics[1]: 'MSE' is also metrics[0]; give one of them a `name`",
    ),
    "a claim on what the recipe has not": Unsaid(
        r"claims\[\d+\]\.(metric|model|cold_start)",
        r".* is none of the recipe's (metric|model|cold_start)s(; did you mean .*\?)?",
        simple(claims=[{"metric": "mae", "at_most": 1}]),
        "claims[0].metric: 'mae' is none of the recipe's metrics; did you mean mse?",
    ),
    "a claim on ratings that are not revealed": Unsaid(
        r"claims\[\d+\]\.revealed",
        r"\d+ is not among what is revealed: [\d, ]+",
        simple(
            cold_starts=["item-mean"],
            claims=[{"metric": "rmse", "cold_start": "item-mean", "revealed": 2, "at_most": 1}],
        ),
        "claims[0].revealed: 2 is not among what is revealed: 0, 1, 3, 5, 10",
    ),
    "a claim on a metric that one model cannot have": Unsaid(
        r"claims\[\d+\]",
        r"\S.* needs .*, and the model .*, gives none",
        {"data": "synthetic", "models": ["pmf", CLASSES], "metrics": ["nll"], "claims": []}
        | {"claims": [{"metric": "nll", "model": "pmf", "at_most": 1}]},
        "claims[0]: nll needs a distribution, and the model pmf, with the loss mse, gives none",
    ),
    "an analyzer of a model that is not there": Unsaid(
        r"analyzers\[\d+\]\.models\[\d+\]",
        r".* is none of the recipe's models(; did you mean .*\?)?",
        simple(analyzers=[{"use": "slices", "models": ["pfm"]}]),
        "analyzers[0].models[0]: 'pfm' is none of the recipe's models; did you mean pmf?",
    ),
    "an analyzer of a model that lacks what it needs": Unsaid(
        r"analyzers\[\d+\]",
        r"\S.* needs .*, and the model .*, gives none",
        {
            "data": "synthetic",
            "models": ["mean"],
            "analyzers": [{"use": "bias-ranking", "models": ["mean"]}],
        },
        "analyzers[0]: bias-ranking needs biases, and the model mean, which fits itself, gives none",
    ),
    "epochs after which the rate drops must rise": Unsaid(
        r"(models\[\d+\]\.)?train\.step_epochs",
        r"must rise; is \[.*",
        simple(train={"schedule": "steps", "step_epochs": [3, 1]}),
        "train.step_epochs: must rise; is [3, 1]",
    ),
    "revealed counts must rise": Unsaid(
        "reveal",
        r"must be different numbers in rising order, at least one; is \[.*",
        simple(reveal=[3, 1]),
        "reveal: must be different numbers in rising order, at least one; is [3, 1]",
    ),
    "epochs that are not those of the cycles": Unsaid(
        r"(models\[\d+\]\.)?train\.epochs",
        r"must be \d+, as the cycles of sgdr are [\d+ ]+, or left out; is \d+",
        simple(train={"schedule": "sgdr", "epochs": 2}),
        "train.epochs: must be 3, as the cycles of sgdr are 1 + 2, or left out; is 2",
    ),
    "a name of few letters and many bytes": Unsaid(
        r"\w+\[\d+\]\.name",
        r"must be text that can name a folder; is '.{41,}",
        simple(analyzers=[{"use": "slices", "name": LONG}]),
        f"analyzers[0].name: must be text that can name a folder; is '{LONG}'",
    ),
    "a number that nobody means": Unsaid(
        ".*",
        "a number of more than 40 digits",
        simple(train={"batch_size": 10**40}),
        "train.batch_size: a number of more than 40 digits",
    ),
    "what a plugin checks between parameters": Unsaid(
        "a place in an entry whose parameters keep their declarations",
        "anything",
        simple(loss={"use": "mse", "range": [5, 1]}),
        "loss.range: must go from low to high; is [5.0, 1.0]",
    ),
}
"""The whole of what the schema accepts and the reader refuses; every other rule it must have."""


def entries(table: Table) -> Iterator[tuple[At, str, Any]]:
    """Each entry of a recipe that may name a component: its path, its kind, and how it is written."""
    for key, kind in ONE.items():
        yield (key,), kind, table.get(key)
    for key, kind in LISTS.items():
        for position, each in enumerate(table[key] if isinstance(table.get(key), list) else []):
            yield (key, position), kind, each
            if kind == "model" and isinstance(each, dict):
                yield (key, position, "loss"), "loss", each.get("loss")


def keeps_its_declaration(cls: type, values: Mapping[str, Any]) -> bool:
    """Whether each value, taken alone, is what `param()` says, and none is missing or too many."""
    fields = {field.name: field for field in attrs.fields(cls)}
    if not {each.name for each in parameters(cls) if each.required} <= set(values) <= set(fields):
        return False
    for name, value in values.items():
        made = structure_value(value, types_of(cls)[name])
        if made.faults or rule_of(fields[name]).broken_by(made.value):
            return False
    return True


def is_a_plugins_own(problem: Problem, table: Table) -> bool:
    """Whether the fault lies in an entry of whose parameters each is right by itself."""
    for path, kind, each in entries(table):
        where, entry = path_text(path), each if isinstance(each, dict) else {"use": each}
        if problem.path == where or problem.path.startswith(f"{where}."):
            named = [
                found
                for found in registry().entries(kind)
                if entry.get("use") in Names((found,)).of(found)
            ]
            for component in (found.component for found in named):
                values = {
                    key: value for key, value in entry.items() if key not in component.reserved
                }
                own = problem.path.removeprefix(f"{where}.").partition(".")[0]
                if own not in component.reserved and keeps_its_declaration(
                    component.params, values
                ):
                    return True
    return False


def unsaid(problem: Problem, table: Table) -> bool:
    """Whether a problem is one of those that the schema cannot tell."""
    rules = (each for each in UNSAID.values() if each.message != "anything")
    return is_a_plugins_own(problem, table) or any(
        re.fullmatch(each.path, problem.path)
        and re.fullmatch(each.message, problem.message, re.DOTALL)
        for each in rules
    )


def hold(table: Table) -> None:
    """The law: what the reader accepts the schema accepts, what it refuses the schema refuses or cannot say."""
    problems = told(table)
    if accepted(table):
        event("refused by the reader alone" if problems else "accepted by both")
        assert [str(each) for each in problems if not unsaid(each, table)] == []
    else:
        event("refused")
        assert problems, [
            f"{each.json_path}: {each.message}"[:300] for each in validator().iter_errors(table)
        ]


# The law

RECIPES, FAULTY = recipes(registry()), broken_recipes(registry())

few = settings(
    max_examples=10, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

CLASSES_OF_KEYS = (Heading, TrainSettings, FeatureChoice, Claim, Looks)

COMPONENTS = [entry.component for kind in cfplug.KINDS for entry in registry().entries(kind)]

ANY_KEY = sorted(
    {*KEYS, "use", "name", "zz"}
    | {each.name for cls in CLASSES_OF_KEYS for each in parameters(cls)}
    | {each.name for component in COMPONENTS for each in parameters(component.params)}
)

ANY_VALUE: list[Any] = [
    *(None, True, False, 0, 1, 2, 3, -1, 5, 10, 2**32, 2**32 - 1, 10**39, 10**40),
    *(0.0, 1.0, 2.0, 0.5, 1.5, -0.5, 1e9, float("nan"), float("inf"), -float("inf")),
    *(
        "",
        "all",
        "error",
        "a/b",
        ".x",
        "x ",
        "a\nb",
        " \n",
        "\x7f",
        "a\u2028b",
        LONG,
        "x" * 80,
        "x" * 81,
        "s\0",
    ),
    *(
        "valid",
        "test",
        "cpu",
        "sgdr",
        "steps",
        "constant",
        "flat-cosine",
        "ema",
        "mean",
        "rmse",
        "month",
    ),
    *(
        [],
        {},
        [0],
        [1, 1],
        [3, 1],
        [1, 3],
        ["all"],
        ["all", "a"],
        ["a", "a"],
        ["a"],
        [None],
        [[]],
        ["month"],
    ),
    *({"use": "error"}, {"use": "mean"}, {"a": 1}),
    *sorted({component.name for component in COMPONENTS}),
]


def places(value: Any, path: At = ()) -> Iterator[At]:
    """Every place in a recipe, the whole of it first."""
    yield path
    for step, inner in (
        value.items()
        if isinstance(value, dict)
        else enumerate(value if isinstance(value, list) else ())
    ):
        yield from places(inner, (*path, step))


def at(value: Any, path: At) -> Any:
    return functools.reduce(lambda inner, step: inner[step], path, value)


def changed(value: Any, path: At, change: Callable[[Any], Any]) -> Any:
    """A copy in which `change` was made at `path`."""
    if not path:
        return change(value)
    copied = value.copy()
    copied[path[0]] = changed(value[path[0]], path[1:], change)
    return copied


def left_out(value: Any, step: str | int) -> Any:
    copied = value.copy()
    del copied[step]
    return copied


def added(value: Any, key: str, new: Any) -> Any:
    """With one more key or item; a value that is neither table nor list makes room for the new one."""
    return (
        {**value, key: new}
        if isinstance(value, dict)
        else [*value, new]
        if isinstance(value, list)
        else new
    )


@st.composite
def careless(draw: st.DrawFn) -> Table:
    """Recipes in which somebody changed things without looking: some are still right."""
    table = draw(RECIPES)
    for _ in range(draw(st.integers(1, 2))):
        there = list(places(table))
        path, other = (there[draw(st.integers(0, len(there) - 1))] for _ in range(2))
        new = (
            at(table, other)
            if draw(st.booleans())
            else ANY_VALUE[draw(st.integers(0, len(ANY_VALUE) - 1))]
        )
        how = draw(st.integers(0, 2))
        if how == 0 and path:
            table = changed(table, path, lambda _, new=new: new)
        elif how == 1 and path:
            table = changed(table, path[:-1], lambda inner, step=path[-1]: left_out(inner, step))
        else:
            key = ANY_KEY[draw(st.integers(0, len(ANY_KEY) - 1))]
            table = changed(table, path, lambda inner, key=key, new=new: added(inner, key, new))
    return table if isinstance(table, dict) else {}


@given(RECIPES)
@few
def test_the_schema_accepts_what_the_reader_accepts(table: Table) -> None:
    assert not told(table)
    assert accepted(table)


@given(FAULTY)
@few
def test_the_schema_refuses_a_recipe_with_a_fault_or_cannot_say_why(broken: Broken) -> None:
    assert told(broken.table)
    hold(broken.table)


@given(careless())
@few
def test_the_schema_accepts_a_changed_recipe_exactly_when_the_reader_does(table: Table) -> None:
    hold(table)


BY_ITSELF = {"data": "synthetic", "models": ["mean"]}
TABULAR = {"data": "synthetic", "models": ["tabular"]}
RLFM = {"data": "synthetic", "models": ["rlfm"]}
SEVERAL = {"data": "synthetic", "models": ["pmf", "bias"]}
ON_NEWCOMERS = {"metric": "rmse", "cold_start": "item-mean", "at_most": 1}

BOTH_ACCEPT: list[Table] = [
    simple(title=" \na title\u2028"),
    simple(seed=3, seeds=None),
    simple(seed=None, seeds=[0]),
    simple(reveal=[0]),
    simple(models=[{"use": "pmf", "name": "x" * 80}]),
    simple(metrics=["mse", {"use": "mse", "name": "again"}]),
    simple(unknown="error"),
    simple(unknown={"use": "error"}),
    simple(unknown={"use": "coldstart/item-mean", "damping": 3}),
    simple(cold_starts=[{"use": "item-mean", "name": "a"}], claims=[]),
    simple(analyzers=[{"use": "slices", "models": ["pmf", "pmf"]}]),
    BY_ITSELF | {"unknown": "item-mean", "cold_starts": []},
    TABULAR | {"features": "all"},
    TABULAR | {"features": {"user": "all", "item": ["all"], "time": ["month"], "context": []}},
    RLFM | {"features": "all"},
    RLFM | {"features": {"user": ["age"], "time": []}},
    {
        "data": "synthetic",
        "models": [{"use": "rlfm", "features": {"context": []}}, "tabular"],
        "features": {"time": "all"},
    },
    simple(train={"schedule": "constant", "peak_share": 0.25, "start_divisor": 25}),
    simple(train={"peak_share": 0.5}),
    simple(train={"schedule": "steps", "step_epochs": [1, 3]}),
    simple(train={"schedule": "sgdr", "cycles": 1, "epochs": 1, "warm_up": 0.5}),
    simple(train={"schedule": "sgdr", "epochs": None}),
    simple(train={"average": "mean", "average_from": 0.5, "average_decay": 0.999}),
    simple(train={"patience": 1, "monitor": "mse", "min_improvement": 0.1}),
    simple(train={"monitor": "valid_loss", "min_improvement": 0}),
    simple(metrics=["nll"], loss="ordinal"),
    simple(metrics=["nll"], loss="losses/cross-entropy", models=["mean", "pmf"]),
    {"data": "synthetic", "models": ["pmf", CLASSES], "metrics": ["nll"]},
    {"data": "synthetic", "models": ["mean", "pmf"], "cold_starts": ["fold-in"]},
    simple(unknown="fold-in"),
    SEVERAL
    | {
        "claims": [
            {"metric": "mse", "at_least": 1, "at_most": None, "model": "bias", "part": "test"}
        ]
    },
    simple(
        claims=[
            {
                "metric": "mse",
                "at_most": 1,
                "model": "",
                "fold": "u1",
                "revealed": 0,
                "cold_start": "",
            }
        ]
    ),
    simple(
        cold_starts=["item-mean"],
        claims=[ON_NEWCOMERS | {"revealed": 3, "part": "valid", "fold": ""}],
    ),
]
"""Recipes that come near a rule between keys, on its right side."""

BOTH_REFUSE: list[Table] = [
    {},
    {"data": "synthetic"},
    {"models": ["pmf"]},
    simple(modles=[]),
    simple(title="a\nb"),
    simple(title="\x1b[2J"),
    simple(seed=3, seeds=[4]),
    simple(seeds=[]),
    simple(seeds=[4, 4]),
    simple(seeds=[True]),
    simple(seed=1.0),
    simple(reveal=[]),
    simple(reveal=[2, 2]),
    simple(models=[]),
    simple(models="pmf"),
    simple(models=["pmf", "pmf"]),
    simple(models=[{"use": "pmf", "name": "x" * 81}]),
    simple(models=[{"use": "pmf", "name": "a\n"}]),
    simple(metrics=[]),
    simple(metrics=None),
    simple(split={"use": "random", "name": "x"}),
    simple(split="predefined"),
    simple(split="mse"),
    simple(data="csv"),
    simple(data={"use": "csv"}),
    simple(data={"use": "csv", "ratings": ""}),
    simple(data={"use": "csv", "ratings": "a\0b"}),
    simple(unknown={"use": "error", "damping": 1}),
    simple(unknown={"use": "item-mean", "name": "x"}),
    simple(unknown=None),
    simple(cold_starts=["error"]),
    BY_ITSELF | {"loss": "mse"},
    BY_ITSELF | {"train": {}},
    BY_ITSELF | {"models": [{"use": "mean", "loss": "mse"}]},
    BY_ITSELF | {"models": [{"use": "mean", "train": {}}]},
    BY_ITSELF | {"models": [{"use": "mean", "features": {}}]},
    simple(features={}),
    simple(models=[{"use": "pmf", "features": {}}]),
    TABULAR | {"features": {"user": ["a", "a"]}},
    TABULAR | {"features": {"user": ["all", "a"]}},
    TABULAR | {"features": {"time": ["never"]}},
    TABULAR | {"features": ["all"]},
    RLFM | {"features": {"time": "all"}},
    RLFM | {"features": {"context": ["week"]}},
    {"data": "synthetic", "models": [{"use": "rlfm", "features": {"time": ["month"]}}, "tabular"]},
    simple(train={"schedule": "constant", "peak_share": 0.5}),
    simple(train={"flat_share": 0.5}),
    simple(train={"schedule": "steps"}),
    simple(train={"schedule": "steps", "step_epochs": []}),
    simple(train={"schedule": "steps", "step_epochs": [2, 2]}),
    simple(train={"step_epochs": [2]}),
    simple(train={"cycles": 3}),
    simple(train={"average": "mean", "average_decay": 0.9}),
    simple(train={"average_from": 0.5}),
    simple(train={"monitor": "mse"}),
    simple(train={"min_improvement": 0.1, "patience": None}),
    simple(metrics=["nll"]),
    BY_ITSELF | {"metrics": ["nll"]},
    simple(metrics=["nll"], loss="ordinal", models=[{"use": "pmf", "loss": "mse"}]),
    simple(metrics=["nll"], loss="ordinal", models=["mean", {"use": "pmf", "loss": "mse"}]),
    {
        "data": "synthetic",
        "models": ["mean", {"use": "pmf", "loss": "mse"}],
        "metrics": [{"use": "metrics/ece"}],
    },
    BY_ITSELF | {"unknown": "fold-in"},
    {"data": "synthetic", "models": ["pmf", "mean"], "unknown": {"use": "fold-in"}},
    BY_ITSELF | {"cold_starts": ["item-mean", {"use": "coldstart/fold-in"}]},
    SEVERAL | {"claims": [{"metric": "mse", "at_most": 1}]},
    SEVERAL | {"claims": [{"metric": "mse", "at_most": 1, "model": ""}]},
    simple(claims=[{"metric": "mse"}]),
    simple(claims=[{"metric": "mse", "at_most": 1, "at_least": 0}]),
    simple(claims=[{"metric": "mse", "at_most": None}]),
    simple(claims=[{"metric": "", "at_most": 1}]),
    simple(claims=[{"at_most": 1}]),
    simple(claims=[{"metric": "mse", "at_most": 1, "source": "a\nb"}]),
    simple(claims=[{"metric": "mse", "at_most": 1, "revealed": 1}]),
    simple(claims=[{"metric": "rmse", "at_most": 1, "cold_start": "item-mean"}]),
    simple(cold_starts=[], claims=[ON_NEWCOMERS]),
    simple(cold_starts=["item-mean"], claims=[ON_NEWCOMERS | {"metric": "mse"}]),
    simple(cold_starts=["item-mean"], claims=[ON_NEWCOMERS | {"part": "test"}]),
    simple(cold_starts=["item-mean"], claims=[ON_NEWCOMERS | {"fold": "u1"}]),
]
"""Recipes that break a rule between keys, or one that an editor can tell while one writes."""


@pytest.mark.parametrize("table", BOTH_ACCEPT, ids=lambda table: str(table)[:60])
def test_both_accept_what_comes_near_a_rule(table: Table) -> None:
    assert [str(each) for each in told(table)] == []
    assert accepted(table)


@pytest.mark.parametrize("table", BOTH_REFUSE, ids=lambda table: str(table)[:60])
def test_both_refuse_what_breaks_a_rule_that_json_schema_can_say(table: Table) -> None:
    assert told(table)
    assert not accepted(table)


@pytest.mark.parametrize("rule", UNSAID)
def test_what_the_schema_cannot_say_the_reader_tells(rule: str) -> None:
    row = UNSAID[rule]
    (problem,) = told(row.recipe)
    assert f"{problem.path}: {problem.message}" == row.example
    assert accepted(row.recipe)
    assert unsaid(problem, row.recipe)


def test_a_fault_in_a_declared_parameter_is_no_rule_of_a_plugins_own() -> None:
    table = simple(loss={"use": "huber", "delta": 0, "range": [5, 1]})
    assert [unsaid(each, table) for each in told(table)] == [False]


@given(st.text() | st.text('ab .\t\n\x1c\x1f\x7f\x85\u00a0\u2028\u200b/:*?<>|\\"', max_size=6))
@settings(max_examples=150)
@example("\n a \n")
@example("a\n")
@example("a\x1c")
@example("\x00")
def test_the_patterns_are_those_of_the_reader(text: str) -> None:
    assert bool(re.search(LINE, text)) == is_one_line(text.strip())
    assert bool(re.search(FOLDER, text)) == can_name_a_folder(text) or len(text.encode()) > 80


# The schema as a whole


@pytest.mark.parametrize(
    "path", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda path: path.stem
)
def test_each_recipe_that_ships_is_accepted_as_any_editor_sees_it(path: Path) -> None:
    table = parse(path.read_text(encoding="utf-8"), path.name)[0].plain()
    assert [
        str(error)
        for error in jsonschema.Draft202012Validator(recipe_schema(registry())).iter_errors(table)
    ] == []


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


@pytest.mark.parametrize("kind", cfplug.KINDS)
def test_an_editor_is_told_of_every_parameter_of_every_component(kind: str) -> None:
    definitions = recipe_schema(registry())["$defs"]
    for entry in registry().entries(kind):
        told_of = definitions[f"{kind}.{entry.plugin.name}.{entry.component.name}"]
        assert told_of["description"] == entry.component.summary
        assert set(told_of["properties"]) - set(entry.component.reserved) == {
            each.name for each in parameters(entry.component.params)
        }
        for each in parameters(entry.component.params):
            shown = told_of["properties"][each.name]
            assert shown["description"].startswith(each.rule.help)
            assert ("default" in shown) != each.required
            assert (each.name in told_of["required"]) == each.required


def test_names_come_with_their_help_for_completion() -> None:
    names = recipe_schema(registry())["$defs"]["loss-name"]["anyOf"]
    assert {
        "const": "mse",
        "title": f"losses (cfplug {cfplug.__version__})",
        "description": "Mean squared error, with an optional sigmoid range.",
    } in names
    assert "losses/mse" in names[-1]["enum"]


@pytest.mark.parametrize(
    ("table", "path", "words"),
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
def test_an_editor_points_to_the_value_that_is_wrong(table: Table, path: str, words: str) -> None:
    error = best_match(validator().iter_errors(table))
    assert (error.json_path, error.message) == (path, words)


LIGHT = """
import json, sys
from cfplug.plugin.registry import load
from cfplug.recipe.json_schema import recipe_schema
json.dumps(recipe_schema(load()))
print([each for each in ("torch", "fastai", "pandas", "numpy", "scipy", "sklearn") if each in sys.modules])
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
    \"\"\"How the weather weighs on a rating.\"\"\"

    strength: float = cfplug.param(above=0, at_most=2, unit="degrees", help="how much a degree weighs")
    side: str | None = cfplug.param(None, choices=("user", "item"), help="whose weather")


def build(params, spec):
    raise NotImplementedError


def score(params, truth, prediction):
    return 0.0


def adapt(params, fitted, newcomers, context):
    raise NotImplementedError


@cfplug.hookimpl
def cfplug_models():
    return [cfplug.Model("mood", Mood, build=build, provides="vectors"), cfplug.Model("pmf", build=build)]


@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric("odds", score=score, requires=["embeddings", "distribution"])]


@cfplug.hookimpl
def cfplug_cold_starts():
    return [cfplug.ColdStart("shrug", adapt=adapt)]
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """The installed plugins, and one of a stranger."""
    folder = tmp_path_factory.mktemp("house")
    (folder / "house_blend.py").write_text(HOUSE, encoding="utf-8")
    return load([folder], environment={})


def agree(table: Table, known: Registry) -> bool:
    """Whether a recipe is accepted; the schema and the reader say the same."""
    says = Validator(recipe_schema(known)).is_valid(table)
    assert says == (not told(table, known))
    return bool(says)


def test_a_plugin_in_a_folder_changes_the_schema(house: Registry) -> None:
    schema = recipe_schema(house)
    assert schema["$defs"]["model.house-blend.mood"]["properties"]["strength"] == {
        "description": "how much a degree weighs (in degrees)",
        "type": "number",
        "maximum": 2,
        "exclusiveMinimum": 0,
    }
    assert schema["$defs"]["model.house-blend.mood"]["properties"]["side"] == {
        "description": "whose weather",
        "type": ["string", "null"],
        "enum": ["user", "item", None],
        "default": None,
    }
    assert schema["$defs"]["model.house-blend.mood"]["required"] == ["strength"]
    assert "house-blend" in schema["$comment"]
    assert "mood" not in json.dumps(recipe_schema(registry()))


@pytest.mark.parametrize(
    ("models", "right"),
    [
        ([{"use": "mood", "strength": 2}], True),
        ([{"use": "house-blend/mood", "strength": 0.5, "side": None, "loss": "mse"}], True),
        (["mood"], False),
        ([{"use": "mood", "strength": 0}], False),
        ([{"use": "mood", "strength": 1, "side": "both"}], False),
        (["pmf"], False),
        ([{"use": "pmf"}], False),
        (["factors/pmf"], True),
        (["house-blend/pmf"], True),
    ],
)
def test_a_strangers_component_is_known_with_its_bounds_and_a_name_of_two_only_in_full(
    house: Registry, models: list[Any], right: bool
) -> None:
    assert agree({"data": "synthetic", "models": models}, house) == right


@pytest.mark.parametrize(
    ("table", "right"),
    [
        ({"models": ["dot-product"], "loss": "ordinal", "metrics": ["odds"]}, True),
        ({"models": ["dot-product"], "metrics": ["odds"]}, False),
        ({"models": ["house-blend/pmf"], "loss": "ordinal", "metrics": ["odds"]}, False),
        (
            {"models": ["house-blend/pmf", "dot-product"], "loss": "ordinal", "metrics": ["odds"]},
            True,
        ),
        (
            {"models": ["dot-product"], "loss": "ordinal", "metrics": ["odds"], "unknown": "shrug"},
            False,
        ),
        (
            {"models": ["dot-product"], "loss": "ordinal", "metrics": ["mse"], "unknown": "shrug"},
            True,
        ),
        (
            {"models": ["dot-product"], "loss": "ordinal", "metrics": ["odds"], "unknown": "error"},
            True,
        ),
        ({"models": ["house-blend/pmf"], "cold_starts": ["fold-in", "shrug"]}, False),
        ({"models": [{"use": "mood", "strength": 1}], "cold_starts": ["fold-in", "shrug"]}, True),
    ],
)
def test_what_a_strangers_component_needs_or_gives_is_known(
    house: Registry, table: Table, right: bool
) -> None:
    assert agree({"data": "synthetic", **table}, house) == right


@pytest.mark.parametrize(
    ("off", "table", "right"),
    [
        ("-splits", {}, False),
        ("-coldstart", {}, False),
        ("-coldstart", {"unknown": "error"}, True),
        ("-metrics", {"metrics": ["mse"]}, False),
        ("-losses", {}, False),
        ("-losses", {"models": ["mean"]}, True),
        ("-audit,-insight", {"analyzers": []}, True),
        ("-audit,-insight", {"analyzers": ["slices"]}, False),
    ],
)
def test_a_key_whose_default_is_switched_off_must_be_given(
    off: str, table: Table, right: bool
) -> None:
    known = load(environment={"CFPLUG_PLUGINS": off})
    jsonschema.Draft202012Validator.check_schema(recipe_schema(known))
    assert agree(simple(**table), known) == right


def test_without_any_plugin_there_is_still_a_schema_that_accepts_nothing() -> None:
    schema = recipe_schema(load(environment={"CFPLUG_PLUGINS": "audit"}))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert not Validator(schema).is_valid(simple())

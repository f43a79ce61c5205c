"""What may a recipe say, told to an editor: a JSON Schema of recipes with the components of every healthy plugin.

It is made of the declarations that the reader goes by: parameters with their rules, the keys of a
recipe, the defaults. What the reader accepts the schema accepts. It cannot say all that the reader
refuses: two entries of one name, names that one part of a recipe takes from another, numbers that
must rise, what sgdr makes of `epochs`, names of more than 80 bytes, numbers of more than 40 digits,
and the rules of a plugin's own `__attrs_post_init__`."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from cfplug.params import structure
from cfplug.plugin.components import KINDS, Analyzer, Component, Model
from cfplug.plugin.registry import Entry, Registry
from cfplug.recipe.conditions import Names, of_claim, of_recipe, of_train, without
from cfplug.recipe.lineup import OF_RATINGS
from cfplug.recipe.reader import DEFAULTS
from cfplug.recipe.recipe import ERROR, KEYS, Claim, Heading, Looks
from cfplug.recipe.settings import ALL, FeatureChoice, TrainSettings
from cfplug.recipe.shapes import Shape, any_of, has, properties, table, when

DIALECT = "https://json-schema.org/draft/2020-12/schema"

FILE = "recipe.schema.json"

ONE = {"data": "source", "split": "split", "loss": "loss", "unknown": "cold-start"}
"""The keys that name one component, and its kind."""

LISTS = {
    "models": "model",
    "metrics": "metric",
    "cold_starts": "cold-start",
    "analyzers": "analyzer",
}
"""The keys that list components, and their kind."""

HELP = {
    "data": "the source of ratings",
    "split": "which rows train and which validate",
    "features": "which metadata and time models may look at; none if left out",
    "loss": "head and objective of models that learn by gradient",
    "train": "how models that learn by gradient are trained",
    "models": "all are trained on the same split and compared in one table",
    "metrics": "numbers to measure",
    "unknown": "who answers for ids that training never saw: a cold-start strategy, or error",
    "cold_starts": "strategies that are tried on newcomers, after a split that has some",
    "analyzers": "sections of the report",
    "claims": "what the recipe promises, checked after the run",
}
"""What each key says that is no plain value; the others tell it themselves."""

_CONTROL = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
_SPACE = r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_NO_FOLDER = r'\u0000-\u001f\u007f-\u009f\u2028\u2029/\\:*?"<>|'

LINE = rf"^[{_SPACE}]*[^{_CONTROL}]*[{_SPACE}]*$"
"""Text that is one line once the space around it is gone."""

FOLDER = rf"^(?![. ])[^{_NO_FOLDER}]*[^{_NO_FOLDER}. ]$(?!\n)"
"""Text that can name a folder, if it is short enough."""


def recipe_schema(registry: Registry) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of recipes that use the components of `registry`."""
    names = {kind: Names(tuple(registry.entries(kind))) for kind in KINDS}
    return {
        "$schema": DIALECT,
        "title": f"A recipe of cfplug {importlib.metadata.version('cfplug')}",
        "$comment": _written_for(registry),
        "type": "object",
        "properties": {key: _key(key) for key in KEYS},
        "required": ["data", "models", *_without_default(names)],
        "additionalProperties": False,
        "allOf": list(of_recipe(names)),
        "$defs": {**_shared(), **dict(_of_kinds(names))},
    }


def _written_for(registry: Registry) -> str:
    plugins = ", ".join(plugin.title for plugin in registry.plugins if plugin.state == "ok")
    return (
        f"Written by `cfplug schema --out {FILE}` for {plugins}; write it anew when plugins come or go. "
        f"An editor reads it where a recipe begins with the line `# yaml-language-server: $schema={FILE}`."
    )


def _key(key: str) -> Shape:
    if key not in HELP:
        return _heading()[key]
    default = {"default": DEFAULTS[key]} if key in DEFAULTS else {}
    return {"description": HELP[key], **_value(key), **default}


def _value(key: str) -> Shape:
    if key in LISTS:
        least = {"minItems": 1} if DEFAULTS.get(key) != [] else {}
        return {"type": "array", "items": _ref(LISTS[key]), "uniqueItems": True, **least}
    if key == "claims":
        return {"type": "array", "items": _ref("claim")}
    return _ref(key if key == "unknown" else ONE.get(key, key))


def _heading() -> dict[str, Shape]:
    different = {"uniqueItems": True, "minItems": 1}
    further: dict[str, Shape] = {
        "title": {"pattern": LINE},
        "reveal": different,
        "seeds": different,
    }
    return {key: {**each, **further.get(key, {})} for key, each in properties(Heading).items()}


def _without_default(names: Mapping[str, Names]) -> list[str]:
    """The keys that must be there because no healthy plugin has what stands for them."""
    kinds = {**LISTS, **ONE}
    keys = [key for key in DEFAULTS if key in kinds and key != "loss"]
    return [key for key in keys if not _listed(DEFAULTS[key]) <= set(names[kinds[key]].where())]


def _listed(default: Any) -> set[str]:
    return {default} if isinstance(default, str) else set(default)


def _ref(name: str) -> Shape:
    return {"$ref": "#/$defs/" + quote(name.replace("~", "~0").replace("/", "~1"), safe="~")}


# Components


def _of_kinds(names: Mapping[str, Names]) -> Iterator[tuple[str, Shape]]:
    for kind, its in names.items():
        yield kind, any_of([_alone(kind, its), _ref(f"{kind}-table")])
        yield f"{kind}-name", any_of(_choice(its))
        yield f"{kind}-table", _table_of(kind, its)
    for its in names.values():
        yield from ((_title(entry), _component(entry)) for entry in its.entries)


def _alone(kind: str, names: Names) -> Shape:
    """The name of a component that can do without parameters."""
    needy = [
        name
        for entry in names.entries
        if not _needs_nothing(entry.component)
        for name in names.of(entry)
    ]
    return {"type": "string", **_ref(f"{kind}-name"), **({"not": {"enum": needy}} if needy else {})}


def _needs_nothing(component: Component) -> bool:
    return not structure(component.params, {}, owner=component.name).faults


def _choice(names: Names) -> Iterator[Shape]:
    """Each component by its best name, with its help; further names in one list."""
    for entry in names.entries:
        yield {
            "const": names.of(entry)[0],
            "title": entry.plugin.title,
            "description": entry.component.summary,
        }
    if full := [name for entry in names.entries for name in names.of(entry)[1:]]:
        yield {"enum": full, "description": "a full name, which no other plugin can take"}


def _table_of(kind: str, names: Names) -> Shape:
    """A table with a name under `use`, and beside it what the component of this name takes."""
    takes = [
        when(has("use", {"enum": names.of(entry)}), _ref(_title(entry))) for entry in names.entries
    ]
    return {
        "type": "object",
        **has("use", _ref(f"{kind}-name")),
        **({"allOf": takes} if takes else {}),
    }


def _title(entry: Entry) -> str:
    return f"{entry.kind}.{entry.plugin.name}.{entry.component.name}"


def _component(entry: Entry) -> Shape:
    takes = table(entry.component.params)
    own = {"use": True, **({"name": _ref("name")} if entry.kind in LISTS.values() else {})}
    return {
        "title": entry.full_name,
        "description": entry.component.summary,
        **takes,
        "properties": {**own, **takes["properties"], **_beside(entry.component)},
    }


def _beside(component: Component) -> dict[str, Shape]:
    """What an entry may say beside its component's parameters."""
    if isinstance(component, Analyzer):
        return properties(Looks)
    if not isinstance(component, Model):
        return {}
    gradient = component.learns_by_gradient
    features = (
        {"features": _ref("features" if gradient else "features-of-ids")}
        if component.uses_features
        else {}
    )
    return {**({"loss": _ref("loss"), "train": _ref("train")} if gradient else {}), **features}


# What is the same whatever plugins there are


def _shared() -> dict[str, Shape]:
    return {
        "unknown": any_of(_policy()),
        "name": _name(),
        "train": {**table(TrainSettings), "allOf": list(of_train())},
        "features": _features(),
        "features-of-ids": {**_ref("features"), **without(OF_RATINGS)},
        "claim": _claim(),
    }


def _policy() -> Iterator[Shape]:
    yield {"const": ERROR, "description": "an id that training never saw is an error"}
    yield {"const": {"use": ERROR}}
    yield {**_ref("cold-start"), "properties": {"name": False}}


def _name() -> Shape:
    words = "what tables and folders call it; its component's name if left out"
    return {"description": words, "type": "string", "maxLength": 80, "pattern": FOLDER}


def _features() -> Shape:
    every = {"const": ALL, "description": "every column that a model can look at"}
    alone = {"uniqueItems": True, "anyOf": [{"maxItems": 1}, {"not": {"contains": {"const": ALL}}}]}
    sides = table(FeatureChoice)
    for side, each in sides["properties"].items():
        words = each.pop("description")
        sides["properties"][side] = {"description": words, "anyOf": [every, {**each, **alone}]}
    return {"anyOf": [every, sides]}


def _claim() -> Shape:
    claim = {**table(Claim), "allOf": list(of_claim())}
    claim["properties"]["metric"]["minLength"] = 1
    claim["properties"]["source"]["pattern"] = LINE
    return claim

"""Write a JSON Schema of recipes, with the components of every healthy plugin, for editors.

It has the names, types, choices, bounds and defaults of every key and parameter, made of the same
declarations that the reader goes by. Whatever the reader accepts the schema accepts. Rules between
keys are the reader's alone.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import types
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Union, get_args, get_origin
from urllib.parse import quote

from cfplug.params import Parameter, Rule, parameters, plain, types_of
from cfplug.plugin.components import KINDS, Analyzer, Component, Model
from cfplug.plugin.registry import Entry, Registry
from cfplug.recipe.reader import DEFAULTS
from cfplug.recipe.recipe import ERROR, KEYS, MEMORY, AnalyzerOptions, Claim, Heading
from cfplug.recipe.settings import ALL, FeatureChoice, TrainSettings

Schema = dict[str, Any]
"""A JSON Schema (draft 2020-12): a table of keywords."""

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
    "features": "which metadata and time models may use; none if left out",
    "loss": "head and objective of models that learn by gradient",
    "train": "how models that learn by gradient are trained",
    "models": "all are trained on the same split and compared in one table",
    "metrics": "numbers to measure",
    "unknown": "how ids without training ratings are predicted: a cold-start strategy, or error",
    "cold_starts": "strategies to compare on new ids, after a split that has some",
    "analyzers": "sections of the report",
    "claims": "what the recipe promises, checked after the run",
}
"""The description of each key that is not a plain value."""


WORDS = {
    ERROR: "an id without training ratings is an error",
    MEMORY: "the data that Python gives to `cfplug.run`",
}
"""The description of each word that is in place of a component."""


def recipe_schema(registry: Registry) -> Schema:
    """Return the JSON Schema of recipes that use the components of `registry`."""
    definitions: Schema = {
        "unknown": _unknown(),
        "train": table(TrainSettings),
        "features": _features(),
        "claim": table(Claim),
    }
    for kind in KINDS:
        definitions |= _definitions(kind, registry.entries(kind))
    return {
        "$schema": DIALECT,
        "title": f"A recipe of cfplug {importlib.metadata.version('cfplug')}",
        "$comment": _comment(registry),
        "type": "object",
        "properties": {key: _key(key) for key in KEYS},
        "required": ["data", "models"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _comment(registry: Registry) -> str:
    plugins = ", ".join(plugin.title for plugin in registry.plugins if plugin.state == "ok")
    return (
        f"Written by `cfplug schema --out {FILE}` for {plugins}; "
        "write it anew when plugins come or go. An editor reads it where a recipe begins with "
        f"the line `# yaml-language-server: $schema={FILE}`."
    )


# Keys


def _key(key: str) -> Schema:
    if key not in HELP:
        return properties(Heading)[key]
    if key in LISTS:
        value: Schema = {"type": "array", "items": _ref(LISTS[key])}
    elif key == "claims":
        value = {"type": "array", "items": _ref("claim")}
    elif key == "data":
        value = {"anyOf": [*_either(MEMORY), _ref("source")]}
    elif key in ("unknown", "train", "features"):
        value = _ref(key)
    else:
        value = _ref(ONE[key])
    default = {"default": DEFAULTS[key]} if key in DEFAULTS else {}
    return {"description": HELP[key], **value, **default}


def _unknown() -> Schema:
    return {"anyOf": [*_either(ERROR), _ref("cold-start")]}


def _either(name: str) -> list[Schema]:
    """Return the two forms of an entry that is a word of recipes and names no component."""
    return [{"const": name, "description": WORDS[name]}, {"const": {"use": name}}]


def _features() -> Schema:
    every = {"const": ALL, "description": "every column that a model can use"}
    choice = table(FeatureChoice)
    for side, values in choice["properties"].items():
        choice["properties"][side] = {"anyOf": [every, values]}
    return {"anyOf": [every, choice]}


def _ref(name: str) -> Schema:
    return {"$ref": "#/$defs/" + quote(name)}


# Components


def _definitions(kind: str, entries: Sequence[Entry]) -> Schema:
    """Return the definitions of a kind: an entry by name alone or as a table, each component."""
    name_schemas: list[Schema] = []
    choices: list[Schema] = []
    definitions: Schema = {}
    for entry in entries:
        title = f"{kind}.{entry.plugin.name}.{entry.component.name}"
        words = {"title": entry.plugin.title, "description": entry.component.summary}
        names = _names(entry, entries)
        name_schemas += [{"const": name, **words} for name in names]
        named = {"properties": {"use": {"enum": names}}, "required": ["use"]}
        choices.append({"if": named, "then": _ref(title)})
        definitions[title] = _component(entry)
    uses = {"type": "object", "properties": {"use": _ref(f"{kind}-name")}, "required": ["use"]}
    return {
        kind: {"anyOf": [_ref(f"{kind}-name"), _ref(f"{kind}-table")]},
        f"{kind}-name": {"anyOf": name_schemas} if entries else False,
        f"{kind}-table": {**uses, "allOf": choices} if entries else False,
        **definitions,
    }


def _names(entry: Entry, entries: Iterable[Entry]) -> list[str]:
    """Return the names of a component: the full one, and the short one if no other has it."""
    short = entry.component.name
    same = [each for each in entries if each.component.name == short]
    return [short, entry.full_name] if len(same) == 1 else [entry.full_name]


def _component(entry: Entry) -> Schema:
    keys: Schema = {"use": True}
    if entry.kind in LISTS.values():
        words = "what tables and folders call it; its component's name if left out"
        keys["name"] = {"description": words, "type": "string"}
    takes = table(entry.component.params)
    return {
        "title": entry.full_name,
        "description": entry.component.summary,
        **takes,
        "properties": {**keys, **takes["properties"], **_other_keys(entry.component)},
    }


def _other_keys(component: Component) -> dict[str, Schema]:
    """Return what an entry may have in addition to its component's parameters."""
    keys: dict[str, Schema] = {}
    if isinstance(component, Analyzer):
        keys |= properties(AnalyzerOptions)
    if isinstance(component, Model) and component.learns_by_gradient:
        keys |= {"loss": _ref("loss"), "train": _ref("train")}
    if isinstance(component, Model) and component.uses_features:
        keys["features"] = _ref("features")
    return keys


# Parameters


def table(cls: type) -> Schema:
    """Return a table that holds the parameters of `cls`, and no other key."""
    return {
        "type": "object",
        "properties": properties(cls),
        "required": [parameter.name for parameter in parameters(cls) if parameter.required],
        "additionalProperties": False,
    }


def properties(cls: type) -> dict[str, Schema]:
    """Return each parameter of `cls` with its help, the values it may have, and its default."""
    kinds = types_of(cls)
    return {each.name: _property(each, kinds[each.name]) for each in parameters(cls)}


def _property(parameter: Parameter, kind: Any) -> Schema:
    rule = parameter.rule
    words = f"{rule.help} (in {rule.unit})" if rule.unit else rule.help
    schema = {"description": words} if words else {}
    schema |= value_schema(kind, rule)
    default = plain(parameter.default)
    if not parameter.required and _is_json(default):
        schema["default"] = default
    return schema


KEYWORDS = {
    "at_least": "minimum",
    "at_most": "maximum",
    "above": "exclusiveMinimum",
    "below": "exclusiveMaximum",
}
"""What JSON Schema calls each bound of a rule."""

_SCALARS: dict[Any, Schema] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    Path: {"type": "string"},
}


def value_schema(kind: Any, rule: Rule) -> Schema:
    """Return the values of type `kind` that keep `rule`, as each item of a list or table must."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _any_of(arguments, rule)
    if origin is tuple:
        items = {"type": "array", "items": value_schema(arguments[0], rule)}
        if arguments[-1] is Ellipsis:
            return items
        return {**items, "minItems": len(arguments), "maxItems": len(arguments)}
    if origin is dict:
        return {"type": "object", "additionalProperties": value_schema(arguments[1], rule)}
    schema = dict(_SCALARS.get(kind, {}))
    if kind in (int, float):
        schema |= _bounds(rule)
    if kind in (int, float, str) and rule.choices is not None:
        schema["enum"] = [_python_number(each) for each in rule.choices]
    return schema


def _any_of(kinds: Sequence[Any], rule: Rule) -> Schema:
    options = []
    for kind in kinds:
        is_null = kind is type(None)
        options.append({"type": "null"} if is_null else value_schema(kind, rule))
    return {"anyOf": options}


def _bounds(rule: Rule) -> Schema:
    """Return the bounds of a number; JSON has no infinity, and every number is finite anyway."""
    schema = {}
    for name, bound in rule.bounds().items():
        if math.isfinite(bound):
            schema[KEYWORDS[name]] = _python_number(bound)
    return schema


def _python_number(value: Any) -> Any:
    """Return a number of numpy as one of Python, which JSON can hold; others as they are."""
    return value.item() if hasattr(value, "item") else value


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True

"""Which plain values a parameter may have, in the words of JSON Schema (draft 2020-12)."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Iterable, Iterator
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from cfplug.params import Parameter, Rule, parameters, plain, types_of

Shape = dict[str, Any]
"""A JSON Schema: a table of keywords."""

_SCALARS: dict[Any, Shape] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    Path: {"type": "string", "minLength": 1, "pattern": r"^[^\u0000]*$"},
}

_BOUNDS = {
    "at_least": "minimum",
    "at_most": "maximum",
    "above": "exclusiveMinimum",
    "below": "exclusiveMaximum",
}
"""The keyword for each bound of a rule."""


def table(cls: type) -> Shape:
    """A table that holds the parameters of `cls`, and no other key."""
    return {
        "type": "object",
        "properties": properties(cls),
        "required": [parameter.name for parameter in parameters(cls) if parameter.required],
        "additionalProperties": False,
    }


def properties(cls: type) -> dict[str, Shape]:
    """Each parameter of `cls` with its help, the values that it may have, and its default.

    Only the rules of `param()` are told; what `__attrs_post_init__` checks is for the caller to
    add."""
    return {each.name: _property(each, types_of(cls)[each.name]) for each in parameters(cls)}


def shape(kind: Any, rule: Rule) -> Shape:
    """The values of type `kind` that keep `rule`; each item of a list or table must keep it."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        options = [shape(option, rule) for option in arguments if option is not type(None)]
        return _nullable(options) if len(options) < len(arguments) else {"anyOf": options}
    if origin is tuple:
        count = (
            {}
            if arguments[-1] is Ellipsis
            else {"minItems": len(arguments), "maxItems": len(arguments)}
        )
        return {"type": "array", "items": shape(arguments[0], rule), **count}
    if origin is dict:
        return {"type": "object", "additionalProperties": shape(arguments[1], rule)}
    return {**_SCALARS.get(kind, {}), **_ruled(kind, rule)}


def any_of(options: Iterable[Any]) -> Any:
    """What keeps one of `options`; nothing at all where there are none."""
    options = list(options)
    return options[0] if len(options) == 1 else {"anyOf": options} if options else False


def has(key: str, of: Any) -> Shape:
    """A table with this key and such a value."""
    return {"properties": {key: of}, "required": [key]}


def when(condition: Any, then: Any, otherwise: Any = True) -> Shape:
    """What keeps `then` where `condition` holds, and `otherwise` where not."""
    return {"if": condition, "then": then} | ({} if otherwise is True else {"else": otherwise})


def _property(parameter: Parameter, kind: Any) -> Shape:
    rule, default = parameter.rule, plain(parameter.default)
    words = f"{rule.help} (in {rule.unit})" if rule.unit else rule.help
    return {
        **({"description": words} if words else {}),
        **shape(kind, rule),
        **({"default": default} if not parameter.required and _is_json(default) else {}),
    }


def _nullable(options: list[Shape]) -> Shape:
    (first, *others), null = options, {"type": "null"}
    if others or "type" not in first:
        return {"anyOf": [*options, null]}
    choices = {"enum": [*first["enum"], None]} if "enum" in first else {}
    return {
        **first,
        "type": [first["type"], "null"],
        **choices,
    }  # the other keywords say nothing of null


def _ruled(kind: Any, rule: Rule) -> Shape:
    """What `rule` says of one value. A choice between paths is left to the reader, which knows ./a and a as one."""
    bounds = {} if kind in (str, bool, Path) else dict(_bounds(rule))
    if rule.choices is None or kind not in (int, float, str, bool):
        return bounds
    fitting = Real if kind in (int, float) else kind
    return {
        **bounds,
        "enum": [_plain_number(each) for each in rule.choices if isinstance(each, fitting)],
    }


def _bounds(rule: Rule) -> Iterator[tuple[str, Any]]:
    for name, keyword in _BOUNDS.items():
        bound = getattr(rule, name)
        if bound is not None and math.isfinite(
            bound
        ):  # JSON has no infinity, and each number must be finite anyway
            yield keyword, _plain_number(bound)


def _plain_number(value: Any) -> Any:
    """A number, be it of numpy, as JSON writes it; anything else as it is."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    number = float(value)
    return int(number) if number.is_integer() else number


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True

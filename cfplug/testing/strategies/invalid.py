"""Strategies for invalid parameters: plain values with exactly one fault."""

from __future__ import annotations

import math
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cfplug.params import parameters
from cfplug.plugin.components import Component
from cfplug.testing.strategies.parameters import (
    MODERATE,
    Given,
    ParameterSource,
    Values,
    valid_values,
)

WRONG: tuple[Any, ...] = (
    *(None, True, False, 3, -2, 2.5, 3.0, "3", "no", "x"),
    *(["x"], [], {"a": 1}, {}),
)
"""A few plain values of every type that YAML has."""

READ_AS: dict[Any, tuple[type, ...]] = {
    int: (int,),
    float: (int, float),
    str: (str,),
    bool: (bool,),
    Path: (str,),
    type(None): (type(None),),
    Any: (type(None), bool, int, float, str, list, dict),
}
"""The types of the plain values that are read as each type of parameter."""

_MISSING = object()


def invalid_values(
    component: Component | type, *, given: Given | None = None
) -> SearchStrategy[tuple[dict[str, Any], str]]:
    """Draw plain values with exactly one fault, and the key at fault.

    >>> invalid_values(pmf).example()
    ({'factors': True}, 'factors')

    Args:
        component: A declaration, or a class of parameters.
        given: Strategies of some parameters, as for `valid_values`.

    Returns:
        A strategy of (values, key); the value of the key has a wrong type, is out of bounds, is
        not among the choices or is missing, or the key is unknown.
    """
    source = ParameterSource.of(component)
    faults: list[SearchStrategy[Any]] = [
        st.tuples(st.sampled_from(_unknown_keys(source)), st.integers(0, 3))
    ]
    for name, values in source.values().items():
        wrong = faulty(values)
        if wrong is not None:
            faults.append(st.tuples(st.just(name), wrong))
    faults += [st.tuples(st.just(name), st.just(_MISSING)) for name in source.required()]
    fault = st.sampled_from(faults).flatmap(lambda strategy: strategy)
    return st.builds(_with_fault, valid_values(component, given=given), fault)


def _with_fault(values: dict[str, Any], fault: tuple[str, Any]) -> tuple[dict[str, Any], str]:
    name, value = fault
    others = {key: other for key, other in values.items() if key != name}
    return (others if value is _MISSING else {**others, name: value}), name


def _unknown_keys(source: ParameterSource) -> list[str]:
    """Return keys that the declaration does not have: misspelt names and others."""
    names = [each.name for each in parameters(source.params)]
    found = [name[1:] + name[:1] for name in names]
    found += [f"{name}s" for name in names]
    found += [f"n_{name}" for name in names]
    found += ["no_such_thing", "größe", "a b"]
    taken = {*names, *source.reserved, ""}
    return [key for key in dict.fromkeys(found) if key not in taken]


def faulty(values: Values) -> SearchStrategy[Any] | None:
    """Draw plain values with exactly one fault for a parameter; None where every value is valid.

    Wrong types, numbers out of bounds or not finite, what is not among the choices, lists of a
    wrong length, and lists and tables with one such item.
    """
    found = _faulty(values, values.kind)
    return st.one_of(*found) if found else None


def _faulty(values: Values, kind: Any) -> list[SearchStrategy[Any]]:
    types_read = _types_read(kind)
    wrong = [value for value in WRONG if type(value) not in types_read]
    found: list[SearchStrategy[Any]] = [st.sampled_from(wrong).map(_copied)] if wrong else []
    return found + _faulty_inside(values, kind)


def _faulty_inside(values: Values, kind: Any) -> list[SearchStrategy[Any]]:
    """Return strategies of values of the right type that break a rule in one place."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return [each for part in arguments for each in _faulty_inside(values, part)]
    if origin is dict:
        return [st.fixed_dictionaries({"a": each}) for each in _faulty(values, arguments[1])]
    if origin is tuple:
        return _faulty_lists(values, arguments)
    if kind is Path:
        return [st.sampled_from(["", "a\0b"])]
    return _out_of_bounds(values, kind)


def _faulty_lists(values: Values, arguments: tuple[Any, ...]) -> list[SearchStrategy[Any]]:
    good, bad = values.of(arguments[0]), _faulty(values, arguments[0])
    if arguments[-1] is Ellipsis:
        few = st.lists(good, max_size=2)
        return [st.builds(lambda a, one, b: [*a, one, *b], few, each, few) for each in bad]
    length = len(arguments)
    rest = st.lists(good, min_size=length - 1, max_size=length - 1)
    found: list[SearchStrategy[Any]] = [
        st.lists(good, max_size=length - 1),
        st.lists(good, min_size=length + 1, max_size=length + 2),
    ]
    return found + [st.builds(lambda one, others: [one, *others], each, rest) for each in bad]


def _out_of_bounds(values: Values, kind: Any) -> list[SearchStrategy[Any]]:
    """Return strategies of one value that is out of bounds, not finite or not a choice."""
    rule = values.rule
    if rule.choices is not None and kind in (str, int):
        others = st.text("abcxyz", max_size=4) if kind is str else st.integers(-MODERATE, MODERATE)
        return [others.filter(lambda value: value not in (rule.choices or ()))]
    if kind not in (int, float):
        return []
    found: list[SearchStrategy[Any]] = []
    if kind is float:
        found.append(st.sampled_from([math.nan, math.inf, -math.inf]))
    low = rule.above if rule.at_least is None else rule.at_least
    high = rule.below if rule.at_most is None else rule.at_most
    if low is not None:
        found.append(_numbers(kind, low - MODERATE, low))
    if high is not None:
        found.append(_numbers(kind, high, high + MODERATE))
    return [each.filter(lambda value: rule.broken_by(value) is not None) for each in found]


def _numbers(kind: Any, low: float, high: float) -> SearchStrategy[Any]:
    whole = st.integers(math.ceil(low), math.floor(high))
    return whole if kind is int else whole | st.floats(low, high)


def _types_read(kind: Any) -> set[type]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return {each for part in arguments for each in _types_read(part)}
    if origin is tuple:
        return {list}
    return {dict} if origin is dict else set(READ_AS[kind])


def _copied(value: Any) -> Any:
    return type(value)(value) if isinstance(value, list | dict) else value

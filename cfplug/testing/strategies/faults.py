"""Plain values that a parameter must refuse: each with exactly one fault."""

from __future__ import annotations

import math
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cfplug.testing.strategies.values import MODERATE, Values

WRONG: tuple[Any, ...] = (
    None,
    True,
    False,
    3,
    -2,
    2.5,
    3.0,
    "3",
    "no",
    "x",
    ["x"],
    [],
    {"a": 1},
    {},
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
"""The types of the plain values that can stand for each type of parameter."""


def faulty(values: Values) -> SearchStrategy[Any] | None:
    """Plain values with exactly one fault for the parameter that `values` draws; None where everything goes.

    Wrong types, numbers out of bounds or not finite, what is not among the choices, lists of a
    wrong length, and lists and tables with one such item."""
    found = list(_faulty(values, values.kind))
    return st.one_of(*found) if found else None


def _faulty(values: Values, kind: Any) -> list[SearchStrategy[Any]]:
    types_read = _read_as(kind)
    wrong = [value for value in WRONG if type(value) not in types_read]
    found: list[SearchStrategy[Any]] = [st.sampled_from(wrong).map(_fresh)] if wrong else []
    return found + _inside(values, kind)


def _inside(values: Values, kind: Any) -> list[SearchStrategy[Any]]:
    """Values of the right type that break a rule, in one place."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return [each for part in arguments for each in _inside(values, part)]
    if origin is dict:
        return [st.fixed_dictionaries({"a": each}) for each in _faulty(values, arguments[1])]
    if origin is tuple:
        return _lists(values, arguments)
    if kind is Path:
        return [st.sampled_from(["", "a\0b"])]
    return _off(values, kind)


def _lists(values: Values, arguments: tuple[Any, ...]) -> list[SearchStrategy[Any]]:
    good, bad = values.of(arguments[0]), _faulty(values, arguments[0])
    if arguments[-1] is Ellipsis:
        few = st.lists(good, max_size=2)
        return [
            st.tuples(few, each, few).map(lambda parts: [*parts[0], parts[1], *parts[2]])
            for each in bad
        ]
    length = len(arguments)
    lengths = [
        st.lists(good, max_size=length - 1),
        st.lists(good, min_size=length + 1, max_size=length + 2),
    ]
    rest = st.lists(good, min_size=length - 1, max_size=length - 1)
    return [
        *lengths,
        *(st.tuples(each, rest).map(lambda parts: [parts[0], *parts[1]]) for each in bad),
    ]


def _off(values: Values, kind: Any) -> list[SearchStrategy[Any]]:
    """One value of the right type that is out of bounds, not finite or no choice."""
    rule = values.rule
    found: list[SearchStrategy[Any]] = []
    if rule.choices is not None and kind in (str, int):
        others = st.text("abcxyz", max_size=4) if kind is str else st.integers(-MODERATE, MODERATE)
        return [others.filter(lambda value: value not in (rule.choices or ()))]
    if kind is float:
        found.append(st.sampled_from([math.nan, math.inf, -math.inf]))
    lows = [bound for bound in (rule.at_least, rule.above) if bound is not None]
    highs = [bound for bound in (rule.at_most, rule.below) if bound is not None]
    if kind in (int, float):
        found += [_numbers(kind, low - MODERATE, low) for low in lows[:1]]
        found += [_numbers(kind, high, high + MODERATE) for high in highs[:1]]
        found = [each.filter(lambda value: rule.broken_by(value) is not None) for each in found]
    return found


def _numbers(kind: Any, low: float, high: float) -> SearchStrategy[Any]:
    whole = st.integers(math.ceil(low), math.floor(high))
    return whole if kind is int else whole | st.floats(low, high)


def _read_as(kind: Any) -> set[type]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return {each for part in arguments for each in _read_as(part)}
    if origin is tuple:
        return {list}
    return {dict} if origin is dict else set(READ_AS[kind])


def _fresh(value: Any) -> Any:
    """A list or table of one's own."""
    return type(value)(value) if isinstance(value, list | dict) else value

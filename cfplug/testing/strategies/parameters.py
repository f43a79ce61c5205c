"""Strategies for valid parameters of any component, made from its declaration alone."""

from __future__ import annotations

import copy
import math
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from attrs import define, field, frozen
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from cfplug.params import (
    Rule,
    Structured,
    parameters,
    plain,
    structure,
    structure_value,
    types_of,
)
from cfplug.plugin.components import Component

MODERATE = 100
"""How far numbers go from the lower end of a range that has no upper end, or from zero."""

WIDE = 1_000
"""A range that is wider than this counts as one without an end."""

STEP = 1e-6
"""The precision of floats, and their distance from an end that a range excludes."""

WORDS = (
    *("a", "user", "item", "time", "age", "genres", "users.age"),
    *("category", "tab", ",", "|", "utf-8", "latin-1"),
)
"""Texts that parameters often mean: columns, roles, separators of cells, encodings."""

PATHS = ("ratings.csv", "data/u.data", "a b/größe.csv", "../up.parquet", "no-suffix", "映画.csv")

LETTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))

Given = Mapping[str, SearchStrategy[Any]]

Choice = tuple[str, Any]
"""A parameter and one of its choices."""


def valid_values(
    component: Component | type, *, given: Given | None = None, huge: bool = False
) -> SearchStrategy[dict[str, Any]]:
    """Draw plain values of any of a component's parameters, as a recipe has them; all are valid.

    >>> valid_values(pmf).example()
    {'factors': 3, 'init_range': [-1, 0.5]}

    Required parameters are always there. What a rule between parameters refuses is left out, one
    parameter after the other, until the rest is valid.

    Args:
        component: A declaration, or a class of parameters.
        given: Strategies of parameters of which a declaration cannot say enough, such as a name
            from a list in the code; these are always there: `given={"epochs": st.just(1)}`.
        huge: Draw numbers from the whole of wide ranges; by default they stay near the lower end
            and near the parameter's default.
    """
    source, given = ParameterSource.of(component), given or {}
    strategies = {name: values.strategy() for name, values in source.values(huge).items()}
    return _tables(source, {**strategies, **given}, (*source.required(), *given))


def parameters_for(
    component: Component | type, *, given: Given | None = None, huge: bool = False
) -> SearchStrategy[Any]:
    """Draw parameter objects of a component, made from values as `valid_values` draws them.

    >>> parameters_for(pmf).example()
    Pmf(factors=3, init_deviation=0.01, init_range=(-1.0, 0.5))

    Args:
        component: A declaration, or a class of parameters.
        given: As for `valid_values`.
        huge: As for `valid_values`.
    """
    source = ParameterSource.of(component)
    values = valid_values(component, given=given, huge=huge)
    return values.map(lambda table: source.made(table).value)


@frozen
class ParameterSource:
    """A class of parameters, the name of its component, and keys that mean something else."""

    owner: str
    params: type
    reserved: tuple[str, ...] = ()

    @classmethod
    def of(cls, component: Component | type) -> ParameterSource:
        """Return that of a declaration, or of a class of parameters such as TrainSettings."""
        if isinstance(component, type):
            return cls(component.__name__, component)
        return cls(component.name, component.params, component.reserved)

    def made(self, values: Mapping[str, Any]) -> Structured:
        """Return what the reader of recipes makes of `values`."""
        return structure(self.params, values, owner=self.owner)

    def required(self) -> tuple[str, ...]:
        """Return the names of the parameters without a default."""
        return tuple(each.name for each in parameters(self.params) if each.required)

    def values(self, huge: bool = False) -> dict[str, Values]:
        """Return how the values of each parameter are drawn."""
        found, kinds = {}, types_of(self.params)
        for each in parameters(self.params):
            default = None if each.required else plain(each.default)
            found[each.name] = Values(kinds[each.name], each.rule, default, huge)
        return found


@st.composite
def _tables(
    draw: DrawFn, source: ParameterSource, strategies: Given, needed: Sequence[str]
) -> dict[str, Any]:
    optional = [name for name in strategies if name not in needed]
    table = CompatibleTable(source.params, {name: draw(strategies[name]) for name in needed})
    some = st.lists(st.sampled_from(optional), unique=True) if optional else st.just([])
    names: list[str] = draw(some | st.permutations(optional))
    chosen = {name: draw(strategies[name]) for name in names}
    if not table.add(chosen):
        choices = _choices(source, optional)
        turn = draw(st.integers(0, max(0, len(choices) - 1)))
        table.search(chosen, choices[turn:] + choices[:turn])
    if not table.is_valid():  # a rule requires a parameter that was not chosen
        rest = [name for name in optional if name not in chosen]
        table.search({name: draw(strategies[name]) for name in rest})
    return table.values if table.is_valid() else reject()


def _choices(source: ParameterSource, names: Sequence[str]) -> list[Choice]:
    """Return each choice of each of these parameters."""
    rules = {each.name: each.rule.choices or () for each in parameters(source.params)}
    return [(name, plain(choice)) for name in names for choice in rules[name]]


@define
class CompatibleTable:
    """A table of plain values to which only values are added that the parameter class accepts.

    A rule between parameters is code in `__attrs_post_init__`, so it can only be run: every value
    is valid for its own parameter, and making the object shows whether all fit together.
    """

    params: type
    values: dict[str, Any] = field(factory=dict)
    _read: dict[str, Any] = field(factory=dict, init=False)
    _refused: dict[str, Any] = field(factory=dict, init=False)

    def is_valid(self) -> bool:
        """Return whether the table as it is would be accepted."""
        return self._accepts({})

    def add(self, more: Mapping[str, Any]) -> bool:
        """Add all of `more` if that is accepted; return whether it is."""
        if not self._accepts(more):
            return False
        self.values |= more
        for name in more:
            self._refused.pop(name, None)
        return True

    def search(self, more: Mapping[str, Any], choices: Sequence[Choice] = ()) -> None:
        """Add as many of `more` as are accepted, in their order.

        A value that is refused is tried together with each that was refused before (`schedule:
        steps` and `step_epochs: [3]`), and with each of `choices` of a parameter that is not there
        yet (`flat_share: 0.5` needs `schedule: flat-cosine`); at last all that are left are tried
        again.
        """
        for name, value in more.items():
            if name in self.values:
                continue
            if not any(map(self.add, self._additions(name, value, choices))):
                self._refused[name] = value
        while any(self.add({name: value}) for name, value in tuple(self._refused.items())):
            pass  # each addition may make another one acceptable

    def _additions(
        self, name: str, value: Any, choices: Sequence[Choice]
    ) -> Iterator[dict[str, Any]]:
        yield {name: value}
        for other, its_value in (*self._refused.items(), *choices):
            if other != name and other not in self.values:
                yield {other: its_value, name: value}

    def _accepts(self, more: Mapping[str, Any]) -> bool:
        table = {**self.values, **more}
        try:
            self.params(**{name: self._structured(name, value) for name, value in table.items()})
        except Exception:  # by a rule's own ValueError, or by a mistake in the rule
            return False
        return True

    def _structured(self, name: str, value: Any) -> Any:
        """Return the value as the reader gives it to the class, from a cache."""
        key = f"{name}={value!r}"
        if key not in self._read:
            self._read[key] = structure_value(value, types_of(self.params)[name]).value
        return self._read[key]


@frozen
class Values:
    """How values of one parameter are drawn: its type, rule and default in plain values."""

    kind: Any
    rule: Rule
    default: Any = None
    huge: bool = False

    def strategy(self) -> SearchStrategy[Any]:
        """Draw valid plain values, the default among them unless it is a number."""
        drawn = self.of(self.kind)
        if self.default is None or isinstance(self.default, int | float):
            return drawn
        return drawn | st.builds(copy.deepcopy, st.just(self.default))

    def of(self, kind: Any) -> SearchStrategy[Any]:
        """Draw plain values of one type."""
        origin, arguments = get_origin(kind), get_args(kind)
        if origin in (Union, types.UnionType):
            return st.one_of(*map(self.of, arguments))
        if origin is tuple:
            return self._lists(arguments)
        if origin is dict:
            return st.dictionaries(_texts(), self.of(arguments[1]), max_size=3)
        if self.rule.choices is not None:
            return st.sampled_from([each for each in self.rule.choices if _is_of(each, kind)])
        if kind is int:
            return self._integers()
        if kind is float:
            return self._floats()
        simple: dict[Any, SearchStrategy[Any]] = {
            bool: st.booleans(),
            str: _texts(),
            Path: st.sampled_from(PATHS),
            type(None): st.none(),
        }
        anything = st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(WORDS)
        return simple.get(kind, anything)

    def _lists(self, arguments: tuple[Any, ...]) -> SearchStrategy[list[Any]]:
        """Draw lists; half of those of numbers and texts rise, as rules often require."""
        item = self.of(arguments[0])
        any_length = arguments[-1] is Ellipsis
        least, most = (0, 4) if any_length else (len(arguments), len(arguments))
        drawn = st.lists(item, min_size=least, max_size=most)
        if arguments[0] not in (int, float, str):
            return drawn
        return drawn | drawn.map(lambda values: sorted(set(values) if any_length else values))

    def _integers(self) -> SearchStrategy[int]:
        low, high = self._bounds()
        if low is not None:
            low = math.floor(low) + 1 if low == self.rule.above else math.ceil(low)
        if high is not None:
            high = math.ceil(high) - 1 if high == self.rule.below else math.floor(high)
        return st.integers(low, high)

    def _floats(self) -> SearchStrategy[float | int]:
        """Draw floats within the bounds, each end that belongs to them, and whole numbers."""
        low, high = self._bounds()
        if low is None or high is None or high - low < 1_000 * STEP:
            drawn: SearchStrategy[Any] = st.floats(low, high, allow_nan=False, allow_infinity=False)
        else:
            drawn = st.floats(low + STEP, high - STEP).map(lambda number: round(number, 6))
        ends = [float(end) for end in (self.rule.at_least, self.rule.at_most) if end is not None]
        if ends:
            drawn |= st.sampled_from(ends)
        first = None if low is None else math.ceil(low)
        last = None if high is None else math.floor(high)
        if first is None or last is None or first <= last:
            drawn |= st.integers(first, last)
        return drawn.filter(lambda number: self.rule.broken_by(number) is None)

    def _bounds(self) -> tuple[float | None, float | None]:
        """Return the range that numbers are drawn from; an end is None only where `huge` is set."""
        lows = [end for end in (self.rule.at_least, self.rule.above) if end is not None]
        highs = [end for end in (self.rule.at_most, self.rule.below) if end is not None]
        low, high = max(lows, default=None), min(highs, default=None)
        if self.huge or (low is not None and high is not None and high - low <= WIDE):
            return low, high
        reach = max([MODERATE, *(2 * abs(number) for number in _numbers(self.default))])
        if low is None:
            low = -reach if high is None else high - reach
        return low, low + reach if high is None else min(high, low + reach)


def _texts() -> SearchStrategy[str]:
    return st.sampled_from(WORDS) | st.text(LETTERS, max_size=5)


def _is_of(value: object, kind: Any) -> bool:
    if kind is Any:
        return True
    return type(value) in ((int, float) if kind is float else (kind,))


def _numbers(value: Any) -> list[float]:
    """Return the numbers in a default."""
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []

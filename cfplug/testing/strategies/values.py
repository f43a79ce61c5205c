"""How plain values of one parameter are drawn, by its type and rule."""

from __future__ import annotations

import math
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from attrs import frozen
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cfplug.params import Rule

MODERATE = 100
"""How far numbers go from the lower end of a range that has no upper end, or from zero."""

WIDE = 1_000
"""A range that is wider than this counts as one without an end."""

STEP = 1e-6
"""What floats are rounded to, and how far they keep from an end that a range leaves out: 5e-324 is positive, too."""

WORDS = (
    "a",
    "user",
    "item",
    "time",
    "age",
    "genres",
    "users.age",
    "category",
    "tab",
    ",",
    "|",
    "utf-8",
    "latin-1",
)
"""Texts that parameters often mean: columns, roles, what stands between two cells, encodings."""

PATHS = ("ratings.csv", "data/u.data", "a b/größe.csv", "../up.parquet", "no-suffix", "映画.csv")

LETTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))


@frozen
class Values:
    """How values of one parameter are drawn: its type, its rule, and its default as a recipe would write it."""

    kind: Any
    rule: Rule
    default: Any = None
    huge: bool = False

    def strategy(self) -> SearchStrategy[Any]:
        """Plain values that the type and the rule accept, the default among them where it is not a number."""
        drawn = self.of(self.kind)
        return (
            drawn
            if self.default is None or isinstance(self.default, int | float)
            else drawn | self._as_it_is()
        )

    def _as_it_is(self) -> SearchStrategy[Any]:
        return st.builds(_copy, st.just(self.default))

    def of(self, kind: Any) -> SearchStrategy[Any]:
        """Plain values of one type."""
        origin, arguments = get_origin(kind), get_args(kind)
        if origin in (Union, types.UnionType):
            return st.one_of(*map(self.of, arguments))
        if origin is tuple:
            return self._lists(arguments)
        if origin is dict:
            return st.dictionaries(self._texts(), self.of(arguments[1]), max_size=3)
        if self.rule.choices is not None:
            return st.sampled_from([choice for choice in self.rule.choices if _is(choice, kind)])
        return self._leaf(kind)

    def _leaf(self, kind: Any) -> SearchStrategy[Any]:
        if kind is int:
            return self.integers()
        if kind is float:
            return self.floats()
        if kind is bool:
            return st.booleans()
        if kind is str:
            return self._texts()
        if kind is Path:
            return st.sampled_from(PATHS)
        return (
            st.none()
            if kind is type(None)
            else st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(WORDS)
        )

    def _lists(self, arguments: tuple[Any, ...]) -> SearchStrategy[list[Any]]:
        """Lists of values; half of those of numbers and texts rise, as a rule between items often wants it."""
        item = self.of(arguments[0])
        any_length = arguments[-1] is Ellipsis
        drawn = st.lists(
            item,
            min_size=0 if any_length else len(arguments),
            max_size=4 if any_length else len(arguments),
        )
        if arguments[0] not in (int, float, str):
            return drawn
        return drawn | drawn.map(lambda values: sorted(set(values) if any_length else values))

    def _texts(self) -> SearchStrategy[str]:
        return st.sampled_from(WORDS) | st.text(LETTERS, max_size=5)

    def integers(self) -> SearchStrategy[int]:
        """Whole numbers within the bounds."""
        low, high = self._bounds()
        return st.integers(
            None
            if low is None
            else math.floor(low) + (low == self.rule.above or low != math.floor(low)),
            None
            if high is None
            else math.ceil(high) - (high == self.rule.below or high != math.ceil(high)),
        )

    def floats(self) -> SearchStrategy[float | int]:
        """Numbers within the bounds: floats, each end that belongs to them, and whole numbers, which do as well."""
        low, high = self._bounds()
        if low is None or high is None or high - low < 1_000 * STEP:
            drawn: SearchStrategy[Any] = st.floats(low, high, allow_nan=False, allow_infinity=False)
        else:
            drawn = st.floats(low + STEP, high - STEP).map(_rounded)
        ends = [float(end) for end in (self.rule.at_least, self.rule.at_most) if end is not None]
        whole = st.integers(
            low if low is None else math.ceil(low), high if high is None else math.floor(high)
        )
        several = (
            drawn
            | (st.sampled_from(ends) if ends else st.nothing())
            | (whole if _room(low, high) else st.nothing())
        )
        return several.filter(lambda number: self.rule.broken_by(number) is None)

    def _bounds(self) -> tuple[float | None, float | None]:
        """The ends of the range that numbers are drawn from; None for one that is open, as only `huge` leaves it."""
        lows = [end for end in (self.rule.at_least, self.rule.above) if end is not None]
        highs = [end for end in (self.rule.at_most, self.rule.below) if end is not None]
        low, high = max(lows, default=None), min(highs, default=None)
        if self.huge or (low is not None and high is not None and high - low <= WIDE):
            return low, high
        reach = max(MODERATE, *(2 * abs(number) for number in _numbers(self.default)), 0)
        if low is None:
            low = -reach if high is None else high - reach
        return low, low + reach if high is None else min(high, low + reach)


def _is(value: object, kind: Any) -> bool:
    return type(value) in ((int, float) if kind is float else (kind,)) or kind is Any


def _copy(value: Any) -> Any:
    """A value of one's own: who changes it changes no other example."""
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _rounded(number: float) -> float:
    return round(number, 6)


def _room(low: float | None, high: float | None) -> bool:
    """Whether a whole number lies between the ends."""
    return low is None or high is None or math.ceil(low) <= math.floor(high)


def _numbers(value: Any) -> list[float]:
    """The numbers in a default."""
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []

"""Into which groups does a column put its rows: categories, members of sets, bands of numbers, periods of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.data.columns import in_utc, members, words

MISSING, EMPTY = "(missing)", "(none)"
"""The group of the rows without a value, and that of the sets without a member."""

PERIODS: Sequence[tuple[str, Callable[[Any], str]]] = (
    ("h", lambda period: f"{period.start_time:%Y-%m-%d %H:00}"),
    ("D", lambda period: f"{period.start_time:%Y-%m-%d}"),
    ("W", lambda period: f"week of {period.start_time:%Y-%m-%d}"),
    ("M", lambda period: f"{period.start_time.month_name()[:3]} {period.year}"),
    ("Y", lambda period: str(period.year)),
)
"""Periods as pandas names them, the shortest first, and what a person reads for one. Decades are the longest."""


@frozen(eq=False)
class Groups:
    """Row `row[j]` of `n` belongs to the group `names[group[j]]`; both of shape (n_memberships,).

    `ordered` says that the groups follow one another, as years do; `overlap` that a row may belong
    to several."""

    names: tuple[str, ...]
    row: np.ndarray
    group: np.ndarray
    n: int
    ordered: bool = False
    overlap: bool = False

    @property
    def member(self) -> np.ndarray:
        """Whether a row belongs to a group, bool of shape (n, n_groups)."""
        member = np.zeros((self.n, len(self.names)), dtype=bool)
        member[self.row, self.group] = True
        return member

    def sums(self, amounts: np.ndarray) -> np.ndarray:
        """The sum of `amounts`, shape (n,), over the rows of each group, shape (n_groups,)."""
        return np.bincount(self.group, amounts[self.row], len(self.names))

    def each(self) -> Iterator[tuple[str, np.ndarray]]:
        """The name of each group that has rows, and these, in rising order."""
        for number, name in enumerate(self.names):
            rows = np.sort(self.row[self.group == number])
            if len(rows):
                yield name, rows

    def at(self, take: np.ndarray) -> Groups:
        """The groups of another table: its row j is the row `take[j]` of this one, shape (m,). Empty groups go."""
        order = np.argsort(self.row, kind="stable")
        row, group = self.row[order], self.group[order]
        first = np.searchsorted(row, take)
        many = np.searchsorted(row, take, side="right") - first
        start = np.cumsum(many) - many
        places = np.arange(many.sum()) - start.repeat(many) + first.repeat(many)
        left = np.bincount(group[places], minlength=len(self.names)) > 0
        names = tuple(name for name, there in zip(self.names, left, strict=True) if there)
        found = (np.cumsum(left) - 1)[group[places]]
        return Groups(
            names, np.arange(len(take)).repeat(many), found, len(take), self.ordered, self.overlap
        )


def groups_of(
    column: pd.Series[Any],
    role: str,
    bands: int = 10,
    most: int = 20,
    weights: np.ndarray | None = None,
) -> Groups:
    """The groups of the n rows of `column`; `weights`, shape (n,), tells how much each row counts, else all alike.

    Numbers are cut into `bands` of about equal weight, and stay as they are where they have no more
    values than that. Periods of time are as short as they can be without being more than `most`; so
    many of the heaviest categories or members stand for themselves, the rest of them together."""
    weights = np.ones(len(column)) if weights is None else weights
    if role == "number":
        return _numbers(column, weights, bands)
    if role == "time":
        return _periods(column, weights, most)
    if role == "set":
        sets = [each or (EMPTY,) for each in members(column)]
        row = np.arange(len(sets)).repeat([len(each) for each in sets])
        return _named(
            [member for each in sets for member in each], row, weights, most, overlap=True
        )
    named = [(word or "").strip() or MISSING for word in words(column)]
    return _named(named, np.arange(len(column)), weights, most)


def groups_by_count(count: np.ndarray, bands: int = 10) -> Groups:
    """Users or items by their training ratings, `count` of shape (n_ids,): bands with about as many ratings each.

    Those without any are a group of their own, the first. The cut goes by training alone, so that
    it is the same wherever groups of one model are looked at; and fifths are tenths taken together
    two by two."""
    rated = count > 0
    names, band = _cut(count[rated], count[rated], bands, lambda number: f"{number:,.0f}")
    group = np.zeros(len(count), dtype=np.int64)
    group[rated] = band + (not rated.all())
    zero = () if rated.all() else ("0",)
    return Groups((*zero, *names), np.arange(len(count)), group, len(count), ordered=True)


def _named(
    named: Iterable[str], row: np.ndarray, weights: np.ndarray, most: int, overlap: bool = False
) -> Groups:
    """Groups by name, the heaviest first; those after the first `most` become one, the last."""
    found, names = pd.factorize(np.asarray(list(named), dtype=object))
    weight = np.bincount(found, weights[row], minlength=len(names))
    order = np.argsort(-weight, kind="stable")
    place = np.argsort(order)[found]
    shown = [str(names[code]) for code in order]
    if len(shown) > most + 1:  # one value alone needs no other name
        shown[most:] = [f"the other {len(shown) - most:,} values"]
        place = place.clip(max=most)
    pairs = (
        np.unique(np.column_stack([row, place]), axis=0)
        if overlap
        else np.column_stack([row, place])
    )
    return Groups(tuple(shown), pairs[:, 0], pairs[:, 1], len(weights), overlap=overlap)


def _numbers(column: pd.Series[Any], weights: np.ndarray, most: int) -> Groups:
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    there = np.isfinite(numbers) & (weights > 0)
    for digits in (4, 17):
        names, band = _cut(numbers[there], weights[there], most, partial(_word, digits=digits))
        if len(set(names)) == len(names):
            break
    return _sorted(names, band, there, weights)


def _cut(
    numbers: np.ndarray, weights: np.ndarray, most: int, word: Callable[[float], str]
) -> tuple[list[str], np.ndarray]:
    """Up to `most` bands: their names, and the band of each number, shape (n,).

    Equal numbers stay in one band, which goes by the middle of their weight.
    """
    values, value = np.unique(numbers, return_inverse=True)
    weight = np.bincount(value, weights, minlength=len(values))
    middle = (np.cumsum(weight) - weight / 2) / max(weight.sum(), 1)
    band = (
        np.arange(len(values)) if len(values) <= most else np.floor(middle * most).astype(np.int64)
    )
    first = np.unique(band, return_index=True)[1]
    last = np.append(first, len(values))[1:] - 1
    ends = [(word(values[low]), word(values[high])) for low, high in zip(first, last, strict=True)]
    names = [low if low == high else f"{low} to {high}" for low, high in ends]
    return names, np.searchsorted(first, value, side="right") - 1


def _word(number: float, digits: int) -> str:
    return (
        str(int(number))
        if float(number).is_integer() and abs(number) < 1e15
        else f"{number:.{digits}g}"
    )


def _periods(column: pd.Series[Any], weights: np.ndarray, most: int) -> Groups:
    """The shortest periods of which no more than `most` lie between the ends; decades where years are too many."""
    there = column.notna().to_numpy() & (weights > 0)
    times = in_utc(column[there])
    for freq, name in PERIODS:
        periods = pd.PeriodIndex(times.dt.to_period(freq))
        _, first, place = np.unique(periods.asi8, return_index=True, return_inverse=True)
        if not len(first) or np.ptp(periods.asi8) < most:
            return _sorted([name(periods[each]) for each in first], place, there, weights)
    decades, decade = np.unique(times.dt.year.to_numpy() // 10 * 10, return_inverse=True)
    return _sorted([f"{each}s" for each in decades], decade, there, weights)


def _sorted(names: list[str], group: np.ndarray, there: np.ndarray, weights: np.ndarray) -> Groups:
    """Groups in the order of `names`; the rows that count but are not `there` come last, as those without a value."""
    every = np.full(len(there), len(names), dtype=np.int64)
    every[there] = group
    row = np.flatnonzero(weights > 0)
    lacking = (every[row] == len(names)).any()
    return Groups(
        (*names, MISSING) if lacking else tuple(names), row, every[row], len(there), ordered=True
    )

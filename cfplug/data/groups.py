"""Group rows by a column: categories, members of sets, bands of numbers, periods of time."""

from __future__ import annotations

import itertools
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
"""Periods as pandas names them, the shortest first, and how each is shown; then decades."""


@frozen(eq=False)
class Groups:
    """Row `row[j]` of `n` belongs to the group `names[group[j]]`; both of shape (n_memberships,).

    `ordered` says that the groups follow one another, as years do; `overlap` that a row may belong
    to several.
    """

    names: tuple[str, ...]
    row: np.ndarray
    group: np.ndarray
    n: int
    ordered: bool = False
    overlap: bool = False

    @property
    def member(self) -> np.ndarray:
        """Return whether a row belongs to a group, bool of shape (n, n_groups)."""
        member = np.zeros((self.n, len(self.names)), dtype=bool)
        member[self.row, self.group] = True
        return member

    def sums(self, amounts: np.ndarray) -> np.ndarray:
        """Return the sums of `amounts`, shape (n,), over each group, shape (n_groups,)."""
        return np.bincount(self.group, amounts[self.row], len(self.names))

    def each(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the name of each group that has rows, and its rows in rising order."""
        for number, name in enumerate(self.names):
            rows = np.sort(self.row[self.group == number])
            if len(rows):
                yield name, rows

    def at(self, take: np.ndarray) -> Groups:
        """Return the groups of a table whose row j is the row `take[j]` of this one.

        Args:
            take: row numbers, of shape (m,); groups that are empty then are removed.
        """
        taken = pd.DataFrame({"row": take, "place": np.arange(len(take))})
        found = taken.merge(pd.DataFrame({"row": self.row, "group": self.group}), on="row")
        left, group = np.unique(found["group"], return_inverse=True)
        names = tuple(self.names[number] for number in left)
        place = found["place"].to_numpy()
        return Groups(names, place, group, len(take), self.ordered, self.overlap)


def groups_of(
    column: pd.Series[Any],
    role: str,
    bands: int = 10,
    most: int = 20,
    weights: np.ndarray | None = None,
) -> Groups:
    """Return the groups of the rows of a column.

    Args:
        column: of shape (n,).
        role: number, time, set, or any other, which is grouped as a category.
        bands: the most groups of numbers, of about equal weight.
        most: the most periods of time, which are as short as that allows; the heaviest categories
            or members that are groups of their own, while the others share one.
        weights: how much each row counts, shape (n,); 1 without it.
    """
    if weights is None:
        weights = np.ones(len(column))
    if role == "number":
        return _numbers(column, weights, bands)
    if role == "time":
        return _periods(column, weights, most)
    if role == "set":
        sets = [each or (EMPTY,) for each in members(column)]
        row = np.arange(len(sets)).repeat([len(each) for each in sets])
        names = itertools.chain.from_iterable(sets)
        return _named(names, row, weights, most, overlap=True)
    named = [(text or "").strip() or MISSING for text in words(column)]
    return _named(named, np.arange(len(column)), weights, most)


def groups_by_count(count: np.ndarray, bands: int = 10) -> Groups:
    """Return bands of users or items with about as many training ratings each.

    Those without any are a group of their own, the first. The cuts depend on training alone, so
    they are the same everywhere for one model; each fifth is two tenths.

    Args:
        count: the training ratings of each id, shape (n_ids,).
        bands: the most bands.
    """
    rated = count > 0
    names, band = _cut(count[rated], count[rated], bands, lambda number: f"{number:,.0f}")
    group = np.zeros(len(count), dtype=np.int64)
    group[rated] = band + (not rated.all())
    zero = () if rated.all() else ("0",)
    return Groups((*zero, *names), np.arange(len(count)), group, len(count), ordered=True)


def _named(
    named: Iterable[str], row: np.ndarray, weights: np.ndarray, most: int, overlap: bool = False
) -> Groups:
    """Group by name, the heaviest first; those after the first `most` share the last group."""
    found, names = pd.factorize(np.asarray(list(named), dtype=object))
    weight = np.bincount(found, weights[row], minlength=len(names))
    order = np.argsort(-weight, kind="stable")
    place = np.argsort(order)[found]
    shown = [str(names[code]) for code in order]
    if len(shown) > most + 1:  # one value alone needs no other name
        shown[most:] = [f"the other {len(shown) - most:,} values"]
        place = place.clip(max=most)
    pairs = np.column_stack([row, place])
    if overlap:
        pairs = np.unique(pairs, axis=0)
    return Groups(tuple(shown), pairs[:, 0], pairs[:, 1], len(weights), overlap=overlap)


def _numbers(column: pd.Series[Any], weights: np.ndarray, most: int) -> Groups:
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    there = np.isfinite(numbers) & (weights > 0)
    for digits in (4, 17):
        names, band = _cut(
            numbers[there], weights[there], most, partial(_number_text, digits=digits)
        )
        if len(set(names)) == len(names):
            break
    return _sorted(names, band, there, weights)


def _cut(
    numbers: np.ndarray, weights: np.ndarray, most: int, text: Callable[[float], str]
) -> tuple[list[str], np.ndarray]:
    """Return the names of up to `most` bands, and the band of each number, shape (n,).

    Equal numbers stay in one band, chosen by the middle of their weight.
    """
    values, value = np.unique(numbers, return_inverse=True)
    weight = np.bincount(value, weights, minlength=len(values))
    middle = (np.cumsum(weight) - weight / 2) / max(weight.sum(), 1)
    band = np.arange(len(values))
    if len(values) > most:
        band = np.floor(middle * most).astype(np.int64)
    first = np.unique(band, return_index=True)[1]
    last = np.append(first, len(values))[1:] - 1
    names = []
    for low, high in zip(values[first], values[last], strict=True):
        from_text, to_text = text(low), text(high)
        names.append(from_text if from_text == to_text else f"{from_text} to {to_text}")
    return names, np.searchsorted(first, value, side="right") - 1


def _number_text(number: float, digits: int) -> str:
    if float(number).is_integer() and abs(number) < 1e15:
        return str(int(number))
    return f"{number:.{digits}g}"


def _periods(column: pd.Series[Any], weights: np.ndarray, most: int) -> Groups:
    """Return the shortest periods that are at most `most`; decades if years are too many."""
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
    """Return groups in the order of `names`; rows that count but are not `there` come last."""
    every = np.full(len(there), len(names), dtype=np.int64)
    every[there] = group
    row = np.flatnonzero(weights > 0)
    if (every[row] == len(names)).any():
        names = [*names, MISSING]
    return Groups(tuple(names), row, every[row], len(there), ordered=True)

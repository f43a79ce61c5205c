"""Metadata and time as numbers that a module can gather, and how to encode new pairs.

A feature of users or items is one array with a row for each code, from which a module gathers; one
of the rating itself (its time, its context) travels in the batch. Metadata is never merged into the
ratings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.data.batch import Batch, Interactions
from cfplug.data.columns import amounts, as_numbers, as_times, members, padded, time_part, words
from cfplug.data.vocabulary import UNKNOWN
from cfplug.errors import DataError, did_you_mean

CONTEXT = "context"
"""The side of a feature that belongs to the rating; the others are `user` and `item`."""


@frozen(eq=False)
class Feature:
    """One column as numbers.

    | kind | array | what it holds |
    | --- | --- | --- |
    | category | int64 (n,) | 0 for a missing or unknown value, else 1 + its position in `values` |
    | number | float32 (n, width) | (x - mean) / deviation, 0 where missing |
    | set | int64 (n, most) | the codes of the members, as for a category, padded with 0 |

    With `flagged` a number has a second column, 1 where it is missing. `table` is that array for
    every code of a user or item; None for a feature of the rating, whose array is in
    `batch.context[name]`.
    """

    name: str
    side: str
    kind: str
    values: tuple[str, ...] = ()
    mean: float = 0.0
    deviation: float = 1.0
    flagged: bool = False
    table: np.ndarray | None = None

    @property
    def column(self) -> str:
        """Return the name without the table before it."""
        return self.name.partition(".")[2]

    @property
    def size(self) -> int:
        """Return the number of codes of a category or set, with the one for missing."""
        return len(self.values) + 1

    @property
    def width(self) -> int:
        """Return the number of columns in the array of a number."""
        return 2 if self.flagged else 1

    def encode(self, column: pd.Series[Any]) -> np.ndarray:
        """Return the array of `column`; what is not in `values` counts as missing.

        Args:
            column: of shape (n,).

        Returns:
            The array of the feature's kind, as the table above says.
        """
        if self.kind == "number":
            return self._number(amounts(column))
        codes: dict[str | None, int] = {}
        for code, value in enumerate(self.values, start=1):
            codes[value] = code
        if self.kind == "category":
            return np.array([codes.get(text, 0) for text in words(column)], dtype=np.int64)
        rows = []
        for each in members(column):
            rows.append([codes[member] for member in each if member in codes])
        return padded(rows)

    def _number(self, numbers: np.ndarray) -> np.ndarray:
        missing = np.isnan(numbers)
        scaled = np.where(missing, 0.0, (numbers - self.mean) / self.deviation)
        columns = [scaled, missing] if self.flagged else [scaled]
        return np.stack(columns, axis=1).astype(np.float32)

    def words(self) -> dict[str, Any]:
        """Return all but the table, as plain data for JSON."""
        return attrs.asdict(self, filter=lambda attribute, _: attribute.name != "table")


@frozen(eq=False)
class Features:
    """Every feature that a model uses, and what is needed to encode new pairs.

    `start` is the time from which `elapsed` counts and `now` the latest training time, in seconds
    since 1970; `born`, shape (n_items,), is when each item came out, for `item-age`. Each is None
    where it is not needed.
    """

    each: tuple[Feature, ...]
    start: float | None = None
    now: float | None = None
    born: np.ndarray | None = None

    def __iter__(self) -> Iterator[Feature]:
        return iter(self.each)

    def needs(self) -> tuple[str, ...]:
        """Return the columns that a table of pairs must have besides user and item."""
        own = [each for each in self if each.side == CONTEXT]
        needs = ["time"] if any(map(_part, own)) else []
        needs += [each.column for each in own if not _part(each)]
        return tuple(needs)

    def context(self, pairs: pd.DataFrame, batch: Batch) -> dict[str, np.ndarray]:
        """Return the arrays of the features of the rating, by name.

        Args:
            pairs: a table of n pairs with the columns of `needs()`; times and numbers may be text.
            batch: the codes of these pairs.

        Raises:
            DataError: a column is missing, or a text is not a time or number.
        """
        needs = self.needs()
        for name in needs:
            if name not in pairs.columns:
                guess = did_you_mean(name, map(str, pairs.columns))
                raise DataError(
                    f"pairs need a column called {name}, which the model looks at{guess}"
                )
        if "time" in needs:
            pairs = pairs.assign(time=as_times(pairs["time"]))
        return {
            feature.name: feature.encode(self._column(feature, pairs, batch))
            for feature in self
            if feature.side == CONTEXT
        }

    def _column(self, feature: Feature, pairs: pd.DataFrame, batch: Batch) -> pd.Series[Any]:
        part = _part(feature)
        if not part:
            column = pairs[feature.column]
            return as_numbers(column) if feature.kind == "number" else column
        born = None
        if self.born is not None:
            born = np.where(batch.item == UNKNOWN, np.nan, self.born[batch.item])
        return time_part(part, pairs["time"], self.start or 0.0, born)

    def attached(self, data: Interactions, ratings: pd.DataFrame, rows: np.ndarray) -> Interactions:
        """Return `data`, made of `rows` of `ratings`, with context columns and feature tables."""
        context = self.context(ratings.iloc[rows], data.batch)
        tables = tuple(feature for feature in self if feature.table is not None)
        return attrs.evolve(data, batch=attrs.evolve(data.batch, context=context), features=tables)

    def words(self) -> dict[str, Any]:
        """Return what `read` needs besides the arrays, as plain data for JSON."""
        return {"each": [feature.words() for feature in self], "start": self.start, "now": self.now}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the tables by name, and `born`."""
        arrays = {feature.name: feature.table for feature in self if feature.table is not None}
        if self.born is not None:
            arrays["born"] = self.born
        return arrays


@frozen(eq=False)
class Spec:
    """The sizes of a module: the codes of each side, its outputs, and its features."""

    n_users: int
    n_items: int
    n_outputs: int
    features: tuple[Feature, ...] = ()


def read(words: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Features:
    """Return the features that `Features.words` and `Features.arrays` describe.

    Raises:
        KeyError, TypeError: something is missing.
    """
    features = []
    for each in words["each"]:
        table = None if each["side"] == CONTEXT else arrays[each["name"]]
        features.append(Feature(**{**each, "values": tuple(each["values"])}, table=table))
    return Features(tuple(features), words["start"], words["now"], arrays.get("born"))


def _part(feature: Feature) -> str:
    """Return which part of the time a feature is; empty if none."""
    return feature.column if feature.name.startswith("time.") else ""

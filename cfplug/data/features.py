"""Metadata and time as numbers that a module can gather, and what is needed to encode the pairs of a question.

A feature of users or items is one array with a row for each code, from which a module gathers; one
of the rating itself (its time, its context) travels in the batch. Metadata is never merged into the
ratings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.data.batch import Batch, Interactions
from cfplug.data.columns import (
    DAY,
    as_numbers,
    as_times,
    floats,
    is_time,
    members,
    padded,
    seconds,
    time_part,
    words,
)
from cfplug.data.vocabulary import UNKNOWN
from cfplug.errors import DataError, did_you_mean

CONTEXT = "context"
"""The side of a feature that belongs to the rating, beside `user` and `item`."""


@frozen(eq=False)
class Feature:
    """One column as numbers.

    | kind | array | what it holds |
    | --- | --- | --- |
    | category | int64 (n,) | 0 for a missing or unknown value, else 1 + its position in `values` |
    | number | float32 (n, width) | (x - mean) / deviation, 0 where missing; with `flagged` a second column, 1 there |
    | set | int64 (n, most) | the codes of the members, as for a category, filled up with 0 |

    `table` is that array for every code of a user or item; None for a feature of the rating, whose
    array is in `batch.context[name]`."""

    name: str
    side: str
    kind: str
    values: tuple[str, ...] = ()
    mean: float = 0.0
    deviation: float = 1.0
    flagged: bool = False
    table: np.ndarray | None = None

    @property
    def size(self) -> int:
        """How many codes a category or set has, the one for missing included."""
        return len(self.values) + 1

    @property
    def width(self) -> int:
        """How many columns the array of a number has."""
        return 2 if self.flagged else 1

    def encode(self, column: pd.Series[Any]) -> np.ndarray:
        """The array of `column`, by value: a category or member that `values` lacks counts as missing."""
        if self.kind == "number":
            return self._number(seconds(column) / DAY if is_time(column) else floats(column))
        codes: dict[str | None, int] = {
            value: code for code, value in enumerate(self.values, start=1)
        }
        if self.kind == "category":
            return np.array([codes.get(word, 0) for word in words(column)], dtype=np.int64)
        return padded(
            [[codes[member] for member in each if member in codes] for each in members(column)]
        )

    def _number(self, numbers: np.ndarray) -> np.ndarray:
        missing = np.isnan(numbers)
        scaled = np.where(missing, 0.0, (numbers - self.mean) / self.deviation)
        columns = [scaled, missing] if self.flagged else [scaled]
        return np.stack(columns, axis=1).astype(np.float32)

    def words(self) -> dict[str, Any]:
        """All but the table, as JSON holds it."""
        return {name: value for name, value in attrs.asdict(self).items() if name != "table"}


@frozen(eq=False)
class Features:
    """Every feature that a model looks at, and what is needed to encode the pairs of a question.

    `start` is the time from which `elapsed` counts and `now` the latest training time, in seconds
    since 1970; `born`, shape (n_items,), is when each item came out, for `item-age`. Each is None
    where it is not needed."""

    each: tuple[Feature, ...]
    start: float | None = None
    now: float | None = None
    born: np.ndarray | None = None

    def __iter__(self) -> Iterator[Feature]:
        return iter(self.each)

    def needs(self) -> tuple[str, ...]:
        """The columns that a table of pairs must have beside user and item."""
        of_time = any(_part(feature) for feature in self)
        named = [
            feature.name.partition(".")[2]
            for feature in self
            if feature.side == CONTEXT and not _part(feature)
        ]
        return (*(["time"] if of_time else []), *named)

    def context(self, pairs: pd.DataFrame, batch: Batch) -> dict[str, np.ndarray]:
        """The arrays of the features of the rating, by name.

        Times and numbers may also be text, as in a file or on the command line. DataError for a
        column that `pairs` lacks, or for text that is no time or number."""
        for name in self.needs():
            if name not in pairs.columns:
                raise DataError(
                    f"pairs need a column called {name}, which the model looks at{_near(name, pairs)}"
                )
        if "time" in self.needs():
            pairs = pairs.assign(time=as_times(pairs["time"]))
        return {
            feature.name: feature.encode(self._column(feature, pairs, batch))
            for feature in self
            if feature.side == CONTEXT
        }

    def _column(self, feature: Feature, pairs: pd.DataFrame, batch: Batch) -> pd.Series[Any]:
        part = _part(feature)
        if not part:
            name = feature.name.partition(".")[2]
            return as_numbers(pairs[name]) if feature.kind == "number" else pairs[name]
        born = (
            None
            if self.born is None
            else np.where(batch.item == UNKNOWN, np.nan, self.born[batch.item])
        )
        return time_part(part, pairs["time"], self.start or 0.0, born)

    def attached(self, data: Interactions, ratings: pd.DataFrame, rows: np.ndarray) -> Interactions:
        """`data`, made of `rows` of `ratings`, with the context columns in its batch and the tables beside it."""
        context = self.context(ratings.iloc[rows], data.batch)
        tables = tuple(feature for feature in self if feature.table is not None)
        return attrs.evolve(data, batch=attrs.evolve(data.batch, context=context), features=tables)

    def words(self) -> dict[str, Any]:
        """What `read` needs beside the arrays, as JSON holds it."""
        return {"each": [feature.words() for feature in self], "start": self.start, "now": self.now}

    def arrays(self) -> dict[str, np.ndarray]:
        """The tables by name, and `born`."""
        tables = {feature.name: feature.table for feature in self if feature.table is not None}
        return tables if self.born is None else {**tables, "born": self.born}


@frozen(eq=False)
class Spec:
    """What a module needs to know to be built: how many codes each side has, how many outputs, which features."""

    n_users: int
    n_items: int
    n_outputs: int
    features: tuple[Feature, ...] = ()


def read(words: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Features:
    """The features that `words` and `arrays` describe; KeyError or TypeError if something is missing."""

    def feature(one: Mapping[str, Any]) -> Feature:
        table = None if one["side"] == CONTEXT else arrays[one["name"]]
        return Feature(**{**one, "values": tuple(one["values"])}, table=table)

    return Features(
        tuple(map(feature, words["each"])), words["start"], words["now"], arrays.get("born")
    )


def _part(feature: Feature) -> str:
    """The part of the time that a feature is, or an empty text."""
    table, _, part = feature.name.partition(".")
    return part if table == "time" else ""


def _near(name: str, pairs: pd.DataFrame) -> str:
    return did_you_mean(name, map(str, pairs.columns))

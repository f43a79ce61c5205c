"""Metadata and time -> numbers that a module can gather: what `features` of a recipe asks for.

A feature of users or items is one array with a row for each code, from which a module gathers; one of the rating
itself (its time, its context) travels in the batch. Metadata is never merged into the ratings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs
import numpy as np
import pandas as pd
from attrs import field, frozen

from cfplug.dataset import Dataset
from cfplug.encoding import UNKNOWN, Batch, Interactions, Side
from cfplug.errors import DataError, did_you_mean
from cfplug.settings import ALL, TIME_PARTS, FeatureChoice

CONTEXT = "context"
"""The side of a feature that belongs to the rating, beside `user` and `item`."""

TABLES: Mapping[str, str] = {"user": "users", "item": "items", CONTEXT: "ratings"}
USABLE = ("category", "number", "set", "time")
"""The roles that a model can look at; text and labels are for people."""

DAY, YEAR = 86_400.0, 365.2425 * 86_400.0
"""Seconds."""

_CALENDAR: Mapping[str, tuple[range, Callable[[Any], Any]]] = {
    "month": (range(1, 13), lambda time: time.dt.month),
    "day-of-week": (range(7), lambda time: time.dt.day_of_week),
    "hour": (range(24), lambda time: time.dt.hour),
}
"""Parts of a time of which all values are known beforehand."""


@frozen(eq=False)
class Feature:
    """One column as numbers.

    | kind | array | what it holds |
    | --- | --- | --- |
    | category | int64 (n,) | 0 for a missing or unknown value, else 1 + its position in `values` |
    | number | float32 (n, width) | (x - mean) / deviation, 0 where missing; with `flagged` a second column, 1 there |
    | set | int64 (n, most) | the codes of the members, as for a category, filled up with 0 |

    `table` is that array for every code of a user or item; None for a feature of the rating, whose array
    is in `batch.context[name]`.
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
            return self._number(_seconds(column) / DAY if _is_time(column) else _floats(column))
        codes: dict[str | None, int] = {value: code for code, value in enumerate(self.values, start=1)}
        if self.kind == "category":
            return np.array([codes.get(word, 0) for word in _words(column)], dtype=np.int64)
        return _padded([[codes[member] for member in members if member in codes] for members in _members(column)])

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

    `start` is the time from which `elapsed` counts and `now` the latest training time, in seconds since 1970;
    `born`, shape (n_items,), is when each item came out, for `item-age`. Each is None where it is not needed.
    """

    each: tuple[Feature, ...]
    start: float | None = None
    now: float | None = None
    born: np.ndarray | None = None

    def __iter__(self) -> Iterator[Feature]:
        return iter(self.each)

    def needs(self) -> tuple[str, ...]:
        """The columns that a table of pairs must have beside user and item."""
        of_time = any(_part(feature) for feature in self)
        named = [feature.name.partition(".")[2] for feature in self if feature.side == CONTEXT and not _part(feature)]
        return (*(["time"] if of_time else []), *named)

    def context(self, pairs: pd.DataFrame, batch: Batch) -> dict[str, np.ndarray]:
        """The arrays of the features of the rating, by name.

        Times and numbers may also be text, as in a file or on the command line. DataError for a column that `pairs`
        lacks, or for text that is no time or number.
        """
        for name in self.needs():
            if name not in pairs.columns:
                raise DataError(f"pairs need a column called {name}, which the model looks at{_near(name, pairs)}")
        if "time" in self.needs():
            pairs = pairs.assign(time=_as_times(pairs["time"]))
        return {
            feature.name: feature.encode(self._column(feature, pairs, batch))
            for feature in self
            if feature.side == CONTEXT
        }

    def _column(self, feature: Feature, pairs: pd.DataFrame, batch: Batch) -> pd.Series[Any]:
        part = _part(feature)
        if not part:
            name = feature.name.partition(".")[2]
            return _as_numbers(pairs[name]) if feature.kind == "number" else pairs[name]
        born = None if self.born is None else np.where(batch.item == UNKNOWN, np.nan, self.born[batch.item])
        return time_part(part, pairs["time"], self.start or 0.0, born)

    def attached(self, data: Interactions, ratings: pd.DataFrame, rows: np.ndarray) -> Interactions:
        """`data`, made of `rows` of `ratings`, with the context columns in its batch."""
        context = self.context(ratings.iloc[rows], data.batch)
        return attrs.evolve(data, batch=attrs.evolve(data.batch, context=context))

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

    return Features(tuple(map(feature, words["each"])), words["start"], words["now"], arrays.get("born"))


def time_part(part: str, time: pd.Series[Any], start: float, born: np.ndarray | None) -> pd.Series[Any]:
    """One of TIME_PARTS of each time, in UTC; `elapsed` in days, `item-age` in years, NaN where it is not known."""
    time = _in_utc(time)
    if part == "year":
        return pd.Series(time.dt.year)
    if part in _CALENDAR:
        return _CALENDAR[part][1](time)  # type: ignore[no-any-return]
    if part == "elapsed":
        return pd.Series((_seconds(time) - start) / DAY)
    assert born is not None
    return pd.Series((_seconds(time) - born) / YEAR)


# From a recipe's choice and the data


@frozen(eq=False)
class _Learning:
    """One pass over a choice: makes features and collects what a person should be told."""

    dataset: Dataset
    rows: np.ndarray
    said: list[str] = field(factory=list)

    def side(self, side: Side, names: tuple[str, ...]) -> Iterator[Feature]:
        table = TABLES[side]
        frame = self.dataset.tables()[table]
        for name in self._chosen(side, names):
            column = frame[name]
            learned = column.iloc[self.rows] if side == CONTEXT else column
            feature = self._feature(f"{side}.{name}", side, self.dataset.roles[table][name], learned, ALL in names)
            if feature is not None:
                yield feature if side == CONTEXT else attrs.evolve(feature, table=feature.encode(column))

    def _chosen(self, side: Side, names: tuple[str, ...]) -> list[str]:
        """The columns that `names` mean; DataError for one that is not there or that no model can look at."""
        table = TABLES[side]
        roles = {name: role for name, role in self.dataset.roles[table].items() if role not in ("id", "target")}
        if side == CONTEXT:
            roles.pop("time", None)
        if ALL in names:
            left = [f"{name} ({role})" for name, role in roles.items() if role not in USABLE]
            if left:
                self.said.append(f"features.{side}: left out {', '.join(left)}: models do not look at text")
            return [name for name, role in roles.items() if role in USABLE]
        for name in names:
            if name not in roles:
                there = ", ".join(roles) or "none beside the ids"
                guess = did_you_mean(name, roles)
                raise DataError(f"features.{side}: {table} has no column called {name}{guess} (it has {there})")
            if roles[name] not in USABLE:
                raise DataError(f"features.{side}: {name} has the role {roles[name]}, which no model looks at")
        return list(names)

    def _feature(self, name: str, side: str, role: str, column: pd.Series[Any], quietly: bool) -> Feature | None:
        """The feature of a column, or None where it can tell nothing apart, which is said."""
        kind = "number" if role == "time" else role
        feature = {"number": _number, "category": _category, "set": _set}[kind](name, side, column)
        why = _useless(feature, column)
        if why is None:
            return feature
        if why == EMPTY and not quietly:
            raise DataError(f"features.{name}: the column is empty everywhere; leave it out")
        self.said.append(f"features.{name}: left out: {why}")
        return None

    def time(self, parts: tuple[str, ...]) -> tuple[list[Feature], float | None, float | None, np.ndarray | None]:
        """The features of the rating's time, its first and last training time, and when each item came out."""
        time = self._times(ALL in parts) if parts else None
        if time is None:
            return [], None, None, None
        seconds = _seconds(time)
        start, now = float(np.nanmin(seconds)), float(np.nanmax(seconds))
        wanted = [part for part in TIME_PARTS if part in parts or ALL in parts]
        born = self._born(ALL in parts) if "item-age" in wanted else None
        if born is None:
            wanted = [part for part in wanted if part != "item-age"]
        of_item = None if born is None else born[self._items()]
        made = [self._of_time(part, time_part(part, time, start, of_item)) for part in wanted]
        return [feature for feature in made if feature is not None], start, now, born

    def _times(self, quietly: bool) -> pd.Series[Any] | None:
        """The time of each training rating; None, which is said, where there is none and nobody named a part."""
        if self.dataset.roles["ratings"].get("time") != "time":
            there = ", ".join(self.dataset.roles["ratings"])
            why = f"the ratings have no column called time with the role time (they have {there})"
        elif self.dataset.ratings["time"].iloc[self.rows].isna().all():
            why = "no training rating has a time"
        else:
            return self.dataset.ratings["time"].iloc[self.rows]
        if not quietly:
            raise DataError(f"features.time: {why}")
        self.said.append(f"features.time: left out: {why}")
        return None

    def _of_time(self, part: str, column: pd.Series[Any]) -> Feature | None:
        name = f"time.{part}"
        if part in _CALENDAR:
            column = column.dropna()
            if column.nunique() > 1:
                return Feature(name, CONTEXT, "category", tuple(map(str, _CALENDAR[part][0])))
        return self._feature(name, CONTEXT, "category" if part in ("year", *_CALENDAR) else "number", column, True)

    def _items(self) -> np.ndarray:
        """The position of each training rating's item in the items table, which is its code."""
        items = pd.Index(self.dataset.items["item"])
        return np.asarray(items.get_indexer(pd.Index(self.dataset.ratings["item"].iloc[self.rows])))

    def _born(self, quietly: bool) -> np.ndarray | None:
        """When each item came out, in seconds since 1970: its first time column, else its year."""
        items, roles = self.dataset.items, self.dataset.roles["items"]
        for name, role in roles.items():
            if role == "time" and items[name].notna().any():
                return _seconds(items[name])
        if roles.get("year") == "number" and items["year"].notna().any():
            return (_floats(items["year"]) - 1970.0) * YEAR
        why = "items have no column with the role time and no number called year"
        if not quietly:
            raise DataError(f"features.time: item-age cannot be told: {why}")
        self.said.append(f"features.time: left out item-age: {why}")
        return None


def learn(choice: FeatureChoice, dataset: Dataset, rows: np.ndarray) -> tuple[Features, tuple[str, ...]]:
    """The features that a recipe asks for, and what a person should be told of them.

    What is learned of the rating's own columns is learned from the training `rows` alone. DataError, with the key
    of the recipe, for a column that is not there, is text, or is empty.
    """
    learning = _Learning(dataset, rows)
    sides = [feature for side in TABLES for feature in learning.side(side, getattr(choice, side))]
    of_time, start, now, born = learning.time(choice.time)
    return Features((*sides, *of_time), start, now, born), tuple(learning.said)


EMPTY = "the column is empty everywhere"


def _useless(feature: Feature, column: pd.Series[Any]) -> str | None:
    """Why a feature can tell nothing apart that the id does not, or None."""
    if feature.kind == "number":
        known = column.dropna()
        if known.empty:
            return EMPTY
        return "it has one value only" if known.nunique() == 1 and not feature.flagged else None
    if not feature.values:
        return EMPTY
    if feature.kind == "set":
        kinds = {frozenset(members) for members in _members(column)}
        return "it has one value only" if len(kinds) == 1 else None
    words = _words(column)
    if len(feature.values) == 1 and None not in words:
        return "it has one value only"
    return "it has as many values as rows" if len(feature.values) == len(words) > 1 else None


def _number(name: str, side: str, column: pd.Series[Any]) -> Feature:
    numbers = _seconds(column) / DAY if _is_time(column) else _floats(column)
    known = numbers[~np.isnan(numbers)]
    mean = float(known.mean()) if len(known) else 0.0
    apart = len(known) > 0 and known.min() < known.max()  # the deviation of equal numbers may be a rounding error
    return Feature(name, side, "number", (), mean, float(known.std()) if apart else 1.0, len(known) < len(numbers))


def _category(name: str, side: str, column: pd.Series[Any]) -> Feature:
    return Feature(name, side, "category", tuple(sorted({word for word in _words(column) if word is not None})))


def _set(name: str, side: str, column: pd.Series[Any]) -> Feature:
    return Feature(name, side, "set", tuple(sorted({member for members in _members(column) for member in members})))


# Columns


def _part(feature: Feature) -> str:
    """The part of the time that a feature is, or an empty text."""
    table, _, part = feature.name.partition(".")
    return part if table == "time" else ""


def _is_time(column: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_datetime64_any_dtype(column.dtype))


def _as_times(column: pd.Series[Any]) -> pd.Series[Any]:
    """Times as they are, or read from text such as 1998-04-01 12:30; DataError names the row of what is none."""
    if _is_time(column):
        return column
    if not all(isinstance(value, str) for value in column.dropna()):
        raise DataError(f"must hold times; is of type {column.dtype}", column=str(column.name))
    times = pd.to_datetime(column, errors="coerce", format="ISO8601", utc=True)
    return _read(column, times, "a time such as 1998-04-01 12:30")


def _as_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    if _is_time(column) or pd.api.types.is_numeric_dtype(column.dtype):
        return column
    return _read(column, pd.to_numeric(column, errors="coerce"), "a number")


def _read(column: pd.Series[Any], values: pd.Series[Any], what: str) -> pd.Series[Any]:
    """`values`, which were read from `column`; DataError for the first that could not be."""
    lost = (values.isna() & column.notna()).to_numpy()
    if lost.any():
        row = int(lost.argmax())
        raise DataError(f"must be {what}; is {column.iloc[row]!r}", row=row, column=str(column.name))
    return values


def _seconds(time: pd.Series[Any]) -> np.ndarray:
    """Seconds since 1970, float64 of shape (n,); NaN where there is no time."""
    seconds = _in_utc(time).to_numpy(dtype="datetime64[s]").astype(np.float64)
    return np.where(time.isna(), np.nan, seconds)


def _in_utc(time: pd.Series[Any]) -> pd.Series[Any]:
    """The same times without a zone, so that a question may be in another zone than the training ratings."""
    return time.dt.tz_convert(None) if getattr(time.dt, "tz", None) is not None else time


def _floats(column: pd.Series[Any]) -> np.ndarray:
    """The numbers, float64 of shape (n,), NaN where one is missing; DataError for what is no finite number."""
    try:
        numbers: np.ndarray = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise DataError(f"must hold numbers; is of type {column.dtype}", column=str(column.name)) from None
    if np.isinf(numbers).any():
        row = int(np.isinf(numbers).argmax())
        raise DataError(f"a number is finite or missing; is {numbers[row]}", row=row, column=str(column.name))
    return numbers


def _words(column: pd.Series[Any]) -> list[str | None]:
    """Each value as text, None where it is missing; a whole number is written without a point."""
    missing = column.isna().tolist()
    return [None if gone else _word(value) for value, gone in zip(column.tolist(), missing, strict=True)]


def _word(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _members(column: pd.Series[Any]) -> list[tuple[str, ...]]:
    return [tuple(value) if isinstance(value, tuple) else () for value in column.tolist()]


def _padded(codes: Iterable[list[int]]) -> np.ndarray:
    rows = list(codes)
    out = np.zeros((len(rows), max(map(len, rows), default=0) or 1), dtype=np.int64)
    for row, found in enumerate(rows):
        out[row, : len(found)] = found
    return out


def _near(name: str, pairs: pd.DataFrame) -> str:
    return did_you_mean(name, map(str, pairs.columns))

"""Learn the features that a recipe asks for from the training rows of a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import pandas as pd
from attrs import field, frozen

from cfplug.data.columns import (
    CALENDAR,
    DAY,
    YEAR,
    floats,
    is_time,
    members,
    seconds,
    time_part,
    words,
)
from cfplug.data.dataset import Dataset
from cfplug.data.features import CONTEXT, Feature, Features
from cfplug.data.metadata import USABLE, Metadata
from cfplug.data.vocabulary import Side
from cfplug.errors import DataError, did_you_mean
from cfplug.recipe.settings import ALL, TIME_PARTS, FeatureChoice

TABLES: Mapping[str, str] = {"user": "users", "item": "items", CONTEXT: "ratings"}
EMPTY = "the column is empty everywhere"


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
            feature = self._feature(
                f"{side}.{name}", side, self.dataset.roles[table][name], learned, ALL in names
            )
            if feature is not None:
                yield (
                    feature
                    if side == CONTEXT
                    else attrs.evolve(feature, table=feature.encode(column))
                )

    def _chosen(self, side: Side, names: tuple[str, ...]) -> list[str]:
        """Return the columns that `names` mean; DataError for one that models cannot use."""
        table = TABLES[side]
        roles = {
            name: role
            for name, role in self.dataset.roles[table].items()
            if role not in ("id", "target")
        }
        if side == CONTEXT:
            roles.pop("time", None)
        if ALL in names:
            left = [f"{name} ({role})" for name, role in roles.items() if role not in USABLE]
            if left:
                self.said.append(
                    f"features.{side}: left out {', '.join(left)}: models do not look at text"
                )
            return [name for name, role in roles.items() if role in USABLE]
        for name in names:
            if name not in roles:
                there = ", ".join(roles) or "none beside the ids"
                guess = did_you_mean(name, roles)
                raise DataError(
                    f"features.{side}: {table} has no column called {name}{guess} (it has {there})"
                )
            if roles[name] not in USABLE:
                raise DataError(
                    f"features.{side}: {name} has the role {roles[name]}, which no model looks at"
                )
        return list(names)

    def _feature(
        self, name: str, side: str, role: str, column: pd.Series[Any], quietly: bool
    ) -> Feature | None:
        """The feature of a column, or None where it can tell nothing apart, which is said."""
        feature = _learned(name, side, role, column)
        why = _useless(feature, column)
        if why is None:
            return feature
        if why == EMPTY and not quietly:
            raise DataError(f"features.{name}: the column is empty everywhere; leave it out")
        self.said.append(f"features.{name}: left out: {why}")
        return None

    def time(
        self, parts: tuple[str, ...]
    ) -> tuple[list[Feature], float | None, float | None, np.ndarray | None]:
        """Return the features of time, the first and last training time, and items' release."""
        time = self._times(ALL in parts) if parts else None
        if time is None:
            return [], None, None, None
        moments = seconds(time)
        start, now = float(np.nanmin(moments)), float(np.nanmax(moments))
        wanted = [part for part in TIME_PARTS if part in parts or ALL in parts]
        born = self._born(ALL in parts) if "item-age" in wanted else None
        if born is None:
            wanted = [part for part in wanted if part != "item-age"]
        of_item = None if born is None else born[self._items()]
        made = [self._of_time(part, time_part(part, time, start, of_item)) for part in wanted]
        return [feature for feature in made if feature is not None], start, now, born

    def _times(self, quietly: bool) -> pd.Series[Any] | None:
        """Return the time of each training rating; None if there is none and no part was named."""
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
        if part in CALENDAR:
            column = column.dropna()
            if column.nunique() > 1:
                return Feature(name, CONTEXT, "category", tuple(map(str, CALENDAR[part][0])))
        return self._feature(
            name, CONTEXT, "category" if part in ("year", *CALENDAR) else "number", column, True
        )

    def _items(self) -> np.ndarray:
        """The position of each training rating's item in the items table, which is its code."""
        items = pd.Index(self.dataset.items["item"])
        return np.asarray(items.get_indexer(pd.Index(self.dataset.ratings["item"].iloc[self.rows])))

    def _born(self, quietly: bool) -> np.ndarray | None:
        """When each item came out, in seconds since 1970: its first time column, else its year."""
        items, roles = self.dataset.items, self.dataset.roles["items"]
        for name, role in roles.items():
            if role == "time" and items[name].notna().any():
                return seconds(items[name])
        if roles.get("year") == "number" and items["year"].notna().any():
            return (floats(items["year"]) - 1970.0) * YEAR
        why = "items have no column with the role time and no number called year"
        if not quietly:
            raise DataError(f"features.time: item-age cannot be told: {why}")
        self.said.append(f"features.time: left out item-age: {why}")
        return None


def learn(
    choice: FeatureChoice, dataset: Dataset, rows: np.ndarray
) -> tuple[Features, tuple[str, ...]]:
    """The features that a recipe asks for, and what a person should be told of them.

    What is learned of the rating's own columns is learned from the training `rows` alone.
    DataError, with the key of the recipe, for a column that is not there, is text, or is empty.
    """
    learning = _Learning(dataset, rows)
    sides = [feature for side in TABLES for feature in learning.side(side, getattr(choice, side))]
    of_time, start, now, born = learning.time(choice.time)
    return Features((*sides, *of_time), start, now, born), tuple(learning.said)


def described(
    metadata: Metadata, rows: np.ndarray, names: Sequence[str] = (ALL,)
) -> tuple[Feature, ...]:
    """Return columns of users or items as features, learned from the ids of `rows` alone.

    A column that can tell nothing apart among `rows` is left out. DataError for one that is not
    there.
    """
    for name in names:
        if name != ALL and name not in metadata.roles:
            there = ", ".join(metadata.roles) or "none"
            guess = did_you_mean(name, metadata.roles)
            raise DataError(
                f"nothing called {name} is known of {metadata.side}s{guess} (known are: {there})"
            )
    features = []
    for name in metadata.roles if ALL in names else names:
        column = metadata.table[name]
        feature = _learned(
            f"{metadata.side}.{name}", metadata.side, metadata.roles[name], column.iloc[rows]
        )
        if _useless(feature, column.iloc[rows]) is None:
            features.append(attrs.evolve(feature, table=feature.encode(column)))
    return tuple(features)


def _learned(name: str, side: str, role: str, column: pd.Series[Any]) -> Feature:
    kind = "number" if role == "time" else role
    return {"number": _number, "category": _category, "set": _set}[kind](name, side, column)


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
        kinds = {frozenset(each) for each in members(column)}
        return "it has one value only" if len(kinds) == 1 else None
    found = words(column)
    if len(feature.values) == 1 and None not in found:
        return "it has one value only"
    return "it has as many values as rows" if len(feature.values) == len(found) > 1 else None


def _number(name: str, side: str, column: pd.Series[Any]) -> Feature:
    numbers = seconds(column) / DAY if is_time(column) else floats(column)
    known = numbers[~np.isnan(numbers)]
    mean = float(known.mean()) if len(known) else 0.0
    apart = (
        len(known) > 0 and known.min() < known.max()
    )  # the deviation of equal numbers may be a rounding error
    return Feature(
        name,
        side,
        "number",
        (),
        mean,
        float(known.std()) if apart else 1.0,
        len(known) < len(numbers),
    )


def _category(name: str, side: str, column: pd.Series[Any]) -> Feature:
    return Feature(
        name, side, "category", tuple(sorted({word for word in words(column) if word is not None}))
    )


def _set(name: str, side: str, column: pd.Series[Any]) -> Feature:
    return Feature(
        name, side, "set", tuple(sorted({member for each in members(column) for member in each}))
    )

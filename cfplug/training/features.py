"""Learn the features that a recipe asks for from the training rows of a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import pandas as pd
from attrs import field, frozen

from cfplug.data.columns import CALENDAR, YEAR, amounts, floats, members, seconds, time_part, words
from cfplug.data.dataset import Dataset
from cfplug.data.features import CONTEXT, Feature, Features
from cfplug.data.metadata import USABLE, Metadata
from cfplug.errors import DataError, did_you_mean
from cfplug.recipe.settings import ALL, TIME_PARTS, FeatureChoice

TABLES: Mapping[str, str] = {"user": "users", "item": "items", CONTEXT: "ratings"}
EMPTY = "the column is empty everywhere"


@frozen(eq=False)
class _Learning:
    """Learns features from the training `rows` of a dataset, and notes what is left out."""

    dataset: Dataset
    rows: np.ndarray
    notes: list[str] = field(factory=list)

    def side(self, side: str, names: tuple[str, ...]) -> list[Feature]:
        """Return the features of users, of items, or of the ratings' own columns."""
        table = TABLES[side]
        features = []
        for name in self._chosen(side, names):
            column = self.dataset.tables()[table][name]
            role = self.dataset.roles[table][name]
            learned = column.iloc[self.rows] if side == CONTEXT else column
            feature = self._useful(_learned(f"{side}.{name}", side, role, learned), learned, names)
            if feature is not None and side != CONTEXT:
                feature = attrs.evolve(feature, table=feature.encode(column))
            if feature is not None:
                features.append(feature)
        return features

    def _chosen(self, side: str, names: tuple[str, ...]) -> list[str]:
        """Return the columns that `names` mean; DataError for one that models cannot use."""
        table = TABLES[side]
        hidden = {"id", "target"}
        roles = {}
        for name, role in self.dataset.roles[table].items():
            if role not in hidden and (side, name) != (CONTEXT, "time"):
                roles[name] = role
        if ALL in names:
            left = [f"{name} ({role})" for name, role in roles.items() if role not in USABLE]
            if left:
                self.notes.append(
                    f"features.{side}: left out {', '.join(left)}: models do not look at text"
                )
            return [name for name, role in roles.items() if role in USABLE]
        for name in names:
            if name not in roles:
                there = ", ".join(roles) or "none besides the ids"
                guess = did_you_mean(name, roles)
                raise DataError(
                    f"features.{side}: {table} has no column called {name}{guess} (it has {there})"
                )
            if roles[name] not in USABLE:
                raise DataError(
                    f"features.{side}: {name} has the role {roles[name]}, which no model looks at"
                )
        return list(names)

    def _useful(
        self, feature: Feature, column: pd.Series[Any], names: Sequence[str]
    ) -> Feature | None:
        """Return the feature, or None with a note where it can tell nothing apart."""
        why = _useless(feature, column)
        if why is None:
            return feature
        if why == EMPTY and ALL not in names:
            raise DataError(f"features.{feature.name}: {EMPTY}; leave it out")
        self.notes.append(f"features.{feature.name}: left out: {why}")
        return None

    def time(self, parts: tuple[str, ...]) -> Features:
        """Return the features of time, with the first and last training time, and `born`."""
        if not parts or not self._has_times(ALL in parts):
            return Features(())
        time = self.dataset.ratings["time"].iloc[self.rows]
        moments = seconds(time)
        start, now = float(np.nanmin(moments)), float(np.nanmax(moments))
        wanted = [part for part in TIME_PARTS if part in parts or ALL in parts]
        born = self._born(ALL in parts) if "item-age" in wanted else None
        of_ratings = None
        if born is None:
            wanted = [part for part in wanted if part != "item-age"]
        else:
            rated = self.dataset.ratings["item"].iloc[self.rows]
            of_ratings = born[pd.Index(self.dataset.items["item"]).get_indexer(pd.Index(rated))]
        features = []
        for part in wanted:
            feature = self._of_time(part, time_part(part, time, start, of_ratings))
            if feature is not None:
                features.append(feature)
        return Features(tuple(features), start, now, born)

    def _has_times(self, quietly: bool) -> bool:
        """Return whether a training rating has a time; DataError if a part of it is named."""
        if self.dataset.roles["ratings"].get("time") != "time":
            there = ", ".join(self.dataset.roles["ratings"])
            why = f"the ratings have no column called time with the role time (they have {there})"
        elif self.dataset.ratings["time"].iloc[self.rows].isna().all():
            why = "no training rating has a time"
        else:
            return True
        if not quietly:
            raise DataError(f"features.time: {why}")
        self.notes.append(f"features.time: left out: {why}")
        return False

    def _of_time(self, part: str, column: pd.Series[Any]) -> Feature | None:
        name = f"time.{part}"
        if part in CALENDAR and column.nunique() > 1:
            return Feature(name, CONTEXT, "category", tuple(map(str, CALENDAR[part][0])))
        if part in CALENDAR:
            column = column.dropna()
        role = "category" if part in ("year", *CALENDAR) else "number"
        return self._useful(_learned(name, CONTEXT, role, column), column, (ALL,))

    def _born(self, quietly: bool) -> np.ndarray | None:
        """Return when each item came out, in seconds: its first time column, else its year."""
        items, roles = self.dataset.items, self.dataset.roles["items"]
        for name, role in roles.items():
            if role == "time" and items[name].notna().any():
                return seconds(items[name])
        if roles.get("year") == "number" and items["year"].notna().any():
            return (floats(items["year"]) - 1970.0) * YEAR
        why = "items have no column with the role time and no number called year"
        if not quietly:
            raise DataError(f"features.time: item-age is unknown: {why}")
        self.notes.append(f"features.time: left out item-age: {why}")
        return None


def learn(
    choice: FeatureChoice, dataset: Dataset, rows: np.ndarray
) -> tuple[Features, tuple[str, ...]]:
    """Return the features that a recipe asks for, and notes for people on what is left out.

    What is learned of the rating's own columns is learned from the training `rows` alone.
    DataError, with the key of the recipe, for a column that is not there, is text, or is empty.
    """
    learning = _Learning(dataset, rows)
    features: list[Feature] = []
    for side in TABLES:
        features += learning.side(side, getattr(choice, side))
    of_time = learning.time(choice.time)
    return attrs.evolve(of_time, each=(*features, *of_time.each)), tuple(learning.notes)


def described(
    metadata: Metadata, rows: np.ndarray, names: Sequence[str] = (ALL,)
) -> tuple[Feature, ...]:
    """Return columns of users or items as features, learned from the ids of `rows` alone.

    A column that can tell nothing apart among `rows` is left out. DataError for one that is not
    there.
    """
    metadata.check_known(name for name in names if name != ALL)
    features = []
    for name in metadata.roles if ALL in names else names:
        column = metadata.table[name]
        learned = column.iloc[rows]
        full_name = f"{metadata.side}.{name}"
        feature = _learned(full_name, metadata.side, metadata.roles[name], learned)
        if _useless(feature, learned) is None:
            features.append(attrs.evolve(feature, table=feature.encode(column)))
    return tuple(features)


def _learned(name: str, side: str, role: str, column: pd.Series[Any]) -> Feature:
    """Return the feature of a column, without a table."""
    if role == "category":
        known = [text for text in words(column) if text is not None]
        return Feature(name, side, role, tuple(sorted(set(known))))
    if role == "set":
        return Feature(name, side, role, tuple(sorted(set().union(*members(column)))))
    numbers = amounts(column)
    there = numbers[~np.isnan(numbers)]
    mean = float(there.mean()) if len(there) else 0.0
    deviation = 1.0
    if len(there) and there.min() < there.max():  # that of equal numbers may be a rounding error
        deviation = float(there.std())
    flagged = len(there) < len(numbers)
    return Feature(name, side, "number", (), mean, deviation, flagged)


def _useless(feature: Feature, column: pd.Series[Any]) -> str | None:
    """Return why a feature can tell nothing apart that the id does not, or None."""
    is_empty = not feature.values
    if feature.kind == "number":
        is_empty = bool(column.isna().all())
        n_values = column.nunique(dropna=False)
    elif feature.kind == "set":
        n_values = len(set(map(frozenset, members(column))))
    else:
        n_values = len(set(words(column)))
    if is_empty:
        return EMPTY
    if n_values == 1:
        return "it has one value only"
    if feature.kind == "category" and len(feature.values) == len(column):
        return "it has as many values as rows"
    return None

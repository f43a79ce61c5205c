"""Read the metadata of many ids as arrays, column by column, with a mask of what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from attrs import frozen

import cfplug
from cfplug.errors import did_you_mean
from cfplug.training.features import described
from cfplug_coldstart.trained_ids import SIDES, TrainedIds

if TYPE_CHECKING:
    from cfplug import FittedModel
    from cfplug.data.features import Feature

ALL = "all"


@frozen(eq=False)
class FeatureColumn:
    """One column of n ids: `values`, float64 (n, width), 0 where missing, and `known`, bool (n,).

    A category is one column of its code; a set has a column for each member, 1 for those that the
    id has; a number is one column, in standard deviations from the mean of the trained ids.
    """

    feature: Feature
    values: np.ndarray
    known: np.ndarray

    @classmethod
    def of(cls, feature: Feature, table: pd.DataFrame) -> FeatureColumn:
        """Return the column of `feature` in `table`."""
        cells = table[feature.name.partition(".")[2]]
        array = feature.encode(cells)
        if feature.kind == "number":
            return cls(feature, array[:, :1].astype(np.float64), cells.notna().to_numpy())
        if feature.kind == "category":
            return cls(feature, array[:, None].astype(np.float64), array > 0)
        has = np.zeros((len(table), feature.size))
        np.put_along_axis(has, array, 1.0, axis=1)
        return cls(feature, has[:, 1:], np.asarray(has[:, 1:].any(axis=1)))

    def take(self, rows: np.ndarray) -> FeatureColumn:
        """Return the column of some ids."""
        return FeatureColumn(self.feature, self.values[rows], self.known[rows])


@frozen(eq=False)
class FeatureTable:
    """The columns of `n` ids that a strategy uses, as encoded for the trained ids of a side."""

    each: tuple[FeatureColumn, ...]
    n: int

    @classmethod
    def of(cls, fitted: FittedModel, side: str, names: Sequence[str]) -> FeatureTable:
        """Return the columns `names` of all codes of `side`, without those that never differ."""
        metadata = fitted.catalogue.metadata[side]
        features = described(metadata, TrainedIds.of(fitted, side).codes, names)
        columns = tuple(FeatureColumn.of(feature, metadata.table) for feature in features)
        return cls(columns, len(metadata.table))

    def __bool__(self) -> bool:
        return bool(self.each)

    def read(self, table: pd.DataFrame) -> FeatureTable:
        """Return the same columns of other ids."""
        columns = tuple(FeatureColumn.of(column.feature, table) for column in self.each)
        return FeatureTable(columns, len(table))

    def take(self, rows: np.ndarray) -> FeatureTable:
        """Return the columns of some ids."""
        columns = tuple(column.take(rows) for column in self.each)
        return FeatureTable(columns, len(np.arange(self.n)[rows]))

    @property
    def known(self) -> np.ndarray:
        """Which ids have a value in any column, bool of shape (n,)."""
        known = np.zeros(self.n, dtype=bool)
        for column in self.each:
            known |= column.known
        return known


def columns_of(
    fitted: FittedModel, names: Sequence[str], parameter: str, roles: Sequence[str] | None = None
) -> Mapping[str, tuple[str, ...]]:
    """Return the columns of each side that `names` select.

    Args:
        fitted: Has the metadata.
        names: Columns of users, of items, or of both; `all` selects all columns.
        parameter: The name of the parameter, for errors.
        roles: The roles that a column may have; any if None.

    Raises:
        DataError: Neither side has the column, or it has another role.
    """
    roles_of = {side: fitted.catalogue.metadata[side].roles for side in SIDES}
    for name in names:
        if name != ALL:
            _check(roles_of, name, parameter, roles)
    selected = {}
    for side, there in roles_of.items():
        wanted = there if ALL in names else names
        selected[side] = tuple(name for name in wanted if name in there)
    return selected


def _check(
    roles_of: Mapping[str, Mapping[str, str]],
    name: str,
    parameter: str,
    wanted: Sequence[str] | None,
) -> None:
    there = [column for roles in roles_of.values() for column in roles]
    if name not in there:
        guess, known = did_you_mean(name, there), ", ".join(there) or "none"
        raise cfplug.DataError(
            f"{parameter}: nothing called {name} is known of users or items{guess} "
            f"(known are: {known})"
        )
    if wanted is None:
        return
    for side, roles in roles_of.items():
        if name in roles and roles[name] not in wanted:
            raise cfplug.DataError(
                f"{parameter}: {name} of {side}s is a {roles[name]}; it must be a {wanted[0]}"
            )

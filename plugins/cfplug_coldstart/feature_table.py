"""Metadata of many ids as arrays, column by column, with what is missing kept apart."""

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
    """One column of n ids: `known`, bool of shape (n,), and `values`, float64 of shape (n, width), 0 where missing.

    A category is one column of its code; a set has a column for each member, 1 for those that the
    id has; a number is one column, in standard deviations from the mean of the trained ids."""

    feature: Feature
    values: np.ndarray
    known: np.ndarray

    @classmethod
    def of(cls, feature: Feature, table: pd.DataFrame) -> FeatureColumn:
        """The column of `feature` in `table`."""
        column = table[feature.name.partition(".")[2]]
        array = feature.encode(column)
        if feature.kind == "number":
            return cls(feature, array[:, :1].astype(np.float64), column.notna().to_numpy())
        if feature.kind == "category":
            return cls(feature, array[:, None].astype(np.float64), array > 0)
        has = np.zeros((len(table), feature.size))
        np.put_along_axis(has, array, 1.0, axis=1)
        return cls(feature, has[:, 1:], np.asarray(has[:, 1:].any(axis=1)))

    def take(self, rows: np.ndarray) -> FeatureColumn:
        """Those of `rows`."""
        return FeatureColumn(self.feature, self.values[rows], self.known[rows])


@frozen(eq=False)
class FeatureTable:
    """The columns of `n` ids that a strategy looks at, as learned from the trained ids of their side."""

    each: tuple[FeatureColumn, ...]
    n: int

    @classmethod
    def of(cls, fitted: FittedModel, side: str, names: Sequence[str]) -> FeatureTable:
        """`names` of the columns of `side`, of all its codes; one that tells no trained ids apart is left out."""
        metadata = fitted.catalogue.metadata[side]
        features = described(metadata, TrainedIds.of(fitted, side).codes, names)
        return cls(
            tuple(FeatureColumn.of(feature, metadata.table) for feature in features),
            len(metadata.table),
        )

    def __bool__(self) -> bool:
        return bool(self.each)

    def read(self, table: pd.DataFrame) -> FeatureTable:
        """The same columns of others."""
        return FeatureTable(
            tuple(FeatureColumn.of(column.feature, table) for column in self.each), len(table)
        )

    def take(self, rows: np.ndarray) -> FeatureTable:
        """Those of `rows`."""
        return FeatureTable(
            tuple(column.take(rows) for column in self.each), len(np.arange(self.n)[rows])
        )

    @property
    def known(self) -> np.ndarray:
        """Of whom anything is known, bool of shape (n,)."""
        known: np.ndarray = np.any(
            [np.zeros(self.n, dtype=bool), *(column.known for column in self.each)], axis=0
        )
        return known


def columns_of(
    fitted: FittedModel, names: Sequence[str], parameter: str, roles: Sequence[str] | None = None
) -> Mapping[str, tuple[str, ...]]:
    """The columns of each side that `names` mean: a name may be one of users, of items or of both; `all` is all.

    DataError for one that neither side has, or that has none of `roles` (each, if None).
    """
    roles_of = {side: fitted.catalogue.metadata[side].roles for side in SIDES}
    for name in names:
        if name != ALL:
            _check(roles_of, name, parameter, roles)
    return {
        side: tuple(there if ALL in names else (name for name in names if name in there))
        for side, there in roles_of.items()
    }


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
            f"{parameter}: nothing called {name} is known of users or items{guess} (known are: {known})"
        )
    for side, roles in roles_of.items():
        if wanted is not None and roles.get(name, wanted[0]) not in wanted:
            raise cfplug.DataError(
                f"{parameter}: {name} of {side}s is a {roles[name]}; it must be a {wanted[0]}"
            )

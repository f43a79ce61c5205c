"""Treat new users and items as average ones: by the mean of all vectors, or by a medoid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from attrs import field, frozen

from cfplug.prediction.vectors import ByVectors
from cfplug_coldstart.feature_table import columns_of
from cfplug_coldstart.trained_ids import SIDES, TrainedIds, in_ratings
from cfplug_coldstart.vector_predictor import VectorPredictor

if TYPE_CHECKING:
    from cfplug import Context, FittedModel, Newcomers
    from cfplug.params import NoParams
    from cfplug_coldstart import Representative


def mean_embedding(
    params: NoParams, fitted: FittedModel, newcomers: Newcomers, context: Context
) -> ByVectors:
    """Return predictions where every new id has the mean of the vectors of all trained ids."""
    vectors = {}
    for side in SIDES:
        mean = TrainedIds.of(fitted, side).mean
        vectors[side] = np.tile(mean, (len(newcomers.table(side)), 1))
    return ByVectors(fitted, newcomers, vectors)


@frozen(eq=False)
class Representatives(VectorPredictor):
    """Predictions where new ids have the vectors of trained ones.

    `codes` has for each side the code of the trained id, shape (n_newcomers,).
    """

    codes: dict[str, np.ndarray] = field(kw_only=True)

    def ids(self, side: str) -> list[Any]:
        """Return the trained id for each row of `newcomers.table(side)`."""
        return self.by.fitted.catalogue.side(side).decode(self.codes[side])


def representative(
    params: Representative, fitted: FittedModel, newcomers: Newcomers, context: Context
) -> Representatives:
    """Return predictions where every new id has the vector of the medoid of its group, or of all.

    Raises:
        DataError: `params.group` is not a category of users or items.
    """
    names = () if params.group is None else (params.group,)
    grouped = columns_of(fitted, names, "group", roles=("category",))
    codes, known, vectors = {}, {}, {}
    for side in SIDES:
        column = next(iter(grouped[side]), None)
        codes[side], known[side] = _of_groups(params, fitted, side, column, newcomers.table(side))
        vectors[side] = fitted.vectors(side)[codes[side]]
    return Representatives(ByVectors(fitted, newcomers, vectors), known, codes=codes)


def _of_groups(
    params: Representative,
    fitted: FittedModel,
    side: str,
    column: str | None,
    newcomers: pd.DataFrame,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the code of the medoid for each new id, and whether it is that of a group, (n,)."""
    key = ("cfplug-coldstart representatives", side, column, params.least)
    of_group = fitted.once(key, lambda: _medoids(fitted, side, column, params.least))
    groups = [None] * len(newcomers) if column is None else newcomers[column].tolist()
    codes = [of_group.get(group, of_group[None]) for group in groups]
    known = [group is not None and group in of_group for group in groups]
    return np.array(codes, dtype=np.int64), np.array(known, dtype=bool)


def _medoids(fitted: FittedModel, side: str, column: str | None, least: int) -> dict[Any, int]:
    """Return the medoid of each group with at least `least` trained ids; under None that of all."""
    trained = TrainedIds.of(fitted, side)
    places = trained.vectors @ in_ratings(fitted, side)
    found: dict[Any, int] = {None: int(trained.codes[medoid(places)])}
    if column is None:
        return found
    groups = fitted.catalogue.metadata[side].table[column].iloc[trained.codes]
    groups = groups.reset_index(drop=True)
    for group, rows in groups.groupby(groups).indices.items():
        if len(rows) >= least:
            found[group] = int(trained.codes[rows[medoid(places[rows])]])
    return found


def medoid(places: np.ndarray) -> int:
    """Return which of n points has the least mean squared distance to all; the first at ties.

    sum_j |x - x_j|^2 = n |x - mean|^2 + a constant: it is the point that is nearest to their mean.

    Args:
        places: Shape (n, width).
    """
    return int(((places - places.mean(axis=0)) ** 2).sum(axis=1).argmin())

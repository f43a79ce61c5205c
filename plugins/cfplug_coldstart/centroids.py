"""Newcomers as average users or items: the mean of all vectors, or one real id that stands for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from attrs import field, frozen

from cfplug.prediction.vectors import ByVectors
from cfplug_coldstart.feature_table import columns_of
from cfplug_coldstart.trained_ids import SIDES, TrainedIds, in_ratings, means
from cfplug_coldstart.vector_predictor import VectorPredictor

if TYPE_CHECKING:
    from cfplug import Context, FittedModel, Newcomers
    from cfplug.params import NoParams
    from cfplug_coldstart import Representative


def mean_embedding(
    params: NoParams, fitted: FittedModel, newcomers: Newcomers, context: Context
) -> ByVectors:
    """Every newcomer has the mean of the vectors of all trained ids."""
    mean = means(fitted)
    return ByVectors(
        fitted,
        newcomers,
        {side: np.tile(mean[side], (len(newcomers.table(side)), 1)) for side in SIDES},
    )


@frozen(eq=False)
class Representatives(VectorPredictor):
    """Newcomers with the vectors of trained ids: `codes` has for each side whose, shape (n_newcomers,)."""

    codes: dict[str, np.ndarray] = field(kw_only=True)

    def ids(self, side: str) -> list[Any]:
        """The id that stands for each newcomer of `side`, in the order of `newcomers.table(side)`."""
        return self.by.fitted.catalogue.side(side).decode(self.codes[side])


def representative(
    params: Representative, fitted: FittedModel, newcomers: Newcomers, context: Context
) -> Representatives:
    """Every newcomer has the vector of the id that stands for all trained ones, or for those of its group."""
    grouped = columns_of(
        fitted, () if params.group is None else (params.group,), "group", roles=("category",)
    )
    codes, known = {}, {}
    for side in SIDES:
        column = next(iter(grouped[side]), None)
        codes[side], known[side] = _of_groups(params, fitted, side, column, newcomers.table(side))
    vectors = {side: fitted.vectors(side)[codes[side]] for side in SIDES}
    return Representatives(ByVectors(fitted, newcomers, vectors), known, codes=codes)


def _of_groups(
    params: Representative,
    fitted: FittedModel,
    side: str,
    column: str | None,
    newcomers: pd.DataFrame,
) -> tuple[np.ndarray, np.ndarray]:
    """The code of each newcomer's representative, and whether it is that of a group, each of shape (n_newcomers,)."""
    key = ("cfplug-coldstart representatives", side, column, params.least)
    of_group = fitted.once(key, lambda: _representatives(fitted, side, column, params.least))
    groups = [None] * len(newcomers) if column is None else newcomers[column].tolist()
    codes = [of_group.get(group, of_group[None]) for group in groups]
    known = [group is not None and group in of_group for group in groups]
    return np.array(codes, dtype=np.int64), np.array(known, dtype=bool)


def _representatives(
    fitted: FittedModel, side: str, column: str | None, least: int
) -> dict[Any, int]:
    """The code of the id that stands for each group with at least `least` trained ids; under None that of all."""
    trained = TrainedIds.of(fitted, side)
    places = trained.vectors @ in_ratings(fitted, side)
    found: dict[Any, int] = {None: int(trained.codes[medoid(places)])}
    if column is None:
        return found
    groups = (
        fitted.catalogue.metadata[side].table[column].iloc[trained.codes].reset_index(drop=True)
    )
    for group, rows in groups.groupby(groups).indices.items():
        if len(rows) >= least:
            found[group] = int(trained.codes[rows[medoid(places[rows])]])
    return found


def medoid(places: np.ndarray) -> int:
    """Which of n points, shape (n, width), has the least mean squared distance to all; the first of equal ones.

    sum_j |x - x_j|^2 = n |x - mean|^2 + a constant: it is the point that is nearest to their mean.
    """
    return int(((places - places.mean(axis=0)) ** 2).sum(axis=1).argmin())

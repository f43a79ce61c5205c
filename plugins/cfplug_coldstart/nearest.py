"""Give new users and items the mean vector of those with the most similar metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.prediction.vectors import ByVectors
from cfplug_coldstart.feature_table import FeatureColumn, FeatureTable, columns_of
from cfplug_coldstart.trained_ids import SIDES, TrainedIds, in_ratings, trust
from cfplug_coldstart.vector_predictor import VectorPredictor

if TYPE_CHECKING:
    from cfplug import Context, FittedModel, Newcomers
    from cfplug_coldstart import NearestMetadata

MOST = 2_000
"""Trained ids by which the share is measured; drawn at random where there are more."""

CHUNK = 500
"""Ids that are compared with all trained ones at once."""


def nearest_metadata(
    params: NearestMetadata, fitted: FittedModel, newcomers: Newcomers, context: Context
) -> VectorPredictor:
    """Return vector = mean + share x (mean vector of the k most similar trained ids - mean).

    All means are weighted. Where nothing is known of a new id its vector is the mean.
    """
    columns = columns_of(fitted, params.columns, "columns")
    vectors, known = {}, {}
    for side in SIDES:
        table = newcomers.table(side)
        vectors[side], known[side] = _of_side(params, fitted, side, columns[side], table)
    return VectorPredictor(ByVectors(fitted, newcomers, vectors), known)


def _of_side(
    params: NearestMetadata,
    fitted: FittedModel,
    side: str,
    names: Sequence[str],
    newcomers: pd.DataFrame,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the vectors of n new ids, shape (n, width), and which come from metadata, (n,)."""
    key = ("cfplug-coldstart nearest", side, params)
    found: tuple[Neighborhood, float] = fitted.once(
        key, lambda: _learn(params, fitted, side, names)
    )
    neighborhood, share = found
    vectors = np.tile(neighborhood.mean, (len(newcomers), 1))
    known = np.zeros(len(newcomers), dtype=bool)
    asked = neighborhood.features.read(newcomers)
    if share > 0 and asked.known.any():
        known = asked.known
        near = neighborhood.vectors_of(asked.take(known))
        vectors[known] += share * (near - neighborhood.mean)
    return vectors, known


def _learn(
    params: NearestMetadata, fitted: FittedModel, side: str, names: Sequence[str]
) -> tuple[Neighborhood, float]:
    """Return the trained ids of `side`, and how far to follow the nearest of them."""
    trained = TrainedIds.of(fitted, side)
    features = FeatureTable.of(fitted, side, names)
    weight = trained.weight(params.damping)
    neighborhood = Neighborhood(features.take(trained.codes), trained.vectors, weight, params.k)
    share = neighborhood.share(in_ratings(fitted, side)) if features else 0.0
    return neighborhood, share


@frozen(eq=False)
class Neighborhood:
    """The n trained ids that new ones are compared with: `vectors` (n, width), `weight` (n,).

    `k` is how many neighbors are averaged.
    """

    features: FeatureTable
    vectors: np.ndarray
    weight: np.ndarray
    k: int

    @property
    def mean(self) -> np.ndarray:
        """The weighted mean of all vectors, shape (width,)."""
        mean: np.ndarray = np.average(self.vectors, axis=0, weights=self.weight)
        return mean

    def vectors_of(self, asked: FeatureTable, without: np.ndarray | None = None) -> np.ndarray:
        """Return the weighted mean vector of the k most similar ids to each of m.

        Ids that are as similar as the k-th share the places that are left.

        Args:
            asked: The features of m ids.
            without: One id for each that is not compared with it, shape (m,).

        Returns:
            Shape (m, width).
        """
        k = min(self.k, self.features.n - (without is not None))
        found = [np.zeros((0, self.vectors.shape[1]))]
        for start in range(0, asked.n, CHUNK):
            rows = np.arange(start, min(start + CHUNK, asked.n))
            alike = similarity(asked.take(rows), self.features)
            if without is not None:
                alike[np.arange(len(rows)), without[rows]] = -1.0
            weight = self.weight * nearness(alike, k)
            found.append(weight @ self.vectors / weight.sum(axis=1, keepdims=True))
        return np.concatenate(found)

    def share(self, root: np.ndarray) -> float:
        """Return how far to follow neighbors: as is best for trained ids, each left out in turn.

        `root` is `in_ratings`.
        """
        rows = np.flatnonzero(self.features.known)
        if len(rows) < 2:
            return 0.0
        if len(rows) > MOST:
            rows = np.sort(np.random.default_rng(0).choice(rows, MOST, replace=False))
        predicted = self.vectors_of(self.features.take(rows), rows) - self.mean
        gaps = self.vectors[rows] - self.mean
        return trust(gaps @ root, predicted @ root, self.weight[rows])


def nearness(alike: np.ndarray, k: int) -> np.ndarray:
    """Return 1 for the k greatest of each row, else 0; those that equal the k-th share its places.

    Args:
        alike: Shape (m, n).
        k: How many to take of each row.
    """
    last = np.partition(alike, -k, axis=1)[:, [-k]]
    above, level = alike > last, alike == last
    left = (k - above.sum(axis=1)) / level.sum(axis=1)
    shares: np.ndarray = above + level * left[:, None]
    return shares


def similarity(asked: FeatureTable, others: FeatureTable) -> np.ndarray:
    """Return how similar m ids are to n by metadata, from 0 to 1: Gower's coefficient (1971).

    The mean over the columns of: 1 for the same category, else 0; 1 - |x - y| / range, at least 0,
    for numbers and times; shared members / all members of both for sets (Jaccard). A column that
    either of the two lacks counts 0.

    Returns:
        Shape (m, n).
    """
    alike = [_alike(own, theirs) for own, theirs in zip(asked.each, others.each, strict=True)]
    mean: np.ndarray = np.mean(alike, axis=0).round(9)  # so that equal ones stay equal
    return mean


def _alike(asked: FeatureColumn, others: FeatureColumn) -> np.ndarray:
    if asked.feature.kind == "number":
        known = others.values[others.known]
        gap = np.abs(asked.values - others.values.T) / max(float(np.ptp(known)), 1e-12)
        alike = (1.0 - gap).clip(min=0.0)
    elif asked.feature.kind == "category":
        alike = (asked.values == others.values.T).astype(np.float64)
    else:
        shared = asked.values @ others.values.T
        either = asked.values.sum(axis=1)[:, None] + others.values.sum(axis=1) - shared
        alike = shared / either.clip(min=1.0)
    both: np.ndarray = asked.known[:, None] & others.known
    return np.where(both, alike, 0.0)

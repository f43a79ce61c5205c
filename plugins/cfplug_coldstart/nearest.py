"""Newcomers with the mean vector of those who are most similar by their metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from attrs import frozen

import cfplug
from cfplug_coldstart.feature_table import FeatureColumn, FeatureTable, columns_of
from cfplug_coldstart.trained_ids import SIDES, TrainedIds, in_ratings, trust
from cfplug_coldstart.vector_predictor import VectorPredictor

if TYPE_CHECKING:
    from cfplug import Context, FittedModel, Newcomers
    from cfplug_coldstart import NearestMetadata

MOST = 2_000
"""TrainedIds ids, drawn at random where there are more, by which it is measured how far to follow the neighbours."""

CHUNK = 500
"""Ids that are compared with all trained ones at once."""


def nearest_metadata(
    params: NearestMetadata, fitted: FittedModel, newcomers: Newcomers, context: Context
) -> VectorPredictor:
    """vector = mean + share x (mean vector of the k most similar trained ids - mean), all means weighted.

    That mean itself for whom nothing is known.
    """
    columns = columns_of(fitted, params.columns, "columns")
    vectors, known = {}, {}
    for side in SIDES:
        vectors[side], known[side] = _of_side(
            params, fitted, side, columns[side], newcomers.table(side)
        )
    return VectorPredictor(cfplug.ByVectors(fitted, newcomers, vectors), known)


def _of_side(
    params: NearestMetadata,
    fitted: FittedModel,
    side: str,
    names: Sequence[str],
    newcomers: pd.DataFrame,
) -> tuple[np.ndarray, np.ndarray]:
    """The newcomers' vectors, shape (n_newcomers, width), and to whom metadata told theirs."""
    crowd, share = fitted.once(
        ("cfplug-coldstart nearest", side, params), lambda: _crowd(params, fitted, side, names)
    )
    vectors = np.tile(crowd.mean, (len(newcomers), 1))
    known = np.zeros(len(newcomers), dtype=bool)
    asked = crowd.features.read(newcomers)
    if share > 0 and asked.known.any():
        known = asked.known
        vectors[known] += share * (crowd.vectors_of(asked.take(known)) - crowd.mean)
    return vectors, known


def _crowd(
    params: NearestMetadata, fitted: FittedModel, side: str, names: Sequence[str]
) -> tuple[Neighborhood, float]:
    """The trained ids of `side`, and how far to follow those who are near."""
    trained, features = TrainedIds.of(fitted, side), FeatureTable.of(fitted, side, names)
    crowd = Neighborhood(features.take(trained.codes), trained.vectors, trained.weight(params.damping), params.k)
    return crowd, crowd.share(in_ratings(fitted, side)) if features else 0.0


@frozen(eq=False)
class Neighborhood:
    """The n trained ids that newcomers are compared with: `features`, `vectors` (n, width), `weight` (n,).

    `k` is how many of them make a neighbourhood.
    """

    features: FeatureTable
    vectors: np.ndarray
    weight: np.ndarray
    k: int

    @property
    def mean(self) -> np.ndarray:
        """The weighted mean of all vectors, shape (width,): what is said of whom nothing is known."""
        mean: np.ndarray = np.average(self.vectors, axis=0, weights=self.weight)
        return mean

    def vectors_of(self, asked: FeatureTable, without: np.ndarray | None = None) -> np.ndarray:
        """The weighted mean vector of the k most similar ids to each of m, shape (m, width).

        `without`, shape (m,), is one id for each that is not compared with it. Ids that are as
        similar as the k-th share the places that are left."""
        found = [np.zeros((0, self.vectors.shape[1]))]
        for start in range(0, asked.n, CHUNK):
            rows = np.arange(start, min(start + CHUNK, asked.n))
            alike = similarity(asked.take(rows), self.features)
            if without is not None:
                alike[np.arange(len(rows)), without[rows]] = -1.0
            weight = self.weight * nearness(
                alike, min(self.k, self.features.n - (without is not None))
            )
            found.append(weight @ self.vectors / weight.sum(axis=1, keepdims=True))
        return np.concatenate(found)

    def share(self, root: np.ndarray) -> float:
        """How far to follow the neighbours: as far as that would have paid for trained ids, each told by all others.

        `root` is `in_ratings`.
        """
        rows = np.flatnonzero(self.features.known)
        if len(rows) < 2:
            return 0.0
        if len(rows) > MOST:
            rows = np.sort(np.random.default_rng(0).choice(rows, MOST, replace=False))
        told = self.vectors_of(self.features.take(rows), rows) - self.mean
        return trust((self.vectors[rows] - self.mean) @ root, told @ root, self.weight[rows])


def nearness(alike: np.ndarray, k: int) -> np.ndarray:
    """1 for the k greatest of each row, shape (m, n), else 0; those that equal the k-th share the places left."""
    last = np.partition(alike, -k, axis=1)[:, [-k]]
    above, level = alike > last, alike == last
    left = (k - above.sum(axis=1)) / level.sum(axis=1)
    shares: np.ndarray = above + level * left[:, None]
    return shares


def similarity(asked: FeatureTable, others: FeatureTable) -> np.ndarray:
    """How similar each of m ids is to each of n by metadata, shape (m, n), from 0 to 1: Gower's coefficient (1971).

    The mean over the columns of: 1 for the same category, else 0; 1 - |x - y| / range, at least 0,
    for numbers and times; shared members / all members of both for sets (Jaccard). A column that
    either of the two lacks counts 0."""
    alike = [_alike(mine, theirs) for mine, theirs in zip(asked.each, others.each, strict=True)]
    mean: np.ndarray = np.mean(alike, axis=0).round(9)  # so that equal ones are
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

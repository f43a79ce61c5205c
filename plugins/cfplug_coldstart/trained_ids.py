"""Describe the users or items that training saw: their vectors, and distances in ratings."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

import cfplug

if TYPE_CHECKING:
    from cfplug import FittedModel

SIDES = ("user", "item")


@frozen(eq=False)
class TrainedIds:
    """The n ids of one side that training saw.

    `codes` has the shape (n,), `vectors` (n, width), `count`, the number of their training ratings,
    (n,).
    """

    side: str
    codes: np.ndarray
    vectors: np.ndarray
    count: np.ndarray

    @classmethod
    def of(cls, fitted: FittedModel, side: str) -> TrainedIds:
        """Return those of `side`, collected once for each model."""
        key = ("cfplug-coldstart trained", side)
        found: TrainedIds = fitted.once(key, lambda: cls._collect(fitted, side))
        return found

    @classmethod
    def _collect(cls, fitted: FittedModel, side: str) -> TrainedIds:
        count = fitted.support.count[side]
        codes = np.flatnonzero(count > 0)
        return cls(side, codes, fitted.vectors(side)[codes], count[codes])

    def sorted(self) -> TrainedIds:
        """Return the same ids in an order that does not depend on their codes, for random draws."""
        order = np.lexsort([self.count, *self.vectors.T])
        return TrainedIds(self.side, self.codes[order], self.vectors[order], self.count[order])

    @functools.cached_property
    def mean(self) -> np.ndarray:
        """The mean of all vectors, shape (width,), each id counted once."""
        mean: np.ndarray = self.vectors.mean(axis=0)
        return mean

    def weight(self, damping: float) -> np.ndarray:
        """Return the weight of each vector as an example, shape (n,): n / (n + damping).

        A vector that was learned from few ratings is near to where training started, and says
        little of the id.
        """
        weight: np.ndarray = self.count / (self.count + damping)
        return weight

    def weighted_mean(self, damping: float) -> np.ndarray:
        """Return the mean of all vectors by their weights, shape (width,)."""
        mean: np.ndarray = np.average(self.vectors, axis=0, weights=self.weight(damping))
        return mean


def other(side: str) -> str:
    """Return the side that `side` rates, or is rated by."""
    return "item" if side == "user" else "user"


def ratings_at(fitted: FittedModel, side: str, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions for an id of `side` with `vector`, and their slopes.

    Returns:
        Shapes (n_others,) and (n_others, width), in the order of the other side's codes; rows of
        ids that training never saw have no meaning.
    """
    n = len(fitted.catalogue.side(other(side)))
    codes = {other(side): np.arange(n), side: np.zeros(n, dtype=np.int64)}
    batch = cfplug.Batch(codes["user"], codes["item"])
    return fitted.slopes(side, batch.with_vectors(side, np.tile(vector, (n, 1))))


def in_ratings(fitted: FittedModel, side: str) -> np.ndarray:
    """Return R, (width, width): two vectors v and w of `side` are |(v - w) R| apart in ratings.

    That is the root of the mean squared difference of their predicted ratings over the trained ids
    of the other side, to first order about the mean vector: R R' = mean of J J', where J is the
    slope of a rating. For a model that looks at more of a rating than its user and item R is the
    identity: the time and context of ratings to come are unknown.
    """
    key = ("cfplug-coldstart in ratings", side)
    root: np.ndarray = fitted.once(key, lambda: _root(fitted, side))
    return root


def looks_at_ratings(fitted: FittedModel) -> bool:
    """Return whether the model looks at more of a rating than its user and item, as its time."""
    return fitted.features is not None and bool(fitted.features.needs())


def _root(fitted: FittedModel, side: str) -> np.ndarray:
    """Return the one root that is symmetric."""
    mean = TrainedIds.of(fitted, side).mean
    if looks_at_ratings(fitted):
        return np.eye(len(mean))
    _, slopes = ratings_at(fitted, side, mean)
    slopes = slopes[TrainedIds.of(fitted, other(side)).codes]
    values, axes = np.linalg.eigh(slopes.T @ slopes / len(slopes))
    root: np.ndarray = axes * np.sqrt(values.clip(min=0.0)) @ axes.T
    return root


def trust(gaps: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> float:
    """Return how far to follow predictions away from the mean: 0 (not at all) to 1.

    It is the slope of least squares, sum w <gap, predicted> / sum w |predicted|^2, less twice its
    standard error: where metadata says nothing, half of all slopes would be above zero by chance.

    Args:
        gaps: How far the vectors of n trained ids are from the mean in ratings, shape (n, width).
        predicted: Predictions of that from other ids, shape (n, width).
        weight: The weight of each id, shape (n,).
    """
    products = weight * (gaps * predicted).sum(axis=1)
    squares = weight * (predicted**2).sum(axis=1)
    total = squares.sum()
    if total <= 0:
        return 0.0
    slope = products.sum() / total
    error = np.sqrt(((products - slope * squares) ** 2).sum()) / total
    return float(np.clip(slope - 2 * error, 0.0, 1.0))

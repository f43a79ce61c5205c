"""What is known of the users or items that training saw: their vectors, and how far apart these are in ratings."""

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
    """The ids of one side that training saw.

    `codes` has the shape (n,), `vectors` (n, width), `count`, the number of their training ratings,
    (n,)."""

    side: str
    codes: np.ndarray
    vectors: np.ndarray
    count: np.ndarray

    @classmethod
    def of(cls, fitted: FittedModel, side: str) -> TrainedIds:
        """Those of `side`, worked out once for each model."""
        found: TrainedIds = fitted.once(
            ("cfplug-coldstart trained", side), lambda: cls._learned(fitted, side)
        )
        return found

    @classmethod
    def _learned(cls, fitted: FittedModel, side: str) -> TrainedIds:
        count = fitted.support.count[side]
        codes = np.flatnonzero(count > 0)
        return cls(side, codes, fitted.vectors(side)[codes], count[codes])

    def sorted(self) -> TrainedIds:
        """The same ids in an order that does not depend on their codes, for what draws lots among them."""
        order = np.lexsort([self.count, *self.vectors.T])
        return TrainedIds(self.side, self.codes[order], self.vectors[order], self.count[order])

    @functools.cached_property
    def mean(self) -> np.ndarray:
        """The mean of all vectors, shape (width,), each id counted once."""
        mean: np.ndarray = self.vectors.mean(axis=0)
        return mean

    def weight(self, damping: float) -> np.ndarray:
        """How much each vector is worth as an example, shape (n,): n / (n + damping) for n ratings.

        What training makes of few ratings is near to where it started, and says little of the id.
        """
        weight: np.ndarray = self.count / (self.count + damping)
        return weight

    def weighted_mean(self, damping: float) -> np.ndarray:
        """The mean of all vectors, shape (width,), each weighted by what it is worth."""
        mean: np.ndarray = np.average(self.vectors, axis=0, weights=self.weight(damping))
        return mean


def other(side: str) -> str:
    """The side that `side` rates, or is rated by."""
    return "item" if side == "user" else "user"


def means(fitted: FittedModel) -> dict[str, np.ndarray]:
    """The mean vector of each side."""
    return {side: TrainedIds.of(fitted, side).mean for side in SIDES}


def ratings_at(fitted: FittedModel, side: str, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What an id of `side` with `vector` would give to every trained id of the other side, and the slopes there.

    Shapes (n_others,) and (n_others, width), in the order of their codes; rows of ids that training
    never saw mean nothing."""
    n = len(fitted.catalogue.side(other(side)))
    codes = {other(side): np.arange(n), side: np.zeros(n, dtype=np.int64)}
    batch = cfplug.Batch(codes["user"], codes["item"]).with_vectors(side, np.tile(vector, (n, 1)))
    return fitted.slopes(side, batch)


def in_ratings(fitted: FittedModel, side: str) -> np.ndarray:
    """R of shape (width, width): the distance of two vectors v and w of `side` in ratings is |(v - w) R|.

    It is the root of the mean squared difference of their predicted ratings over the trained ids of
    the other side, to first order about the mean vector: R R' = mean of J J', where J is the slope
    of a rating. For a model that looks at more of a rating than its user and item R is the
    identity: nobody knows what else ratings to come will have."""
    root: np.ndarray = fitted.once(
        ("cfplug-coldstart in ratings", side), lambda: _root(fitted, side)
    )
    return root


def looks_at_ratings(fitted: FittedModel) -> bool:
    """Whether the model looks at more of a rating than its user and item, such as its time."""
    return fitted.features is not None and bool(fitted.features.needs())


def _root(fitted: FittedModel, side: str) -> np.ndarray:
    if looks_at_ratings(fitted):
        return np.eye(len(TrainedIds.of(fitted, side).mean))
    _, slopes = ratings_at(fitted, side, TrainedIds.of(fitted, side).mean)
    slopes = slopes[TrainedIds.of(fitted, other(side)).codes]
    values, axes = np.linalg.eigh(slopes.T @ slopes / len(slopes))
    root: np.ndarray = (
        axes * np.sqrt(values.clip(min=0.0)) @ axes.T
    )  # the one root that is symmetric
    return root


def trust(gaps: np.ndarray, told: np.ndarray, weight: np.ndarray) -> float:
    """How far to follow predictions away from the mean: 0 (not at all) to 1.

    `gaps`, shape (n, width), is how far the vectors of n trained ids lie from the mean in ratings,
    `told` what was predicted of that without looking at them, `weight`, shape (n,), what each is
    worth. It is the slope of least squares, sum w <gap, told> / sum w |told|^2, less its standard
    error: where metadata says nothing, half of all slopes would be above zero by chance."""
    products, squares = weight * (gaps * told).sum(axis=1), weight * (told**2).sum(axis=1)
    total = squares.sum()
    if total <= 0:
        return 0.0
    slope = products.sum() / total
    error = np.sqrt(((products - slope * squares) ** 2).sum()) / total
    return float(np.clip(slope - 2 * error, 0.0, 1.0))

"""Which ids have factors like those of another."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from cfplug.errors import DataError, did_you_mean

COSINE, EUCLIDEAN = "cosine", "euclidean"


def cosine(vectors: np.ndarray, code: int) -> np.ndarray:
    """<x, y> / (|x| |y|) of each row x and row `code`, shape (n,), from -1 to 1; zero where x or y is zero.

    `vectors` has the shape (n, factors). The sum runs along each row alone, so the same pair gives
    the same bits whichever of the two is asked about and wherever they stand."""
    length = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    units = np.divide(
        vectors, length, out=np.zeros_like(vectors, dtype=np.float64), where=length > 0
    )
    similarity: np.ndarray = (units * units[code]).sum(axis=1).clip(-1, 1)
    return similarity


def euclidean(vectors: np.ndarray, code: int) -> np.ndarray:
    """The distance |x - y| of each row x to row `code`, shape (n,), for `vectors` of shape (n, factors)."""
    distance: np.ndarray = np.sqrt(((vectors - vectors[code]) ** 2).sum(axis=1))
    return distance


MEASURES: Mapping[str, tuple[Callable[[np.ndarray, int], np.ndarray], str, int]] = {
    COSINE: (cosine, "similarity", -1),
    EUCLIDEAN: (euclidean, "distance", 1),
}
"""Each measure: its function, what its numbers are called, and 1 where less of it is nearer, else -1."""


def measured(measure: str) -> str:
    """What the numbers of a measure are called; DataError for a measure that is not there."""
    if measure not in MEASURES:
        raise DataError(
            f"no measure called {measure!r}{did_you_mean(measure, MEASURES)} ({', '.join(MEASURES)})"
        )
    return MEASURES[measure][1]


def nearest(
    vectors: np.ndarray, code: int, among: np.ndarray, measure: str, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """The `n` codes of `among` that are nearest to `code`, and the measure of each, best first, both of shape (n,).

    `code` itself is left out; of equally near ones that which comes first in `among` is first.
    Where fewer are left, all of them are given."""
    function, _, sign = MEASURES[measure]
    others = among[among != code]
    values = function(np.concatenate([vectors[[code]], vectors[others]]), 0)[1:]
    best = np.argsort(sign * values, kind="stable")[:n]
    return others[best], values[best]

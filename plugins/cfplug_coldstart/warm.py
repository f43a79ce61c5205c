"""What is known of the users or items that training saw: their vectors, and how much each one's ratings say."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

import cfplug

if TYPE_CHECKING:
    from cfplug import FittedModel


@frozen(eq=False)
class Warm:
    """The ids of one side that training saw.

    `codes` has the shape (n,), `vectors` (n, width), `count`, the number of their training ratings, (n,).
    """

    side: str
    codes: np.ndarray
    vectors: np.ndarray
    count: np.ndarray

    @classmethod
    def of(cls, fitted: FittedModel, side: str) -> Warm:
        count = fitted.support.count[side]
        codes = np.flatnonzero(count > 0)
        return cls(side, codes, fitted.vectors(side)[codes], count[codes])

    @functools.cached_property
    def mean(self) -> np.ndarray:
        """The mean of all vectors, shape (width,), each id counted once."""
        mean: np.ndarray = self.vectors.mean(axis=0)
        return mean


def other(side: str) -> str:
    """The side that `side` rates, or is rated by."""
    return "item" if side == "user" else "user"


def means(fitted: FittedModel) -> dict[str, np.ndarray]:
    """The mean vector of each side, worked out once."""
    found: dict[str, np.ndarray] = fitted.once(
        "cfplug-coldstart means", lambda: {side: Warm.of(fitted, side).mean for side in ("user", "item")}
    )
    return found


def ratings_at(fitted: FittedModel, side: str, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What an id of `side` with `vector` would give to every warm id of the other side, and the slopes there.

    Shapes (n_others,) and (n_others, width), in the order of their codes; rows of ids that training never saw mean
    nothing.
    """
    n = len(fitted.catalogue.side(other(side)))
    codes = {other(side): np.arange(n), side: np.zeros(n, dtype=np.int64)}
    batch = cfplug.Batch(codes["user"], codes["item"]).with_vectors(side, np.tile(vector, (n, 1)))
    return fitted.slopes(side, batch)

"""How unsure are the trained vectors of one side, and what does that mean for vectors that are judged by them?

A user's taste is read off items whose own vectors were learned from a few ratings. Taken as
certain, these make users seem more different than they are: the spread of users then grows with
every round of EM, and ratings are joint_posterior too much. With the vector t of the other id ~ N(., C), a
rating linear in t with slope K(v) = K + B (v - m) varies by K(v)' C K(v): the second moment that
variational Bayes adds (Lim and Teh, KDD Cup 2007), here from the posterior covariance of t given
the vectors of this side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

import cfplug
from cfplug_coldstart.trained_ids import other

if TYPE_CHECKING:
    from cfplug import FittedModel

MOST = 60_000_000
"""Numbers that may be held for uncertainty, half a gigabyte; beyond them the other side is taken as certain."""

STEP = 0.1


@frozen(eq=False)
class Uncertainty:
    """The variance of a rating with each other id at v = m + d: along + 2 across . d + d' curved d.

    Shapes (n_others,), (n_others, width) and (n_others, width, width).
    """

    along: np.ndarray
    across: np.ndarray
    curved: np.ndarray

    @classmethod
    def none(cls, n_others: int, width: int) -> Uncertainty:
        """The other side is certain."""
        return cls(
            np.zeros(n_others), np.zeros((n_others, width)), np.zeros((n_others, width, width))
        )

    @classmethod
    def of(cls, fitted: FittedModel, side: str, mean: np.ndarray, covs: np.ndarray) -> Uncertainty:
        """About `mean` (width,) of `side`, where `covs` (n_others, w, w) are those of the other side's vectors."""
        slope = _slopes(fitted, side, mean)
        steps = [
            (_slopes(fitted, side, mean + step) - _slopes(fitted, side, mean - step)) / (2 * STEP)
            for step in STEP * np.eye(len(mean))
        ]
        bend = np.stack(steps, axis=2)  # (n_others, w, width)
        spread = covs @ slope[:, :, None]
        turned = bend.swapaxes(1, 2)
        return cls(
            (slope * spread[:, :, 0]).sum(axis=1), (turned @ spread)[:, :, 0], turned @ covs @ bend
        )


def affordable(n_others: int, width: int, width_of_others: int) -> bool:
    """Whether the doubts of so many ids can be held in memory."""
    return n_others * max(width, width_of_others) ** 2 <= MOST


def _slopes(fitted: FittedModel, side: str, vector: np.ndarray) -> np.ndarray:
    """Of the rating with an id of `side` that has `vector`, by the vector of each other id, shape (n_others, w)."""
    others = fitted.vectors(other(side))
    n = len(others)
    codes = {other(side): np.arange(n), side: np.zeros(n, dtype=np.int64)}
    batch = cfplug.Batch(codes["user"], codes["item"]).with_vectors(side, np.tile(vector, (n, 1)))
    return fitted.slopes(other(side), batch.with_vectors(other(side), others))[1]

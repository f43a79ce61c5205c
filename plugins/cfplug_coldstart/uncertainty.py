"""Measure how uncertain the trained vectors of one side are, and what that adds to a rating.

A user's vector is estimated from items whose own vectors were learned from a few ratings. Taken as
certain, these make users seem more different than they are: the spread of users then grows with
every round of EM, and ratings get too much weight. With the vector t of the other id ~ N(., C), a
rating linear in t with slope K(v) = K + B (v - m) varies by K(v)' C K(v): the second moment that
variational Bayes adds (Lim and Teh, KDD Cup 2007), here from the posterior covariance of t given
the vectors of this side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

import cfplug
from cfplug_coldstart.trained_ids import other

if TYPE_CHECKING:
    from cfplug import FittedModel

MOST = 60_000_000
"""Numbers that may be held in memory, half a gigabyte; beyond them the other side is taken as
certain."""

STEP = 0.1


@frozen(eq=False)
class Uncertainty:
    """The variance of a rating with each other id at v = m + d: constant + 2 linear . d + d' Q d.

    Shapes (n_others,), (n_others, width) and, of Q = `quadratic`, (n_others, width, width).
    """

    constant: np.ndarray
    linear: np.ndarray
    quadratic: np.ndarray

    @classmethod
    def none(cls, n_others: int, width: int) -> Uncertainty:
        """Return that of a side that is taken as certain."""
        return cls(
            np.zeros(n_others), np.zeros((n_others, width)), np.zeros((n_others, width, width))
        )

    @classmethod
    def of(cls, fitted: FittedModel, side: str, mean: np.ndarray, covs: np.ndarray) -> Uncertainty:
        """Return the uncertainty about `mean` of `side`.

        Args:
            fitted: A model that provides vectors.
            side: The side whose vectors are estimated.
            mean: The vector m, shape (width,).
            covs: Covariances of the other side's vectors, shape (n_others, w, w).
        """
        slope = _slopes(fitted, side, mean)
        derivatives = []
        for step in STEP * np.eye(len(mean)):
            change = _slopes(fitted, side, mean + step) - _slopes(fitted, side, mean - step)
            derivatives.append(change / (2 * STEP))
        bend = np.stack(derivatives, axis=2)  # (n_others, w, width)
        spread = covs @ slope[:, :, None]
        turned = bend.swapaxes(1, 2)
        constant = (slope * spread[:, :, 0]).sum(axis=1)
        return cls(constant, (turned @ spread)[:, :, 0], turned @ covs @ bend)


def affordable(n_others: int, width: int, width_of_others: int) -> bool:
    """Return whether the uncertainty of `n_others` ids fits in memory."""
    return n_others * max(width, width_of_others) ** 2 <= MOST


def _slopes(fitted: FittedModel, side: str, vector: np.ndarray) -> np.ndarray:
    """Return the slopes of ratings with an id of `side` at `vector`, by the other ids' vectors."""
    others = fitted.vectors(other(side))
    n = len(others)
    codes = {other(side): np.arange(n), side: np.zeros(n, dtype=np.int64)}
    batch = cfplug.Batch(codes["user"], codes["item"])
    batch = batch.with_vectors(side, np.tile(vector, (n, 1)))
    return fitted.slopes(other(side), batch.with_vectors(other(side), others))[1]

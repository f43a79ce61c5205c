"""Compute posteriors of vectors with a normal prior, given ratings, in closed form.

With slopes X of the ratings at the prior mean, residuals y, and both in units of the noise, a prior
N(m, S) becomes N(m + G y, (I - G X) S) with the gain G = S X' (X S X' + I)^-1: ridge regression, or
one step of Kalman's filter (1960).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from attrs import frozen

CELLS = 2_000_000
"""Numbers of slopes that are in memory at once: 16 MB."""


class LinearModel(Protocol):
    """What a rating depends on: slopes (n_others, width), noise (n_others,), cov (width, width).

    `noise` is the variance of a rating with each id of the other side, `cov` that of the vectors.
    """

    @property
    def slopes(self) -> np.ndarray: ...

    @property
    def noise(self) -> np.ndarray: ...

    @property
    def cov(self) -> np.ndarray: ...


@frozen(eq=False)
class Block:
    """Ids with about as many ratings each: slopes and residuals in units of noise, zero-padded.

    `rows` (b,) are the ids, `others` (b, k) the other side's codes, `slopes` (b, k, width),
    `residual` (b, k).
    """

    rows: np.ndarray
    others: np.ndarray
    slopes: np.ndarray
    residual: np.ndarray

    def gain(self, cov: np.ndarray) -> np.ndarray:
        """Return S X' (X S X' + I)^-1 for S = `cov`, shape (b, width, k).

        Of two equal forms, Kalman's and the ridge's, the one with the smaller matrix to invert.
        """
        k, width = self.slopes.shape[1:]
        spread = self.slopes @ cov
        if k < width:
            system = spread @ self.slopes.swapaxes(1, 2) + np.eye(k)
            return np.asarray(np.linalg.solve(system, spread).swapaxes(1, 2))
        system = spread.swapaxes(1, 2) @ self.slopes + np.eye(width)
        return np.asarray(np.linalg.inv(system) @ spread.swapaxes(1, 2))

    def moved(self, cov: np.ndarray) -> np.ndarray:
        """Return the gain times the residuals, shape (b, width).

        Where ratings are few this does not compute the gain.
        """
        if self.slopes.shape[1] >= self.slopes.shape[2]:
            return moved(self.gain(cov), self.residual)
        spread = self.slopes @ cov
        system = spread @ self.slopes.swapaxes(1, 2) + np.eye(self.slopes.shape[1])
        weights = np.linalg.solve(system, self.residual[:, :, None])[:, :, 0]
        return moved(spread.swapaxes(1, 2), weights)

    def posterior_cov(self, gain: np.ndarray, cov: np.ndarray) -> np.ndarray:
        """Return (I - gain X) S, shape (b, width, width)."""
        return np.asarray(cov - gain @ (self.slopes @ cov))


class Normals(Protocol):
    """Normal distributions of n vectors."""

    @property
    def mean(self) -> np.ndarray:
        """MeanRatings, shape (n, width)."""

    def variance(self, rows: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """Return x' C x for vectors `rows` (m,) and x of `slopes` (m, width), shape (m,)."""

    def times(self, rows: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return C x for vectors `rows` (m,) and `x` (m, width), shape (m, width)."""


@frozen(eq=False)
class Posterior:
    """Posteriors of n vectors: their `mean` (n, width), and their covariances."""

    mean: np.ndarray
    _prior_cov: np.ndarray
    _parts: tuple[Block, ...]

    @functools.cached_property
    def cov(self) -> np.ndarray:
        """Covariances, shape (n, width, width)."""
        cov = np.tile(self._prior_cov, (len(self.mean), 1, 1))
        for block in self._parts:
            cov[block.rows] = block.posterior_cov(block.gain(self._prior_cov), self._prior_cov)
        return cov

    def variance(self, rows: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """Return x' C x for vectors `rows` (m,) and x of `slopes` (m, width), shape (m,)."""
        return np.asarray((self.times(rows, slopes) * slopes).sum(axis=1).clip(min=0))

    def times(self, rows: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return C x for vectors `rows` (m,) and `x` (m, width), shape (m, width)."""
        step = max(1, CELLS // self._prior_cov.size)
        parts = [slice(start, start + step) for start in range(0, len(rows), step)]
        found = [(self.cov[rows[part]] @ x[part, :, None])[:, :, 0] for part in parts]
        return np.concatenate([*found, np.zeros((0, len(self._prior_cov)))])


def posterior(
    model: LinearModel,
    prior: np.ndarray,
    rows: np.ndarray,
    others: np.ndarray,
    residual: np.ndarray,
) -> Posterior:
    """Return the posteriors of n new ids, given m ratings.

    Args:
        model: What a rating depends on.
        prior: Prior means, shape (n, width).
        rows: The new id of each rating, a row of `prior`, shape (m,).
        others: The code of the other id, shape (m,).
        residual: The distance of each rating from the prediction at the prior mean, shape (m,).
    """
    scale = np.sqrt(model.noise)
    parts = tuple(blocks(rows, others, residual, model.slopes / scale[:, None], scale))
    mean = np.array(prior, dtype=np.float64)
    for block in parts:
        mean[block.rows] += block.moved(model.cov)
    return Posterior(mean, model.cov, parts)


def moved(gain: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """Return G y of each id, shape (b, width)."""
    return np.asarray((gain @ residual[:, :, None])[:, :, 0])


def blocks(
    rows: np.ndarray,
    others: np.ndarray,
    residual: np.ndarray,
    slopes: np.ndarray,
    scale: np.ndarray,
) -> Iterator[Block]:
    """Yield the ratings of all ids that have some, those with few first.

    `slopes` (n_others, width) are in units of the noise, `scale` (n_others,). Of m ratings, `rows`,
    `others` and `residual` are as in `posterior`.
    """
    order = np.argsort(rows, kind="stable")
    ids, starts, counts = np.unique(rows[order], return_index=True, return_counts=True)
    by_count = np.argsort(counts, kind="stable")
    place = 0
    while place < len(ids):
        place, chosen = _next(counts, by_count, place, slopes.shape[1])
        here = starts[chosen, None] + np.arange(counts[chosen].max())
        given = np.arange(here.shape[1]) < counts[chosen, None]
        taken = order[np.where(given, here, 0)]
        codes = np.where(given, others[taken], 0)
        weight = given / scale[codes]
        yield Block(ids[chosen], codes, slopes[codes] * given[:, :, None], residual[taken] * weight)


def _next(
    counts: np.ndarray, by_count: np.ndarray, place: int, width: int
) -> tuple[int, np.ndarray]:
    """Return where the block after the one at `place` starts, and which ids are in it.

    The most ratings of an id are at most twice the fewest, so that no block is filled up by more
    than half.
    """
    rising = counts[by_count[place:]]
    n = int(np.searchsorted(rising, 2 * rising[0], side="right"))
    n = max(1, min(n, CELLS // (int(rising[n - 1]) * width)))
    return place + n, by_count[place : place + n]

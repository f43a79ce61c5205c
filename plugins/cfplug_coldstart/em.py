"""Fit a linear model with random effects by EM (Laird and Ware, Biometrics 1982).

    r = J_other d + e,    d ~ N(shift, S),    e ~ N(0, s2_other)

for the distance d of a vector from its prior mean. Each round takes the posterior of every d, then
the shift, S and s2 that fit these best. Where the other side is uncertain, its variance is part of
the expected squared error.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
from attrs import frozen

from cfplug_coldstart.uncertainty import Uncertainty

ROUNDS = 10

POOLED = 50.0
"""Ratings' worth of the mean noise in the noise of each id of the other side."""

LEANING = 100.0
"""An id with n ratings weighs n / (n + 100) in the shift: those with many are predicted more."""

CELLS = 4_000_000
"""Numbers of second moments that are in memory at once: 32 MB."""


@frozen(eq=False)
class State:
    """The parameters: `shift` (width,), S = `cov` (width, width), s2 = `noise` (n_others,)."""

    shift: np.ndarray
    cov: np.ndarray
    noise: np.ndarray


@frozen(eq=False)
class Ratings:
    """m training ratings as residuals.

    `rows` and `others` (m,) are the id and the other id of each, `residual` (m,) how far it is from
    the prediction. `slopes` (n_others, width) and `uncertainty` belong to the other side.
    """

    rows: np.ndarray
    others: np.ndarray
    residual: np.ndarray
    slopes: np.ndarray
    uncertainty: Uncertainty

    @functools.cached_property
    def trained(self) -> np.ndarray:
        """The ids that have ratings, rising."""
        return np.unique(self.rows)

    def table(self, values: np.ndarray) -> Any:
        """Return `values` (m,) as a sparse table of trained ids by others."""
        from scipy import sparse

        shape = (len(self.trained), len(self.slopes))
        places = np.searchsorted(self.trained, self.rows)
        return sparse.csr_array(sparse.coo_array((values, (places, self.others)), shape=shape))

    @functools.cached_property
    def seen(self) -> Any:
        return self.table(np.ones(len(self.rows)))

    @functools.cached_property
    def values(self) -> Any:
        return self.table(self.residual)

    @functools.cached_property
    def moments(self) -> np.ndarray:
        """J J' + what uncertainty adds, shape (n_others, width x width)."""
        moments = self.slopes[:, :, None] * self.slopes[:, None, :] + self.uncertainty.quadratic
        return np.asarray(moments.reshape(len(self.slopes), -1))


@frozen(eq=False)
class Moments:
    """Posteriors of all d.

    `means` (n_trained, width), `covs` (width, width) the sum of their covariances, and `errors`
    (n_others,) the expected squared errors by other id.
    """

    means: np.ndarray
    covs: np.ndarray
    errors: np.ndarray


def em(ratings: Ratings, state: State) -> State:
    """Return the state after ROUNDS rounds from `state`."""
    count = np.asarray(ratings.seen.sum(axis=0))
    given = np.asarray(ratings.seen.sum(axis=1))
    for _ in range(ROUNDS):
        found = expectation(ratings, state)
        shift = np.average(found.means, axis=0, weights=given / (given + LEANING))
        apart = found.means - shift
        cov = (apart.T @ apart + found.covs) / len(apart)
        mean = found.errors.sum() / len(ratings.rows)
        noise = (found.errors + POOLED * mean) / (count + POOLED)
        ridge = 1e-9 * np.trace(cov) * np.eye(len(cov))
        state = State(shift, cov + ridge, np.maximum(noise, 1e-9))
    return state


def expectation(ratings: Ratings, state: State) -> Moments:
    """Return the posteriors of all d if the parameters are `state`."""
    uncertainty, width = ratings.uncertainty, len(state.shift)
    means, covs = np.empty((len(ratings.trained), width)), np.zeros((width, width))
    met = np.zeros(ratings.moments.shape)  # sums of E[d d'] over the ratings of each other id
    for rows, mean, cov in _posteriors(ratings, state):
        means[rows] = mean
        covs += cov.sum(axis=0)
        second = mean[:, :, None] * mean[:, None, :] + cov
        met += ratings.seen[rows].T @ second.reshape(len(mean), -1)
    errors = (ratings.values * ratings.values).sum(axis=0) + (met * ratings.moments).sum(axis=1)
    errors -= 2 * ((ratings.values.T @ means) * ratings.slopes).sum(axis=1)
    linear = 2 * ((ratings.seen.T @ means) * uncertainty.linear).sum(axis=1)
    errors += linear + uncertainty.constant * ratings.seen.sum(axis=0)
    return Moments(means, covs, np.maximum(errors, 0))


def _posteriors(ratings: Ratings, state: State) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield slices of b trained ids with means (b, width) and covariances (b, width, width)."""
    width, weight = len(state.shift), 1 / state.noise[:, None]
    inverse = np.linalg.inv(state.cov)
    step = max(1, CELLS // width**2)
    for start in range(0, len(ratings.trained), step):
        rows = slice(start, start + step)
        seen = ratings.seen[rows]
        precision = (seen @ (ratings.moments * weight)).reshape(-1, width, width) + inverse
        linear = seen @ (ratings.uncertainty.linear * weight)
        pull = ratings.values[rows] @ (ratings.slopes * weight) - linear
        cov = np.linalg.inv(precision)
        yield rows, (cov @ (pull + inverse @ state.shift)[:, :, None])[:, :, 0], cov

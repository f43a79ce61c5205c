"""How far would a figure move if other users of the same kind had rated: the bootstrap over users."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from cfplug.report.elements import Interval

LEVEL = 0.95

MOST = 2000
"""Lots that are drawn: more users than that are first dealt into so many lots at random, which costs no validity."""


@frozen(eq=False)
class Resampling:
    """Users drawn anew, with replacement, again and again (Efron, 1979; whole clusters: Davison and Hinkley, 1997).

    Users, not ratings, are drawn, since the ratings of one user hang together. `lot` tells to which
    lot of users each row belongs, shape (n,); `weights` how often each lot is drawn, shape (1 +
    draws, n_lots), the first row being the data as they are, with every lot once."""

    lot: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, users: np.ndarray, draws: int, rng: np.random.Generator) -> Resampling:
        """For rows whose users are `users`, shape (n,)."""
        _, lot = np.unique(users, return_inverse=True)
        n_users = int(lot.max()) + 1
        if n_users > MOST:
            lot, n_users = (rng.permutation(n_users) % MOST)[lot], MOST
        drawn = rng.multinomial(n_users, np.full(n_users, 1 / n_users), size=draws)
        return cls(lot, np.vstack([np.ones(n_users), drawn]))

    def sums(
        self, values: np.ndarray, group: np.ndarray, n_groups: int, row: np.ndarray | None = None
    ) -> np.ndarray:
        """The sum of `values` in each group, shape (1 + draws, n_groups); the first row is that of the data.

        `values` and `group` have the shape (n,); with `row` they are those of the rows that it
        names, and a row may come several times."""
        lot = self.lot if row is None else self.lot[row]
        size = self.weights.shape[1]
        cells = np.bincount(lot * n_groups + group, values, minlength=size * n_groups)
        sums: np.ndarray = self.weights @ cells.reshape(size, n_groups)
        return sums


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below, and NaN where there is nothing below."""
    above, below = np.broadcast_arrays(above, below)
    ratios: np.ndarray = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return ratios


def percentiles(figures: np.ndarray) -> Interval | float | None:
    """`figures[0]` with the 95 % percentile interval of the draws' figures, shape (1 + draws,); None where it is none.

    Alone where draws tell nothing: if most draws have no figure, or all have the same, as for a
    group of one user."""
    if not np.isfinite(figures[0]):
        return None
    drawn = figures[1:][np.isfinite(figures[1:])]
    if len(drawn) < max(2, len(figures) / 2) or np.ptp(drawn) <= 1e-9 * max(
        1.0, float(np.abs(drawn).max())
    ):
        return float(figures[0])
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(figures[0]), float(low), float(high))

"""Confidence intervals over users: how far a figure moves if other users of the same kind rate.

The ratings of one user resemble each other, so whole users are resampled, not ratings. Two methods
cover every figure:

- `bootstrap` for a figure that is computed from sums over users, such as a mean or a ratio;
- `jackknife` for any other figure, such as a score of lists or a Gini coefficient.

Both use a fixed seed: the same predictions always give the same interval.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np

from cfplug.report.elements import Interval

BOOTSTRAP = "percentile bootstrap over users"
JACKKNIFE = "delete-a-group jackknife over users"
"""The names of the two methods, as a report shows them."""

Cell = Interval | float | None
"""A figure with its interval, the figure alone if resampling does not move it, or None."""

Limits = tuple[float, float]
"""The lowest and the highest value that a figure can take."""

UNLIMITED: Limits = (-math.inf, math.inf)

LEVEL = 0.95
SEED = 0

GROUPS = 20
"""How many groups of users the jackknife leaves out, one at a time."""

DRAWS = 5_000
"""How often the bootstrap draws users; each end of an interval then has 125 draws outside it."""

MOST_UNITS = 2_000
"""More users than this are merged into this many groups at random, which are then drawn whole."""

CELLS = 2**22
"""How many numbers, draws times users, are in memory at once."""


# The bootstrap


def bootstrap(
    statistic: Callable[..., np.ndarray], *sums: np.ndarray, draws: int | None = None
) -> list[Cell]:
    """Return the figures of `statistic`, each with its 95 % percentile interval.

    A draw takes users with replacement, as many as there are, and each with all of their ratings
    (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; Field and Welsh,
    Bootstrapping clustered data, JRSS B, 2007).

    Args:
        statistic: Computes m figures from totals, shape (draws, m). It gets one argument for each
            of `sums`, of shape (draws, k).
        sums: The sums of each user, of shape (n_users, k) each.
        draws: How often users are drawn; `DRAWS` if None.

    Returns:
        One cell for each of the m figures. A figure is without an interval if most draws do not
        have it, or if all draws agree, as with a single user; it is None if it is not finite.
    """
    rows = [np.ascontiguousarray(each, dtype=np.float64) for each in sums]
    figures = statistic(*(each.sum(axis=0, keepdims=True) for each in rows))[0]
    if len(rows[0]) < 2:
        return [_finite(value) for value in figures.tolist()]
    drawn = _draw(statistic, [_merge(each) for each in rows], draws or DRAWS)
    return [_percentiles(value, own) for value, own in zip(figures.tolist(), drawn, strict=True)]


def _draw(statistic: Callable[..., np.ndarray], sums: list[np.ndarray], draws: int) -> np.ndarray:
    """Return the figures of each draw, shape (m, draws)."""
    from scipy import stats

    n = len(sums[0])

    def figures(drawn: np.ndarray, axis: int) -> np.ndarray:
        """Return the figures of the users `drawn`, shape (batch, n), by how often each occurs."""
        batch = len(drawn)
        places = drawn + n * np.arange(batch)[:, None]
        often = np.bincount(places.ravel(), minlength=batch * n).reshape(batch, n)
        weights = often.astype(np.float64)
        return statistic(*(weights @ each for each in sums)).T

    with warnings.catch_warnings():
        # scipy warns of figures that some draws do not have; `_percentiles` leaves these draws out
        warnings.simplefilter("ignore", RuntimeWarning)
        found = stats.bootstrap(
            (np.arange(n),),
            figures,
            n_resamples=draws,
            batch=max(1, CELLS // n),
            vectorized=True,
            confidence_level=LEVEL,
            method="percentile",
            random_state=np.random.default_rng(SEED),
        )
    drawn: np.ndarray = found.bootstrap_distribution
    return drawn


def _merge(sums: np.ndarray) -> np.ndarray:
    """Return the sums of at most `MOST_UNITS` groups of users."""
    if len(sums) <= MOST_UNITS:
        return sums
    merged = np.zeros((MOST_UNITS, sums.shape[1]))
    np.add.at(merged, user_groups(len(sums), MOST_UNITS), sums)
    return merged


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _percentiles(value: float, drawn: np.ndarray) -> Cell:
    known = drawn[np.isfinite(drawn)]
    if not math.isfinite(value):
        return None
    if 2 * len(known) < len(drawn) or np.ptp(known) <= 1e-9 * max(1.0, abs(value)):
        return value
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(known, [tail, 1 - tail]).tolist()
    return Interval(value, low, high)


def user_sums(
    users: np.ndarray,
    n_users: int,
    values: np.ndarray,
    group: np.ndarray | None = None,
    n_groups: int = 1,
) -> np.ndarray:
    """Return the sum of `values` of each user in each group, shape (n_users, n_groups).

    Args:
        users: The user of each value, a code below `n_users`, shape (n,).
        n_users: How many users there are.
        values: What is summed, shape (n,).
        group: The group of each value, a code below `n_groups`, shape (n,); one group if None.
        n_groups: How many groups there are.
    """
    cells = users if group is None else users * n_groups + group
    sums = np.bincount(cells, values, minlength=n_users * n_groups)
    return sums.reshape(n_users, n_groups)


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return above / below, and NaN where `below` is 0 up to rounding; shapes are broadcast."""
    above, below = np.broadcast_arrays(above, below)
    empty = np.full(above.shape, np.nan)
    ratios: np.ndarray = np.divide(above, below, out=empty, where=below > 1e-9)
    return ratios


# The jackknife


def jackknife(figures: np.ndarray, limits: Limits = UNLIMITED) -> Cell:
    """Return a figure with its 95 % interval, from the same figure without each group of users.

    The delete-a-group jackknife (Kott, Journal of Official Statistics 17, 2001): the standard error
    is sqrt((g - 1) / g sum_j (figure_j - mean)^2), and the half width is that times Student's t
    with g - 1 degrees of freedom.

    Args:
        figures: The figure of all users, then that without each of g groups, shape (1 + g,).
        limits: The lowest and the highest value of the figure, where its interval ends.

    Returns:
        The figure without an interval if a figure without some group is missing, or if no group
        moves it; None if it is not finite.
    """
    value, parts = float(figures[0]), figures[1:]
    if not math.isfinite(value):
        return None
    if len(parts) < 2 or not np.isfinite(parts).all():
        return value
    from scipy.stats import t

    error = np.sqrt((len(parts) - 1) / len(parts) * np.square(parts - parts.mean()).sum())
    reach = float(t.ppf((1 + LEVEL) / 2, len(parts) - 1) * error)
    if 2 * reach <= 1e-9 * max(1.0, abs(value)):
        return value
    lowest, highest = map(float, limits)
    return Interval(value, max(value - reach, lowest), min(value + reach, highest))


def score_interval(
    score: Callable[[np.ndarray], float],
    users: np.ndarray,
    value: float,
    limits: Limits = UNLIMITED,
) -> tuple[float, float] | None:
    """Return the ends of the jackknife interval of a score.

    Users are left out, never repeated, since scores of lists do not work with repeated rows.

    Args:
        score: Computes the score of some rows, given their positions.
        users: The user of each row, shape (n,).
        value: The score of all rows.
        limits: The lowest and the highest score, where the interval ends.

    Returns:
        Low and high end; None if there are fewer than 20 users, or if some of them cannot be
        scored.
    """
    names, user = np.unique(users, return_inverse=True)
    if len(names) < GROUPS:
        return None
    group = user_groups(len(names))[user]
    try:
        parts = [score(np.flatnonzero(group != left_out)) for left_out in range(GROUPS)]
    except Exception:  # the score of all rows is still good without an interval
        return None
    if not np.isfinite(parts).all():
        return None
    found = Interval.of(jackknife(np.array([value, *parts]), limits))
    return found.low, found.high


def user_groups(n_users: int, n_groups: int = GROUPS) -> np.ndarray:
    """Return the group of each user, shape (n_users,): groups of equal size, made at random."""
    return np.random.default_rng(SEED).permutation(n_users) % n_groups


def without_each(amounts: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return the sum over all users, then the sum without each group of users.

    Args:
        amounts: The amounts of each user, shape (n_users, ...).
        group: The group of each user, as `user_groups` gives it, shape (n_users,).

    Returns:
        Shape (1 + 20, ...).
    """
    parts = np.zeros((GROUPS, *amounts.shape[1:]))
    np.add.at(parts, group, amounts)
    return whole_and_rest(parts)


def whole_and_rest(parts: np.ndarray) -> np.ndarray:
    """Return the sum of the groups' `parts`, shape (20, ...), then the sum without each group.

    The result has the shape (1 + 20, ...).
    """
    whole = parts.sum(axis=0)
    return np.concatenate([whole[None], whole - parts])

"""How far one measured number would move if other users of the same kind had been asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from cfplug.report.elements import Interval

GROUPS = 20
LEVEL = 0.95
SEED = 0
"""Always the same, so that the same predictions give the same interval."""


def interval(
    score: Callable[[np.ndarray], float], users: np.ndarray, value: float
) -> tuple[float, float] | None:
    """The ends of the 95 % interval of `value`, which is `score` of all rows; `users` are their users, shape (n,).

    Users are dealt into 20 groups and the score is taken without each in turn; see `jackknife`.
    Users, not rows, are left out, since a user's ratings hang together; and no row comes twice,
    which scores of lists could not bear. None where there are fewer than 20 users, or a part of
    them cannot be scored."""
    try:
        scores = [score(rows) for rows in _without_each(users)]
    except (
        Exception
    ):  # the value stands; that some users alone cannot be scored costs no more than the interval
        return None
    found = jackknife(np.array([value, *scores]))
    return None if found is None else (found.low, found.high)


def jackknife(figures: np.ndarray) -> Interval | None:
    """`figures[0]` with its 95 % interval; the others, shape (g,), are that figure without each of g lots of users.

    The delete-a-group jackknife (Kott, Journal of Official Statistics 17, 2001): the standard error
    is sqrt((g - 1) / g sum_j (figure_j - mean)^2), and the reach Student's t with g - 1 degrees of
    freedom. None where there are no lots, or no figure without one of them."""
    value, parts = float(figures[0]), figures[1:]
    if not len(parts) or not np.isfinite(parts).all():
        return None
    from scipy.stats import t

    error = np.sqrt((len(parts) - 1) / len(parts) * np.square(parts - parts.mean()).sum())
    reach = float(t.ppf((1 + LEVEL) / 2, len(parts) - 1) * error)
    return Interval(value, value - reach, value + reach)


def _without_each(users: np.ndarray) -> Iterator[np.ndarray]:
    """The rows without each group of users; none where there are fewer users than groups."""
    names, user = np.unique(users, return_inverse=True)
    if len(names) < GROUPS:
        return
    group = np.random.default_rng(SEED).permutation(len(names)) % GROUPS
    yield from (np.flatnonzero(group[user] != left_out) for left_out in range(GROUPS))

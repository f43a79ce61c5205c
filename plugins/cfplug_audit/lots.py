"""How far would a figure move if other users of the same kind had rated: figures of all, and without each lot of users.

Figures have the shape (1 + 20, ...): that of all users first, then those without each lot, which
tell the interval."""

from __future__ import annotations

import numpy as np
from cfplug.stats import jackknife

from cfplug.report.elements import Interval, rounded

LOTS = 20


def lots(n_users: int, rng: np.random.Generator) -> np.ndarray:
    """The lot of each user, shape (n_users,): users are dealt into 20 lots of equal size at random."""
    return rng.permutation(n_users) % LOTS


def without_each(amounts: np.ndarray, lot: np.ndarray) -> np.ndarray:
    """The sums over all users, and those without each lot: shape (1 + 20, ...) of amounts of shape (n_users, ...)."""
    parts = np.zeros((LOTS, *amounts.shape[1:]))
    np.add.at(parts, lot, amounts)
    return whole_and_rest(parts)


def whole_and_rest(parts: np.ndarray) -> np.ndarray:
    """The sum of the lots' `parts`, shape (20, ...), and what is left of it without each of them."""
    whole = parts.sum(axis=0)
    return np.concatenate([whole[None], whole - parts])


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below, and NaN where nothing is below; what is left of sums of whole numbers is no rounding error."""
    above, below = np.broadcast_arrays(above, below)
    ratios: np.ndarray = np.divide(
        above, below, out=np.full(above.shape, np.nan), where=below > 1e-9
    )
    return ratios


def cell(
    figures: np.ndarray, digits: int = 2, least: float = -np.inf, most: float = np.inf
) -> Interval | float | None:
    """A figure as a cell of a table, of figures of shape (1 + 20,); None where there is none.

    It stands without an interval where a lot left out leaves no figure, or none that differs. An
    interval ends at `least` and `most`, beyond which the figure cannot be."""
    value = float(figures[0])
    if not np.isfinite(value):
        return None
    found = jackknife(figures)
    if found is None or found.high - found.low <= 1e-9 * max(1.0, abs(value)):
        return rounded(value, digits)
    return rounded(found, digits, least, most)

"""How unevenly something is shared: Lorenz curve, Gini coefficient, and share of the largest."""

from __future__ import annotations

import math

import numpy as np


def gini(amounts: np.ndarray) -> float:
    """Return the Gini coefficient (Gini, 1912) of amounts of at least 0, shape (n,).

    It is 0 if all are the same, and (n - 1) / n if one has everything: sum_ij |x_i - x_j| / (2 n^2
    mean), which over the sorted amounts is (2 sum_i i x_i) / (n sum x) - (n + 1) / n, with i from 1
    to n. NaN if all are 0.
    """
    n, total = len(amounts), amounts.sum()
    if total <= 0:
        return math.nan
    ranks = np.arange(1, n + 1)
    return float(2 * (ranks * np.sort(amounts)).sum() / (n * total) - (n + 1) / n)


def lorenz(amounts: np.ndarray, points: int = 101) -> tuple[np.ndarray, np.ndarray]:
    """Return points x and y of the Lorenz curve (Lorenz, 1905), both from 0 to 1.

    The share x of the amounts with the least has the share y of the whole.
    """
    x = np.linspace(0, 1, min(points, len(amounts) + 1))
    owned = np.concatenate([[0], np.cumsum(np.sort(amounts))]) / amounts.sum()
    return x, np.interp(x * len(amounts), np.arange(len(amounts) + 1), owned)


def top_share(amounts: np.ndarray, top: float) -> float:
    """Return the share of the whole that the largest ceil(top n) of the n amounts have."""
    most = max(1, math.ceil(round(top * len(amounts), 9)))
    return float(np.sort(amounts)[-most:].sum() / amounts.sum())

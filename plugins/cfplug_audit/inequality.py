"""How unevenly is something shared: Lorenz curves, the Gini coefficient, and the share of the greatest."""

from __future__ import annotations

import math

import numpy as np


def gini(amounts: np.ndarray) -> float:
    """The Gini coefficient of n amounts of at least 0: 0 if all have the same, (n - 1) / n if one has all (Gini, 1912).

    sum_ij |x_i - x_j| / (2 n^2 mean), which over the sorted amounts is (2 sum_i i x_i) / (n sum x)
    - (n + 1) / n, with i from 1 to n. NaN where there is nothing to share."""
    n, total = len(amounts), amounts.sum()
    if total <= 0:
        return math.nan
    ranks = np.arange(1, n + 1)
    return float(2 * (ranks * np.sort(amounts)).sum() / (n * total) - (n + 1) / n)


def lorenz(amounts: np.ndarray, points: int = 101) -> tuple[np.ndarray, np.ndarray]:
    """Points of the Lorenz curve (Lorenz, 1905): the poorest share x has the share y of the whole; both from 0 to 1."""
    x = np.linspace(0, 1, min(points, len(amounts) + 1))
    owned = np.concatenate([[0], np.cumsum(np.sort(amounts))]) / amounts.sum()
    return x, np.interp(x * len(amounts), np.arange(len(amounts) + 1), owned)


def top_share(amounts: np.ndarray, top: float) -> float:
    """The share of the whole that the greatest ceil(top n) of the n amounts have."""
    most = max(1, math.ceil(round(top * len(amounts), 9)))
    return float(np.sort(amounts)[-most:].sum() / amounts.sum())

"""Do things that are said to happen with probability p happen in a share p of cases: bins, and the error over them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from attrs import frozen

from cfplug_insight.resampling import Resampling, ratio


@frozen(eq=False)
class Claims:
    """Probabilities of n events, and whether each came true; both of shape (n,)."""

    name: str
    probability: np.ndarray
    happened: np.ndarray


@frozen
class Bin:
    """The claims with a probability from `low` up to `high`: their mean probability, and the share that came true."""

    low: float
    high: float
    count: int
    said: float
    happened: float

    def wilson(self) -> tuple[float, float]:
        """The ends of the 95 % interval of the share that came true; see `wilson`."""
        return wilson(self.happened, self.count)


def wilson(share: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The score interval of a share of n independent cases (Wilson, 1927), which never leaves 0 to 1.

    (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
    """
    middle, reach = (
        share + z**2 / (2 * n),
        z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)),
    )
    low, high = (middle - reach) / (1 + z**2 / n), (middle + reach) / (1 + z**2 / n)
    return max(low, 0.0), min(high, 1.0)


def place(probability: np.ndarray, bins: int) -> np.ndarray:
    """In which of `bins` equal parts of 0 to 1 each probability lies; the last part has 1 in it."""
    return np.minimum((probability * bins).astype(np.int64), bins - 1)


def binned(claims: Claims, bins: int) -> Iterator[Bin]:
    """The parts of 0 to 1 in which a probability lies, in rising order."""
    where = place(claims.probability, bins)
    count, said, happened = (
        np.bincount(where, w, bins) for w in (None, claims.probability, claims.happened)
    )
    for b in np.flatnonzero(count):
        share, mean = float(happened[b] / count[b]), float(said[b] / count[b])
        yield Bin(b / bins, (b + 1) / bins, int(count[b]), mean, share)


def expected_error(claims: Claims, bins: int, sample: Resampling | None = None) -> np.ndarray:
    """The expected calibration error, ECE = sum_b (n_b / n) |said_b - happened_b| (Naeini et al., AAAI 2015).

    Shape (1,), or (1 + draws,) with a sample of users, whose first figure is that of the data.
    """
    where, gap = place(claims.probability, bins), claims.probability - claims.happened
    if sample is None:
        return np.array([np.abs(np.bincount(where, gap, bins)).sum() / len(gap)])
    apart = np.abs(sample.sums(gap, where, bins)).sum(axis=1)
    count = sample.sums(np.ones(len(gap)), where, bins).sum(axis=1)
    return ratio(apart, count)


def most_probable(distribution: np.ndarray, truth: np.ndarray) -> Claims:
    """That the most probable level is the rating: `distribution` (n, n_levels), `truth` (n,) places of the levels."""
    best = distribution.argmax(axis=1)
    return Claims(
        "the most probable rating", distribution.max(axis=1), (best == truth).astype(np.float64)
    )


def each_level(distribution: np.ndarray, truth: np.ndarray, levels: np.ndarray) -> list[Claims]:
    """For each level: that it is the rating."""
    return [
        Claims(f"rating {level:g}", distribution[:, k], (truth == k).astype(np.float64))
        for k, level in enumerate(levels)
    ]


def at_least(distribution: np.ndarray, truth: np.ndarray, levels: np.ndarray) -> list[Claims]:
    """For each level but the lowest: that the rating is that or a higher one."""
    above = np.clip(distribution[:, ::-1].cumsum(axis=1)[:, ::-1], 0, 1)
    return [
        Claims(f"{level:g} or more", above[:, k], (truth >= k).astype(np.float64))
        for k, level in enumerate(levels)
        if k
    ]


def drawn_from(distribution: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ratings as they would be if the distribution were right, as places of the levels, shape (n,)."""
    below = distribution.cumsum(axis=1)
    ticket = rng.random((len(below), 1)) * below[:, -1:]
    drawn: np.ndarray = np.minimum((ticket >= below).sum(axis=1), distribution.shape[1] - 1)
    return drawn

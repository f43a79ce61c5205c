"""Do events with probability p happen in a share p of cases: bins, and the error over them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from attrs import frozen

from cfplug.stats import GROUPS, ratio, user_sums, whole_and_rest


@frozen(eq=False)
class Forecasts:
    """Probabilities of n events, and whether each happened, 0 or 1; both of shape (n,)."""

    name: str
    probability: np.ndarray
    happened: np.ndarray


@frozen
class Bin:
    """The forecasts with a probability from `low` to `high`, and the share that happened.

    `predicted` is their mean probability.
    """

    low: float
    high: float
    count: int
    predicted: float
    happened: float

    def wilson(self) -> tuple[float, float]:
        """Return the ends of the 95 % interval of the share that happened; see `wilson`."""
        return wilson(self.happened, self.count)


def wilson(share: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the score interval of a share of n independent cases (Wilson, 1927), within 0 to 1.

    (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
    """
    middle = share + z**2 / (2 * n)
    reach = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low, high = (middle - reach) / (1 + z**2 / n), (middle + reach) / (1 + z**2 / n)
    return max(low, 0.0), min(high, 1.0)


def bin_of(probability: np.ndarray, bins: int) -> np.ndarray:
    """Return which of `bins` equal parts of 0 to 1 has each probability; the last part has 1."""
    return np.minimum((probability * bins).astype(np.int64), bins - 1)


def in_bins(forecasts: Forecasts, bins: int) -> Iterator[Bin]:
    """Yield the parts of 0 to 1 that have a probability, in rising order."""
    where = bin_of(forecasts.probability, bins)
    count = np.bincount(where, minlength=bins)
    predicted = np.bincount(where, forecasts.probability, bins)
    happened = np.bincount(where, forecasts.happened, bins)
    for b in np.flatnonzero(count):
        mean, share = float(predicted[b] / count[b]), float(happened[b] / count[b])
        yield Bin(b / bins, (b + 1) / bins, int(count[b]), mean, share)


def expected_error(forecasts: Forecasts, bins: int, group: np.ndarray | None = None) -> np.ndarray:
    """Return the expected calibration error (Naeini et al., AAAI 2015).

    ECE = sum_b (n_b / n) |predicted_b - happened_b|

    Args:
        forecasts: The probabilities and what happened, shape (n,).
        bins: How many parts of equal width 0 to 1 has.
        group: The group of each forecast's user, shape (n,).

    Returns:
        Shape (1,); with groups (1 + 20,), the error of all, then that without each group.
    """
    where = bin_of(forecasts.probability, bins)
    gap = forecasts.probability - forecasts.happened
    if group is None:
        return np.array([np.abs(np.bincount(where, gap, bins)).sum() / len(gap)])
    gaps = whole_and_rest(user_sums(group, GROUPS, gap, where, bins))
    count = whole_and_rest(user_sums(group, GROUPS, np.ones(len(gap))))
    return ratio(np.abs(gaps).sum(axis=1), count[:, 0])


def most_probable(distribution: np.ndarray, truth: np.ndarray) -> Forecasts:
    """Return the forecasts that the most probable level is the rating.

    Args:
        distribution: The probability of each level, shape (n, n_levels).
        truth: The position of each rating among the levels, shape (n,).
    """
    right = distribution.argmax(axis=1) == truth
    return Forecasts("the most probable rating", distribution.max(axis=1), right.astype(np.float64))


def each_level(distribution: np.ndarray, truth: np.ndarray, levels: np.ndarray) -> list[Forecasts]:
    """Return for each level the forecasts that it is the rating; see `most_probable`."""
    found = []
    for k, level in enumerate(levels):
        happened = (truth == k).astype(np.float64)
        found.append(Forecasts(f"rating {level:g}", distribution[:, k], happened))
    return found


def at_least(distribution: np.ndarray, truth: np.ndarray, levels: np.ndarray) -> list[Forecasts]:
    """Return for each level but the lowest the forecasts that the rating is at least that."""
    above = np.clip(distribution[:, ::-1].cumsum(axis=1)[:, ::-1], 0, 1)
    found = []
    for k in range(1, len(levels)):
        happened = (truth >= k).astype(np.float64)
        found.append(Forecasts(f"{levels[k]:g} or more", above[:, k], happened))
    return found


def drawn_from(distribution: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return ratings drawn from the distribution, as positions of the levels, shape (n,)."""
    below = distribution.cumsum(axis=1)
    ticket = rng.random((len(below), 1)) * below[:, -1:]
    drawn: np.ndarray = np.minimum((ticket >= below).sum(axis=1), distribution.shape[1] - 1)
    return drawn

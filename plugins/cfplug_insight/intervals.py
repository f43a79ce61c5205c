"""How sure is a mean over ratings, where a user's ratings hang together?

The intervals are normal ones over users: for the mean m of n values x, of which user u has those in
R_u, the standard error is sqrt(g / (g - 1) sum_u (sum_{i in R_u} (x_i - m))^2) / n with g users,
and the 95 % interval goes by Student's t with g - 1 degrees of freedom (Liang and Zeger, Biometrika
73, 1986; Cameron and Miller, Journal of Human Resources 50, 2015). A correlation is treated alike,
by its influence function on Fisher's scale (Fisher, Metron 1, 1921)."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from cfplug.report.elements import Interval

Cell = Interval | float
"""A number with its interval, or the number alone where one user gave all of it."""


def clustered(values: np.ndarray, users: np.ndarray) -> Cell:
    """The mean of `values`, shape (n,) with n > 0, with its interval over the codes `users`, shape (n,)."""
    from scipy.stats import t

    mean = float(values.mean())
    sums = pd.Series(values - mean).groupby(users).sum().to_numpy()
    g = len(sums)
    if g < 2:
        return mean
    error = math.sqrt(g / (g - 1) * float(np.square(sums).sum())) / len(values)
    reach = float(t.ppf(0.975, g - 1)) * error
    return Interval(mean, mean - reach, mean + reach)


def correlation(x: np.ndarray, y: np.ndarray, users: np.ndarray) -> Cell | None:
    """Pearson's correlation r of x and y, both of shape (n,), with its interval; None where one of them is constant.

    For standardised x and y the influence of a pair on atanh(r) is (x y - r (x^2 + y^2) / 2) / (1 -
    r^2)."""
    if min(np.ptp(x), np.ptp(y)) == 0:
        return None
    x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    r = float((x * y).mean())
    if abs(r) > 1 - 1e-9:
        return float(np.sign(r))
    influence = clustered((x * y - r * (x * x + y * y) / 2) / (1 - r * r), users)
    if not isinstance(influence, Interval):
        return r
    reach = influence.high - influence.value
    return Interval(r, math.tanh(math.atanh(r) - reach), math.tanh(math.atanh(r) + reach))


def rank_correlation(x: np.ndarray, y: np.ndarray) -> Interval | None:
    """Spearman's correlation r of x and y, both of shape (n,), with its interval; None if n < 4 or one is constant.

    The standard error on Fisher's scale is sqrt((1 + r^2 / 2) / (n - 3)) (Bonett and Wright,
    Psychometrika 65, 2000)."""
    if len(x) < 4 or min(np.ptp(x), np.ptp(y)) == 0:
        return None
    r = float(np.corrcoef(pd.Series(x).rank(), pd.Series(y).rank())[0, 1])
    if abs(r) > 1 - 1e-9:
        return Interval(float(np.sign(r)), float(np.sign(r)), float(np.sign(r)))
    reach = 1.96 * math.sqrt((1 + r * r / 2) / (len(x) - 3))
    return Interval(r, math.tanh(math.atanh(r) - reach), math.tanh(math.atanh(r) + reach))

"""Hold predictions, and check that what a component gave may be one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.errors import PluginError

WARM = "warm"
"""The origin of a prediction whose user and item both had ratings in training."""

NUMBERS = "biuf"
"""The kinds of numpy arrays that are numbers."""


class PairPredictor(Protocol):
    """What `adapt` of a cold-start strategy gives: ratings for raw ids."""

    def predict(self, pairs: pd.DataFrame) -> np.ndarray: ...


@frozen(eq=False)
class Predictions:
    """Predicted ratings of n pairs, each with its origin: `warm`, or a cold-start strategy's word.

    `rating` and `origin` have the shape (n,). `distribution`, shape (n, n_levels), is for the
    rating `levels`, shape (n_levels,); both are None where the loss gives none. `user` and `item`,
    shape (n,), are the codes of the pairs.

    `top(k)` gives the codes of the k items with the highest predictions for each of the m users in
    `numpy.unique(user)`, best first, shape (m, k), among the items that training saw and the user
    did not rate there; where fewer are left, the row ends with -1. It is None where no lists are
    made.

    `deviation`, shape (n,), is the standard deviation of the rating given all that is known, NaN
    where it is unknown; None where it is unknown for all pairs.
    """

    rating: np.ndarray
    origin: np.ndarray
    distribution: np.ndarray | None = None
    levels: np.ndarray | None = None
    user: np.ndarray | None = None
    item: np.ndarray | None = None
    top: Callable[[int], np.ndarray] | None = None
    deviation: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Predictions:
        """Return the predictions of some pairs; its lists are those of the users who are left.

        Args:
            rows: Positions, shape (m,), or a mask, shape (n,).
        """
        user = _rows(self.user, rows)
        return Predictions(
            self.rating[rows],
            self.origin[rows],
            _rows(self.distribution, rows),
            self.levels,
            user,
            _rows(self.item, rows),
            self._lists_of(user),
            _rows(self.deviation, rows),
        )

    def _lists_of(self, users: np.ndarray | None) -> Callable[[int], np.ndarray] | None:
        """Return the lists of those of `users` alone."""
        top = self.top
        if top is None or users is None or self.user is None:
            return None
        left = np.isin(np.unique(self.user), users)
        return lambda k: top(k)[left]


def _rows(values: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if values is None else values[rows]


def checked_numbers(
    values: object, shape: tuple[int, ...], name: str, component: str, least: float = -np.inf
) -> np.ndarray:
    """Return numbers that `component` gave; PluginError unless all are finite and >= `least`."""
    found = np.asarray(values)
    _check_shape(found, shape, name, component)
    if found.dtype.kind not in NUMBERS:
        raise PluginError(f"{component}: {name} must be numbers; got an array of {found.dtype}")
    wrong = int((~np.isfinite(found) | (found < least)).sum())
    if wrong:
        bound = "" if least == -np.inf else f" of at least {least:g}"
        raise PluginError(
            f"{component}: {wrong} of {found.size} {name} are not finite numbers{bound}"
        )
    return found


def checked_origins(origins: object, n: int, strategy: str) -> np.ndarray:
    """Return the origins that a strategy gave; PluginError unless they are `n` texts."""
    found = np.asarray(origins, dtype=object)
    _check_shape(found, (n,), "origins", strategy)
    for origin in found.tolist():
        if not isinstance(origin, str):
            raise PluginError(f"{strategy}: an origin must be a text; got {origin!r}")
    return found


def _check_shape(found: np.ndarray, shape: tuple[int, ...], name: str, component: str) -> None:
    if found.shape != shape:
        raise PluginError(f"{component}: expected {name} of shape {shape}, got {found.shape}")

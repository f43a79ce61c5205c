"""What a prediction says beside its rating, and whether what a component gave is one at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.errors import PluginError


class PairPredictor(Protocol):
    """What `adapt` of a cold-start strategy gives: ratings for raw ids."""

    def predict(self, pairs: pd.DataFrame) -> np.ndarray: ...


@frozen(eq=False)
class Predictions:
    """Ratings, their origin (`warm` or a cold-start's word), each of shape (n,), and the distribution.

    `distribution` has the shape (n, n_levels), for the rating `levels`, shape (n_levels,); both are
    None where the loss gives none. `user` and `item` are the codes of the pairs, each of shape
    (n,). `top(k)` gives the codes of the k items with the highest predictions for each of the m
    users in `numpy.unique(user)`, best first, shape (m, k), among the items that training saw and
    the user did not rate there; where fewer are left, the row ends with -1. It is None where no
    lists are made. `deviation`, shape (n,), is the standard deviation of the rating given all that
    is known, NaN where nobody says; None where nobody says anywhere."""

    rating: np.ndarray
    origin: np.ndarray
    distribution: np.ndarray | None = None
    levels: np.ndarray | None = None
    user: np.ndarray | None = None
    item: np.ndarray | None = None
    top: Callable[[int], np.ndarray] | None = None
    deviation: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Predictions:
        """Those of `rows`, positions of shape (m,); its lists are those of the users who are left."""
        user = None if self.user is None else self.user[rows]
        return Predictions(
            self.rating[rows],
            self.origin[rows],
            None if self.distribution is None else self.distribution[rows],
            self.levels,
            user,
            None if self.item is None else self.item[rows],
            None if self.top is None or user is None else self._lists_of(self.top, user),
            None if self.deviation is None else self.deviation[rows],
        )

    def _lists_of(
        self, top: Callable[[int], np.ndarray], users: np.ndarray
    ) -> Callable[[int], np.ndarray]:
        """The lists of those of `users` alone."""
        assert self.user is not None
        left = np.isin(np.unique(self.user), users)
        return lambda k: top(k)[left]


def ratings(rating: object, n: int, component: str) -> np.ndarray:
    """The `n` ratings that `component` gave, shape (n,); PluginError for anything but finite numbers."""
    rating = np.asarray(rating)
    if rating.shape != (n,):
        raise PluginError(
            f"{component}: asked for {n} ratings, it gave an array of shape {rating.shape}"
        )
    if rating.dtype.kind not in "biuf":
        raise PluginError(f"{component}: a rating is a number; it gave an array of {rating.dtype}")
    if not np.isfinite(rating).all():
        raise PluginError(
            f"{component}: {int((~np.isfinite(rating)).sum())} of {n} ratings are no finite numbers"
        )
    return rating


def words(origins: object, n: int, strategy: str) -> np.ndarray:
    """The word that a strategy gives each of `n` predictions; PluginError for anything but text."""
    found = np.asarray(origins, dtype=object)
    if found.shape != (n,):
        raise PluginError(
            f"{strategy}: asked for the origins of {n} ratings, it gave an array of shape {found.shape}"
        )
    wrong = [word for word in found.tolist() if not isinstance(word, str)]
    if wrong:
        raise PluginError(f"{strategy}: an origin is a word; it gave {wrong[0]!r}")
    return found


def sizes(values: object, shape: tuple[int, ...], what: str, strategy: str) -> np.ndarray:
    """The finite numbers of at least 0 that a strategy gives as `what` of its ratings; PluginError for others."""
    found = np.asarray(values)
    if found.shape != shape:
        raise PluginError(
            f"{strategy}: its {what} must have the shape {shape}; it gave an array of shape {found.shape}"
        )
    if found.dtype.kind not in "biuf":
        raise PluginError(
            f"{strategy}: its {what} must be numbers; it gave an array of {found.dtype}"
        )
    wrong = int((~(np.isfinite(found) & (found >= 0))).sum())
    if wrong:
        raise PluginError(
            f"{strategy}: {wrong} of {found.size} numbers of its {what} are not finite or below 0"
        )
    return found

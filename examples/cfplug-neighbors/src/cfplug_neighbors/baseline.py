"""Fit the baseline that neighbours correct, and its residuals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from cfplug import Interactions

ROUNDS = 10
"""Alternations between items and users; on real data the offsets converge in three or four."""

NOTHING = 1e-9
"""Residuals below this part of the largest rating are rounding errors, and become 0."""


@frozen(eq=False)
class Baseline:
    """b_ui = mean + b_u + b_i (Koren, KDD 2008), with offsets (n_users,) and (n_items,)."""

    mean: float
    user: np.ndarray
    item: np.ndarray

    @classmethod
    def of(cls, train: Interactions, user_damping: float, item_damping: float) -> Baseline:
        """Alternate closed forms such as b_i = sum_u (r_ui - mean - b_u) / (n_i + damping)."""
        mean, codes = float(train.rating.mean()), train.batch
        user, item = np.zeros(train.n_users), np.zeros(train.n_items)
        for _ in range(ROUNDS):
            item = damped_means(
                codes.item, train.rating - mean - user[codes.user], train.n_items, item_damping
            )
            user = damped_means(
                codes.user, train.rating - mean - item[codes.item], train.n_users, user_damping
            )
        return cls(mean, user, item)

    def side(self, side: str) -> np.ndarray:
        """Return the offsets of one side."""
        return self.user if side == "user" else self.item

    def expected(self, user: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Return b_ui for pairs of codes, shape (n,)."""
        rating: np.ndarray = self.mean + self.user[user] + self.item[item]
        return rating

    def rests(self, train: Interactions) -> csr_array:
        """Return r_ui - b_ui of every training rating, shape (n_users, n_items)."""
        from scipy.sparse import csr_array

        codes = train.batch
        rest = train.rating - self.expected(codes.user, codes.item)
        rest[np.abs(rest) <= NOTHING * np.abs(train.rating).max()] = 0.0
        return csr_array((rest, (codes.user, codes.item)), shape=(train.n_users, train.n_items))

    def state(self) -> dict[str, np.ndarray]:
        return {"mean": np.array([self.mean]), "user": self.user, "item": self.item}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Baseline:
        return cls(float(state["mean"][0]), state["user"], state["item"])


def damped_means(codes: np.ndarray, values: np.ndarray, size: int, damping: float) -> np.ndarray:
    """Return sum of values / (number + damping) of each code, shape (size,); 0 for 0 / 0."""
    weight = np.bincount(codes, minlength=size) + damping
    means: np.ndarray = np.divide(
        np.bincount(codes, values, size), weight, out=np.zeros(size), where=weight > 0
    )
    return means

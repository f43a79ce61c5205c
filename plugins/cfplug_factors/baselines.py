"""Models that fit themselves: what every other model must beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from cfplug import Batch, Context, Interactions
    from cfplug.params import NoParams
    from cfplug_factors import Bias


@frozen(eq=False)
class Offsets:
    """rating = mean + user offset + item offset; offsets are (n_users,) and (n_items,)."""

    mean: float
    user: np.ndarray
    item: np.ndarray

    def predict(self, batch: Batch) -> np.ndarray:
        """Return ratings of shape (n,)."""
        user, item = (self._offset(side, batch) for side in ("user", "item"))
        rating: np.ndarray = self.mean + user + item
        return rating

    def _offset(self, side: str, batch: Batch) -> np.ndarray:
        """Return the offsets of the ids of `side`, shape (n,): those that the batch brings, else
        those that were learned.
        """
        vector = batch.vector(side)
        offset: np.ndarray = (
            self.biases(side)[getattr(batch, side)] if vector is None else vector[:, 0]
        )
        return offset

    def vectors(self, side: str) -> np.ndarray:
        """Return the offset alone, shape (n_ids, 1)."""
        return self.biases(side)[:, None]

    def biases(self, side: str) -> np.ndarray:
        """Return offsets of every id of `side`, shape (n_ids,)."""
        return self.user if side == "user" else self.item

    def terms(self, batch: Batch) -> dict[str, np.ndarray]:
        """Return the three terms of each rating, each of shape (n,)."""
        mean = np.full(len(batch), self.mean)
        return {
            "mean": mean,
            "user bias": self.user[batch.user],
            "item bias": self.item[batch.item],
        }

    def state(self) -> dict[str, np.ndarray]:
        return {"mean": np.array([self.mean]), "user": self.user, "item": self.item}


def fit_mean(params: NoParams, train: Interactions, context: Context) -> Offsets:
    """Fit the mean alone: all offsets are zero."""
    return Offsets(float(train.rating.mean()), np.zeros(train.n_users), np.zeros(train.n_items))


def restore_mean(params: NoParams, state: Mapping[str, np.ndarray]) -> Offsets:
    return _restore(state)


def fit_bias(params: Bias, train: Interactions, context: Context) -> Offsets:
    """Minimise sum (r - mean - b_u - b_i)^2 + d_u sum b_u^2 + d_i sum b_i^2 over one side at a
    time.

    Each step has the closed form b_i = sum_u (r - mean - b_u) / (n_i + d_i), after Koren (KDD
    2008).
    """
    mean = float(train.rating.mean())
    residual = train.rating - mean
    user, item = np.zeros(train.n_users), np.zeros(train.n_items)
    for done in range(params.rounds):
        item = _offsets(
            train.batch.item, residual - user[train.batch.user], train.n_items, params.item_damping
        )
        user = _offsets(
            train.batch.user, residual - item[train.batch.item], train.n_users, params.user_damping
        )
        context.progress((done + 1) / params.rounds, f"round {done + 1} of {params.rounds}")
    return Offsets(mean, user, item)


def restore_bias(params: Bias, state: Mapping[str, np.ndarray]) -> Offsets:
    return _restore(state)


def _offsets(codes: np.ndarray, residual: np.ndarray, size: int, damping: float) -> np.ndarray:
    total = np.bincount(codes, residual, size)
    weight = np.bincount(codes, minlength=size) + damping
    offsets: np.ndarray = np.divide(total, weight, out=np.zeros(size), where=weight > 0)
    return offsets


def _restore(state: Mapping[str, np.ndarray]) -> Offsets:
    return Offsets(float(state["mean"][0]), state["user"], state["item"])

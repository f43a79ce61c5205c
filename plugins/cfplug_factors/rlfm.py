"""The regression-based latent factor model: a factorization that starts from what metadata says.

rating = mean + b_u + b_i + <p_u, q_i>, where (p_u, b_u) and (q_i, b_i) are drawn about linear
functions of the user's and the item's features: Agarwal and Chen, "Regression-based latent factor
models" (KDD 2009), by the closed-form rounds of `variational` in place of their sampling.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from cfplug_factors import variational
from cfplug_factors.design import design

if TYPE_CHECKING:
    from cfplug import Batch, Context, Interactions
    from cfplug_factors import Rlfm
    from cfplug_factors.variational import Belief, Ratings

SIDES = ("user", "item")
FIXED_ROUNDS = 2
"""Rounds before priors and what they learn of features move: the first vectors are still those of
chance.
"""


@frozen(eq=False)
class Factors:
    """rating = mean + b_u + b_i + <p_u, q_i>; `user` and `item` hold factors, then the bias:
    (n_ids, factors + 1).

    Factors have the mean 0 over the ids of either side that training saw, so that a bias is all
    that an id has with the average one; they are orthogonal, those that matter most first.
    """

    mean: float
    user: np.ndarray
    item: np.ndarray

    def predict(self, batch: Batch) -> np.ndarray:
        """Return ratings of shape (n,)."""
        user, item = (self._own(side, batch) for side in SIDES)
        rating: np.ndarray = (
            self.mean + user[:, -1] + item[:, -1] + (user[:, :-1] * item[:, :-1]).sum(axis=1)
        )
        return rating

    def _own(self, side: str, batch: Batch) -> np.ndarray:
        """Return the vectors of the ids of `side`, (n, factors + 1): those that the batch brings,
        else those learned.
        """
        vector = batch.vector(side)
        own: np.ndarray = (
            self.vectors(side)[getattr(batch, side)] if vector is None else np.asarray(vector)
        )
        return own

    def slopes(self, side: str, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """Return ratings of shape (n,), and how they change with the vector of `side`: the other
        side's factors, and 1.
        """
        other = self._own("item" if side == "user" else "user", batch)
        return self.predict(batch), np.column_stack([other[:, :-1], np.ones(len(other))])

    def vectors(self, side: str) -> np.ndarray:
        """Return factors and bias side by side, shape (n_ids, factors + 1)."""
        return self.user if side == "user" else self.item

    def embeddings(self, side: str) -> np.ndarray:
        """Return factors of every id of `side`, shape (n_ids, factors)."""
        return self.vectors(side)[:, :-1]

    def biases(self, side: str) -> np.ndarray:
        """Return bias of every id of `side`, shape (n_ids,)."""
        return self.vectors(side)[:, -1]

    def terms(self, batch: Batch) -> dict[str, np.ndarray]:
        """Return the terms of which each rating is the sum, each of shape (n,)."""
        user, item = self.user[batch.user], self.item[batch.item]
        products = (user[:, :-1] * item[:, :-1]).T
        return {
            "mean": np.full(len(batch), self.mean),
            "user bias": user[:, -1],
            "item bias": item[:, -1],
            **{f"factor {number}": product for number, product in enumerate(products, start=1)},
        }

    def state(self) -> dict[str, np.ndarray]:
        return {"mean": np.array([self.mean]), "user": self.user, "item": self.item}


def fit(params: Rlfm, train: Interactions, context: Context) -> Factors:
    """Return the posterior means after all rounds; an id that training never saw gets what its
    features say.
    """
    ratings = variational.Ratings.of(train)
    features = _designs(params, train, ratings)
    belief = variational.started(ratings, features, params.factors, context.rng)
    for done in range(params.rounds):
        belief = _round(params, belief, ratings, features, learning=done >= FIXED_ROUNDS)
        context.progress((done + 1) / params.rounds, f"round {done + 1} of {params.rounds}")
    seen = {side: ratings.count(side) > 0 for side in SIDES}
    scale = np.append(
        np.full(params.factors, ratings.deviation**0.5), ratings.deviation
    )  # of factors, and of the bias
    user, item = readable({side: belief.vectors[side].mean * scale for side in SIDES}, seen)
    return Factors(ratings.mean, user, item)


def restore(params: Rlfm, state: Mapping[str, np.ndarray]) -> Factors:
    return Factors(float(state["mean"][0]), state["user"], state["item"])


def _designs(params: Rlfm, train: Interactions, ratings: Ratings) -> dict[str, np.ndarray]:
    """What is known of users and of items, (n_ids, columns) each."""
    of = {side: [feature for feature in train.features if feature.side == side] for side in SIDES}
    counts = {"user": False, "item": params.item_count}
    return {side: design(of[side], ratings.count(side), with_count=counts[side]) for side in SIDES}


def _round(
    params: Rlfm,
    belief: Belief,
    ratings: Ratings,
    features: Mapping[str, np.ndarray],
    *,
    learning: bool,
) -> Belief:
    """Users given items, items given users, then the noise; `learning` priors too."""
    for side, ridge in (("user", params.user_ridge), ("item", params.item_ridge)):
        belief = variational.updated(belief, side, ratings, features[side])
        if learning:
            belief = variational.with_prior(belief, side, ratings, features[side], ridge)
    return variational.with_noise(belief, ratings, params.noise_pooling)


def readable(
    vectors: Mapping[str, np.ndarray], seen: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors of users and items that give the same ratings: centred, orthogonal and of one
    scale.

    `vectors` has (n_ids, factors + 1), the bias last, `seen` (n_ids,) of each side. What the mean
    item adds to each user goes to the user's bias and the other way round; the users' mean bias
    goes to the items. The factors are then those of the singular value decomposition of all
    products, its singular values shared by both sides; the item that has the most of a factor has
    it above 0.
    """
    user, item = vectors["user"].copy(), vectors["item"].copy()
    for one, other, known in ((user, item, seen["item"]), (item, user, seen["user"])):
        middle = other[known, :-1].mean(axis=0)
        one[:, -1] += one[:, :-1] @ middle
        other[:, :-1] -= middle
    middle = user[seen["user"], -1].mean()
    user[:, -1] -= middle
    item[:, -1] += middle
    turn, back = _rotation(user[seen["user"], :-1], item[seen["item"], :-1])
    user[:, :-1], item[:, :-1] = user[:, :-1] @ turn, item[:, :-1] @ back
    return user, item


def _rotation(user: np.ndarray, item: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """M and its inverse's transpose, (factors, factors), such that user @ M and item @ M^-T are as
    `readable` says.
    """
    root, inverse = _root(user)
    left, values, _ = np.linalg.svd(root @ _root(item)[0])
    turn, back = inverse @ left * np.sqrt(values), root @ left / np.sqrt(values)
    turned = item @ back
    sign = np.where(
        turned[np.abs(turned).argmax(axis=0), np.arange(turned.shape[1])] < 0, -1.0, 1.0
    )
    return turn * sign, back * sign


def _root(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the symmetric root of the mean of x x', and its inverse; a direction that no vector
    has keeps a little.
    """
    second = vectors.T @ vectors / len(vectors)
    values, axes = np.linalg.eigh(second + (1e-9 * np.trace(second) + 1e-30) * np.eye(len(second)))
    return (axes * np.sqrt(values)) @ axes.T, (axes / np.sqrt(values)) @ axes.T

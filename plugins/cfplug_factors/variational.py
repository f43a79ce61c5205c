"""Vectors of users and items as normal distributions: posteriors, priors, and noise of ratings.

r_ui = <p_u, q_i> + b_u + b_i + e
(p_u, b_u) ~ N(A' x_u, S),   (q_i, b_i) ~ N(B' x_i, T),   e ~ N(0, s2_i)

where r is the rating less the mean of all, in deviations, so that nothing depends on the scale.
With a 1 next to each vector the rating is one product, <(p_u, b_u, 1), (q_i, 1, b_i)>, and users
and items follow from each other by the same rule. The posterior is taken to factorize into one of
users and one of items, as in Lim and Teh, "Variational Bayesian approach to movie rating
prediction" (KDD Cup 2007). Sums over ratings are products of one sparse matrix, (n_users, n_items),
with second moments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve, frozen

if TYPE_CHECKING:
    from cfplug import Interactions

JITTER = 1e-4
"""Variance that every prior keeps: a feature that tells all would leave none."""

LEAST_NOISE = 1e-4
"""Variance that every item's noise keeps: a model may hit all ratings."""


@frozen(eq=False)
class Normals:
    """Normal distributions of n vectors: means of shape (n, d), covariances (n, d, d)."""

    mean: np.ndarray
    cov: np.ndarray

    def second(self) -> np.ndarray:
        """E[x x'], shape (n, d, d)."""
        second: np.ndarray = self.mean[:, :, None] * self.mean[:, None, :] + self.cov
        return second

    def with_one(self, place: int) -> Normals:
        """Return the vectors with a 1 that is certain at `place` of each vector, so that d is one
        more.
        """
        mean = np.insert(self.mean, place, 1.0, axis=1)
        return Normals(mean, np.insert(np.insert(self.cov, place, 0.0, axis=1), place, 0.0, axis=2))


@frozen(eq=False)
class Prior:
    """Vectors ~ N(features @ weights, cov): weights of shape (n_features, d), cov (d, d)."""

    weights: np.ndarray
    cov: np.ndarray

    def mean(self, features: np.ndarray) -> np.ndarray:
        """Return the means, (n, d), of the ids with `features`, shape (n, n_features)."""
        mean: np.ndarray = features @ self.weights
        return mean


def prior_of(vectors: Normals, features: np.ndarray, ridge: float) -> Prior:
    """Return the prior from which `vectors` most likely come, with weights pulled to 0 as if by
    `ridge` further ids.

    Column 0 of `features` is 1; its weight is free.
    """
    penalty = ridge * np.eye(features.shape[1])
    penalty[0, 0] = 1e-6
    weights = np.linalg.solve(features.T @ features + penalty, features.T @ vectors.mean)
    rest = vectors.mean - features @ weights
    cov = (rest.T @ rest + vectors.cov.sum(axis=0)) / len(rest) + JITTER * np.eye(rest.shape[1])
    return Prior(weights, cov)


@frozen(eq=False)
class Ratings:
    """Ratings less their `mean` over their `deviation`, in two sparse matrices: where there is one,
    and which.

    Both have the shape (n_users, n_items). `squares`, shape (n_items,), is the sum of the squares
    for each item.
    """

    seen: Any
    values: Any
    squares: np.ndarray
    mean: float
    deviation: float

    @classmethod
    def of(cls, train: Interactions) -> Ratings:
        """Make the matrices; ratings that are all equal count as having the deviation 1."""
        from scipy import sparse

        shape, codes = (train.n_users, train.n_items), (train.batch.user, train.batch.item)
        mean, deviation = float(train.rating.mean()), float(train.rating.std()) or 1.0
        rest = (train.rating - mean) / deviation
        seen, values = (
            sparse.csr_array(sparse.coo_array((numbers, codes), shape=shape))
            for numbers in (np.ones(len(rest)), rest)
        )
        return cls(seen, values, np.bincount(codes[1], rest**2, train.n_items), mean, deviation)

    def count(self, side: str) -> np.ndarray:
        """Return how many ratings each id of `side` has."""
        count: np.ndarray = self.seen.sum(axis=1 if side == "user" else 0)
        return count

    def weighted(self, side: str, weight: np.ndarray) -> tuple[Any, Any]:
        """Return both matrices with each item's ratings multiplied by its `weight`, the ids of
        `side` in rows.
        """
        from scipy import sparse

        both = [
            (matrix @ sparse.diags_array(weight)).tocsr() for matrix in (self.seen, self.values)
        ]
        seen, values = both if side == "user" else [matrix.T.tocsr() for matrix in both]
        return seen, values


def _sums(seen: Any, moments: np.ndarray) -> np.ndarray:
    """Return the sums, (n, d, d), of the (n_others, d, d) moments over the ratings of each row."""
    d = moments.shape[1]
    sums: np.ndarray = (seen @ moments.reshape(-1, d * d)).reshape(-1, d, d)
    return sums


def posterior(
    weighted: tuple[Any, Any], others: Normals, one: int, mean: np.ndarray, cov: np.ndarray
) -> Normals:
    """Return the posterior of n vectors with priors N(mean, cov), given ratings of `others`, which
    have their 1
    already.

    `weighted` holds 1 / s2 and r / s2 of each rating, (n, n_others); `one` is the place of the
    rows' own 1. Precision: cov^-1 + sum E[z z'] / s2, over the others z that the row has rated,
    without the row and column `one`.
    """
    seen, values = weighted
    sums = _sums(seen, others.second())
    free = np.delete(np.arange(sums.shape[1]), one)
    inverse = np.linalg.inv(cov)
    covs = np.linalg.inv(sums[:, free][:, :, free] + inverse)
    shift = (values @ others.mean)[:, free] - sums[:, free, one] + mean @ inverse
    return Normals(np.einsum("nij,nj->ni", covs, shift), covs)


def squared_errors(ratings: Ratings, users: Normals, items: Normals) -> np.ndarray:
    """Return the expected sum of (r - <y_u, z_i>)^2 over the ratings of each item, (n_items,); both
    have their 1.
    """
    crossed = ((ratings.values.T @ users.mean) * items.mean).sum(axis=1)
    fitted = (_sums(ratings.seen.T.tocsr(), users.second()) * items.second()).sum(axis=(1, 2))
    errors: np.ndarray = ratings.squares - 2 * crossed + fitted
    return errors


@frozen(eq=False)
class Belief:
    """All that the rounds move: vectors and priors of both sides, and the variance s2 of each
    item's noise.
    """

    vectors: Mapping[str, Normals]
    priors: Mapping[str, Prior]
    noise: np.ndarray

    @property
    def ones(self) -> Mapping[str, int]:
        """Return where (p, b_u, 1) and (q, 1, b_i) have their 1."""
        width = self.vectors["item"].mean.shape[1]
        return {"user": width, "item": width - 1}

    def with_one(self, side: str) -> Normals:
        return self.vectors[side].with_one(self.ones[side])


def started(
    ratings: Ratings, features: Mapping[str, np.ndarray], factors: int, rng: np.random.Generator
) -> Belief:
    """Users unknown; items with damped means as biases and small factors by chance."""
    n_users, n_items = ratings.seen.shape
    bias = ratings.values.sum(axis=0) / (ratings.count("item") + 5)
    item = np.column_stack([rng.normal(0, 0.1, (n_items, factors)), bias])
    means = {"user": np.zeros((n_users, factors + 1)), "item": item}
    spread = {"user": 0.2 * np.eye(factors + 1), "item": 0.1 * np.eye(factors + 1)}
    weights = {side: np.zeros((table.shape[1], factors + 1)) for side, table in features.items()}
    return Belief(
        {side: Normals(mean, np.zeros((*mean.shape, factors + 1))) for side, mean in means.items()},
        {side: Prior(weights[side], spread[side]) for side in features},
        np.ones(n_items),
    )


def updated(belief: Belief, side: str, ratings: Ratings, features: np.ndarray) -> Belief:
    """Return the state with the posterior of the vectors of `side`, given all the rest."""
    prior, other = belief.priors[side], "item" if side == "user" else "user"
    weighted = ratings.weighted(side, 1 / belief.noise)
    vectors = posterior(
        weighted, belief.with_one(other), belief.ones[side], prior.mean(features), prior.cov
    )
    return evolve(belief, vectors={**belief.vectors, side: vectors})


def with_prior(
    belief: Belief, side: str, ratings: Ratings, features: np.ndarray, ridge: float
) -> Belief:
    """Return the state with the prior of `side` learned from the ids that have ratings."""
    known, vectors = ratings.count(side) > 0, belief.vectors[side]
    prior = prior_of(Normals(vectors.mean[known], vectors.cov[known]), features[known], ridge)
    return evolve(belief, priors={**belief.priors, side: prior})


def with_noise(belief: Belief, ratings: Ratings, pooling: float) -> Belief:
    """Return the state with each item's noise as its mean expected squared error, among `pooling`
    further ratings
    with that of all.
    """
    errors, count = (
        squared_errors(ratings, belief.with_one("user"), belief.with_one("item")),
        ratings.count("item"),
    )
    noise = (errors + pooling * errors.sum() / count.sum()) / (count + pooling)
    return evolve(belief, noise=noise.clip(min=LEAST_NOISE))

"""Model what answers to questions, "not seen" among them, say of a user.

A user is z = (v, s): the vector v (width,) and, for each of m candidate questions, s_c = 1 if the
user can answer it. Both are taken as jointly normal over the trained users. Each answer observes z:
s_c = 0 for "not seen", else s_c = 1 and

    r_c = f(prior, c) + J_c (v - prior) + e,    e ~ N(0, noise_c).

The posterior is the closed form of linear regression, Kalman's filter (1960) in one step. Ratings
are missing not at random (Marlin and Zemel, RecSys 2009): who has seen a film differs in taste from
who has not, before either rates it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from cfplug_coldstart.posterior import blocks

if TYPE_CHECKING:
    from cfplug import FittedModel
    from cfplug_coldstart.population import Population

POWER = 0.5
"""A trained user with n ratings weighs n^0.5, as who rates much is predicted more; 0 and 1 are
worse."""

KEPT = 0.9
"""Share of the covariances of what is seen that is kept: the rest of them is chance."""

SURE = 1e-6
"""Variance of the observation that something was seen, or was not: next to none."""


@frozen(eq=False)
class JointPrior:
    """The normal distribution of a user's vector and of which questions the user can answer.

    `items` (m,) are the codes of the candidates, `shift` (width,) how far those who rate much are
    from their prior means, `rate` (m,) the probability that a user can answer, `cov` (width + m,
    width + m) the covariance of both. `slopes` (n_items, width) and `noise` (n_items,) of ratings
    are those of the population. Without `evidence`, what was seen says nothing of the vector.
    """

    items: np.ndarray
    shift: np.ndarray
    rate: np.ndarray
    cov: np.ndarray
    slopes: np.ndarray
    noise: np.ndarray
    evidence: bool

    @property
    def width(self) -> int:
        return len(self.shift)


@frozen(eq=False)
class Answers:
    """The answers of one user.

    `seen` (a,) is 1 for candidates that the user has seen, else 0, and `places` (a,) which ones.
    `items` (b,) are the codes of rated items, `residual` (b,) how far each rating is from the
    prediction at the user's prior mean.
    """

    places: np.ndarray
    seen: np.ndarray
    items: np.ndarray
    residual: np.ndarray


@frozen(eq=False)
class JointPosterior:
    """The distribution of (v, s) after some answers.

    `moved` (width + m,) is its mean less that of the prior. `cov` has the columns of v alone, shape
    (width + m, width); `variance` (m,) is that of each of s.
    """

    moved: np.ndarray
    cov: np.ndarray
    variance: np.ndarray


def joint_posterior(joint: JointPrior, answers: Answers) -> JointPosterior:
    """Return S H' (H S H' + D)^-1 y, where the rows of H pick what was observed out of z."""
    width = joint.width
    asked = width + answers.places
    slopes = joint.slopes[answers.items]
    cross = np.hstack([joint.cov[:, asked], joint.cov[:, :width] @ slopes.T])
    observed = np.vstack([cross[asked], slopes @ cross[:width]])
    spread = np.r_[np.full(len(answers.places), SURE), joint.noise[answers.items]]
    found = np.r_[answers.seen - joint.rate[answers.places], answers.residual]
    gain = np.linalg.solve(observed + np.diag(spread), cross.T).T
    variance = np.diag(joint.cov)[width:] - (gain[width:] * cross[width:]).sum(axis=1)
    return JointPosterior(gain @ found, joint.cov[:, :width] - gain @ cross[:width].T, variance)


def most_rated(fitted: FittedModel, n: int) -> np.ndarray:
    """Return the codes of the `n` items with the most training ratings; the first at ties."""
    count = fitted.support.count["item"]
    n_rated = int((count > 0).sum())
    return np.argsort(-count, kind="stable")[: min(n, n_rated)]


def joint_prior(
    fitted: FittedModel, known: Population, items: np.ndarray, answerable: float, *, evidence: bool
) -> JointPrior:
    """Return the prior of a user, from the trained users' posteriors and what they rated.

    Args:
        fitted: The model.
        known: The population of users.
        items: The codes of the candidates, shape (m,).
        answerable: The share of what a new user has seen to which there is an answer, by chance.
        evidence: Whether what was seen says something of the vector.
    """
    trained = np.flatnonzero(fitted.support.count["user"] > 0)
    count = fitted.support.count["user"][trained]
    weight = count**POWER / (count**POWER).sum()
    seen = _seen(fitted, items)[trained]
    share = weight @ seen
    rate = answerable * share
    both = KEPT * answerable**2 * _cov(weight, seen, seen)
    np.fill_diagonal(both, rate * (1 - rate))
    apart = (known.vectors - known.prior)[trained]
    if evidence:
        own = _cov(weight, apart, apart) + _mean_cov(fitted, known, trained, weight)
        cross = np.sqrt(KEPT) * answerable * _cov(weight, apart, seen)
        shift = weight @ apart
    else:
        own = known.cov
        cross = np.zeros((apart.shape[1], len(items)))
        shift = np.zeros(apart.shape[1])
    cov = np.block([[own, cross], [cross.T, both]])
    return JointPrior(items, shift, rate, cov, known.slopes, known.noise, evidence)


def _cov(weight: np.ndarray, one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Return weighted covariances of the columns of `one` and `two`."""
    return np.asarray(((one - weight @ one) * weight[:, None]).T @ (two - weight @ two))


def _seen(fitted: FittedModel, items: np.ndarray) -> np.ndarray:
    """Return which of m `items` each user of the catalogue rated, 0 or 1, shape (n_ids, m)."""
    train = fitted.train.batch
    seen = np.zeros((len(fitted.catalogue.user), len(items)))
    place = np.full(len(fitted.catalogue.item), -1)
    place[items] = np.arange(len(items))
    asked = place[train.item] >= 0
    seen[train.user[asked], place[train.item[asked]]] = 1.0
    return seen


def _mean_cov(
    fitted: FittedModel, known: Population, trained: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Return the weighted mean of the posterior covariances of the trained users' vectors."""
    train, scale = fitted.train, np.sqrt(known.noise)
    slopes = known.slopes / scale[:, None]
    weight_of = np.zeros(len(fitted.catalogue.user))
    weight_of[trained] = weight
    total = np.zeros(known.cov.shape)
    residual = np.zeros(len(train.rating))
    for block in blocks(train.batch.user, train.batch.item, residual, slopes, scale):
        covs = block.posterior_cov(block.gain(known.cov), known.cov)
        total += np.tensordot(weight_of[block.rows], covs, axes=1)
    return total

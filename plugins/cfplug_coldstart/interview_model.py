"""What do answers to questions say of a user, "not seen" among them?

A user is z = (v, s): the vector v (width,) and, for each of m candidate questions, s_c = 1 if he
can answer it. Both are taken as jointly normal over the trained users. Each answer observes z: s_c = 0
for "not seen", else s_c = 1 and

    r_c = f(prior, c) + J_c (v - prior) + e,    e ~ N(0, noise_c).

The posterior is the closed form of linear regression, Kalman's filter (1960) in one step. Ratings
are missing not at random (Marlin and Zemel, RecSys 2009): who has seen a film differs in taste from
who has not, before either says anything of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from cfplug_coldstart.posterior import blocks

if TYPE_CHECKING:
    from cfplug import FittedModel
    from cfplug_coldstart.population import Population

POWER = 0.5
"""A trained user with n ratings weighs n^0.5: who rates much is asked about more often; 0 and 1 do worse."""

KEPT = 0.9
"""Share of the covariances of what is seen that is kept: the rest of them is chance."""

SURE = 1e-6
"""Variance of the observation that something was seen, or was not: next to none."""


@frozen(eq=False)
class JointPrior:
    """The normal distribution of a user's vector and of what he can answer.

    `items` (m,) are the codes of the candidates, `shift` (width,) how far those who rate much lie
    from their prior means, `rate` (m,) the chance that a user can answer, `cov` (width + m, width +
    m) the covariance of both. `slopes` (n_items, width) and `noise` (n_items,) of ratings are those
    of the population. Without `evidence`, what was seen says nothing of the vector."""

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
    """What one user said: `seen` (a,) of which candidates, as `places` (a,) among them; and the ratings that he gave.

    `items` (b,) are their codes, `residual` (b,) how far each is from what the model says at the
    user's prior mean."""

    places: np.ndarray
    seen: np.ndarray
    items: np.ndarray
    residual: np.ndarray


@frozen(eq=False)
class JointPosterior:
    """What is known of (v, s) after some answers: how far its mean `moved` (width + m,) from the prior, and `cov`.

    `cov` has the columns of v alone, shape (width + m, width); `variance` (m,) is that of each of
    s."""

    moved: np.ndarray
    cov: np.ndarray
    variance: np.ndarray


def joint_posterior(joint: JointPrior, answers: Answers) -> JointPosterior:
    """The posterior: S H' (H S H' + D)^-1 y, where the rows of H pick what was observed out of z."""
    width = joint.width
    slopes = joint.slopes[answers.items]
    cross = np.hstack([joint.cov[:, width + answers.places], joint.cov[:, :width] @ slopes.T])
    observed = np.vstack([cross[width + answers.places], slopes @ cross[:width]])
    spread = np.r_[np.full(len(answers.places), SURE), joint.noise[answers.items]]
    found = np.r_[answers.seen - joint.rate[answers.places], answers.residual]
    gain = np.linalg.solve(observed + np.diag(spread), cross.T).T
    variance = np.diag(joint.cov)[width:] - (gain[width:] * cross[width:]).sum(axis=1)
    return JointPosterior(gain @ found, joint.cov[:, :width] - gain @ cross[:width].T, variance)


def most_rated(fitted: FittedModel, n: int) -> np.ndarray:
    """The codes of the `n` items with the most training ratings, those with most first; of equal ones the first."""
    count = fitted.support.count["item"]
    return np.argsort(-count, kind="stable")[: min(n, int((count > 0).sum()))]


def joint_prior(
    fitted: FittedModel, known: Population, items: np.ndarray, answerable: float, *, evidence: bool
) -> JointPrior:
    """From the trained users: their vectors as far as these are known, and which of `items` they rated.

    A newcomer can answer a share `answerable` of what he has seen, by chance.
    """
    trained = np.flatnonzero(fitted.support.count["user"] > 0)
    count = fitted.support.count["user"][trained]
    weight = count**POWER / (count**POWER).sum()
    seen = _seen(fitted, items)[trained]
    share = weight @ seen
    both = KEPT * answerable**2 * _cov(weight, seen, seen)
    np.fill_diagonal(both, answerable * share * (1 - answerable * share))
    apart = (known.vectors - known.prior)[trained]
    if evidence:
        own = _cov(weight, apart, apart) + _uncertainty(fitted, known, trained, weight)
        cross, shift = np.sqrt(KEPT) * answerable * _cov(weight, apart, seen), weight @ apart
    else:
        own, cross, shift = (
            known.cov,
            np.zeros((apart.shape[1], len(items))),
            np.zeros(apart.shape[1]),
        )
    cov = np.block([[own, cross], [cross.T, both]])
    return JointPrior(items, shift, answerable * share, cov, known.slopes, known.noise, evidence)


def _cov(weight: np.ndarray, one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Weighted covariances of the columns of `one` and `two`."""
    return np.asarray(((one - weight @ one) * weight[:, None]).T @ (two - weight @ two))


def _seen(fitted: FittedModel, items: np.ndarray) -> np.ndarray:
    """Which of `items` each user of the catalogue rated in training, 0 or 1, shape (n_ids, m)."""
    seen, train = np.zeros((len(fitted.catalogue.user), len(items))), fitted.train.batch
    place = np.full(len(fitted.catalogue.item), -1)
    place[items] = np.arange(len(items))
    there = place[train.item] >= 0
    seen[train.user[there], place[train.item[there]]] = 1.0
    return seen


def _uncertainty(
    fitted: FittedModel, known: Population, trained: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """The weighted mean of the posterior covariances of the trained users' vectors, shape (width, width)."""
    train, scale = fitted.train, np.sqrt(known.noise)
    of, total = np.zeros(len(fitted.catalogue.user)), np.zeros(known.cov.shape)
    of[trained] = weight
    residual = np.zeros(len(train.rating))
    for block in blocks(
        train.batch.user, train.batch.item, residual, known.slopes / scale[:, None], scale
    ):
        total += np.tensordot(
            of[block.rows], block.posterior_cov(block.gain(known.cov), known.cov), axes=1
        )
    return total

"""Which question next? The one whose answer lowers the expected error of all predictions most, or a fixed list's next.

The error to come is tr(Q V), for the covariance V of the vector and Q = sum_j n_j J_j' J_j / sum
n_j over all items, with n_j ratings: A-optimal design (Rubens, Elahi, Sugiyama and Kaplan, "Active
learning in recommender systems", 2015). A question c that is answered with the chance p_c is
expected to lower it by

    p_c J_c V Q V J_c' / (J_c V J_c' + noise_c)  +  g_c' Q g_c / var(s_c),    g_c = cov(v, s_c):

what its rating tells, and what it tells that the user has seen it, or has not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cfplug import FittedModel
    from cfplug_coldstart.interview_model import JointPosterior, JointPrior

UNSURE = (0.01, 0.99)
"""Chances that something is answered are between these: a normal distribution knows no bounds."""

LEAST = 1e-3
"""Variance of what is seen below which a question counts as one whose answer is nearly known."""

ROUGH = 0.05
"""Added to the noise of ratings, in squared ratings: what the model knows of items is no certainty."""


def importance(fitted: FittedModel, slopes: np.ndarray) -> np.ndarray:
    """Q, shape (width, width)."""
    count = fitted.support.count["item"]
    return np.asarray((slopes.T * count) @ slopes / count.sum())


def gains(joint: JointPrior, belief: JointPosterior, weight: np.ndarray) -> np.ndarray:
    """How much each candidate is expected to lower tr(Q V), shape (m,), for Q = `weight`."""
    width = joint.width
    chance = np.clip(joint.rate + belief.moved[width:], *UNSURE)
    told: np.ndarray = chance * _by_rating(
        joint, belief.cov[:width], joint.noise[joint.items] + ROUGH, weight
    )
    if not joint.evidence:
        return told
    cross = belief.cov[width:]
    return np.asarray(
        told + ((cross @ weight) * cross).sum(axis=1) / np.maximum(belief.variance, LEAST)
    )


def _by_rating(
    joint: JointPrior, cov: np.ndarray, noise: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """J V Q V J' / (J V J' + noise) of each candidate."""
    slopes = joint.slopes[joint.items]
    moved = slopes @ cov
    return np.asarray(
        ((moved @ weight) * moved).sum(axis=1) / ((moved * slopes).sum(axis=1) + noise)
    )


def by_variance(fitted: FittedModel, items: np.ndarray) -> np.ndarray:
    """The order of `items`, as places, by log(number of ratings) x their variance, greatest first.

    As log(popularity) x entropy of Rashid et al. (IUI 2002), for ratings that are numbers: entropy
    does not know that 1 and 5 are farther apart than 4 and 5."""
    train, n = fitted.train, len(fitted.catalogue.item)
    count = np.bincount(train.batch.item, minlength=n)
    mean = np.bincount(train.batch.item, train.rating, n) / count.clip(min=1)
    spread = np.bincount(
        train.batch.item, (train.rating - mean[train.batch.item]) ** 2, n
    ) / count.clip(min=1)
    order: np.ndarray = np.argsort(-(np.log(count.clip(min=1)) * spread)[items], kind="stable")
    return order


def greedy(joint: JointPrior, weight: np.ndarray) -> np.ndarray:
    """The order of the candidates, as places, in which each lowers tr(Q V) most for the average user, greatest first.

    The average user's rating counts with the precision p_c / noise_c, where p_c is the chance that
    there is one."""
    cov = joint.cov[: joint.width, : joint.width]
    noise = (joint.noise[joint.items] + ROUGH) / np.clip(joint.rate, *UNSURE)
    slopes, order = joint.slopes[joint.items], np.zeros(0, dtype=np.int64)
    for _ in joint.items:
        gain = _by_rating(joint, cov, noise, weight)
        gain[order] = -np.inf
        best = int(np.argmax(gain))
        moved = cov @ slopes[best]
        cov = cov - np.outer(moved, moved) / (moved @ slopes[best] + noise[best])
        order = np.append(order, best)
    return order

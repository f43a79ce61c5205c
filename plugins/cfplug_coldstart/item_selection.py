"""Choose the next question: the one whose answer is expected to lower the error most.

The error to come is tr(Q V), for the covariance V of the vector and Q = sum_j n_j J_j' J_j / sum
n_j over all items, with n_j ratings: A-optimal design (Rubens, Elahi, Sugiyama and Kaplan, "Active
learning in recommender systems", 2015). A question c that is answered with the probability p_c is
expected to lower it by

    p_c J_c V Q V J_c' / (J_c V J_c' + noise_c)  +  g_c' Q g_c / var(s_c),    g_c = cov(v, s_c):

by its rating, and by the fact that the user has seen it, or has not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cfplug import FittedModel
    from cfplug_coldstart.interview_model import JointPosterior, JointPrior

UNSURE = (0.01, 0.99)
"""Bounds of the probability of an answer: a normal distribution has none."""

LEAST = 1e-3
"""Least variance of "seen" in a quotient: below it the answer is nearly known."""

ROUGH = 0.05
"""Added to the noise of ratings, in squared ratings: the vectors of items are uncertain too."""


def importance(fitted: FittedModel, slopes: np.ndarray) -> np.ndarray:
    """Return Q, shape (width, width), for `slopes` of shape (n_items, width)."""
    count = fitted.support.count["item"]
    return np.asarray((slopes.T * count) @ slopes / count.sum())


def gains(joint: JointPrior, belief: JointPosterior, weight: np.ndarray) -> np.ndarray:
    """Return how much each candidate is expected to lower tr(Q V), shape (m,).

    Args:
        joint: The distribution before the answers.
        belief: The distribution after the answers so far.
        weight: Q, shape (width, width).
    """
    width = joint.width
    probability = np.clip(joint.rate + belief.moved[width:], *UNSURE)
    noise = joint.noise[joint.items] + ROUGH
    by_rating: np.ndarray = probability * _by_rating(joint, belief.cov[:width], noise, weight)
    if not joint.evidence:
        return by_rating
    cross = belief.cov[width:]
    by_seen = ((cross @ weight) * cross).sum(axis=1) / np.maximum(belief.variance, LEAST)
    return np.asarray(by_rating + by_seen)


def _by_rating(
    joint: JointPrior, cov: np.ndarray, noise: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Return J V Q V J' / (J V J' + noise) of each candidate, shape (m,)."""
    slopes = joint.slopes[joint.items]
    moved = slopes @ cov
    variance = (moved * slopes).sum(axis=1) + noise
    return np.asarray(((moved @ weight) * moved).sum(axis=1) / variance)


def by_variance(fitted: FittedModel, items: np.ndarray) -> np.ndarray:
    """Return the order of `items`, as places, by log(number of ratings) x their variance.

    As log(popularity) x entropy of Rashid et al. (IUI 2002), for ratings that are numbers: entropy
    does not use that 1 and 5 are farther apart than 4 and 5.
    """
    train, n = fitted.train, len(fitted.catalogue.item)
    rated = train.batch.item
    count = np.bincount(rated, minlength=n)
    mean = np.bincount(rated, train.rating, n) / count.clip(min=1)
    squares = np.bincount(rated, (train.rating - mean[rated]) ** 2, n)
    variance = squares / count.clip(min=1)
    score = (np.log(count.clip(min=1)) * variance)[items]
    order: np.ndarray = np.argsort(-score, kind="stable")
    return order


def greedy(joint: JointPrior, weight: np.ndarray) -> np.ndarray:
    """Return the order of the candidates, as places, by what each adds for the average user.

    Each next one lowers tr(Q V) most. The average user's rating counts with the precision
    p_c / noise_c, where p_c is the probability that there is one.
    """
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

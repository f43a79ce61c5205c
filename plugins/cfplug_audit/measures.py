"""Measures of lists of recommendations: a number for each user, or one for all lists together.

Lists are codes of items of shape (m, k), with -1 if a list is short. A measure of a user leaves out
the empty places, and is NaN for a list without items.
"""

from __future__ import annotations

import numpy as np

from cfplug_audit.inequality import gini
from cfplug_audit.lists import NONE, Lists

ALPHA = 0.01
"""How much of the profile is mixed into the list, so that a missing genre costs a finite amount."""


def mean_of(values: np.ndarray, lists: Lists) -> np.ndarray:
    """Return the mean of `values`, shape (n_items,), over the items of each list, shape (m,)."""
    return _mean(np.append(values.astype(np.float64), np.nan)[lists.items], lists.items != NONE)


def _mean(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    n = there.sum(axis=1)
    means: np.ndarray = np.divide(
        np.where(there, values, 0).sum(axis=1), n, out=np.full(len(n), np.nan), where=n > 0
    )
    return means


def percentile(count: np.ndarray) -> np.ndarray:
    """Return the popularity of each item as a percentile among the items with a rating.

    100 ((items with fewer ratings) + (items with as many) / 2) / items, so the mean is 50. `count`
    are the training ratings of each item, shape (n_items,).
    """
    known = np.sort(count[count > 0])
    below, up_to = (np.searchsorted(known, count, side=side) for side in ("left", "right"))
    return np.asarray(50 * (below + up_to) / max(len(known), 1))


def in_tail(count: np.ndarray, share: float) -> np.ndarray:
    """Return the long tail: the least rated items, which together have `share` of all ratings."""
    order = np.argsort(count, kind="stable")
    tail = np.zeros(len(count), dtype=bool)
    tail[order[np.cumsum(count[order]) <= share * count.sum()]] = True
    return tail


def novelty(count: np.ndarray, n_users: int) -> np.ndarray:
    """Return the self-information of each item in bits, -log2(share of users who rated it).

    An item without ratings counts as one with a single rating (Vargas and Castells, RecSys 2011).
    """
    return np.asarray(-np.log2(np.maximum(count, 1) / n_users))


def coverage(exposure: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return the share of the items with a training rating that are in any list, shape (...,).

    `exposure` is how often each item is recommended, shape (..., n_items).
    """
    return np.asarray((exposure[..., count > 0] > 0).mean(axis=-1))


def exposure_gini(exposure: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return the Gini coefficient of each row of `exposure`, over items with a training rating."""
    return np.array([gini(row) for row in np.atleast_2d(exposure)[:, count > 0]])


def miscalibration(profile: list[np.ndarray], lists: Lists, member: np.ndarray) -> np.ndarray:
    """Return how far the genres of each list are from those of the user's profile, in nats, (m,).

    KL(p || q') = sum_g p_g ln(p_g / q'_g) with q' = (1 - a) q + a p and a = 0.01 (Steck, RecSys
    2018), where p and q are the means over the profile's and the list's items of their genres, each
    genre of an item having an equal part. 0: the same mix; the most that it can be is ln(100) =
    4.6. `member` is bool of shape (n_items, n_genres).
    """
    parts = member / np.maximum(member.sum(axis=1, keepdims=True), 1)
    p = np.full((len(profile), member.shape[1]), np.nan)
    for row, items in enumerate(profile):
        if len(items):
            p[row] = parts[items].mean(axis=0)
    there = lists.items != NONE
    n = there.sum(axis=1, keepdims=True)
    q = np.divide(
        (parts[lists.items] * there[..., None]).sum(axis=1),
        n,
        out=np.full(p.shape, np.nan),
        where=n > 0,
    )
    mixed = (1 - ALPHA) * q + ALPHA * p
    ratio = np.divide(p, mixed, out=np.ones_like(p), where=p > 0)
    return np.asarray(np.where(np.isnan(p + q), np.nan, p * np.log(ratio)).sum(axis=1))


def jaccard(lists: Lists, member: np.ndarray) -> np.ndarray:
    """Return the similarity |A n B| / |A u B| of the genres of each two items, shape (m, k, k)."""
    sets = member[lists.items].astype(np.float32)
    both = sets @ sets.transpose(0, 2, 1)
    size = sets.sum(axis=2)
    either = size[:, :, None] + size[:, None, :] - both
    similarity: np.ndarray = np.divide(both, either, out=np.ones_like(both), where=either > 0)
    return similarity


def cosine(lists: Lists, factors: np.ndarray) -> np.ndarray:
    """Return the cosine of the factors, shape (n_items, f), of each two items, (m, k, k)."""
    length = np.linalg.norm(factors, axis=1, keepdims=True)
    unit = np.divide(factors, length, out=np.zeros_like(factors), where=length > 0)[lists.items]
    return np.asarray(unit @ unit.transpose(0, 2, 1))


def diversity(similarity: np.ndarray, lists: Lists) -> np.ndarray:
    """Return 1 - the mean similarity of two different items of each list, shape (m,).

    NaN for a list of fewer than two items (intra-list similarity: Ziegler et al., WWW 2005).
    """
    there = lists.items != NONE
    pairs = there[:, :, None] & there[:, None, :] & ~np.eye(there.shape[1], dtype=bool)
    flat = (len(pairs), -1)
    return 1 - _mean(similarity.reshape(flat), pairs.reshape(flat))

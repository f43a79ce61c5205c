"""What lists of recommendations are like: every measure is a number for each user, or one for all lists together.

Lists are codes of items of shape (m, k), with -1 where a list is short. A measure of a user leaves
out the empty places, and is NaN for a list without any item."""

from __future__ import annotations

import numpy as np

from cfplug_audit.inequality import gini
from cfplug_audit.recommended import NONE, Lists

ALPHA = 0.01
"""How much of the profile is mixed into the list, so that a genre which it lacks costs much but not everything."""


def mean_of(values: np.ndarray, lists: Lists) -> np.ndarray:
    """The mean of `values`, shape (n_items,), over the items of each list, shape (m,)."""
    return _mean(np.append(values.astype(np.float64), np.nan)[lists.items], lists.items != NONE)


def _mean(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    n = there.sum(axis=1)
    means: np.ndarray = np.divide(
        np.where(there, values, 0).sum(axis=1), n, out=np.full(len(n), np.nan), where=n > 0
    )
    return means


def percentile(count: np.ndarray) -> np.ndarray:
    """The popularity of each item as a percentile: 100 ((items with fewer ratings) + (items with as many) / 2) / items.

    Among the items with a rating; shape (n_items,) as `count`, the training ratings. So the mean
    over all is 50."""
    known = np.sort(count[count > 0])
    below, up_to = (np.searchsorted(known, count, side=side) for side in ("left", "right"))
    return np.asarray(50 * (below + up_to) / max(len(known), 1))


def in_tail(count: np.ndarray, share: float) -> np.ndarray:
    """Which items make up the long tail: the least rated ones that have at most `share` of all ratings together."""
    order = np.argsort(count, kind="stable")
    tail = np.zeros(len(count), dtype=bool)
    tail[order[np.cumsum(count[order]) <= share * count.sum()]] = True
    return tail


def novelty(count: np.ndarray, n_users: int) -> np.ndarray:
    """The self-information of each item in bits, -log2(share of users who rated it); of an unrated one, that of 1 user.

    Vargas and Castells (RecSys 2011): the fewer know an item, the more it tells.
    """
    return np.asarray(-np.log2(np.maximum(count, 1) / n_users))


def coverage(exposure: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The share of the items with a training rating that stand in any list; `exposure` has the shape (..., n_items)."""
    return np.asarray((exposure[..., count > 0] > 0).mean(axis=-1))


def exposure_gini(exposure: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The Gini coefficient of how often each item with a training rating is recommended, for each row of `exposure`."""
    return np.array([gini(row) for row in np.atleast_2d(exposure)[:, count > 0]])


def miscalibration(profile: list[np.ndarray], lists: Lists, member: np.ndarray) -> np.ndarray:
    """How far the genres of each list lie from those of the user's profile, in nats, shape (m,).

    KL(p || q') = sum_g p_g ln(p_g / q'_g) with q' = (1 - a) q + a p and a = 0.01 (Steck, RecSys
    2018), where p and q are the means over the profile's and the list's items of their genres, each
    genre of an item having an equal part. 0: the same mix; the most that it can be is ln(100) =
    4.6. `member` is bool of shape (n_items, n_genres)."""
    parts = member / np.maximum(member.sum(axis=1, keepdims=True), 1)
    p = np.array(
        [
            parts[items].mean(axis=0) if len(items) else np.full(member.shape[1], np.nan)
            for items in profile
        ]
    )
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
    """The similarity |A n B| / |A u B| of the genres of each two items of a list, shape (m, k, k)."""
    sets = member[lists.items].astype(np.float32)
    both = sets @ sets.transpose(0, 2, 1)
    size = sets.sum(axis=2)
    either = size[:, :, None] + size[:, None, :] - both
    similarity: np.ndarray = np.divide(both, either, out=np.ones_like(both), where=either > 0)
    return similarity


def cosine(lists: Lists, factors: np.ndarray) -> np.ndarray:
    """The cosine of the factors of each two items of a list, shape (m, k, k); `factors` has the shape (n_items, f)."""
    length = np.linalg.norm(factors, axis=1, keepdims=True)
    unit = np.divide(factors, length, out=np.zeros_like(factors), where=length > 0)[lists.items]
    return np.asarray(unit @ unit.transpose(0, 2, 1))


def diversity(similarity: np.ndarray, lists: Lists) -> np.ndarray:
    """1 - the mean similarity of two different items of each list, shape (m,); NaN for a list of fewer than two.

    Intra-list similarity: Ziegler et al. (WWW 2005).
    """
    there = lists.items != NONE
    pairs = there[:, :, None] & there[:, None, :] & ~np.eye(there.shape[1], dtype=bool)
    flat = (len(pairs), -1)
    return 1 - _mean(similarity.reshape(flat), pairs.reshape(flat))

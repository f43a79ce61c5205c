"""What the model recommends, to whom: the lists of some users, drawn at random, and lists to measure them by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from cfplug import DataError
from cfplug_audit.lots import LOTS, whole_and_rest

if TYPE_CHECKING:
    from cfplug import Batch, Context, FittedModel

PAIRS, AT_LEAST = 4_000_000, 100
"""Predictions that may be made in all: with so many items that it would be more, fewer users are drawn, to a point."""

NONE = -1
"""What stands in a list where no item is left."""


@frozen(eq=False)
class Lists:
    """The lists of m users: `users`, codes of shape (m,), and `items`, codes of shape (m, k), -1 for none."""

    users: np.ndarray
    items: np.ndarray

    def exposure(self, n_items: int, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """How often each item is recommended, shape (n_items,)."""
        items = self.items[rows]
        return np.bincount(items[items != NONE], minlength=n_items)

    def without_each(self, lot: np.ndarray, n_items: int) -> np.ndarray:
        """How often each item is recommended, to all users and to those without each lot: shape (1 + 20, n_items)."""
        return whole_and_rest(
            np.array([self.exposure(n_items, lot == each) for each in range(LOTS)])
        )


@frozen(eq=False)
class Shown:
    """The model's lists, or why there are none; `words` say how many users were drawn of how many."""

    lists: Lists | None
    words: str


def recommended(fitted: FittedModel, k: int, users: int, context: Context) -> Shown:
    """The lists of `k` items for up to `users` users with a training rating, among items that they did not rate there.

    Fewer users where the catalogue is so large that the lists would take minutes.
    """
    known = np.flatnonzero(fitted.support.count["user"] > 0)
    n_items = int((fitted.support.count["item"] > 0).sum())
    most = min(users, len(known), max(AT_LEAST, PAIRS // max(n_items, 1)))
    drawn = np.sort(context.rng.choice(known, most, replace=False))
    try:
        items = fitted.top(drawn, rated(fitted), k)
    except DataError as error:
        return Shown(
            None,
            f"{fitted.name} makes no lists, since it looks at more than user, item and time: {error}",
        )
    who = (
        f"all {most:,} users"
        if most == len(known)
        else f"{most:,} of the {len(known):,} users, drawn at random"
    )
    return Shown(
        Lists(drawn, items),
        f"Lists of {k} items for {who}; each without the items that the user has rated.",
    )


def rated(fitted: FittedModel) -> Batch:
    """The codes of the training pairs."""
    return fitted.catalogue.encode(fitted.evidence.train)


def most_popular(fitted: FittedModel, lists: Lists, seen: Batch) -> Lists:
    """The same users' lists if each got the items with most training ratings that they have not rated."""
    count = fitted.support.count["item"]
    order = np.argsort(-count, kind="stable")
    return _first_left(order[count[order] > 0], lists, seen)


def at_random(fitted: FittedModel, lists: Lists, seen: Batch, rng: np.random.Generator) -> Lists:
    """The same users' lists if each got items by chance that they have not rated."""
    trained = np.flatnonzero(fitted.support.count["item"] > 0)
    width, items = lists.items.shape[1], np.full(lists.items.shape, NONE, dtype=np.int64)
    mine = profiles(lists.users, seen)
    for row, profile in enumerate(mine):
        left = np.setdiff1d(
            rng.choice(trained, min(len(trained), width + len(profile)), replace=False), profile
        )
        picked = rng.permutation(left)[:width]
        items[row, : len(picked)] = picked
    return Lists(lists.users, items)


def _first_left(order: np.ndarray, lists: Lists, seen: Batch) -> Lists:
    width, items = lists.items.shape[1], np.full(lists.items.shape, NONE, dtype=np.int64)
    for row, profile in enumerate(profiles(lists.users, seen)):
        front = order[
            : width + len(profile)
        ]  # even if the user rated all of the profile's, enough are left
        left = front[~np.isin(front, profile)][:width]
        items[row, : len(left)] = left
    return Lists(lists.users, items)


def from_profiles(lists: Lists, profile: list[np.ndarray], rng: np.random.Generator) -> Lists:
    """As many items for each user, drawn from those that they rated; fewer where they rated fewer."""
    width, items = lists.items.shape[1], np.full(lists.items.shape, NONE, dtype=np.int64)
    for row, mine in enumerate(profile):
        picked = rng.permutation(mine)[:width]
        items[row, : len(picked)] = picked
    return Lists(lists.users, items)


def profiles(users: np.ndarray, seen: Batch) -> list[np.ndarray]:
    """The items that each of `users` rated in training, in the order of `users`, which rises."""
    place = np.searchsorted(users, seen.user).clip(max=len(users) - 1)
    mine = users[place] == seen.user
    row, item = place[mine], seen.item[mine]
    order = np.argsort(row, kind="stable")
    return np.split(item[order], np.searchsorted(row[order], np.arange(1, len(users))))

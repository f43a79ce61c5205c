"""Lists of recommendations: those of the model for some users, and others to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from cfplug import DataError
from cfplug.stats import GROUPS, whole_and_rest

if TYPE_CHECKING:
    from cfplug import Batch, Context, FittedModel

MOST_PAIRS = 4_000_000
"""How many predictions are made in all; with more items, fewer users are drawn."""

LEAST_USERS = 100
"""How many users are drawn even if that makes more predictions."""

NONE = -1
"""The place of a list without an item."""


@frozen(eq=False)
class Lists:
    """The lists of m users: `users`, codes of shape (m,), and `items`, (m, k), -1 for none."""

    users: np.ndarray
    items: np.ndarray

    def exposure(self, n_items: int, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return how often each item is recommended in `rows` of the lists, shape (n_items,)."""
        items = self.items[rows]
        return np.bincount(items[items != NONE], minlength=n_items)

    def exposure_by_group(self, group: np.ndarray, n_items: int) -> np.ndarray:
        """Return the exposure in all lists, then without each group of users, (1 + 20, n_items).

        Args:
            group: The group of each list's user, shape (m,).
            n_items: How many items there are.
        """
        parts = [self.exposure(n_items, group == each) for each in range(GROUPS)]
        return whole_and_rest(np.array(parts))


@frozen(eq=False)
class ModelLists:
    """The model's lists, or None; `message` says how many users were drawn, or why none."""

    lists: Lists | None
    message: str


def model_lists(fitted: FittedModel, k: int, users: int, context: Context) -> ModelLists:
    """Return the model's lists for users with a training rating, without the items they rated.

    Args:
        fitted: The model.
        k: The length of a list.
        users: How many users get a list; fewer if the catalogue is very large.
        context: Its generator draws the users.
    """
    known = np.flatnonzero(fitted.support.count["user"] > 0)
    n_items = int((fitted.support.count["item"] > 0).sum())
    most = min(users, len(known), max(LEAST_USERS, MOST_PAIRS // max(n_items, 1)))
    drawn = np.sort(context.rng.choice(known, most, replace=False))
    try:
        items = fitted.top(drawn, training_pairs(fitted), k)
    except DataError as error:
        message = f"{fitted.name} makes no lists, since it uses more than user, item and time"
        return ModelLists(None, f"{message}: {error}")
    who = f"all {most:,} users"
    if most < len(known):
        who = f"{most:,} of the {len(known):,} users, drawn at random"
    message = f"Lists of {k} items for {who}; each without the items that the user has rated."
    return ModelLists(Lists(drawn, items), message)


def training_pairs(fitted: FittedModel) -> Batch:
    """Return the codes of the training pairs."""
    return fitted.catalogue.encode(fitted.evidence.train)


def most_popular(fitted: FittedModel, lists: Lists, seen: Batch) -> Lists:
    """Return lists of the items with most training ratings that each user has not rated."""
    count = fitted.support.count["item"]
    order = np.argsort(-count, kind="stable")
    order = order[count[order] > 0]
    items = np.full_like(lists.items, NONE)
    width = items.shape[1]
    for row, profile in enumerate(profiles(lists.users, seen)):
        # enough are left even if the user rated as many as the profile has
        front = order[: width + len(profile)]
        left = front[~np.isin(front, profile)][:width]
        items[row, : len(left)] = left
    return Lists(lists.users, items)


def at_random(fitted: FittedModel, lists: Lists, seen: Batch, rng: np.random.Generator) -> Lists:
    """Return lists of random items that each user has not rated."""
    trained = np.flatnonzero(fitted.support.count["item"] > 0)
    items = np.full_like(lists.items, NONE)
    width = items.shape[1]
    for row, profile in enumerate(profiles(lists.users, seen)):
        most = min(len(trained), width + len(profile))
        left = np.setdiff1d(rng.choice(trained, most, replace=False), profile)
        picked = rng.permutation(left)[:width]
        items[row, : len(picked)] = picked
    return Lists(lists.users, items)


def from_profiles(lists: Lists, profile: list[np.ndarray], rng: np.random.Generator) -> Lists:
    """Return lists of random items that each user rated; short if they rated fewer.

    Args:
        lists: The lists whose users and length are used.
        profile: The items that each user rated; see `profiles`.
        rng: What draws the items.
    """
    items = np.full_like(lists.items, NONE)
    width = items.shape[1]
    for row, mine in enumerate(profile):
        picked = rng.permutation(mine)[:width]
        items[row, : len(picked)] = picked
    return Lists(lists.users, items)


def profiles(users: np.ndarray, seen: Batch) -> list[np.ndarray]:
    """Return the items that each of the sorted `users` rated in training, in their order."""
    place = np.searchsorted(users, seen.user).clip(max=len(users) - 1)
    mine = users[place] == seen.user
    row, item = place[mine], seen.item[mine]
    order = np.argsort(row, kind="stable")
    return np.split(item[order], np.searchsorted(row[order], np.arange(1, len(users))))

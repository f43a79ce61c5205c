"""The mean rating of a genre, and of its items, with and without its most active raters.

The anime effect of the fast.ai book, chapter 8: a few users who watch and rate much of one kind may
decide what is recommended to all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from attrs import astuple, frozen

from cfplug import Chart, Table
from cfplug.report.elements import Interval, rounded
from cfplug.stats import GROUPS, JACKKNIFE, jackknife, ratio, user_sums, whole_and_rest
from cfplug_audit.columns import Column

if TYPE_CHECKING:
    from cfplug import Batch, FittedModel

MOST = 1_000_000
"""How many ratings are used."""

LEAST_RATERS = 20
"""How many raters a genre must have."""

LEAST_RATINGS = 30
"""How many ratings an item must have."""

LEAST_LEFT = 10
"""How many of an item's ratings must come from others than enthusiasts."""

SHOW = 10
"""How many items are shown."""


@frozen(eq=False)
class Ratings:
    """The training ratings: codes and ratings of shape (n,), and each user's group, (n_users,).

    Of more than `MOST` ratings, those of some users are drawn at random; `message` then says so.
    """

    user: np.ndarray
    item: np.ndarray
    rating: np.ndarray
    group: np.ndarray
    message: str = ""

    @classmethod
    def of(
        cls, fitted: FittedModel, seen: Batch, group: np.ndarray, rng: np.random.Generator
    ) -> Ratings:
        rating, count = fitted.evidence.train["rating"].to_numpy(), fitted.support.count["user"]
        if len(rating) <= MOST:
            return cls(seen.user, seen.item, rating, group)
        order = rng.permutation(len(count))
        drawn = np.zeros(len(count), dtype=bool)
        drawn[order[np.cumsum(count[order]) <= MOST]] = True
        rows = drawn[seen.user]
        message = (
            f"Enthusiasts are looked for among {drawn.sum():,} users, drawn at random: "
            f"{rows.sum():,} ratings."
        )
        return cls(seen.user[rows], seen.item[rows], rating[rows], group, message)

    def means(self, key: np.ndarray, size: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean rating and the number of ratings of each key, both (1 + 20, size).

        The first row is of all users, the others are without each group of them.

        Args:
            key: A code below `size` for each rating, shape (n,).
            size: How many keys there are.
            rows: Which ratings count, bool of shape (n,).
        """
        group, key = self.group[self.user[rows]], key[rows]
        total = whole_and_rest(user_sums(group, GROUPS, self.rating[rows], key, size))
        count = whole_and_rest(user_sums(group, GROUPS, np.ones(len(key)), key, size))
        return ratio(total, count), count


@frozen(eq=False)
class Effect:
    """The effect of a genre's most active raters on its mean rating.

    `change` is the mean with them minus that without; `share` is their percentage of ratings.
    """

    column: str
    name: str
    raters: int
    ratings: int
    share: float
    with_them: Interval | float
    without: Interval | float
    change: Interval | float


def enthusiasts(counts: np.ndarray, share: float) -> np.ndarray:
    """Return the most active of a genre's raters: the ceil(share n) of its n raters who have most.

    Args:
        counts: Each user's ratings in the genre, shape (n_users,).
        share: The share of raters who are enthusiasts. Of equal users the first count.

    Returns:
        bool of shape (n_users,).
    """
    raters = int((counts > 0).sum())
    most = np.argsort(-counts, kind="stable")[: math.ceil(round(share * raters, 9))]
    found = np.zeros(len(counts), dtype=bool)
    found[most] = True
    return found


def effects(data: Ratings, column: Column, share: float) -> tuple[list[Effect], np.ndarray]:
    """Return the effect on every group of items with enough raters.

    Args:
        data: The training ratings, n of them.
        column: The groups of items.
        share: The share of a group's raters who are enthusiasts.

    Returns:
        The effects, and which ratings come from an enthusiast, bool of shape (n,).
    """
    theirs = np.zeros(len(data.rating), dtype=bool)
    found = []
    member = column.groups.member
    for at, name in enumerate(column.groups.names):
        rows = member[data.item, at]
        counts = np.bincount(data.user[rows], minlength=len(data.group))
        raters = int((counts > 0).sum())
        if raters < LEAST_RATERS:
            continue
        keen = enthusiasts(counts, share)[data.user] & rows
        theirs |= keen
        one = np.zeros(len(data.rating), dtype=np.int64)
        whole = data.means(one, 1, rows)[0][:, 0]
        rest = data.means(one, 1, rows & ~keen)[0][:, 0]
        with_them, without = rounded(jackknife(whole), 3), rounded(jackknife(rest), 3)
        change = rounded(jackknife(whole - rest), 3)
        if with_them is not None and without is not None and change is not None:
            ratings = int(rows.sum())
            part = round(100 * float(keen.sum()) / ratings, 1)
            means = (with_them, without, change)
            found.append(Effect(column.name, name, raters, ratings, part, *means))
    return found, theirs


def _by_change(found: Sequence[Effect]) -> list[Effect]:
    """Return the effects, the largest change first."""
    return sorted(found, key=lambda each: -Interval.of(each.change).value)


def effect_table(found: Sequence[Effect], share: float) -> Table:
    """Return the effects as a table, the genre with the largest change first."""
    columns = (
        "items by",
        "group",
        "raters",
        "ratings",
        "ratings from enthusiasts, %",
        "mean rating",
        "mean without enthusiasts",
        "lift, rating points",
    )
    rows = []
    for each in _by_change(found):
        means = (each.with_them, each.without, each.change)
        rows.append((each.column, each.name, each.raters, each.ratings, each.share, *means))
    note = (
        f"Enthusiasts: the {100 * share:g} % of a group's raters who have rated most in it. Lift: "
        "the mean rating minus the mean without them; below 0 they are stricter than the others. "
        f"Groups with fewer than {LEAST_RATERS} raters are left out. "
        f"Intervals (95 %) are by a {JACKKNIFE}."
    )
    return Table("Enthusiasts by group", columns, rows, note)


def effect_chart(found: Sequence[Effect]) -> Chart:
    """Return the change of each group's mean, the largest first."""
    x = "lift by enthusiasts, rating points"
    rows = []
    for each in _by_change(found):
        change = astuple(Interval.of(each.change))
        rows.append((each.name, *change, each.ratings, each.column))
    columns = ("group", x, "low", "high", "ratings", "items by")
    roles = {"x": x, "y": "group", "low": "low", "high": "high", "reference": "zero"}
    return Chart("Lift by enthusiasts", "interval", columns, rows, **roles)


def item_table(
    fitted: FittedModel, data: Ratings, column: str, theirs: np.ndarray
) -> Iterator[Table]:
    """Yield the items whose mean falls most without the enthusiasts of their groups, if any does.

    Args:
        fitted: The model, for the labels of items.
        data: The training ratings, n of them.
        column: The name of the column with the groups.
        theirs: Which ratings come from an enthusiast, bool of shape (n,).
    """
    size = len(fitted.catalogue.item)
    mean, count = data.means(data.item, size, np.ones(len(theirs), dtype=bool))
    rest, left = data.means(data.item, size, ~theirs)
    lift = mean - rest
    given = count[0] - left[0]
    enough = (count[0] >= LEAST_RATINGS) & (left[0] >= LEAST_LEFT) & (given > 0)
    known = np.flatnonzero(enough)
    rows = []
    for item in known[np.argsort(-lift[0, known], kind="stable")][:SHOW]:
        if lift[0, item] > 0:
            numbers = [rounded(jackknife(each[:, item]), 2) for each in (mean, rest, lift)]
            label = fitted.catalogue.item.label(item)
            rows.append((label, int(count[0, item]), int(given[item]), *numbers))
    if rows:
        columns = (
            "item",
            "ratings",
            "from enthusiasts",
            "mean rating",
            "mean without them",
            "lift, rating points",
        )
        note = (
            f"Of the {len(known):,} items with at least {LEAST_RATINGS} ratings, {LEAST_LEFT} of "
            "them from others. As the largest of many, these differences are in part due to "
            f"chance. Intervals (95 %) are by a {JACKKNIFE}."
        )
        yield Table(f"Items lifted most, by {column}", columns, rows, note)


def summary(found: Sequence[Effect], share: float) -> str:
    """Return a sentence or two: which genre is lifted or lowered most, if any is."""
    order = _by_change(found)
    lifted = [each for each in order if Interval.of(each.change).low > 0]
    lowered = [each for each in order if Interval.of(each.change).high < 0]
    keen = f"the {100 * share:g} % of its raters who rate most in it"
    if lifted:
        most = lifted[0]
        rest = f" {len(lowered)} of {len(found)} are lowered by theirs." if lowered else ""
        return (
            f"{len(lifted)} of {len(found)} groups of items are rated higher because of a few "
            f"enthusiasts. Most of all {most.name}: {keen} give {most.share:g} % of its ratings, "
            f"and raise its mean by {most.change} rating points.{rest}"
        )
    if lowered:
        most = lowered[-1]
        return (
            "No group of items is lifted by a few enthusiasts beyond chance; "
            f"{len(lowered)} of {len(found)} are lowered: those who rate most are stricter. Most "
            f"of all {most.name}: {keen} give {most.share:g} % of its ratings, and change its mean "
            f"by {most.change} rating points."
        )
    return f"No group of items is lifted or lowered by {keen} beyond what chance explains."

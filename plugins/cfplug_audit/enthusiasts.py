"""What a few enthusiasts do to a genre: its mean rating, and that of its items, with and without its keenest raters.

The anime effect of the fast.ai book, chapter 8: few people who watch and rate much of one kind may
set what is recommended to all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from attrs import astuple, frozen

from cfplug import Chart, Table
from cfplug.report.elements import Interval
from cfplug_audit.columns import Column
from cfplug_audit.lots import LOTS, cell, ratio, whole_and_rest

if TYPE_CHECKING:
    from cfplug import Batch, FittedModel

MOST = 1_000_000
"""Ratings that are looked at."""

RATERS, RATINGS, LEFT, SHOW = 20, 30, 10, 10
"""Raters that a genre must have, ratings that an item must have, and must have left, and items that are shown."""


@frozen(eq=False)
class Rated:
    """The training ratings: codes and ratings of shape (n,), and the lot of each user, shape (n_users,).

    Of very many, those of so many users as MOST allows, drawn at random; `words` then say so.
    """

    user: np.ndarray
    item: np.ndarray
    rating: np.ndarray
    lot: np.ndarray
    words: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, fitted: FittedModel, seen: Batch, lot: np.ndarray, rng: np.random.Generator
    ) -> Rated:
        rating, count = fitted.evidence.train["rating"].to_numpy(), fitted.support.count["user"]
        if len(rating) <= MOST:
            return cls(seen.user, seen.item, rating, lot)
        order = rng.permutation(len(count))
        drawn = np.zeros(len(count), dtype=bool)
        drawn[order[np.cumsum(count[order]) <= MOST]] = True
        rows = drawn[seen.user]
        words = f"Enthusiasts are looked for among {drawn.sum():,} users, drawn at random: {rows.sum():,} ratings."
        return cls(seen.user[rows], seen.item[rows], rating[rows], lot, (words,))

    def means(self, key: np.ndarray, size: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean rating and the number of ratings of each key, of all rows in `rows` and without each lot of users.

        Both of shape (1 + 20, size); `key` and `rows` have the shape (n,), the latter bool.
        """
        cells = self.lot[self.user[rows]] * size + key[rows]
        shape = (LOTS, size)
        total, count = (
            np.bincount(cells, weights, LOTS * size).reshape(shape)
            for weights in (self.rating[rows], None)
        )
        total, count = whole_and_rest(total), whole_and_rest(count)
        return ratio(total, count), count


@frozen(eq=False)
class Effect:
    """What the most active raters of one genre do to its mean; `change` is the mean with them less that without."""

    column: str
    name: str
    raters: int
    ratings: int
    share: float
    with_them: Interval | float
    without: Interval | float
    change: Interval | float


def enthusiasts(counts: np.ndarray, share: float) -> np.ndarray:
    """Who are the most active of a genre's raters: the ceil(share n) of those n with a rating who have most.

    `counts`, shape (n_users,), are each user's ratings in the genre; bool of the same shape. Ties
    go to the first."""
    raters = int((counts > 0).sum())
    most = np.argsort(-counts, kind="stable")[: math.ceil(round(share * raters, 9))]
    found = np.zeros(len(counts), dtype=bool)
    found[most] = True
    return found


def effects(data: Rated, column: Column, share: float) -> tuple[list[Effect], np.ndarray]:
    """The effect on every group of items with enough raters; and which ratings come from an enthusiast, shape (n,)."""
    theirs = np.zeros(len(data.rating), dtype=bool)
    found = []
    member = column.groups.member
    for at, name in enumerate(column.groups.names):
        rows = member[data.item, at]
        counts = np.bincount(data.user[rows], minlength=len(data.lot))
        if (counts > 0).sum() < RATERS:
            continue
        keen = enthusiasts(counts, share)[data.user] & rows
        theirs |= keen
        one = _effect(data, rows, keen)
        if one is not None:
            raters, ratings = int((counts > 0).sum()), int(rows.sum())
            part = 100 * float(keen.sum()) / ratings
            found.append(Effect(column.name, name, raters, ratings, round(part, 1), *one))
    return found, theirs


def _effect(
    data: Rated, rows: np.ndarray, keen: np.ndarray
) -> tuple[Interval | float, Interval | float, Interval | float] | None:
    one = np.zeros(len(data.rating), dtype=np.int64)
    whole, rest = (data.means(one, 1, which)[0][:, 0] for which in (rows, rows & ~keen))
    cells = [cell(figures, 3) for figures in (whole, rest, whole - rest)]
    told = [each for each in cells if each is not None]
    return (told[0], told[1], told[2]) if len(told) == 3 else None


def effect_table(found: Sequence[Effect], share: float) -> Table:
    """The effects, the genre that is lifted most first."""
    order = sorted(found, key=lambda each: -Interval.of(each.change).value)
    rows = [
        (
            each.column,
            each.name,
            each.raters,
            each.ratings,
            each.share,
            each.with_them,
            each.without,
            each.change,
        )
        for each in order
    ]
    columns = (
        *("items by", "group", "raters", "ratings", "ratings from enthusiasts, %"),
        *("mean rating", "mean without enthusiasts", "lift, rating points"),
    )
    note = (
        f"Enthusiasts: the {100 * share:g} % of a group's raters who have rated most in it. Lift: the mean rating less "
        f"the mean without them; below 0 they are stricter than the others. Groups with fewer than {RATERS} raters are "
        "left out."
    )
    return Table("Do a few enthusiasts lift a genre", columns, rows, note)


def effect_chart(found: Sequence[Effect]) -> Chart:
    order = sorted(found, key=lambda each: -Interval.of(each.change).value)
    x = "lift by enthusiasts, rating points"
    rows = [
        (each.name, *astuple(Interval.of(each.change)), each.ratings, each.column) for each in order
    ]
    columns = ("group", x, "low", "high", "ratings", "items by")
    title = "What the most active raters add to the mean rating"
    return Chart(
        title, "interval", columns, rows, x=x, y="group", low="low", high="high", reference="zero"
    )


def item_table(
    fitted: FittedModel, data: Rated, column: str, theirs: np.ndarray
) -> Iterator[Table]:
    """The items whose mean falls most without the enthusiasts of their groups; none where no item has the ratings."""
    size = len(fitted.catalogue.item)
    mean, count = data.means(data.item, size, np.ones(len(theirs), dtype=bool))
    rest, left = data.means(data.item, size, ~theirs)
    lift = mean - rest
    enough = np.flatnonzero((count[0] >= RATINGS) & (left[0] >= LEFT) & (count[0] > left[0]))
    order = enough[np.argsort(-lift[0, enough], kind="stable")][:SHOW]
    rows = [
        (
            fitted.catalogue.item.label(item),
            int(count[0, item]),
            int(count[0, item] - left[0, item]),
            *(cell(figures[:, item]) for figures in (mean, rest, lift)),
        )
        for item in order
        if lift[0, item] > 0
    ]
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
            f"Of the {len(enough):,} items with at least {RATINGS} ratings, {LEFT} of them from others. Being the "
            "greatest of so many, these differences owe a part to chance."
        )
        yield Table(
            f"Items whose mean falls most without the enthusiasts of their {column}",
            columns,
            rows,
            note,
        )


def told(found: Sequence[Effect], share: float) -> str:
    """One sentence or two: which genre is lifted most, if any is."""
    lifted = [each for each in found if Interval.of(each.change).low > 0]
    lowered = [each for each in found if Interval.of(each.change).high < 0]
    keen = f"the {100 * share:g} % of its raters who rate most in it"
    if lifted:
        most = max(lifted, key=lambda each: Interval.of(each.change).value)
        rest = f" {len(lowered)} of {len(found)} are lowered by theirs." if lowered else ""
        return (
            f"{len(lifted)} of {len(found)} groups of items are rated higher thanks to a few enthusiasts. Most of all "
            f"{most.name}: {keen} give {most.share:g} % of its ratings, and raise its mean by {most.change} rating "
            f"points.{rest}"
        )
    if lowered:
        most = min(lowered, key=lambda each: Interval.of(each.change).value)
        return (
            f"No group of items is lifted by a few enthusiasts beyond chance; {len(lowered)} of {len(found)} are "
            f"lowered: those who rate most are stricter. Most of all {most.name}: {keen} give {most.share:g} % of its "
            f"ratings, and change its mean by {most.change} rating points."
        )
    return f"No group of items is lifted or lowered by {keen} beyond what chance explains."

"""Representation: who gave the ratings, what was rated, and what is recommended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import astuple, frozen

from cfplug import Chart, Section, Table
from cfplug.data.groups import Groups
from cfplug.report.elements import Interval, rounded
from cfplug.stats import JACKKNIFE, jackknife, ratio, user_groups, without_each
from cfplug_audit import enthusiasts
from cfplug_audit.columns import ACTIVITY, Column, columns, columns_of_users
from cfplug_audit.enthusiasts import Ratings
from cfplug_audit.inequality import gini, lorenz, top_share
from cfplug_audit.lists import Lists, model_lists, training_pairs

if TYPE_CHECKING:
    from cfplug import Batch, Context, FittedModel
    from cfplug_audit import Representation

TOPS = (0.01, 0.05, 0.1, 0.2)
"""The top shares of users by activity, and of items by ratings, in the table."""

NOTABLE = 1
"""The share of ratings, in percent, that a group must have to be named in the text."""

FEW = 20
"""A group of fewer users is not in the chart."""

BY_JACKKNIFE = f"Intervals (95 %) are by a {JACKKNIFE}."

AMPLIFIED = "recommendations / ratings"
BEHIND = "share of ratings behind recommendations, %"


@frozen(eq=False)
class Places:
    """Places in lists by item, of all lists and without each group of users, (1 + 20, n_items)."""

    exposure: np.ndarray

    @classmethod
    def of(cls, lists: Lists, n_items: int, group: np.ndarray) -> Places:
        return cls(lists.exposure_by_group(group[lists.users], n_items))

    def share(self, parts: np.ndarray) -> np.ndarray:
        """Return the share of places of each group, shape (1 + 20, n_groups).

        `parts`, shape (n_items, n_groups), is which part of an item's places counts for a group.
        """
        return ratio(self.exposure @ parts, self.exposure.sum(axis=1, keepdims=True))


def representation(params: Representation, fitted: FittedModel, context: Context) -> Section:
    """Return who gave the ratings, what is recommended for them, and the effect of enthusiasts.

    Args:
        params: The length of lists, how many users get one, and the share of enthusiasts.
        fitted: The model that makes the lists.
        context: Its generator draws users.
    """
    seen, n_items = training_pairs(fitted), len(fitted.catalogue.item)
    group = user_groups(len(fitted.catalogue.user))
    shown = model_lists(fitted, params.k, params.users, context)
    places = None if shown.lists is None else Places.of(shown.lists, n_items, group)
    users = list(columns_of_users(fitted))
    items = list(columns(fitted.evidence.dataset, "items", ("set", "category")))
    shares = [_item_shares(fitted, column, places) for column in items]
    ratings = Ratings.of(fitted, seen, group, context.rng)
    text, tables, charts = _enthusiasm(fitted, items, ratings, params.enthusiasts)
    found = [*_text(fitted, bool(items)), shown.message]
    pictures = [_curves(fitted), *_user_chart(fitted, users, group)]
    if places is not None:
        found += map(_extremes, shares[:1])
        pictures += map(_amplification, shares, items)
    by_users = [_user_shares(fitted, each, seen, places) for each in users]
    return Section(
        "Representation",
        [*found, *text],
        [_concentration(fitted), *by_users, *shares, *tables],
        [*pictures, *charts],
    )


def _enthusiasm(
    fitted: FittedModel, items: Sequence[Column], data: Ratings, share: float
) -> tuple[list[str], list[Table], list[Chart]]:
    """Return text, tables and charts on enthusiasts, over all columns of items.

    Single items are shown for the first column with a genre that has enough raters.
    """
    found: list[enthusiasts.Effect] = []
    tables: list[Table] = []
    for column in items:
        effects, theirs = enthusiasts.effects(data, column, share)
        found += effects
        if effects and not tables:
            tables += enthusiasts.item_table(fitted, data, column.name, theirs)
    if not found:
        return [], [], []
    text = [enthusiasts.summary(found, share)]
    if data.message:
        text.insert(0, data.message)
    return (
        text,
        [enthusiasts.effect_table(found, share), *tables],
        [enthusiasts.effect_chart(found)],
    )


def _amounts(fitted: FittedModel) -> dict[str, np.ndarray]:
    """Return the training ratings of each user and of each item that has one."""
    return {f"{side}s": count[count > 0] for side, count in fitted.support.count.items()}


def _concentration(fitted: FittedModel) -> Table:
    """Return the share of ratings from the most active users and of the most rated items."""
    amounts = _amounts(fitted)
    tops = [
        (
            f"the top {100 * top:g} %",
            *(round(100 * top_share(each, top), 1) for each in amounts.values()),
        )
        for top in TOPS
    ]
    rows = [
        *tops,
        ("Gini coefficient, 0 to 1", *(round(gini(each), 3) for each in amounts.values())),
    ]
    columns = ("who or what", *(f"share of ratings of the {side}, %" for side in amounts))
    note = (
        "The share of the training ratings that the top users gave and the top items got. Gini "
        "coefficient: 0 if all have as many, near 1 if a few have all. These are counts of the "
        "data, not estimates, so there are no intervals."
    )
    return Table("Concentration of ratings", columns, rows, note)


def _curves(fitted: FittedModel) -> Chart:
    """Return the Lorenz curves of the training ratings over users and over items."""
    x, y = "users or items, % (the fewest ratings first)", "their ratings, % of all"
    rows = [
        (round(100 * at, 1), round(100 * owned, 2), side)
        for side, each in _amounts(fitted).items()
        for at, owned in zip(*map(np.ndarray.tolist, lorenz(each)), strict=True)
    ]
    note = (
        "On the diagonal all would have as many ratings; the further below it, the more a few have."
    )
    title = "Concentration of ratings"
    return Chart(
        title,
        "line",
        (x, y, "ratings of"),
        rows,
        x=x,
        y=y,
        color="ratings of",
        reference="diagonal",
        note=note,
    )


def _user_shares(fitted: FittedModel, column: Column, seen: Batch, places: Places | None) -> Table:
    """Return groups of users: their share of users, of ratings, and behind recommendations.

    The last one is, over all places in lists, the mean share that the group has of the training
    ratings of the item in that place.
    """
    groups, count = column.groups, fitted.support.count["user"]
    members, ratings = groups.sums(count > 0), groups.sums(count)
    behind = None if places is None else 100 * places.share(_parts(fitted, groups, seen))
    rows = []
    for at, name in enumerate(groups.names):
        if not members[at]:
            continue
        share_of_users = round(100 * members[at] / (count > 0).sum(), 1)
        share_of_ratings = round(100 * ratings[at] / count.sum(), 1)
        per_user = round(ratings[at] / members[at], 1)
        row = [name, int(members[at]), share_of_users, share_of_ratings, per_user]
        if behind is not None:
            row.append(rounded(jackknife(behind[:, at], (0, 100)), 1))
        rows.append(tuple(row))
    columns = ["group", "users", "share of users, %", "share of ratings, %", "ratings per user"]
    note = "A user counts in every group to which they belong. " if groups.overlap else ""
    if behind is not None:
        columns.append(BEHIND)
        note += (
            "Behind recommendations: the part of the recommended items' ratings from the group. "
            + BY_JACKKNIFE
        )
    title = f"Users by {column.name}"
    return Table(title, columns, rows, note)


def _user_chart(fitted: FittedModel, users: Sequence[Column], group: np.ndarray) -> Iterator[Chart]:
    """Yield how many more ratings than the average the users of each group gave.

    Groups by activity itself are left out.
    """
    rows = [
        (f"{column.name}: {name}", *astuple(Interval.of(more)), n)
        for column in users
        if column.name != ACTIVITY
        for name, n, more in _more_active(fitted, column.groups, group)
    ]
    if rows:
        x, columns = "more ratings per user than the average, %", ("group", "low", "high", "users")
        note = (
            f"Left of zero a group rates less than the average. Groups of fewer than {FEW} users "
            f"are left out. {BY_JACKKNIFE}"
        )
        roles = {
            "x": x,
            "y": "group",
            "low": "low",
            "high": "high",
            "reference": "zero",
            "note": note,
        }
        yield Chart("Activity by users", "interval", ("group", x, *columns[1:]), rows, **roles)


def _more_active(
    fitted: FittedModel, groups: Groups, group: np.ndarray
) -> Iterator[tuple[str, int, Interval | float]]:
    """Yield name, users, and 100 ((ratings per user of the group) / (of all users) - 1)."""
    count = fitted.support.count["user"]
    users = without_each(np.column_stack([count > 0, count]).astype(np.float64), group)
    for name, who in zip(groups.names, (groups.member & (count > 0)[:, None]).T, strict=True):
        theirs = without_each(np.column_stack([who, who * count]).astype(np.float64), group)
        each, of_all = (ratio(sums[:, 1], sums[:, 0]) for sums in (theirs, users))
        more = rounded(jackknife(100 * (each / of_all - 1), (-100, np.inf)), 1)
        if more is not None and who.sum() >= FEW:
            yield name, int(who.sum()), more


def _parts(fitted: FittedModel, groups: Groups, seen: Batch) -> np.ndarray:
    """Return the part of each item's ratings from each group of users, (n_items, n_groups)."""
    size = len(fitted.catalogue.item)
    if groups.overlap:
        given = np.stack(
            [np.bincount(seen.item[who[seen.user]], minlength=size) for who in groups.member.T],
            axis=1,
        )
    else:
        width = len(groups.names)
        cells = seen.item * width + groups.member.argmax(axis=1)[seen.user]
        given = np.bincount(cells, minlength=size * width).reshape(size, width)
    return np.asarray(given / np.maximum(fitted.support.count["item"], 1)[:, None])


def _item_shares(fitted: FittedModel, column: Column, places: Places | None) -> Table:
    """Return groups of items: their share of the catalogue, of ratings, and of places in lists."""
    groups, count = column.groups, fitted.support.count["item"]
    known, ratings = groups.sums(count > 0), groups.sums(count) / count.sum()
    share = None if places is None else places.share(groups.member)
    rows = []
    for at in np.argsort(-ratings, kind="stable"):
        if known[at]:
            row: tuple[Any, ...] = (
                groups.names[at],
                int(known[at]),
                _percent(known[at] / (count > 0).sum()),
                _percent(ratings[at]),
            )
            if share is not None:
                percent = rounded(jackknife(100 * share[:, at], (0, 100)), 1)
                amplified = rounded(jackknife(share[:, at] / ratings[at], (0, np.inf)), 2)
                row = (*row, percent, amplified)
            rows.append(row)
    columns = ("group", "items", "share of items, %", "share of ratings, %")
    further = () if places is None else ("share of recommendations, %", AMPLIFIED)
    overlap = (
        "An item counts in every group to which it belongs, so shares sum to over 100 %. "
        * groups.overlap
    )
    why = (
        ""
        if places is None
        else "Recommendations / ratings: over 1 lists amplify the data, under 1 they damp it. "
        + BY_JACKKNIFE
    )
    return Table(f"Items by {column.name}", (*columns, *further), rows, overlap + why)


def _extremes(table: Table) -> str:
    """Say which group has most, and which least, of the recommendations for its ratings."""
    known = [row for row in table.rows if row[3] >= NOTABLE and row[5] is not None]
    if len(known) < 2:
        return "Hardly any group of items has enough ratings to say whether lists amplify it."
    most, least = (
        choose(known, key=lambda row: Interval.of(row[5]).value) for choose in (max, min)
    )
    return (
        f"For its ratings, {most[0]} is recommended most: {most[3]:g} % of the ratings, {most[4]} "
        "% of the places in "
        f"lists. Least is {least[0]}: {least[3]:g} % of the ratings, {least[4]} % of the places."
    )


def _percent(share: float) -> float:
    return round(100 * float(share), 1)


def _amplification(table: Table, column: Column) -> Chart:
    """Return a point for each group of items: its share of ratings and of recommendations."""
    x, y = "share of ratings, %", "share of recommendations, %"
    rows = []
    for row in table.rows:
        if row[4] is not None:  # None for lists without items
            share = Interval.of(row[4])
            rows.append((row[3], share.value, row[0], share.low, share.high, row[1]))
    note = "Above the diagonal a group has more of the recommendations than of the ratings."
    columns = (x, y, "group", "low", "high", "items")
    title = f"Amplification by {column.name}"
    return Chart(
        title, "point", columns, rows, x=x, y=y, label="group", reference="diagonal", note=note
    )


def _text(fitted: FittedModel, has_groups: int) -> Iterator[str]:
    users, items = _amounts(fitted).values()
    yield (
        f"The most active 10 % of {len(users):,} users gave {_percent(top_share(users, 0.1)):g} % "
        "of the "
        f"{users.sum():,} training ratings, and the most rated 10 % of {len(items):,} items got "
        f"{_percent(top_share(items, 0.1)):g} %. What the model learns is mostly their taste."
    )
    if not has_groups:
        yield "Items have no sets or categories, such as genres, so groups of items are left out."

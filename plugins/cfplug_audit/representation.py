"""Whom does the data speak for: who gave the ratings, what was rated, and what comes of it in recommendations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from attrs import astuple, frozen

from cfplug import Chart, Section, Table
from cfplug.data.groups import Groups
from cfplug.report.elements import Interval
from cfplug_audit import enthusiasts
from cfplug_audit.columns import ACTIVITY, Column, columns, columns_of_users
from cfplug_audit.enthusiasts import Rated
from cfplug_audit.inequality import gini, lorenz, top_share
from cfplug_audit.lots import cell, lots, ratio, without_each
from cfplug_audit.recommended import Lists, rated, recommended

if TYPE_CHECKING:
    from cfplug import Batch, Context, FittedModel
    from cfplug_audit import Representation

TOPS = (0.01, 0.05, 0.1, 0.2)
"""Shares of the most active users, and of the most rated items."""

NOTABLE = 1
"""The share of ratings, in percent, that a group must have to be named in the text."""

FEW = 20
"""A group of fewer users is not in the picture."""

AMPLIFIED = "recommendations / ratings"
BEHIND = "share of ratings behind recommendations, %"


@frozen(eq=False)
class Served:
    """Places in lists by item, of all lists and without each lot of users, shape (1 + 20, n_items)."""

    exposure: np.ndarray

    @classmethod
    def of(cls, lists: Lists, n_items: int, lot: np.ndarray) -> Served:
        return cls(lists.without_each(lot[lists.users], n_items))

    def share(self, parts: np.ndarray) -> np.ndarray:
        """The share of places that falls to each group, shape (1 + 20, n_groups).

        `parts`, shape (n_items, n_groups), is which part of an item's places counts for a group.
        """
        return ratio(self.exposure @ parts, self.exposure.sum(axis=1, keepdims=True))


def representation(params: Representation, fitted: FittedModel, context: Context) -> Section:
    """Shares of the most active, Gini, groups' shares of ratings and of recommendations, and enthusiasts."""
    dataset, seen = fitted.evidence.dataset, rated(fitted)
    lot = lots(len(fitted.catalogue.user), context.rng)
    shown = recommended(fitted, params.k, params.users, context)
    served = (
        None if shown.lists is None else Served.of(shown.lists, len(fitted.catalogue.item), lot)
    )
    users, items = (
        list(columns_of_users(fitted)),
        list(columns(dataset, "items", ("set", "category"))),
    )
    shares = [_item_shares(fitted, column, served) for column in items]
    text, tables, charts = _enthusiasm(
        fitted, items, Rated.of(fitted, seen, lot, context.rng), params.enthusiasts
    )
    return Section(
        "Whom the data speaks for",
        [
            *_text(fitted, bool(items)),
            shown.words,
            *(_extremes(each) for each in shares[:1] if served),
            *text,
        ],
        [
            _concentration(fitted),
            *(_user_shares(fitted, each, seen, served) for each in users),
            *shares,
            *tables,
        ],
        [
            _curves(fitted),
            *_user_chart(fitted, users, lot),
            *(
                _amplification(table, column)
                for column, table in zip(items, shares, strict=True)
                if served
            ),
            *charts,
        ],
    )


def _enthusiasm(
    fitted: FittedModel, items: Sequence[Column], data: Rated, share: float
) -> tuple[list[str], list[Table], list[Chart]]:
    """What is to say of enthusiasts, over all columns of items; of single items, by the first column that serves."""
    found: list[enthusiasts.Effect] = []
    tables: list[Table] = []
    for column in items:
        effects, theirs = enthusiasts.effects(data, column, share)
        found += effects
        if effects and not tables:
            tables += enthusiasts.item_table(fitted, data, column.name, theirs)
    if not found:
        return [], [], []
    told = [*data.words, enthusiasts.told(found, share)]
    return (
        told,
        [enthusiasts.effect_table(found, share), *tables],
        [enthusiasts.effect_chart(found)],
    )


def _amounts(fitted: FittedModel) -> dict[str, np.ndarray]:
    """The training ratings of each user and of each item that has one."""
    return {f"{side}s": count[count > 0] for side, count in fitted.support.count.items()}


def _concentration(fitted: FittedModel) -> Table:
    """How many of the ratings come from the most active users, and go to the most rated items."""
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
        "The top users have given, the top items have received, so many of the training ratings. Gini coefficient: 0 "
        "if all have as many, near 1 if a few have all. Counts of the data, not estimates, so there are no intervals."
    )
    return Table("How unevenly ratings are spread", columns, rows, note)


def _curves(fitted: FittedModel) -> Chart:
    """The Lorenz curves of the training ratings over users and over items."""
    x, y = "users or items, % (the fewest ratings first)", "their ratings, % of all"
    rows = [
        (round(100 * at, 1), round(100 * owned, 2), side)
        for side, each in _amounts(fitted).items()
        for at, owned in zip(*map(np.ndarray.tolist, lorenz(each)), strict=True)
    ]
    note = (
        "On the diagonal all would have as many ratings; the further below it, the more a few have."
    )
    title = "How unevenly ratings are spread"
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


def _user_shares(fitted: FittedModel, column: Column, seen: Batch, served: Served | None) -> Table:
    """Groups of users: their share of users, of ratings, and of the ratings from which recommendations come.

    The last one is, over all places in lists, the mean share that the group has of the training
    ratings of the item that stands there."""
    groups, count = column.groups, fitted.support.count["user"]
    members, ratings = groups.sums(count > 0), groups.sums(count)
    behind = None if served is None else 100 * served.share(_parts(fitted, groups, seen))
    rows = [
        (
            name,
            int(members[at]),
            round(100 * members[at] / (count > 0).sum(), 1),
            round(100 * ratings[at] / count.sum(), 1),
            round(ratings[at] / members[at], 1),
            *([] if behind is None else [cell(behind[:, at], 1, 0, 100)]),
        )
        for at, name in enumerate(groups.names)
        if members[at]
    ]
    columns = ("group", "users", "share of users, %", "share of ratings, %", "ratings per user")
    overlap = "A user counts in every group to which they belong. " * groups.overlap
    why = (
        ""
        if served is None
        else "Behind recommendations: the part of the recommended items' ratings from the group."
    )
    title = f"Users by {column.name}: who speaks, and who decides what is recommended"
    return Table(title, columns if behind is None else (*columns, BEHIND), rows, overlap + why)


def _user_chart(fitted: FittedModel, users: Sequence[Column], lot: np.ndarray) -> Iterator[Chart]:
    """How many more ratings than the average the users of each group gave; not of groups by that very number."""
    rows = [
        (f"{column.name}: {name}", *astuple(Interval.of(more)), n)
        for column in users
        if column.name != ACTIVITY
        for name, n, more in _more_active(fitted, column.groups, lot)
    ]
    if rows:
        x, columns = "more ratings per user than the average, %", ("group", "low", "high", "users")
        note = f"Left of zero a group speaks less than its number. Groups of fewer than {FEW} users are left out."
        roles = {
            "x": x,
            "y": "group",
            "low": "low",
            "high": "high",
            "reference": "zero",
            "note": note,
        }
        yield Chart(
            "Which users speak for others", "interval", ("group", x, *columns[1:]), rows, **roles
        )


def _more_active(
    fitted: FittedModel, groups: Groups, lot: np.ndarray
) -> Iterator[tuple[str, int, Interval | float]]:
    """Name, users, and 100 ((ratings per user of the group) / (those of all users) - 1) of each group."""
    count = fitted.support.count["user"]
    users = without_each(np.column_stack([count > 0, count]).astype(np.float64), lot)
    for name, who in zip(groups.names, (groups.member & (count > 0)[:, None]).T, strict=True):
        theirs = without_each(np.column_stack([who, who * count]).astype(np.float64), lot)
        each, of_all = (ratio(sums[:, 1], sums[:, 0]) for sums in (theirs, users))
        more = cell(100 * (each / of_all - 1), 1)
        if more is not None and who.sum() >= FEW:
            yield name, int(who.sum()), more


def _parts(fitted: FittedModel, groups: Groups, seen: Batch) -> np.ndarray:
    """Which part of each item's training ratings comes from each group of users, shape (n_items, n_groups)."""
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


def _item_shares(fitted: FittedModel, column: Column, served: Served | None) -> Table:
    """Groups of items: their share of the catalogue, of ratings, of places in lists, and how much the last exceeds."""
    groups, count = column.groups, fitted.support.count["item"]
    known, ratings = groups.sums(count > 0), groups.sums(count) / count.sum()
    places = None if served is None else served.share(groups.member)
    rows = []
    for at in np.argsort(-ratings, kind="stable"):
        if known[at]:
            row = (
                groups.names[at],
                int(known[at]),
                _percent(known[at] / (count > 0).sum()),
                _percent(ratings[at]),
            )
            more = [] if places is None else [100 * places[:, at], places[:, at] / ratings[at]]
            rows.append(
                (*row, *(cell(each, 2 - one, 0) for each, one in zip(more, (1, 0), strict=False)))
            )
    columns = ("group", "items", "share of items, %", "share of ratings, %")
    further = () if places is None else ("share of recommendations, %", AMPLIFIED)
    overlap = (
        "An item counts in every group to which it belongs, so shares sum to over 100 %. "
        * groups.overlap
    )
    why = (
        ""
        if places is None
        else "Recommendations / ratings: over 1 lists amplify what the data has, under 1 they damp."
    )
    return Table(
        f"Items by {column.name}: what is recommended", (*columns, *further), rows, overlap + why
    )


def _extremes(table: Table) -> str:
    """Which group has most, and which least, of the recommendations for its ratings, of those with NOTABLE ratings."""
    told = [row for row in table.rows if row[3] >= NOTABLE and row[5] is not None]
    if len(told) < 2:
        return "Hardly any group of items has enough ratings to say whether lists amplify it."
    most, least = (choose(told, key=lambda row: Interval.of(row[5]).value) for choose in (max, min))
    return (
        f"For its ratings, {most[0]} is recommended most: {most[3]:g} % of the ratings, {most[4]} % of the places in "
        f"lists. Least is {least[0]}: {least[3]:g} % of the ratings, {least[4]} % of the places."
    )


def _percent(share: float) -> float:
    return round(100 * float(share), 1)


def _amplification(table: Table, column: Column) -> Chart:
    """Every group of items: its share of ratings and of recommendations."""
    x, y = "share of ratings, %", "share of recommendations, %"
    told = [
        row for row in table.rows if row[4] is not None
    ]  # of lists without a place nobody has a share
    places = [Interval.of(row[4]) for row in told]
    rows = [
        (row[3], each.value, row[0], each.low, each.high, row[1])
        for row, each in zip(told, places, strict=True)
    ]
    note = "Above the diagonal a group has more of the recommendations than of the ratings."
    columns = (x, y, "group", "low", "high", "items")
    title = f"Items by {column.name}: amplified or damped"
    return Chart(
        title, "point", columns, rows, x=x, y=y, label="group", reference="diagonal", note=note
    )


def _text(fitted: FittedModel, has_groups: int) -> Iterator[str]:
    users, items = _amounts(fitted).values()
    yield (
        f"The most active 10 % of {len(users):,} users gave {_percent(top_share(users, 0.1)):g} % of the "
        f"{users.sum():,} training ratings, and the most rated 10 % of {len(items):,} items got "
        f"{_percent(top_share(items, 0.1)):g} %. What the model takes for taste is first of all theirs."
    )
    if not has_groups:
        yield "Items have no sets or categories, such as genres: nothing is said of groups of items or of enthusiasts."

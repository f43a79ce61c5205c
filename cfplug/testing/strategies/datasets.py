"""Strategies for tables of ratings, datasets and splits: asymmetric, skewed, tiny, on any scale."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from hypothesis.strategies import DrawFn, SearchStrategy

from cfplug.data.dataset import Dataset, Scale, Split
from cfplug.testing.strategies.columns import columns, context, times
from cfplug.testing.strategies.ids import Id, Kind, ids

if TYPE_CHECKING:
    import pandas as pd

WITH_LEVELS = (
    Scale(1, 5, (1, 2, 3, 4, 5)),
    Scale(0.5, 5, tuple(step / 2 for step in range(1, 11))),
    Scale(0, 1, (0, 1)),
    Scale(-2, 7, (-2, 0, 1, 7)),
)
"""Scales with levels: whole stars, half stars, likes, and levels at uneven distances."""

WITHOUT_LEVELS = (Scale(1, 5), Scale(-10, 10), Scale(0, 0.5))

Pair = tuple[int, int]

SIDE = 12
"""The largest number of users, and of items, unless a table must have many ratings."""

MANY = 20
"""The smallest number of ratings in the larger half of the tables."""

CORNERS: tuple[tuple[Pair, ...], ...] = (
    (),
    ((0, 0), (0, 1), (0, 2), (1, 0)),
    ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)),
)
"""Pairs of which 0, 1 or at least 2 can be held out while their users and items keep a rating."""

# made once: making a strategy takes longer than drawing from it
_EITHER = st.booleans()
_SIZE = st.integers(1, SIDE)
_FEW = st.integers(0, 3)
_LOST = st.integers(-1, 2)
_SCALES = {
    None: st.sampled_from((*WITH_LEVELS, *WITHOUT_LEVELS)),
    True: st.sampled_from(WITH_LEVELS),
    False: st.sampled_from(WITHOUT_LEVELS),
}


def rating_tables(
    *,
    min_ratings: int = 1,
    max_ratings: int = 60,
    scale: Scale | None = None,
    ids: Kind | None = None,
    time: bool | None = None,
    context: bool | None = None,
) -> SearchStrategy[pd.DataFrame]:
    """Draw tables with the columns user, item and rating, in which no pair is there twice.

    >>> rating_tables(max_ratings=2).example()
      user  item  rating
    0    a     0     1.0
    1    b     0     5.0

    There are never as many users as items, except for one rating alone. In half of the tables a
    few users and items have most ratings. Now and then all ratings are equal.

    Args:
        min_ratings: The smallest number of ratings.
        max_ratings: The largest number of ratings.
        scale: The scale of the ratings; by default one of many kinds.
        ids: The kind of ids of users and items; by default any.
        time: Whether there is a column `time`; by default now and then.
        context: Whether there is a column of context; by default now and then.

    Raises:
        InvalidArgument: `max_ratings` is too small.
    """
    wanted = Wanted(min_ratings, max_ratings, scale, ids=ids, time=time, context=context)
    return _rated(wanted).map(lambda drawn: drawn.table)


def datasets(
    *,
    ids: Kind | None = None,
    metadata: bool = True,
    time: bool | None = True,
    context: bool | None = None,
    levels: bool | None = None,
    min_ratings: int = 1,
    max_ratings: int = 60,
    catalogue: bool = True,
    all_known: bool = False,
) -> SearchStrategy[Dataset]:
    """Draw datasets of ratings as `rating_tables` draws them, with tables of users and items.

    >>> datasets().example()
    drawn: 7 ratings, 3 users, 5 items

    Args:
        ids: The kind of ids; by default any kind for users and any for items.
        metadata: Whether users and items have columns of every role, with missing values.
        time: Whether ratings have a time; None leaves it open, as for all of these.
        context: Whether ratings have a column of context.
        levels: Whether the scale has levels.
        min_ratings: The smallest number of ratings.
        max_ratings: The largest number of ratings.
        catalogue: Whether tables of users and items are given, in an order of their own, with ids
            that have no rating.
        all_known: Whether these tables have all ids of the ratings; by default some are missing.

    Raises:
        InvalidArgument: `max_ratings` is too small.
    """
    wanted = Wanted(
        min_ratings,
        max_ratings,
        levels=levels,
        ids=ids,
        time=time,
        context=context,
        spare=catalogue,
    )
    return _datasets(wanted, metadata, catalogue, all_known)


@st.composite
def datasets_with_splits(
    draw: DrawFn,
    *,
    test: bool | None = None,
    warm: bool | None = None,
    ids: Kind | None = None,
    metadata: bool = True,
    time: bool | None = True,
    context: bool | None = None,
    levels: bool | None = None,
    min_ratings: int = 2,
    max_ratings: int = 60,
    catalogue: bool = True,
    all_known: bool = False,
) -> tuple[Dataset, Split]:
    """Draw a dataset as `datasets` does and one of its splits as `splits` does.

    >>> dataset, split = datasets_with_splits(warm=True).example()

    The arguments are those of the two.
    """
    test = _settled(draw, test)
    wanted = Wanted(
        max(min_ratings, 2 + test),
        max_ratings,
        levels=levels,
        ids=ids,
        time=time,
        context=context,
        spare=catalogue,
        corners=1 + test if warm else 0,
    )
    dataset = draw(_datasets(wanted, metadata, catalogue, all_known))
    return dataset, draw(splits(dataset, test=test, warm=warm))


@st.composite
def splits(
    draw: DrawFn, dataset: Dataset, *, test: bool | None = None, warm: bool | None = None
) -> Split:
    """Draw splits of a dataset; each row is in one part, in any order, and no part is empty.

    >>> splits(dataset).example()
    Split(train=array([2, 0]), valid=array([1]), test=None, support=None)

    An example is rejected where the dataset has no such split, as one of a single rating;
    `datasets_with_splits` draws datasets that have one.

    Args:
        dataset: The dataset.
        test: Whether there is a test part; by default now and then.
        warm: True if each user and item of the other parts has a training rating, False if at
            least one of the valid part has none; None leaves it open.
    """
    n = len(dataset.ratings)
    test = _settled(draw, test) if n > 2 else bool(test)
    order = draw(_orders(n))
    first = _rows_of_one_id(draw, dataset, n - 1 - test) if warm is False else []
    if warm:
        free = _warm_rows(dataset, order)
    else:
        free = [row for row in order if row not in set(first)][: n - 1 - len(first)]
    least = int(test) if first else 1 + test
    if len(free) < least:
        reject()
    more = free[: draw(st.integers(least, len(free)))]
    n_test = draw(st.integers(1, len(more) - (not first))) if test else 0
    n_valid = len(more) - n_test
    return _split(order, [*first, *more[:n_valid]], more[n_valid:])


@frozen
class Wanted:
    """What a table of ratings must have; None leaves it open.

    `spare` allows ids besides those of the ratings; `corners`, 0 to 2, is how many ratings must be
    such that they can be held out while training still has their users and items.
    """

    min_ratings: int = 1
    max_ratings: int = 60
    scale: Scale | None = None
    levels: bool | None = None
    ids: Kind | None = None
    time: bool | None = None
    context: bool | None = None
    spare: bool = False
    corners: int = 0

    def __attrs_post_init__(self) -> None:
        least = max(1, self.min_ratings, len(CORNERS[self.corners]))
        if self.max_ratings < least:
            raise InvalidArgument(
                f"max_ratings: expected at least {least} here, got {self.max_ratings}"
            )


@frozen(eq=False)
class Rated:
    """A table of ratings, its scale, the roles of further columns, and ids that rated nothing."""

    table: pd.DataFrame
    scale: Scale
    roles: dict[str, str] = field(factory=dict)
    spare: dict[str, list[Id]] = field(factory=dict)


@st.composite
def _rated(draw: DrawFn, wanted: Wanted) -> Rated:
    import pandas as pd

    pairs = _pairs(draw, wanted)
    scale = wanted.scale or draw(_SCALES[wanted.levels])
    n_users, n_items = _sizes(pairs)
    more_users, more_items = _spare(draw, n_users, n_items) if wanted.spare else (0, 0)
    users, items = (
        draw(ids(wanted.ids, min_size=n, max_size=n))
        for n in (n_users + more_users, n_items + more_items)
    )
    table = pd.DataFrame(
        {
            "user": _id_column([users[user] for user, _ in pairs]),
            "item": _id_column([items[item] for _, item in pairs]),
            "rating": pd.Series(_ratings(draw, scale, len(pairs)), dtype="float64"),
        }
    )
    roles: dict[str, str] = {}
    if _settled(draw, wanted.time):
        table["time"], roles["time"] = times(draw, len(table)), "time"
    if _settled(draw, wanted.context):
        found = context(draw, len(table))
        table[found.name], roles[found.name] = found.values, found.role
    return Rated(table, scale, roles, {"user": users[n_users:], "item": items[n_items:]})


def _settled(draw: DrawFn, choice: bool | None) -> bool:
    """Return the choice; draw one if it was left open."""
    return draw(_EITHER) if choice is None else choice


def _id_column(values: Sequence[Id]) -> pd.Series[Any]:
    """Return ids as whole numbers where all are, else as objects, so that pandas converts none."""
    import pandas as pd

    is_whole = all(isinstance(each, int) for each in values)
    return pd.Series(values, dtype="int64" if is_whole else object)


def _pairs(draw: DrawFn, wanted: Wanted) -> list[Pair]:
    """Draw different pairs of user and item numbers, which count from 0 in order of appearance."""
    corners = CORNERS[wanted.corners]
    most = wanted.max_ratings - len(corners)
    n_users, n_items, skewed = draw(_SIZE), draw(_SIZE), draw(_EITHER)
    many = draw(_EITHER)
    cells = _cells(n_users, n_items, skewed, corners)
    while len(cells) < wanted.min_ratings:
        n_users, n_items = n_users + 2, n_items + 3
        cells = _cells(n_users, n_items, skewed, corners)
    least = max(wanted.min_ratings - len(corners), MANY if many else 0)
    found = draw(_some_of(cells, min(least, most, len(cells)), most)) if cells else []
    return _renumbered(_asymmetric([*corners, *found], wanted.max_ratings))


@functools.cache
def _some_of(cells: tuple[Pair, ...], least: int, most: int) -> SearchStrategy[list[Pair]]:
    return st.lists(st.sampled_from(cells), min_size=least, max_size=most, unique=True)


@functools.cache
def _cells(n_users: int, n_items: int, skewed: bool, without: tuple[Pair, ...]) -> tuple[Pair, ...]:
    """Return the pairs to draw from; with `skewed` the user of rank r has few items.

    These are the first max(n_users, n_items) / r; so the number of pairs of an item falls like one
    over its rank, as in Zipf's distribution.
    """
    most = max(n_users, n_items) if skewed else n_users * n_items
    found = []
    for user in range(n_users):
        for item in range(n_items):
            if (user + 1) * (item + 1) <= most and (user, item) not in without:
                found.append((user, item))
    return tuple(found)


def _asymmetric(pairs: list[Pair], most: int) -> list[Pair]:
    """Change or add the last pair where there are as many users as items."""
    n_users, n_items = _sizes(pairs)
    if n_users != n_items or len(pairs) == 1:
        return pairs
    kept = pairs[: most - 1]
    user, item = kept[0]
    n_users, n_items = _sizes(kept)
    if n_items >= n_users:
        return [*kept, (user, 1 + max(pair[1] for pair in kept))]
    return [*kept, (1 + max(pair[0] for pair in kept), item)]


def _sizes(pairs: Sequence[Pair]) -> Pair:
    users = {user for user, _ in pairs}
    items = {item for _, item in pairs}
    return len(users), len(items)


def _renumbered(pairs: list[Pair]) -> list[Pair]:
    users: dict[int, int] = {}
    items: dict[int, int] = {}
    found = []
    for user, item in pairs:
        user_number = users.setdefault(user, len(users))
        item_number = items.setdefault(item, len(items))
        found.append((user_number, item_number))
    return found


def _spare(draw: DrawFn, n_users: int, n_items: int) -> Pair:
    """Draw how many users and items have no rating; there are never as many users as items."""
    users, items = draw(_FEW), draw(_FEW)
    total = n_users + users, n_items + items
    return users, items + (total[0] == total[1] != 1)


def _ratings(draw: DrawFn, scale: Scale, n: int) -> list[float]:
    """Draw `n` ratings on the scale, one in four times all equal."""
    one = _on_scale(scale)
    return [draw(one)] * n if draw(_FEW) == 3 else [draw(one) for _ in range(n)]


@functools.cache
def _on_scale(scale: Scale) -> SearchStrategy[float]:
    """Draw a level, or one of 401 evenly spaced numbers from end to end."""
    if scale.levels:
        return st.sampled_from(scale.levels)
    step = (scale.high - scale.low) / 400
    return st.integers(0, 400).map(lambda steps: min(scale.high, scale.low + steps * step))


@st.composite
def _datasets(
    draw: DrawFn, wanted: Wanted, metadata: bool, catalogue: bool, all_known: bool
) -> Dataset:
    found = draw(_rated(wanted))
    tables: dict[str, Any] = {"users": None, "items": None}
    roles = {"ratings": found.roles}
    if catalogue:
        for side, spare in found.spare.items():
            known = _known_ids(draw, found.table[side], spare, all_known)
            others = columns(draw, len(known)) if metadata else []
            table = _id_column(known).to_frame(side)
            tables[f"{side}s"] = table.assign(**{each.name: each.values for each in others})
            roles[f"{side}s"] = {each.name: each.role for each in others}
    may_be_inferred = wanted.levels is None or (wanted.levels and bool(found.scale.levels))
    inferred = may_be_inferred and draw(_EITHER)
    scale = None if inferred else found.scale
    return Dataset.build("drawn", found.table, **tables, roles=roles, scale=scale)


def _known_ids(draw: DrawFn, column: pd.Series[Any], spare: list[Id], all_known: bool) -> list[Id]:
    """Draw the ids in the table of a side, in its order: at least one of those with ratings."""
    rated: list[Id] = column.drop_duplicates().tolist()
    lost = 0 if all_known else min(max(0, draw(_LOST)), len(rated) - 1)
    known = [*rated[lost:], *spare]
    return [known[place] for place in draw(_orders(len(known)))]


@functools.cache
def _orders(n: int) -> SearchStrategy[list[int]]:
    return st.permutations(range(n))


def _split(order: Sequence[int], valid: list[int], test: list[int]) -> Split:
    import numpy as np

    held_out = {*valid, *test}
    train = [row for row in order if row not in held_out]
    parts = [np.array(rows, dtype=np.int64) for rows in (train, valid, test)]
    return Split(parts[0], parts[1], parts[2] if test else None)


def _warm_rows(dataset: Dataset, order: Sequence[int]) -> list[int]:
    """Return rows, in `order`, without which each user and each item still has a rating."""
    users, items = dataset.ratings["user"].tolist(), dataset.ratings["item"].tolist()
    of_user, of_item = Counter(users), Counter(items)
    found = []
    for row in order:
        user, item = users[row], items[row]
        if of_user[user] > 1 and of_item[item] > 1:
            of_user[user] -= 1
            of_item[item] -= 1
            found.append(row)
    return found


def _rows_of_one_id(draw: DrawFn, dataset: Dataset, most: int) -> list[int]:
    """Draw a user or an item with at most `most` ratings, and return all its rows."""
    few = []
    for side in ("user", "item"):
        rows_of: dict[Id, list[int]] = {}
        for row, each in enumerate(dataset.ratings[side].tolist()):
            rows_of.setdefault(each, []).append(row)
        few += [rows for rows in rows_of.values() if len(rows) <= most]
    return list(draw(st.sampled_from(few))) if few else reject()

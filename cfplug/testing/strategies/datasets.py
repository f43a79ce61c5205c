"""Strategies for datasets and their splits: what laws about components are held against."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from cfplug.data.dataset import Dataset, Split
from cfplug.testing.strategies.columns import columns
from cfplug.testing.strategies.ids import Id, Kind, ids, texts, unknown_ids
from cfplug.testing.strategies.rows import Rated, Wanted, id_column, rated, rating_tables, settled
from cfplug.testing.strategies.synthetic import Planted, planted
from cfplug.testing.strategies.transforms import (
    Renamed,
    Reordered,
    renamed,
    reordered,
    with_ratings,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Planted",
    "Renamed",
    "Reordered",
    "datasets",
    "datasets_with_splits",
    "ids",
    "planted",
    "rating_tables",
    "renamed",
    "reordered",
    "splits",
    "texts",
    "unknown_ids",
    "with_ratings",
]


_EITHER, _LOST = st.booleans(), st.integers(-1, 2)


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
    """Datasets of tables as `rating_tables` draws them, with users and items tables.

    >>> datasets().example()
    drawn: 7 ratings, 3 users, 5 items

    With `catalogue` the users and items tables are given, in an order of their own, so codes do not
    depend on the order of the ratings; they have ids that rated nothing, and, unless `all_known`,
    lack some that did. With `metadata` they have columns of every role, with missing values. `ids`
    is the kind of ids, else each side has its own kind. `time`, `context` and `levels` say whether
    ratings have a time, a column of context, and levels; None leaves that open."""
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
def _datasets(
    draw: DrawFn, wanted: Wanted, metadata: bool, catalogue: bool, all_known: bool
) -> Dataset:
    found = draw(rated(wanted))
    tables: dict[str, Any] = {"users": None, "items": None}
    roles = {"ratings": found.roles}
    if catalogue:
        for side, spare in (("user", found.spare_users), ("item", found.spare_items)):
            known = _known(draw, found, side, spare, all_known)
            tables[f"{side}s"], roles[f"{side}s"] = _catalogue(draw, side, known, metadata)
    own = (
        wanted.levels is not False
        and bool(found.scale.levels or wanted.levels is None)
        and draw(_EITHER)
    )
    return Dataset.build(
        "drawn", found.table, **tables, roles=roles, scale=None if own else found.scale
    )


def _known(draw: DrawFn, found: Rated, side: str, spare: list[Id], all_known: bool) -> list[Id]:
    """The ids that the table of a side has, in its order: at least one of those that have ratings."""
    ids_with_ratings: list[Id] = found.table[side].drop_duplicates().tolist()
    lost = 0 if all_known else min(max(0, draw(_LOST)), len(ids_with_ratings) - 1)
    known = [*ids_with_ratings[lost:], *spare]
    return [known[place] for place in draw(_orders(len(known)))]


@functools.cache
def _orders(n: int) -> SearchStrategy[list[int]]:
    return st.permutations(range(n))


def _catalogue(
    draw: DrawFn, side: str, known: Sequence[Id], metadata: bool
) -> tuple[pd.DataFrame, dict[str, str]]:
    found = columns(draw, len(known)) if metadata else []
    table = id_column(known).to_frame(side).assign(**{each.name: each.values for each in found})
    return table, {each.name: each.role for each in found}


@st.composite
def splits(
    draw: DrawFn, dataset: Dataset, *, test: bool | None = None, warm: bool | None = None
) -> Split:
    """Splits of a dataset, whose parts share no row, lose none and have one at least; rows come in any order.

    >>> splits(dataset).example()
    Split(train=array([2, 0]), valid=array([1]), test=None, support=None)

    `test` says whether there is a test part; with `warm` each user and item of the other parts has
    a rating in train, with `warm=False` at least one of the valid part has none; None leaves it
    open. An example is left out where the dataset has no such split, as one of a single rating:
    `datasets_with_splits` draws datasets that have."""
    n = len(dataset.ratings)
    test = settled(draw, test) if n > 2 else bool(test)
    order = draw(_orders(n))
    first = _of_one_id(draw, dataset, n - 1 - test) if warm is False else []
    free = (
        _warm(dataset, order)
        if warm
        else [row for row in order if row not in set(first)][: n - 1 - len(first)]
    )
    least = max(0, 1 + test - len(first)) if not first else int(test)
    if len(free) < least:
        reject()
    more = free[: draw(st.integers(least, len(free)))]
    n_test = draw(st.integers(1, len(more) - (not first))) if test else 0
    return _split(order, [*first, *more[: len(more) - n_test]], more[len(more) - n_test :])


def _split(order: Sequence[int], valid: list[int], test: list[int]) -> Split:
    import numpy as np

    held = {*valid, *test}
    train = [row for row in order if row not in held]
    parts = [np.array(rows, dtype=np.int64) for rows in (train, valid, test)]
    return Split(parts[0], parts[1], parts[2] if test else None)


def _warm(dataset: Dataset, order: Sequence[int]) -> list[int]:
    """Rows, taken as far as they go in `order`, without which each user and each item still has a rating."""
    users, items = dataset.ratings["user"].tolist(), dataset.ratings["item"].tolist()
    left = {
        side: {each: ids.count(each) for each in ids}
        for side, ids in (("user", users), ("item", items))
    }
    found = []
    for row in order:
        if left["user"][users[row]] > 1 and left["item"][items[row]] > 1:
            left["user"][users[row]] -= 1
            left["item"][items[row]] -= 1
            found.append(row)
    return found


def _of_one_id(draw: DrawFn, dataset: Dataset, most: int) -> list[int]:
    """All rows of one user, or of one item, who has at most `most`."""
    columns_of = [dataset.ratings[side].tolist() for side in ("user", "item")]
    ids_of = [
        [row for row, its in enumerate(column) if its == each]
        for column in columns_of
        for each in dict.fromkeys(column)
    ]
    few = [rows for rows in ids_of if len(rows) <= most]
    return list(draw(st.sampled_from(few))) if few else reject()


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
    """A dataset as `datasets` draws it, and one of its splits as `splits` draws them.

    >>> dataset, split = datasets_with_splits(warm=True).example()
    """
    test = settled(draw, test)
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

"""Strategies for tables of ratings: asymmetric, skewed, tiny, on scales of many kinds."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from hypothesis.strategies import DrawFn, SearchStrategy

from cfplug.data.dataset import Scale
from cfplug.testing.strategies.columns import context, times
from cfplug.testing.strategies.ids import Id, Kind, ids

if TYPE_CHECKING:
    import pandas as pd

LEVELED = (
    Scale(1, 5, (1, 2, 3, 4, 5)),
    Scale(0.5, 5, tuple(step / 2 for step in range(1, 11))),
    Scale(0, 1, (0, 1)),
    Scale(-2, 7, (-2, 0, 1, 7)),
)
"""Scales with levels: whole stars, half stars, likes, and levels at uneven distances."""

FREE = (Scale(1, 5), Scale(-10, 10), Scale(0, 0.5))
"""Scales without levels."""

Pair = tuple[int, int]

SIDE = 12
"""How many users, and how many items, a table of ratings has at most, unless it must have many ratings."""

MANY = 20
"""How many ratings the larger half of the tables have at least."""

_EITHER, _SIZE, _FEW = st.booleans(), st.integers(1, SIDE), st.integers(0, 3)
_SCALES = {
    None: st.sampled_from((*LEVELED, *FREE)),
    True: st.sampled_from(LEVELED),
    False: st.sampled_from(FREE),
}

CORNERS: tuple[tuple[Pair, ...], ...] = (
    (),
    ((0, 0), (0, 1), (0, 2), (1, 0)),
    ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)),
)
"""Pairs of which 0, 1 or at least 2 can be held out while their users and items keep another rating."""


@frozen
class Wanted:
    """What a table of ratings must be like; None leaves it open.

    `spare` says that there may be ids beside those of the ratings, `corners` how many of the
    ratings, 0 to 2, must be such that one can hold them out and still know their users and items.
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
                f"max_ratings: must be at least {least} here; is {self.max_ratings}"
            )


@frozen(eq=False)
class Rated:
    """A table of ratings, the roles of its further columns, its scale, and ids of either side that rated nothing."""

    table: pd.DataFrame
    scale: Scale
    roles: dict[str, str] = field(factory=dict)
    spare_users: list[Id] = field(factory=list)
    spare_items: list[Id] = field(factory=list)


def rating_tables(
    *,
    min_ratings: int = 1,
    max_ratings: int = 60,
    scale: Scale | None = None,
    ids: Kind | None = None,
    time: bool | None = None,
    context: bool | None = None,
) -> SearchStrategy[pd.DataFrame]:
    """Tables with the columns user, item and rating, no pair twice, and perhaps `time` and a column of context.

    >>> rating_tables(max_ratings=2).example()
      user  item  rating
    0    a     0     1.0
    1    b     0     5.0

    There are never as many users as items, but for one rating alone. Half of the tables are skewed:
    a few users and items have most ratings. Ratings lie on `scale`, or on one of many kinds, and
    are now and then all the same. `ids` is the kind of ids on both sides; `time` and `context` say
    whether there are such columns."""
    wanted = Wanted(min_ratings, max_ratings, scale, ids=ids, time=time, context=context)
    return rated(wanted).map(lambda drawn: drawn.table)


@st.composite
def rated(draw: DrawFn, wanted: Wanted) -> Rated:
    """The table that `rating_tables` promises, with what belongs to it."""
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
            "user": id_column([users[user] for user, _ in pairs]),
            "item": id_column([items[item] for _, item in pairs]),
            "rating": pd.Series(_ratings(draw, scale, len(pairs)), dtype="float64"),
        }
    )
    table, roles = _extended(draw, table, wanted)
    return Rated(table, scale, roles, users[n_users:], items[n_items:])


def _extended(
    draw: DrawFn, table: pd.DataFrame, wanted: Wanted
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The table with a time and a column of context, as far as they are wanted, and the roles of these."""
    roles: dict[str, str] = {}
    if settled(draw, wanted.time):
        table, roles = table.assign(time=times(draw, len(table))), {"time": "time"}
    if settled(draw, wanted.context):
        found = context(draw, len(table))
        table, roles = table.assign(**{found.name: found.values}), roles | {found.name: found.role}
    return table, roles


def settled(draw: DrawFn, choice: bool | None) -> bool:
    """The choice, or, if it was left open, one that is drawn."""
    return draw(_EITHER) if choice is None else choice


def id_column(values: Sequence[Id]) -> pd.Series[Any]:
    """Ids as whole numbers where all are, else as objects, so that pandas converts none of them."""
    import pandas as pd

    return pd.Series(
        values, dtype="int64" if all(isinstance(each, int) for each in values) else object
    )


def _pairs(draw: DrawFn, wanted: Wanted) -> list[Pair]:
    """Distinct pairs of user and item numbers from 0 on, in the order of their first appearance on each side."""
    corners, most = CORNERS[wanted.corners], wanted.max_ratings - len(CORNERS[wanted.corners])
    n_users, n_items, skewed = draw(_SIZE), draw(_SIZE), draw(_EITHER)
    many = draw(_EITHER)
    cells = _cells(n_users, n_items, skewed, corners)
    while len(cells) < wanted.min_ratings:
        n_users, n_items = n_users + 2, n_items + 3
        cells = _cells(n_users, n_items, skewed, corners)
    least = min(max(wanted.min_ratings - len(corners), MANY if many else 0), most, len(cells))
    found = draw(_some_of(cells, least, most)) if cells else []
    return _renumbered(_asymmetric([*corners, *found], wanted.max_ratings))


@functools.cache
def _some_of(cells: tuple[Pair, ...], least: int, most: int) -> SearchStrategy[list[Pair]]:
    return st.lists(st.sampled_from(cells), min_size=least, max_size=most, unique=True)


@functools.cache
def _cells(n_users: int, n_items: int, skewed: bool, without: tuple[Pair, ...]) -> tuple[Pair, ...]:
    """The pairs to choose from: all, or those of a user of rank r with the max(n_users, n_items) / r first items alone.

    Under that hyperbola the number of pairs of an item falls like one over its rank: Zipf's law.
    """
    most = max(n_users, n_items) if skewed else n_users * n_items
    every = ((user, item) for user in range(n_users) for item in range(n_items))
    return tuple(
        pair for pair in every if (pair[0] + 1) * (pair[1] + 1) <= most and pair not in without
    )


def _asymmetric(pairs: list[Pair], most: int) -> list[Pair]:
    """The pairs, with one more or another one at the end where they have as many users as items."""
    n_users, n_items = _sizes(pairs)
    if n_users != n_items or len(pairs) == 1:
        return pairs
    kept = pairs[: most - 1]
    user, item = kept[0]
    n_users, n_items = _sizes(kept)
    another = (
        (user, 1 + max(pair[1] for pair in kept))
        if n_items >= n_users
        else (1 + max(pair[0] for pair in kept), item)
    )
    return [*kept, another]


def _sizes(pairs: Sequence[Pair]) -> Pair:
    return len({user for user, _ in pairs}), len({item for _, item in pairs})


def _renumbered(pairs: list[Pair]) -> list[Pair]:
    users = {user: place for place, user in enumerate(dict.fromkeys(user for user, _ in pairs))}
    items = {item: place for place, item in enumerate(dict.fromkeys(item for _, item in pairs))}
    return [(users[user], items[item]) for user, item in pairs]


def _spare(draw: DrawFn, n_users: int, n_items: int) -> Pair:
    """How many users and items more there are, such that all users are not as many as all items."""
    users, items = draw(_FEW), draw(_FEW)
    alike = n_users + users == n_items + items
    return users, items + (alike and (n_users + users, n_items + items) != (1, 1))


def _ratings(draw: DrawFn, scale: Scale, n: int) -> list[float]:
    """`n` ratings on the scale, one in four times all the same."""
    one = on_scale(scale)
    return [draw(one)] * n if draw(_FEW) == 3 else [draw(one) for _ in range(n)]


@functools.cache
def on_scale(scale: Scale) -> SearchStrategy[float]:
    """One rating: a level, or one of 401 evenly spaced numbers from the lower to the upper end."""
    if scale.levels:
        return st.sampled_from(scale.levels)
    return st.integers(0, 400).map(
        lambda step: min(scale.high, scale.low + step * (scale.high - scale.low) / 400)
    )

"""The splits whose validation is about newcomers: users, items, or pairs of both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pandas as pd
import pytest
from cfplug_splits import ColdBothParams, ColdItemsParams, ColdUsersParams
from cfplug_splits.cold import both, items, users
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import cfplug

Contexts = Callable[..., cfplug.Context]

quick = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
seeds = st.integers(0, 2**32 - 1)
supports = st.one_of(st.integers(0, 4), st.floats(0, 0.95))

HOSTILE = (
    7,
    "7",
    " 7",
    "nan",
    "\u200b",
    -1,
    "é",
    "e\u0301",
    2**62,
    "0",
    0,
    "None",
    "a b",
    "A",
    "a",
)
"""Ids that one who compares by text, case or position would mix up."""


def rated(pairs: list[tuple[int, int]], *, idle: int = 0) -> cfplug.Dataset:
    """Ratings of 8 users and 15 items by number; the tables have the ids in falling order, and
    `idle` more unrated.
    """
    user_ids, item_ids = [f"u{n}" for n in range(8)], list(HOSTILE)
    ratings = pd.DataFrame(
        {
            "user": [user_ids[user] for user, _ in pairs],
            "item": pd.Series([item_ids[item] for _, item in pairs], dtype=object),
            "rating": [1.0 + (3 * user + item) % 5 for user, item in pairs],
        }
    )
    some_users, some_items = {user for user, _ in pairs}, {item for _, item in pairs}
    table = pd.DataFrame({"user": [user_ids[n] for n in sorted(some_users, reverse=True)]})
    listed = pd.Series([item_ids[n] for n in sorted(some_items, reverse=True)], dtype=object)
    strangers = [f"stranger {n}" for n in range(idle)]
    return cfplug.Dataset.build(
        "rated",
        ratings,
        pd.DataFrame({"user": [*strangers, *table["user"]]}),
        pd.DataFrame({"item": pd.Series([*strangers, *listed], dtype=object)}),
    )


pair = st.tuples(st.integers(0, 7), st.integers(0, 14))
pairs_ = st.lists(pair, min_size=12, max_size=60, unique=True)


def naive(
    data: cfplug.Dataset, side: str, k: int, support: float, seed: int
) -> dict[str, tuple[list[int], ...]]:
    """Return train, valid and support rows of each fold, by the rule as it is stated, id by id."""
    rng = np.random.RandomState(seed)
    rows = {
        key: np.flatnonzero([value == key for value in data.ratings[side]])
        for key in data.tables()[side + "s"][side]
    }
    there = [key for key, own in rows.items() if len(own)]
    runs = np.array_split(rng.permutation(len(there)), k)
    order = rng.permutation(len(data.ratings)).tolist()
    found = {}
    for fold, run in enumerate(runs, 1):
        shown, asked = set(), set()
        for code in run:
            own = sorted(rows[there[code]].tolist(), key=order.index)
            n = round(support * len(own)) if support < 1 else support
            shown |= set(own[:n])
            asked |= set(own[n:])
        found[str(fold)] = (
            sorted(set(order) - shown - asked),
            sorted(asked),
            [row for row in order if row in shown],
        )
    return found


def plain(folds: Any) -> dict[str, tuple[list[int], ...]]:
    """The rows of each fold as lists; no support is an empty one."""
    return {
        name: tuple(rows_of(part) for part in (each.train, each.valid, each.support))
        for name, each in folds.items()
    }


def rows_of(part: np.ndarray | None) -> list[int]:
    return [] if part is None else part.tolist()


def drawn(
    data: cfplug.Dataset, side: str, k: int, support: float, context: cfplug.Context
) -> dict[str, cfplug.Split]:
    """The folds of one side; an example of which a fold has nothing to measure is passed over."""
    try:
        if side == "user":
            return users(data, ColdUsersParams(k, support), context)
        return items(data, ColdItemsParams(k, support), context)
    except cfplug.DataError:
        assume(False)
        raise


def crossed(data: cfplug.Dataset, k: int, context: cfplug.Context) -> dict[str, cfplug.Split]:
    try:
        return both(data, ColdBothParams(k), context)
    except cfplug.DataError:
        assume(False)
        raise


def ids(data: cfplug.Dataset, side: str, rows: np.ndarray) -> set[object]:
    return set(data.ratings[side].iloc[rows])


# One side cold


@quick
@given(
    pairs=pairs_,
    side=st.sampled_from(["user", "item"]),
    k=st.integers(2, 4),
    support=supports,
    seed=seeds,
)
def test_the_folds_are_those_of_the_rule(
    pairs: list[tuple[int, int]], side: str, k: int, support: float, seed: int, context: Contexts
) -> None:
    data = rated(pairs)
    folds = drawn(data, side, k, support, context(seed))
    assert plain(folds) == naive(data, side, k, support, seed)


@quick
@given(
    pairs=pairs_,
    side=st.sampled_from(["user", "item"]),
    k=st.integers(2, 4),
    support=supports,
    seed=seeds,
)
def test_each_id_is_cold_once_and_no_model_learns_of_it_then(
    pairs: list[tuple[int, int]], side: str, k: int, support: float, seed: int, context: Contexts
) -> None:
    data = rated(pairs)
    folds = drawn(data, side, k, support, context(seed))
    assert list(folds) == [str(number) for number in range(1, k + 1)]
    cold: list[object] = []
    for each in folds.values():
        each.check(len(pairs))
        assert each.test is None
        away = np.setdiff1d(np.arange(len(pairs)), each.train)
        assert ids(data, side, away).isdisjoint(ids(data, side, each.train))
        cold += ids(data, side, away)
    assert len(cold) == len(set(cold))
    assert set(cold) == set(data.ratings[side])
    measured = np.concatenate(
        [np.append(each.valid, rows_of(each.support)) for each in folds.values()]
    )
    assert np.sort(measured).tolist() == list(range(len(pairs)))


@quick
@given(pairs=pairs_, k=st.integers(2, 4), support=st.integers(1, 3), seed=seeds)
def test_a_larger_support_adds_later_ratings_and_changes_nothing_before_them(
    pairs: list[tuple[int, int]], k: int, support: int, seed: int, context: Contexts
) -> None:
    data = rated(pairs)
    more = drawn(data, "user", k, support + 1, context(seed))
    less = users(data, ColdUsersParams(k, support), context(seed))
    for small, large in zip(less.values(), more.values(), strict=True):
        np.testing.assert_array_equal(small.train, large.train)
        revealed = data.ratings.iloc[rows_of(large.support)]
        first = revealed[revealed.groupby("user").cumcount() < support].index
        assert rows_of(small.support) == first.tolist()


@quick
@given(pairs=pairs_, k=st.integers(2, 4), support=supports, seed=seeds)
def test_cold_items_are_the_cold_users_of_the_swapped_ratings(
    pairs: list[tuple[int, int]], k: int, support: float, seed: int, context: Contexts
) -> None:
    data = rated(pairs)
    names = {"user": "item", "item": "user"}
    swapped = cfplug.Dataset.build(
        "swapped",
        data.ratings.rename(columns=names),
        data.items.rename(columns=names),
        data.users.rename(columns=names),
    )
    mine = drawn(swapped, "item", k, support, context(seed))
    assert plain(mine) == plain(users(data, ColdUsersParams(k, support), context(seed)))


@quick
@given(
    pairs=pairs_,
    side=st.sampled_from(["user", "item"]),
    support=supports,
    seed=seeds,
    idle=st.integers(1, 4),
)
def test_ids_without_ratings_the_ratings_themselves_and_other_names_change_nothing(
    pairs: list[tuple[int, int]], side: str, support: float, seed: int, idle: int, context: Contexts
) -> None:
    data = rated(pairs)
    found = plain(drawn(data, side, 3, support, context(seed)))
    assert plain(drawn(rated(pairs, idle=idle), side, 3, support, context(seed))) == found
    upside_down = attrs.evolve(data, ratings=data.ratings.assign(rating=6 - data.ratings["rating"]))
    assert plain(drawn(upside_down, side, 3, support, context(seed))) == found
    table = side + "s"
    names = {key: number * 10 for number, key in enumerate(data.tables()[table][side])}
    renamed = {
        "ratings": data.ratings.assign(**{side: [names[key] for key in data.ratings[side]]}),
        table: data.tables()[table].assign(**{side: list(names.values())}),
    }
    assert plain(drawn(attrs.evolve(data, **renamed), side, 3, support, context(seed))) == found


GRID = [(user, item) for user in range(7) for item in range(13)]


def test_the_same_seed_draws_the_same_and_another_draws_another(context: Contexts) -> None:
    data = rated(GRID)
    for draw in (
        lambda seed: users(data, ColdUsersParams(3, 2), context(seed)),
        lambda seed: items(data, ColdItemsParams(3, 2), context(seed)),
        lambda seed: both(data, ColdBothParams(3), context(seed)),
    ):
        assert plain(draw(4)) == plain(draw(4))
        assert plain(draw(4)) != plain(draw(5))


def test_seed_42_reveals_these_ratings_of_these_users(context: Contexts, said: list[str]) -> None:
    pairs = [(user, item) for item in range(4) for user in range(3)]  # u0, u1, u2, u0, ...
    assert plain(users(rated(pairs), ColdUsersParams(2, 2), context(42))) == {
        "1": ([0, 3, 6, 9], [2, 7, 8, 10], [11, 5, 1, 4]),
        "2": ([1, 2, 4, 5, 7, 8, 10, 11], [3, 6], [9, 0]),
    }
    assert said == []


def test_items_reveal_nothing_unless_asked_to(context: Contexts) -> None:
    folds = items(rated(GRID), ColdItemsParams(), context())
    assert all(each.support is None for each in folds.values())
    assert sum(len(each.valid) for each in folds.values()) == len(GRID)


# What is said and refused

UNEVEN = (
    [(0, item) for item in range(5)] + [(1, item) for item in range(4)] + [(2, 0), (2, 3), (3, 1)]
)


def test_users_with_all_ratings_in_the_support_are_counted(
    context: Contexts, said: list[str]
) -> None:
    seed = next(seed for seed in range(50) if apart(seed))
    folds = users(rated(UNEVEN), ColdUsersParams(2, 2), context(seed))
    assert sum(len(each.valid) for each in folds.values()) == 3 + 2
    assert said == ["cold-users: support takes all ratings of 2 of 4 users"]


def apart(seed: int) -> bool:
    """Whether the two users of UNEVEN with the most ratings, last in the table's falling order, go
    cold apart.
    """
    first, _ = np.array_split(np.random.RandomState(seed).permutation(4), 2)
    return len({2, 3} & set(first.tolist())) == 1


def test_a_fold_of_which_support_leaves_nothing_is_refused(context: Contexts) -> None:
    seed = next(seed for seed in range(50) if not apart(seed))
    bare = 2 if {2, 3} <= set(np.random.RandomState(seed).permutation(4)[:2].tolist()) else 1
    for support, shown in ((2, "2"), (0.9, "0.9")):
        with pytest.raises(cfplug.DataError) as raised:
            users(rated(UNEVEN), ColdUsersParams(2, support), context(seed))
        assert str(raised.value) == (
            f"cold-users: support {shown} leaves nothing to measure in fold {bare}, "
            "where a cold user has 2 ratings at most; lower support"
        )


def test_a_share_of_the_ratings_is_rounded(context: Contexts) -> None:
    folds = users(rated(GRID), ColdUsersParams(3, 0.75), context())
    for each in folds.values():
        newcomers = len(each.valid) // 3
        assert len(each.valid) == 3 * newcomers
        assert len(rows_of(each.support)) == 10 * newcomers  # 0.75 of 13 is 9.75


def test_more_folds_than_ids_with_ratings_are_refused(context: Contexts) -> None:
    reported = {}
    for name, draw in (
        ("users", lambda data: users(data, ColdUsersParams(5, 0), context())),
        ("items", lambda data: items(data, ColdItemsParams(6), context())),
        ("both", lambda data: both(data, ColdBothParams(5), context())),
    ):
        with pytest.raises(cfplug.DataError) as raised:
            draw(attrs.evolve(rated(UNEVEN, idle=3)))
        reported[name] = str(raised.value)
    assert reported == {
        "users": "5 folds need at least as many users with ratings; there are 4; ask for fewer "
        "(folds: 4)",
        "items": "6 folds need at least as many items with ratings; there are 5; ask for fewer "
        "(folds: 5)",
        "both": "5 folds need at least as many users with ratings; there are 4; ask for fewer "
        "(folds: 4)",
    }
    with pytest.raises(cfplug.DataError) as raised:
        users(rated([(0, 0), (0, 1)]), ColdUsersParams(2, 0), context())
    assert str(raised.value) == "2 folds need at least as many users with ratings; there are 1"


REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: ColdUsersParams(1), "folds: must be at least 2; is 1"),
    (lambda: ColdUsersParams(5, -1), "support: must be at least 0; is -1"),
    (
        lambda: ColdUsersParams(5, 2.5),
        "support: must be a whole number, or a share below 1; is 2.5",
    ),
    (
        lambda: ColdItemsParams(5, 1.0),
        "support: must be a whole number, or a share below 1; is 1.0",
    ),
    (lambda: ColdItemsParams(5, float("nan")), "support: must be a finite number; is nan"),
    (lambda: ColdBothParams(0), "folds: must be at least 2; is 0"),
]


@pytest.mark.parametrize(("made", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_folds_are_at_least_two_and_support_is_a_number_or_a_share(
    made: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the full text follows
        made()
    assert str(raised.value) == message


# Both sides cold


@quick
@given(pairs=st.lists(pair, min_size=30, max_size=90, unique=True), k=st.integers(2, 3), seed=seeds)
def test_with_both_cold_the_parts_are_warm_pairs_cold_pairs_and_mixed_ones(
    pairs: list[tuple[int, int]], k: int, seed: int, context: Contexts
) -> None:
    data = rated(pairs)
    folds = crossed(data, k, context(seed))
    assert list(folds) == [str(number) for number in range(1, k + 1)]
    rng = np.random.RandomState(seed)
    sides = {}
    for side in ("user", "item"):
        there = [key for key in data.tables()[side + "s"][side] if key in set(data.ratings[side])]
        runs = np.array_split(rng.permutation(len(there)), k)
        sides[side] = [{there[code] for code in run} for run in runs]
    order = rng.permutation(len(pairs)).tolist()
    listed = list(zip(data.ratings["user"], data.ratings["item"], strict=True))
    for each, cold_users, cold_items in zip(
        folds.values(), sides["user"], sides["item"], strict=True
    ):
        each.check(len(pairs))
        cold = [(user in cold_users) + (item in cold_items) for user, item in listed]
        assert each.train.tolist() == [row for row, n in enumerate(cold) if n == 0]
        assert each.valid.tolist() == [row for row, n in enumerate(cold) if n == 2]
        assert rows_of(each.support) == [row for row in order if cold[row] == 1]
        assert each.test is None


def test_with_both_cold_it_is_said_how_many_ratings_validate(
    context: Contexts, said: list[str]
) -> None:
    folds = both(
        rated(GRID), ColdBothParams(3), context()
    )  # 7 users in runs of 3, 2, 2; 13 items in runs of 5, 4, 4
    assert [len(each.valid) for each in folds.values()] == [3 * 5, 2 * 4, 2 * 4]
    assert [len(each.train) for each in folds.values()] == [4 * 8, 5 * 9, 5 * 9]
    assert said == [
        "cold-both: 31 of 91 ratings validate, those of a user and an item cold together"
    ]


def test_two_blocks_that_go_cold_together_have_no_support(context: Contexts) -> None:
    pairs = [(0, 0), (1, 1), (1, 2)]
    for seed in range(50):
        try:
            folds = both(rated(pairs), ColdBothParams(2), context(seed))
        except cfplug.DataError:
            continue
        if any(each.support is None for each in folds.values()):
            break
    assert sorted(rows_of(each.support) for each in folds.values()) == [[], []]
    assert sorted(len(each.valid) for each in folds.values()) == [1, 2]


@pytest.mark.parametrize(
    ("pairs", "cold", "advice", "fold"),
    [
        ([(0, 0), (1, 1), (2, 2)], "cold", "fewer folds", 1),
        ([(0, 0), (1, 1), (2, 2)], "cold", "fewer folds", 2),
        ([(0, 0), (0, 1), (0, 2), (1, 0), (2, 0)], "warm", "more folds", 1),
    ],
)
def test_with_both_cold_a_fold_without_ratings_to_learn_or_to_measure_is_refused(
    pairs: list[tuple[int, int]], cold: str, advice: str, fold: int, context: Contexts
) -> None:
    reported = set()
    for seed in range(30):
        try:
            both(rated(pairs), ColdBothParams(3), context(seed))
        except cfplug.DataError as error:
            reported.add(str(error))
    rule = f"cold-both: no rating has both its user and its item {cold} in fold {fold}"
    assert f"{rule}; ask for {advice} or take another seed" in reported


# Real data


@pytest.mark.parametrize(("side", "seed"), [("user", 100), ("item", 7)])
def test_the_folds_of_movielens_100k_are_those_of_the_protocol(
    side: str, seed: int, movielens: cfplug.Dataset, context: Contexts, said: list[str]
) -> None:
    found = drawn(movielens, side, 5, 10, context(seed))
    codes = movielens.ratings[side].to_numpy() - 1
    n = len(movielens.tables()[side + "s"])
    expected = list(protocol(codes, n, seed))
    for each, (train, support, query) in zip(found.values(), expected, strict=True):
        np.testing.assert_array_equal(each.train, train)
        np.testing.assert_array_equal(each.valid, np.sort(query))
        revealed = pd.Series(rows_of(each.support)).groupby(codes[rows_of(each.support)]).agg(list)
        assert revealed.to_dict() == {code: rows.tolist() for code, rows in support.items()}
    if side == "user":
        assert sum(len(each.valid) for each in found.values()) == 90_570
        assert said == []


def protocol(codes: np.ndarray, n_ids: int, seed: int, k: int = 5, support: int = 10) -> Any:
    """Train rows, support rows by code in order, and query rows, as first written for the
    measurements.
    """
    rng = np.random.RandomState(seed)
    runs = np.array_split(rng.permutation(n_ids), k)
    place = rng.permutation(len(codes))
    rank = np.empty(len(codes), int)
    rank[place] = np.arange(len(codes))
    order = np.lexsort((rank, codes))
    start = np.searchsorted(codes[order], np.arange(n_ids + 1))
    for cold in runs:
        rows = {code: order[start[code] : start[code + 1]] for code in cold}
        yield (
            np.flatnonzero(~np.isin(codes, cold)),
            {code: own[:support] for code, own in rows.items()},
            np.concatenate([own[support:] for own in rows.values()]),
        )

"""Drawn tables, datasets and splits: all are valid, and everything that is promised occurs."""

from __future__ import annotations

import functools
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, assume, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument, Unsatisfiable
from hypothesis.strategies import SearchStrategy

from cfplug import DataError, Dataset, Scale, Split
from cfplug.data.catalogue import Catalogue
from cfplug.data.dataset import ROLES
from cfplug.data.vocabulary import UNKNOWN, vocabulary
from cfplug.testing.strategies.datasets import (
    datasets,
    datasets_with_splits,
    rating_tables,
    splits,
)
from cfplug.testing.strategies.ids import ids, texts, unknown_ids
from cfplug.testing.strategies.synthetic import planted
from cfplug.testing.strategies.transforms import renamed, reordered, with_ratings

quick = settings(max_examples=10, deadline=None)
SIDES = ("user", "item")


@functools.cache
def drawn(make: Callable[..., SearchStrategy[Any]], n: int = 60, **options: Any) -> list[Any]:
    """Return `n` examples of a strategy, the same each time."""
    found = []

    @settings(
        max_examples=n,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(make(**options))
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found


def simplest(
    strategy: SearchStrategy[Any], condition: Callable[[Any], bool] = lambda example: True
) -> Any:
    return find(
        strategy, condition, settings=settings(max_examples=40, database=None, derandomize=True)
    )


# Ids


@pytest.mark.parametrize(
    ("kind", "types"), [("whole", {int}), ("text", {str}), ("mixed", {int, str})]
)
def test_ids_are_of_the_requested_kind_and_shrink_to_short_ones(
    kind: Any, types: set[type]
) -> None:
    found = drawn(ids, 60, kind=kind, min_size=3, max_size=5)
    assert all({type(each) for each in column} == types for column in found)
    assert all(3 <= len(column) == len(set(column)) <= 5 for column in found)
    assert all(len(str(each)) <= 4 for each in simplest(ids(kind, min_size=3, max_size=3)))


def test_ids_include_big_negative_zero_and_hostile_ones() -> None:
    columns = drawn(ids, 300)
    every = {each for column in columns for each in column}
    whole, words = ([each for each in every if isinstance(each, kind)] for kind in (int, str))
    assert {0} < set(whole)
    assert min(whole) < -(2**40)
    assert max(whole) > 2**53
    for sign in ("<", ",", '"', "\n", " x", "7", "ש", "é"):
        assert any(sign in word for word in words), sign
    assert any(len({type(each) for each in column}) == 2 for column in columns)
    assert any(len(column) == 1 for column in columns)


@given(texts())
@quick
def test_datasets_accept_texts_as_ids(text: str) -> None:
    table = pd.DataFrame({"user": pd.Series([text], dtype=object), "item": [1], "rating": [3.0]})
    assert Dataset.build("x", table).users["user"].tolist() == [text]


@pytest.mark.parametrize("kind", ["whole", "text", "mixed"])
@given(data=st.data())
@quick
def test_unknown_ids_have_no_code(kind: Any, data: st.DataObject) -> None:
    dataset = data.draw(datasets(ids=kind, metadata=False))
    for side in ("user", "item"):
        asked = data.draw(st.lists(unknown_ids(dataset, side), min_size=1, max_size=3))
        assert set(vocabulary(dataset, side).encode(asked)) == {UNKNOWN}


# Ratings


def sizes(table: pd.DataFrame) -> tuple[int, int]:
    return table["user"].nunique(), table["item"].nunique()


def test_rating_tables_never_have_as_many_users_as_items_except_one_rating() -> None:
    for table in drawn(rating_tables):
        users, items = sizes(table)
        assert users != items or len(table) == users == 1
        assert not table.duplicated(["user", "item"]).any()
        assert list(table)[:3] == ["user", "item", "rating"]
    assert Counter(users > items for users, items in map(sizes, drawn(rating_tables))).keys() == {
        True,
        False,
    }


@pytest.mark.parametrize(
    ("least", "most"), [(1, 1), (1, 2), (2, 2), (4, 4), (25, 25), (9, 60), (70, 75)]
)
def test_number_of_ratings_is_within_its_bounds(least: int, most: int) -> None:
    counts = {len(table) for table in drawn(rating_tables, 15, min_ratings=least, max_ratings=most)}
    assert counts <= set(range(least, most + 1))
    assert len(counts) >= min(3, most - least + 1)


def test_too_small_max_ratings_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="max_ratings: expected at least 5 here, got 4"):
        rating_tables(min_ratings=5, max_ratings=4)
    with pytest.raises(InvalidArgument, match="max_ratings: expected at least 4 here, got 3"):
        simplest(datasets_with_splits(warm=True, test=False, max_ratings=3))


def stars(table: pd.DataFrame) -> pd.Series[float]:
    """Return the part of each rating behind the decimal point."""
    return table["rating"] % 1


SOMETIMES: dict[str, Callable[[pd.DataFrame], bool]] = {
    "tiny": lambda table: len(table) == 1,
    "large": lambda table: len(table) >= 40,
    "of one user": lambda table: sizes(table)[0] == 1 < len(table),
    "skewed": lambda table: (
        len(table) >= 15 and _most(table) >= 4 * table["item"].value_counts().median()
    ),
    "constant": lambda table: len(table) > 3 and table["rating"].nunique() == 1,
    "whole": lambda table: bool((stars(table) == 0).all()),
    "half stars": lambda table: bool(
        (stars(table) == 0.5).any() and stars(table).isin([0, 0.5]).all()
    ),
    "free": lambda table: not stars(table).isin([0, 0.5]).all(),
    "negative": lambda table: bool((table["rating"] < 0).any()),
}


def _most(table: pd.DataFrame) -> int:
    return int(table["item"].value_counts().iloc[0])


@pytest.mark.parametrize("what", SOMETIMES)
def test_rating_tables_are_sometimes(what: str) -> None:
    patient = {"phases": [Phase.generate], "suppress_health_check": list(HealthCheck)}
    wanted = settings(max_examples=1000, derandomize=True, database=None, **patient)
    found = find(rating_tables(), SOMETIMES[what], settings=wanted)
    assert SOMETIMES[what](found)


def test_time_context_and_scale_are_as_requested() -> None:
    scale = Scale(2, 3)
    for table in drawn(rating_tables, 40, scale=scale, time=True, context=True):
        assert table["rating"].between(2, 3).all()
        assert table["time"].notna().all()
        assert pd.api.types.is_datetime64_any_dtype(table["time"].dtype)
        assert len(table.columns) == 5
    assert all(
        list(table) == ["user", "item", "rating"]
        for table in drawn(rating_tables, 40, time=False, context=False)
    )
    kinds = {("time" in table, len(table.columns)) for table in drawn(rating_tables)}
    assert kinds == {(False, 3), (False, 4), (True, 4), (True, 5)}


def test_rating_tables_shrink_to_one_rating_of_plain_ids() -> None:
    one = drawn(rating_tables, 5, time=False, context=False)[
        0
    ]  # tried first: all others shrink towards it
    assert len(one) == 1
    assert {*one["user"], *one["item"], *one["rating"]} <= {0, 1}


# Datasets


def known_to(dataset: Dataset, side: str) -> set[Any]:
    return set(dataset.tables()[f"{side}s"][side])


def test_catalogues_never_have_as_many_users_as_items() -> None:
    for dataset in drawn(datasets):
        users, items = len(dataset.users), len(dataset.items)
        assert users != items or users == 1


def test_metadata_have_every_role_missing_values_and_names_in_any_script() -> None:
    found, missing, names = set(), set(), set()
    for dataset in drawn(datasets, 100, max_ratings=6):
        for column in dataset.columns():
            values = dataset.tables()[column.table][column.name]
            empty = values.isna() | (
                values.map(lambda value: value == ()) if column.role == "set" else False
            )
            found.add((column.table, column.role))
            missing |= {(column.role, "some")} if empty.any() and not empty.all() else set()
            missing |= {(column.role, "all")} if empty.all() else set()
            names |= {column.name}
    roles = set(ROLES) - {"id", "target"}
    assert {
        (table, role)
        for table in ("users", "items")
        for role in ("category", "number", "set", "time")
    } <= found
    assert {("users", "label"), ("items", "label")} & found
    assert {("users", "text"), ("items", "text")} & found
    assert {("ratings", "time"), ("ratings", "category"), ("ratings", "number")} <= found
    assert {(role, kind) for role in roles for kind in ("some", "all")} <= missing
    assert any(not name.isascii() for name in names)


def test_some_ids_have_no_rating_and_some_have_no_metadata() -> None:
    found = drawn(datasets)
    for side in SIDES:
        assert any(known_to(dataset, side) > set(dataset.ratings[side]) for dataset in found)
        assert any(f"missing from {side}s" in word for dataset in found for word in dataset.notes)
        orders = [
            dataset.tables()[f"{side}s"][side].tolist()
            == dataset.ratings[side].drop_duplicates().tolist()
            for dataset in found
            if len(dataset.tables()[f"{side}s"]) > 2
        ]
        assert orders.count(False) > orders.count(True)
    assert all(not dataset.notes for dataset in drawn(datasets, 40, all_known=True))


def test_each_side_has_ids_of_every_kind() -> None:
    kinds = {
        tuple(frozenset(map(type, known_to(dataset, side))) for side in SIDES)
        for dataset in drawn(datasets)
    }
    assert len(kinds) >= 6
    assert all(
        {each[place] for each in kinds}
        == {frozenset([int]), frozenset([str]), frozenset([int, str])}
        for place in (0, 1)
    )
    found = drawn(datasets, 20, ids="whole")
    assert all(
        isinstance(each, int)
        for dataset in found
        for side in SIDES
        for each in known_to(dataset, side)
    )


def test_without_a_catalogue_ids_are_those_of_the_ratings() -> None:
    for dataset in drawn(datasets, 30, catalogue=False, context=False, time=False):
        assert dataset.users["user"].tolist() == dataset.ratings["user"].drop_duplicates().tolist()
        assert {column.role for column in dataset.columns()} == {"id", "target"}


def test_without_metadata_the_catalogue_has_ids_alone() -> None:
    found = drawn(datasets, 60, metadata=False)
    assert all(
        list(dataset.users) == ["user"] and list(dataset.items) == ["item"] for dataset in found
    )
    assert any(len(dataset.items) > dataset.ratings["item"].nunique() for dataset in found)


def test_ratings_have_levels_as_requested() -> None:
    assert all(len(dataset.scale.levels) > 0 for dataset in drawn(datasets, 60, levels=True))
    assert all(not dataset.scale.levels for dataset in drawn(datasets, 60, levels=False))
    assert {bool(dataset.scale.levels) for dataset in drawn(datasets)} == {True, False}
    assert any(
        len(dataset.scale.levels) > dataset.ratings["rating"].nunique()
        for dataset in drawn(datasets)
    )
    for dataset in drawn(datasets):
        assert dataset.ratings["rating"].between(dataset.scale.low, dataset.scale.high).all()
        assert not dataset.scale.levels or set(dataset.ratings["rating"]) <= set(
            dataset.scale.levels
        )


def test_a_dataset_shrinks_to_one_rating_without_metadata() -> None:
    one = drawn(datasets)[0]  # the example that hypothesis tries first, towards which it shrinks
    assert (len(one.ratings), list(one.users), list(one.items)) == (1, ["user"], ["item"])
    assert {*one.users["user"], *one.items["item"]} <= {0, 1}


# Splits


@pytest.mark.parametrize(
    "options", [{}, {"warm": True}, {"warm": False}, {"test": True}, {"warm": True, "test": True}]
)
def test_splits_are_valid_and_as_requested(options: dict[str, bool]) -> None:
    for dataset, split in drawn(datasets_with_splits, 50, metadata=False, **options):
        split.check(len(dataset.ratings))
        train, valid = dataset.ratings.iloc[split.train], dataset.ratings.iloc[split.valid]
        held = valid if split.test is None else pd.concat([valid, dataset.ratings.iloc[split.test]])
        if options.get("test"):
            assert split.test is not None
        if options.get("warm"):
            assert all(set(held[side]) <= set(train[side]) for side in SIDES)
        if options.get("warm") is False:
            assert any(set(valid[side]) > set(train[side]) & set(valid[side]) for side in SIDES)


def test_splits_are_sometimes_cold_unordered_small_or_without_a_test_part() -> None:
    found = drawn(datasets_with_splits, metadata=False)
    assert {split.test is None for _, split in found} == {True, False}
    warm = {
        all(
            set(dataset.ratings[side].iloc[split.valid])
            <= set(dataset.ratings[side].iloc[split.train])
            for side in SIDES
        )
        for dataset, split in found
    }
    assert warm == {True, False}
    assert any((np.diff(split.train) < 0).any() for _, split in found)
    assert any(len(split.valid) == 1 for _, split in found)
    assert any(len(split.valid) > len(split.train) for _, split in found)


def table_of(*pairs: tuple[Any, Any]) -> Dataset:
    users, items = zip(*pairs, strict=True)
    return Dataset.build(
        "x",
        pd.DataFrame(
            {"user": users, "item": items, "rating": [float(n) for n in range(len(pairs))]}
        ),
    )


@pytest.mark.parametrize(
    ("pairs", "options"),
    [
        ([("a", 1)], {}),
        ([("a", 1), ("a", 2)], {"test": True}),
        ([("a", 1), ("a", 2)], {"warm": True}),
        ([("a", 1), ("a", 2), ("b", 1)], {"warm": True, "test": True}),
        ([("a", 1)], {"warm": False}),
    ],
)
def test_impossible_splits_are_not_drawn(pairs: Any, options: dict[str, bool]) -> None:
    with pytest.raises(Unsatisfiable):
        simplest(splits(table_of(*pairs), **options))


def test_the_only_possible_split_is_found() -> None:
    dataset = table_of(("a", 1), ("a", 2), ("b", 1))
    found: Split = simplest(splits(dataset, warm=True))
    assert (sorted(found.train), found.valid.tolist(), found.test) == ([1, 2], [0], None)
    two = table_of(("a", 1), ("a", 2))
    assert {tuple(split.valid) for split in drawn(splits, 20, dataset=two, warm=False)} == {
        (0,),
        (1,),
    }


# Changes


@given(datasets(), st.integers(0, 50))
@quick
def test_renaming_gives_every_id_another_name_and_changes_nothing_else(
    dataset: Dataset, seed: int
) -> None:
    hashed = dataset.hash()
    other = renamed(dataset, seed)
    assert dataset.hash() == hashed
    for side in ("user", "item"):
        before, after = (
            each.tables()[f"{side}s"][side].tolist() for each in (dataset, other.dataset)
        )
        assert other.names[side] == dict(zip(before, after, strict=True))
        assert all(old != new for old, new in other.names[side].items())
        assert len(set(after)) == len(after)
    for name, table in dataset.tables().items():
        kept = [column for column in table if column not in SIDES]
        pd.testing.assert_frame_equal(other.dataset.tables()[name][kept], table[kept])
    again = other.pairs(dataset.ratings)
    assert [again[side].tolist() for side in SIDES] == [
        other.dataset.ratings[side].tolist() for side in SIDES
    ]
    assert (other.dataset.roles, other.dataset.scale, other.dataset.notes) == (
        dataset.roles,
        dataset.scale,
        dataset.notes,
    )


def test_new_names_are_old_ones_numbers_texts_or_both_and_never_in_the_old_order() -> None:
    dataset = table_of(*((user, item) for user in range(5) for item in "abc"))
    seen = Counter()
    for seed in range(40):
        names = renamed(dataset, seed).names["user"]
        kinds = frozenset(map(type, names.values()))
        seen["old" if set(names) == set(names.values()) else kinds] += 1
        seen["sorted otherwise"] += sorted(names, key=lambda old: str(names[old])) != sorted(names)
    assert set(seen) == {
        "old",
        frozenset([int]),
        frozenset([str]),
        frozenset([int, str]),
        "sorted otherwise",
    }
    assert seen["sorted otherwise"] >= 30


def test_new_names_can_be_given() -> None:
    dataset = table_of(("a", 1), ("b", 1), ("a", 2))
    other = renamed(dataset, names={"user": {"a": "b", "b": "a"}, "item": {1: "x", 2: 7}})
    assert other.dataset.ratings[["user", "item"]].to_numpy().tolist() == [
        ["b", "x"],
        ["a", "x"],
        ["b", 7],
    ]
    asked = other.pairs(pd.DataFrame({"user": ["b", "stranger"], "item": [2, 99]}))
    assert asked.to_numpy().tolist() == [["a", 7], ["stranger", 99]]


@given(datasets_with_splits(), st.integers(0, 9))
@quick
def test_reordering_moves_the_rows_alone(pair: tuple[Dataset, Split], seed: int) -> None:
    dataset, split = pair
    other = reordered(dataset, seed)
    pd.testing.assert_frame_equal(
        other.dataset.ratings, dataset.ratings.iloc[other.order].reset_index(drop=True)
    )
    assert other.order.tolist() != list(range(len(dataset.ratings)))
    for name in ("users", "items"):
        pd.testing.assert_frame_equal(other.dataset.tables()[name], dataset.tables()[name])
    assert Catalogue.of(other.dataset).user.ids == Catalogue.of(dataset).user.ids
    moved = other.split(split)
    for name, rows in split.parts().items():
        assert (other.order[moved.parts()[name]] == rows).all()
    assert moved.test is None or split.test is not None


def test_reordering_keeps_the_ratings_of_each_fold() -> None:
    plain = table_of(*(("a", item) for item in range(7)))
    fold = Split(np.array([2, 0, 6]), np.array([1, 4]), np.array([5]), np.array([3]))
    other = reordered(Dataset.build("x", plain.ratings, folds={"u1": fold}), 1)
    moved = other.dataset.folds["u1"]
    parts = [moved.train, moved.valid, moved.test, moved.support]
    ratings = [
        other.dataset.ratings["rating"].iloc[rows].tolist() for rows in parts if rows is not None
    ]
    assert ratings == [[2.0, 0.0, 6.0], [1.0, 4.0], [5.0], [3.0]]


@given(datasets(), st.data())
@quick
def test_other_ratings_are_other_ones_on_the_same_scale(
    dataset: Dataset, data: st.DataObject
) -> None:
    assume(dataset.scale.low < dataset.scale.high)
    n = len(dataset.ratings)
    rows = np.array(data.draw(st.lists(st.integers(0, n - 1), unique=True)), dtype=int)
    other = with_ratings(dataset, rows)
    same = other.ratings["rating"] == dataset.ratings["rating"]
    assert np.flatnonzero(~same).tolist() == sorted(rows)
    assert other.scale == dataset.scale
    assert other.ratings["rating"].between(dataset.scale.low, dataset.scale.high).all()
    assert not dataset.scale.levels or set(other.ratings["rating"]) <= set(dataset.scale.levels)
    pd.testing.assert_frame_equal(other.items, dataset.items)


def test_given_ratings_are_used_unless_they_are_off_the_scale() -> None:
    dataset = table_of(("a", 1), ("a", 2), ("b", 1))
    assert with_ratings(dataset, np.array([2, 0]), np.array([1.0, 2.0])).ratings[
        "rating"
    ].tolist() == [2.0, 1.0, 1.0]
    with pytest.raises(DataError, match="the rating 3 is off the scale, 0 to 2"):
        with_ratings(dataset, np.array([0]), np.array([3.0]))
    with pytest.raises(DataError, match="expected a scale with two ratings, got one"):
        with_ratings(table_of(("a", 1)), np.array([0]))


# Planted ratings


def test_planted_ratings_follow_the_documented_equation() -> None:
    found = planted(3, users=7, items=5, ratings=20, factors=3, low=-2, high=6)
    pairs, user, item = found.dataset.ratings, found.user, found.item
    naive = []
    for one, other in zip(pairs["user"], pairs["item"], strict=True):
        u, i = user.table["user"].tolist().index(one), item.table["item"].tolist().index(other)
        taste = sum(user.factors[u][k] * item.factors[i][k] for k in range(3)) / math.sqrt(3)
        naive.append(
            min(6, max(-2, 2 + 2 * (0.35 * user.bias[u] + 0.35 * item.bias[i] + 0.6 * taste)))
        )
    assert found.truth(pairs) == pytest.approx(naive)


def test_planted_ratings_are_the_truth_plus_noise() -> None:
    exact, noisy = planted(noise=0), planted(noise=0.3)
    assert exact.dataset.ratings["rating"].to_numpy() == pytest.approx(
        exact.truth(exact.dataset.ratings)
    )
    rating = noisy.dataset.ratings["rating"]
    assert (
        0.07 < ((noisy.truth(noisy.dataset.ratings) - rating) ** 2).mean() < 0.1 < rating.var() / 3
    )


def test_planted_data_are_the_same_for_the_same_seed_and_have_the_sizes_asked_for() -> None:
    found = planted().dataset
    assert (len(found.users), len(found.items), len(found.ratings)) == (60, 37, 1400)
    assert found.ratings["time"].is_unique
    assert found.hash() == planted().dataset.hash() != planted(1).dataset.hash()
    assert set(planted(whole=True, low=2, high=4).dataset.ratings["rating"]) == {2.0, 3.0, 4.0}
    assert planted(users=1, items=1, ratings=1).dataset.scale == Scale(1, 5)


def test_metadata_explain_half_of_the_planted_biases_and_factors() -> None:
    found = planted(users=3000, items=4, ratings=9, factors=1)
    table = found.user.table
    assert np.corrcoef(table["age"], found.user.bias)[0, 1] ** 2 == pytest.approx(0.5, abs=0.05)
    within = pd.Series(found.user.factors[:, 0]).groupby(table["group"]).var()
    assert within.to_numpy() == pytest.approx(0.5, abs=0.1)


def test_impossible_planted_ratings_are_refused() -> None:
    with pytest.raises(
        DataError, match="ratings: expected 1 to the 6 pairs of 2 users and 3 items, got 7"
    ):
        planted(users=2, items=3, ratings=7)
    with pytest.raises(DataError, match=r"whole: expected a scale with whole ends, got 0\.5 to 5"):
        planted(low=0.5, whole=True)
    with pytest.raises(DataError, match="expected a known item, got 'x'"):
        planted().truth(pd.DataFrame({"user": ["u1"], "item": ["x"]}))


def test_importing_the_strategies_loads_nothing_heavy() -> None:
    names = ("datasets", "parameters", "invalid", "transforms")
    imports = ", ".join(f"cfplug.testing.strategies.{name}" for name in names)
    code = f"import sys, {imports}; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "fastai", "pandas", "numpy", "scipy", "sklearn"} & set(modules)

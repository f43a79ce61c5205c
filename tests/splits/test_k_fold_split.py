"""The split into folds: drawn at random, or those that came with the data."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pandas as pd
import pytest
from cfplug_splits import KFoldParams, RandomParams, random_rows
from cfplug_splits.k_fold import split
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cfplug

Contexts = Callable[..., cfplug.Context]
Rated = Callable[[int], cfplug.Dataset]

ARCHIVE = Path(__file__).parents[2].parent / "shared" / "data" / "ml-100k.zip"
CANONICAL = ("u1", "u2", "u3", "u4", "u5")

quick = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def reported(data: cfplug.Dataset, context: Contexts, folds: int | tuple[str, ...]) -> str:
    """The text of the error that splitting raises."""
    with pytest.raises(cfplug.DataError) as raised:
        split(data, KFoldParams(folds), context())
    return str(raised.value)


def fold(n: int, *valid: int) -> cfplug.Split:
    return cfplug.Split(np.setdiff1d(np.arange(n), valid), np.array(valid))


# Folds drawn at random


def test_seed_42_draws_these_three_folds_of_ten(rated: Rated, context: Contexts) -> None:
    found = split(rated(10), KFoldParams(3), context(42))
    assert {name: each.valid.tolist() for name, each in found.items()} == {
        "1": [0, 1, 5, 8],
        "2": [2, 7, 9],
        "3": [3, 4, 6],
    }
    assert found["2"].train.tolist() == [0, 1, 3, 4, 5, 6, 8]
    assert all(each.test is None for each in found.values())


@quick
@given(n=st.integers(2, 200), data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_each_rating_validates_once_and_trains_every_other_fold(
    n: int, data: st.DataObject, seed: int, rated: Rated, context: Contexts
) -> None:
    k = data.draw(st.integers(2, n))
    found = split(rated(n), KFoldParams(k), context(seed))
    assert list(found) == [str(number) for number in range(1, k + 1)]
    for each in found.values():
        each.check(n)
    assert np.sort(np.concatenate([each.valid for each in found.values()])).tolist() == list(
        range(n)
    )
    sizes = [len(each.valid) for each in found.values()]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] - sizes[-1] == (n % k > 0)


@quick
@given(k=st.integers(2, 9), size=st.integers(1, 30), seed=st.integers(0, 2**32 - 1))
def test_fold_1_of_k_is_the_random_split_of_one_kth(
    k: int, size: int, seed: int, rated: Rated, context: Contexts
) -> None:
    first = split(rated(k * size), KFoldParams(k), context(seed))["1"]
    alone = random_rows.split(rated(k * size), RandomParams(1 / k), context(seed))
    np.testing.assert_array_equal(first.valid, alone.valid)
    np.testing.assert_array_equal(first.train, alone.train)


def test_more_folds_than_ratings_are_refused(rated: Rated, context: Contexts) -> None:
    assert (
        reported(rated(7), context, 8)
        == "8 folds need at least as many ratings; there are 7; ask for fewer (folds: 7)"
    )


# Folds of the data


def test_folds_that_are_named_are_taken_as_they_are_in_the_order_of_their_names(
    rated: Rated, context: Contexts, said: list[str]
) -> None:
    folds = {name: fold(7, row, row + 1) for name, row in (("u1", 0), ("u2", 2), ("u3", 4))}
    found = split(attrs.evolve(rated(7), folds=folds), KFoldParams(("u3", "u1")), context())
    assert list(found) == ["u3", "u1"]
    assert found["u3"] is folds["u3"]
    assert found["u1"] is folds["u1"]
    assert said == []


def test_folds_that_share_what_they_validate_are_taken_with_a_note(
    rated: Rated, context: Contexts, said: list[str]
) -> None:
    data = attrs.evolve(rated(7), folds={"u1": fold(7, 0, 1, 2), "ua": fold(7, 1, 2, 6)})
    assert list(split(data, KFoldParams(("u1", "ua")), context())) == ["u1", "ua"]
    assert said == ["k-fold: 2 ratings validate in more than one of u1, ua"]


def test_an_unknown_fold_names_the_nearest_and_all_there_are(
    rated: Rated, context: Contexts
) -> None:
    data = attrs.evolve(rated(7), folds={"u1": fold(7, 0), "ua": fold(7, 1)})
    assert reported(data, context, ("u1", "u11")) == (
        "rated has no fold called 'u11'; did you mean u1? (the folds are u1, ua)"
    )


def test_data_without_folds_is_reported(rated: Rated, context: Contexts) -> None:
    assert reported(rated(7), context, ("u1", "u2")) == (
        "rated has no folds of its own; have them drawn at random (folds: 5)"
    )


REFUSED: list[tuple[Any, str]] = [
    (1, "folds: must be at least 2; is 1"),
    (
        (),
        "folds: must be at least 2; names none (for one fold alone, split: "
        "{use: predefined, fold: u1})",
    ),
    (
        ("u1",),
        "folds: must be at least 2; names u1 (for one fold alone, split: "
        "{use: predefined, fold: u1})",
    ),
    (("u1", "u2", "u1"), "folds: must differ; u1 is given 2 times"),
]


@pytest.mark.parametrize(("folds", "message"), REFUSED)
def test_folds_are_at_least_two_and_different(folds: Any, message: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the full text follows
        KFoldParams(folds)
    assert str(raised.value) == message


# Real data


def test_u1_to_u5_of_movielens_100k_are_split_as_their_makers_did(
    movielens: cfplug.Dataset, context: Contexts, said: list[str]
) -> None:
    found = split(movielens, KFoldParams(CANONICAL), context())
    assert tuple(found) == CANONICAL
    assert said == []
    with zipfile.ZipFile(ARCHIVE) as archive:
        for name, each in found.items():
            for part, rows in (("base", each.train), ("test", each.valid)):
                made = pd.read_csv(
                    io.BytesIO(archive.read(f"ml-100k/{name}.{part}")), sep="\t", header=None
                )
                taken = movielens.ratings.iloc[rows].sort_values(["user", "item"])
                np.testing.assert_array_equal(
                    taken[["user", "item", "rating"]], made.sort_values([0, 1])[[0, 1, 2]]
                )
    assert np.sort(np.concatenate([each.valid for each in found.values()])).tolist() == list(
        range(100_000)
    )

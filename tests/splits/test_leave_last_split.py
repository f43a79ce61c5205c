"""The split that leaves the last ratings of each user out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cfplug_splits import LeaveLastParams
from cfplug_splits.leave_last import split
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import cfplug

Contexts = Callable[..., cfplug.Context]
Timed = Callable[..., cfplug.Dataset]

quick = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

RATED = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 12)), min_size=2, max_size=40)
"""User and minute of each rating."""

USERS = [7, 7, 7, 4, 4, 4, 4, 9]
MINUTES = [30, 10, 20, 4, 3, 2, 1, 50]


def parts(found: cfplug.Split) -> dict[str, list[int]]:
    return {name: rows.tolist() for name, rows in found.parts().items()}


def message(data: cfplug.Dataset, context: Contexts, **params: Any) -> str:
    """The text of the error that splitting raises."""
    with pytest.raises(cfplug.DataError) as raised:
        split(data, LeaveLastParams(**params), context())
    return str(raised.value)


def by_hand(rated: list[tuple[int, int]], params: LeaveLastParams) -> dict[str, list[int]]:
    """The rule of LeaveLastParams word by word, user by user."""
    found: dict[str, list[int]] = {"train": [], "valid": [], "test": []}
    for user in {user for user, _ in rated}:
        rows = sorted((minute, row) for row, (who, minute) in enumerate(rated) if who == user)
        whole = len(rows) < params.valid + params.test + params.keep
        for place, (_, row) in enumerate(reversed(rows)):
            part = (
                "test"
                if place < params.test
                else "valid"
                if place < params.test + params.valid
                else "train"
            )
            found["train" if whole else part].append(row)
    return {name: sorted(rows) for name, rows in found.items() if name != "test" or params.test}


# The rule


def test_the_newest_rating_of_each_user_validates(timed: Timed, context: Contexts) -> None:
    found = split(timed(MINUTES, USERS), LeaveLastParams(), context())
    assert parts(found) == {"train": [1, 2, 4, 5, 6, 7], "valid": [0, 3]}


def test_the_very_last_test_and_those_before_them_validate(timed: Timed, context: Contexts) -> None:
    found = split(timed(MINUTES, USERS), LeaveLastParams(valid=2, test=1), context())
    assert parts(found) == {"train": [0, 1, 2, 6, 7], "valid": [4, 5], "test": [3]}


def test_of_ratings_at_one_time_the_last_ones_in_the_table_are_last(
    timed: Timed, context: Contexts
) -> None:
    data = timed([5, 5, 5, 5, 5, 1], [2, 2, 1, 2, 1, 2])
    assert parts(split(data, LeaveLastParams(), context())) == {
        "train": [0, 1, 2, 5],
        "valid": [3, 4],
    }


def test_a_user_with_too_few_ratings_trains_wholly_and_is_counted(
    timed: Timed, context: Contexts, said: list[str]
) -> None:
    found = split(timed(MINUTES, USERS), LeaveLastParams(keep=3), context())
    assert parts(found) == {"train": [0, 1, 2, 4, 5, 6, 7], "valid": [3]}
    assert said == [
        "leave-last: 2 of 3 users have fewer than 4 ratings and stay wholly in training"
    ]


def test_with_nothing_to_keep_a_single_rating_is_left_out_too(
    timed: Timed, context: Contexts, said: list[str]
) -> None:
    assert parts(split(timed(MINUTES, USERS), LeaveLastParams(keep=0), context()))["valid"] == [
        0,
        3,
        7,
    ]
    assert said == []


# Laws


@quick
@given(rated=RATED, valid=st.integers(1, 3), test=st.integers(0, 2), keep=st.integers(0, 3))
def test_it_splits_as_one_would_by_hand(
    rated: list[tuple[int, int]], valid: int, test: int, keep: int, timed: Timed, context: Contexts
) -> None:
    params = LeaveLastParams(valid, test, keep)
    users, minutes = map(list, zip(*rated, strict=True))
    most = max(map(users.count, users))
    assume(len(set(minutes)) > 1 and most >= params.needed())
    expected = by_hand(rated, params)
    found = split(timed(minutes, users), params, context())
    assert parts(found) == expected
    assume(expected["train"])
    found.check(len(rated))


@quick
@given(minutes=st.permutations(range(20)), data=st.data())
def test_where_all_times_differ_the_order_of_the_rows_and_the_seed_change_nothing(
    minutes: list[int], data: st.DataObject, timed: Timed, context: Contexts
) -> None:
    users = data.draw(st.lists(st.integers(1, 4), min_size=20, max_size=20))
    order = np.array(data.draw(st.permutations(range(20))))
    found = split(timed(minutes, users), LeaveLastParams(2, 1), context(0))
    moved = timed([minutes[row] for row in order], [users[row] for row in order])
    shuffled = split(moved, LeaveLastParams(2, 1), context(7))
    for name, rows in found.parts().items():
        np.testing.assert_array_equal(np.sort(order[shuffled.parts()[name]]), rows)


# Faults


def test_data_where_no_user_has_ratings_enough_says_how_many_are_needed(
    timed: Timed, context: Contexts
) -> None:
    assert message(timed(MINUTES, USERS), context, valid=3, test=1, keep=2) == (
        "leave-last: no user has the 6 ratings that it takes to be split (valid 3 + test 1 + "
        "keep 2); "
        "the most that a user has is 4; ask for fewer"
    )


def test_data_without_times_is_refused_as_it_is_by_the_split_by_time(context: Contexts) -> None:
    ratings = pd.DataFrame({"user": [1, 2, 1], "item": [7, 7, 8], "rating": 3.0})
    assert message(cfplug.Dataset.build("untimed", ratings), context) == (
        "ratings: a split by time needs a column with the role time; there is none among user "
        "(id), item (id), "
        "rating (target); if the data has times, name their column to its source (time: COLUMN), "
        "else split in another way (split: random)"
    )


def test_times_that_are_all_the_same_say_nothing_of_what_was_last(
    timed: Timed, context: Contexts
) -> None:
    assert message(timed([60] * 5), context) == (
        "ratings, column time: a split by time needs 2 different times; the 5 ratings have only "
        "2000-01-01 01:00:00; split in another way (split: random)"
    )


def test_a_missing_time_is_refused(timed: Timed, context: Contexts) -> None:
    assert message(timed([0, 1, None, 3, 4]), context) == (
        "ratings, row 2, column time: 1 of 5 ratings have no time; give them one, leave them out, "
        "or split in another way (split: random)"
    )


# Real data


def test_every_user_of_movielens_100k_leaves_one_rating_out_and_is_known_in_training(
    movielens: cfplug.Dataset, context: Contexts
) -> None:
    found = split(movielens, LeaveLastParams(), context())
    left_out, kept = movielens.ratings.iloc[found.valid], movielens.ratings.iloc[found.train]
    assert sorted(left_out["user"]) == list(range(1, 944))
    newest = kept.groupby("user")["time"].max()
    assert (left_out["time"].to_numpy() >= newest[left_out["user"]].to_numpy()).all()

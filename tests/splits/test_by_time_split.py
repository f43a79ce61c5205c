"""The split by time: one cut for all users that tears no moment apart."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cfplug_splits import ByTimeParams
from cfplug_splits.by_time import split
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import cfplug

Contexts = Callable[..., cfplug.Context]
Timed = Callable[..., cfplug.Dataset]

quick = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

MINUTES = st.lists(st.integers(0, 25), min_size=4, max_size=40)
SHARES = st.tuples(st.floats(0.01, 0.99), st.floats(0, 0.99)).filter(lambda shares: sum(shares) < 1)


def parts(found: cfplug.Split) -> dict[str, list[int]]:
    return {name: rows.tolist() for name, rows in found.parts().items()}


def message(data: cfplug.Dataset, context: Contexts, **params: Any) -> str:
    """The text of the error that splitting raises."""
    with pytest.raises(cfplug.DataError) as raised:
        split(data, ByTimeParams(**params), context())
    return str(raised.value)


def enough(minutes: list[int], test: float) -> bool:
    return len(set(minutes)) >= (3 if test else 2)


# The rule


def test_the_newest_fifth_validates_wherever_its_rows_are(timed: Timed, context: Contexts) -> None:
    data = timed([90, 10, 20, 30, 80, 40, 50, 60, 70, 0])
    assert parts(split(data, ByTimeParams(), context())) == {
        "train": [1, 2, 3, 5, 6, 7, 8, 9],
        "valid": [0, 4],
    }


def test_the_newest_rows_are_test_and_those_before_them_are_valid(
    timed: Timed, context: Contexts
) -> None:
    data = timed([90, 10, 20, 30, 80, 40, 50, 60, 70, 0])
    found = split(data, ByTimeParams(valid=0.2, test=0.3), context())
    assert parts(found) == {"train": [1, 2, 3, 5, 9], "valid": [6, 7], "test": [0, 4, 8]}


def test_a_cut_within_one_moment_moves_to_its_nearer_end(timed: Timed, context: Contexts) -> None:
    early = timed([0, 1, 2, 3, 4, 5, 5, 5, 5, 6])  # two were asked for: one is nearer than five
    assert parts(split(early, ByTimeParams(), context()))["valid"] == [9]
    late = timed([0, 1, 2, 3, 4, 5, 6, 7, 7, 7])  # three are nearer than none
    assert parts(split(late, ByTimeParams(), context()))["valid"] == [7, 8, 9]


def test_of_two_cuts_equally_near_the_larger_part_is_taken(timed: Timed, context: Contexts) -> None:
    data = timed([0, 1, 2, 3, 4, 5, 6, 7, 7, 8])  # two were asked for, one and three are as near
    assert parts(split(data, ByTimeParams(), context()))["valid"] == [7, 8, 9]


def test_a_moment_larger_than_its_part_leaves_no_part_empty(
    timed: Timed, context: Contexts
) -> None:
    assert parts(split(timed([5, 5, 5, 5, 0]), ByTimeParams(), context())) == {
        "train": [4],
        "valid": [0, 1, 2, 3],
    }
    found = split(timed([1, 9, 9, 9, 9, 9, 0]), ByTimeParams(valid=0.1, test=0.1), context())
    assert parts(found) == {"train": [6], "valid": [0], "test": [1, 2, 3, 4, 5]}


def test_times_of_another_zone_are_times(timed: Timed, context: Contexts) -> None:
    ratings = timed([4, 3, 2, 1, 0]).ratings
    zoned = cfplug.Dataset.build(
        "zoned", ratings.assign(time=ratings["time"].dt.tz_localize("Asia/Kolkata"))
    )
    assert parts(split(zoned, ByTimeParams(), context())) == {"train": [1, 2, 3, 4], "valid": [0]}


def test_the_cut_points_are_reported(timed: Timed, context: Contexts, said: list[str]) -> None:
    split(timed(list(range(10))), ByTimeParams(test=0.1), context())
    assert said == [
        "by-time: train 7 ratings until 2000-01-01 00:06:00; valid 2 ratings until 2000-01-01 "
        "00:08:00; "
        "test 1 ratings until 2000-01-01 00:09:00"
    ]


# Laws


@quick
@given(minutes=MINUTES, shares=SHARES)
def test_all_that_trains_is_older_than_all_that_validates_and_that_than_all_that_tests(
    minutes: list[int], shares: tuple[float, float], timed: Timed, context: Contexts
) -> None:
    assume(enough(minutes, shares[1]))
    found = split(timed(minutes), ByTimeParams(*shares), context())
    found.check(len(minutes))
    given_at = [np.array(minutes)[rows] for rows in found.parts().values()]
    assert len(given_at) == (3 if shares[1] else 2)
    for older, newer in itertools.pairwise(given_at):
        assert older.max() < newer.min()


@quick
@given(minutes=MINUTES, shares=SHARES)
def test_no_other_cut_comes_nearer_to_what_was_asked(
    minutes: list[int], shares: tuple[float, float], timed: Timed, context: Contexts
) -> None:
    assume(enough(minutes, shares[1]))
    valid, test = (round(share * len(minutes)) for share in shares)
    found = {
        name: len(rows)
        for name, rows in split(timed(minutes), ByTimeParams(*shares), context()).parts().items()
    }
    newest = found.get("test", 0)
    if newest:
        assert newest == nearest(minutes, test, leave=2)
    assert found["valid"] == nearest(sorted(minutes)[: len(minutes) - newest], valid, leave=1)


def nearest(minutes: list[int], wanted: int, leave: int) -> int:
    """Of all cuts between two minutes the size nearest to `wanted`, the larger of two; as many
    minutes are left.
    """
    sizes = [sum(each >= cut for each in minutes) for cut in sorted(set(minutes))[leave:]]
    return min(sizes, key=lambda size: (abs(size - wanted), -size))


@quick
@given(n=st.integers(3, 60), shares=SHARES, seed=st.integers(0, 2**32 - 1))
def test_where_all_times_differ_the_parts_are_as_large_as_those_of_the_random_split(
    n: int, shares: tuple[float, float], seed: int, timed: Timed, context: Contexts
) -> None:
    valid, test = (round(share * n) for share in shares)
    assume(valid and (test or not shares[1]) and valid + test < n)
    minutes = np.random.RandomState(seed).permutation(n)
    found = split(timed(minutes), ByTimeParams(*shares), context(seed))
    assert [len(rows) for rows in found.parts().values()][1:] == [valid, test][
        : 2 if shares[1] else 1
    ]


@quick
@given(minutes=MINUTES, shares=SHARES, data=st.data())
def test_the_order_of_the_rows_and_the_seed_change_nothing(
    minutes: list[int],
    shares: tuple[float, float],
    data: st.DataObject,
    timed: Timed,
    context: Contexts,
) -> None:
    assume(enough(minutes, shares[1]))
    order = np.array(data.draw(st.permutations(range(len(minutes)))))
    found = split(timed(minutes), ByTimeParams(*shares), context(0))
    shuffled = split(timed([minutes[row] for row in order]), ByTimeParams(*shares), context(7))
    for name, rows in found.parts().items():
        np.testing.assert_array_equal(np.sort(order[shuffled.parts()[name]]), rows)


# Which column


def test_the_only_column_of_the_role_time_is_taken_whatever_it_is_called(
    timed: Timed, context: Contexts
) -> None:
    ratings = timed([4, 3, 2, 1, 0]).ratings.rename(columns={"time": "given"})
    assert parts(split(cfplug.Dataset.build("small", ratings), ByTimeParams(), context()))[
        "valid"
    ] == [0]


def two_times(data: cfplug.Dataset, *names: str) -> cfplug.Dataset:
    """The dataset with its times once more, the other way round."""
    ratings = data.ratings.rename(columns={"time": names[0]})
    return cfplug.Dataset.build(
        "two", ratings.assign(**{names[1]: ratings[names[0]].to_numpy()[::-1]})
    )


def test_of_several_the_one_called_time_is_taken_unless_another_is_named(
    timed: Timed, context: Contexts
) -> None:
    data = two_times(timed([0, 1, 2, 3, 4]), "seen", "time")
    assert parts(split(data, ByTimeParams(), context()))["valid"] == [0]
    assert parts(split(data, ByTimeParams(column="seen"), context()))["valid"] == [4]


def test_several_of_which_none_is_called_time_must_be_chosen_from(
    timed: Timed, context: Contexts
) -> None:
    data = two_times(timed([0, 1, 2, 3, 4]), "seen", "given")
    assert message(data, context) == (
        "ratings: seen and given have the role time; say which of them the split goes by "
        "(column: seen)"
    )


def test_a_column_that_is_not_there_names_the_nearest(timed: Timed, context: Contexts) -> None:
    data = two_times(timed([0, 1, 2, 3, 4]), "seen", "given")
    assert message(data, context, column="sean") == (
        "ratings: no column called 'sean'; did you mean seen? (with the role time: seen, given)"
    )


def test_a_column_of_another_role_is_not_a_column_of_times(timed: Timed, context: Contexts) -> None:
    assert message(timed([0, 1, 2, 3, 4]), context, column="rating") == (
        "ratings: rating has the role target; a split by time needs the role time, as of time"
    )


# Data that has no times


def test_data_without_times_says_which_columns_there_are_and_what_to_do(context: Contexts) -> None:
    ratings = pd.DataFrame(
        {"user": [1, 2, 1], "item": [7, 7, 8], "rating": 3.0, "time": [880, 881, 882]}
    )
    assert message(cfplug.Dataset.build("untimed", ratings), context) == (
        "ratings: a split by time needs a column with the role time; there is none among user "
        "(id), item (id), "
        "rating (target), time (number); if the data has times, name their column to its source "
        "(time: COLUMN), "
        "else split in another way (split: random)"
    )


def test_ratings_without_a_time_are_counted_and_the_first_is_named(
    timed: Timed, context: Contexts
) -> None:
    assert message(timed([0, 1, None, 3, None]), context) == (
        "ratings, row 2, column time: 2 of 5 ratings have no time; give them one, leave them out, "
        "or split in another way (split: random)"
    )


def test_times_that_are_all_missing_are_refused(timed: Timed, context: Contexts) -> None:
    assert message(timed([None] * 5), context) == (
        "ratings, row 0, column time: 5 of 5 ratings have no time; give them one, leave them out, "
        "or split in another way (split: random)"
    )


def test_times_that_are_all_the_same_are_refused(timed: Timed, context: Contexts) -> None:
    assert message(timed([60] * 5), context) == (
        "ratings, column time: a split by time needs 2 different times; the 5 ratings have only "
        "2000-01-01 01:00:00; split in another way (split: random)"
    )


def test_a_third_part_needs_a_third_time(timed: Timed, context: Contexts) -> None:
    assert message(timed([0, 0, 60, 60, 60]), context, test=0.2) == (
        "ratings, column time: a split by time needs 3 different times; the 5 ratings have only "
        "2000-01-01 00:00:00 and 2000-01-01 01:00:00; split in another way (split: random)"
    )


def test_a_split_by_time_must_leave_something_to_train() -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the full text follows
        ByTimeParams(0.6, 0.4)
    assert str(raised.value) == "valid and test: must leave something to train; are 0.6 and 0.4"


# Real data


def test_the_newest_fifth_of_movielens_100k_begins_on_the_seventh_of_march(
    movielens: cfplug.Dataset, context: Contexts
) -> None:
    found = split(movielens, ByTimeParams(), context())
    time = movielens.ratings["time"]
    assert (len(found.train), len(found.valid)) == (79_999, 20_001)
    assert str(time[found.train].max()) == "1998-03-07 02:20:47"
    assert time[found.valid].min() > time[found.train].max()

"""Groups of rows: every row has its group, and bands are cut in order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug.data.groups import EMPTY, MISSING, Groups, groups_by_count, groups_of

# Columns


def cut(
    values: list[Any], role: str, most: int = 3, weights: list[float] | None = None
) -> tuple[Groups, list[set[str]]]:
    column = pd.Series(values, dtype=object if role in ("set", "category") else None)
    found = groups_of(column, role, most, 2 * most, None if weights is None else np.array(weights))
    of_row = [{found.names[g] for g in found.group[found.row == row]} for row in range(len(values))]
    return found, of_row


@given(
    st.lists(st.one_of(st.none(), st.integers(-50, 50)), min_size=1, max_size=60), st.integers(2, 8)
)
@settings(max_examples=30, deadline=None)
def test_bands_are_in_order_and_hold_equal_numbers_together(
    values: list[int | None], most: int
) -> None:
    numbers = [math.nan if value is None else float(value) for value in values]
    found, of_row = cut(numbers, "number", most)
    assert all(len(each) == 1 for each in of_row)
    assert len(set(found.names) - {MISSING}) <= most
    place = dict(zip(found.row.tolist(), found.group.tolist(), strict=True))
    known = sorted((number, place[row]) for row, number in enumerate(numbers) if number == number)
    assert [band for _, band in known] == sorted(band for _, band in known)
    for number, band in known:
        low, _, high = found.names[band].partition(" to ")
        assert float(low) <= number <= float(high or low)
    assert (MISSING in found.names) == (None in values)


def test_bands_have_about_equal_weight() -> None:
    found, _ = cut(list(map(float, range(100))), "number", 4, [1.0] * 50 + [3.0] * 50)
    assert found.names == ("0 to 49", "50 to 66", "67 to 82", "83 to 99")


def test_few_numbers_are_kept_and_close_ones_are_distinguished() -> None:
    assert cut([3.0, 1.5, 3.0], "number")[0].names == ("1.5", "3")
    assert len(set(cut([0.123451, 0.123452, 0.123453], "number")[0].names)) == 3


@pytest.mark.parametrize(
    ("times", "names"),
    [
        (["2001-03-04 10:00", "2001-03-04 11:30"], ("2001-03-04 10:00", "2001-03-04 11:00")),
        (["2001-03-04 10:00", "2001-06-01 11:30"], ("Mar 2001", "Jun 2001")),
        (
            [f"2001-03-{d:02} {h}:00" for d in (4, 5) for h in (1, 4, 9, 11)],
            ("2001-03-04", "2001-03-05"),
        ),
        ([f"200{y}-{m:02}-09" for y in (1, 2) for m in (1, 4, 9, 11)], ("2001", "2002")),
        ([f"2001-0{m}-{d}" for m in (1, 2) for d in (10, 15, 20, 27)], ("Jan 2001", "Feb 2001")),
        ([f"{y}-01-01" for y in range(1950, 1954)], ("1950", "1951", "1952", "1953")),
        ([f"{y}-01-01" for y in range(1949, 1954)], ("1940s", "1950s")),
    ],
)
def test_times_go_into_the_shortest_periods_that_are_few_enough(
    times: list[str], names: tuple[str, ...]
) -> None:
    assert groups_of(pd.Series(pd.to_datetime(times)), "time", most=4).names == names


def test_a_time_zone_and_a_missing_time_do_no_harm() -> None:
    times = pd.Series(pd.to_datetime(["2001-01-01", None, "2003-01-01"], utc=True))
    found = groups_of(times, "time", most=4)
    assert found.names == ("2001", "2003", MISSING)


def test_a_category_puts_every_row_into_one_group_the_largest_first() -> None:
    found, of_row = cut(["nurse", "cook", " cook ", None, 3.0], "category")
    assert found.names == ("cook", "nurse", MISSING, "3")
    assert of_row == [{"nurse"}, {"cook"}, {"cook"}, {MISSING}, {"3"}]
    assert (found.ordered, found.overlap) == (False, False)


def test_a_set_puts_a_row_into_the_group_of_each_member_and_an_empty_one_into_that_of_none() -> (
    None
):
    found, of_row = cut([("a", "<b>"), (), ("<b>",)], "set")
    assert of_row == [{"a", "<b>"}, {EMPTY}, {"<b>"}]
    assert found.overlap


def test_a_number_that_most_have_does_not_take_the_others_in() -> None:
    assert cut([1.0, *[2.0] * 8, 3.0], "number", 3)[0].names == ("1", "2", "3")
    assert cut([*[1.0] * 8, 2.0, 3.0], "number", 3)[0].names == ("1", "2", "3")


def test_rows_that_do_not_count_are_in_no_band() -> None:
    found, of_row = cut([1.0, 2.0, math.nan, 9.0], "number", 3, [1.0, 2.0, 0.0, 0.0])
    assert (found.names, of_row) == (("1", "2"), [{"1"}, {"2"}, set(), set()])


def test_a_column_without_any_value_is_one_group() -> None:
    assert cut([math.nan] * 3, "number")[0].names == (MISSING,)
    assert groups_of(pd.Series(pd.to_datetime([None, None])), "time").names == (MISSING,)
    assert groups_of(pd.Series([], dtype=float), "number").names == ()


def test_of_many_categories_the_heaviest_keep_their_names() -> None:
    found, of_row = cut([*"abcdefg"], "category", 1, [1, 5, 1, 1, 1, 9, 1])
    assert found.names == ("f", "b", "the other 5 values")
    assert of_row[0] == {"the other 5 values"}
    assert cut([*"abc"], "category", 1)[0].names == ("a", "b", "c"), (
        "one value alone needs no other name"
    )


def test_a_row_is_once_in_what_is_left_of_its_set() -> None:
    found, of_row = cut([("a",), ("a", "b"), ("b",), ("c", "d", "e"), ()], "set", 1)
    assert found.names[:2] == ("a", "b")
    assert of_row[3] == {"the other 4 values"}
    assert len(found.row) == 6


@given(st.lists(st.integers(0, 4), max_size=12))
def test_groups_of_a_longer_table_are_those_of_the_rows_it_takes(take: list[int]) -> None:
    found, of_row = cut([("a", "b"), (), ("b",), ("a", "c", "b"), ("c",)], "set")
    longer = found.at(np.array(take, dtype=np.int64))
    for row, source in enumerate(take):
        assert {longer.names[g] for g in longer.group[longer.row == row]} == of_row[source]
    assert len(longer.row) == sum(len(of_row[source]) for source in take)
    assert (longer.n, longer.overlap) == (len(take), True)
    assert set(longer.names) == {name for source in take for name in of_row[source]}, (
        "empty groups are left out"
    )


# Training counts

COUNTS = st.lists(st.one_of(st.integers(0, 9), st.integers(0, 3000)), min_size=1, max_size=60)


@settings(max_examples=30, deadline=None)
@given(COUNTS, st.integers(2, 10))
def test_every_id_has_a_band_that_holds_its_count_and_zero_is_one_of_its_own(
    counts: list[int], bands: int
) -> None:
    found = groups_by_count(np.array(counts), bands)
    assert found.row.tolist() == list(range(len(counts)))
    assert (found.names[0] == "0") == (0 in counts)
    assert len(found.names) - (0 in counts) <= bands
    last = -1
    for name, rows in found.each():
        low, _, high = (part.replace(",", "") for part in name.partition(" to "))
        theirs = [counts[row] for row in rows]
        assert last < int(low) == min(theirs)
        last = int(high or low)
        assert max(theirs) == last
        assert (0 in theirs) == (name == "0")


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 500), min_size=1, max_size=80))
def test_fifths_are_tenths_taken_together(counts: list[int]) -> None:
    fifths, tenths = (groups_by_count(np.array(counts), bands).group.tolist() for bands in (5, 10))
    assert len(set(zip(tenths, fifths, strict=True))) == len(set(tenths))


def test_bands_have_about_as_many_ratings_each_not_as_many_ids() -> None:
    counts = np.arange(1, 2001)
    found = groups_by_count(counts)
    assert found.names[0] == "1 to 632"
    assert found.names[-1] == "1,898 to 2,000"
    assert found.sums(counts) == pytest.approx(counts.sum() / 10, rel=0.01)


def test_the_order_of_the_ids_is_nothing_to_their_bands() -> None:
    rng = np.random.default_rng(0)
    counts, order = rng.poisson(20, 91), rng.permutation(91)
    assert (groups_by_count(counts).group[order] == groups_by_count(counts[order]).group).all()


# What groups tell


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sets(st.sampled_from("abcde")), min_size=1, max_size=14))
def test_members_sums_and_rows_of_each_group_are_the_naive_ones(sets: list[set[str]]) -> None:
    found, of_row = cut([tuple(sorted(each)) for each in sets], "set", 9)
    amounts = np.arange(1.0, len(sets) + 1)
    naive = {
        name: [row for row, names in enumerate(of_row) if name in names] for name in found.names
    }
    assert {name: rows.tolist() for name, rows in found.each()} == naive
    assert found.sums(amounts) == pytest.approx([amounts[rows].sum() for rows in naive.values()])
    assert [np.flatnonzero(column).tolist() for column in found.member.T] == list(naive.values())
    assert found.member.shape == (len(sets), len(found.names))


def test_a_group_without_rows_is_passed_over() -> None:
    found = Groups(("a", "b", "c"), np.array([1, 0]), np.array([0, 2]), 2, ordered=True)
    assert [(name, rows.tolist()) for name, rows in found.each()] == [("a", [1]), ("c", [0])]
    assert found.at(np.array([0, 0])).names == ("c",)
    assert found.at(np.array([1, 0])).ordered

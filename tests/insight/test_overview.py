"""The overview: counts, ratings by level and by period, the long tail, and each column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cfplug_factors.baselines import Offsets
from cfplug_insight import DataOverview, cfplug_analyzers
from cfplug_insight.metadata import columns
from cfplug_insight.overview import (
    MOST_RANKS,
    density,
    histogram,
    long_tail,
    overview,
    share_of_top,
)
from cfplug_insight.timeline import MOST_PERIODS, by_period, timeline
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Context, Dataset, FittedModel, Scale, Section, Split
from cfplug.data.catalogue import Catalogue, Support
from cfplug.prediction.evidence import Evidence
from cfplug.report.serialize import check_section

QUIET = Context(
    0, np.random.default_rng(0), "cpu", Path(), lambda done, message: None, lambda line: None
)
HOSTILE = "<script>alert('1')</script>"
RATED = [
    ("ann", 1, 5.0),
    ("ann", 2, 4.5),
    ("ann", 3, 3.0),
    ("bob", 1, 4.5),
    ("bob", 3, 2.0),
    ("eve", 1, 3.0),
    ("ann", 4, 4.5),
]
HALVES = Scale(1, 5, tuple(np.arange(2, 11) / 2))


def films(scale: Scale | None = HALVES, items: pd.DataFrame | None = None, **more: Any) -> Dataset:
    """Seven ratings of four items by three users; item 5 has none."""
    ratings = pd.DataFrame(RATED, columns=["user", "item", "rating"]).assign(**more)
    plain = pd.DataFrame({"item": [1, 2, 3, 4, 5]})
    return Dataset.build("films", ratings, items=plain if items is None else items, scale=scale)


def model(data: Dataset) -> FittedModel:
    train, rest = np.arange(5), np.arange(5, 7)
    catalogue = Catalogue.of(data)
    empty = pd.DataFrame()
    held_out = data.ratings.iloc[rest].assign(prediction=3.0, origin="warm")
    evidence = Evidence(data, Split(train, rest), "valid", held_out, None, empty, empty)
    support = Support.of(catalogue.interactions(data.ratings, train))
    offsets = Offsets(3.0, np.zeros(len(catalogue.user)), np.zeros(len(catalogue.item)))
    return FittedModel("bias", "test/bias", 0, (), catalogue, support, offsets, evidence=evidence)


def section(data: Dataset) -> Section:
    return check_section(overview(DataOverview(), model(data), QUIET))


def test_the_text_counts_ratings_items_users_and_their_density() -> None:
    reported = section(films()).text[0]
    assert reported == (
        "7 ratings of 4 items by 3 users: 58.3 % of all their pairs have a rating. Ratings go from "
        "1 to 5, with a mean "
        "of 3.79; the most frequent is 4.5, with 42.9 % of all."
    )
    assert (
        section(films(Scale(0, 7))).text[0].endswith("Ratings go from 0 to 7, with a mean of 3.79.")
    )


def test_the_numbers_tell_the_split_and_who_has_no_rating() -> None:
    numbers = dict(section(films()).tables[0].rows)
    assert (numbers["items with ratings"], numbers["users with ratings"]) == ("4", "3")
    assert numbers["items without any"] == "1"
    assert (numbers["ratings of one item: fewest"], numbers["ratings of one item: most"]) == (
        "1",
        "3",
    )
    assert (numbers["ratings of one user: median"], numbers["users without any"]) == ("2", "0")
    assert (numbers["ratings of the train part"], numbers["ratings of the valid part"]) == (
        "5",
        "2",
    )
    assert (numbers["mean rating"], numbers["standard deviation of ratings"]) == ("3.79", "1.03")
    assert numbers["pairs that have a rating"] == "58.3 %"


def test_every_level_has_a_bar_those_without_ratings_too() -> None:
    chart = histogram(films())
    assert (chart.mark, chart.x, chart.y) == ("bar", "rating", "ratings")
    assert [row[:2] for row in chart.rows] == [
        ("1", 0), ("1.5", 0), ("2", 1), ("2.5", 0), ("3", 2),
        ("3.5", 0), ("4", 0), ("4.5", 3), ("5", 1)
    ]  # fmt: skip
    assert sum(row[2] for row in chart.rows) == pytest.approx(100, abs=0.05)


def test_ratings_without_levels_are_put_into_bands() -> None:
    chart = histogram(films(Scale(0, 10)))
    assert [row[:2] for row in chart.rows if row[1]] == [(2.25, 1), (3.25, 2), (4.75, 3), (5.25, 1)]
    assert len(chart.rows) == 20


COUNTS = st.lists(st.integers(0, 50), min_size=1, max_size=60).filter(any)


@settings(max_examples=30, deadline=None)
@given(count=COUNTS, top=st.floats(0.01, 1))
def test_the_share_of_the_top_is_that_of_a_sorted_list(count: list[int], top: float) -> None:
    rated = sorted((each for each in count if each), reverse=True)
    naive = sum(rated[: max(1, round(top * len(rated)))]) / sum(rated)
    assert share_of_top(np.array(count), top) == pytest.approx(naive)
    assert share_of_top(np.array(count), 1.0) == 1


def test_the_density_counts_only_those_with_ratings() -> None:
    assert density({"item": np.array([2, 0, 1]), "user": np.array([1, 1, 1])}) == pytest.approx(50)


@settings(max_examples=20, deadline=None)
@given(items=COUNTS, users=COUNTS)
def test_the_long_tail_falls_and_shows_both_ends(items: list[int], users: list[int]) -> None:
    chart = long_tail({"item": np.array(items), "user": np.array(users)})
    assert chart.log == ("x", "y")
    for word, count in (("items", items), ("users", users)):
        line = [row for row in chart.rows if row[2] == word]
        rated = sorted((each for each in count if each), reverse=True)
        assert line[0] == (1, rated[0], word)
        assert line[-1] == (len(rated), rated[-1], word)
        assert [row[0] for row in line] == sorted({row[0] for row in line})
        assert all(rated[rank - 1] == number for rank, number, _ in line)


def test_a_long_tail_of_many_stays_a_short_line() -> None:
    assert len(long_tail({"item": np.arange(60_000), "user": np.arange(9)}).rows) <= 2 * MOST_RANKS


def test_the_tail_is_described_in_one_sentence() -> None:
    assert section(films()).text[2] == (
        "The most active 10 % of users gave 57.1 % of the ratings; the most rated 10 % of items "
        "got 42.9 %. Half of "
        "all ratings went to 2 items, while 4 items have fewer than 5 each: of these a model knows "
        "little."
    )


# Time


def test_ratings_without_a_time_cost_one_line_and_no_chart() -> None:
    found = section(films())
    assert found.text[1] == "The ratings have no time."
    assert [chart.title for chart in found.charts] == [
        "How often each rating was given",
        "The long tail: ratings of each item and each user",
        "The most active users and the most rated items",
    ]
    assert timeline(films(time=pd.Series([pd.NaT] * 7, dtype="datetime64[s]")))[0] == ()


def test_ratings_of_a_week_are_counted_by_day_with_the_empty_days() -> None:
    days = ["01", "01", "03", "03", "03", "05", "01"]
    (chart,), reported = timeline(
        films(time=pd.to_datetime([f"2001-02-{day} 23:59" for day in days]))
    )
    assert chart.rows == (
        ("2001-02-01", 3),
        ("2001-02-02", 0),
        ("2001-02-03", 3),
        ("2001-02-04", 0),
        ("2001-02-05", 1),
    )
    assert (chart.title, chart.mark, chart.x, chart.y) == (
        "Ratings by day",
        "bar",
        "day",
        "ratings",
    )
    assert reported == (
        "The ratings were given from 2001-02-01 to 2001-02-05; the busiest day, 2001-02-01, "
        "brought 42.9 % of them."
    )


def test_times_with_a_zone_are_counted_in_utc_and_missing_ones_are_reported() -> None:
    times = pd.Series(pd.to_datetime(["2001-02-01 23:30"] * 5 + [None] * 2)).dt.tz_localize(
        "America/New_York"
    )
    (chart,), reported = timeline(films(time=times))
    assert chart.rows == (("2001-02-02", 5),)
    assert reported == "The ratings were given from 2001-02-02 to 2001-02-02; 2 have no time."


@pytest.mark.parametrize(
    ("days", "word", "first", "last"),
    [
        (40, "day", "1999-12-30", "2000-02-07"),
        (41, "week", "1999-12-27", "2000-02-07"),
        (400, "month", "1999-12", "2001-02"),
        (1500, "quarter", "1999-10", "2004-01"),
        (4000, "year", "1999", "2010"),
        (20_000, "decade", "1990", "2050"),
        (200_000, "century", "1900", "2500"),
    ],
)
def test_the_period_is_the_shortest_that_can_be_seen(
    days: int, word: str, first: str, last: str
) -> None:
    found, names, totals = by_period(np.datetime64("1999-12-30"), np.ones(days, dtype=int))
    assert (found, names[0], names[-1]) == (word, first, last)
    assert len(names) == len(totals) <= MOST_PERIODS
    assert totals.sum() == days


@settings(max_examples=20, deadline=None)
@given(
    start=st.integers(-40_000, 40_000),
    counts=st.lists(st.integers(0, 9), min_size=41, max_size=270).filter(any),
)
def test_weeks_are_those_of_pandas(start: int, counts: list[int]) -> None:
    first = np.datetime64(start, "D")
    word, names, totals = by_period(first, np.array(counts))
    assert word == "week"
    days = pd.DatetimeIndex(first + np.arange(len(counts)))
    naive = pd.Series(counts, index=days.to_period("W")).groupby(level=0).sum()
    assert names == [f"{week.start_time:%Y-%m-%d}" for week in naive.index]
    assert totals.tolist() == naive.tolist()


# Columns


def test_data_without_metadata_is_noted() -> None:
    found = section(films())
    assert columns(films()) is None
    assert "Users and items have no metadata." in found.text
    assert [table.title for table in found.tables] == ["In numbers"]


def test_each_column_is_described_by_its_role() -> None:
    items = pd.DataFrame(
        {
            "item": [1, 2, 3, 4],
            "title": [HOSTILE, "Ran", None, "x" * 99],
            "year": [1954.0, 1985.0, np.nan, 1999.0],
            "genres": [("Drama", "War"), ("War",), (), ("War",)],
            "out": pd.to_datetime(["1954-04-26", None, None, "1999-01-02"]),
            "colour": ["no", "no", "yes", None],
        }
    )
    table = columns(films(items=items, price=[1.5, 2.5, np.nan, 1.5, 9.0, 1.5, 2.5]))
    assert table is not None
    assert table.rows == (
        ("ratings", "price", "number", 85.7, 3, "1.5 to 9, median 2"),
        ("items", "title", "label", 75.0, 3, f"such as {HOSTILE}"),
        ("items", "year", "number", 75.0, 3, "1954 to 1999, median 1985"),
        ("items", "genres", "set", 75.0, 2, "War 100 %, Drama 33.3 %"),
        ("items", "out", "time", 50.0, 2, "1954-04-26 to 1999-01-02"),
        ("items", "colour", "category", 75.0, 2, "no 66.7 %, yes 33.3 %"),
    )
    assert table.note.startswith("Category: one of a few words; number: a number;")


def test_an_empty_column_and_a_long_value_are_shown_as_such() -> None:
    items = pd.DataFrame(
        {"item": [1, 2, 3, 4], "title": ["x" * 99, "b", "c", "d"], "year": [np.nan] * 4}
    )
    table = columns(films(items=items))
    assert table is not None
    assert [row[3:] for row in table.rows] == [
        (100.0, 4, f"such as {'x' * 57}..."),
        (0.0, 0, "nothing"),
    ]


def test_numbers_that_are_not_finite_do_not_break_the_section() -> None:
    items = pd.DataFrame(
        {"item": [1, 2, 3, 4], "year": [np.inf, 2.0, 4.0, -np.inf], "weight": [np.inf] * 4}
    )
    table = columns(films(items=items))
    assert table is not None
    assert [row[5] for row in table.rows] == ["2 to 4, median 3", "nothing finite"]


def test_the_section_is_of_the_data_and_runs_once() -> None:
    found = section(films(time=pd.to_datetime(["2001-02-01"] * 7)))
    assert found.title == "The data: films"
    assert [chart.mark for chart in found.charts] == ["bar", "bar", "line", "cell"]
    assert all(each.rows for each in (*found.tables, *found.charts))
    cells = {
        type(cell) for each in (*found.tables, *found.charts) for row in each.rows for cell in row
    }
    assert cells <= {str, int, float, type(None)}
    analyzer = next(each for each in cfplug_analyzers() if each.name == "data-overview")
    assert (analyzer.once, analyzer.requires, analyzer.function("analyze")) == (True, (), overview)

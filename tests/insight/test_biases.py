"""The ranking by bias: the right ids in the right order with their means; titles stay text."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from attrs import evolve
from cfplug_factors.baselines import Offsets
from cfplug_insight import BiasRanking, cfplug_analyzers
from cfplug_insight.biases import (
    MOST_POINTS,
    WHY,
    WHY_WITHOUT_FACTORS,
    bias_ranking,
    rank_correlation,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cfplug import Context, Dataset, FittedModel, Section
from cfplug.data.catalogue import Catalogue, Support
from cfplug.errors import CapabilityError
from cfplug.report.elements import Interval
from cfplug.report.serialize import check_section

QUIET = Context(
    0, np.random.default_rng(0), "cpu", Path(), lambda done, message: None, lambda line: None
)

TITLES = [
    "Heat",
    "Ran",
    "<script>alert('1')</script>",
    "{{ 7 * 7 }} & %s",
    "Never Seen",
    "Alien\n\x1b[31m",
]
RATED = [
    ("ann", 1, 5.0),
    ("bob", 1, 3.0),
    ("ann", 2, 1.0),
    ("bob", 3, 4.0),
    ("eve", 1, 4.0),
    ("eve", 3, 5.0),
    ("ann", 4, 2.0),
    ("eve", 6, 3.0),
    ("bob", 5, 3.0),
]
BIAS = {
    "user": np.array([0.25, -0.5, 0.125]),
    "item": np.array([0.4321, -1.0, 0.4321, -2.0, 9.0, 0.0]),
}


def model(bias: dict[str, np.ndarray] = BIAS, titles: list[Any] | None = None) -> FittedModel:
    """Three users and six items; the last rating, of item 5, is not a training one."""
    items = pd.DataFrame({"item": range(1, 7), "title": pd.Series(titles or TITLES, dtype=object)})
    dataset = Dataset.build(
        "films", pd.DataFrame(RATED, columns=["user", "item", "rating"]), items=items
    )
    catalogue = Catalogue.of(dataset)
    train = catalogue.interactions(dataset.ratings, np.arange(len(RATED) - 1))
    offsets = Offsets(3.0, bias["user"], bias["item"])
    return FittedModel(
        "hand-made", "test/bias", 0, ("biases",), catalogue, Support.of(train), offsets
    )


def rows(section: Section) -> list[list[tuple[Any, ...]]]:
    """The rows of the two tables of the ends."""
    return [list(table.rows) for table in section.tables[:2]]


def test_the_lowest_and_highest_items_are_shown_with_their_mean_rating() -> None:
    section = bias_ranking(BiasRanking(show=2), model(), QUIET)
    assert section.title == "Item biases of hand-made"
    assert section.text[:2] == ("Among the 5 most rated of 6 items.", WHY_WITHOUT_FACTORS["item"])
    assert [table.title for table in section.tables[:2]] == ["Lowest bias", "Highest bias"]
    assert {table.columns for table in section.tables[:2]} == {
        ("item", "bias", "mean rating", "ratings")
    }
    assert rows(section) == [
        [("{{ 7 * 7 }} & %s", -2.0, 2.0, 1), ("Ran", -1.0, 1.0, 1)],
        [("Heat", 0.432, 4.0, 3), ("<script>alert('1')</script>", 0.432, 4.5, 2)],
    ]


def test_an_item_that_training_never_saw_is_not_ranked() -> None:
    section = bias_ranking(BiasRanking(show=99), model(), QUIET)
    assert [len(table.rows) for table in section.tables] == [5, 5, 3]
    assert len(section.charts[0].rows) == 5
    assert "Never Seen" not in str((section.tables, section.charts))


def test_only_the_most_rated_are_ranked() -> None:
    section = bias_ranking(BiasRanking(most_rated=2, show=5), model(), QUIET)
    assert section.text[0] == "Among the 2 most rated of 6 items."
    assert [[row[0] for row in table] for table in rows(section)] == [
        ["Heat", TITLES[2]],
        ["Heat", TITLES[2]],
    ]


def test_users_are_ranked_by_their_ids() -> None:
    section = bias_ranking(BiasRanking(side="user", show=2), model(), QUIET)
    assert section.title == "User biases of hand-made"
    assert section.text == ("Among the 3 most active of 3 users.", WHY_WITHOUT_FACTORS["user"])
    assert rows(section) == [
        [("bob", -0.5, 3.5, 2), ("eve", 0.125, 4.0, 3)],
        [("ann", 0.25, 2.67, 3), ("eve", 0.125, 4.0, 3)],
    ]


def test_a_missing_title_is_shown_as_the_id() -> None:
    section = bias_ranking(
        BiasRanking(show=1), model(titles=["Heat", "Ran", "Alien", None, "Seven", "Brazil"]), QUIET
    )
    assert rows(section)[0] == [("4", -2.0, 2.0, 1)]


@pytest.mark.parametrize("title", TITLES)
def test_a_hostile_title_is_text_as_it_was_given(title: str) -> None:
    bias = {**BIAS, "item": np.array([5.0, 1.0, 2.0, 3.0, 4.0, 0.0])}
    section = bias_ranking(
        BiasRanking(show=1), model(bias, [title, "b", "c", "d", "e", "f"]), QUIET
    )
    cell = rows(section)[1][0][0]
    assert (type(cell), cell) == (str, title)


@settings(max_examples=20, deadline=None)
@given(bias=st.lists(st.integers(-3, 3).map(float), min_size=6, max_size=6), show=st.integers(1, 7))
def test_both_ends_are_sorted_and_ties_go_to_the_more_rated(bias: list[float], show: int) -> None:
    section = bias_ranking(BiasRanking(show=show), model({**BIAS, "item": np.array(bias)}), QUIET)
    count, names = [3, 1, 2, 1, 0, 1], TITLES
    trained = [code for code in range(6) if count[code]]
    for sign, table in zip((1, -1), rows(section), strict=True):
        order = sorted(trained, key=lambda code: (sign * bias[code], -count[code], code))[:show]
        assert [row[:2] for row in table] == [(names[code], bias[code]) for code in order]


def test_a_model_with_factors_is_described_as_allowing_for_tastes() -> None:
    for side in ("item", "user"):
        section = bias_ranking(
            BiasRanking(side=side), evolve(model(), provides=("biases", "embeddings")), QUIET
        )
        assert section.text[1] == WHY[side]


def with_levels(fitted: FittedModel) -> FittedModel:
    """The same model, whose support counts the levels 1 to 5."""
    levels = (1.0, 2.0, 3.0, 4.0, 5.0)
    data = pd.DataFrame(RATED[:-1], columns=["user", "item", "rating"])
    train = fitted.catalogue.interactions(data, np.arange(len(data)))
    return evolve(fitted, support=Support.of(train, levels), levels=levels)


def test_a_mean_rating_has_its_interval_where_there_are_levels_and_two_ratings() -> None:
    found = {
        row[0]: row[2]
        for row in rows(bias_ranking(BiasRanking(show=5), with_levels(model()), QUIET))[0]
    }
    low, high = stats.t.interval(0.95, 2, 4, stats.sem([5, 3, 4]))
    assert found["Heat"] == Interval(4.0, round(low, 2), round(high, 2))
    assert found["Ran"] == 1.0


def test_the_ids_on_which_the_two_orders_differ_most_are_listed_with_both_ranks() -> None:
    bias = {**BIAS, "item": np.array([0.25, 0.75, 0.5, -0.5, 9.0, 0.0])}
    section = bias_ranking(BiasRanking(show=2), model(bias), QUIET)
    table = section.tables[2]
    assert table.columns == (
        "item",
        "bias",
        "rank by bias",
        "mean rating",
        "rank by mean rating",
        "ratings",
    )
    assert table.rows == (("Ran", 0.75, 1, 1.0, 5, 1), ("Heat", 0.25, 3, 4.0, 2, 3))
    assert table.note == "Rank 1 is the highest of 5."
    assert section.text[2] == (
        "The rank correlation of the two orders (interval by Bonett and Wright, 2000), 1 if they "
        "are the same and 0 if unrelated, is 0.00 (-0.88 to 0.88). They differ most on item Ran: "
        "number 1 by bias, number 5 by mean rating."
    )


def test_equal_orders_have_no_such_table() -> None:
    bias = {**BIAS, "item": np.array([4.0, 1.0, 4.5, 2.0, 9.0, 3.0])}
    section = bias_ranking(BiasRanking(), model(bias), QUIET)
    assert [table.title for table in section.tables] == ["Lowest bias", "Highest bias"]
    assert section.text[2].endswith("is 1 (1 to 1).")


def test_equals_share_a_rank() -> None:
    bias = {**BIAS, "item": np.zeros(6)}
    table = bias_ranking(BiasRanking(show=9), model(bias), QUIET).tables[2]
    assert {row[2] for row in table.rows} == {1}


def test_the_picture_names_the_ends_and_the_disagreeing_and_holds_every_id_once() -> None:
    section = bias_ranking(
        BiasRanking(show=1),
        model({**BIAS, "item": np.array([0.5, 0.375, 0.25, -0.5, 9.0, 0.0])}),
        QUIET,
    )
    (chart,) = section.charts
    assert (chart.mark, chart.x, chart.y, chart.label) == ("point", "mean rating", "bias", "name")
    assert [row[4] for row in chart.rows] == ["Heat", "Ran", TITLES[3], "", ""]
    assert {row[0]: row[1:4] for row in chart.rows} == {
        "Ran": (1.0, 0.375, 1),
        TITLES[3]: (2.0, -0.5, 1),
        "Heat": (4.0, 0.5, 3),
        TITLES[2]: (4.5, 0.25, 2),
        TITLES[5]: (3.0, 0.0, 1),
    }


def test_of_very_many_ids_only_the_most_rated_are_drawn() -> None:
    rng = np.random.default_rng(0)
    pairs = [
        (user, item, 3.0)
        for user in range(3)
        for item in range(MOST_POINTS + 60)
        if item < 60 or user == 0
    ]
    dataset = Dataset.build("many", pd.DataFrame(pairs, columns=["user", "item", "rating"]))
    catalogue = Catalogue.of(dataset)
    train = catalogue.interactions(dataset.ratings, np.arange(len(pairs)))
    bias = Offsets(3.0, np.zeros(3), rng.normal(size=MOST_POINTS + 60))
    fitted = FittedModel("many", "test/bias", 0, ("biases",), catalogue, Support.of(train), bias)
    chart = bias_ranking(BiasRanking(most_rated=MOST_POINTS + 60), fitted, QUIET).charts[0]
    assert len(chart.rows) == MOST_POINTS
    assert {str(item) for item in range(60)} <= {row[0] for row in chart.rows}


def test_cells_are_plain_so_that_a_run_folder_can_keep_them() -> None:
    section = check_section(bias_ranking(BiasRanking(), with_levels(model()), QUIET))
    table_cells, chart_cells = (
        {type(cell) for each in kind for row in each.rows for cell in row}
        for kind in (section.tables, section.charts)
    )
    assert (table_cells, chart_cells) == ({str, float, int, Interval}, {str, float, int})


def test_a_model_without_biases_is_refused() -> None:
    with pytest.raises(CapabilityError) as raised:
        bias_ranking(BiasRanking(), evolve(model(), provides=()), QUIET)
    assert str(raised.value) == "hand-made (test/bias) has no biases"
    analyzer = next(each for each in cfplug_analyzers() if each.name == "bias-ranking")
    assert (analyzer.name, analyzer.requires, analyzer.function("analyze")) == (
        "bias-ranking",
        ("biases",),
        bias_ranking,
    )


@settings(max_examples=20, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=30))
def test_a_rank_correlation_is_spearmans(rows: list[tuple[int, int]]) -> None:
    x, y = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    found = rank_correlation(x, y)
    if len(x) < 4 or min(np.ptp(x), np.ptp(y)) == 0:
        assert found is None
    else:
        assert found is not None
        assert found.value == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)
        assert -1 <= found.low <= found.value <= found.high <= 1


def test_a_rank_correlation_has_the_published_interval() -> None:
    x, y = np.array([1.0, 2, 3, 4, 5, 6, 7]), np.array([2.0, 1, 4, 3, 6, 5, 7])
    found = rank_correlation(x, y)
    assert found is not None
    r = 1 - 6 * 6 / (7 * 48)
    reach = 1.96 * math.sqrt((1 + r * r / 2) / 4)
    assert (found.low, found.high) == pytest.approx(
        (math.tanh(math.atanh(r) - reach), math.tanh(math.atanh(r) + reach))
    )

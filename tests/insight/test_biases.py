"""The ranking by bias: the right ids in the right order, and whatever a title holds stays text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from attrs import evolve
from cfplug_factors.baselines import Offsets
from cfplug_insight import BiasRanking, cfplug_analyzers
from cfplug_insight.biases import WHY, rank
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import CapabilityError, Context, Dataset, FittedModel, Section
from cfplug.encoding import Catalogue, Support

QUIET = Context(0, np.random.default_rng(0), "cpu", Path(), lambda done, message: None, lambda line: None)

TITLES = ["Heat", "Ran", "<script>alert('1')</script>", "{{ 7 * 7 }} & %s", "Never Seen", "Alien\n\x1b[31m"]
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
BIAS = {"user": np.array([0.25, -0.5, 0.125]), "item": np.array([0.4321, -1.0, 0.4321, -2.0, 9.0, 0.0])}


def model(bias: dict[str, np.ndarray] = BIAS, titles: list[Any] | None = None) -> FittedModel:
    """Three users and six items; the last rating, of item 5, is not a training one."""
    items = pd.DataFrame({"item": range(1, 7), "title": pd.Series(titles or TITLES, dtype=object)})
    dataset = Dataset.build("films", pd.DataFrame(RATED, columns=["user", "item", "rating"]), items=items)
    catalogue = Catalogue.of(dataset)
    train = catalogue.interactions(dataset.ratings, np.arange(len(RATED) - 1))
    offsets = Offsets(3.0, bias["user"], bias["item"])
    return FittedModel("hand-made", "test/bias", 0, ("biases",), catalogue, Support.of(train), offsets)


def rows(section: Section) -> list[list[tuple[Any, ...]]]:
    return [list(table.rows) for table in section.tables]


def test_the_lowest_and_highest_items_stand_beside_their_mean_rating() -> None:
    section = rank(BiasRanking(show=2), model(), QUIET)
    assert section.title == "Item biases of hand-made"
    assert section.text == ("Among the 5 most rated of 6 items.", WHY["item"])
    assert [table.title for table in section.tables] == ["Lowest bias", "Highest bias"]
    assert {table.columns for table in section.tables} == {("item", "bias", "mean rating", "ratings")}
    assert rows(section) == [
        [("{{ 7 * 7 }} & %s", -2.0, 2.0, 1), ("Ran", -1.0, 1.0, 1)],
        [("Heat", 0.432, 4.0, 3), ("<script>alert('1')</script>", 0.432, 4.5, 2)],
    ]


def test_an_item_that_training_never_saw_is_not_ranked() -> None:
    section = rank(BiasRanking(show=99), model(), QUIET)
    assert all(len(table.rows) == 5 for table in section.tables)
    assert "Never Seen" not in str(section.tables)


def test_only_the_most_rated_are_ranked() -> None:
    section = rank(BiasRanking(most_rated=2, show=5), model(), QUIET)
    assert section.text[0] == "Among the 2 most rated of 6 items."
    assert [[row[0] for row in table] for table in rows(section)] == [["Heat", TITLES[2]], ["Heat", TITLES[2]]]


def test_users_are_ranked_by_their_ids() -> None:
    section = rank(BiasRanking(side="user", show=2), model(), QUIET)
    assert section.title == "User biases of hand-made"
    assert section.text == ("Among the 3 most rated of 3 users.", WHY["user"])
    assert rows(section) == [
        [("bob", -0.5, 3.5, 2), ("eve", 0.125, 4.0, 3)],
        [("ann", 0.25, 2.67, 3), ("eve", 0.125, 4.0, 3)],
    ]


def test_a_missing_title_is_shown_as_the_id() -> None:
    section = rank(BiasRanking(show=1), model(titles=["Heat", "Ran", "Alien", None, "Seven", "Brazil"]), QUIET)
    assert rows(section)[0] == [("4", -2.0, 2.0, 1)]


@pytest.mark.parametrize("title", TITLES)
def test_a_hostile_title_is_text_as_it_was_given(title: str) -> None:
    bias = {**BIAS, "item": np.array([5.0, 1.0, 2.0, 3.0, 4.0, 0.0])}
    section = rank(BiasRanking(show=1), model(bias, [title, "b", "c", "d", "e", "f"]), QUIET)
    cell = rows(section)[1][0][0]
    assert (type(cell), cell) == (str, title)


@settings(max_examples=40, deadline=None)
@given(bias=st.lists(st.integers(-3, 3).map(float), min_size=6, max_size=6), show=st.integers(1, 7))
def test_both_ends_are_sorted_and_ties_go_to_the_more_rated(bias: list[float], show: int) -> None:
    section = rank(BiasRanking(show=show), model({**BIAS, "item": np.array(bias)}), QUIET)
    count, names = [3, 1, 2, 1, 0, 1], TITLES
    trained = [code for code in range(6) if count[code]]
    for sign, table in zip((1, -1), rows(section), strict=True):
        order = sorted(trained, key=lambda code: (sign * bias[code], -count[code], code))[:show]
        assert [row[:2] for row in table] == [(names[code], bias[code]) for code in order]


def test_cells_are_plain_so_that_a_run_folder_can_keep_them() -> None:
    cells = [cell for table in rank(BiasRanking(), model(), QUIET).tables for row in table.rows for cell in row]
    assert {type(cell) for cell in cells} == {str, float, int}


def test_a_model_without_biases_is_refused() -> None:
    with pytest.raises(CapabilityError) as raised:
        rank(BiasRanking(), evolve(model(), gives=()), QUIET)
    assert str(raised.value) == "hand-made (test/bias) has no biases"
    (analyzer,) = cfplug_analyzers()
    assert (analyzer.name, analyzer.needs, analyzer.function("analyze")) == ("bias-ranking", ("biases",), rank)

"""Neighbours: the right items, in the right order, and words that say how alike they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from attrs import evolve, frozen
from cfplug_insight import NearestItems, cfplug_analyzers
from cfplug_insight.neighbours import RATED, WHAT, nearest

from cfplug import Context, DataError, Dataset, FittedModel, Section
from cfplug.data.catalogue import Catalogue, Support
from cfplug.data.features import Features
from cfplug.errors import CapabilityError

QUIET = Context(
    0, np.random.default_rng(0), "cpu", Path(), lambda done, message: None, lambda line: None
)

TITLES = ["Heat", "Ran", "<script>alert('1')</script>", "Never Seen", "Alien\n\x1b[31m"]
PLACES = np.array([[1.0, 0.0], [3.0, 4.0], [0.0, 2.0], [1.0, 0.0], [-1.0, 0.0]])
"""Heat points east, Ran north-east, the script north, Alien west."""


@frozen(eq=False)
class Factors:
    """Factors alone."""

    table: np.ndarray

    def embeddings(self, side: str) -> np.ndarray:
        return self.table


def model() -> FittedModel:
    """Three users and five items; `Never Seen` has no training rating."""
    pairs = [("a", 1), ("b", 1), ("c", 1), ("a", 2), ("b", 2), ("a", 3), ("b", 5), ("c", 4)]
    ratings = pd.DataFrame(pairs, columns=["user", "item"]).assign(rating=3.0)
    items = pd.DataFrame({"item": range(1, 6), "title": TITLES})
    dataset = Dataset.build("films", ratings, items=items)
    catalogue = Catalogue.of(dataset)
    support = Support.of(catalogue.interactions(dataset.ratings, np.arange(7)))
    return FittedModel("pmf", "test/pmf", 0, ("embeddings",), catalogue, support, Factors(PLACES))


def rows(section: Section) -> list[list[tuple[Any, ...]]]:
    return [list(table.rows) for table in section.tables]


def test_neighbours_of_a_named_item_are_nearest_first() -> None:
    section = nearest(NearestItems(items=("heat",), show=2), model(), QUIET)
    assert section.title == "Nearest items of pmf"
    assert section.text == (
        WHAT["cosine"] + RATED,
        "Nearest to Heat: Ran, with a cosine of 0.60; number 2 of the list has 0.00. "
        "For half of the 3 items compared it is below 0.00.",
    )
    (table,) = section.tables
    assert (table.title, table.columns) == (
        "Nearest to Heat",
        ("rank", "item", "cosine similarity", "ratings"),
    )
    assert rows(section) == [[(1, "Ran", 0.6, 2), (2, TITLES[2], 0.0, 1)]]


def test_by_distance_the_nearest_is_another() -> None:
    section = nearest(NearestItems(items=("1",), measure="euclidean", show=9), model(), QUIET)
    assert [row[1:3] for row in rows(section)[0]] == [
        ("Alien\n\x1b[31m", 2.0),
        (TITLES[2], 2.236),
        ("Ran", 4.472),
    ]
    assert section.tables[0].columns[2] == "distance"
    assert section.text[0] == WHAT["euclidean"] + RATED
    assert section.text[1].endswith(
        "number 3 of the list has 4.47. For half of the 3 items compared it is above 2.24."
    )


def test_where_none_is_named_the_three_most_rated_are_looked_at() -> None:
    section = nearest(NearestItems(), model(), QUIET)
    assert [table.title for table in section.tables] == [
        f"Nearest to {title}" for title in TITLES[:3]
    ]


def test_an_item_that_is_named_twice_is_looked_at_once() -> None:
    section = nearest(NearestItems(items=("Heat", "1", "HEAT", "Ran")), model(), QUIET)
    assert [table.title for table in section.tables] == ["Nearest to Heat", "Nearest to Ran"]


def test_only_the_most_rated_are_compared() -> None:
    section = nearest(NearestItems(items=("Heat",), most_rated=2), model(), QUIET)
    assert rows(section) == [[(1, "Ran", 0.6, 2)]]
    assert section.text[1] == "Nearest to Heat: Ran, with a cosine of 0.60."


def test_an_item_without_a_training_rating_is_reported_as_unknown_to_the_model() -> None:
    section = nearest(NearestItems(items=("Never Seen", "Ran")), model(), QUIET)
    assert [table.title for table in section.tables] == ["Nearest to Ran"]
    assert section.text[-1] == "Never Seen has no training rating, so it has no factors."


def test_an_item_without_similar_ones_has_no_table() -> None:
    section = nearest(NearestItems(items=("Heat",), most_rated=1), model(), QUIET)
    assert section.tables == ()
    assert section.text[1:] == ("There is no other item to compare Heat with.",)


def test_a_model_that_looks_at_metadata_is_not_described_as_using_ratings_alone() -> None:
    section = nearest(NearestItems(), evolve(model(), features=Features(())), QUIET)
    assert section.text[0] == WHAT["cosine"]


def test_a_misspelt_title_is_refused_with_the_nearest() -> None:
    with pytest.raises(DataError) as raised:
        nearest(NearestItems(items=("Heet",)), model(), QUIET)
    assert str(raised.value) == "no item is called 'Heet'; did you mean 'Heat'?"


def test_cells_are_plain_so_that_a_run_folder_can_keep_them() -> None:
    cells = [
        cell
        for table in rows(nearest(NearestItems(), model(), QUIET))
        for row in table
        for cell in row
    ]
    assert {type(cell) for cell in cells} == {str, float, int}


def test_a_model_without_embeddings_is_refused() -> None:
    with pytest.raises(CapabilityError, match=r"^pmf \(test/pmf\) has no embeddings$"):
        nearest(NearestItems(), evolve(model(), provides=()), QUIET)
    declared = {each.name: each for each in cfplug_analyzers()}["nearest-items"]
    assert (declared.requires, declared.function("analyze")) == (("embeddings",), nearest)

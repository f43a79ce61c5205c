"""The crosstab: known ratings, marked predictions, and empty cells without a prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from attrs import evolve, frozen
from cfplug_insight.crosstab import COLUMNS, crosstab, filled
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Chart, Dataset, FittedModel, Scale, Split
from cfplug.data.batch import Batch
from cfplug.data.catalogue import Catalogue, Support
from cfplug.data.features import Feature, Features
from cfplug.prediction.evidence import Evidence
from cfplug.prediction.policy import Policy

HOSTILE = "<script>alert('1')</script>"
TITLES = ["Heat", "Ran", HOSTILE, "Heat", "Never Seen"]
RATED = [
    ("ann", 1, 5.0),
    ("ann", 2, 4.5),
    ("ann", 3, 3.0),
    ("bob", 1, 4.0),
    ("bob", 3, 2.0),
    ("bob", 4, 1.0),
    ("eve", 1, 3.0),
]
HELD_OUT = [1, 5]
"""Ann's rating of item 2 and bob's of item 4: training never sees these items."""


@frozen
class Asked:
    """Answers 10 * user code + item code, and remembers what it was asked."""

    pairs: list[tuple[int, int]]
    times: list[Any]

    def predict(self, batch: Batch) -> np.ndarray:
        self.pairs.extend(zip(batch.user.tolist(), batch.item.tolist(), strict=True))
        self.times.extend(np.ravel(batch.context.get("time.elapsed", [])).tolist())
        answer: np.ndarray = 1 + (10 * batch.user + batch.item) / 10
        return answer


def model(policy: bool = False, features: Features | None = None, **columns: Any) -> FittedModel:
    ratings = pd.DataFrame(RATED, columns=["user", "item", "rating"]).assign(**columns)
    items = pd.DataFrame({"item": range(1, 6), "title": TITLES})
    data = Dataset.build(
        "films", ratings, items=items, scale=Scale(1, 5, tuple(np.arange(2, 11) / 2))
    )
    catalogue = Catalogue.of(data)
    train = np.setdiff1d(np.arange(len(RATED)), HELD_OUT)
    support = Support.of(catalogue.interactions(data.ratings, train))
    held_out = data.ratings.iloc[HELD_OUT].assign(prediction=3.0, origin="warm")
    empty = pd.DataFrame()
    evidence = Evidence(
        data, Split(train, np.array(HELD_OUT)), "valid", held_out, None, empty, empty
    )
    means = Policy("means", "mean", lambda fitted, newcomers: Constant())
    return FittedModel(
        "pmf",
        "test/pmf",
        0,
        (),
        catalogue,
        support,
        Asked([], []),
        policy=means if policy else None,
        features=features,
        evidence=evidence,
    )


@frozen
class Constant:
    def predict(self, pairs: pd.DataFrame) -> np.ndarray:
        return np.full(len(pairs), 2.75)


def counted(fitted: FittedModel) -> dict[str, np.ndarray]:
    catalogue = fitted.catalogue
    return {
        "item": np.bincount(catalogue.rated_item, minlength=len(catalogue.item)),
        "user": np.bincount(catalogue.rated_user, minlength=len(catalogue.user)),
    }


def cross(fitted: FittedModel, n: int = 3) -> tuple[Chart, str]:
    return crosstab(n, fitted, counted(fitted))


def sheet(chart: Chart) -> dict[str, tuple[str, ...]]:
    """What is written in the cells of each item, by user in the order of the chart."""
    return {
        item: tuple(row[4] for row in chart.rows if row[1] == item)
        for item in dict.fromkeys(row[1] for row in chart.rows)
    }


def test_known_ratings_and_marked_predictions_are_shown() -> None:
    chart, message = cross(model())
    assert list(dict.fromkeys(row[0] for row in chart.rows)) == ["ann", "bob", "eve"]
    assert sheet(chart) == {
        "Heat": ("5", "4", "3"),
        HOSTILE: ("3", "2", "3.2*"),
        "Ran": ("4.5", "", ""),
    }
    assert chart.note == "* predicted by pmf; all other numbers are ratings that users gave."
    assert message == (
        "The 3 most active users and the 3 most rated items make 9 pairs. 6 of them have a rating; "
        "1 have a prediction of pmf, marked with *. 2 stay empty, since training never saw their "
        "user or item."
    )


def test_the_chart_has_a_row_for_each_pair_and_says_what_it_is() -> None:
    chart, _ = cross(model())
    assert (chart.mark, chart.columns, chart.x, chart.y, chart.label) == (
        "cell",
        COLUMNS,
        "user",
        "item",
        "in the cell",
    )
    assert len(chart.rows) == 9
    assert chart.rows[:2] == (("ann", "Heat", 5, "rating", "5"), ("ann", HOSTILE, 3, "rating", "3"))
    assert ("eve", HOSTILE, 3.2, "predicted", "3.2*") in chart.rows
    assert ("bob", "Ran", None, "empty", "") in chart.rows


def test_the_most_active_and_most_rated_come_first_and_no_more_than_asked() -> None:
    chart, message = cross(model(), 2)
    assert [row[:2] for row in chart.rows] == [
        (user, item) for user in ("ann", "bob") for item in ("Heat", HOSTILE)
    ]
    assert message.endswith("make 4 pairs. 4 of them have a rating.")


def test_an_unrated_item_is_not_among_the_most_rated() -> None:
    chart, _ = cross(model(), 30)
    assert len(sheet(chart)) == 4
    assert "Never Seen" not in sheet(chart)


def test_two_items_of_one_title_are_distinguished_by_their_ids() -> None:
    chart, _ = cross(model(), 4)
    assert set(sheet(chart)) == {"Heat (1)", "Heat (4)", "Ran", HOSTILE}
    assert len({row[:2] for row in chart.rows}) == len(chart.rows) == 12


def test_the_model_is_asked_only_for_unrated_pairs() -> None:
    fitted = model()
    cells, _ = filled(fitted, np.arange(3), np.arange(4))
    assert fitted.predictor.pairs == [(2, 2)]
    assert cells["prediction"].notna().sum() == 1


def test_a_cold_start_strategy_fills_what_training_never_saw() -> None:
    chart, message = cross(model(policy=True), 3)
    assert sheet(chart)["Ran"] == ("4.5", "2.8*", "2.8*")
    assert "stay empty" not in message


def elapsed(column: str = "time.elapsed") -> Features:
    return Features((Feature(column, "context", "number"),), start=0.0)


def test_a_model_that_looks_at_the_time_is_asked_at_the_median_time() -> None:
    times = pd.to_datetime([f"2001-0{month}-01" for month in range(1, 8)])
    fitted = model(features=elapsed(), time=times)
    assert ("eve", HOSTILE, 3.2, "predicted", "3.2*") in cross(fitted)[0].rows
    assert fitted.predictor.times == [
        (pd.Timestamp("2001-04-01") - pd.Timestamp("1970-01-01")).days
    ]


def test_a_model_with_other_columns_of_a_rating_leaves_cells_empty_with_a_note() -> None:
    fitted = model(features=elapsed("ratings.price"), price=range(7))
    chart, message = cross(fitted)
    assert fitted.predictor.pairs == []
    assert {row[3] for row in chart.rows} == {"rating", "empty"}
    assert message.endswith(
        "3 stay empty, since the model also looks at price of a rating, which they do not have."
    )


@pytest.mark.parametrize(
    ("span", "shown"), [(4, "3.2*"), (10, "3.2*"), (100, "3*"), (1, "3.20*"), (0, "3.20*")]
)
def test_predictions_are_written_as_finely_as_the_scale_asks(span: float, shown: str) -> None:
    fitted = model()
    dataset = evolve(fitted.evidence.dataset, scale=Scale(0, span))
    chart, _ = cross(evolve(fitted, evidence=evolve(fitted.evidence, dataset=dataset)))
    assert sheet(chart)[HOSTILE][2] == shown


@settings(max_examples=12, deadline=None)
@given(users=st.permutations(range(3)), items=st.permutations(range(5)), n=st.integers(1, 5))
def test_every_pair_has_its_rating_or_else_a_prediction_where_training_saw_both(
    users: list[int], items: list[int], n: int
) -> None:
    cells, _ = filled(model(), np.array(users[:n]), np.array(items[:n]))
    assert len(cells) == len(users[:n]) * len(items[:n])
    given_by = {
        (["ann", "bob", "eve"].index(user), item - 1): rating for user, item, rating in RATED
    }
    for user, item, rating, prediction in cells.itertuples(index=False):
        assert (user, item) not in given_by or rating == given_by[user, item]
        assert np.isnan(rating) == ((user, item) not in given_by)
        asked = (user, item) not in given_by and item in (0, 2)
        assert prediction == 1 + (10 * user + item) / 10 if asked else np.isnan(prediction)

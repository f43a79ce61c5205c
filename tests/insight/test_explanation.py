"""The parts of a prediction: text, table and chart have the same sum, ratings are the user's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from attrs import evolve, frozen
from cfplug_insight import Explain, cfplug_analyzers
from cfplug_insight.explanation import ASKED, EXACT, FACTORS, explain
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Batch, Context, DataError, Dataset, FittedModel, Section, Split
from cfplug.data.catalogue import Catalogue, Support
from cfplug.prediction.evidence import Evidence
from cfplug.prediction.policy import Policy
from cfplug.recipe.settings import FeatureChoice
from cfplug.report.elements import Interval
from cfplug.training.features import learn

QUIET = Context(
    0, np.random.default_rng(0), "cpu", Path(), lambda done, message: None, lambda line: None
)

TITLES = ["Heat", "Ran", "<script>alert('1')</script>", "Never Seen", "Alien", "Brazil"]
RATED = [
    ("ann", 1, 5.0, "tv"),
    ("ann", 2, 1.0, "tv"),
    ("ann", 3, 4.0, "phone"),
    ("bob", 1, 3.0, "tv"),
    ("bob", 5, 2.0, "tv"),
    ("eve", 2, 4.0, "phone"),
    ("eve", 6, 4.0, "phone"),
    ("eve", 4, 4.0, "phone"),
    ("ann", 6, 1.0, "tv"),
]
"""The last two are held out; so item 4 has no training rating."""


@frozen(eq=False)
class Model:
    """rating = 3 + <p, q>, with the users' factors `p` and the items' `q`."""

    p: np.ndarray
    q: np.ndarray

    def terms(self, batch: Batch) -> dict[str, np.ndarray]:
        products = self.p[batch.user] * self.q[batch.item]
        numbered = {f"factor {number}": column for number, column in enumerate(products.T, start=1)}
        return {"mean": np.full(len(batch), 3.0), **numbered}

    def predict(self, batch: Batch) -> np.ndarray:
        rating: np.ndarray = np.sum(list(self.terms(batch).values()), axis=0)
        return rating

    def embeddings(self, side: str) -> np.ndarray:
        return self.p if side == "user" else self.q


P = np.array([[1.0, -1.0], [0.5, 0.0], [0.0, 2.0]])
Q = np.array([[0.8, 0.6], [-0.6, 0.8], [1.0, 0.0], [9.0, 9.0], [0.6, 0.8], [0.0, 0.3]])


def dataset() -> Dataset:
    ratings = pd.DataFrame(RATED, columns=["user", "item", "rating", "device"])
    items = pd.DataFrame({"item": range(1, 7), "title": TITLES})
    return Dataset.build("films", ratings, items=items, roles={"ratings": {"device": "category"}})


def model(
    provides: tuple[str, ...] = ("embeddings", "terms"), p: np.ndarray = P, q: np.ndarray = Q
) -> FittedModel:
    data = dataset()
    catalogue, split = Catalogue.of(data), Split(np.arange(7), np.arange(7, 9))
    support = Support.of(catalogue.interactions(data.ratings, split.train))
    none = pd.DataFrame()
    evidence = Evidence(data, split, "valid", data.ratings.iloc[split.valid], None, none, none)
    return FittedModel(
        "hand", "test/hand", 0, provides, catalogue, support, Model(p, q), evidence=evidence
    )


def analysed(params: Explain | None = None, fitted: FittedModel | None = None) -> Section:
    return explain(params or Explain(), fitted or model(), QUIET)


def test_by_default_a_recommendation_of_the_most_active_user_is_explained() -> None:
    """Ann rated 1, 2, 3 and 6; of all other items 5 alone has a training rating."""
    section = analysed()
    assert section.title == "A prediction of hand"
    assert section.text == (
        "hand predicts 2.80 for user ann and Alien. It starts from 3.00, the mean of the training "
        "ratings; "
        "the 2 factors together take off 0.20: 3.00 - 0.20 = 2.80.",
        EXACT + FACTORS,
        "What user ann gave to those rated items that are most like Alien, 3 of them, is 3.33 on "
        "average; "
        "over all 3 ratings in training it is 3.33.",
    )
    parts, ratings = section.tables
    assert parts.title == "Why hand predicts 2.80 for user ann and Alien"
    assert parts.rows == (
        ("start: the mean of the training ratings", "", 3.0, None),
        ("factor 2", "", -0.8, -0.8),
        ("factor 1", "", 0.6, 0.6),
        ("prediction", "", 2.8, None),
    )
    assert ratings.title == "Ratings of user ann for items like Alien"
    assert ratings.columns == ("item", "rating", "cosine similarity")
    assert ratings.rows == (
        ("Heat", 5.0, 0.96),
        ("<script>alert('1')</script>", 4.0, 0.6),
        ("Ran", 1.0, 0.28),
    )
    (chart,) = section.charts
    assert (chart.mark, chart.x, chart.y, chart.reference) == (
        "bar",
        "rating points",
        "part",
        "zero",
    )
    assert chart.rows == (("factor 2", -0.8, ""), ("factor 1", 0.6, ""))


def test_the_named_pair_is_explained_without_its_own_rating() -> None:
    section = analysed(Explain(user="ANN", item="heat", show=1))
    assert section.text[0].startswith("hand predicts 3.20 for user ann and Heat. ")
    assert section.tables[1].rows == (("<script>alert('1')</script>", 4.0, 0.8),)
    assert (
        "those rated items that are most like Heat, 1 of them, is 4.00 on average; over all 2 "
        "ratings" in section.text[2]
    )


def test_an_item_that_training_never_saw_is_not_recommended_whatever_a_strategy_says_of_it() -> (
    None
):
    @frozen(eq=False)
    class Best:
        def predict(self, pairs: pd.DataFrame) -> np.ndarray:
            return np.full(len(pairs), 99.0)

    fitted = evolve(model(), policy=Policy("best", "guess", lambda *_: Best()))
    assert "Alien" in analysed(Explain(user="ann"), fitted).text[0]


def test_where_a_user_rated_all_the_most_rated_item_is_taken_apart() -> None:
    left = {"user": np.array([9, 1, 1]), "item": np.array([2, 3, 1, 0, 0, 1])}
    fitted = evolve(model(), support=evolve(model().support, count=left))
    assert "for user ann and Ran." in analysed(Explain(user="ann"), fitted).text[0]


def test_an_item_without_a_training_rating_cannot_be_explained() -> None:
    section = analysed(Explain(item="Never"))
    reported = "Training saw no rating of the item Never Seen, so there is nothing to take apart."
    assert (section.text, section.tables, section.charts) == ((reported,), (), ())


@pytest.mark.parametrize(
    ("params", "reported"),
    [
        (Explain(user="zoe"), "no user is called 'zoe'"),
        (Explain(item="Hate"), "no item is called 'Hate'; did you mean 'Heat'?"),
    ],
)
def test_a_name_that_is_not_there_is_refused(params: Explain, reported: str) -> None:
    with pytest.raises(DataError) as raised:
        analysed(params)
    assert str(raised.value) == reported


# A model that is asked again and again


def test_a_model_without_terms_is_asked_and_its_parts_have_intervals() -> None:
    section = analysed(Explain(user="eve", item="Heat"), model(("embeddings",)))
    assert re.match(
        r"hand predicts 4\.20 for user eve and Heat\. It starts from [\d.]+, "
        r"the mean prediction for 1,000 rated "
        r"pairs; "
        r"user \(eve\) adds [\d.]+, item \(Heat\) (adds|takes off) [\d.]+: ",
        section.text[0],
    )
    assert section.text[1] == ASKED
    shown = section.tables[0]
    assert shown.columns == ("part", "value", "rating points")
    parts = shown.rows[1:-1]
    assert {row[0] for row in parts} == {"user", "item"}
    assert all(isinstance(row[2], Interval) for row in parts)
    assert shown.rows[0][2] + sum(row[2].value for row in parts) == pytest.approx(
        shown.rows[-1][2], abs=0.003
    )
    assert {row[0] for row in section.charts[0].rows} == {"user: eve", "item: Heat"}


def test_without_embeddings_nothing_is_said_of_the_users_ratings() -> None:
    section = analysed(fitted=model(("terms",)))
    assert len(section.text) == 2
    assert len(section.tables) == 1


def test_a_user_with_one_training_rating_has_no_neighbor() -> None:
    fitted = model()
    train = evolve(fitted.evidence.split, train=np.array([3, 5]))
    fitted = evolve(fitted, evidence=evolve(fitted.evidence, split=train))
    section = analysed(Explain(user="bob", item="Heat"), fitted)
    assert (
        section.text[2]
        == "Training has no rating of user bob for another item, to compare with Heat."
    )
    assert len(section.tables) == 1


def test_a_model_with_equal_predictions_for_all_pairs_is_reported() -> None:
    fitted = model(())
    same = evolve(
        fitted.catalogue, rated_user=np.array([0], np.int32), rated_item=np.array([0], np.int32)
    )
    section = explain(Explain(user="ann", item="Heat"), evolve(fitted, catalogue=same), QUIET)
    assert section.text[0] == (
        "hand predicts 3.20 for user ann and Heat, the mean prediction for 1,000 rated pairs; "
        "nothing else plays a "
        "part."
    )
    assert section.charts == ()


@frozen(eq=False)
class OnTv:
    """rating = 3, and one more on a tv."""

    tv: int

    def predict(self, batch: Batch) -> np.ndarray:
        rating: np.ndarray = 3.0 + (batch.context["context.device"] == self.tv)
        return rating


def test_what_the_model_looks_at_is_taken_from_the_users_last_training_rating() -> None:
    data = dataset()
    features, _ = learn(FeatureChoice(context=("device",)), data, np.arange(7))
    tv = 1 + features.each[0].values.index("tv")
    fitted = evolve(model(()), predictor=OnTv(tv), features=features)
    for user, device, rating in (("ann", "phone", "3.00"), ("bob", "tv", "4.00")):
        section = analysed(Explain(user=user), fitted)
        assert f"hand predicts {rating} for user {user}" in section.text[0]
        assert section.text[-1] == (
            f"The model also looks at how a rating came about; here device is {device}, as in the "
            "user's last one."
        )
        (part,) = (row for row in section.tables[0].rows if row[0] == "context.device")
        assert part[1] == device


# The sentence


@settings(max_examples=20, deadline=None)
@given(
    p=st.lists(st.floats(-1, 1), min_size=5, max_size=5),
    provides=st.sampled_from([("terms",), ()]),
    show=st.integers(1, 4),
)
def test_the_sum_in_the_text_adds_up_exactly(
    p: list[float], provides: tuple[str, ...], show: int
) -> None:
    fitted = model(provides, np.array([p, p[::-1], p]), np.array([p[::-1]] * 3 + [p] * 3))
    section = analysed(Explain(user="ann", item="Alien", show=show), fitted)
    said = (
        section.text[0].rpartition(": ")[2].removesuffix(".")
        if "starts" in section.text[0]
        else "0.00 = 0.00"
    )
    left, right = said.split(" = ")
    total = sum(
        float(number.replace(" ", "")) for number in re.findall(r"(?:^|[-+] )-?[\d.]+", left)
    )
    assert total == pytest.approx(float(right), abs=1e-9)
    if "starts" in section.text[0]:
        prediction = float(
            fitted.predict(pd.DataFrame({"user": ["ann"], "item": [5]}))["prediction"].iloc[0]
        )
        assert float(right) == pytest.approx(prediction, abs=0.005001)
        assert len(section.charts[0].rows) <= show + 1


def test_cells_are_plain_so_that_a_run_folder_can_keep_them() -> None:
    section = analysed()
    shown = [*section.tables, *(chart.table() for chart in section.charts)]
    cells: list[Any] = [cell for table in shown for row in table.rows for cell in row]
    assert {type(cell) for cell in cells} <= {str, float, type(None)}


def test_it_asks_nothing_of_a_model_but_predictions() -> None:
    declared = {each.name: each for each in cfplug_analyzers()}["explain"]
    assert (declared.requires, declared.function("analyze")) == ((), explain)

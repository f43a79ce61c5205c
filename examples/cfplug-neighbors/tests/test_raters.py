"""Newcomers by the known ids that were rated most like them, whatever the model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import cfplug

Runs = Callable[[str], cfplug.Run]
NEAREST = "{use: nearest-raters, neighbors: 1, shrinkage: 0, damping: 0}"


def trained(
    ran: Runs, strategy: str = "nearest-raters", model: str = "bias", split: str = "random"
) -> cfplug.FittedModel:
    return ran(f"split: random\nmodels: [{model}]\nunknown: {strategy}\n").model


def seen(model: cfplug.FittedModel, user: object) -> pd.DataFrame:
    """What training saw of a user, in ids."""
    train = model.train
    rows = train.batch.user == int(model.catalogue.user.encode([user])[0])
    items = model.catalogue.item.decode(train.batch.item[rows])
    return pd.DataFrame({"user": user, "item": items, "rating": train.rating[rows]})


def asked(model: cfplug.FittedModel, user: object) -> pd.DataFrame:
    return pd.DataFrame({"user": user, "item": model.catalogue.item.ids})


@pytest.mark.parametrize(
    "known", ["bias", "item-knn", "{use: pmf, factors: 3, loss: mse, train: {epochs: 2}}"]
)
def test_who_rated_as_somebody_known_gets_what_the_model_says_of_them(
    ran: Runs, known: str
) -> None:
    model = trained(ran, NEAREST, known)
    for user in ("ü 4", "ü 17"):
        twin = model.newcomers(ratings=seen(model, user).assign(user="twin"))
        answers = model.predict(asked(model, "twin"), newcomers=twin)
        assert set(answers["origin"]) == {"neighbors"}
        np.testing.assert_allclose(
            answers["prediction"], model.predict(asked(model, user))["prediction"], atol=1e-5
        )


def test_of_whom_nothing_is_known_the_damped_item_means_are_said(ran: Runs) -> None:
    model = trained(ran)
    answers = model.predict(asked(model, "nobody"))
    assert set(answers["origin"]) == {"mean"}
    offsets = trained(ran, model="{use: item-knn, item_damping: 2}").biases("item")
    mean = model.train.rating.mean()
    np.testing.assert_allclose(answers["prediction"], mean + offsets[answers["item"]], atol=1e-9)


def test_a_film_that_was_not_seen_says_nothing(ran: Runs) -> None:
    model = trained(ran)
    unseen = pd.DataFrame({"user": "new", "item": [3, 10], "rating": np.nan})
    said = model.predict(asked(model, "new"), newcomers=model.newcomers(ratings=unseen))
    pd.testing.assert_frame_equal(said, model.predict(asked(model, "new")))


def test_without_neighbours_who_rates_high_is_expected_to_rate_high(ran: Runs) -> None:
    model = trained(ran, "{use: nearest-raters, user_damping: 1}")
    rated = pd.DataFrame({"user": "new", "item": [3], "rating": [5.5]})
    before = model.predict(asked(model, "new"))["prediction"]
    stranger = pd.DataFrame({"user": ["new", "new"], "item": [3, 9999]})
    answers = model.predict(stranger, newcomers=model.newcomers(ratings=rated))
    offset = (5.5 - before[0]) / 2  # one rating against a damping of one
    assert answers["prediction"][1] == pytest.approx(model.train.rating.mean() + offset)
    assert answers["origin"].tolist() == [
        "neighbors",
        "mean",
    ]  # of a new film nothing is known but the mean


def test_a_new_film_goes_by_the_films_that_were_rated_like_it(ran: Runs) -> None:
    model = trained(ran, NEAREST)
    train = model.train
    rows = train.batch.item == int(model.catalogue.item.encode([24])[0])
    users = model.catalogue.user.decode(train.batch.user[rows])
    remake = pd.DataFrame({"user": users, "item": 777, "rating": train.rating[rows]})
    pairs = pd.DataFrame({"user": model.catalogue.user.ids, "item": 777})
    answers = model.predict(pairs, newcomers=model.newcomers(ratings=remake))
    assert set(answers["origin"]) == {"neighbors"}
    original = model.predict(pairs.assign(item=24))["prediction"]
    np.testing.assert_allclose(
        answers["prediction"], original, atol=0.05
    )  # offsets of items are one turn behind


@pytest.mark.parametrize("split", ["cold-users", "cold-items"])
def test_new_ids_are_predicted_better_the_more_they_reveal(ran: Runs, split: str) -> None:
    tried = ran(
        f"split: {{use: {split}, support: 10}}\nmodels: [item-knn]\n"
        "metrics: [rmse]\nunknown: item-mean\n"
        "cold_starts: [item-mean, nearest-raters]\nreveal: [0, 10]\n"
    ).cold_start_results
    rmse = tried.set_index(["cold_start", "revealed"])["rmse"]
    assert rmse["nearest-raters", 10] < 0.9 * rmse["nearest-raters", 0]
    assert rmse["nearest-raters", 10] < 0.9 * rmse["item-mean", 10]

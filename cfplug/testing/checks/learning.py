"""Checks of what models learn: from training ratings alone, from few, and of the right side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cfplug.data.dataset import Dataset, Split
from cfplug.data.vocabulary import SIDES
from cfplug.errors import CfplugError, UnknownIdError
from cfplug.prediction.fitted_model import FittedModel
from cfplug.prediction.predictions import WARM
from cfplug.testing.check import Check, CheckError, Subject, no_error
from cfplug.testing.compare import check_ratings
from cfplug.testing.fixtures.models import (
    Case,
    check_cases,
    known_pairs,
    model_of,
    model_use,
    predict,
    tiny_case,
    trained,
)
from cfplug.testing.fixtures.reload import reopened
from cfplug.testing.fixtures.train import Trainer
from cfplug.testing.strategies.synthetic import planted
from cfplug.testing.strategies.transforms import with_ratings

THOROUGH: Mapping[str, Any] = {
    "epochs": 10,
    "batch_size": 64,
    "learning_rate": 0.04,
    "weight_decay": 0.01,
}
"""Training settings of models that learn by gradient from a thousand ratings."""

THOROUGH_ON_FEW: Mapping[str, Any] = {**THOROUGH, "epochs": 15, "batch_size": 16}
"""The same for fewer than a hundred ratings."""

STRATEGY = "coldstart/global-mean"
"""The cold-start strategy with which unknown ids are checked; any will do."""

UNKNOWN = "an unknown id"


def one_rating_is_enough(subject: Subject) -> None:
    """Learn from one user, one item or one rating, or raise an error of cfplug's."""
    small = {
        "one rating": [(7, "a", 3.0)],
        "one user": [(7, "a", 3.0), (7, "b", 5.0), (7, "c", 1.0)],
        "one item": [(7, "a", 3.0), (8, "a", 5.0), (9, "a", 1.0), (10, "a", 1.0)],
    }
    for what, ratings in small.items():
        place = f"trained on {what}"
        with no_error(place, "If it needs more ratings, say so in a cfplug.DataError."):
            try:
                model = trained(subject, *tiny_case(ratings))
                rating = np.ravel(predict(model, known_pairs(model)))
            except CfplugError:
                continue
            wrong = rating[~np.isfinite(rating)]
        if len(wrong):
            raise CheckError(f"{place}: expected finite ratings, got {wrong[0]}")


def unknown_ids_follow_the_policy(subject: Subject) -> None:
    """Refuse ids that training never saw by name, or leave them to the cold-start strategy."""
    ratings = [(1, "a", 3.0), (2, "a", 5.0), (2, "b", 1.0), (3, "b", 2.0), (3, "a", 4.0)]
    dataset, split = tiny_case(ratings)
    model = trained(subject, dataset, split)
    known = known_pairs(model)
    unknown = pd.DataFrame({"user": [2, 99], "item": [UNKNOWN, "a"]})
    pairs = pd.concat([known, unknown], ignore_index=True)
    place = "unknown ids with the policy `error`"
    try:
        model.answer(pairs)
    except UnknownIdError as error:
        if UNKNOWN not in str(error):
            raise CheckError(f"{place}: expected {UNKNOWN!r} in the error, got {error}") from error
    else:
        raise CheckError(f"{place}: expected an error, got predictions")

    lenient = trained(subject, dataset, split, trainer=Trainer(subject.registry, unknown=STRATEGY))
    found = lenient.answer(pairs)
    is_known = found.origin == WARM
    if not is_known[:-2].all() or is_known[-2:].any():
        raise CheckError(
            f"unknown ids with {STRATEGY}: expected the origin {WARM} for all pairs but the last "
            f"two, got {found.origin.tolist()}"
        )
    place = "predict for known ids among unknown ones"
    check_ratings(known, predict(model, known), found.rating[:-2], place)


def held_out_ratings_do_not_matter(subject: Subject) -> None:
    """Predict the same to the last bit where held-out rows have other ratings."""

    def check(case: Case) -> None:
        dataset, split = case
        if dataset.scale.low == dataset.scale.high:  # there are no other ratings
            return
        parts = [split.valid] if split.test is None else [split.valid, split.test]
        other = with_ratings(dataset, np.concatenate(parts))
        first, again = model_of(subject, case), trained(subject, other, split)
        pairs = known_pairs(first)
        expected, found = predict(first, pairs), predict(again, pairs)
        place, advice = "with other ratings in held-out rows", "Learn from `train` alone."
        check_ratings(pairs, expected, found, place, advice, exact=True)

    check_cases(subject, check)


def users_and_items_are_not_swapped(subject: Subject) -> None:
    """Vary predictions by user where the ratings depend on the user alone; the same for items."""
    trainer = Trainer(subject.registry, train=THOROUGH_ON_FEW)
    for side, other in (SIDES, SIDES[::-1]):
        model = trained(subject, *_one_sided(side), trainer=trainer)
        pairs = known_pairs(model, most=1000)
        rated = pairs.assign(rating=np.nan_to_num(predict(model, pairs)))
        variance = {each: float(rated.groupby(each)["rating"].mean().var(ddof=0)) for each in SIDES}
        if variance[other] > variance[side] + 0.1:
            raise CheckError(
                f"trained on ratings that depend on the {side} alone: expected predictions that "
                f"vary by {side}, got the variance {variance[other]:.3f} by {other} and "
                f"{variance[side]:.3f} by {side}. Check that users and items are not swapped."
            )


def learns_planted_ratings(subject: Subject) -> None:
    """Predict held-out ratings of a planted low rank better than the mean of all others does."""
    dataset = planted().dataset
    order = np.random.default_rng(0).permutation(len(dataset.ratings))
    fifth = len(order) // 5
    split = Split(np.sort(order[fifth:]), np.sort(order[:fifth]))
    model = trained(subject, dataset, split, trainer=Trainer(subject.registry, train=THOROUGH))
    rows = _known_rows(model, dataset, split.valid)
    truth = dataset.ratings["rating"].to_numpy()
    squares = (predict(model, dataset.ratings.iloc[rows]) - truth[rows]) ** 2
    error = float(np.nanmean(squares))
    limit = 0.9 * float(np.mean((truth[split.train].mean() - truth[rows]) ** 2))
    if not error < limit:
        raise CheckError(
            f"planted ratings: expected a mean squared error below {limit:.3f}, 0.9 of that of the "
            f"training mean, got {error:.3f}"
        )


def reopened_model_predicts_the_same(subject: Subject) -> None:
    """Predict the same to the last bit when saved and opened in a new process."""
    dataset = planted(seed=1, users=13, items=8, ratings=70).dataset
    model = trained(subject, dataset, Split(np.arange(60), np.arange(60, 70)))
    pairs = known_pairs(model)
    found = reopened(model, model_use(subject), pairs, _folder(subject))
    place = "opened in a new process"
    if found.error:
        raise CheckError(f"{place}: expected that the state can be opened, got {found.error}")
    advice = "Put all that predict needs into the state (of a torch module: its state_dict)."
    check_ratings(pairs, predict(model, pairs), found.rating, place, advice, exact=True)


def _known_rows(model: FittedModel, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """Return those of `rows` whose user and item training saw, in the order of the codes."""
    codes = model.encoded(dataset.ratings.iloc[rows])
    support = model.support
    trained = support.trained("user", codes.user) & support.trained("item", codes.item)
    known = np.flatnonzero(trained)
    order = np.lexsort((codes.item[known], codes.user[known]))
    found: np.ndarray = rows[known[order]]
    return found


def _folder(subject: Subject) -> Path | None:
    """Return the folder of a single-file plugin."""
    file = Path(subject.plugin.distribution)
    return file.parent if file.suffix == ".py" else None


def _one_sided(side: str) -> tuple[Dataset, Split]:
    """Return the pairs of 12 users and 7 items with ratings that depend on `side` alone."""
    user, item = np.divmod(np.arange(12 * 7), 7)
    level = {"user": user, "item": item}[side] * 2 % 5 + 1.0
    ratings = pd.DataFrame({"user": user + 100, "item": item, "rating": level})
    held_out = np.arange(3, 84, 9)
    split = Split(np.setdiff1d(np.arange(84), held_out), held_out)
    return Dataset.build("one-sided", ratings), split


CHECKS = (
    Check(one_rating_is_enough),
    Check(unknown_ids_follow_the_policy),
    Check(held_out_ratings_do_not_matter),
    Check(users_and_items_are_not_swapped),
    Check(learns_planted_ratings),
    Check(reopened_model_predicts_the_same),
)

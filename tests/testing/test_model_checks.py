"""Every broken model of the zoo fails the checks meant for it, and no other."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from cfplug.data.catalogue import Support
from cfplug.testing import CheckError, Item
from cfplug.testing.checks.models import CHECKS
from cfplug.testing.fixtures.models import model_cases
from tests.testing.catching import Expected, assert_every_check_fails, assert_fails, items_of

OF_THE_CORE = "unknown-ids-follow-the-policy"
"""The check that fails for no mutant, since models are never asked about unknown ids."""

EXPECTED: Expected = {
    "plugin": {},
    "model/sound": {},
    "model/sound-net": {},
    "model/unseeded": {
        "same-seed-same-answer": (
            "trained again with the same seed: expected ..., got ... Draw from context.rng, ..."
        )
    },
    "model/unseeded-net": {"same-seed-same-answer": ""},
    "model/centring": {
        "input-not-changed": (
            "arguments of training: train.rating, row 0: expected 1.0, got 0.0. "
            "Work on copies of the arguments."
        )
    },
    "model/overwriting": {
        "input-not-changed": (
            "batch after predict: item, row ...: expected ..., got .... "
            "Work on copies of the arguments."
        )
    },
    "model/distinct": {
        "one-answer-per-pair-in-the-order-asked": (
            "predict for 12 pairs: expected the shape (12,), got (6,)"
        )
    },
    "model/sorting": {"one-answer-per-pair-in-the-order-asked": ""},
    "model/nan-for-rare": {
        "answers-are-finite": "",
        "one-rating-is-enough": "trained on one rating: expected finite ratings, got nan",
    },
    "model/name-reading": {"names-of-ids-do-not-matter": ""},
    "model/order-taught": {"row-order-does-not-matter": ""},
    "model/batch-centring": {"batch-equals-one-by-one": ""},
    "model/squeezing": {
        "batch-equals-one-by-one": "predict for 1 pairs: expected the shape (1,), got ()"
    },
    "model/counting-net": {
        "one-answer-per-pair-in-the-order-asked": "",
        "row-order-does-not-matter": "",
        "batch-equals-one-by-one": "",
    },
    "model/empty-shy": {
        "empty-question-gives-an-empty-answer": (
            "predict for 0 pairs: expected no error, got ValueError: zero-size array to reduction "
            "operation maximum which has no identity."
        )
    },
    "model/lonely-shy": {
        "one-rating-is-enough": (
            "trained on one rating: expected no error, got ZeroDivisionError: division by zero. "
            "If it needs more ratings, say so in a cfplug.DataError."
        )
    },
    "model/peeking": {"held-out-ratings-do-not-matter": ""},
    "model/swapped": {
        "users-and-items-are-not-swapped": (
            "trained on ratings that depend on the user alone: expected predictions that vary by "
            "user, got the variance 0.877 by item and 0.005 by user. "
            "Check that users and items are not swapped."
        ),
        "learns-planted-ratings": "",
    },
    "model/swapped-net": {
        "users-and-items-are-not-swapped": "",
        "learns-planted-ratings": "",
    },
    "model/knowing": {"learns-planted-ratings": ""},
    "model/forgetful": {"reopened-model-predicts-the-same": ""},
    "model/remembering": {"reopened-model-predicts-the-same": ""},
    "model/forgetful-net": {"reopened-model-predicts-the-same": ""},
    "model/flat": {"embeddings-have-a-row-for-each-id": ""},
    "model/wrong-side": {"biases-have-a-number-for-each-id": ""},
    "model/short-of-mean": {"terms-sum-to-the-output": ""},
    "model/shifting": {"terms-do-not-depend-on-other-pairs": ""},
    "model/incomplete-vectors": {"vectors-can-replace-ids": ""},
    "model/deaf": {
        "other-vectors-give-other-answers": (
            "predict with other vectors of every user: expected other ratings, got the same. "
            "Look at batch.vector('user') first."
        )
    },
}


@functools.cache
def items_by_component() -> dict[str, list[Item]]:
    return items_of("mutant-models", examples=3)


def test_the_table_has_every_mutant() -> None:
    assert set(EXPECTED) == set(items_by_component())


@pytest.mark.parametrize("mutant", EXPECTED)
def test_mutant_fails_only_the_checks_meant_for_it(mutant: str) -> None:
    assert_fails(items_by_component()[mutant], EXPECTED[mutant])


def test_every_check_has_a_mutant() -> None:
    others = [check for check in CHECKS if check.name != OF_THE_CORE]
    assert_every_check_fails(others, EXPECTED)


def test_predictions_for_unknown_ids_fail_the_check_of_the_core(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    items = items_by_component()["model/sound"]
    (item,) = [each for each in items if each.check.name == OF_THE_CORE]
    item.run()

    def always_trained(support: Support, side: str, codes: np.ndarray) -> np.ndarray:
        return np.ones(len(codes), dtype=bool)

    monkeypatch.setattr(Support, "trained", always_trained)
    with pytest.raises(CheckError) as caught:
        item.run()
    assert str(caught.value) == (
        "unknown ids with the policy `error`: expected an error, got predictions"
    )


def test_cases_go_from_the_smallest_to_one_with_several_ratings_of_every_id() -> None:
    sizes = [len(dataset.ratings) for dataset, _ in model_cases(5)]
    assert sizes == sorted(sizes)
    assert sizes[0] <= 8
    dataset, split = model_cases(5)[-1]
    for side in ("user", "item"):
        count = dataset.ratings.iloc[split.train][side].value_counts()
        assert len(count) == dataset.ratings[side].nunique()
        assert count.min() >= 2

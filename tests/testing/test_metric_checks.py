"""Every broken metric of the zoo fails the checks meant for it, and no other."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import cfplug
from cfplug.testing import Item
from cfplug.testing.checks.metrics import CHECKS
from cfplug.testing.fixtures.predictions import Case, ordinary
from tests.testing.catching import Expected, assert_every_check_fails, assert_fails, items_of

EXPECTED: Expected = {
    "plugin": {},
    "metric/sound": {},
    "metric/sound-with-ties": {},
    "metric/sound-share": {},
    "metric/wrong-direction": {
        "perfect-is-best": (
            "score of perfect predictions: expected the best score, got 1; with "
            "lower_is_better=True the score 0 of ... is better. Check lower_is_better."
        )
    },
    "metric/signed": {"perfect-is-best": ""},
    "metric/untied": {"order-of-ties-does-not-matter": ""},
    "metric/by-position": {
        "row-order-does-not-matter": "",
        "order-of-ties-does-not-matter": "",
    },
    "metric/counts-absent": {"codes-do-not-matter": ""},
    "metric/writes-into-truth": {
        "input-unchanged": (
            "arguments after score: truth, row 0: expected 4.0, got 0.08571428571428541. "
            "Work on a copy."
        )
    },
    "metric/sorts-predictions": {"input-unchanged": ""},
    "metric/nan-for-one": {
        "one-finite-number": (
            "score of (user, item, rating, prediction) = (2, 1, 4.0, 3.9142857142857146): expected "
            "a finite number, got nan. Raise a cfplug.DataError that says what is missing."
        )
    },
    "metric/empty-handed": {"one-finite-number": ""},
    "metric/row-of-one": {
        "measures-ordinary-predictions": "",
        "one-finite-number": "score of ...: expected a float, got ndarray. Return float(...).",
    },
    "metric/undeclared": {
        "needs-what-it-declares": (
            "score without a distribution: expected no error, got TypeError: unsupported operand "
            "type(s) for -: 'NoneType' and 'bool'. Declare requires=['distribution']."
        )
    },
    "metric/jittered": {"same-twice": ""},
    "metric/blind": {"perfect-differs-from-worst": ""},
    "metric/off-by-one": {"equals-its-naive-version": ""},
    "metric/only-with-crowds": {
        "measures-ordinary-predictions": (
            "score of 260 ratings by 25 users: expected no error, got DataError: it needs a "
            "million ratings; there are 260. If it needs other parameters, give them in params."
        )
    },
}


def naive_mae(params: Any, truth: np.ndarray, prediction: cfplug.Predictions) -> float:
    return sum(abs(r - p) for r, p in zip(truth, prediction.rating, strict=True)) / len(truth)


ORACLES = {"metric/sound": naive_mae, "metric/off-by-one": naive_mae}


@functools.cache
def items_by_component() -> dict[str, list[Item]]:
    return items_of("mutant-metrics", oracles=ORACLES)


def test_the_table_has_every_mutant() -> None:
    assert set(EXPECTED) == set(items_by_component())


@pytest.mark.parametrize("mutant", EXPECTED)
def test_mutant_fails_only_the_checks_meant_for_it(mutant: str) -> None:
    assert_fails(items_by_component()[mutant], EXPECTED[mutant])


def test_every_check_has_a_mutant() -> None:
    assert_every_check_fails(CHECKS, EXPECTED)


def test_oracle_for_an_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(cfplug.PluginError) as error:
        items_of("mutant-metrics", oracles={"metric/sounds": naive_mae})
    assert str(error.value) == (
        "oracles: expected a component (kind/name), got 'metric/sounds'; did you mean metric/sound?"
    )


def lists_of(case: Case) -> np.ndarray:
    top = case.predictions().top
    assert top is not None
    return top(3)


def test_lists_of_a_case_follow_its_scores() -> None:
    case = ordinary(ties=False)
    users = np.unique(case.user)
    for user, items in zip(users, lists_of(case), strict=True):
        assert items.tolist() == np.argsort(-case.score[user])[:3].tolist()


def test_perfect_predictions_are_the_ratings_and_lead_every_list() -> None:
    perfect = ordinary().perfect()
    given = perfect.predictions()
    assert given.rating.tolist() == perfect.truth.tolist()
    assert given.distribution is not None
    assert given.levels is not None
    assert (given.distribution @ given.levels).tolist() == perfect.truth.tolist()
    for user, items in zip(np.unique(perfect.user), lists_of(perfect), strict=True):
        mine = perfect.user == user
        best = sorted(perfect.truth[mine], reverse=True)[:3]
        assert [
            dict(zip(perfect.item[mine], perfect.truth[mine], strict=True)).get(item)
            for item in items
        ] == best


def test_other_codes_keep_ratings_and_lists() -> None:
    case = ordinary(ties=False)
    other = case.renumbered(np.random.default_rng(0))
    assert other.rating.tolist() == case.rating.tolist()
    assert set(other.user) != set(case.user)
    mine, theirs = (each.score[np.unique(each.user)].max(axis=1) for each in (case, other))
    assert sorted(mine) == sorted(theirs)

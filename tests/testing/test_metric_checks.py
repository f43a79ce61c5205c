"""Every broken metric of the zoo is caught by the checks meant for it, and by no other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cfplug
from cfplug.testing.checks.metrics import CHECKS
from cfplug.testing.fixtures.predictions import Case, ordinary
from tests.testing.catching import caught, items_of, told

EXPECTED: dict[str, set[str]] = {
    "sound": set(),
    "sound-with-ties": set(),
    "sound-share": set(),
    "wrong-direction": {"perfect-is-best"},
    "signed": {"perfect-is-best"},
    "untied": {"order-of-ties-does-not-matter"},
    "by-position": {"row-order-does-not-matter", "order-of-ties-does-not-matter"},
    "counts-absent": {"codes-do-not-matter"},
    "writes-into-truth": {"input-unchanged"},
    "sorts-predictions": {"input-unchanged"},
    "nan-for-one": {"one-finite-number"},
    "empty-handed": {"one-finite-number"},
    "row-of-one": {"one-finite-number", "measures-ordinary-predictions"},
    "undeclared": {"needs-what-it-declares"},
    "jittered": {"same-twice"},
    "blind": {"tells-right-from-wrong"},
    "off-by-one": {"equals-its-naive-version"},
    "only-with-crowds": {"measures-ordinary-predictions"},
}


def naive_mae(params: Any, truth: np.ndarray, prediction: cfplug.Predictions) -> float:
    return sum(abs(r - p) for r, p in zip(truth, prediction.rating, strict=True)) / len(truth)


ORACLES = {"metric/sound": naive_mae, "metric/off-by-one": naive_mae}


def test_each_broken_metric_is_caught_by_the_checks_meant_for_it_and_by_no_other() -> None:
    found = caught(items_of("mutant-metrics", oracles=ORACLES))
    assert found == {
        "plugin": set(),
        **{f"metric/{name}": checks for name, checks in EXPECTED.items()},
    }


def test_every_check_catches_some_broken_metric() -> None:
    assert set.union(*EXPECTED.values()) == {check.name for check in CHECKS}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "writes-into-truth/input-unchanged",
            "it changed what it was given: truth was 4.0 in row 0 and is 0.08571428571428541; work on a copy",
        ),
        (
            "nan-for-one/one-finite-number",
            "for (user, item, rating, prediction) of (2, 1, 4.0, 3.9142857142857146) it gave nan; a metric is a finite "
            "number, or raises a cfplug.DataError",
        ),
        (
            "undeclared/needs-what-it-declares",
            "without a distribution it raised TypeError: unsupported operand type(s) for -: 'NoneType' and 'bool'; "
            "declare requires=['distribution']",
        ),
        (
            "only-with-crowds/measures-ordinary-predictions",
            "it cannot measure 260 ratings by 25 users on the scale 1 to 5: DataError: it needs a million ratings; "
            "there are 260 (if it needs other parameters, give them in params)",
        ),
    ],
)
def test_a_broken_law_says_what_was_found_and_what_to_do(name: str, words: str) -> None:
    assert told(items_of("mutant-metrics"), f"metric/{name}") == words


def test_an_oracle_for_what_is_not_there_is_told_with_the_nearest() -> None:
    with pytest.raises(cfplug.PluginError) as error:
        items_of("mutant-metrics", oracles={"metric/sounds": naive_mae})
    assert str(error.value) == (
        "oracles names 'metric/sounds', which is nothing here; did you mean metric/sound?"
    )


def lists_of(case: Case) -> np.ndarray:
    top = case.predictions().top
    assert top is not None
    return top(3)


def test_the_lists_of_a_case_are_what_its_predictions_say() -> None:
    case = ordinary(ties=False)
    users = np.unique(case.user)
    for user, items in zip(users, lists_of(case), strict=True):
        assert items.tolist() == np.argsort(-case.score[user])[:3].tolist()


def test_perfect_predictions_are_the_ratings_and_head_every_list() -> None:
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


def test_other_codes_are_for_the_same_ratings_and_lists() -> None:
    case = ordinary(ties=False)
    other = case.renumbered(np.random.default_rng(0))
    assert other.rating.tolist() == case.rating.tolist()
    assert set(other.user) != set(case.user)
    mine, theirs = (each.score[np.unique(each.user)].max(axis=1) for each in (case, other))
    assert sorted(mine) == sorted(theirs)

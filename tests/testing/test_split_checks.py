"""Every broken split of the zoo fails the checks meant for it, and no other."""

from __future__ import annotations

import functools

import pytest

from cfplug.testing import Item
from cfplug.testing.checks.splits import CHECKS
from tests.testing.catching import Expected, assert_every_check_fails, assert_fails, items_of

EXPECTED: Expected = {
    "plugin": {},
    "split/sound": {},
    "split/sound-folds": {},
    "split/loses-a-row": {
        "complete-and-disjoint": (
            "small: 80 ratings, 7 users, 19 items: expected row 19 in one part, got it 0 times "
            "(1 of 80 rows are wrong)"
        )
    },
    "split/repeats-a-row": {"complete-and-disjoint": ""},
    "split/leaks-in-one-fold": {
        "complete-and-disjoint": (
            "fold two of small: 80 ratings, 7 users, 19 items: expected row 0 in one part, "
            "got it 2 times (60 of 80 rows are wrong)"
        )
    },
    "split/counts-from-one": {"complete-and-disjoint": ""},
    "split/empty-test": {
        "complete-and-disjoint": (
            "small: 80 ratings, 7 users, 19 items, test: expected at least one rating, got none. "
            "Leave an optional part None, or raise a cfplug.DataError where there are too few "
            "ratings."
        )
    },
    "split/of-its-own-accord": {
        "same-seed-same-split": (
            "split twice with one seed: train part: expected the same rows in the same order, "
            "got rows such as ... in only one of the two. Draw from context.rng, or from a "
            "generator made with context.seed."
        )
    },
    "split/by-global-seed": {"same-seed-same-split": ""},
    "split/stratified": {"rating-values-do-not-matter": ""},
    "split/sorts-in-place": {"dataset-unchanged": ""},
    "split/relabels": {
        "dataset-unchanged": (
            "dataset after split: ratings: expected the columns user, item, rating, time, "
            "got user, item, rating, time, part. Work on a copy."
        )
    },
    "split/needs-a-crowd": {
        "impossible-splits-are-refused": (
            "split of small: 1 ratings, 1 users, 1 items: expected no error, got IndexError: "
            "index 1 is out of bounds for axis 0 with size 1. Raise a cfplug.DataError that says "
            "what is missing."
        )
    },
    "split/gives-arrays": {
        "gives-a-split": (
            "result of split: expected no error, got PluginError: split gave tuple, not a Split. "
            "Return cfplug.Split(train, valid), or a dict of several by name."
        )
    },
}


@functools.cache
def items_by_component() -> dict[str, list[Item]]:
    return items_of("mutant-splits")


def test_the_table_has_every_mutant() -> None:
    assert set(EXPECTED) == set(items_by_component())


@pytest.mark.parametrize("mutant", EXPECTED)
def test_mutant_fails_only_the_checks_meant_for_it(mutant: str) -> None:
    assert_fails(items_by_component()[mutant], EXPECTED[mutant])


def test_every_check_has_a_mutant() -> None:
    assert_every_check_fails(CHECKS, EXPECTED)

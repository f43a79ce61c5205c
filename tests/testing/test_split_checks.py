"""Every broken split of the zoo is caught by the checks meant for it, and by no other."""

from __future__ import annotations

import pytest

from cfplug.testing.checks.splits import CHECKS
from tests.testing.catching import caught, items_of, told

EXPECTED: dict[str, set[str]] = {
    "sound": set(),
    "sound-folds": set(),
    "loses-a-row": {"complete-and-disjoint"},
    "repeats-a-row": {"complete-and-disjoint"},
    "leaks-in-one-fold": {"complete-and-disjoint"},
    "counts-from-one": {"complete-and-disjoint"},
    "empty-test": {"complete-and-disjoint"},
    "of-its-own-accord": {"same-seed-same-split"},
    "by-global-seed": {"same-seed-same-split"},
    "stratified": {"blind-to-ratings"},
    "sorts-in-place": {"dataset-unchanged"},
    "relabels": {"dataset-unchanged"},
    "needs-a-crowd": {"says-what-it-cannot-split"},
    "gives-arrays": {"gives-a-split"},
}


def test_each_broken_split_is_caught_by_the_checks_meant_for_it_and_by_no_other() -> None:
    found = caught(items_of("mutant-splits"))
    assert found == {
        "plugin": set(),
        **{f"split/{name}": checks for name, checks in EXPECTED.items()},
    }


def test_every_check_catches_some_broken_split() -> None:
    assert set.union(*EXPECTED.values()) == {check.name for check in CHECKS}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "loses-a-row/complete-and-disjoint",
            "town: 80 ratings, 7 users, 19 items: row 19 is in no part; 1 in all",
        ),
        (
            "leaks-in-one-fold/complete-and-disjoint",
            "fold two of town: 80 ratings, 7 users, 19 items: row 0 is in several parts, or twice in one; 60 in all",
        ),
        (
            "relabels/dataset-unchanged",
            "it changed the dataset: in ratings: its columns were user, item, rating, time and are user, item, rating, "
            "time, part; work on a copy",
        ),
        (
            "needs-a-crowd/says-what-it-cannot-split",
            "on town: 1 ratings, 1 users, 1 items it raised IndexError: index 1 is out of bounds for axis 0 with size "
            "1; raise a cfplug.DataError that says what the data lacks and what to do",
        ),
        (
            "gives-arrays/gives-a-split",
            "split gave tuple, not a Split; return cfplug.Split(train, valid), or a dict of them",
        ),
    ],
)
def test_a_broken_law_says_what_was_found_and_what_to_do(name: str, words: str) -> None:
    assert told(items_of("mutant-splits"), f"split/{name}") == words

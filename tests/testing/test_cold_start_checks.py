"""Every broken cold-start strategy of the zoo fails the checks meant for it, and no other."""

from __future__ import annotations

import functools

import pytest

from cfplug.testing import Item
from cfplug.testing.checks.cold_starts import CHECKS
from tests.testing.catching import Expected, assert_every_check_fails, assert_fails, items_of

EXPECTED: Expected = {
    "plugin": {},
    "cold-start/sound": {},
    "cold-start/sound-vectors": {},
    "cold-start/sound-metadata": {},
    "cold-start/sound-interview": {},
    "cold-start/too-few": {
        "answers-every-pair": (
            "26 pairs, no ratings revealed: expected no error, got PluginError: too-few: ..."
        )
    },
    "cold-start/sorted": {"answers-every-pair": "", "alone-or-together": ""},
    "cold-start/knows-the-catalogue": {
        "answers-for-unknown-ids": (
            "6 pairs, no ratings revealed: expected no error, got KeyError: 'a stranger'."
        )
    },
    "cold-start/by-name": {
        "no-ratings-equals-the-prior": "second of two new ids without data: expected ..., got ..."
    },
    "cold-start/counts-none-as-zero": {
        "no-ratings-equals-the-prior": "an empty table of ratings instead of None: expected ..."
    },
    "cold-start/peeks-at-values": {
        "no-query-leak": (
            "with other held-out ratings: expected ..., got ... for user ... and item ... "
            "(26 of 26 ratings differ). Look at fitted.train."
        )
    },
    "cold-start/peeks-at-pairs": {"no-query-leak": "without held-out ratings: expected ..."},
    "cold-start/centres-on-the-asked": {"alone-or-together": "pair alone, after others: ..."},
    "cold-start/remembers-the-first": {"alone-or-together": "pair alone, before others: ..."},
    "cold-start/first-comes-first": {"order-of-reveals-does-not-matter": ""},
    "cold-start/not-a-number": {"missing-ratings-are-ignored": ""},
    "cold-start/random-prior": {"same-seed-same-answer": ""},
    "cold-start/trains-further": {
        "model-unchanged": (
            "model after adapt: ..., row 0: expected ..., got .... "
            "Keep what you learn in an object of your own."
        )
    },
    "cold-start/fills-in": {"input-unchanged": ""},
    "cold-start/adds-a-column": {
        "input-unchanged": (
            "pairs after predict: expected the columns user, item, got user, item, answer. "
            "Work on a copy."
        )
    },
    "cold-start/calls-it-warm": {
        "gives-what-it-declares": (
            "origin of a prediction: expected a word for where it comes from, other than 'warm', "
            "which is for known users and items, got 'warm'"
        )
    },
    "cold-start/half-a-chance": {"gives-what-it-declares": ""},
    "cold-start/sure-of-nothing": {
        "gives-what-it-declares": (
            "provides=['deviation']: expected a finite deviation for each pair with a new "
            "user or item, got none for some"
        )
    },
    "cold-start/asks-again": {
        "asks-each-item-once": (
            "question after 2 answers: expected no error, got PluginError: ... asks about 85 again."
        )
    },
    "cold-start/asks-on": {"asks-each-item-once": ""},
    "cold-start/remembers-others": {"next-question-depends-only-on-answers": ""},
    "cold-start/asks-what-is-held-out": {
        "next-question-depends-only-on-answers": (
            "questions without the held-out ratings: expected [85, ...], got [85, ...]. "
            "Look at fitted.train."
        )
    },
}


@functools.cache
def items_by_component() -> dict[str, list[Item]]:
    return items_of("mutant-cold-starts")


def test_the_table_has_every_mutant() -> None:
    assert set(EXPECTED) == set(items_by_component())


@pytest.mark.parametrize("mutant", EXPECTED)
def test_mutant_fails_only_the_checks_meant_for_it(mutant: str) -> None:
    assert_fails(items_by_component()[mutant], EXPECTED[mutant])


def test_every_check_has_a_mutant() -> None:
    assert_every_check_fails(CHECKS, EXPECTED)

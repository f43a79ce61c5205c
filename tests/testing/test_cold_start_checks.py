"""Every broken cold-start strategy of the zoo is caught by the checks meant for it, and by no other."""

from __future__ import annotations

import pytest

from cfplug.testing.checks.cold_starts import CHECKS
from tests.testing.catching import caught, items_of, told

EXPECTED: dict[str, set[str]] = {
    "sound": set(),
    "sound-vectors": set(),
    "sound-metadata": set(),
    "sound-interview": set(),
    "too-few": {"answers-every-pair"},
    "sorted": {"answers-every-pair", "alone-or-together"},
    "knows-the-catalogue": {"answers-for-strangers"},
    "by-name": {"no-ratings-equals-the-prior"},
    "counts-none-as-zero": {"no-ratings-equals-the-prior"},
    "peeks-at-values": {"no-query-leak"},
    "peeks-at-pairs": {"no-query-leak"},
    "centres-on-the-asked": {"alone-or-together"},
    "remembers-the-first": {"alone-or-together"},
    "first-comes-first": {"order-of-reveals-does-not-matter"},
    "not-a-number": {"not-seen-is-no-rating"},
    "random-prior": {"same-seed-same-answer"},
    "trains-further": {"model-unchanged"},
    "fills-in": {"input-unchanged"},
    "adds-a-column": {"input-unchanged"},
    "calls-it-warm": {"gives-what-it-declares"},
    "half-a-chance": {"gives-what-it-declares"},
    "sure-of-nothing": {"gives-what-it-declares"},
    "asks-again": {"asks-each-item-once"},
    "asks-on": {"asks-each-item-once"},
    "remembers-others": {"asks-by-the-answers-alone"},
    "asks-what-is-held-out": {"asks-by-the-answers-alone"},
}


def test_each_broken_strategy_is_caught_by_the_checks_meant_for_it_and_by_no_other() -> None:
    found = caught(items_of("mutant-cold-starts"))
    assert found == {
        "plugin": set(),
        **{f"cold-start/{name}": checks for name, checks in EXPECTED.items()},
    }


def test_every_check_catches_some_broken_strategy() -> None:
    assert set.union(*EXPECTED.values()) == {check.name for check in CHECKS}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "too-few/answers-every-pair",
            "asked for 26 pairs with newcomers of whom no ratings are known, it failed: PluginError: too-few: asked "
            "for 26 ratings, it gave an array of shape (7,)",
        ),
        (
            "knows-the-catalogue/answers-for-strangers",
            "asked for 6 pairs with newcomers of whom no ratings are known, it failed: KeyError: 'a stranger'",
        ),
        (
            "calls-it-warm/gives-what-it-declares",
            "the origin of an answer is 'warm'; it must be a word that tells people where the answer comes from, and "
            "'warm' says that the model knows both",
        ),
        (
            "sure-of-nothing/gives-what-it-declares",
            "it declares that it gives a deviation, and gave none for some pair with a newcomer",
        ),
        (
            "asks-again/asks-each-item-once",
            "after 2 answers it failed: PluginError: the interview asks about 38 again",
        ),
    ],
)
def test_a_broken_law_says_what_was_found_and_what_to_do(name: str, words: str) -> None:
    assert told(items_of("mutant-cold-starts"), f"cold-start/{name}") == words


def test_a_leak_is_told_with_the_pair_and_both_answers() -> None:
    words = told(items_of("mutant-cold-starts"), "cold-start/peeks-at-values/no-query-leak")
    assert words.startswith(
        "held-out ratings that had other values changed its answers; look at fitted.train: for "
    )

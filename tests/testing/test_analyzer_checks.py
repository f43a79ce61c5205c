"""Every broken analyzer of the zoo is caught by the checks meant for it, and by no other."""

from __future__ import annotations

import pytest

from cfplug.report.elements import Section
from cfplug.testing.checks.analyzers import CHECKS
from tests.runs.test_page import page, run_of
from tests.testing.catching import caught, items_of, told

EXPECTED: dict[str, set[str]] = {
    "sound": set(),
    "sound-biases": set(),
    "sound-sample": set(),
    "trains-further": {"model-unchanged"},
    "moves-a-bias": {"model-unchanged"},
    "sorts-the-evidence": {"evidence-unchanged"},
    "adds-to-the-data": {"evidence-unchanged"},
    "marked-up": {"hostile-text-is-escaped"},
    "escaped-twice": {"hostile-text-is-escaped"},
    "different-each-time": {"same-seed-same-section"},
    "undeclared": {"needs-what-it-declares"},
    "beyond-numbers": {"gives-a-section"},
    "lists-in-cells": {"renders"},
    "untitled": {"renders"},
    "wants-times": {"copes-with-little"},
    "wants-spread": {"copes-with-little"},
    "gives-text": {"gives-a-section"},
}


def test_each_broken_analyzer_is_caught_by_the_checks_meant_for_it_and_by_no_other() -> None:
    found = caught(items_of("mutant-analyzers"))
    assert found == {
        "plugin": set(),
        **{f"analyzer/{name}": checks for name, checks in EXPECTED.items()},
    }


def test_every_check_catches_some_broken_analyzer() -> None:
    assert set.union(*EXPECTED.values()) == {check.name for check in CHECKS}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "adds-to-the-data/evidence-unchanged",
            "it changed evidence.dataset: in users: its columns were user, age, group, since and are user, age, group, "
            "since, ratings; work on a copy (.copy())",
        ),
        (
            "undeclared/needs-what-it-declares",
            "it declares that it needs nothing; of a model that gives no more: it told nothing of town: 440 ratings, "
            "37 users, 29 items: CapabilityError: pmf (factors/pmf) has no biases",
        ),
        (
            "wants-times/copes-with-little",
            "of data without times (town: 130 ratings, 21 users, 13 items) it raised KeyError: 'time'; leave out what "
            "cannot be said, or raise a cfplug.DataError that says what is missing",
        ),
        ("untitled/renders", "its section has no title"),
    ],
)
def test_a_broken_law_says_what_was_found_and_what_to_do(name: str, words: str) -> None:
    assert told(items_of("mutant-analyzers"), f"analyzer/{name}") == words


class Safe(str):
    def __html__(self) -> str:
        return str(self)


def test_text_that_calls_itself_safe_is_escaped_on_the_page_of_a_run() -> None:
    from cfplug.report.serialize import check_section

    section = check_section(Section("Safe", [Safe("<em>not at all</em>")]))
    shown = page(run_of("ours", (section,)))
    assert "&lt;em&gt;not at all&lt;/em&gt;" in shown
    assert "<em>" not in shown

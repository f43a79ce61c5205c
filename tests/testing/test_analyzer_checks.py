"""Every broken analyzer of the zoo fails the checks meant for it, and no other."""

from __future__ import annotations

import functools

import pytest

from cfplug.report.elements import Section
from cfplug.report.serialize import check_section
from cfplug.testing import Item
from cfplug.testing.checks.analyzers import CHECKS
from tests.runs.test_page import page, run_of
from tests.testing.catching import Expected, assert_every_check_fails, assert_fails, items_of

EXPECTED: Expected = {
    "plugin": {},
    "analyzer/sound": {},
    "analyzer/sound-biases": {},
    "analyzer/sound-sample": {},
    "analyzer/trains-further": {
        "model-unchanged": "model after analyze: ... Work on a copy (copy.deepcopy)."
    },
    "analyzer/moves-a-bias": {"model-unchanged": ""},
    "analyzer/sorts-the-evidence": {"evidence-unchanged": ""},
    "analyzer/adds-to-the-data": {
        "evidence-unchanged": (
            "evidence.dataset after analyze: users: expected the columns user, age, group, since, "
            "got user, age, group, since, ratings. Work on a copy (.copy())."
        )
    },
    "analyzer/marked-up": {
        "hostile-text-is-escaped": (
            "section: expected plain str, got Safe ... Give text as it is; the page escapes it."
        )
    },
    "analyzer/escaped-twice": {"hostile-text-is-escaped": ""},
    "analyzer/different-each-time": {
        "same-seed-same-section": (
            "analyze twice with one seed: expected 3.0, got 2.0. Draw from context.rng alone."
        )
    },
    "analyzer/undeclared": {
        "needs-what-it-declares": (
            "analyze of a model that provides nothing alone: expected no error, got "
            "CapabilityError: pmf (factors/pmf) has no biases. "
            "Declare what it needs in `requires`."
        )
    },
    "analyzer/beyond-numbers": {"gives-a-section": ""},
    "analyzer/lists-in-cells": {
        "renders": ("chart 'Lists', column names: expected text, a number or None, got ('a', 'b')")
    },
    "analyzer/untitled": {"renders": "section: expected a title, got none"},
    "analyzer/wants-times": {
        "handles-missing-data": (
            "analyze of data without times (small: 130 ratings, 21 users, 13 items): expected no "
            "error, got KeyError: 'time'. Leave out what is missing, or raise a cfplug.DataError "
            "that says so."
        )
    },
    "analyzer/wants-spread": {"handles-missing-data": ""},
    "analyzer/gives-text": {"gives-a-section": ""},
}


@functools.cache
def items_by_component() -> dict[str, list[Item]]:
    return items_of("mutant-analyzers")


def test_the_table_has_every_mutant() -> None:
    assert set(EXPECTED) == set(items_by_component())


@pytest.mark.parametrize("mutant", EXPECTED)
def test_mutant_fails_only_the_checks_meant_for_it(mutant: str) -> None:
    assert_fails(items_by_component()[mutant], EXPECTED[mutant])


def test_every_check_has_a_mutant() -> None:
    assert_every_check_fails(CHECKS, EXPECTED)


class Safe(str):
    def __html__(self) -> str:
        return str(self)


def test_text_that_declares_itself_safe_is_escaped_on_the_page_of_a_run() -> None:
    section = check_section(Section("Safe", [Safe("<em>not at all</em>")]))
    shown = page(run_of("ours", (section,)))
    assert "&lt;em&gt;not at all&lt;/em&gt;" in shown
    assert "<em>" not in shown
